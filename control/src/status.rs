//! How a partition is, by its own account: only its own cores write this.

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum State {
    /// Planned, and never started.
    Planned = 0,
    /// Its kernel has been entered.
    Starting = 1,
    /// Its driver is loaded.
    Running = 2,
    /// Its kernel has ended, by itself.
    Ended = 3,
    /// It was stopped from outside, and its cores wait.
    Stopped = 4,
    /// It was to start, and could not.
    Failed = 5,
}

/// Why it is not running, or what has made it start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Cause {
    /// Nothing: the start of the box.
    None = 0,
    /// Another instance asked for it.
    Asked = 1,
    /// Its kernel panicked.
    Panic = 2,
    /// It rebooted.
    Reboot = 3,
    /// It was halted.
    Halt = 4,
    /// It was powered off.
    PowerOff = 5,
    /// Not all of its cores came.
    CoreSilent = 6,
    /// What is to be loaded is not what the boot image left.
    BadList = 7,
    /// It hung.
    Hang = 8,
}

impl State {
    /// From a byte, whatever it holds.
    pub fn from_bits(bits: u8) -> Self {
        let known = [Self::Starting, Self::Running, Self::Ended, Self::Stopped, Self::Failed];
        known.into_iter().find(|state| *state as u8 == bits).unwrap_or(Self::Planned)
    }
}

impl Cause {
    /// From a byte, whatever it holds.
    pub fn from_bits(bits: u8) -> Self {
        let ends = [Self::Panic, Self::Reboot, Self::Halt, Self::PowerOff, Self::Hang];
        let mut known = [Self::Asked, Self::CoreSilent, Self::BadList].into_iter().chain(ends);
        known.find(|cause| *cause as u8 == bits).unwrap_or(Self::None)
    }
}

/// State and cause, in one word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Status {
    /// How far it is.
    pub state: State,
    /// Why.
    pub cause: Cause,
}

impl Status {
    /// From a word, whatever it holds.
    pub fn from_word(word: u64) -> Self {
        let [state, cause, ..] = word.to_le_bytes();
        Self { state: State::from_bits(state), cause: Cause::from_bits(cause) }
    }

    /// As a word.
    pub fn word(self) -> u64 {
        u64::from_le_bytes([self.state as u8, self.cause as u8, 0, 0, 0, 0, 0, 0])
    }
}
