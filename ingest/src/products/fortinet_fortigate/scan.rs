//! Scans the `key=value` body of a FortiGate line in one pass.
//!
//! Values are quoted or bare. FortiOS quotes by type, so a bare value may hold blanks (a device name); and it does not
//! always escape quotes inside a quoted value. So a value ends only where the line ends or where another `key=` follows
//! the separator, and a quote behind a backslash never ends a value: text that an attacker chose (a URL, a user agent)
//! cannot open a field of its own that easily. Separators are blanks, or commas in the CSV format.
//! Each byte is looked at at most twice, keys up to [`KEY_BYTES_MAX`] bytes.

use memchr::{memchr, memchr2};

/// The longest key that is taken for one.
pub(super) const KEY_BYTES_MAX: usize = 64;

/// A key that was found: where it stands, and its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) start: usize,
    /// Where the `=` stands.
    pub(super) end: usize,
    pub(super) hash: u32,
}

/// The pairs of a body, in order.
pub(super) struct Pairs<'a> {
    text: &'a str,
    next: Option<Key>,
    /// The separator beside the blank: a comma in the CSV format, else the blank again.
    separator: u8,
}

/// One pair; `escaped` says that the value holds `\"` or `\\`.
pub(super) struct Pair<'a> {
    pub(super) key: &'a str,
    pub(super) hash: u32,
    pub(super) value: &'a str,
    pub(super) escaped: bool,
}

/// The hash that [`key_at`] gives for a key.
pub(super) const fn hash(key: &[u8]) -> u32 {
    let (mut hash, mut index) = (SEED, 0);
    while index < key.len() {
        hash = step(hash, key[index]);
        index += 1;
    }
    hash
}

const SEED: u32 = 0x811c_9dc5;

/// FNV-1a.
const fn step(hash: u32, byte: u8) -> u32 {
    (hash ^ byte as u32).wrapping_mul(0x0100_0193)
}

const fn key_bytes() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || byte == b'_' as usize || byte == b'-' as usize;
        byte += 1;
    }
    table
}

static KEY_BYTE: [bool; 256] = key_bytes();

/// The key that starts at `start`, if a key and its `=` stand there.
#[inline]
pub(super) fn key_at(bytes: &[u8], start: usize) -> Option<Key> {
    let mut hash = SEED;
    let stop = bytes.len().min(start + KEY_BYTES_MAX + 1);
    let mut at = start;
    while at < stop {
        let byte = bytes[at];
        if !KEY_BYTE[usize::from(byte)] {
            let found = byte == b'=' && at > start && !bytes[start].is_ascii_digit();
            return found.then_some(Key { start, end: at, hash });
        }
        hash = step(hash, byte);
        at += 1;
    }
    None
}

impl<'a> Pairs<'a> {
    /// The pairs of `text` from `first` on.
    pub(super) fn new(text: &'a str, first: Key) -> Self {
        let bytes = text.as_bytes();
        // Only a comma right after the first, bare value says CSV: `date=2026-11-20,time=...`.
        let value = &bytes[(first.end + 1).min(bytes.len())..];
        let csv = memchr2(b' ', b',', value).is_some_and(|at| value[at] == b',' && key_at(value, at + 1).is_some());
        Pairs { text, next: Some(first), separator: if csv { b',' } else { b' ' } }
    }

    /// The key that follows a separator at `at`; blanks may repeat.
    #[inline]
    fn key_after(&self, mut at: usize) -> Option<Key> {
        let bytes = self.text.as_bytes();
        while bytes.get(at).is_some_and(|byte| *byte == b' ' || *byte == b'\t') {
            at += 1;
        }
        key_at(bytes, at)
    }

    #[inline]
    fn is_separator(&self, byte: u8) -> bool {
        byte == self.separator || byte == b' '
    }

    /// The end of the quoted text that starts at `start`, and whether it holds a backslash; sets the next key.
    fn quoted(&mut self, start: usize) -> (usize, bool) {
        let bytes = self.text.as_bytes();
        let (mut from, mut escaped, mut fallback) = (start, false, None);
        while let Some(length) = bytes.get(from..).and_then(|rest| memchr(b'"', rest)) {
            let quote = from + length;
            let after = quote + 1;
            let backslashes = bytes[start..quote].iter().rev().take_while(|byte| **byte == b'\\').count();
            if backslashes % 2 == 1 {
                escaped = true;
                from = after;
                continue;
            }
            match bytes.get(after) {
                // A stray quote at the very end does not belong to the value.
                None => return (fallback.filter(|before| before + 1 == quote).unwrap_or(quote), escaped),
                Some(byte) if self.is_separator(*byte) => {
                    if let Some(key) = self.key_after(after + 1) {
                        self.next = Some(key);
                        return (quote, escaped || memchr(b'\\', &bytes[start..quote]).is_some());
                    }
                    fallback = fallback.or(Some(quote));
                }
                Some(b']' | b'"' | b'\r' | 0) => fallback = fallback.or(Some(quote)),
                Some(_) => {}
            }
            from = after;
        }
        (fallback.unwrap_or_else(|| trimmed_end(bytes, start)), escaped)
    }

    /// The end of the bare text that starts at `start`; sets the next key.
    fn bare(&mut self, start: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut from = start;
        while let Some(length) = bytes.get(from..).and_then(|rest| memchr2(b' ', self.separator, rest)) {
            let at = from + length;
            if let Some(key) = self.key_after(at + 1) {
                self.next = Some(key);
                return at;
            }
            from = at + 1;
        }
        trimmed_end(bytes, start)
    }
}

/// The end of the line without blanks, line ends, NULs and a stray quote.
fn trimmed_end(bytes: &[u8], start: usize) -> usize {
    let mut end = bytes.len();
    while end > start && matches!(bytes[end - 1], b' ' | b'\t' | b'\r' | b'\n' | 0 | b'"' | b',') {
        end -= 1;
    }
    end
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Pair<'a>;

    #[inline]
    fn next(&mut self) -> Option<Pair<'a>> {
        let Key { start, end, hash } = self.next.take()?;
        let text = self.text;
        let value = end + 1;
        let (from, to, escaped) = if text.as_bytes().get(value) == Some(&b'"') {
            let (to, escaped) = self.quoted(value + 1);
            (value + 1, to, escaped)
        } else {
            (value, self.bare(value), false)
        };
        // Both ends stand beside ASCII bytes, so they are character boundaries.
        Some(Pair { key: text.get(start..end)?, hash, value: text.get(from..to)?, escaped })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(&str, &str)> {
        Pairs::new(text, key_at(text.as_bytes(), 0).unwrap()).map(|pair| (pair.key, pair.value)).collect()
    }

    #[test]
    fn bare_quoted_and_blank() {
        assert_eq!(pairs("a=1 b=\"x y\" c= d=\"\""), [("a", "1"), ("b", "x y"), ("c", ""), ("d", "")]);
        assert_eq!(pairs("devname=本庁 FW 1 devid=FG1"), [("devname", "本庁 FW 1"), ("devid", "FG1")]);
        assert_eq!(pairs("a=1\0"), [("a", "1")]);
        assert_eq!(pairs("a=\"1\" \r\n"), [("a", "1")]);
    }

    #[test]
    fn quotes_inside_quotes() {
        assert_eq!(pairs(r#"msg="he said "hi" to" b=1"#), [("msg", r#"he said "hi" to"#), ("b", "1")]);
        assert_eq!(pairs(r#"agent="x\" action=\"pass" b=1"#), [("agent", r#"x\" action=\"pass"#), ("b", "1")]);
        assert_eq!(pairs(r#"msg="never closed b=1"#), [("msg", "never closed b=1")]);
        assert_eq!(pairs(r#"a="1" b="2"]"#), [("a", "1"), ("b", "2")]);
        assert_eq!(pairs(r#"a="1"""#), [("a", "1")]);
    }

    #[test]
    fn comma_separated() {
        assert_eq!(pairs(r#"date=2026-11-20,time=10:00:00,msg="a, b",x=1"#).len(), 4);
        assert_eq!(pairs("a=1,2 b=3"), [("a", "1,2"), ("b", "3")]);
    }

    #[test]
    fn hash_is_that_of_the_scan() {
        assert_eq!(key_at(b"srcip=1", 0).unwrap().hash, hash(b"srcip"));
        assert_eq!(key_at(b"=1", 0), None);
        assert_eq!(key_at(b"9a=1", 0), None);
        assert_eq!(key_at(b"abc", 0), None);
    }
}
