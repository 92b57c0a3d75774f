//! The cells of one delimited line, borrowed from it: quoted with doubled quotes (RFC 4180), or bare.
//!
//! Lenient: a quote inside a bare cell is text, a quote that is never closed runs to the end, text behind a closing quote
//! is skipped up to the separator. A cell with doubled quotes is rebuilt in the arena.

use bumpalo::Bump;

/// The cells of a line.
#[derive(Clone, Debug)]
pub(crate) struct Cells<'a> {
    rest: Option<&'a str>,
    separator: char,
    arena: &'a Bump,
}

/// Reads the cells of `line`, which are separated by an ASCII character.
pub(crate) fn cells<'a>(line: &'a str, separator: char, arena: &'a Bump) -> Cells<'a> {
    Cells { rest: Some(line.trim_end_matches(['\r', '\n', '\0'])), separator, arena }
}

impl<'a> Iterator for Cells<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest?;
        let lead = if self.separator == ' ' { text } else { text.trim_start_matches(' ') };
        let Some(inner) = lead.strip_prefix('"') else {
            let (cell, rest) = match text.split_once(self.separator) {
                Some((cell, rest)) => (cell, Some(rest)),
                None => (text, None),
            };
            self.rest = rest;
            return Some(cell.trim_matches(' '));
        };
        let (mut at, mut doubled) = (0, false);
        let end = loop {
            match memchr::memchr(b'"', inner.as_bytes().get(at..).unwrap_or(&[])) {
                None => break inner.len(),
                Some(found) if inner.as_bytes().get(at + found + 1) == Some(&b'"') => {
                    doubled = true;
                    at += found + 2;
                }
                Some(found) => break at + found,
            }
        };
        let cell = &inner[..end];
        self.rest = inner.get(end + 1..).and_then(|rest| rest.split_once(self.separator)).map(|(_, rest)| rest);
        Some(if doubled { self.arena.alloc_str(&cell.replace("\"\"", "\"")) } else { cell })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Vec<String> {
        let arena = Bump::new();
        cells(line, ',', &arena).map(str::to_owned).collect()
    }

    #[test]
    fn quoted_and_bare() {
        assert_eq!(read("a, b ,\"c,d\",\"e \"\"f\"\"\",\"\",,x\r\n"), ["a", "b", "c,d", "e \"f\"", "", "", "x"]);
        assert_eq!(read("\"open,b"), ["open,b"]);
        assert_eq!(read("\"a\"junk,b"), ["a", "b"]);
        assert_eq!(read("a,"), ["a", ""]);
        assert_eq!(read("\"a\","), ["a", ""]);
        assert_eq!(read(""), [""]);
        let arena = Bump::new();
        assert_eq!(cells("a \"b c\" - d", ' ', &arena).collect::<Vec<_>>(), ["a", "b c", "-", "d"]);
    }
}
