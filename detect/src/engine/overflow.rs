//! Full tables of rules: what went from them is told by the rules that have `sekisho.overflow`, once per tenant, rule
//! and day of event time (in Japan), with the number of groups. At ticks and at the end of an input, so that a flood costs
//! one alert and not one for each sweep.
//!
//! Bound: one number per rule, tenant and day, kept for [`DAYS_KEPT`] days.

use std::collections::BTreeMap;

use stream::{Timestamp, alert_id, fields};

use super::alert::{Overflowed, of_overflow};
use super::correlate::instant;
use super::{Engine, Outcome};
use crate::correlation::table::Gone;
use crate::sigma::extension::Overflow;

/// How long a day's number is remembered, in nanoseconds: late events may fill a table on a day gone by.
const DAYS_KEPT: i64 = 3 * 86_400 * stream::NANOS_PER_SECOND;

/// Groups told of so far, by the beginning of the day, the rule that tells, the rule whose table was full, and tenant.
pub(super) type Told = BTreeMap<(i64, u32, u32, String), u64>;

impl Engine {
    /// Tells what went from full tables since this was last asked.
    pub(super) fn tell_overflows(&mut self, out: &mut Vec<Outcome>) {
        let mut all: Vec<(u32, Gone)> = Vec::new();
        self.each_table(&mut |index, table| all.extend(table.take_gone().into_iter().map(|gone| (index, gone))));
        for (of, gone) in all {
            for teller in 0..self.rules.rules.len() {
                let more = match self.rules.rules[teller].overflow {
                    Some(Overflow::Evicted) => gone.evicted,
                    Some(Overflow::Lost) => gone.lost,
                    None => 0,
                };
                if more > 0 {
                    self.overflow(teller as u32, of, &gone, more, out);
                }
            }
        }
    }

    fn overflow(&mut self, teller: u32, of: u32, gone: &Gone, more: u64, out: &mut Vec<Outcome>) {
        if self.excluded_for(&gone.tenant)[teller as usize] {
            return;
        }
        self.overflows.retain(|(day, ..), _| *day >= gone.day.saturating_sub(DAYS_KEPT));
        let count = self.overflows.entry((gone.day, teller, of, gone.tenant.clone())).or_default();
        let first = *count == 0;
        *count += more;
        let (rules, count) = (&self.rules.rules, *count);
        let (info, full) = (&rules[teller as usize], &rules[of as usize]);
        let group = BTreeMap::from([(fields::RULE_ID.name().to_owned(), full.id.clone())]);
        let id = alert_id(&info.id, &gone.tenant, &group, &[instant(Timestamp(gone.day))]);
        if first {
            self.stats.alerts += 1;
            let (time, tenant) = (Timestamp(gone.time), gone.tenant.clone());
            out.push(Outcome::Alert(of_overflow(info, full, Overflowed { id, time, tenant, group, count })));
        } else {
            out.push(Outcome::Evidence { alert_id: id, events: Vec::new(), evidence: Vec::new(), count });
        }
    }
}

#[cfg(test)]
mod tests;
