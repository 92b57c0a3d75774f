//! Configuration of the log, as it stands under `[stream]` in `sekisho.toml`.

mod kafka;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::disk::refused;
use crate::Result;

pub use kafka::{KafkaConfig, Mechanism, SaslConfig, StreamKind, TlsConfig};

/// How the payload of a batch is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// As it is: 0.5 ns of CPU a byte.
    None,
    /// zstd level 1: 2 ns of CPU a byte, about a seventh of the bytes.
    #[default]
    Zstd,
}

/// When whole segments are removed. Raw records are the truth from which everything else can be made again: the default
/// keeps them for three years, and gives the oldest up earlier only when the disk is nearly full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Remove segments whose newest record is older than this, unless a group still has to read them. Default three
    /// years. `"30d"`, `"12h"`, `"90m"`, `"45s"` in TOML, or `"never"`.
    #[serde(deserialize_with = "age")]
    pub age: Option<Duration>,
    /// Remove the oldest segments of a partition while it takes more bytes than this, read or unread: the disk has an
    /// end. What nobody had read is reported, traced as an error and kept as a gap. Default no limit.
    pub bytes: Option<u64>,
    /// Remove the oldest segments that every group has read while less than this share of the file system is free, 0 to
    /// 50 percent, default 5; 0 never does. Without a segment that may go, a full disk stops receiving.
    pub free_percent_min: u8,
}

impl Retention {
    /// Three years of 365 days and the leap day among them.
    pub const AGE: Duration = Duration::from_secs(1096 * 86_400);
    /// Keeps everything.
    pub const NEVER: Retention = Retention { age: None, bytes: None, free_percent_min: 0 };

    /// The bytes of a file system that are to stay free.
    pub fn reserve_bytes(&self, total_bytes: u64) -> u64 {
        (u128::from(total_bytes) * u128::from(self.free_percent_min) / 100) as u64
    }
}

impl Default for Retention {
    fn default() -> Self {
        Retention { age: Some(Self::AGE), bytes: None, free_percent_min: 5 }
    }
}

/// Configuration of [`Log::open`](super::Log::open).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// Where the stream is, default in files of this machine.
    pub kind: StreamKind,
    /// Folder of the log, default `stream`. On Kafka it holds only what is known of the topics.
    pub dir: PathBuf,
    /// Partitions of `sekisho.raw`, 1 to 1,024, default 1. Existing partitions are kept when it is lowered.
    pub raw_partitions: u32,
    /// A segment is closed at this size, 4 KiB to 4 GiB, default 128 MiB.
    pub segment_bytes: u64,
    /// Longest wait for company before a sync, 0 to 1,000 ms, default 5. 4 MiB of company end the wait earlier.
    pub fsync_ms_max: u64,
    /// How batches are stored, default zstd.
    pub codec: Codec,
    /// Bytes that may wait for the disk per partition before `append` blocks, at least 4 KiB, default 64 MiB. On Kafka:
    /// for the brokers, over all partitions.
    pub buffer_bytes_max: usize,
    /// When segments are removed. On Kafka: age and bytes of a topic that is created; the brokers remove.
    pub retention: Retention,
    /// The brokers, for `kind = "kafka"`.
    pub kafka: KafkaConfig,
}

impl Default for LogConfig {
    fn default() -> Self {
        LogConfig {
            kind: StreamKind::Embedded,
            dir: PathBuf::from("stream"),
            raw_partitions: 1,
            segment_bytes: 128 << 20,
            fsync_ms_max: 5,
            codec: Codec::Zstd,
            buffer_bytes_max: 64 << 20,
            retention: Retention::default(),
            kafka: KafkaConfig::default(),
        }
    }
}

impl LogConfig {
    /// The default configuration in a folder.
    pub fn in_dir(dir: impl AsRef<Path>) -> Self {
        LogConfig { dir: dir.as_ref().to_path_buf(), ..LogConfig::default() }
    }

    /// Checks every number against its limits.
    ///
    /// # Errors
    /// An error that names the key, its value and the limits.
    pub fn validate(&self) -> Result<()> {
        let limits: [(&str, u64, u64, u64); 5] = [
            ("raw_partitions", self.raw_partitions.into(), 1, 1_024),
            ("segment_bytes", self.segment_bytes, 4 << 10, 4 << 30),
            ("fsync_ms_max", self.fsync_ms_max, 0, 1_000),
            ("buffer_bytes_max", self.buffer_bytes_max as u64, 4 << 10, u64::MAX),
            ("retention.free_percent_min", self.retention.free_percent_min.into(), 0, 50),
        ];
        for (key, value, low, high) in limits {
            if value < low || value > high {
                return Err(refused(
                    "configure the log in",
                    &self.dir,
                    format!("{key} = {value} is not in {low}..={high}"),
                ));
            }
        }
        match (self.kind, self.kafka.problem()) {
            (StreamKind::Kafka, Some(problem)) => Err(refused("configure the log in", &self.dir, problem)),
            (StreamKind::Embedded, _) if self.kafka != KafkaConfig::default() => {
                let reason = "[stream.kafka] is given but kind is \"embedded\"; set kind = \"kafka\"".to_owned();
                Err(refused("configure the log in", &self.dir, reason))
            }
            _ => Ok(()),
        }
    }
}

fn age<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text == "never" {
        return Ok(None);
    }
    let wrong = || {
        serde::de::Error::custom(format!(
            "{text:?} is neither a number with s, m, h or d, as in \"30d\", nor \"never\""
        ))
    };
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].trim().parse().map_err(|_| wrong())?;
    Ok(Some(Duration::from_secs(number.checked_mul(seconds).ok_or_else(wrong)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_checked_by_name() {
        let config: LogConfig =
            serde_json::from_str(r#"{"dir": "x", "codec": "none", "retention": {"age": "30d", "bytes": 5}}"#).unwrap();
        let age = Some(Duration::from_secs(30 * 86_400));
        assert_eq!(config.retention, Retention { age, bytes: Some(5), free_percent_min: 5 });
        let kept: LogConfig =
            serde_json::from_str(r#"{"retention": {"age": "never", "free_percent_min": 0}}"#).unwrap();
        assert_eq!(kept.retention, Retention::NEVER);
        assert_eq!((config.codec, config.segment_bytes), (Codec::None, 128 << 20));
        let error = serde_json::from_str::<LogConfig>(r#"{"segment_byte": 1}"#).unwrap_err().to_string();
        assert!(error.contains("segment_byte"), "{error}");
        assert!(serde_json::from_str::<LogConfig>(r#"{"retention": {"age": "30x"}}"#).is_err());
        let error = LogConfig { segment_bytes: 1, ..LogConfig::default() }.validate().unwrap_err().to_string();
        assert!(error.contains("segment_bytes = 1"), "{error}");
        let retention = Retention { free_percent_min: 51, ..Retention::default() };
        let error = LogConfig { retention, ..LogConfig::default() }.validate().unwrap_err().to_string();
        assert!(error.contains("retention.free_percent_min = 51"), "{error}");
    }
}
