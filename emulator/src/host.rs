//! What an emulated machine takes from this host: memory, and the files of its disks. Checked before QEMU starts, so that
//! the answer names what is missing and does not come as QEMU's own text.

use std::fs::{self, File};
use std::path::Path;

use partitioner::address::MIB;
use partitioner::amount::Amount;
use partitioner::diagnostic::Diagnostic;
use rustix::fs::{FlockOperation, fcntl_lock};

use crate::emulated::{EmulatedDevice, EmulatedMachine};
use crate::input_file::{BLOCK_DEVICE, InputError, InputFile};

/// Everything that this host lacks for the machine.
pub fn check(machine: &EmulatedMachine) -> Vec<Diagnostic> {
    check_memory(machine).into_iter().chain(check_disks(&machine.devices)).collect()
}

/// The machine's memory, if it is more than this host has.
pub fn check_memory(machine: &EmulatedMachine) -> Option<Diagnostic> {
    let there = total_memory(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let (wanted, shown) = (Amount(machine.memory), Amount(there));
    (machine.memory > there).then(|| {
        Diagnostic::new(
            "more-memory-than-host",
            format!("the emulated machine has {wanted}, and this host has {shown} with its swap space"),
            Vec::new(),
            "ask for less memory, or run the box on a larger host",
        )
    })
}

/// The files of disks that QEMU could not use.
pub fn check_disks(devices: &[EmulatedDevice]) -> Vec<Diagnostic> {
    let images = devices.iter().filter_map(|device| Some((device, device.image()?)));
    images.filter_map(|(device, image)| check_disk(device, image)).collect()
}

fn check_disk(device: &EmulatedDevice, image: &Path) -> Option<Diagnostic> {
    let option = format!("--device {}={}", device.kind(), image.display());
    let diagnostic =
        |code, what: String, help| Some(Diagnostic::new(code, format!("{option}: {what}"), Vec::new(), help));
    match InputFile::open(image) {
        Err(error @ InputError::Missing) => {
            let help = "make one: truncate -s 1G FILE, or qemu-img create FILE 1G";
            diagnostic("disk-image-missing", error.to_string(), help)
        }
        // QEMU takes a block device as a disk.
        Err(InputError::NotAFile { kind: BLOCK_DEVICE }) => None,
        Err(error @ InputError::NotAFile { .. }) => diagnostic(
            "disk-image-not-a-file",
            error.to_string(),
            "name a file with the disk's bytes, or a block device",
        ),
        Err(error) => diagnostic("disk-image-unreadable", error.to_string(), "make the file readable"),
        Ok(file) if file.is_empty() => {
            diagnostic("disk-image-empty", "it has no bytes".to_owned(), "give it a size: truncate -s 1G FILE")
        }
        Ok(_) => match File::options().read(true).write(true).open(image) {
            Err(error) => {
                diagnostic("disk-image-unwritable", error.to_string(), "make the file writable, or take a copy")
            }
            Ok(file) if is_in_use(&file) => diagnostic(
                "disk-image-in-use",
                "another machine has it".to_owned(),
                "end the other one, or take a copy",
            ),
            Ok(_) => None,
        },
    }
}

/// Whether another process has locked any byte, as QEMU does with single bytes of a disk's file
/// (QEMU `block/file-posix.c`). The lock for the trial is released at once.
fn is_in_use(file: &File) -> bool {
    let is_locked = fcntl_lock(file, FlockOperation::NonBlockingLockExclusive).is_err();
    let _ = fcntl_lock(file, FlockOperation::Unlock);
    is_locked
}

/// Memory and swap space, in bytes (proc(5): `/proc/meminfo`).
fn total_memory(meminfo: &str) -> Option<u64> {
    let kib = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':').split_whitespace().next()?.parse::<u64>().ok()
    };
    Some((kib("MemTotal")? + kib("SwapTotal").unwrap_or(0)) * (MIB >> 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(path: &Path) -> Vec<&'static str> {
        let devices = [EmulatedDevice::Nvme(path.into()), EmulatedDevice::Usb];
        check_disks(&devices).iter().map(|diagnostic| diagnostic.code).collect()
    }

    #[test]
    fn a_disk_without_a_usable_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk.img");
        assert_eq!(codes(&path), ["disk-image-missing"]);
        assert_eq!(codes(folder.path()), ["disk-image-not-a-file"]);
        let file = File::create(&path).unwrap();
        assert_eq!(codes(&path), ["disk-image-empty"]);
        file.set_len(1 << 20).unwrap();
        assert_eq!(codes(&path), Vec::<&str>::new());
    }

    #[test]
    fn a_machine_larger_than_its_host_is_refused() {
        let meminfo = "MemTotal:       24000000 kB\nMemFree: 1 kB\nSwapTotal:       1000000 kB\n";
        assert_eq!(total_memory(meminfo), Some(25_000_000 << 10));
        let machine = |memory| EmulatedMachine { cpus: 1, memory, serial_ports: 1, devices: Vec::new() };
        assert!(check_memory(&machine(1 << 20)).is_none());
        let refused = check_memory(&machine(1 << 60)).unwrap();
        assert!(refused.message.starts_with("the emulated machine has 1048576 TiB, and this host has "), "{refused}");
    }
}
