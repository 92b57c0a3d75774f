//! Metrics of the store (`sekisho_store_*`), counted once per batch, cut or search.

use std::sync::LazyLock;

use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, IntGaugeVec, Opts, Registry};

/// Every metric of this crate.
pub struct Metrics {
    /// Events published to the memory tail.
    pub events: IntCounter,
    /// Events in the memory tail.
    pub tail_events: IntGauge,
    /// Bytes of the memory tail.
    pub tail_bytes: IntGauge,
    /// Splits in the catalogue.
    pub splits: IntGauge,
    /// Splits found damaged.
    pub damaged: IntCounter,
    /// Splits cut.
    pub cuts: IntCounter,
    /// Splits merged away.
    pub merged: IntCounter,
    /// Events that the engine took only in the reduced form.
    pub reduced: IntCounter,
    /// Seconds to build and commit a cut.
    pub cut_seconds: Histogram,
    /// Seconds per search of any kind.
    pub search_seconds: Histogram,
    /// Searches that failed or ran out of time.
    pub search_failures: IntCounter,
}

/// The metrics of this process.
pub static METRICS: LazyLock<Metrics> = LazyLock::new(|| {
    let counter = |name: &str, help: &str| IntCounter::new(name, help).expect("a valid metric name");
    let gauge = |name: &str, help: &str| IntGauge::new(name, help).expect("a valid metric name");
    let histogram = |name: &str, help: &str, buckets: Vec<f64>| {
        Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets)).expect("a valid metric name")
    };
    Metrics {
        events: counter("sekisho_store_events_total", "Events published to the memory tail"),
        tail_events: gauge("sekisho_store_tail_events", "Events in the memory tail"),
        tail_bytes: gauge("sekisho_store_tail_bytes", "Bytes of the memory tail"),
        splits: gauge("sekisho_store_splits", "Splits in the catalogue"),
        damaged: counter("sekisho_store_damaged_splits_total", "Splits found damaged and left out of searches"),
        cuts: counter("sekisho_store_cuts_total", "Splits cut from the memory tail"),
        merged: counter("sekisho_store_merged_splits_total", "Small splits merged into larger ones"),
        reduced: counter(
            "sekisho_store_reduced_events_total",
            "Events that the search engine refused as they were and holds in a reduced form",
        ),
        cut_seconds: histogram(
            "sekisho_store_cut_seconds",
            "Seconds to build and commit a cut",
            vec![0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0],
        ),
        search_seconds: histogram(
            "sekisho_store_search_seconds",
            "Seconds per search of any kind",
            vec![0.0001, 0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 30.0],
        ),
        search_failures: counter("sekisho_store_search_failures_total", "Searches that failed or ran out of time"),
    }
});

/// Registers them.
///
/// # Errors
/// When they are registered already.
pub fn register(registry: &Registry) -> prometheus::Result<()> {
    let metrics = &*METRICS;
    registry.register(Box::new(metrics.events.clone()))?;
    registry.register(Box::new(metrics.tail_events.clone()))?;
    registry.register(Box::new(metrics.tail_bytes.clone()))?;
    registry.register(Box::new(metrics.splits.clone()))?;
    registry.register(Box::new(metrics.damaged.clone()))?;
    registry.register(Box::new(metrics.cuts.clone()))?;
    registry.register(Box::new(metrics.merged.clone()))?;
    registry.register(Box::new(metrics.reduced.clone()))?;
    registry.register(Box::new(metrics.cut_seconds.clone()))?;
    registry.register(Box::new(metrics.search_seconds.clone()))?;
    registry.register(Box::new(metrics.search_failures.clone()))
}

/// Metrics of the archive (`sekisho_archive_*`); registered where there is one.
pub struct Archive {
    /// Objects put.
    pub objects: IntCounter,
    /// Bytes put.
    pub bytes: IntCounter,
    /// Tries that failed.
    pub failures: IntCounter,
    /// Offset after what is archived, by raw partition.
    pub next_offset: IntGaugeVec,
    /// Records that are durable in the stream and not archived, by raw partition.
    pub lag: IntGaugeVec,
    /// When an object was put last.
    pub last_success: IntGauge,
}

/// The archive's metrics of this process.
pub static ARCHIVE: LazyLock<Archive> = LazyLock::new(|| {
    let counter = |name: &str, help: &str| IntCounter::new(name, help).expect("a valid metric name");
    let by_partition =
        |name: &str, help: &str| IntGaugeVec::new(Opts::new(name, help), &["partition"]).expect("a valid metric name");
    Archive {
        objects: counter("sekisho_archive_objects_total", "Objects put into the archive"),
        bytes: counter("sekisho_archive_bytes_total", "Bytes put into the archive"),
        failures: counter("sekisho_archive_failures_total", "Tries to archive that failed"),
        next_offset: by_partition("sekisho_archive_next_offset", "Offset after what is archived"),
        lag: by_partition("sekisho_archive_lag_records", "Records in the stream that are not archived yet"),
        last_success: IntGauge::new("sekisho_archive_last_success_seconds", "When an object was put last, Unix time")
            .expect("a valid metric name"),
    }
});

/// Registers the archive's.
///
/// # Errors
/// When they are registered already.
pub fn register_archive(registry: &Registry) -> prometheus::Result<()> {
    let metrics = &*ARCHIVE;
    for counter in [&metrics.objects, &metrics.bytes, &metrics.failures] {
        registry.register(Box::new(counter.clone()))?;
    }
    registry.register(Box::new(metrics.next_offset.clone()))?;
    registry.register(Box::new(metrics.lag.clone()))?;
    registry.register(Box::new(metrics.last_success.clone()))
}
