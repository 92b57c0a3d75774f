//! Tells the messages of a TCP connection apart (RFC 6587), whichever way the sender writes them.
//!
//! | Framing | On the wire | RFC 6587 |
//! |---|---|---|
//! | octet counting | `83 <34>1 2026-...` | §3.4.1 |
//! | non-transparent | messages ended by LF (CR before it is dropped) or NUL | §3.4.2 |
//!
//! [`Framing::Auto`] decides by the connection's first bytes: a length, a blank and `<` mean octet counting. A sender
//! that leaves octet counting in the middle is read line by line from there on: nothing is thrown away.
//!
//! A message has at most [`MESSAGE_BYTES_MAX`] bytes; of a longer one the beginning is kept as one record, and the rest
//! is counted in [`Frame::cut_bytes`]. What the frames are does not depend on how the bytes were cut into reads.
//! Memory: one message and one read.

pub mod relp;

use bytes::{Buf as _, Bytes, BytesMut};
use memchr::memchr2;
use serde::Deserialize;

/// The longest message kept whole.
pub const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// The most digits of an octet count.
const COUNT_DIGITS_MAX: usize = 8;

/// How messages are told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// By the first bytes of the connection.
    #[default]
    Auto,
    /// A length before each message.
    OctetCounted,
    /// A line end (LF or NUL) after each message.
    Lf,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The bytes without framing and line end; may be empty.
    pub raw: Bytes,
    /// How many bytes were beyond [`MESSAGE_BYTES_MAX`] and not kept.
    pub cut_bytes: u64,
}

/// Cuts a connection's bytes into messages.
#[derive(Debug)]
pub struct Framer {
    framing: Framing,
    buffer: BytesMut,
    /// Bytes at the start of the buffer that hold no line end.
    scanned: usize,
    /// The message in work, once it is longer than the limit.
    long: Option<Long>,
}

#[derive(Debug)]
struct Long {
    kept: Bytes,
    cut_bytes: u64,
    /// Bytes still to come, for octet counting.
    left: usize,
}

impl Framer {
    /// For a new connection.
    pub fn new(framing: Framing) -> Self {
        Framer { framing, buffer: BytesMut::new(), scanned: 0, long: None }
    }

    /// Where the next bytes that were read belong, at the end. Call [`Framer::next_frame`] until it gives none before
    /// reading more: then this stays below one message and one read.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next whole message.
    pub fn next_frame(&mut self) -> Option<Frame> {
        if self.framing == Framing::Auto {
            self.framing = detect(&self.buffer)?;
        }
        if self.framing == Framing::OctetCounted { self.next_counted() } else { self.next_line() }
    }

    /// What is left when the connection ends: a last line without its end, or a cut message.
    pub fn finish(&mut self) -> Option<Frame> {
        if let Some(frame) = self.next_frame() {
            return Some(frame);
        }
        self.scanned = 0;
        if let Some(long) = self.long.take() {
            let cut_bytes = long.cut_bytes + self.buffer.len() as u64;
            self.buffer.clear();
            return Some(Frame { raw: long.kept, cut_bytes });
        }
        let mut rest = self.buffer.split().freeze();
        if self.framing == Framing::OctetCounted
            && let Count::Known { start, .. } = count(&rest)
        {
            rest.advance(start);
        }
        let rest = without_line_end(rest);
        (!rest.is_empty()).then_some(Frame { raw: rest, cut_bytes: 0 })
    }

    fn next_line(&mut self) -> Option<Frame> {
        let Some(found) = memchr2(b'\n', 0, &self.buffer[self.scanned..]) else {
            self.scanned = self.buffer.len();
            if let Some(long) = &mut self.long {
                long.cut_bytes += self.buffer.len() as u64;
                self.buffer.clear();
                self.scanned = 0;
            } else if self.buffer.len() > MESSAGE_BYTES_MAX + 1 {
                // One byte more than the limit may still be the CR before the LF.
                let kept = self.buffer.split_to(MESSAGE_BYTES_MAX).freeze();
                self.long = Some(Long { kept, cut_bytes: self.buffer.len() as u64, left: 0 });
                self.buffer.clear();
                self.scanned = 0;
            }
            return None;
        };
        let end = self.scanned + found;
        self.scanned = 0;
        let mut line = self.buffer.split_to(end).freeze();
        self.buffer.advance(1);
        if let Some(long) = self.long.take() {
            return Some(Frame { raw: long.kept, cut_bytes: long.cut_bytes + line.len() as u64 });
        }
        if line.len() > MESSAGE_BYTES_MAX + 1 {
            let cut_bytes = (line.len() - MESSAGE_BYTES_MAX) as u64;
            line.truncate(MESSAGE_BYTES_MAX);
            return Some(Frame { raw: line, cut_bytes });
        }
        let mut line = without_line_end(line);
        let cut_bytes = line.len().saturating_sub(MESSAGE_BYTES_MAX) as u64;
        line.truncate(MESSAGE_BYTES_MAX);
        Some(Frame { raw: line, cut_bytes })
    }

    fn next_counted(&mut self) -> Option<Frame> {
        if let Some(long) = &mut self.long {
            let taken = long.left.min(self.buffer.len());
            self.buffer.advance(taken);
            long.left -= taken;
            long.cut_bytes += taken as u64;
            return match long.left {
                0 => self.long.take().map(|long| Frame { raw: long.kept, cut_bytes: long.cut_bytes }),
                _ => None,
            };
        }
        // Some senders end each counted message with a line end too.
        while matches!(self.buffer.first(), Some(b'\n' | b'\r' | 0)) {
            self.buffer.advance(1);
        }
        match count(&self.buffer) {
            Count::Unfinished => None,
            Count::Malformed => {
                self.framing = Framing::Lf;
                self.next_line()
            }
            Count::Known { start, length } if length <= MESSAGE_BYTES_MAX => {
                if self.buffer.len() < start + length {
                    return None;
                }
                self.buffer.advance(start);
                Some(Frame { raw: without_line_end(self.buffer.split_to(length).freeze()), cut_bytes: 0 })
            }
            Count::Known { start, length } => {
                if self.buffer.len() < start + MESSAGE_BYTES_MAX {
                    return None;
                }
                self.buffer.advance(start);
                let kept = self.buffer.split_to(MESSAGE_BYTES_MAX).freeze();
                self.long = Some(Long { kept, cut_bytes: 0, left: length - MESSAGE_BYTES_MAX });
                self.next_counted()
            }
        }
    }
}

/// Drops LF, CRLF or NUL at the end of a message.
pub(crate) fn without_line_end(mut line: Bytes) -> Bytes {
    let mut end = line.len();
    if matches!(line.last(), Some(b'\n' | 0)) {
        end -= 1;
    }
    if end > 0 && line[end - 1] == b'\r' {
        end -= 1;
    }
    line.truncate(end);
    line
}

enum Count {
    Unfinished,
    Malformed,
    Known { start: usize, length: usize },
}

/// Reads `83 ` at the start of the bytes.
fn count(bytes: &[u8]) -> Count {
    let digits = bytes.iter().take(COUNT_DIGITS_MAX).take_while(|byte| byte.is_ascii_digit()).count();
    if bytes.first() == Some(&b'0') {
        return Count::Malformed;
    }
    match bytes.get(digits) {
        None => Count::Unfinished,
        Some(b' ') if digits > 0 => {
            let length = bytes[..digits].iter().fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
            Count::Known { start: digits + 1, length }
        }
        Some(_) => Count::Malformed,
    }
}

/// A length, a blank and `<`; nothing while the bytes do not tell yet.
fn detect(bytes: &[u8]) -> Option<Framing> {
    match count(bytes) {
        Count::Unfinished => None,
        Count::Malformed => Some(Framing::Lf),
        Count::Known { start, .. } => {
            bytes.get(start).map(|byte| if *byte == b'<' { Framing::OctetCounted } else { Framing::Lf })
        }
    }
}

#[cfg(test)]
mod tests;
