//! A record as a Kafka message.
//!
//! ```text
//! value      the raw bytes, untouched, so that any Kafka tool shows the line
//! key        tenant NUL source
//! timestamp  of the append: the topic's retention counts from there, also for an imported archive
//! header     `sekisho`: version u8 = 1, kind and peer u8 (as in the embedded log: low 2 bits data, tick, control; next 2
//!            no peer, IPv4, IPv6), receipt time i64 in nanoseconds, bytes of the tenant's name u16, peer 0|4|16 bytes;
//!            numbers are little-endian
//! ```
//! A message that something else put into the topic, without this header or with one that does not decode, is data all
//! the same: its value is the raw line, its key tells tenant and source if it can, and it was received when the message
//! says. It is counted. It can never be a tick or a control record.

use std::net::IpAddr;

use crate::{Record, RecordKind, Timestamp};

/// Name of the header.
pub(super) const HEADER: &str = "sekisho";
/// Source of foreign messages whose key tells none.
const FOREIGN: &str = "kafka";
const VERSION: u8 = 1;
const FIXED_BYTES: usize = 12;
/// Stands between the names of a key.
const SEPARATOR: u8 = 0;

/// What stands beside the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Envelope<'a> {
    pub(super) kind: RecordKind,
    pub(super) tenant: &'a str,
    pub(super) source: &'a str,
    pub(super) peer: Option<IpAddr>,
    pub(super) received: Timestamp,
    /// Whether sekisho wrote it.
    pub(super) own: bool,
}

/// Replaces `out` by the record's key.
pub(super) fn key(record: &Record, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(record.tenant.as_bytes());
    out.push(SEPARATOR);
    out.extend_from_slice(record.source.as_bytes());
}

/// Replaces `out` by the record's header. The tenant's name has at most 65,535 bytes, as everywhere in the log.
pub(super) fn header(record: &Record, out: &mut Vec<u8>) {
    let kind = match record.kind {
        RecordKind::Data => 0,
        RecordKind::Tick => 1,
        RecordKind::Control => 2,
    };
    let peer = match record.peer {
        None => 0,
        Some(IpAddr::V4(_)) => 1,
        Some(IpAddr::V6(_)) => 2,
    };
    out.clear();
    out.extend_from_slice(&[VERSION, kind | peer << 2]);
    out.extend_from_slice(&record.received.0.to_le_bytes());
    out.extend_from_slice(&(record.tenant.len() as u16).to_le_bytes());
    match record.peer {
        None => {}
        Some(IpAddr::V4(ip)) => out.extend_from_slice(&ip.octets()),
        Some(IpAddr::V6(ip)) => out.extend_from_slice(&ip.octets()),
    }
}

/// Reads what stands beside the value of a message.
pub(super) fn envelope<'a>(header: Option<&[u8]>, key: Option<&'a [u8]>, millis: Option<i64>) -> Envelope<'a> {
    let key = key.unwrap_or_default();
    header.and_then(|header| own(header, key)).unwrap_or_else(|| foreign(key, millis))
}

fn own<'a>(header: &[u8], key: &'a [u8]) -> Option<Envelope<'a>> {
    let (fixed, peer) = header.split_at_checked(FIXED_BYTES)?;
    if fixed[0] != VERSION {
        return None;
    }
    let kind = match fixed[1] & 3 {
        0 => RecordKind::Data,
        1 => RecordKind::Tick,
        2 => RecordKind::Control,
        _ => return None,
    };
    let peer = match fixed[1] >> 2 {
        0 => peer.is_empty().then_some(None)?,
        1 => Some(IpAddr::from(<[u8; 4]>::try_from(peer).ok()?)),
        2 => Some(IpAddr::from(<[u8; 16]>::try_from(peer).ok()?)),
        _ => return None,
    };
    let received = Timestamp(i64::from_le_bytes(fixed[2..10].try_into().ok()?));
    let (tenant, rest) = key.split_at_checked(usize::from(u16::from_le_bytes(fixed[10..12].try_into().ok()?)))?;
    let (&separator, source) = rest.split_first()?;
    if separator != SEPARATOR {
        return None;
    }
    let (tenant, source) = (std::str::from_utf8(tenant).ok()?, std::str::from_utf8(source).ok()?);
    Some(Envelope { kind, tenant, source, peer, received, own: true })
}

fn foreign(key: &[u8], millis: Option<i64>) -> Envelope<'_> {
    let names = std::str::from_utf8(key).ok().and_then(|key| key.split_once(SEPARATOR as char));
    let (tenant, source) = names.filter(|(_, source)| !source.is_empty()).unwrap_or(("", FOREIGN));
    let received = Timestamp(millis.unwrap_or(0).saturating_mul(1_000_000));
    Envelope { kind: RecordKind::Data, tenant, source, peer: None, received, own: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: RecordKind, peer: Option<&str>) -> Record {
        let peer = peer.map(|peer| peer.parse().unwrap());
        let received = Timestamp(1_800_000_000_123_456_789);
        Record { kind, tenant: "見本町".into(), source: "fw\0 1".into(), peer, received, raw: "x".into() }
    }

    #[test]
    fn a_record_comes_back_whole() {
        for (kind, peer) in [
            (RecordKind::Data, Some("192.0.2.1")),
            (RecordKind::Tick, None),
            (RecordKind::Control, Some("2001:db8::1")),
        ] {
            let record = record(kind, peer);
            let (mut k, mut h) = (Vec::new(), Vec::new());
            key(&record, &mut k);
            header(&record, &mut h);
            assert!(h.len() <= FIXED_BYTES + 16);
            let back = envelope(Some(&h), Some(&k), Some(5));
            let wanted = Envelope {
                kind,
                tenant: &record.tenant,
                source: &record.source,
                peer: record.peer,
                received: record.received,
                own: true,
            };
            assert_eq!(back, wanted);
            for cut in 0..h.len() {
                assert!(!envelope(Some(&h[..cut]), Some(&k), None).own, "{cut}");
            }
        }
    }

    #[test]
    fn what_others_wrote_is_data() {
        let (tick, key) = ([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0], &b"town\0fw"[..]);
        let read = envelope(Some(&tick), Some(key), Some(7));
        assert_eq!((read.kind, read.tenant, read.source, read.own), (RecordKind::Data, "town", "fw", false));
        assert_eq!(read.received, Timestamp(7_000_000));
        let read = envelope(None, Some(b"\xff\xfe"), None);
        assert_eq!((read.tenant, read.source, read.received), ("", FOREIGN, Timestamp(0)));
        assert_eq!(envelope(None, None, Some(i64::MAX)).source, FOREIGN);
    }
}
