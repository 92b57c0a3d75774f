//! Metrics of ingest. Labels are listener kinds and declared sources, all bounded by the configuration.

use std::sync::LazyLock;

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

fn counter(name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    IntCounterVec::new(Opts::new(name, help), labels).expect("metric names are constants")
}

pub(crate) static RECEIVED_RECORDS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter(
        "sekisho_ingest_received_records_total",
        "Records that listeners made durable.",
        &["kind", "tenant", "source"],
    )
});
pub(crate) static RECEIVED_BYTES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter(
        "sekisho_ingest_received_bytes_total",
        "Bytes of records that listeners made durable.",
        &["kind", "tenant", "source"],
    )
});
pub(crate) static LOST_RECORDS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter(
        "sekisho_ingest_lost_records_total",
        "Records received that the stream did not take and that the sender cannot send again.",
        &["kind"],
    )
});
pub(crate) static CUT_RECORDS: LazyLock<IntCounterVec> =
    LazyLock::new(|| counter("sekisho_ingest_cut_records_total", "Messages longer than 64 KiB.", &["kind"]));
pub(crate) static CUT_BYTES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter("sekisho_ingest_cut_bytes_total", "Bytes beyond 64 KiB of a message, not kept.", &["kind"])
});
pub(crate) static EMPTY: LazyLock<IntCounterVec> =
    LazyLock::new(|| counter("sekisho_ingest_empty_messages_total", "Messages without a byte, not kept.", &["kind"]));
pub(crate) static REFUSED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter("sekisho_ingest_refused_connections_total", "Connections over the limit, closed at once.", &["kind"])
});
pub(crate) static HANDSHAKES_FAILED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter(
        "sekisho_ingest_failed_handshakes_total",
        "Connections that ended before TLS or RELP was agreed on.",
        &["kind"],
    )
});
pub(crate) static KERNEL_DROPS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter(
        "sekisho_ingest_udp_kernel_drops_total",
        "Datagrams that the kernel dropped because its receive buffer was full.",
        &["listener"],
    )
});
pub(crate) static SHED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter(
        "sekisho_ingest_udp_shed_total",
        "Datagrams dropped because their source alone had filled its listener's queue.",
        &["listener", "tenant", "source"],
    )
});
pub(crate) static HTTP_RESPONSES: LazyLock<IntCounterVec> =
    LazyLock::new(|| counter("sekisho_ingest_http_responses_total", "Answers by status.", &["status"]));
pub(crate) static COLLECTOR_AGAIN: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter(
        "sekisho_ingest_collector_repeated_records_total",
        "Records that a collector sent again and that were in already.",
        &["collector"],
    )
});
pub(crate) static COLLECTOR_FOREIGN: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter(
        "sekisho_ingest_collector_foreign_records_total",
        "Records of sources that their collector may not speak for; kept under source unknown.",
        &["collector"],
    )
});
pub(crate) static CONNECTIONS: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    let opts = Opts::new("sekisho_ingest_connections", "Open connections.");
    IntGaugeVec::new(opts, &["kind"]).expect("metric names are constants")
});

/// Registers every metric of ingest; [`listen`](crate::listen) does it.
///
/// # Errors
/// When one of the names is registered already.
pub fn register(registry: &Registry) -> prometheus::Result<()> {
    for counter in [
        &RECEIVED_RECORDS,
        &RECEIVED_BYTES,
        &LOST_RECORDS,
        &CUT_RECORDS,
        &CUT_BYTES,
        &EMPTY,
        &REFUSED,
        &HANDSHAKES_FAILED,
        &KERNEL_DROPS,
        &SHED,
        &HTTP_RESPONSES,
        &COLLECTOR_AGAIN,
        &COLLECTOR_FOREIGN,
    ] {
        registry.register(Box::new(LazyLock::force(counter).clone()))?;
    }
    registry.register(Box::new(CONNECTIONS.clone()))
}
