//! Where the memory of each partition lies, as the driver of the virtual Ethernet shows it.

use std::fs;
use std::io;

use crate::range::{MemoryRange, RangeError};

/// The device of the firmware tables, to which the driver adds its files.
const DEVICE: &str = "/sys/bus/platform/devices/SPRG0001:00";
/// The file with a line for each partition: index, name, and memory ranges with commas between them.
const PARTITIONS: &str = "partitions";
/// The file with the index of this instance's own partition.
const OWN_INDEX: &str = "firmware_node/uid";

/// Why the memory of a partition is not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PartitionsError {
    /// There is no such device.
    #[error("this kernel was not started by Sprig: there is no {DEVICE}; name the memory with --memory")]
    NoBox,
    /// The driver is not loaded, or does not show it.
    #[error(
        "the driver does not show where partitions lie ({0}): load it with `modprobe sprig_vni`, or name the memory with \
         --memory"
    )]
    NoDriver(io::Error),
    /// The driver's table has another form.
    #[error("this program does not understand the line {0:?} of the driver's table of partitions")]
    Line(String),
    /// A range in the driver's table is not one.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// No partition has that name.
    #[error("there is no partition {name:?}; there are {}", there.join(", "))]
    Unknown {
        /// The name that was given.
        name: String,
        /// All names.
        there: Vec<String>,
    },
    /// It is this instance's own partition.
    #[error("{0:?} is the partition that this runs in, whose log `dmesg` prints")]
    Own(String),
}

/// One partition.
#[derive(PartialEq, Eq, Debug)]
struct Partition<'a> {
    index: &'a str,
    name: &'a str,
    memory: Vec<MemoryRange>,
}

/// The memory of the partition of that name.
pub(crate) fn memory_of(name: &str) -> Result<Vec<MemoryRange>, PartitionsError> {
    let own = fs::read_to_string(format!("{DEVICE}/{OWN_INDEX}")).map_err(|_| PartitionsError::NoBox)?;
    let table = fs::read_to_string(format!("{DEVICE}/{PARTITIONS}")).map_err(PartitionsError::NoDriver)?;
    find(&table, own.trim(), name)
}

/// The memory of that partition, by the driver's table.
fn find(table: &str, own: &str, name: &str) -> Result<Vec<MemoryRange>, PartitionsError> {
    let mut partitions = table.lines().map(partition).collect::<Result<Vec<_>, _>>()?;
    match partitions.iter().position(|partition| partition.name == name) {
        Some(there) if partitions[there].index == own => Err(PartitionsError::Own(name.to_owned())),
        Some(there) => Ok(partitions.swap_remove(there).memory),
        None => {
            let there = partitions.iter().map(|partition| partition.name.to_owned()).collect();
            Err(PartitionsError::Unknown { name: name.to_owned(), there })
        }
    }
}

fn partition(line: &str) -> Result<Partition<'_>, PartitionsError> {
    let mut words = line.split(' ');
    let (Some(index), Some(name), Some(memory), None) = (words.next(), words.next(), words.next(), words.next()) else {
        return Err(PartitionsError::Line(line.to_owned()));
    };
    let memory = memory.split(',').map(str::parse).collect::<Result<_, _>>()?;
    Ok(Partition { index, name, memory })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "0 web 0x400000-0x203fffff\n1 db 0x20400000-0x303fffff,0x100000000-0x10fffffff\n";

    fn refusal(table: &str, name: &str) -> String {
        find(table, "0", name).unwrap_err().to_string()
    }

    #[test]
    fn a_partition_is_found_by_its_name() {
        let ranges = ["0x20400000-0x303fffff", "0x100000000-0x10fffffff"].map(|range| range.parse().unwrap());
        assert_eq!(find(TABLE, "0", "db").unwrap(), ranges);
    }

    #[test]
    fn the_error_for_an_unknown_partition_lists_all() {
        assert_eq!(refusal(TABLE, "far"), "there is no partition \"far\"; there are web, db");
    }

    #[test]
    fn the_partition_that_this_runs_in_is_left_to_dmesg() {
        assert_eq!(refusal(TABLE, "web"), "\"web\" is the partition that this runs in, whose log `dmesg` prints");
    }

    #[test]
    fn a_table_that_is_not_understood_is_an_error() {
        for table in ["0 web\n", "\n", "0 web 0x1000-0x1fff more\n"] {
            assert!(refusal(table, "web").contains("does not understand the line"), "{table:?}");
        }
        assert!(refusal("1 db 0x1000-\n", "db").contains("\"0x1000-\" is not a memory range"));
    }
}
