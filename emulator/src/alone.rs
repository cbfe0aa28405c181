//! The kernel of one partition without a partitioner, to compare a box with.

use std::path::{Path, absolute};

use crate::launch::LaunchError;
use crate::qemu::{Boot, ConsoleSpec, Emulator, MachineSpec, StartError};
use crate::source::Source;

/// A machine for the kernel of one partition alone: it boots what the partition boots, with its memory and a console.
///
/// # Errors
/// If the partition has no initial file system.
pub fn alone(source: &Source, partition: usize, boot_image: &Path, console: &str) -> Result<MachineSpec, LaunchError> {
    let partition = &source.request().file.partitions[partition];
    let no_initrd = || LaunchError::NoInitrd { partition: partition.name.get_ref().clone() };
    let initrd = partition.initrd.as_ref().ok_or_else(no_initrd)?;
    let folder = source.path().parent().unwrap_or(Path::new(""));
    let find = |path: &str| {
        let path = folder.join(path);
        absolute(&path).map_err(|error| StartError::File { what: "find", path, error })
    };
    let boot = Boot::Kernel {
        image: find(partition.kernel.get_ref())?,
        initrd: Some(find(initrd.get_ref())?),
        command_line: format!("console=ttyS0,115200n8 {}", partition.cmdline.get_ref()).trim_end().to_owned(),
    };
    Ok(MachineSpec {
        emulator: Emulator::find(Some(boot_image)),
        memory: *partition.memory.get_ref(),
        consoles: vec![ConsoleSpec::new(console)],
        ..MachineSpec::new(boot)
    })
}
