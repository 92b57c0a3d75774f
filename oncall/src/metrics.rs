//! Metrics of delivery (`sekisho_oncall_*`).

use std::sync::LazyLock;

use prometheus::{Histogram, HistogramOpts, IntCounterVec, IntGauge, Opts, Registry};

/// Every metric of this crate.
pub struct Metrics {
    /// Attempts by channel and outcome (`delivered`, `retried`, `failed`). Channels are those of the configuration.
    pub attempts: IntCounterVec,
    /// Seconds from the outbox row to its delivery.
    pub seconds: Histogram,
    /// Rows that wait.
    pub pending: IntGauge,
    /// Rows that were given up.
    pub failed: IntGauge,
}

/// The metrics of this process.
pub static METRICS: LazyLock<Metrics> = LazyLock::new(|| {
    let gauge = |name: &str, help: &str| IntGauge::new(name, help).expect("a valid metric name");
    let attempts = Opts::new("sekisho_oncall_attempts_total", "Delivery attempts by channel and outcome");
    let seconds = HistogramOpts::new("sekisho_oncall_delivery_seconds", "Seconds from the outbox row to its delivery");
    Metrics {
        attempts: IntCounterVec::new(attempts, &["channel", "outcome"]).expect("a valid metric name"),
        seconds: Histogram::with_opts(seconds.buckets(vec![0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0, 3600.0]))
            .expect("a valid metric name"),
        pending: gauge("sekisho_oncall_pending_pages", "Pages that wait for delivery"),
        failed: gauge("sekisho_oncall_failed_pages", "Pages that were given up"),
    }
});

/// Registers them.
///
/// # Errors
/// When they are registered already.
pub fn register(registry: &Registry) -> prometheus::Result<()> {
    let metrics = &*METRICS;
    registry.register(Box::new(metrics.attempts.clone()))?;
    registry.register(Box::new(metrics.seconds.clone()))?;
    registry.register(Box::new(metrics.pending.clone()))?;
    registry.register(Box::new(metrics.failed.clone()))
}
