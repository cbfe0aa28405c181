//! How a partition is, in words for people.

use std::fmt;

use control::{Cause, Command, Purpose, State};
use serde::{Deserialize, Serialize};

use crate::snapshot::Words;

/// The link's word for a peer whose kernel hangs.
const STALLED: &str = "stalled";

/// Whether the heart of a partition's driver goes on, as far as whoever looks can see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heart {
    /// It was not seen to stop.
    Beats,
    /// It was up, and has stopped.
    Stopped,
}

impl Heart {
    /// As the link to the partition shows it, where there is one.
    pub fn by_link(link: Option<&str>) -> Self {
        if link == Some(STALLED) { Self::Stopped } else { Self::Beats }
    }
}

/// How a partition is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// Never started.
    Planned,
    /// Its kernel was entered, or is about to be.
    Starting,
    /// Its driver is loaded.
    Running,
    /// It stands still, for as long as a neighbour reads its memory.
    Frozen,
    /// Its driver was loaded, and has gone silent: its kernel hangs, or sits in a debugger.
    Stalled,
    /// Its kernel panicked.
    Panicked,
    /// It was halted.
    Halted,
    /// It was powered off.
    PoweredOff,
    /// It will come again by itself.
    Rebooting,
    /// Its kernel ended, and does not say how.
    Ended,
    /// Another partition has asked for its end, which is to come.
    Stopping,
    /// Its cores wait.
    Stopped,
    /// It could not start.
    Failed,
}

impl Condition {
    /// By what the control page says of it, and by its heart. What is to become of it by a pending order
    /// is what counts.
    pub fn of(words: &Words, heart: Heart) -> Self {
        match (words.pending(), words.status.state) {
            (Some(order), _) if order.command == Command::Stop => Self::Stopping,
            (Some(_), _) | (None, State::Starting) => Self::Starting,
            (None, State::Running) if words.lease.is_some_and(|lease| lease.purpose == Purpose::Freeze) => Self::Frozen,
            (None, State::Running) if heart == Heart::Stopped => Self::Stalled,
            (None, State::Running) => Self::Running,
            (None, State::Planned) => Self::Planned,
            (None, State::Ended) => Self::ended(words.status.cause),
            (None, State::Stopped) => Self::Stopped,
            (None, State::Failed) => Self::Failed,
        }
    }

    /// Whether its memory stays as it is: no core of it runs, or does more than to wait in the last loop of its kernel,
    /// where the timer still ticks.
    pub fn is_still(self) -> bool {
        match self {
            Self::Planned | Self::Panicked | Self::Halted | Self::PoweredOff | Self::Ended | Self::Stopped => true,
            Self::Starting | Self::Running | Self::Stalled | Self::Rebooting | Self::Stopping => false,
            // For as long as somebody else wants it to.
            Self::Frozen => false,
            // A core that did not come may run.
            Self::Failed => false,
        }
    }

    /// Of a kernel that has ended by itself.
    pub fn ended(cause: Cause) -> Self {
        match cause {
            Cause::Panic => Self::Panicked,
            Cause::Reboot => Self::Rebooting,
            Cause::Halt => Self::Halted,
            Cause::PowerOff => Self::PoweredOff,
            Cause::None | Cause::Asked | Cause::CoreSilent | Cause::BadList | Cause::Hang => Self::Ended,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Planned => "planned",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Frozen => "frozen",
            Self::Stalled => "stalled",
            Self::Panicked => "panicked",
            Self::Halted => "halted",
            Self::PoweredOff => "powered off",
            Self::Rebooting => "rebooting",
            Self::Ended => "ended",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        })
    }
}

#[cfg(test)]
mod tests {
    use control::{Lease, Status};

    use super::*;
    use crate::snapshot::sample::running;

    fn with_status(state: State, cause: Cause) -> Words {
        Words { status: Status { state, cause }, ..running() }
    }

    #[test]
    fn it_is_told_by_status_and_cause() {
        for (state, cause, expected) in [
            (State::Planned, Cause::None, "planned"),
            (State::Starting, Cause::Asked, "starting"),
            (State::Running, Cause::Panic, "running"),
            (State::Ended, Cause::Panic, "panicked"),
            (State::Ended, Cause::Halt, "halted"),
            (State::Ended, Cause::PowerOff, "powered off"),
            (State::Ended, Cause::Reboot, "rebooting"),
            (State::Ended, Cause::None, "ended"),
            (State::Stopped, Cause::Asked, "stopped"),
            (State::Failed, Cause::CoreSilent, "failed"),
        ] {
            let condition = Condition::of(&with_status(state, cause), Heart::Beats);
            assert_eq!(condition.to_string(), expected, "{state:?} by {cause:?}");
        }
    }

    #[test]
    fn one_that_runs_and_whose_heartbeat_has_stopped_is_stalled() {
        let without_heart = |state| Condition::of(&with_status(state, Cause::None), Heart::Stopped);
        assert_eq!(without_heart(State::Running), Condition::Stalled);
        assert_eq!(without_heart(State::Stopped), Condition::Stopped);
        let hearts = [Some("stalled"), Some("up"), Some("down"), None].map(Heart::by_link);
        assert_eq!(hearts, [Heart::Stopped, Heart::Beats, Heart::Beats, Heart::Beats]);
    }

    #[test]
    fn one_that_a_neighbour_has_frozen_stands_still() {
        let held = |purpose| Some(Lease { holder: 0, purpose, until_ms: 1 });
        let frozen = Words { lease: held(Purpose::Freeze), ..running() };
        assert_eq!(Condition::of(&frozen, Heart::Stopped), Condition::Frozen);
        let loaded = Words { lease: held(Purpose::Load), ..with_status(State::Stopped, Cause::Asked) };
        assert_eq!(Condition::of(&loaded, Heart::Beats), Condition::Stopped);
    }

    #[test]
    fn only_what_has_ended_and_is_not_about_to_start_is_still() {
        let is_still = |state, cause| Condition::of(&with_status(state, cause), Heart::Beats).is_still();
        for cause in [Cause::Panic, Cause::Halt, Cause::PowerOff] {
            assert!(is_still(State::Ended, cause), "{cause:?}");
        }
        assert!(is_still(State::Stopped, Cause::Asked));
        assert!(!is_still(State::Ended, Cause::Reboot));
        for state in [State::Starting, State::Running, State::Failed] {
            assert!(!is_still(state, Cause::Asked), "{state:?}");
        }
        let order = running().done.then(Command::Start);
        let about_to_start = Words { wanted: order, ..with_status(State::Stopped, Cause::Asked) };
        assert!(!Condition::of(&about_to_start, Heart::Beats).is_still());
    }

    #[test]
    fn what_a_pending_order_makes_of_it_counts() {
        for (command, expected) in [
            (Command::Stop, Condition::Stopping),
            (Command::Start, Condition::Starting),
            (Command::Enter, Condition::Starting),
        ] {
            let pending = Words { wanted: running().done.then(command), ..running() };
            assert_eq!(Condition::of(&pending, Heart::Beats), expected);
        }
    }
}
