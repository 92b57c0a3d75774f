//! Metrics of the stream. Labels are topic, partition and consumer group, all bounded by the configuration.

use std::sync::LazyLock;

use prometheus::{Histogram, HistogramOpts, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

const PARTITION: &[&str] = &["topic", "partition"];

fn counter(name: &str, help: &str) -> IntCounterVec {
    IntCounterVec::new(Opts::new(name, help), PARTITION).expect("metric names are constants")
}

fn gauge(name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    IntGaugeVec::new(Opts::new(name, help), labels).expect("metric names are constants")
}

pub(crate) static APPEND_RECORDS: LazyLock<IntCounterVec> =
    LazyLock::new(|| counter("sekisho_stream_append_records_total", "Records made durable."));
pub(crate) static APPEND_BYTES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter("sekisho_stream_append_bytes_total", "Bytes of records made durable, before compression.")
});
pub(crate) static WRITTEN_BYTES: LazyLock<IntCounterVec> =
    LazyLock::new(|| counter("sekisho_stream_written_bytes_total", "Bytes written to segments, after compression."));
pub(crate) static BLOCKED: LazyLock<IntCounterVec> =
    LazyLock::new(|| counter("sekisho_stream_append_blocked_total", "Appends that had to wait for buffer space."));
pub(crate) static GAP_RECORDS: LazyLock<IntCounterVec> =
    LazyLock::new(|| counter("sekisho_stream_gap_records_total", "Records found missing or damaged."));
pub(crate) static REMOVED_RECORDS: LazyLock<IntCounterVec> =
    LazyLock::new(|| counter("sekisho_stream_removed_records_total", "Records removed by retention."));
pub(crate) static BUFFER_BYTES: LazyLock<IntGaugeVec> =
    LazyLock::new(|| gauge("sekisho_stream_buffer_bytes", "Bytes that wait for the disk or the brokers.", PARTITION));
pub(crate) static END_OFFSET: LazyLock<IntGaugeVec> =
    LazyLock::new(|| gauge("sekisho_stream_end_offset", "Offset after the last durable record.", PARTITION));
pub(crate) static START_OFFSET: LazyLock<IntGaugeVec> =
    LazyLock::new(|| gauge("sekisho_stream_start_offset", "First offset that is still kept.", PARTITION));
pub(crate) static DISK_FULL: LazyLock<IntGaugeVec> =
    LazyLock::new(|| gauge("sekisho_stream_disk_full", "1 while appends wait for free disk space.", PARTITION));
pub(crate) static STOPPED: LazyLock<IntGaugeVec> =
    LazyLock::new(|| gauge("sekisho_stream_stopped", "1 after a failed write or sync, until a restart.", PARTITION));
pub(crate) static GROUP_OFFSET: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    gauge("sekisho_stream_group_offset", "Offset a consumer group committed.", &["topic", "partition", "group"])
});
pub(crate) static LAG_RECORDS: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    gauge("sekisho_stream_lag_records", "Records between a reader's last batch and the known end; Kafka.", PARTITION)
});
pub(crate) static FOREIGN_RECORDS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter("sekisho_stream_foreign_records_total", "Messages read that sekisho did not write; Kafka.")
});
pub(crate) static KAFKA_DOWN: LazyLock<IntGauge> = LazyLock::new(|| {
    IntGauge::new("sekisho_stream_kafka_down", "1 while no broker answers: appends wait.")
        .expect("metric names are constants")
});
pub(crate) static SYNC_SECONDS: LazyLock<Histogram> = LazyLock::new(|| {
    let buckets = prometheus::exponential_buckets(0.000_1, 2.0, 16).expect("bucket bounds are constants");
    let opts = HistogramOpts::new("sekisho_stream_sync_seconds", "Time of one group commit: write and fdatasync.");
    Histogram::with_opts(opts.buckets(buckets)).expect("metric names are constants")
});

/// Registers every metric of the stream.
///
/// # Errors
/// When one of the names is registered already.
pub fn register(registry: &Registry) -> prometheus::Result<()> {
    for counter in
        [&APPEND_RECORDS, &APPEND_BYTES, &WRITTEN_BYTES, &BLOCKED, &GAP_RECORDS, &REMOVED_RECORDS, &FOREIGN_RECORDS]
    {
        registry.register(Box::new(LazyLock::force(counter).clone()))?;
    }
    for gauge in [&BUFFER_BYTES, &END_OFFSET, &START_OFFSET, &DISK_FULL, &STOPPED, &GROUP_OFFSET, &LAG_RECORDS] {
        registry.register(Box::new(LazyLock::force(gauge).clone()))?;
    }
    registry.register(Box::new(KAFKA_DOWN.clone()))?;
    registry.register(Box::new(SYNC_SECONDS.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_registers_once() {
        let registry = Registry::new();
        register(&registry).unwrap();
        assert!(register(&registry).is_err());
    }
}
