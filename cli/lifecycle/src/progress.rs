//! How far an order is, by what the control page says of its partition.

use control::{Cause, Command, Order, State};

use crate::snapshot::Words;
use crate::verb::Goal;

/// How far an order is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// It is not yet what it was to be.
    Open,
    /// It is what it was to be.
    Reached,
    /// It will not be that.
    Lost(Loss),
}

/// Why an order does not come to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loss {
    /// The resident part could not carry it out.
    Failed(Cause),
    /// The kernel ended before its driver was loaded.
    Ended(Cause),
    /// A later order is to do the opposite.
    Replaced(Command),
}

/// How far that order is on its way there.
pub fn progress(words: &Words, order: Order, goal: Goal) -> Progress {
    let is_replaced = words.wanted.sequence > order.sequence && goal_of(words.wanted.command) != goal;
    if words.done.sequence >= order.sequence {
        match (goal, words.status.state, words.status.cause) {
            (Goal::Running, State::Running, _) | (Goal::Stopped, State::Stopped, _) => return Progress::Reached,
            (_, State::Failed, cause) => return Progress::Lost(Loss::Failed(cause)),
            // It comes again by itself.
            (Goal::Running, State::Ended, Cause::Reboot) => {}
            (Goal::Running, State::Ended, cause) => return Progress::Lost(Loss::Ended(cause)),
            _ => {}
        }
    }
    if is_replaced { Progress::Lost(Loss::Replaced(words.wanted.command)) } else { Progress::Open }
}

fn goal_of(command: Command) -> Goal {
    match command {
        Command::Start | Command::Enter => Goal::Running,
        Command::Stop | Command::None => Goal::Stopped,
    }
}

#[cfg(test)]
mod tests {
    use control::Status;

    use super::*;
    use crate::snapshot::sample::running;

    fn order(command: Command) -> Order {
        running().done.then(command)
    }

    /// After the order was done, in that state.
    fn done(command: Command, state: State, cause: Cause) -> Words {
        Words { wanted: order(command), done: order(command), status: Status { state, cause }, ..running() }
    }

    fn start(words: &Words) -> Progress {
        progress(words, order(Command::Start), Goal::Running)
    }

    fn stop(words: &Words) -> Progress {
        progress(words, order(Command::Stop), Goal::Stopped)
    }

    #[test]
    fn the_state_before_an_order_is_done_counts_for_nothing() {
        for state in [State::Running, State::Failed, State::Ended, State::Stopped] {
            let status = Status { state, cause: Cause::Panic };
            assert_eq!(start(&Words { wanted: order(Command::Start), status, ..running() }), Progress::Open);
            assert_eq!(stop(&Words { wanted: order(Command::Stop), status, ..running() }), Progress::Open);
        }
    }

    #[test]
    fn a_start_is_reached_when_the_driver_is_loaded() {
        assert_eq!(start(&done(Command::Start, State::Starting, Cause::Asked)), Progress::Open);
        assert_eq!(start(&done(Command::Start, State::Running, Cause::Asked)), Progress::Reached);
        assert_eq!(stop(&done(Command::Stop, State::Stopped, Cause::Asked)), Progress::Reached);
    }

    #[test]
    fn what_ends_or_fails_is_not_waited_for() {
        let lost = |loss| Progress::Lost(loss);
        let panicked = done(Command::Start, State::Ended, Cause::Panic);
        assert_eq!(start(&panicked), lost(Loss::Ended(Cause::Panic)));
        let silent = |command| done(command, State::Failed, Cause::CoreSilent);
        assert_eq!(start(&silent(Command::Start)), lost(Loss::Failed(Cause::CoreSilent)));
        assert_eq!(stop(&silent(Command::Stop)), lost(Loss::Failed(Cause::CoreSilent)));
    }

    #[test]
    fn one_that_reboots_while_it_comes_up_is_waited_for() {
        let rebooting = done(Command::Start, State::Ended, Cause::Reboot);
        assert_eq!(start(&rebooting), Progress::Open);
        let again = rebooting.wanted.then(Command::Start);
        assert_eq!(start(&Words { wanted: again, ..rebooting }), Progress::Open);
        assert_eq!(start(&Words { wanted: again, done: again, ..running() }), Progress::Reached);
    }

    #[test]
    fn a_later_order_for_the_opposite_ends_the_waiting() {
        let stopped = done(Command::Stop, State::Starting, Cause::Asked);
        let later = Words { wanted: stopped.wanted.then(Command::Start), ..stopped };
        assert_eq!(stop(&later), Progress::Lost(Loss::Replaced(Command::Start)));
        let pending = Words { wanted: order(Command::Start).then(Command::Stop), ..running() };
        assert_eq!(start(&pending), Progress::Lost(Loss::Replaced(Command::Stop)));
    }
}
