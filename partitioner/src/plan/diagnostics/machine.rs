//! Diagnostics about the machine itself. The box file has no part in them.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::diagnostic::Diagnostic;
use crate::inventory::ApicId;
use crate::plan::conflict::Fixed;

pub(super) fn no_madt() -> Diagnostic {
    of_machine(
        "no-madt",
        "the machine has no ACPI MADT, which lists the processors",
        "switch ACPI on in the firmware's settings, or in the emulator",
    )
}

pub(super) fn apic_id_twice(apic_id: ApicId) -> Diagnostic {
    of_machine(
        "apic-id-twice",
        format!("the firmware lists two processors with APIC ID {apic_id}"),
        "update the firmware: an interrupt cannot be sent to one of the two",
    )
}

pub(super) fn tsc_not_invariant() -> Diagnostic {
    of_machine(
        "tsc-not-invariant",
        "the machine's time-stamp counter is not invariant, and it is the only clock that instances can share",
        "take a processor from 2010 or later; in an emulator pass the host's invariant TSC through",
    )
}

pub(super) fn tsc_rate_unknown() -> Diagnostic {
    of_machine(
        "tsc-rate-unknown",
        "the rate of the time-stamp counter could not be found out",
        "switch the HPET or the ACPI PM timer on in the firmware's settings",
    )
}

pub(super) fn no_usable_memory() -> Diagnostic {
    of_machine(
        "no-usable-memory",
        "the memory map has no usable memory",
        "boot by GRUB 2 or another loader that hands over the firmware's memory map",
    )
}

pub(super) fn fixed_not_usable(fixed: Fixed) -> Diagnostic {
    let what = match fixed {
        Fixed::Resident => "the place of the resident part",
        Fixed::Trampoline => "the page in which processors start",
        Fixed::MpTable => "the place of the empty MP table",
    };
    of_machine(
        "resident-not-usable",
        format!("{what} at {} is not in usable memory", fixed.range()),
        "the firmware keeps it for itself: try to boot the other way, by BIOS or by UEFI",
    )
}

fn of_machine(code: &'static str, message: impl Into<String>, help: &str) -> Diagnostic {
    Diagnostic::new(code, message, Vec::new(), help)
}
