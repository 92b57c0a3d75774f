//! Keys of groups, short ones within the table itself: a look-up then touches one place of memory less.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};

/// The longest key that stands within the table.
const SHORT_MAX: usize = 46;

/// The text of a key.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// Its length and its bytes, the others zero.
    Short(u8, [u8; SHORT_MAX]),
    Long(Box<str>),
}

impl Key {
    pub(super) fn len(&self) -> usize {
        self.bytes().len()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Key::Short(len, bytes) => &bytes[..usize::from(*len)],
            Key::Long(text) => text.as_bytes(),
        }
    }

    pub(super) fn text(&self) -> &str {
        // Made from a text.
        std::str::from_utf8(self.bytes()).unwrap_or_default()
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Key {
        let mut bytes = [0; SHORT_MAX];
        match bytes.get_mut(..text.len()) {
            Some(room) => {
                room.copy_from_slice(text.as_bytes());
                Key::Short(text.len() as u8, bytes)
            }
            None => Key::Long(text.into()),
        }
    }
}

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        self.bytes()
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes().hash(state);
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.text().fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_keys_are_their_text() {
        for length in [0, 1, SHORT_MAX - 3, SHORT_MAX, SHORT_MAX + 1, 300] {
            for text in ["a".repeat(length), "端".repeat(length / 3)] {
                let key = Key::from(text.as_str());
                assert_eq!((key.text(), key.len(), key.bytes()), (text.as_str(), text.len(), text.as_bytes()));
                assert_eq!(matches!(key, Key::Short(..)), text.len() <= SHORT_MAX);
            }
        }
        assert_ne!(Key::from("a"), Key::from("a\0"));
    }
}
