//! What `sprig run` needs.

use emulator::boot_image::{self, BootImageError};
use emulator::qemu::{Emulator, Version, has_uefi};
use partitioner::amount::Amount;

use super::{Finding, Host, Purpose};
use crate::init::kernels;

/// Two small partitions, the window and the emulator itself.
const MEMORY_LEAST: u64 = 1536 << 20;
/// Where the package puts the boot image.
const INSTALLED: &str = "usr/lib/sprig/sprig-boot.elf";

/// All that was looked at, what is needed most first.
pub(super) fn findings(host: &Host) -> Vec<Finding> {
    let looks = [emulator, boot_image, memory, kernels, uefi_firmware];
    looks.into_iter().map(|look| look(host)).collect()
}

fn finding(id: &'static str, found: impl Into<String>) -> Finding {
    Finding::new(id, Purpose::EmulatedBox, found)
}

fn emulator(host: &Host) -> Finding {
    let emulator = match host.is_this() {
        true => Emulator::find(boot_image::find(None).ok().map(|image| image.path).as_deref()),
        false => Emulator::at(host.at("usr/bin/qemu-system-x86_64")),
    };
    let id = "qemu";
    if !emulator.exists() && host.is_this() && emulator.is_chosen_by_user() {
        return finding(id, "SPRIG_QEMU names no program").missing("unset it, or let it name a QEMU for x86-64");
    }
    if !emulator.exists() {
        return finding(id, "no QEMU for x86-64").missing(host.install("qemu-system-x86"));
    }
    match emulator.version() {
        Ok(version) if version < Version::SOUND => finding(id, format!("QEMU {version}")).warned(format!(
            "by software emulation it may crash kernels while they boot: take {} or later, from backports for example",
            Version::SOUND
        )),
        Ok(version) => finding(id, format!("QEMU {version}")),
        Err(_) => finding(id, "QEMU is there and does not say its version").missing(format!(
            "try `qemu-system-x86_64 --version`; if it is damaged: {}",
            host.install("qemu-system-x86")
        )),
    }
}

fn boot_image(host: &Host) -> Finding {
    let installed = host.at(INSTALLED);
    let id = "boot-image";
    let by_variable = host.is_this() && boot_image::is_chosen_by_user();
    match boot_image::find((!host.is_this()).then_some(installed.as_path())) {
        Ok(image) if image.version == env!("CARGO_PKG_VERSION") => finding(id, format!("Sprig {}", image.version)),
        Ok(image) => {
            finding(id, format!("of Sprig {}, and this command is of {}", image.version, env!("CARGO_PKG_VERSION")))
                .warned("install command and boot image from one package")
        }
        Err(BootImageError::NotOurs { .. } | BootImageError::NotAtPath { .. }) if by_variable => {
            finding(id, "SPRIG_BOOT_IMAGE names none").missing("unset it, or let it name Sprig's boot image")
        }
        Err(BootImageError::NotOurs { .. }) => {
            finding(id, "the file in its place is none").missing("install the package sprig again")
        }
        Err(BootImageError::NotAtPath { .. } | BootImageError::Nowhere { .. }) => {
            finding(id, "none").missing("install the package sprig, or name one by SPRIG_BOOT_IMAGE")
        }
    }
}

fn memory(host: &Host) -> Finding {
    let id = "memory";
    match host.memory() {
        None => finding(id, "Linux does not say how much").warned("mount /proc"),
        Some(bytes) if bytes < MEMORY_LEAST => finding(id, Amount(bytes).to_string()).warned(
            "give partitions little memory: an emulated machine needs the memory of all of them, and some more",
        ),
        Some(bytes) => finding(id, Amount(bytes).to_string()),
    }
}

fn kernels(host: &Host) -> Finding {
    let id = "kernels";
    let found = kernels::find(host.root(), None);
    match (found.usable.first(), found.unreadable.is_empty()) {
        (Some(newest), _) => finding(id, format!("{} in /boot, the newest {}", found.usable.len(), newest.release)),
        (None, false) => finding(id, "those in /boot may be read by root only")
            .warned("copy one that you may read, or run `sprig` as root"),
        (None, true) => finding(id, "none in /boot")
            .warned(format!("{}, or name other files in box files", host.install("linux-image-amd64"))),
    }
}

fn uefi_firmware(host: &Host) -> Finding {
    let id = "uefi-firmware";
    match has_uefi(host.root()) {
        true => finding(id, "OVMF"),
        false => finding(id, "for `sprig run --firmware uefi`: no OVMF").warned(host.install("ovmf")),
    }
}
