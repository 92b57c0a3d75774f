//! Writes batches: records into bytes, behind a header, ready for one write.
//!
//! ```text
//! record        kind and peer u8 (low 2 bits: data, tick, control; next 2: no peer, IPv4, IPv6), tenant index,
//!               source index, peer 0|4|16 bytes, receipt time after the header's first, raw length, raw bytes
//! string table  count, then length and UTF-8 bytes of each tenant and source name
//! ```
//! Every number without a size is LEB128.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use super::config::Codec;
use super::segment::{HEADER_BYTES, Header};
use super::varint::put;
use crate::{Record, RecordKind};

const ZSTD_LEVEL: i32 = 1;

/// Encodes batches; keeps its buffers.
pub(super) struct Encoder {
    zstd: Option<zstd::bulk::Compressor<'static>>,
    plain: Vec<u8>,
    names: Names,
}

impl Encoder {
    pub(super) fn new(codec: Codec) -> io::Result<Self> {
        let zstd = match codec {
            Codec::None => None,
            Codec::Zstd => Some(zstd::bulk::Compressor::new(ZSTD_LEVEL)?),
        };
        Ok(Encoder { zstd, plain: Vec::new(), names: Names::default() })
    }

    /// Appends one batch of at least one record to `out` and returns its header.
    pub(super) fn batch(&mut self, records: &[Record], base: u64, salt: u64, out: &mut Vec<u8>) -> io::Result<Header> {
        let received = records.iter().map(|record| record.received.0);
        let (first, last) = received.fold((i64::MAX, i64::MIN), |(low, high), t| (low.min(t), high.max(t)));
        let start = out.len();
        out.resize(start + HEADER_BYTES, 0);
        self.names.clear();
        let (codec, plain_bytes, table_bytes) = match &mut self.zstd {
            None => {
                let table = write_records(records, first, &mut self.names, out);
                (0, out.len() - start - HEADER_BYTES, table)
            }
            Some(zstd) => {
                self.plain.clear();
                let table = write_records(records, first, &mut self.names, &mut self.plain);
                (compress(zstd, &self.plain, out)?, self.plain.len(), table)
            }
        };
        let payload = &out[start + HEADER_BYTES..];
        let header = Header {
            payload_crc: crc32c::crc32c(payload),
            payload_bytes: payload.len() as u32,
            base,
            count: records.len() as u32,
            codec,
            plain_bytes: plain_bytes as u32,
            table_bytes: table_bytes as u32,
            received_min: first,
            received_max: last,
            salt,
        };
        header.write(&mut out[start..]);
        Ok(header)
    }
}

/// Appends the compressed bytes, or the plain ones where compressing does not help; returns the codec's number.
fn compress(zstd: &mut zstd::bulk::Compressor<'static>, plain: &[u8], out: &mut Vec<u8>) -> io::Result<u8> {
    let start = out.len();
    out.resize(start + zstd::zstd_safe::compress_bound(plain.len()), 0);
    let bytes = zstd.compress_to_buffer(plain, &mut out[start..])?;
    if bytes < plain.len() {
        out.truncate(start + bytes);
        return Ok(1);
    }
    out.truncate(start);
    out.extend_from_slice(plain);
    Ok(0)
}

/// Appends records and string table; returns the bytes of the table.
fn write_records(records: &[Record], first: i64, names: &mut Names, out: &mut Vec<u8>) -> usize {
    for record in records {
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
        out.push(kind | peer << 2);
        put(out, names.index(&record.tenant));
        put(out, names.index(&record.source));
        match record.peer {
            None => {}
            Some(IpAddr::V4(ip)) => out.extend_from_slice(&ip.octets()),
            Some(IpAddr::V6(ip)) => out.extend_from_slice(&ip.octets()),
        }
        put(out, record.received.0.wrapping_sub(first) as u64);
        put(out, record.raw.len() as u64);
        out.extend_from_slice(&record.raw);
    }
    let table = out.len();
    put(out, names.all.len() as u64);
    for name in &names.all {
        put(out, name.len() as u64);
        out.extend_from_slice(name.as_bytes());
    }
    out.len() - table
}

/// Tenant and source names of one batch, in order of first use.
#[derive(Default)]
struct Names {
    all: Vec<Arc<str>>,
    by_name: HashMap<Arc<str>, usize>,
}

impl Names {
    fn clear(&mut self) {
        self.all.clear();
        self.by_name.clear();
    }

    fn index(&mut self, name: &Arc<str>) -> u64 {
        // Listeners share one Arc per name: the pointers of the few first names answer nearly every time.
        if let Some(at) = self.all.iter().take(8).position(|known| Arc::ptr_eq(known, name)) {
            return at as u64;
        }
        let next = self.all.len();
        let at = *self.by_name.entry(name.clone()).or_insert(next);
        if at == next {
            self.all.push(name.clone());
        }
        at as u64
    }
}
