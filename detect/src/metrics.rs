//! Metrics of detection, published once per batch from the engine's plain counters.
//!
//! Unlabelled: rules, sources and groups are unbounded in number.

use prometheus::{IntCounter, IntGauge, Registry};

use crate::engine::Stats;

/// The metrics of one engine.
#[derive(Clone, Debug)]
pub struct Metrics {
    events: IntCounter,
    matches: IntCounter,
    alerts: IntCounter,
    evidence: IntCounter,
    evictions: IntCounter,
    unjudged: IntCounter,
    groups: IntGauge,
    published: Stats,
}

impl Metrics {
    /// Registers the metrics.
    ///
    /// # Errors
    /// When the registry has metrics of these names already.
    pub fn new(registry: &Registry) -> Result<Metrics, prometheus::Error> {
        let counter = |name: &str, help: &str| -> Result<IntCounter, prometheus::Error> {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let groups = IntGauge::new("sekisho_detect_groups", "Groups of correlations and suppressions held in memory")?;
        registry.register(Box::new(groups.clone()))?;
        Ok(Metrics {
            events: counter("sekisho_detect_events_total", "Events judged by the rules")?,
            matches: counter("sekisho_detect_matches_total", "Matches of single-event rules")?,
            alerts: counter("sekisho_detect_alerts_total", "Alerts raised")?,
            evidence: counter("sekisho_detect_evidence_events_total", "Events added to alerts raised before")?,
            evictions: counter("sekisho_detect_evictions_total", "Groups evicted because a rule's table was full")?,
            unjudged: counter(
                "sekisho_detect_unjudged_total",
                "Matches of absence rules of which nothing could be concluded",
            )?,
            groups,
            published: Stats::default(),
        })
    }

    /// Adds what changed since the last call. After a restore, counters that went back start anew.
    pub fn publish(&mut self, stats: &Stats) {
        let before = std::mem::replace(&mut self.published, *stats);
        self.events.inc_by(stats.events.saturating_sub(before.events));
        self.matches.inc_by(stats.matches.saturating_sub(before.matches));
        self.alerts.inc_by(stats.alerts.saturating_sub(before.alerts));
        self.evidence.inc_by(stats.evidence.saturating_sub(before.evidence));
        self.evictions.inc_by(stats.evictions.saturating_sub(before.evictions));
        self.unjudged.inc_by(stats.unjudged.saturating_sub(before.unjudged));
        self.groups.set(i64::try_from(stats.groups).unwrap_or(i64::MAX));
    }
}
