//! Literals that are bound to the start or the end of a text: found by the eight, six or four bytes that stand there,
//! without reading the text.

/// How many bytes of a side are looked up, and so the least bytes of the literals that are filed by them. Most names of
/// programs end alike in four.
const WIDTHS: [usize; 3] = [8, 6, 4];
/// Bit 0x20 of every byte, so that both cases of a letter are one.
const CASES: u64 = 0x2020_2020_2020_2020;
const WORD: usize = size_of::<u64>();
/// A power of two.
const BITS_PER_PLACE: usize = 8;

/// Literals by their first or last bytes.
#[derive(Debug, Default)]
pub(super) struct Sides {
    /// By width.
    starts: [Side; WIDTHS.len()],
    ends: [Side; WIDTHS.len()],
}

/// Literals by one key each.
#[derive(Debug, Default)]
struct Side {
    /// Per key, which part of `order` is of it; empty parts where no key is. At least half are empty.
    places: Box<[(u64, u32, u32)]>,
    shift: u32,
    /// Tells most texts of no literal apart, in a tenth of the memory: [`BITS_PER_PLACE`] bits for each place.
    known: Box<[u64]>,
    /// The literals' numbers, by key.
    order: Vec<u32>,
}

/// Collects literals for [`Sides`].
#[derive(Debug, Default)]
pub(super) struct Filed {
    starts: [Vec<(u64, u32)>; WIDTHS.len()],
    ends: [Vec<(u64, u32)>; WIDTHS.len()],
}

impl Filed {
    /// The least bytes of a literal that can be filed.
    pub(super) const LEAST: usize = 4;

    /// Files a literal of [`Filed::LEAST`] bytes or more under its start or its end.
    pub(super) fn add(&mut self, literal: &[u8], at_start: bool, number: u32) {
        let Some(by) = WIDTHS.iter().position(|width| *width <= literal.len()) else { return };
        if at_start {
            self.starts[by].push((start_key(head(literal), WIDTHS[by]), number));
        } else {
            self.ends[by].push((end_key(tail(literal), WIDTHS[by]), number));
        }
    }
}

impl Sides {
    pub(super) fn new(filed: Filed) -> Sides {
        Sides { starts: filed.starts.map(Side::new), ends: filed.ends.map(Side::new) }
    }

    /// Bytes of memory held.
    pub(super) fn bytes(&self) -> usize {
        let sides = self.starts.iter().chain(&self.ends);
        sides
            .map(|side| side.places.len() * size_of::<(u64, u32, u32)>() + side.known.len() * 8 + side.order.len() * 4)
            .sum()
    }

    /// Hands over the numbers of the literals that may stand at a side of `text`.
    #[inline]
    pub(super) fn look(&self, text: &[u8], mut found: impl FnMut(u32)) {
        for (by, width) in WIDTHS.into_iter().enumerate() {
            if text.len() < width {
                continue;
            }
            if !self.ends[by].order.is_empty() {
                self.ends[by].of(end_key(tail(text), width)).iter().copied().for_each(&mut found);
            }
            if !self.starts[by].order.is_empty() {
                self.starts[by].of(start_key(head(text), width)).iter().copied().for_each(&mut found);
            }
        }
    }
}

impl Side {
    fn new(mut members: Vec<(u64, u32)>) -> Side {
        if members.is_empty() {
            return Side::default();
        }
        members.sort_unstable();
        let keys = members.chunk_by(|a, b| a.0 == b.0).count();
        let size = (keys * 2).next_power_of_two().max(2);
        let mut side = Side {
            places: vec![(0, 0, 0); size].into(),
            known: vec![0; (size * BITS_PER_PLACE).div_ceil(64)].into(),
            shift: u64::BITS - size.trailing_zeros(),
            order: members.iter().map(|(_, number)| *number).collect(),
        };
        let mut first = 0;
        for group in members.chunk_by(|a, b| a.0 == b.0) {
            let end = first + group.len() as u32;
            let at = side.place(group[0].0);
            side.places[at] = (group[0].0, first, end);
            let bit = side.bit(group[0].0);
            side.known[bit / 64] |= 1 << (bit % 64);
            first = end;
        }
        side
    }

    fn bit(&self, key: u64) -> usize {
        (spread(key) >> (self.shift - BITS_PER_PLACE.trailing_zeros())) as usize
    }

    /// Where the key is, or would be.
    #[inline]
    fn place(&self, key: u64) -> usize {
        let mut at = (spread(key) >> self.shift) as usize;
        loop {
            let (held, start, end) = self.places[at];
            if held == key || start == end {
                return at;
            }
            at = (at + 1) & (self.places.len() - 1);
        }
    }

    #[inline]
    fn of(&self, key: u64) -> &[u32] {
        let bit = self.bit(key);
        if self.known[bit / 64] >> (bit % 64) & 1 == 0 {
            return &[];
        }
        let (held, start, end) = self.places[self.place(key)];
        if held == key { &self.order[start as usize..end as usize] } else { &[] }
    }
}

#[inline]
fn spread(key: u64) -> u64 {
    key.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The first eight bytes, the first lowest.
#[inline]
fn head(text: &[u8]) -> u64 {
    CASES
        | match text.first_chunk::<WORD>() {
            Some(chunk) => u64::from_le_bytes(*chunk),
            None => text.iter().rev().fold(0, |word, byte| word << u8::BITS | u64::from(*byte)),
        }
}

/// The last eight bytes, the last highest.
#[inline]
fn tail(text: &[u8]) -> u64 {
    CASES
        | match text.last_chunk::<WORD>() {
            Some(chunk) => u64::from_le_bytes(*chunk),
            None => text.iter().fold(0, |word, byte| word >> u8::BITS | u64::from(*byte) << (u64::BITS - u8::BITS)),
        }
}

fn start_key(head: u64, width: usize) -> u64 {
    head & (u64::MAX >> (u64::BITS as usize - u8::BITS as usize * width))
}

fn end_key(tail: u64, width: usize) -> u64 {
    tail >> (u64::BITS as usize - u8::BITS as usize * width)
}
