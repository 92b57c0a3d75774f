//! The head of a datagram and its sets, each as a datagram of its own.

use std::net::IpAddr;

use stream::Timestamp;

use super::lines::Head;

/// Bytes of the head of version 9 (RFC 3954 §5.1), and of IPFIX (RFC 7011 §3.1).
const HEAD_9: usize = 20;
const HEAD_10: usize = 16;
/// Bytes of the head of a set.
const SET_HEAD: usize = 4;

/// A datagram whose head was read.
pub(super) struct Message<'d> {
    pub(super) head: Head,
    datagram: &'d [u8],
    /// Where its sets end.
    end: usize,
}

/// One set.
pub(super) struct Set {
    /// What it holds: templates below 256, else records of the template of this number.
    pub(super) id: u16,
    /// The datagram's head with this set alone.
    pub(super) datagram: Vec<u8>,
}

/// Why the rest of a datagram holds no sets, and the rest as a datagram.
pub(super) type Broken = (&'static str, Vec<u8>);

impl<'d> Message<'d> {
    pub(super) fn read(datagram: &'d [u8], exporter: IpAddr) -> Result<Message<'d>, &'static str> {
        let short = || "shorter than its head";
        let version = u16_at(datagram, 0).ok_or_else(short)?;
        let word = |at| u32_at(datagram, at).ok_or_else(short);
        let seconds = |at| word(at).map(|seconds| Timestamp::from_seconds(i64::from(seconds)));
        let mut end = datagram.len();
        let head = match version {
            5 | 7 => {
                let exported = seconds(8)?.plus_nanos(i64::from(word(12)?.min(999_999_999)));
                let engine = if version == 5 { u16_at(datagram, 20).ok_or_else(short)? } else { 0 };
                let (sequence, uptime) = (word(16)?, Some(word(4)?));
                Head { version, exporter, domain: u32::from(engine), sequence, exported, uptime }
            }
            9 => {
                let (sequence, domain, uptime) = (word(12)?, word(16)?, Some(word(4)?));
                Head { version, exporter, domain, sequence, exported: seconds(8)?, uptime }
            }
            10 => {
                let (sequence, domain) = (word(8)?, word(12)?);
                end = usize::from(u16_at(datagram, 2).ok_or_else(short)?);
                if end < HEAD_10 || end > datagram.len() {
                    return Err("not as long as its head says");
                }
                Head { version, exporter, domain, sequence, exported: seconds(4)?, uptime: None }
            }
            _ => return Err("not NetFlow 5, 7, 9 or IPFIX"),
        };
        Ok(Message { head, datagram, end })
    }

    /// Its sets, and what is none.
    pub(super) fn sets(&self) -> impl Iterator<Item = Result<Set, Broken>> {
        let start = if self.head.version == 9 { HEAD_9 } else { HEAD_10 };
        let mut at = start;
        let mut ended = false;
        std::iter::from_fn(move || {
            if ended {
                return None;
            }
            let rest = &self.datagram[at..self.end];
            let length = u16_at(rest, 2).map(usize::from).filter(|length| *length >= SET_HEAD);
            match (u16_at(rest, 0), length.and_then(|length| rest.get(..length))) {
                (Some(id), Some(set)) => {
                    at += set.len();
                    Some(Ok(Set { id, datagram: self.alone(set) }))
                }
                _ => {
                    ended = true;
                    self.behind(rest, at == start).map(Err)
                }
            }
        })
    }

    /// What is behind the last set, and behind the end that the head tells of.
    fn behind(&self, rest: &[u8], first: bool) -> Option<Broken> {
        let over = &self.datagram[self.end..];
        let is_padding = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
        match (is_padding(rest), is_padding(over)) {
            (false, _) => Some(("a set that is not as long as its head says", self.alone(&[rest, over].concat()))),
            (true, false) => Some(("bytes behind the message", self.alone(over))),
            (true, true) if first => Some(("no sets", self.datagram.to_vec())),
            (true, true) => None,
        }
    }

    fn alone(&self, set: &[u8]) -> Vec<u8> {
        let head = if self.head.version == 9 { HEAD_9 } else { HEAD_10 };
        let mut datagram = Vec::with_capacity(head + set.len());
        datagram.extend_from_slice(&self.datagram[..head]);
        datagram.extend_from_slice(set);
        if self.head.version == 10 {
            let length = u16::try_from(datagram.len()).unwrap_or(u16::MAX);
            datagram[2..4].copy_from_slice(&length.to_be_bytes());
        }
        datagram
    }
}

/// The body of a set that is a datagram's only one.
pub(super) fn body_of(datagram: &[u8]) -> &[u8] {
    let head = if u16_at(datagram, 0) == Some(9) { HEAD_9 } else { HEAD_10 };
    datagram.get(head + SET_HEAD..).unwrap_or(&[])
}

/// Whether the datagram holds nothing but templates and sets of reserved numbers, or of no records.
pub(super) fn is_template_alone(datagram: &[u8]) -> bool {
    let Ok(message) = Message::read(datagram, IpAddr::from([0; 4])) else { return false };
    let is_quiet = |set: Set| set.id < 256 || body_of(&set.datagram).iter().all(|byte| *byte == 0);
    message.head.version >= 9 && message.sets().all(|set| set.is_ok_and(is_quiet))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}
