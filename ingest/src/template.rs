//! Messages that a vendor documents as sentences: a template's words must stand in the text, its names take what is
//! between them.
//!
//! `Deny {proto} src {source} dst {destination} by {}`: a name takes the shortest text up to the next words of the
//! template, `{}` takes text that nobody asks for, and what stands at the end takes the rest. What follows the last
//! words is not looked at. Matching reads the text once from left to right and allocates nothing.

/// The most names that one template may have.
pub(crate) const NAMES_MAX: usize = 16;

/// What the names of a template took, in its order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken<'a> {
    pairs: [(&'static str, &'a str); NAMES_MAX],
    count: usize,
}

impl<'a> Taken<'a> {
    /// The names and their texts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &'a str)> + '_ {
        self.pairs[..self.count].iter().copied()
    }

    /// The text of a name, empty when the template has none.
    pub(crate) fn get(&self, name: &str) -> &'a str {
        self.iter().find(|(held, _)| *held == name).map_or("", |(_, text)| text)
    }
}

/// Holds `text` against a template.
pub(crate) fn take<'a>(template: &'static str, text: &'a str) -> Option<Taken<'a>> {
    let mut taken = Taken { pairs: [("", ""); NAMES_MAX], count: 0 };
    let (words, mut ahead) = template.split_once('{').unwrap_or((template, ""));
    let mut rest = text.strip_prefix(words)?;
    while !ahead.is_empty() {
        let (name, after) = ahead.split_once('}')?;
        let (words, next) = after.split_once('{').unwrap_or((after, ""));
        let end = if words.is_empty() { rest.len() } else { rest.find(words)? };
        if !name.is_empty() && taken.count < NAMES_MAX {
            taken.pairs[taken.count] = (name, rest[..end].trim());
            taken.count += 1;
        }
        rest = &rest[end + words.len()..];
        ahead = next;
    }
    Some(taken)
}

/// The first of several templates that the text fits.
pub(crate) fn first<'a>(templates: &[&'static str], text: &'a str) -> Option<Taken<'a>> {
    templates.iter().find_map(|template| take(template, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_take_what_is_between_words() {
        let taken = take("Deny {proto} src {a} dst {b} by {}", "Deny tcp src in:1 dst out:2 by group \"x\"").unwrap();
        assert_eq!(taken.iter().collect::<Vec<_>>(), [("proto", "tcp"), ("a", "in:1"), ("b", "out:2")]);
        assert_eq!((taken.get("b"), taken.get("c")), ("out:2", ""));
        assert_eq!(take("User '{user}' ran", "User 'a' ran b").unwrap().get("user"), "a");
        assert_eq!(take("a {rest}", "a b c ").unwrap().get("rest"), "b c");
        assert!(take("plain", "plain text").is_some());
        assert!(take("plain", "pla").is_none() && take("a {b} c", "a b").is_none());
        assert_eq!(first(&["x {a}", "y {b}"], "y 日本").unwrap().get("b"), "日本");
    }
}
