//! Whether an I/O memory management unit stands between devices and memory: firmware that protects itself against devices
//! may leave one on.

use alloc::vec::Vec;

use partitioner::firmware::FirmwareError;
use partitioner::firmware::iommu::{Activity, Iommu, amd_units, intel_units};

use crate::tables::Tables;
use crate::{log, paging};

/// The units that are on.
///
/// # Errors
/// If a table is damaged.
pub fn active(tables: &Tables) -> Result<Vec<(Iommu, Activity)>, FirmwareError> {
    let of_intel = tables.dmar().map(intel_units).transpose()?;
    let of_amd = tables.ivrs().map(amd_units).transpose()?;
    let units = of_intel.into_iter().chain(of_amd).flatten();
    let units = units.filter_map(|unit| Some((unit, activity(unit)?)));
    let units = units.inspect(|(unit, activity)| log::step("inventory", format_args!("{unit}: {activity}")));
    Ok(units.filter(|(_, activity)| *activity != Activity::Off).collect())
}

/// What a unit does; `None` where its registers are further up than can be mapped.
fn activity(unit: Iommu) -> Option<Activity> {
    let status = unit.base + unit.status_offset();
    // SAFETY: the boot processor runs alone while it takes the inventory.
    unsafe { paging::map(unit.base, status + 4) }.ok()?;
    // SAFETY: an aligned register in the page that the firmware's table names, which is mapped. Reading a status or
    // control register has no side effect.
    Some(unit.activity(unsafe { (status as *const u32).read_volatile() }))
}
