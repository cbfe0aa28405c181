//! The command line.

use crate::range::{MemoryRange, RangeError};

const USAGE: &str = "usage: sprig-log [--follow] PARTITION | sprig-log [--follow] --memory FIRST-LAST[,FIRST-LAST...]";

/// Which log to print, and how much of it.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Arguments {
    pub(crate) source: Source,
    pub(crate) extent: Extent,
}

/// Which log.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Source {
    /// The log of the instance in the partition of this name.
    Partition(String),
    /// The log of the kernel that runs in this memory.
    Memory(Vec<MemoryRange>),
}

/// How much of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Extent {
    /// What is there now.
    Once,
    /// What is there now, and what is logged later.
    Follow,
}

/// Why the command line is not understood.
#[derive(PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum ArgumentsError {
    /// It has another form.
    #[error("{USAGE}")]
    Usage,
    /// A range is not one.
    #[error(transparent)]
    Range(#[from] RangeError),
}

impl Arguments {
    /// Reads the words after the program's name.
    pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Arguments, ArgumentsError> {
        let (mut source, mut extent) = (None, Extent::Once);
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let named = match word.as_str() {
                "--follow" | "-f" => {
                    extent = Extent::Follow;
                    continue;
                }
                "--memory" => Source::Memory(ranges(&words.next().ok_or(ArgumentsError::Usage)?)?),
                _ if word.starts_with('-') => return Err(ArgumentsError::Usage),
                _ => Source::Partition(word),
            };
            if source.replace(named).is_some() {
                return Err(ArgumentsError::Usage);
            }
        }
        Ok(Arguments { source: source.ok_or(ArgumentsError::Usage)?, extent })
    }
}

fn ranges(text: &str) -> Result<Vec<MemoryRange>, RangeError> {
    text.split(',').map(str::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, ArgumentsError> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_partition_or_memory_is_named_and_may_be_followed() {
        let db = || Source::Partition("db".to_owned());
        assert_eq!(parse("db"), Ok(Arguments { source: db(), extent: Extent::Once }));
        assert_eq!(parse("--follow db"), Ok(Arguments { source: db(), extent: Extent::Follow }));
        assert_eq!(parse("db -f"), Ok(Arguments { source: db(), extent: Extent::Follow }));
        let ranges = ["0x1000-0x1fff", "0x4000-0x5fff"].map(|range| range.parse().unwrap()).to_vec();
        let memory = Arguments { source: Source::Memory(ranges), extent: Extent::Once };
        assert_eq!(parse("--memory 0x1000-0x1fff,0x4000-0x5fff"), Ok(memory));
    }

    #[test]
    fn any_other_form_is_refused_with_the_usage() {
        for line in ["", "--follow", "web db", "--memory", "db --memory 0x1000-0x1fff", "--help", "-x db"] {
            assert_eq!(parse(line), Err(ArgumentsError::Usage), "{line:?}");
        }
        assert_eq!(parse("--memory db"), Err(ArgumentsError::Range(RangeError::Unreadable("db".to_owned()))));
    }
}
