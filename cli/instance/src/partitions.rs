//! The partitions of the box: their names, and where their memory lies, as the driver shows them to root.

use std::fs;
use std::io;

use lifecycle::refusal::Unknown;

use crate::kernel::range::{MemoryRange, RangeError};

/// The device of the firmware tables, to which the driver adds its files.
pub(crate) const DEVICE: &str = "/sys/bus/platform/devices/SPRG0001:00";
/// The file with a line for each partition: index, name, and memory ranges with commas between them.
const PARTITIONS: &str = "partitions";
/// The file with the index of this instance's own partition.
const OWN_INDEX: &str = "firmware_node/uid";

/// Why the partitions are not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PartitionsError {
    /// There is no such device.
    #[error("this kernel was not started by Sprig: there is no {DEVICE}")]
    NoBox,
    /// This is not root.
    #[error("only root may see where partitions lie: run this as root")]
    Denied,
    /// The driver is not loaded, or does not show them.
    #[error("the driver does not show where partitions lie ({0}): load it with `modprobe sprig_vni`")]
    NoDriver(io::Error),
    /// The driver's table, or the index of the own partition, has another form.
    #[error("this program does not understand the line {0:?} of the driver's table of partitions")]
    Line(String),
    /// A range in the driver's table is not one.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// This instance's own partition is not among them.
    #[error(
        "the driver's table of {partitions} partition(s) has none with the index {own:?}, which is that of this one"
    )]
    Own {
        /// What stands for the own index.
        own: String,
        /// How many there are.
        partitions: usize,
    },
    /// No partition has that name.
    #[error(transparent)]
    Unknown(#[from] Unknown),
}

/// One partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Partition {
    /// Its name in the box file.
    pub(crate) name: String,
    /// Where its memory lies.
    pub(crate) memory: Vec<MemoryRange>,
}

/// All partitions of the box, one of which this runs in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Partitions {
    all: Vec<Partition>,
    own: usize,
}

impl Partitions {
    /// Reads the driver's table.
    pub(crate) fn read() -> Result<Self, PartitionsError> {
        let own = fs::read_to_string(format!("{DEVICE}/{OWN_INDEX}")).map_err(|_| PartitionsError::NoBox)?;
        let table = fs::read_to_string(format!("{DEVICE}/{PARTITIONS}")).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => PartitionsError::Denied,
            _ => PartitionsError::NoDriver(error),
        })?;
        Self::parse(&table, own.trim())
    }

    /// From the driver's table, and the index of the own partition in it.
    pub(crate) fn parse(table: &str, own: &str) -> Result<Self, PartitionsError> {
        let all = table.lines().enumerate().map(partition).collect::<Result<Vec<_>, _>>()?;
        let index = own.parse().ok().filter(|index| *index < all.len());
        let index = index.ok_or_else(|| PartitionsError::Own { own: own.to_owned(), partitions: all.len() })?;
        Ok(Self { all, own: index })
    }

    /// All of them, in the order of their indices.
    pub(crate) fn all(&self) -> &[Partition] {
        &self.all
    }

    /// The index of the one that this runs in.
    pub(crate) fn own(&self) -> usize {
        self.own
    }

    /// The index of the one of that name.
    pub(crate) fn index_of(&self, name: &str) -> Result<usize, PartitionsError> {
        let index = self.all.iter().position(|partition| partition.name == name);
        index.ok_or_else(|| self.unknown(name))
    }

    /// The error that there is none of that name.
    pub(crate) fn unknown(&self, name: &str) -> PartitionsError {
        let there = self.all.iter().map(|partition| partition.name.clone()).collect();
        Unknown { name: name.to_owned(), there }.into()
    }

    /// The name of the one with that index, if there is one.
    pub(crate) fn name_of(&self, index: usize) -> Option<String> {
        self.all.get(index).map(|partition| partition.name.clone())
    }
}

fn partition((number, line): (usize, &str)) -> Result<Partition, PartitionsError> {
    let mut words = line.split(' ');
    let (Some(index), Some(name), Some(memory), None) = (words.next(), words.next(), words.next(), words.next()) else {
        return Err(PartitionsError::Line(line.to_owned()));
    };
    if index.parse() != Ok(number) {
        return Err(PartitionsError::Line(line.to_owned()));
    }
    let memory = memory.split(',').map(str::parse).collect::<Result<_, _>>()?;
    Ok(Partition { name: name.to_owned(), memory })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "0 web 0x400000-0x203fffff\n1 db 0x20400000-0x303fffff,0x100000000-0x10fffffff\n";

    fn refusal(table: &str) -> String {
        Partitions::parse(table, "0").unwrap_err().to_string()
    }

    #[test]
    fn a_partition_is_found_by_its_name() {
        let partitions = Partitions::parse(TABLE, "1").unwrap();
        let ranges = ["0x20400000-0x303fffff", "0x100000000-0x10fffffff"].map(|range| range.parse().unwrap());
        let db = partitions.index_of("db").unwrap();
        assert_eq!((db, partitions.own()), (1, 1));
        assert_eq!(partitions.all()[db], Partition { name: "db".to_owned(), memory: ranges.to_vec() });
    }

    #[test]
    fn the_error_for_an_unknown_partition_lists_all() {
        let refusal = Partitions::parse(TABLE, "0").unwrap().index_of("far").unwrap_err();
        assert_eq!(refusal.to_string(), "there is no partition \"far\"; there are web, db");
    }

    #[test]
    fn a_table_that_is_not_understood_is_an_error() {
        for table in ["0 web\n", "\n", "0 web 0x1000-0x1fff more\n", "1 web 0x1000-0x1fff\n"] {
            assert!(refusal(table).contains("does not understand the line"), "{table:?}");
        }
        assert!(refusal("0 db 0x1000-\n").contains("\"0x1000-\" is not a memory range"));
    }

    #[test]
    fn the_own_partition_is_one_of_them() {
        for own in ["2", "web", ""] {
            let refusal = Partitions::parse(TABLE, own).unwrap_err().to_string();
            assert!(refusal.contains("table of 2 partition(s)"), "{refusal}");
        }
    }
}
