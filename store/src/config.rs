//! Configuration of the store: the `[store]` table of sekisho.toml.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::{ElasticsearchConfig, Error, Result};

/// What holds the events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    /// Splits on this machine.
    #[default]
    Local,
    /// An OpenSearch or Elasticsearch cluster.
    Elasticsearch,
}

/// Where the index lives and how it is cut.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// What holds the events. Default `local`.
    pub kind: StoreKind,
    /// Folder of the splits and the catalogue. Default `data/store`.
    pub dir: PathBuf,
    /// A split is cut when its oldest event has waited this long. Default 30 s, 1 to 3,600.
    /// A small tail (under [`StoreConfig::SPLIT_EVENTS_MIN`] events) may wait [`StoreConfig::SMALL_SPLIT_FACTOR`] times as long.
    pub split_seconds_max: u64,
    /// A split is cut when this many events wait. Default 500,000; 1 to 5,000,000.
    pub split_events_max: usize,
    /// A split is cut when the waiting events take half this many bytes. Default 64 MiB.
    pub tail_bytes_max: usize,
    /// Days an event stays searchable. Default 400; 0 keeps everything.
    pub retention_days: u32,
    /// The cluster, for `kind = "elasticsearch"`.
    pub elasticsearch: ElasticsearchConfig,
}

impl Default for StoreConfig {
    fn default() -> Self {
        StoreConfig {
            kind: StoreKind::Local,
            dir: PathBuf::from("data/store"),
            split_seconds_max: 30,
            split_events_max: 500_000,
            tail_bytes_max: 64 << 20,
            retention_days: 400,
            elasticsearch: ElasticsearchConfig::default(),
        }
    }
}

impl StoreConfig {
    /// Below this many waiting events a cut by age is put off, so that a quiet town does not make tiny splits.
    pub const SPLIT_EVENTS_MIN: usize = 20_000;
    /// How many times longer a small tail may wait. What waits is durable in the raw log and searchable in memory.
    pub const SMALL_SPLIT_FACTOR: u64 = 20;

    /// Takes relative paths, `dir` aside, as relative to a folder.
    pub fn resolve(&mut self, base: &Path) {
        self.elasticsearch.resolve(base);
    }

    /// Checks the limits.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the key and its range.
    pub fn validate(&self) -> Result<()> {
        let invalid = |what, reason: &str| Err(Error::Invalid { what, reason: reason.into() });
        if self.dir.as_os_str().is_empty() {
            return invalid("store.dir", "must name a folder");
        }
        if !(1..=3600).contains(&self.split_seconds_max) {
            return invalid("store.split_seconds_max", "must be 1 to 3600");
        }
        if !(1..=5_000_000).contains(&self.split_events_max) {
            return invalid("store.split_events_max", "must be 1 to 5000000");
        }
        if self.tail_bytes_max < 1 << 20 {
            return invalid("store.tail_bytes_max", "must be at least 1048576 (1 MiB)");
        }
        match self.kind {
            StoreKind::Local => Ok(()),
            StoreKind::Elasticsearch => self.elasticsearch.validate(),
        }
    }
}
