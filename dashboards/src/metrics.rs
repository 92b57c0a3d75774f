//! Metrics of pages and API (`sekisho_dashboards_*`). Labels are bounded: classes of paths and of statuses.

use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry};

/// Handles of the registered metrics.
pub(crate) struct Metrics {
    pub(crate) requests: IntCounterVec,
    pub(crate) seconds: HistogramVec,
    pub(crate) sign_in_failures: IntCounter,
    pub(crate) busy: IntCounter,
    pub(crate) export_rows: IntCounter,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Metrics> {
        let metrics = Metrics {
            requests: IntCounterVec::new(
                Opts::new("sekisho_dashboards_requests_total", "Requests by class of path and of status"),
                &["class", "status"],
            )?,
            seconds: HistogramVec::new(
                HistogramOpts::new("sekisho_dashboards_request_seconds", "Seconds to answer a request")
                    .buckets(vec![0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 30.0]),
                &["class"],
            )?,
            sign_in_failures: IntCounter::new(
                "sekisho_dashboards_sign_in_failures_total",
                "Sign-ins refused: wrong name or password, or too many attempts",
            )?,
            busy: IntCounter::new(
                "sekisho_dashboards_busy_total",
                "Queries refused because too many others were running",
            )?,
            export_rows: IntCounter::new("sekisho_dashboards_export_rows_total", "Events written to exports")?,
        };
        registry.register(Box::new(metrics.requests.clone()))?;
        registry.register(Box::new(metrics.seconds.clone()))?;
        registry.register(Box::new(metrics.sign_in_failures.clone()))?;
        registry.register(Box::new(metrics.busy.clone()))?;
        registry.register(Box::new(metrics.export_rows.clone()))?;
        Ok(metrics)
    }
}
