//! What each rule costs per event, as the workers of this process measured it in one event of [`SAMPLE_EVERY`].
//!
//! Bound: one figure per rule and partition. Nothing of it is kept over a restart.

use std::collections::{BTreeMap, HashMap};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Instant;

use detect::{Costs, RuleSet};

/// One event of so many is measured; no round number, so that no rhythm of the sources meets it.
pub const SAMPLE_EVERY: u64 = 1021;

/// Figures by partition: events measured, and nanoseconds per event by rule.
#[derive(Debug, Default)]
pub struct RuleCosts(Mutex<BTreeMap<u32, Told>>);

#[derive(Debug)]
struct Told {
    sampled: u64,
    nanos: Vec<(String, f64)>,
}

impl RuleCosts {
    /// Takes over what the worker of a partition measured.
    pub fn tell(&self, partition: u32, rules: &RuleSet, costs: &Costs) {
        if costs.sampled() == 0 {
            return;
        }
        let ids = rules.rules().iter().map(|rule| rule.id.clone());
        let told = Told { sampled: costs.sampled(), nanos: ids.zip(costs.nanos_per_event()).collect() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, told);
    }

    /// Nanoseconds per event by rule id; empty before the first sample.
    pub fn nanos_per_event(&self) -> HashMap<String, u64> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sums: HashMap<&str, (f64, u64)> = HashMap::new();
        for part in told.values() {
            for (id, nanos) in &part.nanos {
                let sum = sums.entry(id).or_default();
                *sum = (sum.0 + nanos * part.sampled as f64, sum.1 + part.sampled);
            }
        }
        sums.into_iter()
            .map(|(id, (nanos, sampled))| (id.to_owned(), (nanos / sampled as f64).round() as u64))
            .collect()
    }
}

/// The clock to measure by: nanoseconds since it was first asked.
pub fn clock() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_weigh_by_their_events() {
        let costs = RuleCosts::default();
        let told = |sampled, nanos| Told { sampled, nanos: vec![("r".to_owned(), nanos)] };
        costs.0.lock().unwrap().extend([(0, told(1, 100.0)), (1, told(3, 20.0))]);
        assert_eq!(costs.nanos_per_event(), HashMap::from([("r".to_owned(), 40)]));
        assert!(RuleCosts::default().nanos_per_event().is_empty());
        assert!(clock() <= clock());
    }
}
