//! Metrics of ingest: `sekisho_ingest_*`. Labels are the listener's kind, never a sender.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Counters of all listeners.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Records received, by listener kind.
    pub records: IntCounterVec,
    /// Bytes received, by listener kind.
    pub bytes: IntCounterVec,
    /// Bytes cut from frames over the limit.
    pub cut_bytes: IntCounter,
    /// Connections open now.
    pub connections: IntGauge,
    /// Connections and requests refused, by reason.
    pub refused: IntCounterVec,
    /// Datagrams that the kernel dropped because the socket's buffer was full.
    pub kernel_drops: IntCounter,
}

impl Metrics {
    /// Registers them.
    ///
    /// # Errors
    /// They are registered already.
    pub fn register(registry: &Registry) -> Result<Metrics, prometheus::Error> {
        let vec = |name: &str, help: &str, label: &str| -> Result<IntCounterVec, prometheus::Error> {
            let metric = IntCounterVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        };
        let counter = |name: &str, help: &str| -> Result<IntCounter, prometheus::Error> {
            let metric = IntCounter::new(name, help)?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        };
        let connections = IntGauge::new("sekisho_ingest_connections", "Connections open now.")?;
        registry.register(Box::new(connections.clone()))?;
        Ok(Metrics {
            records: vec("sekisho_ingest_records_total", "Records received.", "listener")?,
            bytes: vec("sekisho_ingest_bytes_total", "Bytes of records received.", "listener")?,
            cut_bytes: counter("sekisho_ingest_cut_bytes_total", "Bytes cut from frames over 64 KiB.")?,
            connections,
            refused: vec("sekisho_ingest_refused_total", "Connections and requests refused.", "reason")?,
            kernel_drops: counter("sekisho_ingest_kernel_drops_total", "Datagrams dropped by the kernel, buffer full.")?,
        })
    }
}
