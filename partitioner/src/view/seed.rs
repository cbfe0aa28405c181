//! A seed for the kernel's random numbers, as an entry of its `setup_data` list (Linux
//! `Documentation/arch/x86/boot.rst`, and `SETUP_RNG_SEED` in `arch/x86/include/uapi/asm/setup_data.h`, since 6.0).
//!
//! It serves twice. The kernel has good random numbers from its first moment. And since it erases the seed and its
//! length as soon as it has read them, early after its decompressor has ended, the length shows how far it has come.
//!
//! ```text
//! 0   next entry, 0: none      8 bytes
//! 8   type                     4
//! 12  length of the seed       4
//! 16  the seed
//! ```

use super::address::address_in_tables;
use crate::layout::SEED_OFFSET;
use crate::machine::Seed;
use crate::plan::PartitionPlan;

/// `SETUP_RNG_SEED`.
const TYPE: u32 = 9;
const TYPE_AT: usize = 8;
const LEN_AT: usize = 12;
const HEADER_LEN: usize = 16;

/// Bytes of an entry.
pub const fn seed_entry_len() -> usize {
    HEADER_LEN + size_of::<Seed>()
}

/// The entry. Without random numbers the entry is empty: a guess must not count as a seed.
pub fn seed_entry(seed: Option<Seed>) -> [u8; seed_entry_len()] {
    let mut entry = [0; seed_entry_len()];
    entry[TYPE_AT..LEN_AT].copy_from_slice(&TYPE.to_le_bytes());
    if let Some(seed) = seed {
        entry[LEN_AT..HEADER_LEN].copy_from_slice(&(seed.len() as u32).to_le_bytes());
        entry[HEADER_LEN..].copy_from_slice(&seed);
    }
    entry
}

/// Where the entry of a partition lies.
pub fn seed_address(partition: &PartitionPlan) -> u64 {
    address_in_tables(partition, SEED_OFFSET)
}

/// Where the length of the seed lies: 32 bits that the kernel makes 0 when it has read the seed.
pub fn seed_len_address(partition: &PartitionPlan) -> u64 {
    seed_address(partition) + LEN_AT as u64
}
