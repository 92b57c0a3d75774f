//! `baseline`: more in an hour than this key usually shows in that hour of the week.
//!
//! A key is the tenant and the first value of each field of `by`. Its events are counted, or a field of them added up
//! (`sum`), per hour of event time. An hour is compared with the same hour of the days like it among the 56 days before:
//! the same weekday, closed days of holidays.csv left out; for a day of holidays.csv the Sundays and the other such days.
//! Hours without an event count as zero, from the tenant's first event on. A match when the hour's figure so far is at
//! least `min` and more than `factor` times the `over` of those figures (`p99`, `p95`, `median`, interpolated between
//! ranks as correlations do), once the tenant has been watched for `learn` and there are at least [`HOURS_MIN`] hours
//! to compare with. An event that came late counts, and is judged, in its own hour.
//!
//! Bound: [`KEYS_MAX`] keys of at most 1,345 hours of 8 bytes (43 MiB) per rule; the stalest go first.

use serde::{Deserialize, Serialize};
use stream::Timestamp;

use super::keyed::{Keyed, Remembered};
use super::{Case, Names};
use crate::Calendar;
use crate::calendar::Day;
use crate::correlation::table::Group;

/// The most keys of one rule.
pub(crate) const KEYS_MAX: usize = 4_000;
/// How many hours there must be to compare with.
pub(crate) const HOURS_MIN: usize = 2;
/// How many days are looked back.
const DAYS: u32 = 56;
const HOUR_NANOS: i64 = 3_600 * stream::NANOS_PER_SECOND;

/// `sekisho.baseline`, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Baseline {
    pub(crate) by: Vec<Names>,
    /// The field to add up; events are counted without one.
    pub(crate) sum: Option<Names>,
    pub(crate) factor: f64,
    /// The percentile to compare with, 0 to 100.
    pub(crate) percentile: f64,
    pub(crate) min: f64,
    pub(crate) learn_nanos: i64,
}

/// The hours of one key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Series {
    /// Closed hours that had events, ascending: hour since 1970 and figure.
    past: Vec<(u32, f32)>,
    /// The newest hour.
    hour: u32,
    sum: f64,
    /// The limit that was worked out for the newest hour.
    limit: Option<(u32, f64)>,
}

impl Group for Series {
    fn newest(&self) -> i64 {
        i64::from(self.hour) * HOUR_NANOS
    }

    fn is_over(&self, now: i64) -> bool {
        self.newest() + (i64::from(DAYS) + 1) * 24 * HOUR_NANOS < now
    }

    fn fill(&self) -> usize {
        0
    }

    fn line_bytes(&self) -> usize {
        0
    }
}

/// The hours that one rule has counted.
pub(super) type Memory = Keyed<Series>;

impl Remembered for Series {
    const KEYS_MAX: usize = KEYS_MAX;
}

impl Keyed<Series> {
    /// Takes an event; whether it is a match.
    pub(super) fn take(&mut self, rule: &Baseline, case: &Case<'_, '_>) -> bool {
        let value = match &rule.sum {
            None => Some(1.0),
            Some(fields) => case.event.first_of(fields).and_then(|value| value.number()),
        };
        let Some(value) = value.filter(|value| value.is_finite() && *value > 0.0) else { return false };
        let Ok(hour) = u32::try_from(case.now.0.div_euclid(HOUR_NANOS)) else { return false };
        let calendar = case.body.map(|body| body.calendar());
        let found = self.with(&rule.by, case, |series, started| {
            let learned = started.is_some_and(|started| case.now.0 >= started.saturating_add(rule.learn_nanos));
            let first = started.and_then(|started| u32::try_from(started.div_euclid(HOUR_NANOS)).ok()).unwrap_or(hour);
            let figure = series.add(hour, value);
            learned && figure >= rule.min && series.limit_of(hour, first, rule, calendar) < figure
        });
        found.unwrap_or(false)
    }
}

impl Series {
    /// Adds to an hour; gives its figure.
    fn add(&mut self, hour: u32, value: f64) -> f64 {
        if hour > self.hour {
            if self.sum > 0.0 {
                self.past.push((self.hour, self.sum as f32));
            }
            let old = self.past.partition_point(|(held, _)| held + (DAYS + 1) * 24 < hour);
            self.past.drain(..old);
            (self.hour, self.sum) = (hour, 0.0);
        }
        if hour == self.hour {
            self.sum += value;
            return self.sum;
        }
        self.limit = None;
        match self.past.binary_search_by_key(&hour, |(held, _)| *held) {
            Ok(at) => {
                self.past[at].1 += value as f32;
                f64::from(self.past[at].1)
            }
            Err(at) if hour + (DAYS + 1) * 24 >= self.hour => {
                self.past.insert(at, (hour, value as f32));
                value
            }
            Err(_) => 0.0,
        }
    }

    /// What the hour's figure must exceed; infinite when there is too little to compare with.
    fn limit_of(&mut self, hour: u32, first: u32, rule: &Baseline, calendar: Option<&Calendar>) -> f64 {
        if let Some((held, limit)) = self.limit
            && held == hour
        {
            return limit;
        }
        let day = day_of(hour);
        let kind = kind_of(day, calendar);
        let mut figures: Vec<f64> = (1..=DAYS)
            .filter(|back| kind_of(Day(day.0 - *back as i32), calendar) == kind)
            .filter_map(|back| hour.checked_sub(back * 24).filter(|hour| *hour >= first))
            .map(|hour| match self.past.binary_search_by_key(&hour, |(held, _)| *held) {
                Ok(at) => f64::from(self.past[at].1),
                Err(_) => 0.0,
            })
            .collect();
        let limit = if figures.len() < HOURS_MIN {
            f64::INFINITY
        } else {
            figures.sort_unstable_by(f64::total_cmp);
            rule.factor * percentile(&figures, rule.percentile)
        };
        self.limit = Some((hour, limit));
        limit
    }
}

/// The value at a percentile of ascending numbers, interpolated between ranks.
fn percentile(numbers: &[f64], percentile: f64) -> f64 {
    let place = percentile / 100.0 * (numbers.len() - 1) as f64;
    let (below, above) = (numbers[place.floor() as usize], numbers[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

fn day_of(hour: u32) -> Day {
    Day::of(Timestamp(i64::from(hour) * HOUR_NANOS))
}

/// The weekday, 6 (Sunday) for a day of holidays.csv.
fn kind_of(day: Day, calendar: Option<&Calendar>) -> u32 {
    if calendar.is_some_and(|calendar| calendar.holiday(day).is_some()) { 6 } else { day.weekday() }
}
