//! I/O memory management units that firmware may have left on (Intel VT-d 4.1, sections 8 and 11.4; AMD IOMMU 3.09,
//! sections 3.4 and 5.2).
//!
//! An instance sees no such unit, and so cannot program it: while one translates, its devices reach no memory, and while
//! one remaps interrupts, their messages are dropped. One that is there but off does nothing.

use alloc::vec::Vec;
use core::fmt;

use super::error::FirmwareError;
use super::table::{body, long_entries, u64_at};

/// Where the entries of a DMAR and the blocks of an IVRS start.
const ENTRIES: usize = 48;
/// A remapping hardware unit (VT-d 4.1, section 8.3), which has its registers' address there.
const DRHD: u16 = 0;
/// A hardware definition block of an IVRS, in three formats for the same unit (AMD, section 5.2.2.1), likewise.
const IVHD: [u8; 3] = [0x10, 0x11, 0x40];
const BASE: usize = 8;
/// Registers lie in pages of their own.
const PAGE: u64 = 4 << 10;

/// Who made a unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Maker {
    /// VT-d.
    Intel,
    /// AMD-Vi.
    Amd,
}

/// A unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Iommu {
    /// Who made it.
    pub maker: Maker,
    /// Where its registers lie: not 0, a multiple of 4 KiB.
    pub base: u64,
}

/// What a unit does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Activity {
    /// Nothing.
    Off,
    /// It decides which memory devices reach.
    Translates,
    /// It decides which interrupts arrive.
    RemapsInterrupts,
    /// Both.
    Both,
}

impl Iommu {
    /// Bytes from [`Iommu::base`] to the register of 32 bits that says what the unit does: VT-d's global status, or
    /// AMD's control.
    pub fn status_offset(self) -> u64 {
        match self.maker {
            Maker::Intel => 0x1c,
            Maker::Amd => 0x18,
        }
    }

    /// What the unit does, by that register. All ones are no register.
    pub fn activity(self, status: u32) -> Activity {
        // AMD has one switch for both: which interrupts are remapped is in memory then.
        let (translates, remaps) = match self.maker {
            Maker::Intel => (status >> 31 & 1, status >> 25 & 1),
            Maker::Amd => (status & 1, status & 1),
        };
        match (translates, remaps) {
            _ if status == u32::MAX => Activity::Off,
            (0, 0) => Activity::Off,
            (_, 0) => Activity::Translates,
            (0, _) => Activity::RemapsInterrupts,
            _ => Activity::Both,
        }
    }
}

/// The units of a whole DMAR, header included.
///
/// # Errors
/// [`FirmwareError::Damaged`].
pub fn intel_units(dmar: &[u8]) -> Result<Vec<Iommu>, FirmwareError> {
    let entries = long_entries(body(dmar, "DMAR", ENTRIES)?);
    let units = entries.filter(|(kind, _)| *kind == DRHD);
    Ok(unique(units.filter_map(|(_, entry)| unit(Maker::Intel, entry))))
}

/// The units of a whole IVRS, header included.
///
/// # Errors
/// [`FirmwareError::Damaged`].
pub fn amd_units(ivrs: &[u8]) -> Result<Vec<Iommu>, FirmwareError> {
    // The second byte of the type are flags here.
    let blocks = long_entries(body(ivrs, "IVRS", ENTRIES)?);
    let units = blocks.filter(|(kind, _)| IVHD.contains(&kind.to_le_bytes()[0]));
    Ok(unique(units.filter_map(|(_, block)| unit(Maker::Amd, block))))
}

fn unit(maker: Maker, entry: &[u8]) -> Option<Iommu> {
    let base = u64_at(entry, BASE).filter(|base| *base != 0 && base.is_multiple_of(PAGE))?;
    base.checked_add(PAGE).map(|_| Iommu { maker, base })
}

fn unique(units: impl Iterator<Item = Iommu>) -> Vec<Iommu> {
    let mut found = Vec::new();
    for unit in units {
        if !found.contains(&unit) {
            found.push(unit);
        }
    }
    found
}

impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Translates => "translating addresses",
            Self::RemapsInterrupts => "remapping interrupts",
            Self::Both => "translating addresses and remapping interrupts",
        })
    }
}

impl fmt::Display for Iommu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.maker {
            Maker::Intel => "VT-d unit",
            Maker::Amd => "AMD-Vi unit",
        };
        write!(f, "{name} at {:#x}", self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firmware::tests::table;

    const INTEL: Iommu = Iommu { maker: Maker::Intel, base: 0xfed9_0000 };
    const AMD: Iommu = Iommu { maker: Maker::Amd, base: 0xfeb8_0000 };

    #[test]
    fn the_units_of_a_dmar_are_found() {
        let dmar = table(
            b"DMAR",
            1,
            &[0x26, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[
                &[1, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0x0f, 0, 0, 0, 0, 0],
                &[0, 0, 16, 0, 1, 0, 0, 0, 0, 0, 0xd9, 0xfe, 0, 0, 0, 0],
                &[0, 0, 16, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                &[0, 0, 16, 0, 1, 0, 0, 0, 1, 0, 0xd9, 0xfe, 0, 0, 0, 0],
            ],
        );
        assert_eq!(intel_units(&dmar), Ok([INTEL].into()));
        assert!(intel_units(&dmar[..40]).is_err());
    }

    #[test]
    fn a_unit_that_an_ivrs_names_twice_is_one() {
        let block = |kind| [kind, 0xb0, 16, 0, 2, 0, 0x40, 0, 0, 0, 0xb8, 0xfe, 0, 0, 0, 0];
        let ivrs = table(b"IVRS", 2, &[0; 12], &[&block(0x10), &block(0x11), &block(0x20)]);
        assert_eq!(amd_units(&ivrs), Ok([AMD].into()));
    }

    #[test]
    fn what_a_unit_does_is_in_its_status() {
        let of_intel = [0, 1 << 31, 1 << 25, 1 << 31 | 1 << 25, 1 << 30 | 1 << 26, u32::MAX];
        use Activity::{Both, Off, RemapsInterrupts, Translates};
        assert_eq!(of_intel.map(|status| INTEL.activity(status)), [Off, Translates, RemapsInterrupts, Both, Off, Off]);
        assert_eq!([0, 1, 2].map(|status| AMD.activity(status)), [Off, Both, Off]);
    }
}
