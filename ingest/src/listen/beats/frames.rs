//! Frames of lumberjack 2 out of bytes that come piece by piece.
//!
//! | Frame | Bytes, numbers big-endian |
//! |---|---|
//! | window | `2W`, count (4) |
//! | event | `2J`, number (4), length (4), JSON |
//! | compressed | `2C`, length (4), zlib of frames |
//!
//! Of an event [`EVENT_BYTES_MAX`] bytes are kept, the rest is read over and counted. A compressed frame is inflated
//! while it comes; it may not hold another one, nor more than the bytes given to [`Frames::new`].

use bytes::{Buf as _, Bytes, BytesMut};
use flate2::{Decompress, FlushDecompress, Status};

use crate::framing;

/// The longest event that is kept whole.
pub(super) const EVENT_BYTES_MAX: usize = 1 << 20;
/// Bytes inflated in one step.
const STEP_BYTES: usize = 32 << 10;
const EVENT_HEAD: usize = 10;

/// What a connection says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A new window begins; events are numbered anew.
    Window,
    /// One event.
    Event { number: u32, frame: framing::Frame },
}

/// The bytes are not lumberjack 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wrong(pub(super) &'static str);

const UNKNOWN: Wrong = Wrong("not lumberjack version 2; is it a Beat, and does it speak TLS to a port without it?");

/// See the module.
pub(super) struct Frames {
    /// Bytes as they came.
    sent: BytesMut,
    inflater: Option<Inflater>,
    event: Option<Event>,
    bytes_max: usize,
}

/// The compressed frame that is being read.
struct Inflater {
    zlib: Decompress,
    /// Compressed bytes that are still to come.
    left: usize,
    plain: BytesMut,
    ended: bool,
}

/// An event that has begun, longer than what is here of it.
struct Event {
    number: u32,
    length: usize,
    kept: BytesMut,
    /// Bytes that are still to come.
    left: usize,
}

impl Frames {
    /// A reader; a compressed frame inflates to at most `bytes_max` bytes.
    pub(super) fn new(bytes_max: usize) -> Frames {
        Frames { sent: BytesMut::new(), inflater: None, event: None, bytes_max }
    }

    /// Where bytes that come are put.
    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.sent
    }

    /// Whether a compressed frame is being read, which costs time.
    pub(super) fn is_inflating(&self) -> bool {
        self.inflater.is_some() || self.sent.starts_with(b"2C")
    }

    /// Whether no frame has begun.
    pub(super) fn is_between(&self) -> bool {
        self.sent.is_empty() && self.inflater.is_none() && self.event.is_none()
    }

    /// The next whole frame, if it has come.
    pub(super) fn next_frame(&mut self) -> Result<Option<Frame>, Wrong> {
        loop {
            let Some(inflater) = &mut self.inflater else {
                match read(&mut self.sent, &mut self.event, true)? {
                    Read::Frame(frame) => return Ok(Some(frame)),
                    Read::More => return Ok(None),
                    Read::Compressed(left) => {
                        let (zlib, plain) = (Decompress::new(true), BytesMut::new());
                        self.inflater = Some(Inflater { zlib, left, plain, ended: false });
                    }
                }
                continue;
            };
            if let Read::Frame(frame) = read(&mut inflater.plain, &mut self.event, false)? {
                return Ok(Some(frame));
            }
            if inflater.ended && inflater.left == 0 {
                if !inflater.plain.is_empty() || self.event.is_some() {
                    return Err(Wrong("a compressed frame ends within an event"));
                }
                self.inflater = None;
            } else if !inflater.inflate(&mut self.sent, self.bytes_max)? {
                return Ok(None);
            }
        }
    }
}

impl Inflater {
    /// Inflates a step; nothing was done when more bytes must come first.
    fn inflate(&mut self, sent: &mut BytesMut, bytes_max: usize) -> Result<bool, Wrong> {
        let here = sent.len().min(self.left);
        if self.ended {
            // Bytes behind the end of the zlib stream.
            sent.advance(here);
            self.left -= here;
            return if here == 0 { Ok(false) } else { Ok(true) };
        }
        let (before_in, before_out) = (self.zlib.total_in(), self.zlib.total_out());
        let start = self.plain.len();
        self.plain.resize(start + STEP_BYTES, 0);
        let status = self.zlib.decompress(&sent[..here], &mut self.plain[start..], FlushDecompress::None);
        let status = status.map_err(|_| Wrong("a compressed frame is not zlib"))?;
        let taken = (self.zlib.total_in() - before_in) as usize;
        let given = (self.zlib.total_out() - before_out) as usize;
        self.plain.truncate(start + given);
        sent.advance(taken);
        self.left -= taken;
        if self.zlib.total_out() > bytes_max as u64 {
            return Err(Wrong("a compressed frame inflates to more than is allowed"));
        }
        self.ended = status == Status::StreamEnd;
        if taken == 0 && given == 0 && !self.ended {
            return if self.left == 0 { Err(Wrong("a compressed frame ends early")) } else { Ok(false) };
        }
        Ok(true)
    }
}

enum Read {
    Frame(Frame),
    Compressed(usize),
    More,
}

/// Reads a frame at the start of the bytes.
fn read(bytes: &mut BytesMut, event: &mut Option<Event>, outside: bool) -> Result<Read, Wrong> {
    if event.is_none() {
        let number = |at: usize| bytes.get(at..at + 4).and_then(|bytes| bytes.first_chunk()).copied();
        match (bytes.first_chunk(), number(2), number(6)) {
            (None, ..) if bytes.first().is_some_and(|version| *version != b'2') => return Err(UNKNOWN),
            (None, ..) => return Ok(Read::More),
            (Some(b"2W" | b"2C" | b"2J"), None, _) | (Some(b"2J"), _, None) => return Ok(Read::More),
            (Some(b"2W"), Some(_), _) if outside => {
                bytes.advance(6);
                return Ok(Read::Frame(Frame::Window));
            }
            (Some(b"2C"), Some(length), _) if outside => {
                bytes.advance(6);
                return Ok(Read::Compressed(u32::from_be_bytes(length) as usize));
            }
            (Some(b"2J"), Some(number), Some(length)) => {
                bytes.advance(EVENT_HEAD);
                let length = u32::from_be_bytes(length) as usize;
                let (number, kept) = (u32::from_be_bytes(number), BytesMut::new());
                *event = Some(Event { number, length, kept, left: length });
            }
            (Some(b"2D" | b"1D" | b"1W"), ..) => return Err(Wrong("lumberjack version 1 is not taken")),
            _ => return Err(UNKNOWN),
        }
    }
    let Some(begun) = event else { return Ok(Read::More) };
    begun.take(bytes);
    Ok(match event.take_if(|event| event.left == 0) {
        None => Read::More,
        Some(event) => Read::Frame(event.end()),
    })
}

impl Event {
    fn take(&mut self, bytes: &mut BytesMut) {
        let here = bytes.len().min(self.left);
        let keep = here.min(EVENT_BYTES_MAX - self.kept.len());
        if self.kept.is_empty() && here == self.left && keep == here {
            // Whole at once, as nearly always: no copy.
            self.kept = bytes.split_to(here);
        } else {
            self.kept.extend_from_slice(&bytes[..keep]);
            bytes.advance(here);
        }
        self.left -= here;
    }

    fn end(self) -> Frame {
        // A copy of its own: what is kept must not hold the whole read.
        let raw = Bytes::copy_from_slice(&self.kept);
        let cut_bytes = (self.length - raw.len()) as u64;
        Frame::Event { number: self.number, frame: framing::Frame { raw, cut_bytes } }
    }
}

/// How many events bytes hold, cut in two anywhere, for fuzzing: the same, or both wrong.
pub(in super::super) fn check(bytes: &[u8], cut: usize) -> Option<usize> {
    let all = |parts: &[&[u8]]| {
        let (mut frames, mut found) = (Frames::new(1 << 20), Vec::new());
        for part in parts {
            frames.buffer().extend_from_slice(part);
            while let Some(frame) = frames.next_frame().ok()? {
                if let Frame::Event { frame, .. } = &frame {
                    assert!(frame.raw.len() <= EVENT_BYTES_MAX);
                }
                found.push(frame);
            }
        }
        Some(found)
    };
    let whole = all(&[bytes]);
    let (head, tail) = bytes.split_at(cut % (bytes.len() + 1));
    assert_eq!(whole, all(&[head, tail]));
    whole.map(|frames| frames.len())
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use super::*;

    pub(in super::super) fn event(number: u32, payload: &[u8]) -> Vec<u8> {
        let mut frame = b"2J".to_vec();
        frame.extend(number.to_be_bytes());
        frame.extend((payload.len() as u32).to_be_bytes());
        frame.extend(payload);
        frame
    }

    pub(in super::super) fn window(count: u32) -> Vec<u8> {
        [b"2W".as_slice(), &count.to_be_bytes()].concat()
    }

    pub(in super::super) fn compressed(frames: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(frames).unwrap();
        let packed = encoder.finish().unwrap();
        [b"2C".as_slice(), &(packed.len() as u32).to_be_bytes(), &packed].concat()
    }

    fn read_all(bytes: &[u8], bytes_max: usize) -> Result<Vec<(u32, usize, u64)>, Wrong> {
        let mut frames = Frames::new(bytes_max);
        let mut found = Vec::new();
        for byte in bytes {
            frames.buffer().extend_from_slice(&[*byte]);
            while let Some(frame) = frames.next_frame()? {
                if let Frame::Event { number, frame } = frame {
                    found.push((number, frame.raw.len(), frame.cut_bytes));
                }
            }
        }
        assert!(frames.is_between(), "frames are left over");
        Ok(found)
    }

    #[test]
    fn events_compressed_or_not_byte_by_byte() {
        let events = [event(1, b"{\"a\":1}"), event(2, b""), event(3, &[b'x'; 70_000])].concat();
        let expected = vec![(1, 7, 0), (2, 0, 0), (3, 70_000, 0)];
        assert_eq!(read_all(&[window(3), events.clone()].concat(), 1 << 20), Ok(expected.clone()));
        let packed = [window(3), compressed(&events), window(1), event(1, b"{}")].concat();
        assert_eq!(read_all(&packed, 1 << 20), Ok([expected, vec![(1, 2, 0)]].concat()));
    }

    #[test]
    fn a_long_event_is_cut_and_its_end_found() {
        let bytes = [event(1, &vec![b'x'; EVENT_BYTES_MAX + 5]), event(2, b"{}")].concat();
        assert_eq!(read_all(&bytes, 1), Ok(vec![(1, EVENT_BYTES_MAX, 5), (2, 2, 0)]));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let nested = compressed(&compressed(&event(1, b"{}")));
        let cut = compressed(&event(1, b"{}")[..5]);
        let mut early = compressed(&event(1, b"{}"));
        let short = (early.len() - 6 - 4) as u32;
        early[2..6].copy_from_slice(&short.to_be_bytes());
        for (bytes, bytes_max, what) in [
            (b"GET / HTTP/1.1".to_vec(), 1 << 20, "not lumberjack"),
            (b"\x16\x03\x01".to_vec(), 1 << 20, "not lumberjack"),
            (b"2X".to_vec(), 1 << 20, "not lumberjack"),
            (b"1D\0\0\0\0".to_vec(), 1 << 20, "not lumberjack"),
            (nested, 1 << 20, "not lumberjack"),
            (cut, 1 << 20, "within an event"),
            (early, 1 << 20, "early"),
            (b"2C\0\0\0\x04abcd".to_vec(), 1 << 20, "zlib"),
            (compressed(&event(1, &[b'x'; 100_000])), 50_000, "more than"),
        ] {
            let found = read_all(&bytes, bytes_max).unwrap_err();
            assert!(found.0.contains(what), "{}", found.0);
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>, cut: usize) {
            check(&bytes, cut);
            check(&[b"2J\0\0\0\x01".as_slice(), &bytes].concat(), cut);
            check(&compressed(&bytes), cut);
        }
    }
}
