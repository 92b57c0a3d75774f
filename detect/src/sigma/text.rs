//! Text comparison as Sigma means it: case-insensitive over all of Unicode, wildcards `*` and `?`.
//!
//! Folding is character by character (one character stays one character), so `?` counts the same before and after.

/// The dashes that `windash` treats as one (specification: `-`, `/`, en dash, em dash, horizontal bar).
pub(super) const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];

fn fold_char(c: char) -> char {
    // Latin signs, kana, kanji and hangul have no case; asking the tables for each costs ten times the copy.
    if matches!(c, '\u{80}'..='\u{bf}' | '\u{3000}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}') {
        return c;
    }
    // Its upper case is S, so that without regard to case it is an s.
    if c == 'ſ' {
        return 's';
    }
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// Whether lower case is the text with its ASCII letters in lower case, told by the first bytes of its characters: ASCII,
/// Latin signs, kana, kanji and most of hangul. False where more would have to be looked at.
pub(super) fn has_ascii_case_only(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.is_ascii()
        || bytes
            .iter()
            .fold(true, |only, byte| only & (*byte < 0xc0 || matches!(byte, 0xc2 | 0xe3..=0xe9 | 0xeb | 0xec)))
}

/// How many bytes of ASCII stand at the start.
fn ascii_bytes(bytes: &[u8]) -> usize {
    let (words, _) = bytes.as_chunks::<8>();
    let words = words.iter().take_while(|word| word.is_ascii()).count() * 8;
    words + bytes[words..].iter().take_while(|byte| byte.is_ascii()).count()
}

/// Appends `text` to `out` in lower case.
pub(super) fn fold_into(text: &str, out: &mut String) {
    let mut rest = text;
    loop {
        let start = out.len();
        let ascii = ascii_bytes(rest.as_bytes());
        out.push_str(&rest[..ascii]);
        out[start..].make_ascii_lowercase();
        rest = &rest[ascii..];
        let Some(c) = rest.chars().next() else { return };
        out.push(fold_char(c));
        rest = &rest[c.len_utf8()..];
    }
}

/// Appends `text` with every dash of `windash` written `-`, in lower case if asked.
pub(super) fn dash_into(text: &str, folded: bool, out: &mut String) {
    let plain = |c: char| match c {
        c if DASHES.contains(&c) => '-',
        c if folded => fold_char(c),
        c => c,
    };
    out.extend(text.chars().map(plain));
}

/// `text` in lower case.
pub(crate) fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    fold_into(text, &mut out);
    out
}

/// `text` with every dash of `windash` written `-`.
pub(super) fn dashed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    dash_into(text, false, &mut out);
    out
}

/// One piece of a wildcard pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// These characters.
    Literal(Box<str>),
    /// `?`: any one character.
    One,
    /// `*`: any number of characters.
    Many,
}

/// A wildcard pattern over whole texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob(pub(super) Box<[Piece]>);

impl Glob {
    /// Whether the whole of `text` matches. Time: at most pieces x length (only the last `*` is ever retried).
    pub(super) fn matches(&self, text: &str) -> bool {
        let pieces = &self.0;
        let (mut piece, mut rest) = (0, text);
        let mut retry: Option<(usize, &str)> = None;
        loop {
            let step = match pieces.get(piece) {
                None if rest.is_empty() => return true,
                None => None,
                Some(Piece::Many) => {
                    if piece + 1 == pieces.len() {
                        return true;
                    }
                    retry = Some((piece + 1, rest));
                    piece += 1;
                    continue;
                }
                Some(Piece::One) => rest.chars().next().map(|c| &rest[c.len_utf8()..]),
                Some(Piece::Literal(literal)) => rest.strip_prefix(&**literal),
            };
            if let Some(after) = step {
                (piece, rest) = (piece + 1, after);
                continue;
            }
            let Some((from, held)) = retry else { return false };
            let Some(skipped) = skip(&pieces[from], held) else { return false };
            retry = Some((from, skipped));
            (piece, rest) = (from, skipped);
        }
    }
}

/// The next place after the start of `held` where `piece` may begin.
fn skip<'t>(piece: &Piece, held: &'t str) -> Option<&'t str> {
    let mut chars = held.chars();
    chars.next()?;
    let after = chars.as_str();
    match piece {
        Piece::Literal(literal) => after.find(&**literal).map(|at| &after[at..]),
        _ => Some(after),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(pattern: &str) -> Glob {
        let mut pieces = Vec::new();
        for c in pattern.chars() {
            pieces.push(match c {
                '*' => Piece::Many,
                '?' => Piece::One,
                c => Piece::Literal(c.to_string().into()),
            });
        }
        Glob(pieces.into())
    }

    #[test]
    fn globs() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*b", "ab", true),
            ("a*b", "axxb\nb", true),
            ("a*b", "axxbc", false),
            ("*a?c*", "xxabc", true),
            ("*a?c*", "xxac", false),
            ("?", "語", true),
            ("?", "", false),
            ("*ab*ab", "abxabab", true),
            ("a*a*a*a*b", &"a".repeat(200), false),
        ] {
            assert_eq!(glob(pattern).matches(text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn what_has_ascii_case_only_is_folded_so() {
        for c in '\0'..=char::MAX {
            let text = c.to_string();
            if has_ascii_case_only(&text) {
                assert_eq!(fold(&text), text.to_ascii_lowercase());
            }
        }
        assert!(
            has_ascii_case_only("Microsoft® 庁内 かな 나")
                && !has_ascii_case_only("\u{212a}")
                && !has_ascii_case_only("É")
        );
    }

    #[test]
    fn folding_is_unicode() {
        assert_eq!(fold("ÄΣABCあ"), "äσabcあ");
        assert_eq!(dashed("a/b–c"), "a-b-c");
    }
}
