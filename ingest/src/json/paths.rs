//! The paths that a walker met, numbered, with a memory of which key follows which.
//!
//! Events of one source have the same keys in the same order: after a key, the ones that followed it before are
//! compared with the text first, so that a known key costs a comparison, no hash and no copy.
//!
//! Bounds: [`PATHS_MAX`] paths are kept, each below `PATH_BYTES_MAX` bytes, and [`NEXT_MAX`] followers of each.

use std::collections::HashMap;

/// The most paths that get a number.
pub const PATHS_MAX: usize = 4096;
const _: () = assert!(PATHS_MAX < NONE as usize, "a path's number takes two bytes");
/// How many keys are remembered as followers of one key.
const NEXT_MAX: usize = 4;
/// The path of the text itself.
pub(super) const ROOT: u32 = 0;
const NONE: u16 = u16::MAX;

/// See the module.
pub(super) struct Paths {
    nodes: Vec<Node>,
    names: Vec<Box<str>>,
    /// Each key as it stands in a text, with the quote and the colon behind it; empty when it needs escapes.
    keys: Vec<Box<[u8]>>,
    children: Vec<HashMap<Box<str>, u32>>,
}

/// What is looked at for every member of every text: half a line of the cache.
struct Node {
    /// The first eight bytes of the key as a number, zeros behind a shorter one.
    head: u64,
    /// The last eight bytes of a longer key.
    tail: u64,
    /// The paths whose keys followed this one.
    next: [u16; NEXT_MAX],
    parent: u16,
    /// Bytes of the key, with the quote and the colon behind it.
    length: u16,
    /// Which of `next` is given up for a new one.
    oldest: u8,
    /// The bits of `head` that are not the key's: they are the highest.
    beyond: u8,
}

/// The bytes of a word, as [`Node`] holds the head of a key.
const HEAD_BYTES: usize = 8;

impl Default for Paths {
    fn default() -> Self {
        let mut paths = Paths { nodes: Vec::new(), names: Vec::new(), keys: Vec::new(), children: Vec::new() };
        paths.push(u32::from(NONE), "", "".into());
        paths
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
    #[inline(always)]
    pub(super) fn expected(&self, last: u32, parent: u32, text: &[u8]) -> Option<(u32, usize)> {
        let head = u64::from_le_bytes(*text.first_chunk::<HEAD_BYTES>()?);
        for &number in &self.nodes[last as usize].next {
            let node = self.nodes.get(usize::from(number))?;
            if (head ^ node.head) << node.beyond == 0 && u32::from(node.parent) == parent {
                let length = usize::from(node.length);
                if length <= HEAD_BYTES || self.ends_at(number, node, text, length) {
                    return Some((u32::from(number), length));
                }
            }
        }
        None
    }

    /// Whether what is behind the head of the key stands in `text`, too.
    #[inline]
    fn ends_at(&self, number: u16, node: &Node, text: &[u8], length: usize) -> bool {
        if length > 2 * HEAD_BYTES {
            return text.get(HEAD_BYTES..length) == Some(&self.keys[usize::from(number)][HEAD_BYTES..]);
        }
        let last = text.get(length - HEAD_BYTES..).and_then(<[u8]>::first_chunk::<HEAD_BYTES>);
        last.is_some_and(|last| u64::from_le_bytes(*last) == node.tail)
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
        if self.nodes[number as usize].length > 0 {
            let node = &mut self.nodes[last as usize];
            match node.next.iter_mut().find(|next| **next == NONE) {
                Some(next) => *next = number as u16,
                None => {
                    node.next[usize::from(node.oldest)] = number as u16;
                    node.oldest = (node.oldest + 1) % NEXT_MAX as u8;
                }
            }
        }
        Some(number)
    }

    fn push(&mut self, parent: u32, key: &str, name: Box<str>) -> u32 {
        let plain = !key.bytes().any(|byte| matches!(byte, b'"' | b'\\'));
        let key: Box<[u8]> = if plain { format!("{key}\":").into_bytes().into() } else { Box::default() };
        let mut head = [0; HEAD_BYTES];
        head.iter_mut().zip(&key).for_each(|(to, byte)| *to = *byte);
        let tail = key.last_chunk::<HEAD_BYTES>().map_or(0, |tail| u64::from_le_bytes(*tail));
        self.nodes.push(Node {
            head: u64::from_le_bytes(head),
            tail,
            next: [NONE; NEXT_MAX],
            parent: parent as u16,
            length: key.len() as u16,
            oldest: 0,
            // A path without a key of its own is no one's follower.
            beyond: (u8::BITS as usize * (HEAD_BYTES - key.len().clamp(1, HEAD_BYTES))) as u8,
        });
        self.keys.push(key);
        self.names.push(name);
        self.children.push(HashMap::new());
        self.nodes.len() as u32 - 1
    }
}
