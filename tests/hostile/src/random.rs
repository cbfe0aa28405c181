//! Random numbers, the same in each run: G. Marsaglia, "Xorshift RNGs", 2003.

/// A generator.
pub(crate) struct Random(u64);

impl Random {
    /// One that begins as always.
    pub(crate) fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    /// 64 random bits.
    pub(crate) fn word(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.word() % bound
    }

    /// A word at which rules begin and end, or any.
    pub(crate) fn edge(&mut self) -> u64 {
        match self.below(4) {
            0 => self.below(520),
            1 => u64::MAX - self.below(520),
            2 => self.below(1 << 32),
            _ => self.word(),
        }
    }
}
