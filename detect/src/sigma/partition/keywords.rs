//! Keywords: literals that are looked for in every field.
//!
//! Few and long ones are looked for value by value, together with the literals of each field; for others all values are joined.

use std::sync::Arc;

use aho_corasick::packed::Searcher;

use super::super::grams::{Anchor, Grams};

/// Literals looked for in every field.
#[derive(Debug, Default)]
pub(super) struct Keywords {
    pub(super) grams: Arc<Grams>,
    /// The call of each and its place among the keys of that witness, when they are looked for value by value; else values are joined for them.
    pub(super) filed: Vec<(u32, u32)>,
    /// Tells most quickly that none of them is there, when there are few.
    few: Option<Searcher>,
    /// Whether one of them can stand in a whole number, or in another value that is not text.
    pub(super) in_integers: bool,
    pub(super) in_others: bool,
}

impl Keywords {
    /// The most literals that are looked for in one step: more than that, the searcher does not take.
    const FEW: usize = 64;
    /// So many bytes have all of few keywords that are looked for together with a field's own literals: they make these no
    /// slower, as only every fourth place is read for them ([`Grams`]).
    const LONG: usize = 7;

    /// From literals, and where each is filed: call, and place among the keys of that witness.
    pub(super) fn new(keywords: Vec<(Anchor, &str, u32)>, filed: Vec<(u32, u32)>) -> Keywords {
        Keywords {
            in_integers: keywords.iter().any(|(_, text, _)| only(text, "0123456789-")),
            in_others: keywords
                .iter()
                .any(|(_, text, _)| only(text, "0123456789abcdef.:-+tz/") || "true false nan inf".contains(text)),
            few: Keywords::few(&keywords),
            filed: if Keywords::are_long(&keywords) { filed } else { Vec::new() },
            grams: Arc::new(Grams::new(keywords)),
        }
    }

    fn are_long(keywords: &[(Anchor, &str, u32)]) -> bool {
        keywords.len() <= Self::FEW && keywords.iter().all(|(_, literal, _)| literal.len() >= Self::LONG)
    }

    fn few(keywords: &[(Anchor, &str, u32)]) -> Option<Searcher> {
        let mut literals: Vec<&str> = keywords.iter().map(|(_, literal, _)| *literal).collect();
        literals.sort_unstable();
        literals.dedup();
        let long = literals.iter().all(|literal| literal.len() >= 4);
        (long && literals.len() <= Self::FEW).then(|| Searcher::new(literals)).flatten()
    }

    pub(super) fn may_stand_in(&self, text: &[u8]) -> bool {
        self.few.as_ref().is_none_or(|few| few.find(text).is_some())
    }
}

/// Whether the text consists of these characters only.
fn only(text: &str, of: &str) -> bool {
    text.chars().all(|c| of.contains(c))
}
