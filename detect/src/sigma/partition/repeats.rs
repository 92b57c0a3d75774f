//! Values that come again and again, with the rules they call: the paths of programs, the names of browsers.
//!
//! Most values of some fields were seen just before, and none of others (process numbers, hashes): each field finds out
//! which it is, and those of the second kind cost one question in [`LOOKS`].
//!
//! Bound: [`HELD_MAX`] values of [`TEXT_BYTES_MAX`] bytes with [`CALLS_MAX`] calls each, 2.5 MiB per judge; of two values that
//! fall into the same place the later one stays.

use super::super::grams::Grams;

/// The values remembered; a power of two.
const HELD_MAX: usize = 4096;
/// Longer ones (command lines) hardly come again. They stand where they are found, without a way to memory elsewhere: with
/// what belongs to them a value takes two lines of the cache.
const TEXT_BYTES_MAX: usize = 86;
const CALLS_MAX: usize = 128;

/// After so many values it is asked whether a field is worth remembering: whether so many of them were known. The fields
/// that take longest to search (command lines) come again least.
const LOOKS: u16 = 512;
const WORTH: u16 = LOOKS / 4;
/// After a field was not, so many times [`LOOKS`] values are not remembered before it is tried again.
const REST: u16 = 31;

/// What is remembered.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    held: Vec<Held>,
    calls: Vec<u32>,
}

#[derive(Clone, Debug)]
#[repr(align(64))]
struct Held {
    /// The number of the literals that were looked for.
    grams: u64,
    calls: Vec<u32>,
    length: u16,
    text: [u8; TEXT_BYTES_MAX],
}

impl Held {
    const EMPTY: Held = Held { grams: 0, calls: Vec::new(), length: 0, text: [0; TEXT_BYTES_MAX] };

    fn is(&self, grams: u64, text: &[u8]) -> bool {
        self.grams == grams && self.text[..usize::from(self.length)] == *text
    }
}

/// How a field's values have been.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Habit {
    asked: u16,
    known: u16,
    rest: u16,
}

impl Habit {
    /// Whether this value is to be remembered.
    #[inline]
    fn goes(&mut self) -> bool {
        if self.asked == LOOKS {
            self.rest = match self.rest {
                0 if self.known < WORTH => REST,
                rest => rest.saturating_sub(1),
            };
            (self.asked, self.known) = (0, 0);
        }
        self.asked += 1;
        self.rest == 0
    }
}

impl Repeats {
    /// Hands over the calls of the literals that stand in `text`, which is of a length that fits them.
    #[inline]
    pub(super) fn scan(&mut self, grams: &Grams, text: &[u8], habit: &mut Habit, found: &mut dyn FnMut(&[u32])) {
        if text.len() > TEXT_BYTES_MAX || !habit.goes() {
            return grams.scan_all(text, found);
        }
        if self.held.is_empty() {
            self.held.resize(HELD_MAX, Held::EMPTY);
        }
        let held = &mut self.held[place_of(grams.number(), text)];
        if held.is(grams.number(), text) {
            habit.known += 1;
            return found(&held.calls);
        }
        self.calls.clear();
        grams.scan_all(text, &mut |calls| self.calls.extend_from_slice(calls));
        self.calls.sort_unstable();
        self.calls.dedup();
        found(&self.calls);
        if self.calls.len() <= CALLS_MAX {
            // In the memory of the one that goes.
            held.grams = grams.number();
            held.length = text.len() as u16;
            held.text[..text.len()].copy_from_slice(text);
            held.calls.clear();
            held.calls.extend_from_slice(&self.calls);
        }
    }
}

/// Where a text is remembered, by its ends and its middle.
#[inline]
fn place_of(grams: u64, text: &[u8]) -> usize {
    let word = |chunk: Option<&[u8; 8]>| chunk.map_or(0, |chunk| u64::from_le_bytes(*chunk));
    let middle = word(text[text.len() / 2..].first_chunk()).rotate_left(23);
    let ends = match (text.first_chunk(), text.last_chunk()) {
        (Some(first), last) => word(Some(first)).rotate_left(41) ^ word(last),
        _ => text.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    let hash = (ends ^ middle ^ text.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ grams.wrapping_mul(0xa076_1d64_78bd_642f);
    (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize % HELD_MAX
}

#[cfg(test)]
mod tests {
    use super::super::super::grams::Anchor;
    use super::*;

    #[test]
    fn what_is_remembered_is_what_is_found() {
        let grams = |literals: &[(Anchor, &'static str, u32)]| Grams::new(literals.to_vec());
        let sets = [
            grams(&[(Anchor::End, "\\cmd.exe", 1), (Anchor::Anywhere, "system32", 2), (Anchor::Anywhere, "32\\", 3)]),
            grams(&[(Anchor::Start, "c:\\windows", 4), (Anchor::Whole, "high", 5)]),
        ];
        let texts =
            ["C:\\Windows\\System32\\cmd.exe", "C:\\Windows\\System32\\cmd.exf", "High", "high", "", "a", "System32"];
        let long = format!("{}system32", "x".repeat(TEXT_BYTES_MAX));
        let (mut repeats, mut habits) = (Repeats::default(), [Habit::default(); 2]);
        for _ in 0..100 {
            for text in texts.into_iter().chain([long.as_str()]) {
                for (set, habit) in sets.iter().zip(&mut habits) {
                    let (mut plain, mut calls) = (Vec::new(), Vec::new());
                    set.scan_all(text.as_bytes(), &mut |found| plain.extend_from_slice(found));
                    repeats.scan(set, text.as_bytes(), habit, &mut |found| calls.extend_from_slice(found));
                    plain.sort_unstable();
                    plain.dedup();
                    calls.sort_unstable();
                    calls.dedup();
                    assert_eq!(calls, plain, "{text}");
                }
            }
        }
        assert!(habits.iter().all(|habit| habit.rest == 0));
    }

    #[test]
    fn values_that_never_come_again_are_left_alone() {
        let grams = Grams::new(vec![(Anchor::Anywhere, "system32", 2)]);
        let (mut repeats, mut habit) = (Repeats::default(), Habit::default());
        let mut remembered = 0;
        for number in 0..u32::from(LOOKS) * 64 {
            let text = format!("number {number} in system32");
            let mut calls = 0;
            repeats.scan(&grams, text.as_bytes(), &mut habit, &mut |found| calls += found.len());
            assert_eq!(calls, 1);
            remembered += u32::from(habit.rest == 0);
        }
        assert!(remembered <= 3 * u32::from(LOOKS), "{remembered}");
    }
}
