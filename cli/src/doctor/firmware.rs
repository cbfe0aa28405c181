//! What the firmware has left: tables, Secure Boot, IOMMUs, serial ports.

use std::fs;
use std::io::{self, ErrorKind};

use partitioner::amount::Count;

use super::{Finding, Host, Purpose};
use crate::recorded::serial_ports;

const TABLES: &str = "sys/firmware/acpi/tables";
/// The variable's name and the GUID of global variables (UEFI 2.10, section 3.3); four bytes of attributes come first.
const SECURE_BOOT: &str = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// Where a DMAR has its flags, and the one by which firmware asks for protection from the first moment on: such firmware
/// mostly switches the units on itself (VT-d 4.1, section 8.1).
const DMAR_FLAGS: usize = 37;
const DMA_CTRL_PLATFORM_OPT_IN: u8 = 1 << 2;

pub(super) fn findings(host: &Host) -> Vec<Finding> {
    let looks = [madt, secure_boot, iommu, serial_port];
    looks.into_iter().map(|look| look(host)).collect()
}

fn finding(id: &'static str, found: impl Into<String>) -> Finding {
    Finding::new(id, Purpose::RealMachine, found)
}

fn madt(host: &Host) -> Finding {
    match host.has(&format!("{TABLES}/APIC")) {
        true => finding("madt", "the firmware lists the processors"),
        false => finding("madt", "Linux shows no ACPI MADT, which lists the processors")
            .missing("switch ACPI on in the firmware's settings; a container may hide it"),
    }
}

fn secure_boot(host: &Host) -> Finding {
    let id = "secure-boot";
    if !host.has("sys/firmware/efi") {
        return finding(id, "none: Linux was not started by UEFI");
    }
    match fs::read(host.at(SECURE_BOOT)).ok().and_then(|value| value.last().copied()) {
        Some(1) => {
            finding(id, "on").missing("switch Secure Boot off in the firmware's settings: the medium is not signed")
        }
        Some(_) => finding(id, "off"),
        None => finding(id, "UEFI that does not say whether it is on")
            .warned("look into the firmware's settings: Secure Boot must be off, because the medium is not signed"),
    }
}

fn iommu(host: &Host) -> Finding {
    let maker = if host.has(&format!("{TABLES}/DMAR")) {
        "VT-d"
    } else if host.has(&format!("{TABLES}/IVRS")) {
        "AMD-Vi"
    } else {
        return finding("iommu", "none that the firmware shows");
    };
    judged(maker, fs::read(host.at(TABLES).join("DMAR")))
}

/// By the DMAR, which only root may read, and which AMD's units have not.
fn judged(maker: &str, dmar: io::Result<Vec<u8>>) -> Finding {
    let id = "iommu";
    if dmar.as_ref().is_err_and(|error| error.kind() == ErrorKind::PermissionDenied) {
        return finding(id, format!("{maker}; only root may look whether the firmware leaves it on"))
            .warned("sudo sprig doctor");
    }
    let flags = dmar.ok().and_then(|table| table.get(DMAR_FLAGS).copied());
    match flags.is_some_and(|flags| flags & DMA_CTRL_PLATFORM_OPT_IN != 0) {
        true => finding(id, format!("{maker}, which this firmware may leave on: no partition can have devices then"))
            .warned(
                "switch DMA protection before boot off in the firmware's settings, if partitions are to have devices",
            ),
        false => finding(id, format!("{maker}: no obstacle, unless the firmware leaves it on")),
    }
}

fn serial_port(host: &Host) -> Finding {
    let id = "serial-port";
    match serial_ports(&host.at("sys/class/tty")) {
        Ok(ports) if ports.is_empty() => finding(id, "none: you would not see what the boot image does")
            .warned("plug in a serial card, or switch serial-over-LAN on in the firmware's settings"),
        Ok(ports) => finding(id, Count(ports.len(), "port").to_string()),
        Err(_) => finding(id, "only root may look").warned("sudo sprig doctor"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn what_only_root_may_read_is_no_finding_without_obstacle() {
        let found = judged("VT-d", Err(ErrorKind::PermissionDenied.into()));
        assert_eq!((found.state, found.help.as_deref()), (State::Warn, Some("sudo sprig doctor")));
        assert_eq!(judged("AMD-Vi", Err(ErrorKind::NotFound.into())).state, State::Ok);
    }
}
