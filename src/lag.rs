//! Received -> searchable: a histogram of the last five minutes.
//!
//! Buckets grow by a quarter of a doubling from 1 ms, so a percentile is right to within 19 %. Memory: five minutes of
//! 80 counters.

use std::sync::Mutex;

use stream::{NANOS_PER_SECOND, Timestamp};

const BUCKETS: usize = 80;
const MINUTES: usize = 5;

/// Latencies of the last minutes and of all time.
pub struct Lag {
    state: Mutex<State>,
}

struct State {
    minutes: [[u64; BUCKETS]; MINUTES],
    minute: i64,
    total: [u64; BUCKETS],
}

impl Default for Lag {
    fn default() -> Self {
        let state = State { minutes: [[0; BUCKETS]; MINUTES], minute: 0, total: [0; BUCKETS] };
        Lag { state: Mutex::new(state) }
    }
}

impl Lag {
    /// Counts `events` that were received at `received` and became searchable at `now`.
    pub fn record(&self, received: Timestamp, now: Timestamp, events: u64) {
        let bucket = bucket(now.since(received).max(0) / 1_000_000);
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.turn_to(now.0 / (60 * NANOS_PER_SECOND));
        let slot = state.minute.rem_euclid(MINUTES as i64) as usize;
        state.minutes[slot][bucket] += events;
        state.total[bucket] += events;
    }

    /// The latency in milliseconds that `percent` of the last minutes' events stayed within.
    pub fn recent_ms(&self, percent: u64, now: Timestamp) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.turn_to(now.0 / (60 * NANOS_PER_SECOND));
        let mut sum = [0; BUCKETS];
        for minute in &state.minutes {
            sum.iter_mut().zip(minute).for_each(|(all, count)| *all += count);
        }
        percentile(&sum, percent)
    }

    /// The same over everything since the start.
    pub fn total_ms(&self, percent: u64) -> Option<u64> {
        percentile(&self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner).total, percent)
    }
}

impl State {
    fn turn_to(&mut self, minute: i64) {
        let passed = minute.saturating_sub(self.minute).clamp(0, MINUTES as i64);
        for step in 1..=passed {
            self.minutes[(minute - passed + step).rem_euclid(MINUTES as i64) as usize] = [0; BUCKETS];
        }
        self.minute = self.minute.max(minute);
    }
}

fn bucket(millis: i64) -> usize {
    (((millis.max(1) as f64).log2() * 4.0).ceil() as usize).min(BUCKETS - 1)
}

fn percentile(counts: &[u64; BUCKETS], percent: u64) -> Option<u64> {
    let total: u64 = counts.iter().sum();
    let rank = (total * percent).div_ceil(100).max(1);
    let mut seen = 0;
    let index = counts.iter().position(|count| {
        seen += count;
        seen >= rank
    })?;
    Some(2f64.powf(index as f64 / 4.0).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_and_forgetting() {
        let (lag, start) = (Lag::default(), Timestamp::from_seconds(1_800_000_000));
        assert_eq!(lag.recent_ms(99, start), None);
        lag.record(start, start.plus_nanos(10_000_000), 98);
        lag.record(start, start.plus_nanos(800_000_000), 2);
        let p50 = lag.recent_ms(50, start).unwrap();
        let p99 = lag.recent_ms(99, start).unwrap();
        assert!((10..=12).contains(&p50) && (800..=960).contains(&p99), "{p50} {p99}");
        let later = start.plus_nanos(6 * 60 * NANOS_PER_SECOND);
        assert_eq!(lag.recent_ms(99, later), None);
        assert_eq!(lag.total_ms(50), Some(p50));
    }
}
