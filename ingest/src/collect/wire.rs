//! What collector and centre say to each other.
//!
//! ```text
//! frame    length u32 (of what follows), kind u8, body
//! 1 hello    c>s  "SKC1", spool 16 bytes, base u64, start u64, end u64: numbers of the spool from its first ever, kept, given
//! 2 welcome  s>c  next u64: the number expected next
//! 3 batch    c>s  from u64, records u32, plain bytes u32, zstd of the plain bytes
//! 4 ack      s>c  next u64: everything below is durable in the centre's log, or known to be missing
//! 5 status   c>s  end u64, bytes held u64
//! 6 lost     c>s  from u64, to u64, reason: numbers that the spool cannot give any more
//! 7 refused  s>c  reason; then the connection ends
//! 8 enrol    c>s  secret 16 bytes, Ed25519 public key 32 bytes: the only word of one without a certificate
//! 9 enrolled s>c  length u16 and text of: id, certificate, certificate of the authority
//!
//! plain    names: count, then length and UTF-8 bytes of each
//!          record: tenant's index, source's index, 0|4|16 and the peer's bytes, receipt time (zigzag), length, raw bytes
//! ```
//! Integers with a size are big-endian, the others LEB128. Limits: [`FRAME_BYTES_MAX`], [`PLAIN_BYTES_MAX`],
//! [`RECORDS_MAX`] records and [`NAMES_MAX`] names of a batch, 255 bytes of a name, 1 KiB of any other
//! frame, 16 KiB of the last.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};
use stream::{Record, RecordKind, RecordRef, Timestamp};

/// The longest frame.
pub const FRAME_BYTES_MAX: usize = PLAIN_BYTES_MAX + (1 << 20);
/// The most bytes of a batch before compression: one record of the largest size fits.
pub const PLAIN_BYTES_MAX: usize = 17 << 20;
/// The most records of a batch.
pub const RECORDS_MAX: usize = 4_096;
/// The most tenants and sources of a batch.
pub const NAMES_MAX: usize = 4_096;
const NAME_BYTES_MAX: usize = 255;
const SMALL_FRAME_MAX: usize = 1 << 10;
const MAGIC: [u8; 4] = *b"SKC1";
const ZSTD_LEVEL: i32 = 3;

/// A spool's random name: another one means another folder, whose numbers start anew.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SpoolId(pub [u8; 16]);

impl std::fmt::Display for SpoolId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for SpoolId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::str::FromStr for SpoolId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut id = [0; 16];
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(());
        }
        for (byte, at) in id.iter_mut().zip((0..32).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| ())?;
        }
        Ok(SpoolId(id))
    }
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The collector's first word.
    Hello(Hello),
    /// The centre's answer: the number it expects next.
    Welcome(u64),
    /// Records.
    Batch(Packed),
    /// Everything below this number is done with.
    Ack(u64),
    /// A sign of life.
    Status {
        /// Number after the spool's last record.
        end: u64,
        /// Bytes that the spool holds.
        held_bytes: u64,
    },
    /// Numbers that the spool cannot give any more.
    Lost {
        /// The first.
        from: u64,
        /// The one after the last.
        to: u64,
        /// Why, for people.
        reason: String,
    },
    /// Why the centre ends the connection, for people.
    Refused(String),
    /// Asks for a certificate.
    Enrol {
        /// Of the token.
        secret: [u8; 16],
        /// Ed25519.
        public_key: [u8; 32],
    },
    /// A certificate.
    Enrolled {
        /// Whose.
        id: String,
        /// PEM.
        certificate: String,
        /// PEM.
        authority: String,
    },
}

/// What a collector says of its spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The spool.
    pub spool: SpoolId,
    /// The first number that this spool ever gave.
    pub base: u64,
    /// The first that it still has.
    pub start: u64,
    /// The one after its last.
    pub end: u64,
}

/// Records as they are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Number of the first record; the others follow it.
    pub from: u64,
    /// How many.
    pub records: u32,
    /// Bytes before compression.
    pub plain_bytes: u32,
    /// The compressed records.
    pub zstd: Bytes,
}

/// The bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong(pub &'static str);

impl From<Wrong> for std::io::Error {
    fn from(wrong: Wrong) -> Self {
        std::io::Error::new(std::io::ErrorKind::InvalidData, wrong.0)
    }
}

impl Frame {
    /// Takes a frame from the front of the buffer; nothing when it is not whole yet.
    ///
    /// # Errors
    /// The bytes are no frame; the connection has no sense any more.
    pub fn take(buffer: &mut BytesMut) -> Result<Option<Frame>, Wrong> {
        let Some((head, rest)) = buffer.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*head) as usize;
        if length == 0 || length > FRAME_BYTES_MAX {
            return Err(Wrong("a frame of no length that frames have; does a collector speak here?"));
        }
        match rest.first() {
            Some(3) => {}
            Some(1..=8) if length <= SMALL_FRAME_MAX => {}
            Some(9) if length <= SMALL_FRAME_MAX << 4 => {}
            Some(_) => return Err(Wrong("a frame of no known kind, or too long")),
            None => return Ok(None),
        }
        if rest.len() < length {
            return Ok(None);
        }
        buffer.advance(4);
        let mut body = buffer.split_to(length).freeze();
        let kind = body.get_u8();
        Frame::read(kind, body).map(Some).ok_or(Wrong("a frame that ends too early or too late"))
    }

    fn read(kind: u8, mut body: Bytes) -> Option<Frame> {
        let number = |body: &mut Bytes| body.try_get_u64().ok();
        let frame = match kind {
            1 => {
                if body.get(..4)? != MAGIC {
                    return None;
                }
                body.advance(4);
                let spool = SpoolId(body.get(..16)?.try_into().ok()?);
                body.advance(16);
                let (base, start, end) = (number(&mut body)?, number(&mut body)?, number(&mut body)?);
                Frame::Hello(Hello { spool, base, start, end })
            }
            2 => Frame::Welcome(number(&mut body)?),
            3 => {
                let from = number(&mut body)?;
                let (records, plain_bytes) = (body.try_get_u32().ok()?, body.try_get_u32().ok()?);
                let zstd = std::mem::take(&mut body);
                Frame::Batch(Packed { from, records, plain_bytes, zstd })
            }
            4 => Frame::Ack(number(&mut body)?),
            5 => Frame::Status { end: number(&mut body)?, held_bytes: number(&mut body)? },
            6 => {
                let (from, to) = (number(&mut body)?, number(&mut body)?);
                Frame::Lost { from, to, reason: text(&std::mem::take(&mut body))? }
            }
            7 => Frame::Refused(text(&std::mem::take(&mut body))?),
            8 => {
                let secret = body.get(..16)?.try_into().ok()?;
                let public_key = body.get(16..)?.try_into().ok()?;
                body.clear();
                Frame::Enrol { secret, public_key }
            }
            9 => {
                let mut part = || {
                    let length = usize::from(body.try_get_u16().ok()?);
                    String::from_utf8(take_bytes(&mut body, length)?.to_vec()).ok()
                };
                Frame::Enrolled { id: part()?, certificate: part()?, authority: part()? }
            }
            _ => return None,
        };
        body.is_empty().then_some(frame)
    }

    /// Appends the frame's bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        let mut numbers = |kind: u8, all: &[u64]| {
            out.push(kind);
            all.iter().for_each(|number| out.extend_from_slice(&number.to_be_bytes()));
        };
        match self {
            Frame::Hello(hello) => {
                numbers(1, &[]);
                out.extend_from_slice(&MAGIC);
                out.extend_from_slice(&hello.spool.0);
                for number in [hello.base, hello.start, hello.end] {
                    out.extend_from_slice(&number.to_be_bytes());
                }
            }
            Frame::Welcome(next) => numbers(2, &[*next]),
            Frame::Batch(packed) => {
                numbers(3, &[packed.from]);
                out.extend_from_slice(&packed.records.to_be_bytes());
                out.extend_from_slice(&packed.plain_bytes.to_be_bytes());
                out.extend_from_slice(&packed.zstd);
            }
            Frame::Ack(next) => numbers(4, &[*next]),
            Frame::Status { end, held_bytes } => numbers(5, &[*end, *held_bytes]),
            Frame::Lost { from, to, reason } => {
                numbers(6, &[*from, *to]);
                out.extend_from_slice(cut(reason).as_bytes());
            }
            Frame::Refused(reason) => {
                numbers(7, &[]);
                out.extend_from_slice(cut(reason).as_bytes());
            }
            Frame::Enrol { secret, public_key } => {
                numbers(8, &[]);
                out.extend_from_slice(secret);
                out.extend_from_slice(public_key);
            }
            Frame::Enrolled { id, certificate, authority } => {
                numbers(9, &[]);
                for part in [id, certificate, authority] {
                    out.extend_from_slice(&(part.len() as u16).to_be_bytes());
                    out.extend_from_slice(part.as_bytes());
                }
            }
        }
        let length = (out.len() - start - 4) as u32;
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }
}

/// A reason at its longest.
fn cut(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(SMALL_FRAME_MAX / 2)]
}

fn text(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    (!text.contains(char::is_control)).then(|| text.to_owned())
}

impl Packed {
    /// The number after the last record's.
    pub fn to(&self) -> u64 {
        self.from.saturating_add(u64::from(self.records))
    }

    /// Decompresses and reads the records. Their receipt times are the collector's word.
    ///
    /// # Errors
    /// They are not what the batch says, or over a limit.
    pub fn records(&self) -> Result<Vec<Record>, Wrong> {
        let (count, plain_bytes) = (self.records as usize, self.plain_bytes as usize);
        if count == 0 || count > RECORDS_MAX || plain_bytes > PLAIN_BYTES_MAX {
            return Err(Wrong("a batch of no record, or over the limits"));
        }
        if self.from.checked_add(u64::from(self.records)).is_none() {
            return Err(Wrong("a batch whose numbers run over"));
        }
        let plain =
            zstd::bulk::decompress(&self.zstd, plain_bytes).map_err(|_| Wrong("a batch does not decompress"))?;
        if plain.len() != plain_bytes {
            return Err(Wrong("a batch is shorter than it says"));
        }
        read_records(Bytes::from(plain), count).ok_or(Wrong("the records of a batch do not decode"))
    }
}

fn read_records(mut plain: Bytes, count: usize) -> Option<Vec<Record>> {
    let names = usize::try_from(take_number(&mut plain)?).ok().filter(|names| *names <= NAMES_MAX)?;
    let names: Vec<Arc<str>> = (0..names).map(|_| take_name(&mut plain)).collect::<Option<_>>()?;
    let name = |plain: &mut Bytes| names.get(usize::try_from(take_number(plain)?).ok()?).cloned();
    let mut records = Vec::with_capacity(count);
    for _ in 0..count {
        let (tenant, source) = (name(&mut plain)?, name(&mut plain)?);
        let peer = match plain.try_get_u8().ok()? {
            0 => None,
            4 => Some(IpAddr::from(<[u8; 4]>::try_from(&take_bytes(&mut plain, 4)?[..]).ok()?)),
            16 => Some(IpAddr::from(<[u8; 16]>::try_from(&take_bytes(&mut plain, 16)?[..]).ok()?)),
            _ => return None,
        };
        let zigzag = take_number(&mut plain)?;
        let received = Timestamp((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64));
        let length = usize::try_from(take_number(&mut plain)?).ok()?;
        let raw = take_bytes(&mut plain, length)?;
        records.push(Record { kind: RecordKind::Data, tenant, source, peer, received, raw });
    }
    plain.is_empty().then_some(records)
}

fn take_bytes(bytes: &mut Bytes, count: usize) -> Option<Bytes> {
    (bytes.len() >= count).then(|| bytes.split_to(count))
}

fn take_name(bytes: &mut Bytes) -> Option<Arc<str>> {
    let length = usize::try_from(take_number(bytes)?).ok().filter(|length| *length <= NAME_BYTES_MAX)?;
    let name = take_bytes(bytes, length)?;
    let name = std::str::from_utf8(&name).ok()?;
    (!name.is_empty() && !name.contains(char::is_control)).then(|| name.into())
}

fn take_number(bytes: &mut Bytes) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let byte = bytes.try_get_u8().ok()?;
        if shift == 63 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Puts records together into a batch.
#[derive(Default)]
pub struct Packer {
    names: Vec<String>,
    body: Vec<u8>,
    plain: Vec<u8>,
    from: u64,
    records: u32,
}

impl Packer {
    /// Bytes so far.
    pub fn bytes(&self) -> usize {
        self.body.len()
    }

    /// Records so far.
    pub fn records(&self) -> usize {
        self.records as usize
    }

    /// Number of the next record that fits in here.
    pub fn next(&self) -> u64 {
        self.from + u64::from(self.records)
    }

    /// Whether there is room for one more record of this size.
    pub fn has_room(&self, record: &RecordRef<'_>, bytes_max: usize) -> bool {
        let bytes = record.raw.len() + record.tenant.len() + record.source.len() + 64;
        self.records == 0
            || (self.records() < RECORDS_MAX && self.names.len() + 2 <= NAMES_MAX && self.bytes() + bytes <= bytes_max)
    }

    /// Adds a record of this number, with these raw bytes instead of its own; the first one sets the batch's number.
    pub fn add(&mut self, record: &RecordRef<'_>, raw: &[u8]) {
        if self.records == 0 {
            self.from = record.offset;
        }
        debug_assert_eq!(record.offset, self.next(), "numbers of a batch follow each other");
        for name in [record.tenant, record.source] {
            let name = if name.is_empty() { crate::UNKNOWN } else { name };
            let name = &name[..name.floor_char_boundary(NAME_BYTES_MAX)];
            let known = self.names.iter().position(|known| known == name);
            let index = known.unwrap_or_else(|| {
                self.names.push(name.to_owned());
                self.names.len() - 1
            });
            put(&mut self.body, index as u64);
        }
        match record.peer {
            None => self.body.push(0),
            Some(IpAddr::V4(ip)) => {
                self.body.push(4);
                self.body.extend_from_slice(&ip.octets());
            }
            Some(IpAddr::V6(ip)) => {
                self.body.push(16);
                self.body.extend_from_slice(&ip.octets());
            }
        }
        let received = record.received.0;
        put(&mut self.body, ((received << 1) ^ (received >> 63)) as u64);
        put(&mut self.body, raw.len() as u64);
        self.body.extend_from_slice(raw);
        self.records += 1;
    }

    /// The batch of what was added; none of nothing. The packer is empty after it.
    pub fn finish(&mut self) -> Option<Packed> {
        if self.records == 0 {
            return None;
        }
        self.plain.clear();
        put(&mut self.plain, self.names.len() as u64);
        for name in self.names.drain(..) {
            put(&mut self.plain, name.len() as u64);
            self.plain.extend_from_slice(name.as_bytes());
        }
        self.plain.append(&mut self.body);
        let zstd = zstd::bulk::compress(&self.plain, ZSTD_LEVEL).expect("compressing in memory does not fail");
        let records = std::mem::take(&mut self.records);
        Some(Packed { from: self.from, records, plain_bytes: self.plain.len() as u32, zstd: zstd.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(from: u64, raws: &[&str]) -> Packed {
        let mut packer = Packer::default();
        for (n, raw) in raws.iter().enumerate() {
            let record = RecordRef {
                offset: from + n as u64,
                kind: RecordKind::Data,
                tenant: "town",
                source: ["fw", "proxy"][n % 2],
                peer: [None, Some([192, 0, 2, 1].into()), Some("2001:db8::1".parse().unwrap())][n % 3],
                received: Timestamp(-5 + n as i64 * 7),
                raw: raw.as_bytes(),
            };
            assert!(packer.has_room(&record, 1 << 20));
            packer.add(&record, record.raw);
        }
        packer.finish().unwrap()
    }

    fn frames() -> Vec<Frame> {
        let spool = SpoolId([7; 16]);
        vec![
            Frame::Hello(Hello { spool, base: 1, start: 2, end: u64::MAX }),
            Frame::Welcome(3),
            Frame::Batch(batch(9, &["a", "", "日本"])),
            Frame::Ack(4),
            Frame::Status { end: 5, held_bytes: 6 },
            Frame::Lost { from: 7, to: 8, reason: "removed by retention".into() },
            Frame::Refused("なぜなら".into()),
            Frame::Enrol { secret: [1; 16], public_key: [2; 32] },
            Frame::Enrolled { id: "c1".into(), certificate: "---\n".into(), authority: "--\n".into() },
        ]
    }

    #[test]
    fn frames_come_back_whole_wherever_they_are_cut() {
        let mut bytes = Vec::new();
        frames().iter().for_each(|frame| frame.write(&mut bytes));
        for cut in 0..bytes.len() {
            let mut buffer = BytesMut::from(&bytes[..cut]);
            let mut read = Vec::new();
            while let Some(frame) = Frame::take(&mut buffer).unwrap() {
                read.push(frame);
            }
            buffer.extend_from_slice(&bytes[cut..]);
            while let Some(frame) = Frame::take(&mut buffer).unwrap() {
                read.push(frame);
            }
            assert_eq!(read, frames(), "cut at {cut}");
        }
    }

    #[test]
    fn records_come_back_as_they_were() {
        let packed = batch(40, &["one", "two", "", "four\n\u{0}"]);
        assert_eq!((packed.from, packed.to()), (40, 44));
        let records = packed.records().unwrap();
        let raws: Vec<&[u8]> = records.iter().map(|record| &record.raw[..]).collect();
        assert_eq!(raws, [&b"one"[..], b"two", b"", b"four\n\0"]);
        assert_eq!((&*records[1].source, records[1].peer), ("proxy", Some([192, 0, 2, 1].into())));
        assert_eq!(records.iter().map(|record| record.received.0).collect::<Vec<_>>(), [-5, 2, 9, 16]);
    }

    #[test]
    fn damage_is_refused_and_never_panics() {
        for frame in frames() {
            let mut bytes = Vec::new();
            frame.write(&mut bytes);
            for at in 0..bytes.len() {
                for bit in 0..8 {
                    let mut changed = bytes.clone();
                    changed[at] ^= 1 << bit;
                    if let Ok(Some(Frame::Batch(packed))) = Frame::take(&mut BytesMut::from(&changed[..])) {
                        packed.records().ok();
                    }
                }
            }
        }
        let lying = Packed { plain_bytes: u32::MAX, ..batch(0, &["x"]) };
        assert!(lying.records().is_err());
        assert!(Packed { from: u64::MAX, ..batch(0, &["x"]) }.records().is_err());
        assert!(Packed { records: 2, ..batch(0, &["x"]) }.records().is_err());
    }
}
