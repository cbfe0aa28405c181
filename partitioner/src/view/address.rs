//! Where the pieces of a view lie in the memory of their partition.

use crate::plan::PartitionPlan;

/// The address of what lies at `offset` (see [`crate::layout`]) in the tables of `partition`.
pub fn address_in_tables(partition: &PartitionPlan, offset: u64) -> u64 {
    partition.tables.start() + offset
}
