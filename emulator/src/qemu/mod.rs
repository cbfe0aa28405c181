//! The emulated machine: QEMU's q35 with so many processors, so much memory, and a console for every serial port.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use emulator::qemu::{Boot, ConsoleSpec, MachineSpec};
//! use std::time::Duration;
//!
//! let boot = Boot::Kernel { image: "vmlinuz".into(), initrd: None, command_line: "console=ttyS0".into() };
//! let consoles = vec![ConsoleSpec::new("log")];
//! let machine = MachineSpec { cpus: 4, memory: 1 << 30, consoles, ..MachineSpec::new(boot) }.start()?;
//! machine.console("log").expect("the specification names it").wait_for("Linux version", Duration::from_secs(60))?;
//! # Ok(()) }
//! ```
//!
//! A [`MachineSpec`] says what machine is wanted and makes QEMU's command line of it. A [`Machine`] owns everything that
//! it made: dropping it ends QEMU and removes its private folder. If this process dies without dropping anything, the
//! kernel ends QEMU (`PR_SET_PDEATHSIG`).

mod accelerator;
mod channels;
mod emulator;
mod firmware;
mod folder;
mod machine;
mod memory;
mod process;
mod qmp;
mod spec;
mod start_error;

pub use self::accelerator::Accelerator;
pub use self::emulator::{Emulator, Version};
pub(crate) use self::firmware::option_value;
pub use self::firmware::{Attachment, Boot, Firmware, FirmwareError, has_uefi};
pub use self::folder::PrivateFolder;
pub use self::machine::{Machine, MachineEnd, NmiError, NmiLine};
pub use self::memory::Sharing;
pub use self::qmp::{Qmp, QmpError, Shutdown};
pub use self::spec::{ConsoleSpec, MachineSpec, SERIAL_PORTS};
pub use self::start_error::StartError;
