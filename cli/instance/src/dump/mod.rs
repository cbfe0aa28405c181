//! `sprig dump`: writes the whole memory of another instance as a core file, for makedumpfile(8) and drgn(1).
//!
//! The other kernel takes no part in this, and need not run any more. It is found as for `sprig log`
//! ([`crate::kernel`]).
//!
//! | module | |
//! |---|---|
//! | [`core`] | a kernel and its memory, written piece by piece |
//! | [`elf`] | the first bytes of the file: headers and notes |
//! | [`error`] | why there is no dump |
//! | [`registers`] | the registers of its cores, where its driver has kept them |
//! | [`target`], [`sparse`] | the file, which has its name only when all is written, and in which zeros are holes |
//! | [`progress`] | how far it is |

mod core;
mod elf;
mod error;
mod progress;
mod registers;
mod sparse;
mod target;

use std::path::PathBuf;

use self::core::Core;
use self::error::DumpError;
use self::target::{Existing, Target};
use crate::condition::{Condition, Heart};
use crate::driver::{Access, Driver};
use crate::kernel::device::Device;
use crate::partitions::Partitions;
use crate::snapshot::{PageError, Words};

/// Write the memory of another instance to a file, for `makedumpfile` or `drgn`
///
/// The file is an ELF core as kdump writes it. Pages of zeros are holes in it; `makedumpfile -d 31` leaves out also what is
/// free. The other kernel must have crashed, or been halted or stopped, so that its memory does not change meanwhile; or it is
/// frozen for so long.
#[derive(clap::Args, Debug)]
pub(crate) struct Dump {
    /// The partition, by its name in the box file
    name: String,
    /// The file, or - for standard output, for example to pipe it to ssh
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Replace the file, if there is one
    #[arg(long, short)]
    force: bool,
    /// Have its cores stand still meanwhile, where they are; they go on afterwards. It may hang, but its driver must be loaded
    #[arg(long, conflicts_with = "live")]
    freeze: bool,
    /// Dump a partition that runs: its memory changes meanwhile, so what is written is not of one moment
    #[arg(long)]
    live: bool,
}

impl Dump {
    /// Writes it.
    pub(crate) fn run(&self) -> Result<(), DumpError> {
        let partitions = Partitions::read()?;
        let index = other(&partitions, &self.name)?;
        let access = if self.freeze { Access::Order } else { Access::Look };
        let driver = Driver::open(access, partitions.all().len())?;
        let look = || driver.snapshot().map(|snapshot| snapshot.partitions[index]);
        let existing = if self.force { Existing::Replace } else { Existing::Keep };
        let mut target = Target::open(&self.output, existing)?;
        let ranges = &partitions.all()[index].memory;
        let memory = Device::open(ranges).map_err(DumpError::Open)?;
        let is_frozen = self.freeze_if_needed(&partitions, &driver, look)?;
        let before = look()?;
        self.check(&before, is_frozen)?;
        let core = Core::find(&memory, ranges, &before)?;
        core.write(&mut target)?;
        self.check_again(&before, &look()?, is_frozen)?;
        if is_frozen {
            self.tell(&partitions, &driver, "release", look)?;
        }
        Ok(target.finish()?)
    }

    /// Has it stand still until this program ends, if it runs and that was asked for; returns whether.
    fn freeze_if_needed(
        &self,
        partitions: &Partitions,
        driver: &Driver,
        look: impl Fn() -> Result<Words, PageError>,
    ) -> Result<bool, DumpError> {
        let is_needed = self.freeze && !Condition::of(&look()?, Heart::Beats).is_still();
        if is_needed {
            self.tell(partitions, driver, "freeze", look)?;
        }
        Ok(is_needed)
    }

    fn tell(
        &self,
        partitions: &Partitions,
        driver: &Driver,
        verb: &str,
        look: impl Fn() -> Result<Words, PageError>,
    ) -> Result<(), DumpError> {
        let Err(refusal) = driver.order(&format!("{verb} {}", self.name)) else { return Ok(()) };
        Err(DumpError::of_freezing(&self.name, partitions, refusal, &look()?))
    }

    /// Refuses a partition whose memory changes, unless that was asked for.
    fn check(&self, words: &Words, is_frozen: bool) -> Result<(), DumpError> {
        let condition = Condition::of(words, Heart::Beats);
        if self.live || is_frozen || condition.is_still() {
            return Ok(());
        }
        Err(DumpError::Live { name: self.name.clone(), condition })
    }

    /// The same after its memory was read: it may have been started since.
    fn check_again(&self, before: &Words, after: &Words, is_frozen: bool) -> Result<(), DumpError> {
        let condition = Condition::of(after, Heart::Beats);
        let is_still = condition.is_still() || is_frozen && condition == Condition::Frozen;
        let is_same = after.starts == before.starts && is_still;
        if self.live || is_same { Ok(()) } else { Err(DumpError::Started(self.name.clone())) }
    }
}

/// The index of the partition of that name, which must not be the own one.
fn other(partitions: &Partitions, name: &str) -> Result<usize, DumpError> {
    match partitions.index_of(name)? {
        own if own == partitions.own() => Err(DumpError::Own(name.to_owned())),
        index => Ok(index),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use clap::error::ErrorKind;
    use control::{Cause, Command, Lease, Purpose, State, Status};

    use super::*;
    use crate::snapshot::sample::running;

    #[derive(Parser, Debug)]
    struct Arguments {
        #[command(flatten)]
        dump: Dump,
    }

    fn parse(line: &str) -> Result<Dump, ErrorKind> {
        let parsed = Arguments::try_parse_from(format!("dump {line}").split_whitespace());
        parsed.map(|arguments| arguments.dump).map_err(|error| error.kind())
    }

    fn with_state(state: State, cause: Cause) -> Words {
        Words { status: Status { state, cause }, ..running() }
    }

    #[test]
    fn a_partition_and_a_file_are_named() {
        let dump = parse("db -o -").unwrap();
        assert_eq!((dump.name.as_str(), dump.output, dump.force, dump.live), ("db", "-".into(), false, false));
        let dump = parse("db --output /tmp/x --force --live").unwrap();
        assert_eq!((dump.output, dump.force, dump.live), ("/tmp/x".into(), true, true));
        for line in ["db", "-o x", "db -o"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn one_that_runs_is_dumped_only_where_that_was_asked_for() {
        let dump = parse("db -o -").unwrap();
        assert_eq!(
            dump.check(&running(), false).unwrap_err().to_string(),
            "\"db\" is running, so a dump would not be of one moment: --freeze has it stand still meanwhile, --live makes \
             one all the same, or use sprig stop db before"
        );
        parse("db -o - --live").unwrap().check(&running(), false).unwrap();
        for (state, cause) in
            [(State::Ended, Cause::Panic), (State::Ended, Cause::Halt), (State::Stopped, Cause::Asked)]
        {
            dump.check(&with_state(state, cause), false).unwrap();
        }
    }

    #[test]
    fn one_that_was_started_meanwhile_is_noticed() {
        let dump = parse("db -o -").unwrap();
        let before = with_state(State::Ended, Cause::Panic);
        let stopped = with_state(State::Stopped, Cause::Asked);
        dump.check_again(&before, &stopped, false).unwrap();
        let about_to_start = Words { wanted: before.done.then(Command::Start), ..before };
        let once_more = Words { starts: before.starts + 1, ..before };
        for after in [about_to_start, once_more, running()] {
            let refusal = dump.check_again(&before, &after, false).unwrap_err();
            assert!(matches!(refusal, DumpError::Started(_)), "{after:?}");
        }
        parse("db -o - --live").unwrap().check_again(&running(), &once_more, false).unwrap();
    }

    #[test]
    fn one_that_is_frozen_counts_as_still_only_for_whoever_has_frozen_it() {
        let dump = parse("db -o - --freeze").unwrap();
        let lease = Some(Lease { holder: 0, purpose: Purpose::Freeze, until_ms: 1 });
        let frozen = Words { lease, ..running() };
        assert!(matches!(parse("db -o -").unwrap().check(&frozen, false), Err(DumpError::Live { .. })));
        dump.check(&frozen, true).unwrap();
        dump.check_again(&frozen, &frozen, true).unwrap();
        assert!(dump.check_again(&frozen, &running(), true).is_err(), "it went on");
        assert!(parse("db -o - --freeze --live").is_err(), "one or the other");
    }

    #[test]
    fn nobody_dumps_his_own_partition() {
        let partitions = Partitions::parse("0 web 0x400000-0x5fffff\n1 db 0x600000-0x7fffff\n", "0").unwrap();
        assert_eq!(other(&partitions, "db").unwrap(), 1);
        let refusal = other(&partitions, "web").unwrap_err().to_string();
        assert_eq!(refusal, "\"web\" is the partition that this runs in; its memory is in /proc/kcore");
    }
}
