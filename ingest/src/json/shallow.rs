//! The top of a JSON text without what is below: where a value ends, the members of an object, the elements of an array.
//!
//! Strings and brackets are respected, nothing else is checked and nothing is copied: for telling texts apart and cutting
//! them, where a parser reads the pieces later. Works on bytes, because what devices send need not be UTF-8.

use memchr::memchr2;

/// How many bytes the value at the start takes, blanks before it included; none when it does not end.
pub(crate) fn value_end(bytes: &[u8]) -> Option<usize> {
    let start = blanks(bytes, 0);
    let (mut at, mut depth) = (start, 0_usize);
    loop {
        match *bytes.get(at)? {
            b'"' => at = string_end(bytes, at)?,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            _ if depth == 0 => return scalar_end(bytes, start),
            _ => at += 1,
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

/// Behind the string whose quote stands at `at`.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

fn scalar_end(bytes: &[u8], start: usize) -> Option<usize> {
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b",:]}[{\"".contains(byte);
    let length = bytes[start..].iter().position(ends).unwrap_or(bytes.len() - start);
    (length > 0).then_some(start + length)
}

fn blanks(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or(&[]);
    at + rest.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(rest.len())
}

/// The members of the object that a text is: key as it is written between its quotes, and the value's own bytes. Ends
/// where the text is no object.
pub(crate) struct Members<'a> {
    bytes: &'a [u8],
    at: usize,
    whole: bool,
}

impl<'a> Members<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        let start = blanks(bytes, 0);
        let at = if bytes.get(start) == Some(&b'{') { start + 1 } else { bytes.len() };
        Members { bytes, at, whole: false }
    }

    /// The key of the first member, found without looking at its value.
    pub(crate) fn first_key(bytes: &'a [u8]) -> Option<&'a [u8]> {
        let start = blanks(bytes, 0);
        let quote = blanks(bytes, start + 1);
        if bytes.get(start) != Some(&b'{') || bytes.get(quote) != Some(&b'"') {
            return None;
        }
        Some(&bytes[quote + 1..string_end(bytes, quote)? - 1])
    }

    /// Whether the object's end was met; asked after the last member.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }

    fn member(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let bytes = self.bytes;
        let mut at = blanks(bytes, self.at);
        match *bytes.get(at)? {
            b'}' => {
                self.whole = true;
                return None;
            }
            b',' => at = blanks(bytes, at + 1),
            _ => {}
        }
        if *bytes.get(at)? != b'"' {
            return None;
        }
        let key_end = string_end(bytes, at)?;
        let key = &bytes[at + 1..key_end - 1];
        let colon = blanks(bytes, key_end);
        if *bytes.get(colon)? != b':' {
            return None;
        }
        let start = blanks(bytes, colon + 1);
        let end = start + value_end(&bytes[start..])?;
        self.at = end;
        Some((key, &bytes[start..end]))
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let member = self.member();
        if member.is_none() {
            self.at = self.bytes.len();
        }
        member
    }
}

/// The elements of the array that a text is.
pub(crate) fn elements(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let start = blanks(bytes, 0);
    let mut at = if bytes.get(start) == Some(&b'[') { start + 1 } else { bytes.len() };
    std::iter::from_fn(move || {
        at = blanks(bytes, at);
        if bytes.get(at) == Some(&b',') {
            at = blanks(bytes, at + 1);
        }
        if matches!(bytes.get(at), None | Some(b']')) {
            at = bytes.len();
            return None;
        }
        let Some(length) = value_end(&bytes[at..]) else {
            at = bytes.len();
            return None;
        };
        let element = &bytes[at..at + length];
        at += length;
        Some(element)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_end_where_they_end() {
        for (text, end) in [
            ("{\"a\":[1,{\"b\":\"}\\\"]\"}]} x", Some(22)),
            (" \"a\\\\\" ", Some(6)),
            ("12.5,", Some(4)),
            ("true", Some(4)),
            ("[]", Some(2)),
            ("{\"a\":1", None),
            ("\"a", None),
            ("\"a\\", None),
            ("]", None),
            (",", None),
            ("", None),
        ] {
            assert_eq!(value_end(text.as_bytes()), end, "{text}");
        }
    }

    #[test]
    fn members_and_elements() {
        let text = br#" {"a" : 1, "b\"c":{"d":[1]} ,"e":"x"} "#;
        let mut members = Members::of(text);
        let found: Vec<_> = members.by_ref().collect();
        let expected: [(&[u8], &[u8]); 3] = [(b"a", b"1"), (b"b\\\"c", b"{\"d\":[1]}"), (b"e", b"\"x\"")];
        assert_eq!(found, expected);
        assert!(members.is_whole());
        assert_eq!(Members::first_key(text), Some(&b"a"[..]));
        assert_eq!(Members::first_key(b"{\"k"), None);
        assert_eq!(Members::first_key(b"[1]"), None);
        for broken in ["{\"a\":1", "{\"a\" 1}", "[1]", "", "{a:1}"] {
            let mut members = Members::of(broken.as_bytes());
            members.by_ref().for_each(drop);
            assert!(!members.is_whole(), "{broken}");
        }
        let found: Vec<_> = elements(b"[1, {\"a\":2},\"]\" ]").collect();
        assert_eq!(found, [b"1".as_slice(), b"{\"a\":2}", b"\"]\""]);
        assert_eq!(elements(b"{}").count(), 0);
    }

    proptest::proptest! {
        #[test]
        fn never_panics_and_agrees_with_serde(text in "[\\[\\]{}\",:\\\\ua0-9 .-]{0,30}") {
            Members::of(text.as_bytes()).for_each(drop);
            elements(text.as_bytes()).for_each(drop);
            let end = value_end(text.as_bytes());
            if serde_json::from_str::<serde_json::Value>(&text).is_ok() {
                proptest::prop_assert!(end.is_some_and(|end| text[end..].trim().is_empty()), "{text}");
            }
        }
    }
}
