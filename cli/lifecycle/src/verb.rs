//! What is asked of a partition.

use std::time::Duration;

use control::{Command, Purpose, State};
use serde::{Deserialize, Serialize};

use crate::condition::{Condition, Heart};
use crate::snapshot::Words;

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// It does not run, and is to.
    Start,
    /// It is to stop, whatever it does.
    Stop,
    /// It is to stop and start, whatever it does.
    Restart,
}

/// What an order leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Goal {
    /// Its driver is loaded.
    Running,
    /// Its cores wait.
    Stopped,
}

/// Whether an order is needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// It is.
    Order,
    /// The partition is already what the verb makes of it.
    Nothing,
    /// What runs or comes up is not started.
    Refused(Condition),
}

impl Verb {
    /// What it leads to.
    pub fn goal(self) -> Goal {
        match self {
            Self::Start | Self::Restart => Goal::Running,
            Self::Stop => Goal::Stopped,
        }
    }

    /// As people type it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
        }
    }

    /// That the order was given to a partition.
    pub fn asked(self, name: &str) -> String {
        format!("{name:?} was asked to {}", self.name())
    }

    /// The order that it takes: what runs is stopped before it is started.
    pub fn command(self) -> Command {
        match self.goal() {
            Goal::Running => Command::Start,
            Goal::Stopped => Command::Stop,
        }
    }

    /// Whether a partition of which the page says this needs an order.
    pub fn need(self, words: &Words) -> Need {
        let is_starting = words.pending().is_some_and(|order| order.command != Command::Stop);
        let is_up = words.pending().is_none() && matches!(words.status.state, State::Starting | State::Running);
        let is_stopped = words.pending().is_none() && words.status.state == State::Stopped;
        match self {
            Self::Start if is_starting || is_up => Need::Refused(Condition::of(words, Heart::Beats)),
            Self::Stop if is_stopped => Need::Nothing,
            Self::Start | Self::Stop | Self::Restart => Need::Order,
        }
    }
}

impl Goal {
    /// That the partition, of which the page says this, is where it was to be: how long it took until the order was done,
    /// and in all.
    pub fn reached(self, name: &str, words: &Words, [done, reached]: [Duration; 2]) -> String {
        let [done, reached] = [done, reached].map(|time| time.as_secs_f64());
        let times = match self {
            Self::Running => format!("its kernel entered after {done:.2} s, its driver loaded after {reached:.2} s"),
            Self::Stopped => format!("after {done:.2} s"),
        };
        format!("{name:?} is {}, {times}", Condition::of(words, Heart::Beats))
    }
}

/// That a partition need not be stopped.
pub fn already_stopped(name: &str) -> String {
    format!("{name:?} is stopped already")
}

/// What is done with a partition by whoever has it to himself.
pub fn done_with(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Freeze => "dumped",
        Purpose::Load => "given another kernel",
    }
}

/// A command as people say it.
pub fn word_of(command: Command) -> &'static str {
    match command {
        Command::Start | Command::Enter => "start",
        Command::Stop | Command::None => "stop",
    }
}

#[cfg(test)]
mod tests {
    use control::{Cause, Status};

    use super::*;
    use crate::snapshot::sample::running;

    fn in_state(state: State) -> Words {
        Words { status: Status { state, cause: Cause::Asked }, ..running() }
    }

    #[test]
    fn what_is_up_or_comes_up_is_not_started() {
        assert_eq!(Verb::Start.need(&running()), Need::Refused(Condition::Running));
        assert_eq!(Verb::Start.need(&in_state(State::Starting)), Need::Refused(Condition::Starting));
        let starting = Words { wanted: running().done.then(Command::Start), ..in_state(State::Stopped) };
        assert_eq!(Verb::Start.need(&starting), Need::Refused(Condition::Starting));
        let stopping = Words { wanted: running().done.then(Command::Stop), ..running() };
        for words in [stopping, in_state(State::Stopped), in_state(State::Ended), in_state(State::Failed)] {
            assert_eq!(Verb::Start.need(&words), Need::Order, "{words:?}");
        }
    }

    #[test]
    fn only_what_is_stopped_and_stays_so_need_not_be_stopped() {
        assert_eq!(Verb::Stop.need(&in_state(State::Stopped)), Need::Nothing);
        let to_start = Words { wanted: running().done.then(Command::Start), ..in_state(State::Stopped) };
        assert_eq!([to_start, running()].map(|words| Verb::Stop.need(&words)), [Need::Order; 2]);
    }

    #[test]
    fn the_times_of_what_is_reached_are_told() {
        let times = [Duration::from_millis(300), Duration::from_millis(4500)];
        let running = Goal::Running.reached("db", &running(), times);
        assert_eq!(running, "\"db\" is running, its kernel entered after 0.30 s, its driver loaded after 4.50 s");
        let stopped = Goal::Stopped.reached("db", &in_state(State::Stopped), times);
        assert_eq!(stopped, "\"db\" is stopped, after 0.30 s");
    }

    #[test]
    fn whatever_a_partition_does_it_is_restarted() {
        for state in [State::Planned, State::Starting, State::Running, State::Ended, State::Stopped, State::Failed] {
            assert_eq!(Verb::Restart.need(&in_state(state)), Need::Order, "{state:?}");
        }
    }
}
