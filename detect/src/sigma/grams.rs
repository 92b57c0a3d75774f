//! Looking for thousands of literals at once, without regard to case.
//!
//! Each literal is filed under one run of four of its bytes (a gram), the one that is rarest in ordinary logs. A text is
//! read once: the gram at each place, with bit 0x20 set in every byte so that both cases of a letter are one, is
//! looked up in a bitmap that stays in the first-level cache; only where the bitmap knows it are literals compared.
//! Unlike an automaton, no step waits for the one before it. Each literal of five bytes or more is filed under two
//! neighbouring grams, or four when all are long, and only every second or fourth place is read. Literals of fewer bytes
//! have tables by one, two or three bytes. What is bound to the start or the end is looked up by the bytes that stand there
//! ([`sides`]), or compared directly when it is shorter than four bytes.
//!
//! Texts in which only ASCII letters have a case are read as they are, others folded ([`super::text::fold_into`]);
//! literals are folded.

mod sides;

use std::hash::BuildHasher;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use self::sides::{Filed, Sides};
use crate::hash::Seeded;

/// Where in a text a literal must stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Anchor {
    Anywhere,
    Start,
    End,
    Whole,
}

/// Literals, each with the numbers it stands for.
#[derive(Debug, Default)]
pub(super) struct Grams {
    texts: Vec<u8>,
    needles: Vec<Needle>,
    numbers: Vec<u32>,
    /// By length of the literals: more than four, three or four, two bytes, one; those there are.
    tables: Vec<Table>,
    /// Literals bound to a side.
    sides: Sides,
    /// Those of them that are too short to be looked up.
    short: Vec<u32>,
    /// Bit n: a text of n bytes, or of 63 and more, may hold one of them.
    lengths: u64,
    /// Given once.
    number: u64,
}

#[derive(Debug)]
struct Needle {
    start: u32,
    len: u32,
    numbers: (u32, u32),
    anchor: Anchor,
}

/// Bits of a bitmap per gram: at most one place in forty is set. Small ones leave room in the first-level cache.
const BITS_PER_GRAM: usize = 40;
const WORDS: [usize; 4] = [64, 256, 1024, 4096];

#[derive(Debug)]
struct Table {
    /// One of [`WORDS`]; where a gram's bit is, see [`bit_of`].
    bits: Box<[u64]>,
    /// Bytes of a gram.
    length: u8,
    /// Per bucket, where its needles start; one more at the end.
    heads: Vec<u32>,
    /// By bucket: the gram, the needle's number and where in the needle the gram stands.
    order: Vec<(u32, u32, u16)>,
    bucket_shift: u32,
    /// Every so many bytes a gram is read.
    stride: u16,
}

/// The table of literals of so many bytes; in each, grams are one byte longer than in the one before.
const TABLE_OF: [usize; 6] = [0, 0, 1, 2, 2, 3];

/// The hash of a gram of so many bytes. What stands behind them in `gram` falls out of the product.
#[inline(always)]
fn spread(gram: u32, length: usize) -> u32 {
    gram.wrapping_mul(0x9e37_79b1 << (8 * (4 - length)))
}

/// The bit of a gram in a bitmap of so many words: the highest bits of its [`spread`].
#[inline(always)]
fn bit_of(gram: u32, length: usize, words: usize) -> u32 {
    spread(gram, length) >> (u32::BITS - (words * 64).trailing_zeros())
}

/// Bit 0x20 of every byte, so that both cases of a letter are one.
const CASES: u32 = 0x2020_2020;

/// The gram of up to four bytes.
fn gram_of(bytes: &[u8]) -> u32 {
    bytes.iter().enumerate().fold(0, |gram, (at, byte)| gram | u32::from(*byte | 0x20) << (8 * at))
}

impl Grams {
    /// From literals with what each stands for; the same literal may come several times.
    pub(super) fn new(literals: Vec<(Anchor, &str, u32)>) -> Grams {
        Grams::of(literals, None)
    }

    /// The same, filed by what texts like these really hold.
    pub(super) fn of(literals: Vec<(Anchor, &str, u32)>, seen: Option<&Seen>) -> Grams {
        // Brought together by a hash: comparing thousands of texts to sort them takes longer than all the rest. Two of one
        // hash may keep a third apart from its like, which is then found twice.
        let hash = Seeded::default();
        let key = |at: usize| hash.hash_one((literals[at].0, literals[at].1));
        let mut order: Vec<(u64, u32, u32)> =
            literals.iter().enumerate().map(|(at, (.., number))| (key(at), *number, at as u32)).collect();
        order.sort_unstable();
        let literal = |(.., at): &(u64, u32, u32)| (literals[*at as usize].0, literals[*at as usize].1);
        static MADE: AtomicU64 = AtomicU64::new(1);
        let mut grams = Grams { number: MADE.fetch_add(1, Ordering::Relaxed), ..Grams::default() };
        let (mut by_length, mut filed): ([Vec<u32>; 4], Filed) = Default::default();
        for same in order.chunk_by(|a, b| a.0 == b.0 && literal(a) == literal(b)) {
            let (anchor, text) = literal(&same[0]);
            let first = grams.numbers.len() as u32;
            grams.numbers.extend(same.chunk_by(|a, b| a.1 == b.1).map(|equal| equal[0].1));
            let bytes = text.as_bytes();
            let number = grams.needles.len() as u32;
            grams.needles.push(Needle {
                start: grams.texts.len() as u32,
                len: bytes.len() as u32,
                numbers: (first, grams.numbers.len() as u32),
                anchor,
            });
            grams.texts.extend_from_slice(bytes);
            let (length, whole) = (bytes.len().min(63), anchor == Anchor::Whole);
            grams.lengths |= if whole { 1 << length } else { u64::MAX << length };
            if anchor == Anchor::Anywhere && !bytes.is_empty() {
                by_length[TABLE_OF[bytes.len().min(5)]].push(number);
            } else if bytes.len() < Filed::LEAST {
                grams.short.push(number);
            } else {
                filed.add(bytes, anchor == Anchor::Start, number);
            }
        }
        grams.sides = Sides::new(filed);
        for (at, members) in by_length.into_iter().enumerate().rev() {
            if !members.is_empty() {
                let table = Table::new(&members, &grams, at + 1, seen);
                grams.tables.push(table);
            }
        }
        grams
    }

    fn text(&self, needle: &Needle) -> &[u8] {
        &self.texts[needle.start as usize..(needle.start + needle.len) as usize]
    }

    /// A number that no other has: what was found by it may be remembered under it.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Whether there is nothing to look for.
    pub(super) fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    /// Bit n: a text of n bytes, or of 63 and more, may hold one of them.
    pub(super) fn lengths(&self) -> u64 {
        self.lengths
    }

    /// Whether a text of so many bytes may hold one of them.
    pub(super) fn fits(&self, bytes: usize) -> bool {
        self.lengths >> bytes.min(63) & 1 != 0
    }

    /// Bytes of memory held.
    pub(super) fn bytes(&self) -> usize {
        let tables = self.tables.iter().map(Table::bytes);
        let sides = self.sides.bytes();
        sides
            + self.texts.len()
            + self.needles.len() * size_of::<Needle>()
            + self.numbers.len() * 4
            + tables.sum::<usize>()
    }

    /// Hands over the numbers of every literal that stands in `text`, which is folded but for ASCII letters; some several
    /// times.
    #[inline]
    pub(super) fn scan(&self, text: &[u8], found: &mut dyn FnMut(&[u32])) {
        if self.fits(text.len()) {
            self.scan_all(text, found);
        }
    }

    /// As [`Grams::scan`] for a text whose length is known to fit.
    pub(super) fn scan_all(&self, text: &[u8], found: &mut dyn FnMut(&[u32])) {
        let mut bound = |needle: u32| {
            let needle = &self.needles[needle as usize];
            let at_end = text.len().wrapping_sub(needle.len as usize);
            let start = if needle.anchor == Anchor::End { at_end } else { 0 };
            self.verify(needle, text, start, found);
        };
        self.short.iter().copied().for_each(&mut bound);
        self.sides.look(text, bound);
        for table in &self.tables {
            table.scan(self, text, found);
        }
    }

    fn verify(&self, needle: &Needle, text: &[u8], start: usize, found: &mut dyn FnMut(&[u32])) {
        let length = needle.len as usize;
        let Some(held) = start.checked_add(length).and_then(|end| text.get(start..end)) else { return };
        let placed = match needle.anchor {
            Anchor::Anywhere => true,
            Anchor::Start => start == 0,
            Anchor::End => start + length == text.len(),
            Anchor::Whole => length == text.len(),
        };
        if placed && held.eq_ignore_ascii_case(self.text(needle)) {
            found(&self.numbers[needle.numbers.0 as usize..needle.numbers.1 as usize]);
        }
    }
}

impl Table {
    fn new(members: &[u32], grams: &Grams, length: usize, seen: Option<&Seen>) -> Table {
        let text = |number: u32| grams.text(&grams.needles[number as usize]);
        let shortest = members.iter().map(|number| text(*number).len()).min().unwrap_or(0);
        // Of so many neighbouring grams one stands at a place that is read.
        let stride: u16 = match shortest + 1 - length {
            0 | 1 => 1,
            2 | 3 => 2,
            _ => 4,
        };
        let mut order: Vec<(u32, u32, u16)> = Vec::with_capacity(members.len() * usize::from(stride));
        for number in members {
            let bytes = text(*number);
            let place = choose(bytes, length, usize::from(stride), seen);
            let places = (place..).take(usize::from(stride));
            order.extend(places.map(|at| (gram_of(&bytes[at..at + length]), *number, at as u16)));
        }
        let bucket_bits = (order.len() * 2).next_power_of_two().trailing_zeros().max(1);
        let bucket_shift = 32 - bucket_bits;
        let bucket = |gram: u32| (spread(gram, length) >> bucket_shift) as usize;
        order.sort_by_key(|(gram, ..)| bucket(*gram));
        let mut heads = vec![0u32; (1 << bucket_bits) + 1];
        for (gram, ..) in &order {
            heads[bucket(*gram) + 1] += 1;
        }
        for at in 1..heads.len() {
            heads[at] += heads[at - 1];
        }
        let wanted = order.len() * BITS_PER_GRAM / 64;
        let words = WORDS.into_iter().find(|words| *words >= wanted).unwrap_or(WORDS[3]);
        let mut bits = vec![0_u64; words];
        for (gram, ..) in &order {
            let bit = bit_of(*gram, length, words);
            bits[(bit >> 6) as usize] |= 1 << (bit & 63);
        }
        Table { bits: bits.into(), length: length as u8, heads, order, bucket_shift, stride }
    }

    fn bytes(&self) -> usize {
        self.bits.len() * 8 + self.heads.len() * 4 + self.order.len() * 12 + size_of::<Table>()
    }

    fn scan(&self, grams: &Grams, text: &[u8], found: &mut dyn FnMut(&[u32])) {
        match self.bits.len() {
            words if words == WORDS[0] => self.scan_by::<{ WORDS[0] }>(grams, text, found),
            words if words == WORDS[1] => self.scan_by::<{ WORDS[1] }>(grams, text, found),
            words if words == WORDS[2] => self.scan_by::<{ WORDS[2] }>(grams, text, found),
            _ => self.scan_by::<{ WORDS[3] }>(grams, text, found),
        }
    }

    fn scan_by<const W: usize>(&self, grams: &Grams, text: &[u8], found: &mut dyn FnMut(&[u32])) {
        let Some(bits) = self.bits.first_chunk::<W>() else { return };
        match (self.length, self.stride) {
            (4, 2) => self.scan_every::<4, 2, W>(bits, grams, text, found),
            (4, _) => self.scan_every::<4, 4, W>(bits, grams, text, found),
            (3, 1) => self.scan_every::<3, 1, W>(bits, grams, text, found),
            (3, _) => self.scan_every::<3, 2, W>(bits, grams, text, found),
            (2, _) => self.scan_every::<2, 1, W>(bits, grams, text, found),
            _ => self.scan_every::<1, 1, W>(bits, grams, text, found),
        }
    }

    /// Everything that varies between tables is a constant here: a place costs ten instructions.
    #[inline(never)]
    fn scan_every<const N: usize, const STRIDE: usize, const W: usize>(
        &self,
        bits: &[u64; W],
        grams: &Grams,
        text: &[u8],
        found: &mut dyn FnMut(&[u32]),
    ) {
        let known = |gram: u32| {
            let bit = bit_of(gram, N, W);
            bits[(bit >> 6) as usize] >> (bit & 63) & 1 != 0
        };
        let mut at = 0;
        // Four places a step, so that there is one branch for them; each is read as four bytes.
        while let Some(window) = text.get(at..at + 3 * STRIDE + 4) {
            let known = |place: usize| {
                let four = window[place * STRIDE..].first_chunk().map_or(0, |four| u32::from_le_bytes(*four));
                known(four | CASES)
            };
            if known(0) | known(1) | known(2) | known(3) {
                self.look_from::<N>(grams, text, (at..at + 4 * STRIDE).step_by(STRIDE), found);
            }
            at += 4 * STRIDE;
        }
        while let Some(window) = text.get(at..).and_then(<[u8]>::first_chunk::<N>) {
            if known(gram_of(window)) {
                self.look(grams, gram_of(window), text, at, found);
            }
            at += STRIDE;
        }
    }

    /// Looks at all places of a step of which one is known.
    #[inline(never)]
    fn look_from<const N: usize>(
        &self,
        grams: &Grams,
        text: &[u8],
        places: std::iter::StepBy<std::ops::Range<usize>>,
        found: &mut dyn FnMut(&[u32]),
    ) {
        for at in places {
            let Some(window) = text.get(at..).and_then(<[u8]>::first_chunk::<N>) else { return };
            let (gram, words) = (gram_of(window), self.bits.len());
            let bit = bit_of(gram, N, words);
            if self.bits[(bit >> 6) as usize] >> (bit & 63) & 1 != 0 {
                self.look(grams, gram, text, at, found);
            }
        }
    }

    #[inline(never)]
    fn look(&self, grams: &Grams, gram: u32, text: &[u8], at: usize, found: &mut dyn FnMut(&[u32])) {
        let bucket = (spread(gram, usize::from(self.length)) >> self.bucket_shift) as usize;
        for (held, number, place) in &self.order[self.heads[bucket] as usize..self.heads[bucket + 1] as usize] {
            if *held == gram
                && let Some(start) = at.checked_sub(usize::from(*place))
            {
                grams.verify(&grams.needles[*number as usize], text, start, found);
            }
        }
    }
}

/// Where in a literal its rarest grams of this length stand, so many in a row.
fn choose(bytes: &[u8], length: usize, stride: usize, seen: Option<&Seen>) -> usize {
    if bytes.len() < 5 {
        return 0;
    }
    let common = &*COMMON;
    let (mut best, mut sum, mut recent) = ((u32::MAX, 0), 0, [0; 4]);
    for (at, window) in bytes.windows(length).take(usize::from(u16::MAX)).enumerate() {
        let gram = gram_of(window);
        let count = common.count(gram) + seen.map_or(0, |seen| seen.count(gram, length));
        sum = sum + count - std::mem::replace(&mut recent[at % stride], count);
        if at + 1 >= stride && sum < best.0 {
            best = (sum, at + 1 - stride);
        }
    }
    best.1
}

/// How rare a literal's rarest gram is: 0 for the rarest.
pub(super) fn commonness(text: &str) -> u32 {
    text.as_bytes().windows(4).map(|window| COMMON.count(gram_of(window))).min().unwrap_or(u32::MAX / 2)
}

/// What stands in nearly every log: literals are not filed under grams of these.
const ORDINARY: &str = r#"c:\windows\system32\ c:\windows\syswow64\ \windows\explorer.exe c:\program files\ (x86)\
\users\public\ \appdata\local\temp\ \appdata\roaming\microsoft\windows\start menu\programs\ \programdata\
\device\harddiskvolume windowspowershell\v1.0\powershell.exe powershell_ise.exe \pwsh.exe \cmd.exe /c \rundll32.exe
\svchost.exe -k netsvcs -p -s \services.exe \conhost.exe 0xffffffff \taskhostw.exe \wmiprvse.exe \msedge.exe \chrome.exe
\excel.exe \winword.exe \outlook.exe microsoft® windows® operating system microsoft corporation google nt authority\system
microsoft-windows-sysmon/operational hklm\software\microsoft\windows nt\currentversion\run hku\s-1-5-21- \classes\
hkcu\software\ \system\currentcontrolset\services\ dword (0x00000001) .exe .dll .tmp .dat .txt .log .xml .json .html .js .css
.png .bat .cmd .ps1 .vbs .docx .xlsx .com/ .co.jp .local http://www. https:// mozilla/5.0 (windows nt 10.0; win64; x64)
applewebkit/537.36 (khtml, like gecko) chrome/ safari/537.36 edg/ firefox/ gecko/ compatible; msie trident
md5= sha1= sha256= imphash= /usr/bin/ /usr/sbin/ /usr/lib/ /bin/bash /bin/sh /etc/ /home/ /var/log/ /tmp/ /opt/ -c
session opened for user accepted publickey password from port ssh2 type=syscall msg=audit( arch= success=yes exit= ppid= pid=
auid= uid= comm= exe= key= command line process service script system user name file path start test data error failed
"#;

/// 1 for the letters and digits that are most frequent.
static FREQUENT: [u8; 256] = {
    let (mut table, letters, mut at) = ([0; 256], b"etaoinsr01", 0);
    while at < letters.len() {
        table[letters[at] as usize] = 1;
        at += 1;
    }
    table
};

static COMMON: LazyLock<Common> = LazyLock::new(|| Common::new(&ORDINARY.replace("\\\\", "\\")));

/// How often grams stand in ordinary logs.
struct Common(Vec<u16>);

impl Common {
    const SLOTS: usize = 1 << 13;

    fn new(text: &str) -> Common {
        let mut counts = vec![0u16; Self::SLOTS];
        for window in text.as_bytes().windows(4) {
            let count = &mut counts[Self::slot(gram_of(window))];
            *count = count.saturating_add(1);
        }
        Common(counts)
    }

    fn slot(gram: u32) -> usize {
        (spread(gram, 4) >> (32 - 13)) as usize
    }

    /// How common the gram is; letters that stand together often count, odd signs do not.
    fn count(&self, gram: u32) -> u32 {
        let letters: u32 = gram.to_le_bytes().iter().map(|byte| u32::from(FREQUENT[usize::from(*byte)])).sum();
        u32::from(self.0[Self::slot(gram)]) * 8 + letters
    }
}

/// The grams of texts that were met, by which literals are filed under what is rare in such texts.
#[derive(Debug)]
pub(super) struct Seen {
    counts: Box<[u8; Seen::SLOTS]>,
}

impl Seen {
    const SLOTS: usize = 1 << 14;
    /// What one text counts beside [`Common`].
    const WEIGHT: u32 = 64;

    /// Of no text.
    pub(super) fn new() -> Seen {
        Seen { counts: Box::new([0; Seen::SLOTS]) }
    }

    /// Adds a folded text.
    pub(super) fn add(&mut self, text: &[u8]) {
        for length in [3, 4] {
            for window in text.windows(length) {
                let count = &mut self.counts[Self::slot(gram_of(window), length)];
                *count = count.saturating_add(1);
            }
        }
    }

    fn slot(gram: u32, length: usize) -> usize {
        (spread(gram ^ length as u32, 4) >> (32 - Self::SLOTS.trailing_zeros())) as usize
    }

    fn count(&self, gram: u32, length: usize) -> u32 {
        if length < 3 { 0 } else { u32::from(self.counts[Self::slot(gram, length)]) * Self::WEIGHT }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(grams: &Grams, text: &str) -> Vec<u32> {
        let folded = crate::sigma::text::fold(text);
        let mut all = Vec::new();
        grams.scan(if text.is_ascii() { text.as_bytes() } else { folded.as_bytes() }, &mut |numbers| {
            all.extend_from_slice(numbers)
        });
        all.sort_unstable();
        all.dedup();
        all
    }

    fn plain(literals: &[(Anchor, String, u32)], text: &str) -> Vec<u32> {
        let text = crate::sigma::text::fold(text);
        let holds = |anchor: &Anchor, literal: &str| match anchor {
            Anchor::Anywhere => text.contains(literal),
            Anchor::Start => text.starts_with(literal),
            Anchor::End => text.ends_with(literal),
            Anchor::Whole => text == literal,
        };
        let mut all: Vec<u32> = literals.iter().filter(|(a, l, _)| holds(a, l)).map(|(_, _, n)| *n).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    proptest! {
        #[test]
        fn finds_what_a_plain_search_finds(
            literals in prop::collection::vec((0..4usize, "[ab\\\\.e-]{1,6}|[aé\u{212a}k]{1,4}", 0..9u32), 0..60),
            texts in prop::collection::vec("[abAB\\\\.eE-]{0,20}|[aéÉ\u{212a}kK]{0,8}", 1..8),
        ) {
            let anchors = [Anchor::Anywhere, Anchor::Start, Anchor::End, Anchor::Whole];
            let literals: Vec<(Anchor, String, u32)> = literals
                .into_iter()
                .map(|(anchor, text, number)| (anchors[anchor], crate::sigma::text::fold(&text), number))
                .collect();
            let grams = Grams::new(literals.iter().map(|(a, t, n)| (*a, t.as_str(), *n)).collect());
            for text in &texts {
                prop_assert_eq!(found(&grams, text), plain(&literals, text), "{} {:?}", text, literals);
            }
        }
    }
}
