//! The kernel command line: what keeps an unmodified kernel inside its partition, then what its owner wants.
//!
//! | ours | without it |
//! |---|---|
//! | `tsc_early_khz=` | no PIT or HPET to calibrate against: the boot hangs |
//! | `tsc=reliable` | the clock source falls back to jiffies |
//! | `no_ipi_broadcast=1` | "all but self" reaches every core of the machine |
//! | `pci=noearly` | thousands of accesses to port 0xCF8, which race between kernels |
//! | `8250.nr_uarts=` | kernels probe each other's serial ports |
//! | `console=` | no messages before the port's driver is up |
//! | `sprig.partition=` | nothing: the instance reads its name there |

use alloc::format;
use alloc::string::String;

use super::error::ViewError;
use crate::layout::COMMAND_LINE_LEN;
use crate::plan::{PartitionPlan, Plan};

/// The command line of the instance of `partition`, without the closing zero.
///
/// # Errors
/// [`ViewError::CommandLineTooLong`].
pub fn command_line(plan: &Plan, partition: &PartitionPlan) -> Result<String, ViewError> {
    let line = [added_words(plan, partition).as_str(), partition.owner_cmdline.trim()].join(" ");
    let line = String::from(line.trim_end());
    let most = COMMAND_LINE_LEN - 1;
    if line.len() > most {
        return Err(ViewError::CommandLineTooLong { partition: partition.name.clone(), len: line.len(), most });
    }
    Ok(line)
}

/// What is put in front of the owner's line: his may end in `--` and arguments for init, and the last of two
/// contradicting words wins. The firmware tables repeat it, for kernels that are started with another line.
pub(super) fn added_words(plan: &Plan, partition: &PartitionPlan) -> String {
    let serial = match partition.console {
        Some(port) => format!("8250.nr_uarts=1 console=uart8250,io,{:#x},115200n8", port.io_port),
        None => String::from("8250.nr_uarts=0"),
    };
    format!(
        "tsc_early_khz={} tsc=reliable no_ipi_broadcast=1 pci=noearly {serial} sprig.partition={}",
        plan.tsc_khz, partition.name
    )
}
