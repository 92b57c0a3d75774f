//! Measuring a window: the value that the condition is held against.

use stream::{Fingerprint, Timestamp};

use super::{Correlation, Entry, Measure};

/// The measured value of a window's events, which are sorted; none when there is nothing to measure. For temporal
/// rules it is the number of steps seen, in order where order is asked for.
pub(crate) fn measure<'e>(rule: &Correlation, window: impl Iterator<Item = &'e Entry>) -> Option<f64> {
    match rule.measure {
        Measure::Events => {
            let mut before = None;
            let new = window.filter(|entry| {
                let event = Some((entry.time, entry.id));
                std::mem::replace(&mut before, event) != event
            });
            Some(new.count() as f64)
        }
        Measure::Values => {
            let mut values: Vec<Fingerprint> = window.filter_map(|entry| entry.value).collect();
            values.sort_unstable();
            values.dedup();
            Some(values.len() as f64)
        }
        Measure::Sum => Some(window.map(|entry| entry.number).sum()),
        Measure::Average => {
            let (count, sum) = window.fold((0u64, 0.0), |(count, sum), entry| (count + 1, sum + entry.number));
            (count > 0).then(|| sum / count as f64)
        }
        Measure::Percentile(rank) => {
            let mut numbers: Vec<f64> = window.map(|entry| entry.number).collect();
            numbers.sort_unstable_by(f64::total_cmp);
            let place = rank / 100.0 * numbers.len().checked_sub(1)? as f64;
            let (below, above) = (numbers[place.floor() as usize], numbers[place.ceil() as usize]);
            Some(below + (above - below) * place.fract())
        }
        Measure::Steps { ordered: true } => Some(in_order(rule, window).0 as f64),
        Measure::Steps { ordered: false } => {
            let mut seen: Vec<u16> = window.map(|entry| entry.step).collect();
            seen.sort_unstable();
            seen.dedup();
            Some(seen.len() as f64)
        }
    }
}

/// How many steps were seen in their order, events of one instant in either order, and when the last but one was.
pub(crate) fn in_order<'e>(rule: &Correlation, window: impl Iterator<Item = &'e Entry>) -> (usize, Timestamp) {
    let (mut next, mut ready) = (0, Timestamp::MIN);
    let (mut instant, mut steps): (Timestamp, Vec<u16>) = (Timestamp::MIN, Vec::new());
    for entry in window {
        if entry.time != instant {
            instant = entry.time;
            steps.clear();
        }
        steps.push(entry.step);
        while next < rule.steps.len() && steps.contains(&(next as u16)) {
            next += 1;
            if next + 1 == rule.steps.len() {
                ready = instant;
            }
        }
    }
    (next, ready)
}

/// How many steps the windows that end at one instant after the other hold in their order, without going through each of
/// them: of every step, the latest instant at which an orderly row of steps up to it can begin.
#[derive(Debug)]
pub(super) struct Rows {
    begins: Vec<Timestamp>,
}

impl Rows {
    pub(super) fn new(rule: &Correlation) -> Rows {
        Rows { begins: vec![Timestamp::MIN; rule.steps.len()] }
    }

    /// Takes the events of the next instant, which count in either order.
    pub(super) fn add<'e>(&mut self, time: Timestamp, instant: impl Iterator<Item = &'e Entry> + Clone) {
        for step in 0..self.begins.len() {
            if instant.clone().any(|entry| usize::from(entry.step) == step) {
                let begin = if step == 0 { time } else { self.begins[step - 1] };
                self.begins[step] = self.begins[step].max(begin);
            }
        }
    }

    /// The steps in order of the window from here to the newest instant, as [`in_order`] counts them.
    pub(super) fn since(&self, low: Timestamp) -> usize {
        self.begins.iter().take_while(|begin| **begin != Timestamp::MIN && **begin >= low).count()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use stream::EventId;

    use super::*;
    use crate::correlation::{Mark, Status};

    fn entry(time: i64, step: u16) -> Entry {
        Entry {
            time: Timestamp(time),
            mark: Mark::default(),
            id: EventId::default(),
            step,
            hit: true,
            told: false,
            counted: false,
            status: Status::Nothing,
            value: None,
            number: 0.0,
            source: "s".into(),
            line: "l".into(),
            onward: Box::default(),
        }
    }

    fn rule(steps: usize) -> Correlation {
        Correlation {
            measure: Measure::Steps { ordered: true },
            conditions: Vec::new(),
            steps: vec![0; steps],
            group_by: Vec::new(),
            span_nanos: 10,
            leaves: Default::default(),
            depth: 0,
            behind_nanos: 0,
            monotone: true,
            removable: false,
        }
    }

    proptest! {
        #[test]
        fn rows_are_what_each_window_gives(
            steps in 2..5_usize,
            mut events in prop::collection::vec((0..30_i64, 0..5_u16), 0..40),
        ) {
            let rule = rule(steps);
            events.sort_unstable();
            let entries: Vec<Entry> = events.iter().map(|(time, step)| entry(*time, *step)).collect();
            let mut rows = Rows::new(&rule);
            for instant in entries.chunk_by(|a, b| a.time == b.time) {
                let time = instant[0].time;
                rows.add(time, instant.iter());
                for low in -1..=time.0 {
                    let window = entries.iter().filter(|entry| entry.time.0 >= low && entry.time <= time);
                    prop_assert_eq!(rows.since(Timestamp(low)), in_order(&rule, window).0);
                }
            }
        }
    }
}
