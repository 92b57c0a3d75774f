//! `key=value key="quoted value"` scanning, borrowing from the line.
//!
//! A key is a run of bytes without blanks, quotes and `=`; a value is quoted (`"` or `'`, with backslash escapes, left
//! as they are until [`unescape`] is asked) or runs to the next separator. Separators are blanks, and one more byte if
//! asked for. Words without `=` are skipped. A quote that is never closed runs to the end of the line (cut lines).
//! Source: FortiOS Log Reference, "log message format"; logfmt.

use bumpalo::Bump;
use memchr::{memchr, memchr2};

/// One `key=value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair<'a> {
    /// The key, never empty.
    pub key: &'a str,
    /// The value without its quotes; may be empty.
    pub value: &'a str,
    /// Whether the value holds backslashes that [`unescape`] should look at; only quoted values do.
    pub escaped: bool,
}

/// The pairs of a text, in order.
#[derive(Clone, Debug)]
pub struct Pairs<'a> {
    text: &'a str,
    at: usize,
    separator: u8,
}

/// Scans pairs separated by blanks.
pub fn pairs(text: &str) -> Pairs<'_> {
    pairs_separated(text, b' ')
}

/// Scans pairs separated by blanks and by `separator`, an ASCII byte (`,`, `|`, `;`, tab); other bytes count as a blank.
pub fn pairs_separated(text: &str, separator: u8) -> Pairs<'_> {
    Pairs { text, at: 0, separator: if separator.is_ascii() { separator } else { b' ' } }
}

impl<'a> Pairs<'a> {
    /// What has not been scanned yet.
    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn is_separator(&self, byte: u8) -> bool {
        byte == b' ' || byte == self.separator || byte == b'\t'
    }

    /// The value that starts at `self.at`; leaves `self.at` behind it.
    fn value(&mut self) -> (&'a str, bool) {
        let bytes = self.text.as_bytes();
        let start = self.at;
        match bytes.get(start) {
            Some(&quote @ (b'"' | b'\'')) => {
                let (length, escaped) = quoted_length(&bytes[start + 1..], quote);
                let end = start + 1 + length;
                self.at = (end + 1).min(bytes.len());
                (&self.text[start + 1..end], escaped)
            }
            _ => {
                let length = bytes[start..].iter().position(|byte| self.is_separator(*byte));
                self.at = length.map_or(bytes.len(), |length| start + length);
                (&self.text[start..self.at], false)
            }
        }
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Pair<'a>;

    #[inline]
    fn next(&mut self) -> Option<Pair<'a>> {
        let bytes = self.text.as_bytes();
        let mut start = self.at;
        let mut index = start;
        while index < bytes.len() {
            let byte = bytes[index];
            if byte == b'=' && index > start {
                self.at = index + 1;
                let key = &self.text[start..index];
                let (value, escaped) = self.value();
                return Some(Pair { key, value, escaped });
            }
            index += 1;
            if byte == b'=' || byte == b'"' || self.is_separator(byte) {
                start = index;
            }
        }
        self.at = bytes.len();
        None
    }
}

/// How many bytes stand before the closing quote (or the end), and whether a backslash is among them.
fn quoted_length(bytes: &[u8], quote: u8) -> (usize, bool) {
    let mut at = 0;
    let mut escaped = false;
    while let Some(found) = memchr2(quote, b'\\', &bytes[at..]) {
        let index = at + found;
        if bytes[index] == quote {
            return (index, escaped);
        }
        escaped = true;
        at = index + 2;
        if at >= bytes.len() {
            break;
        }
    }
    (bytes.len(), escaped)
}

/// Takes `\"`, `\'`, `\\` and `\/` back to what they stand for; any other backslash stays, `\n` and `\t` too, because a
/// Windows path (`C:\temp`) is likelier than a line break. Borrows when nothing changes.
pub fn unescape<'a>(text: &'a str, arena: &'a Bump) -> &'a str {
    if memchr(b'\\', text.as_bytes()).is_none() {
        return text;
    }
    let mut plain = bumpalo::collections::String::with_capacity_in(text.len(), arena);
    let mut rest = text;
    while let Some(at) = memchr(b'\\', rest.as_bytes()) {
        plain.push_str(&rest[..at]);
        let replaced = match rest.as_bytes().get(at + 1) {
            Some(b'"') => '"',
            Some(b'\'') => '\'',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            _ => {
                plain.push('\\');
                rest = &rest[at + 1..];
                continue;
            }
        };
        plain.push(replaced);
        rest = &rest[at + 2..];
    }
    plain.push_str(rest);
    plain.into_bump_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str) -> Vec<(&str, &str)> {
        pairs(text).map(|pair| (pair.key, pair.value)).collect()
    }

    #[test]
    fn plain_and_quoted() {
        assert_eq!(
            scan(r#"date=2026-11-20 devname="fw 1" action="" srcip=192.0.2.1 x= y="a=b c""#),
            [
                ("date", "2026-11-20"),
                ("devname", "fw 1"),
                ("action", ""),
                ("srcip", "192.0.2.1"),
                ("x", ""),
                ("y", "a=b c"),
            ]
        );
        assert_eq!(scan("bare words k=v and more"), [("k", "v")]);
        assert_eq!(scan("url=http://x/?a=b c=d"), [("url", "http://x/?a=b"), ("c", "d")]);
        assert_eq!(scan("=x a=1"), [("a", "1")]);
        assert_eq!(scan(r#""quoted" a=1"#), [("a", "1")]);
        assert_eq!(scan(r#"devname="部署 1" k='x y'"#), [("devname", "部署 1"), ("k", "x y")]);
    }

    #[test]
    fn escapes_and_cut_lines() {
        let pair = pairs(r#"msg="say \"hi\" \\" a=1"#).next().unwrap();
        assert_eq!((pair.value, pair.escaped), (r#"say \"hi\" \\"#, true));
        let arena = Bump::new();
        assert_eq!(unescape(pair.value, &arena), r#"say "hi" \"#);
        assert_eq!(unescape(r"C:\Windows\x", &arena), r"C:\Windows\x");
        assert_eq!(unescape("\\", &arena), "\\");
        assert_eq!(scan(r#"a="never closed b=2"#), [("a", "never closed b=2")]);
        assert_eq!(scan(r#"a="cut \"#), [("a", r"cut \")]);
        assert_eq!(scan("a="), [("a", "")]);
    }

    #[test]
    fn other_separators() {
        let found: Vec<_> = pairs_separated("a=1,b=\"x,y\", c=3", b',').map(|pair| (pair.key, pair.value)).collect();
        assert_eq!(found, [("a", "1"), ("b", "x,y"), ("c", "3")]);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,60}|[a-c=\"'\\\\ ,é]{0,60}") {
            let arena = Bump::new();
            for pair in pairs_separated(&text, b',') {
                proptest::prop_assert!(!pair.key.is_empty());
                unescape(pair.value, &arena);
            }
        }
    }
}
