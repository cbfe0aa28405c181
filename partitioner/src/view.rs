//! The bytes that an instance sees of the machine: pure functions from a [`crate::plan::Plan`]. The machine's own tables
//! are read in [`crate::firmware`].
//!
//! A kernel believes its firmware tables. Each instance gets tables of its own, which describe its partition and
//! nothing else, so it never looks at the rest of the machine:
//!
//! | piece | what it describes | where it is put |
//! |---|---|---|
//! | [`mod@e820`] | which memory is its own, and that everything else is reserved | inside the zero page |
//! | [`mod@zero_page`] | Linux's `boot_params`: where all the others are | `tables` + [`ZERO_PAGE_OFFSET`] |
//! | [`acpi`] | its cores, its console, the window | `tables` + [`ACPI_OFFSET`] |
//! | [`mod@command_line`] | the clock's rate, and which hardware to leave alone | `tables` + [`COMMAND_LINE_OFFSET`] |
//! | [`mod@mp_table`] | that there is no IOAPIC, once for the whole machine | [`crate::layout::MP_POINTER`] |
//!
//! Their tests check them with parsers from elsewhere: `linux-loader`, the `acpi` crate, `iasl`.

pub mod acpi;
mod address;
pub mod command_line;
pub mod e820;
mod error;
pub mod mp_table;
mod seed;
pub mod zero_page;

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::bzimage::BzImage;
use crate::layout::{ACPI_OFFSET, COMMAND_LINE_OFFSET, ZERO_PAGE_OFFSET};
use crate::plan::{PartitionPlan, Plan};

pub use acpi::acpi_tables;
pub use address::address_in_tables;
pub use command_line::command_line;
pub use e820::{E820Entry, E820Kind, e820};
pub use error::ViewError;
pub use mp_table::mp_table;
pub use seed::{seed_address, seed_entry, seed_entry_len, seed_len_address};
pub use zero_page::zero_page;

/// Everything that is written into an instance's tables before it starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InstanceView {
    acpi_tables: Vec<u8>,
    zero_page: Box<[u8; 4096]>,
    /// With the closing zero.
    command_line: Vec<u8>,
}

impl InstanceView {
    /// What the instance of `partition` sees when it is started from `bzimage`.
    ///
    /// # Errors
    /// If one of the pieces does not fit where it must go.
    pub fn new(plan: &Plan, partition: &PartitionPlan, bzimage: &BzImage) -> Result<Self, ViewError> {
        let mut command_line = command_line(plan, partition)?.into_bytes();
        command_line.push(0);
        Ok(Self {
            acpi_tables: acpi_tables(plan, partition)?,
            zero_page: zero_page(plan, partition, bzimage)?,
            command_line,
        })
    }

    /// The pieces and the addresses at which they belong.
    pub fn pieces(&self, partition: &PartitionPlan) -> [(u64, &[u8]); 3] {
        [
            (address_in_tables(partition, ACPI_OFFSET), self.acpi_tables.as_slice()),
            (address_in_tables(partition, ZERO_PAGE_OFFSET), self.zero_page.as_slice()),
            (address_in_tables(partition, COMMAND_LINE_OFFSET), self.command_line.as_slice()),
        ]
    }
}
