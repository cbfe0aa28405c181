//! Orders: a command and its number, in one word.

/// What a partition is to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Command {
    /// Nothing: no order was ever given.
    None = 0,
    /// Its cores stay in the resident part.
    Stop = 1,
    /// Load it anew, and enter its kernel.
    Start = 2,
    /// Enter its kernel, which lies there already: the first start of a box.
    Enter = 3,
}

impl Command {
    fn from_bits(bits: u8) -> Self {
        match bits {
            1 => Self::Stop,
            2 => Self::Start,
            3 => Self::Enter,
            _ => Self::None,
        }
    }
}

/// A command with its number. Numbers only grow, and 56 bits of them never end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Order {
    /// Its number, 0 before the first.
    pub sequence: u64,
    /// What is to be done.
    pub command: Command,
}

impl Order {
    /// From a word, whatever it holds.
    pub fn from_word(word: u64) -> Self {
        Self { sequence: word >> 8, command: Command::from_bits(word as u8) }
    }

    /// As a word.
    pub fn word(self) -> u64 {
        self.sequence << 8 | u64::from(self.command as u8)
    }

    /// The one that follows it.
    pub fn then(self, command: Command) -> Self {
        Self { sequence: (self.sequence + 1) & (u64::MAX >> 8), command }
    }
}

/// An order that has yet to be carried out, and so none was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pending(pub Order);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_survives_its_word() {
        for command in [Command::None, Command::Stop, Command::Start, Command::Enter] {
            for sequence in [0, 1, 77, u64::MAX >> 8] {
                let order = Order { sequence, command };
                assert_eq!(Order::from_word(order.word()), order);
            }
        }
        assert_eq!(Order::from_word(0x05ff), Order { sequence: 5, command: Command::None }, "an unknown command");
    }
}
