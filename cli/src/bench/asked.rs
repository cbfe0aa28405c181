//! A question together with whom it is asked.

use std::collections::BTreeMap;
use std::time::Duration;

use emulator::shell::Shell;

use super::boxes::Way;
use super::counts::{Counts, Tally};
use super::devices::{Driven, Errand, Outside};
use super::end::Path;
use super::fault::Fault;
use super::model::{Pair, Parameter};
use super::offload::Features;
use super::task::{Offload, Reading, Task};
use super::wish::{Subject, What};

/// A question together with whom it is asked.
#[derive(Clone, Copy)]
pub(super) enum Asked<'a> {
    /// A path.
    Path(Task, &'a Path),
    /// A path that frames must be led to.
    Way(Task, &'a Way),
    /// A device, with what is beyond it.
    Device(Errand, &'a Driven, &'a Outside),
}

impl<'a> Asked<'a> {
    pub(super) fn what(self) -> What {
        match self {
            Asked::Path(task, _) | Asked::Way(task, _) => task.what(),
            Asked::Device(errand, ..) => errand.what(),
        }
    }

    pub(super) fn subject(self) -> Subject {
        match self {
            Asked::Path(_, path) => path.subject,
            Asked::Way(_, way) => way.path().subject,
            Asked::Device(_, driven, _) => driven.subject,
        }
    }

    pub(super) fn pair(self) -> Option<&'a Pair> {
        match self {
            Asked::Path(_, path) => path.pair.as_ref(),
            Asked::Way(_, way) => way.path().pair.as_ref(),
            Asked::Device(..) => None,
        }
    }

    pub(super) fn parameters(self) -> BTreeMap<String, Parameter> {
        match self {
            Asked::Path(task, _) | Asked::Way(task, _) => task.parameters(),
            Asked::Device(errand, driven, _) => errand.parameters(driven),
        }
    }

    pub(super) fn unit(self) -> &'static str {
        match self {
            Asked::Path(task, _) | Asked::Way(task, _) => task.unit(),
            Asked::Device(errand, ..) => errand.unit(),
        }
    }

    /// Asks once, and counts what happens meanwhile.
    pub(super) fn take(self, sample: Duration, tally: &mut Tally) -> Result<Reading, Fault> {
        match self {
            Asked::Path(task, path) => take(task, path, sample, tally),
            Asked::Way(task, way) => {
                way.lead()?;
                take(task, way.path(), sample, tally)
            }
            Asked::Device(errand, driven, outside) => errand.ask(driven, outside, sample),
        }
    }

    /// The shells that take part, with names for people.
    pub(super) fn shells(self) -> Vec<(String, &'a Shell)> {
        match self {
            Asked::Path(_, path) => ends(path),
            Asked::Way(_, way) => ends(way.path()),
            Asked::Device(_, driven, _) => vec![(driven.told(), driven.shell())],
        }
    }

    /// For people.
    pub(super) fn told(self) -> String {
        match self {
            Asked::Path(task, path) => format!("{}, {}", path.told(), task.told()),
            Asked::Way(task, way) => format!("{}, {}", way.path().told(), task.told()),
            Asked::Device(errand, driven, _) => format!("{}: {}", driven.told(), errand.told()),
        }
    }
}

fn ends(path: &Path) -> Vec<(String, &Shell)> {
    [&path.from, &path.to].map(|end| (end.name().to_owned(), end.shell())).into_iter().collect()
}

fn take(task: Task, path: &Path, sample: Duration, tally: &mut Tally) -> Result<Reading, Fault> {
    if task.offload() == Offload::On {
        return counted(task, path, sample, tally);
    }
    let features = Features::of(path)?;
    features.set(path, Offload::Off)?;
    let taken = counted(task, path, sample, tally);
    // Also after a failure: the next question is asked of cards as they were.
    features.set(path, Offload::On)?;
    taken
}

fn counted(task: Task, path: &Path, sample: Duration, tally: &mut Tally) -> Result<Reading, Fault> {
    let before = (Counts::now(&path.from)?, Counts::now(&path.to)?);
    let reading = task.ask(path, sample)?;
    let after = (Counts::now(&path.from)?, Counts::now(&path.to)?);
    tally.add(path.from.card(), sample, &after.0.since(&before.0), &after.1.since(&before.1));
    Ok(reading)
}
