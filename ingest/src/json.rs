//! JSON flattened straight into `(path, value)` calls, without building a tree.
//!
//! Paths are the keys joined by dots; the elements of an array carry the array's own path, in order. Text borrows from
//! the line, and goes into the arena only when it holds escapes. Reading is lenient where devices are sloppy (control
//! characters inside strings, lone surrogates become U+FFFD) and strict where guessing would be needed.
//!
//! Bounds: depth [`DEPTH_MAX`], [`VALUES_MAX`] values reported, paths of [`PATH_BYTES_MAX`] bytes; values beyond the
//! last two are read over and not reported. [`PATHS_MAX`] paths get a number. Source: RFC 8259.

mod marks;
mod ndjson;
mod paths;
mod shallow;
mod text;
mod walk;

use bumpalo::Bump;
use stream::Value;

use self::marks::Marks;
pub use self::ndjson::Ndjson;
pub use self::paths::PATHS_MAX;
use self::paths::{Paths, ROOT};
pub(crate) use self::shallow::{Members, elements, value_end};
pub use self::text::unescape;
use self::walk::{Place, Visit, Walk};
use crate::parser::Reason;

/// The deepest nesting; a deeper text is refused.
pub const DEPTH_MAX: usize = 64;
/// The most values reported from one text.
pub const VALUES_MAX: usize = 4096;
/// The longest path reported, in bytes.
pub const PATH_BYTES_MAX: usize = 512;
/// One scalar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number without fraction and exponent that fits.
    Int(i64),
    /// Any other number, also as it is written.
    Float(f64, &'a str),
    /// Text, unescaped.
    Str(&'a str),
}

impl<'a> Scalar<'a> {
    /// The scalar as a field's value; nothing for `null`.
    pub fn value(self) -> Option<Value<'a>> {
        Some(match self {
            Scalar::Null => return None,
            Scalar::Bool(flag) => Value::Bool(flag),
            Scalar::Int(number) => Value::Int(number),
            Scalar::Float(number, _) => Value::Float(number),
            Scalar::Str(text) => Value::Str(text),
        })
    }

    /// The scalar if it is text.
    pub fn str(self) -> Option<&'a str> {
        match self {
            Scalar::Str(text) => Some(text),
            _ => None,
        }
    }
}

/// Where a scalar stands: its path, and the path's number in the [`Walker`] that met it.
#[derive(Clone, Copy, Debug)]
pub struct Path<'p> {
    /// The keys joined by dots.
    pub name: &'p str,
    /// The same for the same path as long as the walker lives, below [`PATHS_MAX`]; none for paths beyond that.
    pub number: Option<u32>,
}

/// Walks JSON texts; keeps the paths it met from one text to the next.
#[derive(Default)]
pub struct Walker {
    paths: Paths,
    marks: Marks,
    spill: String,
    plain: Vec<u8>,
}

impl Walker {
    /// Calls `visit` for every scalar of the text, in order. A text after the value is refused, blanks are not.
    ///
    /// # Errors
    /// A [`Reason`] where the text is not JSON; what stood before was reported.
    pub fn walk<'a>(
        &mut self,
        text: &'a str,
        arena: &'a Bump,
        mut visit: impl FnMut(&str, Scalar<'a>),
    ) -> Result<(), Reason> {
        self.walk_numbered(text, arena, &mut |path: Path<'_>, scalar| visit(path.name, scalar))
    }

    /// As [`Walker::walk`], with the paths' numbers, by which a caller may remember what a path means.
    fn walk_numbered<'a>(&mut self, text: &'a str, arena: &'a Bump, visit: &mut impl Visit<'a>) -> Result<(), Reason> {
        let end = self.prefix(text, arena, visit)?;
        if is_blank(&text[end..]) { Ok(()) } else { Err(Reason("text after the JSON value")) }
    }

    /// As [`Walker::walk`] for a value at the start of a text: gives how many bytes it took.
    ///
    /// # Errors
    /// A [`Reason`] where the text is not JSON; what stood before was reported.
    pub fn walk_prefix<'a>(
        &mut self,
        text: &'a str,
        arena: &'a Bump,
        mut visit: impl FnMut(&str, Scalar<'a>),
    ) -> Result<usize, Reason> {
        self.prefix(text, arena, &mut |path: Path<'_>, scalar| visit(path.name, scalar))
    }

    fn prefix<'a>(&mut self, text: &'a str, arena: &'a Bump, visit: &mut impl Visit<'a>) -> Result<usize, Reason> {
        self.spill.clear();
        self.marks.clear();
        let Walker { paths, marks, spill, plain } = self;
        let mut walk = Walk::new(text, arena, paths, marks, spill, plain);
        walk.value(visit, Place::Known(ROOT), 0)?;
        Ok(walk.at)
    }
}

/// Whether a text says nothing: blanks, and line breaks that a relay wrote as `\n`.
fn is_blank(text: &str) -> bool {
    let rest = text.trim_ascii();
    rest.is_empty() || rest.split("\\n").all(|part| matches!(part.trim_ascii(), "" | "\\r"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(text: &str) -> (Vec<(String, String)>, Result<(), Reason>) {
        let arena = Bump::new();
        let mut found = Vec::new();
        let result = Walker::default().walk(text, &arena, |path, scalar| {
            found.push((path.to_owned(), scalar.value().map_or("null".into(), |value| value.text().into_owned())));
        });
        (found, result)
    }

    fn pairs(found: &[(String, String)]) -> Vec<(&str, &str)> {
        found.iter().map(|(path, value)| (path.as_str(), value.as_str())).collect()
    }

    #[test]
    fn flattens() {
        let (found, result) = flat(
            r#" {"a":{"b":1,"c":[true,null,{"d":"x"}]},"e":-1.5e3,"f":"","g":{},"h":[],"i":18446744073709551615} "#,
        );
        assert_eq!(result, Ok(()));
        let expected = [
            ("a.b", "1"),
            ("a.c", "true"),
            ("a.c", "null"),
            ("a.c.d", "x"),
            ("e", "-1500"),
            ("f", ""),
            ("i", "18446744073709552000"),
        ];
        assert_eq!(pairs(&found), expected);
    }

    #[test]
    fn unescapes() {
        let (found, result) = flat(r#"{"a\n":"\u65e5\u672c \ud83d\ude00 \ud83d \"q\" \\ \/ \x","b":"C:\\x"}"#);
        assert_eq!(result, Ok(()));
        assert_eq!(pairs(&found), [("a\n", "日本 😀 \u{fffd} \"q\" \\ / \\x"), ("b", "C:\\x")]);
    }

    #[test]
    fn refuses_what_is_not_json() {
        for text in [
            "",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,}",
            "[1",
            "[1,]",
            "\"x",
            "\"x\\",
            "tru",
            "1 2",
            "-",
            "1e999",
            "{a:1}",
        ] {
            assert!(flat(text).1.is_err(), "{text}");
        }
        assert_eq!(flat(&"[".repeat(100_000)).1, Err(Reason("JSON nested too deeply")));
    }

    #[test]
    fn bounded() {
        let many = format!("[{}1]", "1,".repeat(10_000));
        assert_eq!(flat(&many).0.len(), VALUES_MAX);
        let long = format!("{{\"{}\":1,\"b\":2}}", "k".repeat(PATH_BYTES_MAX + 1));
        assert_eq!(pairs(&flat(&long).0), [("b", "2")]);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,40}|[\\[\\]{}\",:\\\\ua0-9é .-]{0,60}") {
            let _ = flat(&text);
        }

        #[test]
        fn agrees_with_serde(text in "[\\[\\]{}\",:a0-9 .-]{0,12}") {
            let serde: Result<serde_json::Value, _> = serde_json::from_str(&text);
            if serde.is_ok() {
                proptest::prop_assert_eq!(flat(&text).1, Ok(()));
            }
        }
    }
}
