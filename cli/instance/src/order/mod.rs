//! `sprig start`, `sprig stop` and `sprig restart`: orders for other partitions.
//!
//! | module | |
//! |---|---|
//! | [`images`] | another kernel for the partition |
//! | [`error`] | why an order is not given, or does not come to its end: one line that says how to mend it |
//!
//! How far an order is, by the control page, is in the package [`lifecycle`].

mod error;
mod images;

use std::thread;
use std::time::{Duration, Instant};

use control::Order;
use lifecycle::progress::{Progress, progress};
use lifecycle::verb::{Goal, Need, Verb, already_stopped, word_of};

use self::error::Ordered;
use self::images::{Change, NewImages};
use crate::driver::{Access, Driver};
use crate::output;
use crate::partitions::Partitions;
use crate::snapshot::{PageError, Words};

pub(crate) use self::error::OrderError;

/// Pause between two looks with `--wait`.
const PAUSE: Duration = Duration::from_millis(50);

/// Start a partition that does not run
///
/// Its kernel and initial file system are loaded anew, as at the start of the box. It may have been stopped, powered off or
/// halted, or its kernel may have panicked.
#[derive(clap::Args, Debug)]
pub(crate) struct Start {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    images: NewImages,
}

/// Stop a partition, whatever it does
///
/// Its cores are taken away from its kernel at once: it has no chance to write anything. To shut a system down, run
/// `poweroff` in it instead.
#[derive(clap::Args, Debug)]
pub(crate) struct Stop {
    #[command(flatten)]
    target: Target,
}

/// Stop a partition, whatever it does, and start it again
///
/// As `stop` and `start`. To let a system shut down before, run `reboot` in it instead.
#[derive(clap::Args, Debug)]
pub(crate) struct Restart {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    images: NewImages,
}

/// Whom an order is for, and whether to wait for its end.
#[derive(clap::Args, Debug)]
struct Target {
    /// The partition, by its name in the box file
    name: String,
    /// Wait until that is done: until it is stopped, or until it has started and its driver is loaded
    #[arg(long, short)]
    wait: bool,
    /// How long to wait at most
    #[arg(long, value_name = "SECONDS", requires = "wait", default_value_t = 60)]
    timeout: u32,
}

impl Start {
    /// Starts it.
    pub(crate) fn run(&self) -> Result<(), OrderError> {
        self.target.order(Verb::Start, Some(&self.images))
    }
}

impl Stop {
    /// Stops it.
    pub(crate) fn run(&self) -> Result<(), OrderError> {
        self.target.order(Verb::Stop, None)
    }
}

impl Restart {
    /// Restarts it.
    pub(crate) fn run(&self) -> Result<(), OrderError> {
        self.target.order(Verb::Restart, Some(&self.images))
    }
}

/// The driver's word for a verb: what runs is stopped before it is started.
fn driver_word(verb: Verb) -> &'static str {
    word_of(verb.command())
}

impl Target {
    fn order(&self, verb: Verb, images: Option<&NewImages>) -> Result<(), OrderError> {
        let partitions = Partitions::read()?;
        let index = other(&partitions, &self.name, verb)?;
        let driver = Driver::open(Access::Order, partitions.all().len())?;
        let look = || driver.snapshot().map(|snapshot| snapshot.partitions[index]);
        let ordered = Ordered { partitions: &partitions, name: &self.name, word: driver_word(verb) };
        if is_needless(verb, &ordered, &look()?)? {
            return say(&already_stopped(&self.name));
        }
        let words = look()?;
        let change = images.map(|images| images.prepare(&partitions.all()[index], &words)).transpose()?.flatten();
        if let Some(change) = change {
            self.change(&ordered, &driver, &change, look)?;
        }
        let begun = Instant::now();
        give(&driver, &ordered, &ordered.line(), look)?;
        if !self.wait {
            return say(&verb.asked(&self.name));
        }
        let (words, done) = self.wait_for(&ordered, look()?.wanted, verb.goal(), begun, look)?;
        say(&verb.goal().reached(&self.name, &words, [done, begun.elapsed()]))
    }

    /// Stops it, and has it start from something else. Nobody else starts it until this program ends.
    fn change(
        &self,
        ordered: &Ordered<'_>,
        driver: &Driver,
        change: &Change,
        look: impl Fn() -> Result<Words, PageError>,
    ) -> Result<(), OrderError> {
        let hold = Ordered { word: "hold", ..*ordered };
        give(driver, &hold, &hold.line(), &look)?;
        let stop = Ordered { word: driver_word(Verb::Stop), ..*ordered };
        give(driver, &stop, &stop.line(), &look)?;
        self.wait_for(&stop, look()?.wanted, Goal::Stopped, Instant::now(), &look)?;
        let list = Ordered { word: "list", ..*ordered };
        give(driver, &list, &format!("{} {}", list.line(), change.carry_out()?), &look)
    }

    /// Waits until an order has led where it is to. Returns what the page says then, and how long it took until the order
    /// itself was done.
    fn wait_for(
        &self,
        ordered: &Ordered<'_>,
        order: Order,
        goal: Goal,
        begun: Instant,
        look: impl Fn() -> Result<Words, PageError>,
    ) -> Result<(Words, Duration), OrderError> {
        let limit = begun + Duration::from_secs(self.timeout.into());
        let mut done = None;
        loop {
            let words = look()?;
            if done.is_none() && words.done.sequence >= order.sequence {
                done = Some(begun.elapsed());
            }
            match progress(&words, order, goal) {
                Progress::Reached => return Ok((words, done.unwrap_or_default())),
                Progress::Lost(loss) => return Err(ordered.lost(loss, &words)),
                Progress::Open if Instant::now() >= limit => return Err(ordered.timed_out(self.timeout, &words)),
                Progress::Open => thread::sleep(PAUSE),
            }
        }
    }
}

/// Gives the driver a line, and explains its refusal by what the page says then.
fn give(
    driver: &Driver,
    ordered: &Ordered<'_>,
    line: &str,
    look: impl Fn() -> Result<Words, PageError>,
) -> Result<(), OrderError> {
    let Err(refusal) = driver.order(line) else { return Ok(()) };
    Err(ordered.error(refusal, &look()?))
}

/// The index of the partition of that name, which must not be the own one.
fn other(partitions: &Partitions, name: &str, verb: Verb) -> Result<usize, OrderError> {
    match partitions.index_of(name)? {
        own if own == partitions.own() => Err(error::own(name, verb)),
        index => Ok(index),
    }
}

/// Whether the partition is already what the verb makes of it. What runs or comes up is not started.
fn is_needless(verb: Verb, ordered: &Ordered<'_>, words: &Words) -> Result<bool, OrderError> {
    match verb.need(words) {
        Need::Order => Ok(false),
        Need::Nothing => Ok(true),
        Need::Refused(condition) => Err(ordered.explain(|subject| subject.up(condition))),
    }
}

fn say(text: &str) -> Result<(), OrderError> {
    output::print(&format!("{text}\n")).map(drop).map_err(OrderError::Output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::sample::running;
    use clap::Parser;
    use clap::error::ErrorKind;

    #[derive(Parser, Debug)]
    struct Arguments {
        #[command(flatten)]
        stop: Stop,
    }

    fn parse(line: &str) -> Result<Target, ErrorKind> {
        let parsed = Arguments::try_parse_from(format!("stop {line}").split_whitespace());
        parsed.map(|arguments| arguments.stop.target).map_err(|error| error.kind())
    }

    #[test]
    fn a_limit_is_one_of_waiting() {
        let target = parse("db").unwrap();
        assert_eq!((target.name.as_str(), target.wait, target.timeout), ("db", false, 60));
        let target = parse("db --wait --timeout 5").unwrap();
        assert_eq!((target.wait, target.timeout), (true, 5));
        assert_eq!(parse("db --timeout 5").unwrap_err(), ErrorKind::MissingRequiredArgument);
        assert_eq!(parse("").unwrap_err(), ErrorKind::MissingRequiredArgument);
        assert_eq!(parse("db --wait --timeout -1").unwrap_err(), ErrorKind::UnknownArgument);
    }

    #[test]
    fn what_is_up_is_not_started_but_restarted() {
        let partitions = Partitions::parse("0 web 0x400000-0x5fffff\n1 db 0x600000-0x7fffff\n", "0").unwrap();
        let ordered = Ordered { partitions: &partitions, name: "db", word: "start" };
        let refusal = is_needless(Verb::Start, &ordered, &running()).unwrap_err().to_string();
        assert_eq!(refusal, "\"db\" is running; use sprig restart db");
    }

    #[test]
    fn nobody_gives_orders_to_his_own_partition() {
        let partitions = Partitions::parse("0 web 0x400000-0x5fffff\n1 db 0x600000-0x7fffff\n", "0").unwrap();
        assert_eq!(other(&partitions, "db", Verb::Stop).unwrap(), 1);
        let refusal = |name, verb| other(&partitions, name, verb).unwrap_err().to_string();
        assert_eq!(refusal("web", Verb::Stop), "\"web\" is the partition that this runs in; use poweroff");
        assert_eq!(refusal("web", Verb::Restart), "\"web\" is the partition that this runs in; use reboot");
        assert_eq!(refusal("far", Verb::Start), "there is no partition \"far\"; there are web, db");
    }
}
