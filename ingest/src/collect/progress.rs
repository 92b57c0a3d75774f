//! How far one collector has come: which numbers of which spool are in, and which are missing.
//!
//! Everything here may be done twice: to cover numbers that are in, or to miss what is known to be missing, changes
//! nothing. So what a crash repeats does no harm. At most [`SPOOLS_MAX`] spools are remembered, the last that spoke, and
//! [`MISSING_MAX`] ranges of missing numbers of each; beyond that the oldest range is given up: what comes of it late is
//! passed over.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::wire::SpoolId;

/// Spools that are remembered of a collector.
pub const SPOOLS_MAX: usize = 16;
/// Ranges of missing numbers of a spool.
pub const MISSING_MAX: usize = 1_024;

/// One collector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The one that speaks is the last.
    spools: Vec<Spool>,
    /// The number expected next when the collector was found silent, until it has caught up.
    pub interrupted: Option<u64>,
}

/// One spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spool {
    /// Its random name.
    pub id: SpoolId,
    /// The number expected next: every one below is in, or missing.
    pub next: u64,
    /// Numbers that have not come and still may, in order.
    pub missing: Vec<Range<u64>>,
    /// Gaps that were told and whose end was not.
    pub told: Vec<Range<u64>>,
}

impl Progress {
    /// The spool that spoke last.
    pub fn current(&self) -> Option<&Spool> {
        self.spools.last()
    }

    /// The spool of this name.
    pub fn spool(&self, id: SpoolId) -> Option<&Spool> {
        self.spools.iter().find(|spool| spool.id == id)
    }

    /// The number expected next of a spool, 0 for one that is not known.
    pub fn next(&self, id: SpoolId) -> u64 {
        self.spool(id).map_or(0, |spool| spool.next)
    }

    /// Makes the spool the one that speaks; a new one starts at `base`.
    pub fn speak(&mut self, id: SpoolId, base: u64) {
        let spool = match self.spools.iter().position(|spool| spool.id == id) {
            Some(at) => self.spools.remove(at),
            None => Spool { id, next: base, missing: Vec::new(), told: Vec::new() },
        };
        if self.spools.len() >= SPOOLS_MAX {
            self.spools.remove(0);
        }
        self.spools.push(spool);
    }

    /// Those of the numbers that are not in.
    pub fn wanted(&self, id: SpoolId, numbers: Range<u64>) -> Vec<Range<u64>> {
        let Some(spool) = self.spool(id) else { return vec![numbers] };
        let mut wanted: Vec<Range<u64>> =
            spool.missing.iter().map(|range| common(range, &numbers)).filter(|range| !range.is_empty()).collect();
        let new = numbers.start.max(spool.next)..numbers.end;
        wanted.extend((!new.is_empty()).then_some(new));
        wanted
    }

    /// These numbers are in.
    pub fn cover(&mut self, id: SpoolId, numbers: Range<u64>) {
        if numbers.is_empty() {
            return;
        }
        let spool = self.entry(id, numbers.start);
        if numbers.start > spool.next {
            spool.miss(spool.next..numbers.start);
        }
        let mut left = Vec::with_capacity(spool.missing.len() + 1);
        for range in spool.missing.drain(..) {
            left.extend([range.start..range.end.min(numbers.start), range.start.max(numbers.end)..range.end]);
        }
        left.retain(|range: &Range<u64>| !range.is_empty());
        spool.missing = left;
        spool.next = spool.next.max(numbers.end);
    }

    /// These numbers were told to be missing: the next one is expected behind them. Those that are in stay in.
    pub fn miss(&mut self, id: SpoolId, numbers: Range<u64>) {
        let spool = self.entry(id, numbers.start);
        let new = numbers.start.max(spool.next)..numbers.end;
        if new.is_empty() {
            return;
        }
        spool.miss(spool.next.min(new.start)..new.end);
        spool.next = new.end;
        if spool.told.len() >= MISSING_MAX {
            spool.told.remove(0);
        }
        spool.told.push(numbers);
    }

    /// Gaps that were told, and of which nothing is missing any more.
    pub fn closed(&self, id: SpoolId) -> Vec<Range<u64>> {
        let Some(spool) = self.spool(id) else { return Vec::new() };
        let open = |told: &Range<u64>| spool.missing.iter().any(|range| !common(range, told).is_empty());
        spool.told.iter().filter(|told| !open(told)).cloned().collect()
    }

    /// The end of this gap was told.
    pub fn close(&mut self, id: SpoolId, gap: &Range<u64>) {
        if let Some(spool) = self.spools.iter_mut().find(|spool| spool.id == id) {
            spool.told.retain(|told| told != gap);
        }
    }

    /// Numbers missing of all spools.
    pub fn missing(&self) -> u64 {
        self.spools.iter().flat_map(|spool| &spool.missing).map(|range| range.end - range.start).sum()
    }

    fn entry(&mut self, id: SpoolId, base: u64) -> &mut Spool {
        if self.spool(id).is_none() {
            self.speak(id, base);
        }
        self.spools.iter_mut().find(|spool| spool.id == id).expect("was put there above")
    }
}

impl Spool {
    fn miss(&mut self, numbers: Range<u64>) {
        if self.missing.len() >= MISSING_MAX {
            let given_up = self.missing.remove(0);
            tracing::error!(spool = %self.id, ?given_up, "too many gaps of a collector; the oldest is given up");
        }
        self.missing.push(numbers);
    }
}

fn common(a: &Range<u64>, b: &Range<u64>) -> Range<u64> {
    let start = a.start.max(b.start);
    start..a.end.min(b.end).max(start)
}

#[derive(Serialize, Deserialize)]
struct Written {
    spool: String,
    next: u64,
    missing: Vec<(u64, u64)>,
    told: Vec<(u64, u64)>,
}

impl Serialize for Spool {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pairs = |ranges: &[Range<u64>]| ranges.iter().map(|range| (range.start, range.end)).collect();
        let (missing, told) = (pairs(&self.missing), pairs(&self.told));
        Written { spool: self.id.to_string(), next: self.next, missing, told }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Spool {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        let id = written.spool.parse().map_err(|()| serde::de::Error::custom("a spool's name is 32 hex digits"))?;
        let ranges = |pairs: Vec<(u64, u64)>| pairs.into_iter().map(|(from, to)| from..to).collect();
        Ok(Spool { id, next: written.next, missing: ranges(written.missing), told: ranges(written.told) })
    }
}

#[cfg(test)]
// Lists of one range are meant.
#[allow(clippy::single_range_in_vec_init)]
mod tests {
    use super::*;

    const A: SpoolId = SpoolId([1; 16]);

    #[test]
    fn what_comes_again_is_not_wanted() {
        let mut progress = Progress::default();
        progress.speak(A, 5);
        assert_eq!(progress.wanted(A, 5..8), [5..8]);
        progress.cover(A, 5..8);
        assert_eq!(progress.wanted(A, 5..8), [] as [Range<u64>; 0]);
        assert_eq!(progress.wanted(A, 6..10), [8..10]);
        // Numbers 8 and 9 do not come.
        progress.miss(A, 8..10);
        progress.cover(A, 10..20);
        assert_eq!((progress.next(A), progress.missing()), (20, 2));
        assert_eq!(progress.wanted(A, 0..30), [8..10, 20..30]);
        progress.miss(A, 8..10);
        progress.cover(A, 8..9);
        assert!(progress.closed(A).is_empty());
        progress.cover(A, 7..12);
        assert_eq!((progress.closed(A), progress.missing()), (vec![8..10], 0));
        progress.miss(A, 8..10);
        progress.close(A, &(8..10));
        assert!(progress.closed(A).is_empty() && progress.missing() == 0);
    }

    #[test]
    fn any_order_and_any_repetition_comes_to_the_same() {
        let steps = [0..4, 4..9, 12..15, 9..10, 10..12, 15..20, 13..16];
        let mut random = 1u64;
        for _ in 0..2_000 {
            let (mut progress, mut given) = (Progress::default(), vec![0u32; 20]);
            progress.speak(A, 0);
            for _ in 0..40 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let step = steps[(random >> 33) as usize % steps.len()].clone();
                for wanted in progress.wanted(A, step.clone()) {
                    wanted.clone().for_each(|number| given[number as usize] += 1);
                    if wanted.start > progress.next(A) {
                        progress.miss(A, progress.next(A)..wanted.start);
                    }
                    // Twice, as after a crash.
                    progress.cover(A, wanted.clone());
                    progress.cover(A, wanted);
                }
            }
            let next = progress.next(A) as usize;
            let missing = progress.spool(A).unwrap().missing.clone();
            for (number, given) in given.iter().enumerate() {
                let absent = number >= next || missing.iter().any(|range| range.contains(&(number as u64)));
                assert_eq!(*given, u32::from(!absent), "number {number} in {progress:?}");
            }
        }
    }

    #[test]
    fn the_file_form_is_the_same_again() {
        let mut progress = Progress { interrupted: Some(7), ..Progress::default() };
        progress.cover(A, 0..4);
        progress.miss(A, 4..6);
        for n in 0..SPOOLS_MAX as u8 {
            progress.speak(SpoolId([n + 2; 16]), 0);
        }
        assert_eq!(progress.spool(A), None, "the one that was quiet for longest goes");
        progress.miss(SpoolId([2; 16]), 0..6);
        let text = serde_json::to_string(&progress).unwrap();
        assert_eq!(serde_json::from_str::<Progress>(&text).unwrap(), progress);
    }
}
