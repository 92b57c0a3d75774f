//! Wildcards: `*` is any number of characters, `?` exactly one. A pattern is at most [`Glob::UNITS_MAX`] units long.

#[derive(Clone, Debug, PartialEq, Eq)]
enum Unit {
    Byte(u8),
    /// Any one character.
    Any,
    Star,
}

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glob {
    units: Vec<Unit>,
}

impl Glob {
    /// The most units of a pattern; a unit is a byte or a wildcard.
    pub(crate) const UNITS_MAX: usize = 120;

    /// Compiles a folded pattern that matches whole strings; `None` when it is too long.
    pub(crate) fn new(pattern: &[Piece]) -> Option<Glob> {
        let mut units = Vec::new();
        for piece in pattern {
            match piece {
                Piece::Text(text) => units.extend(text.bytes().map(Unit::Byte)),
                Piece::Any => units.push(Unit::Any),
                Piece::Star if units.last() != Some(&Unit::Star) => units.push(Unit::Star),
                Piece::Star => {}
            }
        }
        (units.len() <= Self::UNITS_MAX).then_some(Glob { units })
    }

    /// The fixed text before the first wildcard.
    pub(crate) fn prefix(&self) -> Vec<u8> {
        let bytes = self.units.iter().map_while(|unit| match unit {
            Unit::Byte(byte) => Some(*byte),
            Unit::Any | Unit::Star => None,
        });
        bytes.collect()
    }

    /// Whether all of its fixed bytes are such: whether it may match text made of them alone.
    pub(crate) fn fits(&self, such: impl Fn(u8) -> bool) -> bool {
        self.units.iter().all(|unit| !matches!(unit, Unit::Byte(byte) if !such(*byte)))
    }

    /// The pattern as Lucene writes it (`\\` before what is meant as it stands); `None` when it has so many wildcards that Lucene,
    /// which makes a table of all states, may refuse it.
    pub(crate) fn pattern(&self) -> Option<String> {
        /// Each single character after a star doubles the states.
        const ANY_AFTER_STAR_MAX: usize = 6;
        const STARS_MAX: usize = 16;
        let stars = self.units.iter().filter(|unit| **unit == Unit::Star).count();
        let after = self.units.iter().skip_while(|unit| **unit != Unit::Star).filter(|unit| **unit == Unit::Any);
        if stars > STARS_MAX || after.count() > ANY_AFTER_STAR_MAX {
            return None;
        }
        let mut pattern = Vec::with_capacity(self.units.len());
        for unit in &self.units {
            match unit {
                Unit::Byte(byte @ (b'*' | b'?' | b'\\')) => pattern.extend([b'\\', *byte]),
                Unit::Byte(byte) => pattern.push(*byte),
                Unit::Any => pattern.push(b'?'),
                Unit::Star => pattern.push(b'*'),
            }
        }
        String::from_utf8(pattern).ok()
    }

    /// Whether the whole text matches.
    pub(crate) fn matches(&self, text: &str) -> bool {
        // Greedy with one point to return to: the last star. Linear for real patterns, at worst text × pattern.
        let (bytes, units) = (text.as_bytes(), &self.units);
        let (mut at, mut unit) = (0, 0);
        let mut back: Option<(usize, usize)> = None;
        loop {
            match units.get(unit) {
                Some(Unit::Star) => {
                    back = Some((unit, at));
                    unit += 1;
                    continue;
                }
                Some(Unit::Byte(byte)) if bytes.get(at) == Some(byte) => {
                    (at, unit) = (at + 1, unit + 1);
                    continue;
                }
                Some(Unit::Any) if at < bytes.len() => {
                    at += 1;
                    while bytes.get(at).is_some_and(|byte| byte & 0xc0 == 0x80) {
                        at += 1;
                    }
                    unit += 1;
                    continue;
                }
                None if at == bytes.len() => return true,
                _ => {}
            }
            match back {
                Some((star, from)) if from < bytes.len() => {
                    back = Some((star, from + 1));
                    (at, unit) = (from + 1, star + 1);
                }
                _ => return false,
            }
        }
    }
}

/// A part of a pattern before it is compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Folded text.
    Text(String),
    /// `?`
    Any,
    /// `*`
    Star,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(pattern: &str) -> Glob {
        let pieces: Vec<Piece> = pattern
            .chars()
            .map(|c| match c {
                '*' => Piece::Star,
                '?' => Piece::Any,
                c => Piece::Text(c.to_string()),
            })
            .collect();
        Glob::new(&pieces).unwrap()
    }

    #[test]
    fn wildcards() {
        let cases = [
            ("*", "", true),
            ("?", "", false),
            ("a*", "abc", true),
            ("*b", "xaab", true),
            ("a?b", "aあb", true),
            ("*a*b", "b", false),
            ("??", "ああ", true),
            ("??", "あ", false),
            ("", "", true),
            ("*?b", "b", false),
            ("sato*", "sato.taro", true),
            ("sato*", "xsato", false),
            ("*あ", "aあ", true),
            ("a*b*c", "a1b2b3c", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(glob(pattern).matches(text), expected, "{pattern} on {text}");
        }
        assert_eq!(glob("sa*x").prefix(), b"sa");
        assert_eq!(glob("s\\a*あ?").pattern().unwrap(), "s\\\\a*あ?");
        assert_eq!(glob("*???????").pattern(), None);
    }
}
