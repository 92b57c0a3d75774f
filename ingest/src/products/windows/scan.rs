//! A forward reader of JSON text: tokens, not paths, because in Windows events the same key means different things at
//! different places, and numbers are wanted as they are written. The shared walker of [`crate::json`] gives paths.
//!
//! Strings without escapes borrow from the text, others go into the arena; numbers and booleans are their own text.
//! Lenient where collectors are (a stray comma), and never reads past the end. Format: RFC 8259.

use bumpalo::Bump;

use crate::json::unescape;

/// What comes next in the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A string, a number or a boolean.
    Scalar(&'a str),
    /// `null`.
    Null,
    /// The start of an object.
    Object,
    /// The start of an array.
    Array,
}

/// A place in JSON text.
pub(super) struct Scan<'a> {
    text: &'a str,
    at: usize,
    arena: &'a Bump,
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a str, arena: &'a Bump) -> Self {
        Scan { text, at: 0, arena }
    }

    /// The next value: whole when it is a scalar, else its opening bracket. `None` at damage or the end.
    pub(super) fn token(&mut self) -> Option<Token<'a>> {
        match self.peek()? {
            b'"' => self.string().map(Token::Scalar),
            b'{' => {
                self.at += 1;
                Some(Token::Object)
            }
            b'[' => {
                self.at += 1;
                Some(Token::Array)
            }
            _ => {
                let rest = &self.text.as_bytes()[self.at..];
                let length = rest
                    .iter()
                    .position(|byte| matches!(byte, b',' | b'}' | b']' | b':' | b' ' | b'\t' | b'\r' | b'\n' | b'"'))
                    .unwrap_or(rest.len());
                let word = self.text.get(self.at..self.at + length).filter(|word| !word.is_empty())?;
                self.at += length;
                Some(if word == "null" { Token::Null } else { Token::Scalar(word) })
            }
        }
    }

    /// The next key of the object that is being read; `None` at its end or at damage.
    pub(super) fn key(&mut self) -> Option<&'a str> {
        loop {
            match self.peek()? {
                b'}' => {
                    self.at += 1;
                    return None;
                }
                b',' => self.at += 1,
                b'"' => break,
                _ => {
                    self.at = self.text.len();
                    return None;
                }
            }
        }
        let key = self.string()?;
        if self.peek()? == b':' {
            self.at += 1;
            return Some(key);
        }
        self.at = self.text.len();
        None
    }

    /// The next element of the array that is being read; `None` at its end or at damage.
    pub(super) fn element(&mut self) -> Option<Token<'a>> {
        loop {
            match self.peek()? {
                b']' => {
                    self.at += 1;
                    return None;
                }
                b',' => self.at += 1,
                _ => return self.token(),
            }
        }
    }

    /// Passes over the rest of an object or array whose opening bracket was read.
    pub(super) fn skip(&mut self) {
        let mut depth = 1;
        while depth > 0 {
            match self.peek() {
                None => return,
                Some(b'"') => {
                    if self.string().is_none() {
                        self.at = self.text.len();
                    }
                }
                Some(byte) => {
                    depth += i32::from(matches!(byte, b'{' | b'[')) - i32::from(matches!(byte, b'}' | b']'));
                    self.at += 1;
                }
            }
        }
    }

    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// A string whose opening quote is next.
    fn string(&mut self) -> Option<&'a str> {
        let start = self.at + 1;
        let mut from = start;
        let mut escaped = false;
        loop {
            let index = from + memchr::memchr2(b'"', b'\\', self.text.as_bytes().get(from..)?)?;
            if self.text.as_bytes()[index] == b'"' {
                self.at = index + 1;
                let raw = self.text.get(start..index)?;
                return Some(if escaped { unescape(raw, self.arena) } else { raw });
            }
            escaped = true;
            from = index + 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_values_and_escapes() {
        let arena = Bump::new();
        let mut scan =
            Scan::new(r#"{"a":"C:\\x\u3042\ud83d\ude00","n":-1.5,"z":null,"l":[1,{"k":[]},"s"],"b":true}"#, &arena);
        assert_eq!(scan.token(), Some(Token::Object));
        assert_eq!(scan.key(), Some("a"));
        assert_eq!(scan.token(), Some(Token::Scalar("C:\\xあ😀")));
        assert_eq!(scan.key(), Some("n"));
        assert_eq!(scan.token(), Some(Token::Scalar("-1.5")));
        assert_eq!(scan.key(), Some("z"));
        assert_eq!(scan.token(), Some(Token::Null));
        assert_eq!(scan.key(), Some("l"));
        assert_eq!(scan.token(), Some(Token::Array));
        assert_eq!(scan.element(), Some(Token::Scalar("1")));
        assert_eq!(scan.element(), Some(Token::Object));
        scan.skip();
        assert_eq!(scan.element(), Some(Token::Scalar("s")));
        assert_eq!(scan.element(), None);
        assert_eq!(scan.key(), Some("b"));
        assert_eq!(scan.token(), Some(Token::Scalar("true")));
        assert_eq!(scan.key(), None);
    }

    #[test]
    fn damage_ends_the_reading() {
        let arena = Bump::new();
        for text in [
            "",
            "{",
            "{\"a",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":\"\\",
            "{\"a\":\"\\u12",
            "[",
            "{,,",
            "{\"あ\\あ\":",
            "}",
            "\"\\ud800\\u",
        ] {
            let mut scan = Scan::new(text, &arena);
            for _ in 0..20 {
                scan.token();
                scan.key();
                scan.element();
                scan.skip();
            }
        }
    }
}
