//! Words: how text is cut for the index and for the plain evaluator, one definition for both.
//!
//! Text is folded first (NFKC, lower case), so full-width, half-width and case do not matter. A word is a run of letters,
//! digits and `_`; a `.` between two of them stays inside (`www.example.jp`, `10.1.0.1`), and so do `-` and `:` between
//! ASCII digits (`2026-11-20`, `14:05:09`). A longer run than [`WORD_BYTES_MAX`] is cut into pieces of that size. Japanese,
//! Chinese and Korean runs are cut into overlapping pairs of characters; a lone character is a word of its own.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization as _, is_nfkc_quick};

/// The longest word in bytes.
pub(crate) const WORD_BYTES_MAX: usize = 64;

/// Folds text: NFKC, lower case.
pub(crate) fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Cow::Owned(text.to_ascii_lowercase());
        }
        return Cow::Borrowed(text);
    }
    // Lower case may undo the normal form and the other way round, so the second step is repeated after both.
    let normal = |text: &str| match is_nfkc_quick(text.chars()) {
        unicode_normalization::IsNormalized::Yes => text.to_lowercase(),
        _ => text.nfkc().collect::<String>().to_lowercase(),
    };
    Cow::Owned(normal(&normal(text)))
}

/// The words of folded text, in order.
pub(crate) struct Words<'a> {
    text: &'a str,
    at: usize,
    in_pairs: bool,
}

/// Cuts folded text into words.
pub(crate) fn words(folded: &str) -> Words<'_> {
    Words { text: folded, at: 0, in_pairs: false }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            if byte < 0x80 {
                self.in_pairs = false;
                if IS_WORD_BYTE[usize::from(byte)] {
                    return Some(self.run());
                }
                self.at += 1;
                continue;
            }
            let c = self.text[self.at..].chars().next()?;
            if is_paired(c) {
                if let Some(pair) = self.pair(c) {
                    return Some(pair);
                }
            } else if c.is_alphanumeric() {
                self.in_pairs = false;
                return Some(self.run());
            } else {
                self.in_pairs = false;
                self.at += c.len_utf8();
            }
        }
        None
    }
}

impl<'a> Words<'a> {
    /// Where the last word ended, unless it was a pair: then where it is joined by the next.
    pub(crate) fn end(&self) -> usize {
        self.at
    }

    /// The pair that starts with `c`, the character at the current place; `None` after the last pair of a run.
    fn pair(&mut self, c: char) -> Option<&'a str> {
        let start = self.at;
        self.at += c.len_utf8();
        let next = self.text[self.at..].chars().next().filter(|next| is_paired(*next));
        let inside = std::mem::replace(&mut self.in_pairs, next.is_some());
        match next {
            Some(next) => Some(&self.text[start..self.at + next.len_utf8()]),
            None if inside => None,
            None => Some(&self.text[start..self.at]),
        }
    }

    fn run(&mut self) -> &'a str {
        let (bytes, start) = (self.text.as_bytes(), self.at);
        let limit = bytes.len().min(start + WORD_BYTES_MAX);
        let mut end = start;
        loop {
            while end < limit && IS_WORD_BYTE[usize::from(bytes[end])] {
                end += 1;
            }
            if end == limit {
                break;
            }
            if bytes[end] < 0x80 {
                if end == start || !joins(bytes, end) {
                    break;
                }
                end += 1;
                continue;
            }
            match self.text[end..].chars().next() {
                Some(c) if c.is_alphanumeric() && !is_paired(c) && end + c.len_utf8() - start <= WORD_BYTES_MAX => {
                    end += c.len_utf8();
                }
                _ => break,
            }
        }
        self.at = end;
        &self.text[start..end]
    }
}

static IS_WORD_BYTE: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = is_word_byte(byte as u8);
        byte += 1;
    }
    table
};

/// Whether the punctuation at `at` keeps its neighbours in one word.
fn joins(bytes: &[u8], at: usize) -> bool {
    let (Some(&before), Some(&after)) = (bytes.get(at.wrapping_sub(1)), bytes.get(at + 1)) else { return false };
    match bytes[at] {
        b'.' => is_word_byte(before) && is_word_byte(after),
        b'-' | b':' => before.is_ascii_digit() && after.is_ascii_digit(),
        _ => false,
    }
}

pub(crate) const fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Characters of scripts that do not put spaces between words.
pub(crate) fn is_paired(c: char) -> bool {
    matches!(c, '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
        && c != '\u{30fb}'
}

/// Whether `needle` is one character of a paired script, which no pair equals but pairs contain.
pub(crate) fn is_lone_paired(needle: &str) -> bool {
    let mut chars = needle.chars();
    chars.next().is_some_and(is_paired) && chars.next().is_none()
}

/// Whether folded `text` has the words of `needle` one after the other. `needle` holds at least one word.
pub(crate) fn has_words(text: &str, needle: &[String]) -> bool {
    if let [one] = needle {
        return match is_lone_paired(one) {
            true => text.contains(one.as_str()),
            false => {
                memchr::memmem::find(text.as_bytes(), one.as_bytes()).is_some() && words(text).any(|word| word == one)
            }
        };
    }
    if needle.iter().any(|word| memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_none()) {
        return false;
    }
    let hay: Vec<&str> = words(text).collect();
    hay.windows(needle.len()).any(|window| window.iter().zip(needle).all(|(word, wanted)| word == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<String> {
        words(&fold(text)).map(str::to_owned).collect()
    }

    #[test]
    fn words_are_cut() {
        assert_eq!(cut("srcip=10.1.0.1 (WWW.Example.jp)."), ["srcip", "10.1.0.1", "www.example.jp"]);
        assert_eq!(
            cut("date=2026-11-20 time=14:05:09 a-b x."),
            ["date", "2026-11-20", "time", "14:05:09", "a", "b", "x"]
        );
        assert_eq!(cut("不正通信ABC検知 東"), ["不正", "正通", "通信", "abc", "検知", "東"]);
        assert_eq!(cut("ＡＢＣ ｶﾞｲﾄﾞ"), ["abc", "ガイ", "イド"]);
        assert_eq!(cut("été"), ["été"]);
        assert_eq!(cut(&"a".repeat(100)), ["a".repeat(64), "a".repeat(36)]);
        assert!(cut(" .. -- ").is_empty());
    }

    #[test]
    fn phrases_are_found() {
        let text = fold("Access denied by policy 7: 庁内から外部");
        let has = |needle: &str| has_words(&text, &cut(needle));
        assert!(has("denied by policy"));
        assert!(has("DENIED, by"));
        assert!(!has("denied policy"));
        assert!(has("庁内から"));
        assert!(!has("外部から"));
        assert!(has("外"));
        assert!(!has("京"));
    }
}
