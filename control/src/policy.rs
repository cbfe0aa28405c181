//! What is to become of a partition that has ended or hangs, without anybody asking.

/// What the others do.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(u8)]
pub enum Reaction {
    /// Nothing: it stays as it is, to be looked at.
    #[default]
    Keep = 0,
    /// Its cores go to the resident part, and wait.
    Stop = 1,
    /// It is started again.
    Restart = 2,
}

/// A partition's policy, in one word.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Policy {
    /// After a panic.
    pub on_panic: Reaction,
    /// When it hangs.
    pub on_hang: Reaction,
    /// After it was halted or powered off.
    pub on_exit: Reaction,
    /// Most restarts by this policy within 10 minutes. After that it is kept.
    pub restart_limit: u8,
}

impl Reaction {
    fn from_bits(bits: u8) -> Self {
        match bits {
            1 => Self::Stop,
            2 => Self::Restart,
            _ => Self::Keep,
        }
    }
}

impl Policy {
    /// From a word, whatever it holds.
    pub fn from_word(word: u64) -> Self {
        let [on_panic, on_hang, on_exit, restart_limit, ..] = word.to_le_bytes();
        Self {
            on_panic: Reaction::from_bits(on_panic),
            on_hang: Reaction::from_bits(on_hang),
            on_exit: Reaction::from_bits(on_exit),
            restart_limit,
        }
    }

    /// As a word.
    pub fn word(self) -> u64 {
        let reactions = [self.on_panic as u8, self.on_hang as u8, self.on_exit as u8];
        u64::from_le_bytes([reactions[0], reactions[1], reactions[2], self.restart_limit, 0, 0, 0, 0])
    }

    /// Whether the others have anything to watch for.
    pub fn is_active(self) -> bool {
        [self.on_panic, self.on_hang, self.on_exit].iter().any(|reaction| *reaction != Reaction::Keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_survives_its_word() {
        let policy =
            Policy { on_panic: Reaction::Restart, on_hang: Reaction::Stop, on_exit: Reaction::Keep, restart_limit: 5 };
        assert_eq!(Policy::from_word(policy.word()), policy);
        assert!(policy.is_active() && !Policy::default().is_active());
        assert_eq!(Policy::from_word(0xffff_ff07_0909_0909).on_hang, Reaction::Keep, "an unknown reaction");
    }
}
