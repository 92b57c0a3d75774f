//! How well a source keeps its clock and its numbering, since the process started. Figures for people: nothing is decided by them.
//!
//! The clock's skew is the median of receipt time minus event time over the last [`SAMPLES`] runs of records, so that a few
//! lines that were kept back do not move it. Numbering is followed where a product numbers all of its lines in one row
//! ([`is_numbered`]) and a source is one device.

use stream::NANOS_PER_SECOND;

/// Runs of records whose skew is remembered.
const SAMPLES: usize = 127;
/// A jump ahead by more is a new beginning, not a loss.
const GAP_MAX: i64 = 100_000;
/// A number that is behind by less is a line that came late.
const LATE_MAX: i64 = 1_000;

/// Whether the product numbers all of its lines in one row.
pub fn is_numbered(product: &str) -> bool {
    product == "cisco_ios"
}

/// The last skews of a source, in seconds.
#[derive(Clone, Debug, Default)]
pub struct Skew {
    samples: Vec<i64>,
    next: usize,
}

impl Skew {
    /// Adds one, in nanoseconds.
    pub fn note(&mut self, nanos: i64) {
        let seconds = nanos.div_euclid(NANOS_PER_SECOND);
        match self.samples.get_mut(self.next) {
            Some(slot) => *slot = seconds,
            None => self.samples.push(seconds),
        }
        self.next = (self.next + 1) % SAMPLES;
    }

    /// The median in seconds; positive when the source's clock is behind.
    pub fn median(&self) -> Option<i64> {
        let mut sorted = self.samples.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }
}

/// The numbers of a source's lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    newest: Option<i64>,
    /// Numbers that were passed over and have not come since.
    pub missing: u64,
}

impl Sequence {
    /// Takes the number of the next line.
    pub fn follow(&mut self, number: i64) {
        let ahead = self.newest.map_or(1, |newest| number.saturating_sub(newest));
        match ahead {
            1..=GAP_MAX => {
                self.missing += ahead.unsigned_abs() - 1;
                self.newest = Some(number);
            }
            // Late or twice. What comes late was counted as missing.
            0 => {}
            _ if (-LATE_MAX..0).contains(&ahead) => self.missing = self.missing.saturating_sub(1),
            // The device started anew.
            _ => self.newest = Some(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_of_the_last_runs_and_not_moved_by_a_few() {
        let mut skew = Skew::default();
        assert_eq!(skew.median(), None);
        for second in 0..SAMPLES as i64 * 3 {
            skew.note((if second % 10 == 0 { 90_000 } else { 9 * 3600 }) * NANOS_PER_SECOND + 400_000_000);
        }
        assert_eq!((skew.median(), skew.samples.len()), (Some(9 * 3600), SAMPLES));
        for _ in 0..SAMPLES {
            skew.note(-NANOS_PER_SECOND / 2);
        }
        assert_eq!(skew.median(), Some(-1));
    }

    #[test]
    fn gaps_are_counted_until_what_was_missing_comes() {
        let missing = |numbers: &[i64]| {
            let mut sequence = Sequence::default();
            numbers.iter().for_each(|number| sequence.follow(*number));
            sequence.missing
        };
        assert_eq!(missing(&[500, 501, 502]), 0);
        assert_eq!(missing(&[1, 2, 5, 6]), 2);
        assert_eq!(missing(&[1, 2, 5, 3, 6, 4]), 0, "late, not lost");
        assert_eq!(missing(&[70_000, 1, 2, 3]), 0, "the device started anew");
        assert_eq!(missing(&[1, 1, 2, 2]), 0);
        assert_eq!(missing(&[1, i64::MAX, i64::MIN, 0, 1, 3]), 1);
    }
}
