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
