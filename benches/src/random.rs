//! SplitMix64 (Steele, Lea, Flood 2014): small, seeded, the same everywhere. Not for secrets.

/// A seeded source of numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound.max(1)
    }

    /// One of the values; the slice is not empty.
    pub fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len() as u64) as usize]
    }

    /// An address of an office network.
    pub fn inside(&mut self) -> String {
        format!("10.{}.{}.{}", self.pick(&[10, 20, 30]), self.below(8), 1 + self.below(250))
    }

    /// An address of the office network that may reach the internet.
    pub fn office(&mut self) -> String {
        format!("10.30.{}.{}", self.below(8), 1 + self.below(250))
    }

    /// An address of the documentation ranges.
    pub fn outside(&mut self) -> String {
        format!("{}.{}", self.pick(&["192.0.2", "198.51.100", "203.0.113"]), 1 + self.below(250))
    }

    /// A user name.
    pub fn user(&mut self) -> &'static str {
        self.pick(&["sato", "suzuki", "tanaka", "takahashi", "ito", "watanabe", "yamamoto", "nakamura", "kobayashi"])
    }

    /// A host name of the documentation domains.
    pub fn host(&mut self) -> &'static str {
        self.pick(&[
            "www.example.com",
            "files.example.net",
            "mail.example.org",
            "cdn.example.com",
            "www.city.example.jp",
        ])
    }
}

/// The seconds since the epoch at which every corpus starts: 2026-11-20 10:15:30 in Japan.
pub(crate) const START: u64 = 1_795_137_330;

/// Date and time of day in Japan, `second` seconds after the start; within the day.
pub(crate) fn clock(second: u64) -> (u64, u64, u64) {
    let of_day = (10 * 3600 + 15 * 60 + 30 + second) % 86_400;
    (of_day / 3600, of_day / 60 % 60, of_day % 60)
}
