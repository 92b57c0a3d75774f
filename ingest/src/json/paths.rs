//! The paths that a walker met, numbered, with a memory of which key follows which.
//!
//! Events of one source have the same keys in the same order: after a key, the ones that followed it before are
//! compared with the text first, so that a known key costs a comparison, no hash and no copy.
//!
//! Bounds: [`PATHS_MAX`] paths are kept, each below `PATH_BYTES_MAX` bytes, and [`NEXT_MAX`] followers of each.

use std::collections::HashMap;

/// The most paths that get a number.
pub const PATHS_MAX: usize = 4096;
/// How many keys are remembered as followers of one key.
const NEXT_MAX: usize = 4;
/// The path of the text itself.
pub(super) const ROOT: u32 = 0;
const NONE: u32 = u32::MAX;

/// See the module.
pub(super) struct Paths {
    nodes: Vec<Node>,
    names: Vec<Box<str>>,
    children: Vec<HashMap<Box<str>, u32>>,
}

struct Node {
    parent: u32,
    next: [u32; NEXT_MAX],
    /// Which of `next` is given up for a new one.
    oldest: u8,
    /// The key as it stands in a text, with the quote and the colon behind it; empty when it needs escapes.
    key: Box<[u8]>,
    /// The first eight bytes of `key` as a number, and which bits of it are the key's.
    head: u64,
    mask: u64,
    /// The last eight bytes of a longer key.
    tail: u64,
}

/// The bytes of a word, as [`Node`] holds the head of a key.
const HEAD_BYTES: usize = 8;

impl Default for Paths {
    fn default() -> Self {
        let mut paths = Paths { nodes: Vec::new(), names: Vec::new(), children: Vec::new() };
        paths.push(NONE, "", "".into());
        paths
    }
}

impl Node {
    /// Whether what is behind the head of the key stands in `text`, too.
    #[inline]
    fn ends_at(&self, text: &[u8], length: usize) -> bool {
        if length > 2 * HEAD_BYTES {
            return text.get(HEAD_BYTES..length) == Some(&self.key[HEAD_BYTES..]);
        }
        let last = text.get(length - HEAD_BYTES..).and_then(<[u8]>::first_chunk::<HEAD_BYTES>);
        last.is_some_and(|last| u64::from_le_bytes(*last) == self.tail)
    }
}

impl Paths {
    /// The keys of a path, joined by dots.
    #[inline]
    pub(super) fn name(&self, number: u32) -> &str {
        &self.names[number as usize]
    }

    /// The key below `parent` that stands at the start of `text`, if it followed `last` before: its number, and how many
    /// bytes it takes with its quote and colon.
    #[inline]
    pub(super) fn expected(&self, last: u32, parent: u32, text: &[u8]) -> Option<(u32, usize)> {
        let head = u64::from_le_bytes(*text.first_chunk::<HEAD_BYTES>()?);
        for &number in &self.nodes[last as usize].next {
            let node = self.nodes.get(number as usize)?;
            if head & node.mask == node.head && node.parent == parent {
                let length = node.key.len();
                if length <= HEAD_BYTES || node.ends_at(text, length) {
                    return Some((number, length));
                }
            }
        }
        None
    }

    /// The number of the key below `parent`, which from now on is expected after `last`; none when there is no room.
    pub(super) fn child(&mut self, last: u32, parent: u32, key: &str) -> Option<u32> {
        let number = match self.children[parent as usize].get(key) {
            Some(number) => *number,
            None if self.nodes.len() >= PATHS_MAX => return None,
            None => {
                let above = self.name(parent);
                let name = if above.is_empty() { key.into() } else { format!("{above}.{key}").into() };
                let number = self.push(parent, key, name);
                self.children[parent as usize].insert(key.into(), number);
                number
            }
        };
        if !self.nodes[number as usize].key.is_empty() {
            let node = &mut self.nodes[last as usize];
            match node.next.iter_mut().find(|next| **next == NONE) {
                Some(next) => *next = number,
                None => {
                    node.next[usize::from(node.oldest)] = number;
                    node.oldest = (node.oldest + 1) % NEXT_MAX as u8;
                }
            }
        }
        Some(number)
    }

    fn push(&mut self, parent: u32, key: &str, name: Box<str>) -> u32 {
        let plain = !key.bytes().any(|byte| matches!(byte, b'"' | b'\\'));
        let key: Box<[u8]> = if plain { format!("{key}\":").into_bytes().into() } else { Box::default() };
        let (mut head, mut mask) = ([0; HEAD_BYTES], [0; HEAD_BYTES]);
        for (at, byte) in key.iter().take(HEAD_BYTES).enumerate() {
            (head[at], mask[at]) = (*byte, u8::MAX);
        }
        let (head, mask) = (u64::from_le_bytes(head), u64::from_le_bytes(mask));
        let tail = key.last_chunk::<HEAD_BYTES>().map_or(0, |tail| u64::from_le_bytes(*tail));
        self.nodes.push(Node { parent, next: [NONE; NEXT_MAX], oldest: 0, key, head, mask, tail });
        self.names.push(name);
        self.children.push(HashMap::new());
        self.nodes.len() as u32 - 1
    }
}
