//! Records: what was received, untouched, before anything is parsed.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::Timestamp;

/// The topics of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Raw records; key: tenant + source.
    Raw,
    /// What stage 1 tells stage 2, a partition for each of [`Raw`](Topic::Raw).
    Matches,
    /// What detection raised, in the order in which it did.
    Alerts,
    /// Events as ECS JSON, a partition for each of [`Raw`](Topic::Raw); on Kafka only, and written where roles are apart.
    Events,
}

impl Topic {
    /// Every topic, by its number.
    pub const ALL: [Topic; 4] = [Topic::Raw, Topic::Matches, Topic::Alerts, Topic::Events];

    /// Whether it has a partition for each of [`Raw`](Topic::Raw); otherwise it has one.
    pub fn follows_raw(self) -> bool {
        self != Topic::Alerts
    }

    /// The topic's name, as Kafka and the embedded log know it.
    pub fn name(self) -> &'static str {
        match self {
            Topic::Raw => "sekisho.raw",
            Topic::Matches => "sekisho.matches",
            Topic::Alerts => "sekisho.alerts",
            Topic::Events => "sekisho.events",
        }
    }
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// Bytes that a device sent.
    Data,
    /// The clock: nothing but `received` counts. Silence is judged by ticks, so that a replay judges it the same way.
    Tick,
    /// A new configuration or rule version; `raw` is its JSON description.
    Control,
}

/// One received record: at most 64 KiB of raw bytes for line protocols, 1 MiB for files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Data, tick or control.
    pub kind: RecordKind,
    /// The tenant it belongs to, decided by the listener and never by the content.
    pub tenant: Arc<str>,
    /// The source's id within the tenant.
    pub source: Arc<str>,
    /// Who sent it, where the transport tells.
    pub peer: Option<IpAddr>,
    /// When it was received.
    pub received: Timestamp,
    /// The bytes as received, without transport framing.
    pub raw: Bytes,
}

impl Record {
    /// Borrows the record as the reader of a log would give it.
    pub fn as_ref(&self, offset: u64) -> RecordRef<'_> {
        RecordRef {
            offset,
            kind: self.kind,
            tenant: &self.tenant,
            source: &self.source,
            peer: self.peer,
            received: self.received,
            raw: &self.raw,
        }
    }
}

/// A record as read from the log, borrowing from the batch it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRef<'a> {
    /// Offset in its partition.
    pub offset: u64,
    /// Data, tick or control.
    pub kind: RecordKind,
    /// Tenant id.
    pub tenant: &'a str,
    /// Source id within the tenant.
    pub source: &'a str,
    /// Who sent it.
    pub peer: Option<IpAddr>,
    /// When it was received.
    pub received: Timestamp,
    /// The bytes as received.
    pub raw: &'a [u8],
}

/// A hash of tenant, source and raw bytes: the same for the same line wherever and whenever it is read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Fingerprint(pub [u8; 16]);

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Computes the fingerprint of a line: SHA-256 over length-prefixed tenant, source and raw bytes, first 16 bytes. Of a line
/// alone, SHA-256 takes half the time of BLAKE3 where the processor has instructions for it, as those of ten years have.
pub fn fingerprint(tenant: &str, source: &str, raw: &[u8]) -> Fingerprint {
    let mut hasher = Sha256::new();
    for part in [tenant.as_bytes(), source.as_bytes(), raw] {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    Fingerprint(hasher.finalize().first_chunk().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprint_separates_its_parts() {
        assert_ne!(fingerprint("ab", "c", b"x"), fingerprint("a", "bc", b"x"));
        assert_eq!(fingerprint("a", "b", b"x"), fingerprint("a", "b", b"x"));
    }
}
