//! Framing of syslog over TCP: RFC 6587, both forms, told apart per connection.
//!
//! Octet counting (`LEN SP MSG`, section 3.4.1) is assumed when the first frame begins with a number, a space and `<`;
//! otherwise frames end with LF (section 3.4.2), CR before it and NUL trailers removed. Empty frames are no records.
//! Bound: a frame holds at most [`FRAME_BYTES_MAX`] bytes; of a longer one the beginning is a record and the rest is
//! counted as cut, never silently lost.

use bytes::{Bytes, BytesMut};

/// The longest frame in bytes.
pub const FRAME_BYTES_MAX: usize = 64 << 10;
/// The longest number of an octet-counted frame, in digits.
const DIGITS_MAX: usize = 7;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Unknown,
    Octets,
    Lines,
}

/// Cuts one connection's bytes into frames.
#[derive(Debug)]
pub struct Framer {
    buffer: BytesMut,
    mode: Mode,
    /// Bytes of an overlong octet-counted frame still to be passed over.
    skip: usize,
    /// Whether the rest of an overlong line is being passed over.
    skip_line: bool,
    /// Where the search for LF goes on.
    scanned: usize,
    cut_bytes: u64,
}

impl Default for Framer {
    fn default() -> Self {
        let buffer = BytesMut::with_capacity(FRAME_BYTES_MAX);
        Framer { buffer, mode: Mode::Unknown, skip: 0, skip_line: false, scanned: 0, cut_bytes: 0 }
    }
}

impl Framer {
    /// Takes bytes as they arrived and pushes the frames that are whole now.
    pub fn feed(&mut self, bytes: &[u8], frames: &mut Vec<Bytes>) {
        self.buffer.extend_from_slice(bytes);
        loop {
            let more = match self.mode {
                Mode::Unknown => self.detect(),
                Mode::Octets => self.octets(frames),
                Mode::Lines => self.line(frames),
            };
            if !more {
                return;
            }
        }
    }

    /// The connection ended: what is left is a frame too.
    pub fn finish(&mut self, frames: &mut Vec<Bytes>) {
        if !self.skip_line && self.skip == 0 {
            let rest = self.buffer.split();
            push(rest.freeze(), frames);
        }
        self.buffer.clear();
    }

    /// Bytes cut from overlong frames since the last call.
    pub fn take_cut_bytes(&mut self) -> u64 {
        std::mem::take(&mut self.cut_bytes)
    }

    fn detect(&mut self) -> bool {
        self.mode = match counted(&self.buffer) {
            Counted::Need if self.buffer.len() <= DIGITS_MAX => return false,
            Counted::Frame { message_first: b'<', .. } => Mode::Octets,
            _ => Mode::Lines,
        };
        true
    }

    fn octets(&mut self, frames: &mut Vec<Bytes>) -> bool {
        if self.skip > 0 {
            let passed = self.skip.min(self.buffer.len());
            drop(self.buffer.split_to(passed));
            self.skip -= passed;
            return self.skip == 0 && !self.buffer.is_empty();
        }
        // Some senders add LF after each counted frame.
        while self.buffer.first().is_some_and(|byte| matches!(byte, b'\n' | b'\r' | 0)) {
            drop(self.buffer.split_to(1));
        }
        match counted(&self.buffer) {
            Counted::Need => false,
            Counted::No => {
                // The sender lost count: go on by lines, so that nothing is thrown away.
                self.mode = Mode::Lines;
                true
            }
            Counted::Frame { length, start, .. } => {
                let kept = length.min(FRAME_BYTES_MAX);
                if self.buffer.len() < start + kept {
                    return false;
                }
                drop(self.buffer.split_to(start));
                push(self.buffer.split_to(kept).freeze(), frames);
                self.skip = length - kept;
                self.cut_bytes += self.skip as u64;
                !self.buffer.is_empty()
            }
        }
    }

    fn line(&mut self, frames: &mut Vec<Bytes>) -> bool {
        match memchr::memchr(b'\n', &self.buffer[self.scanned..]) {
            Some(found) => {
                let line = self.buffer.split_to(self.scanned + found + 1).freeze();
                self.scanned = 0;
                if std::mem::take(&mut self.skip_line) {
                    self.cut_bytes += line.len() as u64 - 1;
                } else if line.len() > FRAME_BYTES_MAX + 1 {
                    self.cut_bytes += (line.len() - 1 - FRAME_BYTES_MAX) as u64;
                    push(line.slice(..FRAME_BYTES_MAX), frames);
                } else {
                    push(line.slice(..line.len() - 1), frames);
                }
                !self.buffer.is_empty()
            }
            None if self.skip_line => {
                self.cut_bytes += self.buffer.len() as u64;
                self.buffer.clear();
                self.scanned = 0;
                false
            }
            None if self.buffer.len() > FRAME_BYTES_MAX => {
                push(self.buffer.split_to(FRAME_BYTES_MAX).freeze(), frames);
                (self.skip_line, self.scanned) = (true, 0);
                true
            }
            None => {
                self.scanned = self.buffer.len();
                false
            }
        }
    }
}

enum Counted {
    /// Not a counted frame.
    No,
    /// Too few bytes to tell.
    Need,
    Frame {
        length: usize,
        start: usize,
        message_first: u8,
    },
}

fn counted(bytes: &[u8]) -> Counted {
    let digits = bytes.iter().take(DIGITS_MAX + 1).take_while(|byte| byte.is_ascii_digit()).count();
    if digits > DIGITS_MAX || bytes.first() == Some(&b'0') {
        return Counted::No;
    }
    match bytes.get(digits) {
        None => Counted::Need,
        Some(b' ') if digits > 0 => match bytes.get(digits + 1) {
            None => Counted::Need,
            Some(&message_first) => {
                let number = bytes[..digits].iter().fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
                Counted::Frame { length: number, start: digits + 1, message_first }
            }
        },
        Some(_) => Counted::No,
    }
}

fn push(frame: Bytes, frames: &mut Vec<Bytes>) {
    let end = frame.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n' | 0)).map_or(0, |last| last + 1);
    if end > 0 {
        frames.push(frame.slice(..end));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames(chunks: &[&[u8]]) -> Vec<Bytes> {
        let (mut framer, mut out) = (Framer::default(), Vec::new());
        for chunk in chunks {
            framer.feed(chunk, &mut out);
        }
        framer.finish(&mut out);
        out
    }

    #[test]
    fn both_framings() {
        assert_eq!(frames(&[b"<1>a\n<2>b\r\n\n<3>c"]), ["<1>a", "<2>b", "<3>c"]);
        assert_eq!(frames(&[b"4 <1>a8 <2>b\n\n\n\n5 <3>cc"]), ["<1>a", "<2>b", "<3>cc"]);
        assert_eq!(frames(&[b"1793577600.123 245 10.0.0.1 TCP\n"]), ["1793577600.123 245 10.0.0.1 TCP"]);
        assert_eq!(frames(&[b"4 <1>ajunk\n<2>b\n"]), ["<1>a", "junk", "<2>b"]);
    }

    #[test]
    fn long_frames_are_cut_and_counted() {
        let long = vec![b'x'; FRAME_BYTES_MAX + 100];
        for (wire, name) in [
            ([&long[..], b"\n<1>b\n"].concat(), "lines"),
            ([format!("{} <", FRAME_BYTES_MAX + 101).as_bytes(), &long[..], b"4 <1>b"].concat(), "octets"),
        ] {
            let (mut framer, mut out) = (Framer::default(), Vec::new());
            wire.chunks(1000).for_each(|chunk| framer.feed(chunk, &mut out));
            framer.finish(&mut out);
            assert_eq!(out.iter().map(Bytes::len).collect::<Vec<_>>(), [FRAME_BYTES_MAX, 4], "{name}");
            assert!(framer.take_cut_bytes() >= 100, "{name}");
        }
    }

    proptest! {
        #[test]
        fn chunking_changes_nothing(wire in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'<'), Just(b' '), Just(b'4'), any::<u8>()], 0..300), cuts in proptest::collection::vec(1usize..20, 1..40)) {
            let whole = frames(&[&wire]);
            let (mut rest, mut chunks) = (&wire[..], Vec::new());
            for cut in cuts {
                let (head, tail) = rest.split_at(cut.min(rest.len()));
                chunks.push(head);
                rest = tail;
            }
            chunks.push(rest);
            prop_assert_eq!(whole, frames(&chunks));
        }
    }
}
