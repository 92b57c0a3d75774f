//! Where the quotes and backslashes of a text stand: one bit per byte, found for 64 bytes in one go.
//!
//! A string's end is then the next bit that is set, and no loop whose length changes from value to value is needed to
//! find it. Bits are found as they are asked for, [`STEP_WORDS`] words ahead, so that the start of a long text can be
//! read without looking at the rest.

use wide::u8x16;

/// How many words are found at once.
const STEP_WORDS: usize = 16;
const WORD: usize = u64::BITS as usize;

/// The marks of one text; the allocation is used again for the next.
#[derive(Default)]
pub(super) struct Marks {
    words: Vec<u64>,
}

impl Marks {
    /// Forgets the text.
    pub(super) fn clear(&mut self) {
        self.words.clear();
    }

    /// The first quote or backslash of `text` at `from` or behind it. Always called with the same text between two calls
    /// of [`Marks::clear`].
    #[inline]
    pub(super) fn next(&mut self, text: &[u8], from: usize) -> Option<usize> {
        let (mut at, mut keep) = (from / WORD, u64::MAX << (from % WORD));
        loop {
            let word = match self.words.get(at) {
                Some(word) => word & keep,
                None if at * WORD >= text.len() => return None,
                None => {
                    self.extend(text, at);
                    continue;
                }
            };
            if word != 0 {
                return Some(at * WORD + word.trailing_zeros() as usize);
            }
            (at, keep) = (at + 1, u64::MAX);
        }
    }

    /// Finds marks up to the word `at` and some more.
    #[cold]
    #[inline(never)]
    fn extend(&mut self, text: &[u8], at: usize) {
        let rest = text.get(self.words.len() * WORD..).unwrap_or(&[]);
        let wanted = (at + 1 - self.words.len()).next_multiple_of(STEP_WORDS);
        let (chunks, tail) = rest.as_chunks::<WORD>();
        self.words.extend(chunks.iter().take(wanted).map(marks_of));
        if chunks.len() < wanted && !tail.is_empty() {
            let mut last = [0; WORD];
            last[..tail.len()].copy_from_slice(tail);
            self.words.push(marks_of(&last));
        }
    }
}

fn marks_of(bytes: &[u8; WORD]) -> u64 {
    let (quote, backslash) = (u8x16::splat(b'"'), u8x16::splat(b'\\'));
    let (parts, _) = bytes.as_chunks::<16>();
    parts.iter().rev().fold(0, |marks, part| {
        let part = u8x16::from(*part);
        marks << 16 | u64::from((part.simd_eq(quote) | part.simd_eq(backslash)).to_bitmask())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_plain_search_finds(
            text in prop::collection::vec(prop_oneof![
                20 => any::<u8>(), 1 => Just(b'"'), 1 => Just(b'\\'), 20 => Just(b'a'),
            ], 0..300),
            long in 0..3000_usize,
            from in prop::collection::vec(0..3500_usize, 1..20),
        ) {
            let text = [vec![b'x'; long], text].concat();
            let mut marks = Marks::default();
            for from in from {
                let expected = text.get(from..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)).map(|at| from + at);
                prop_assert_eq!(marks.next(&text, from), expected);
            }
        }
    }
}
