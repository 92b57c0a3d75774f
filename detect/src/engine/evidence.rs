//! Further evidence of alerts: events up to the bound, beyond it only the count, told now and then.

use stream::{Alert, EventId, Evidence};

use super::{COUNT_STEP, Engine, Outcome};

impl Engine {
    /// The event is further evidence of a known alert.
    pub(super) fn more(
        &mut self,
        alert_id: String,
        count: u64,
        id: EventId,
        evidence: impl FnOnce() -> Evidence,
        out: &mut Vec<Outcome>,
    ) {
        self.stats.evidence += 1;
        if count <= Alert::EVIDENCE_MAX as u64 {
            let evidence = vec![evidence()];
            out.push(Outcome::Evidence { alert_id, events: vec![id], evidence, count });
        } else if count.is_multiple_of(COUNT_STEP) {
            self.untold.remove(&alert_id);
            out.push(Outcome::Evidence { alert_id, events: Vec::new(), evidence: Vec::new(), count });
        } else {
            self.untold.insert(alert_id, count);
        }
    }

    pub(super) fn tell_counts(&mut self, out: &mut Vec<Outcome>) {
        for (alert_id, count) in std::mem::take(&mut self.untold) {
            out.push(Outcome::Evidence { alert_id, events: Vec::new(), evidence: Vec::new(), count });
        }
    }
}
