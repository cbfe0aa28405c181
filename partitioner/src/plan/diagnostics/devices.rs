//! Diagnostics about PCI functions and serial ports.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::wording::{entry, name};
use crate::config::DeviceSelector;
use crate::diagnostic::{Diagnostic, Place};
use crate::pci::{Obstacle, PciAddress};
use crate::plan::conflict::Claim;
use crate::request::Request;

pub(super) fn no_configuration_space(request: &Request, claim: Claim) -> Diagnostic {
    Diagnostic::new(
        "no-configuration-space",
        "the machine has no PCI configuration space in memory (ACPI MCFG), so Sprig cannot identify its PCI functions",
        wanted_here(request, claim),
        "leave `devices` out, or take a machine with PCI Express; in QEMU, -machine q35",
    )
}

pub(super) fn no_such(request: &Request, claim: Claim) -> Diagnostic {
    Diagnostic::new(
        "no-such-device",
        format!("{} wants {}, which the machine has not", name(request, claim.partition), selector(request, claim)),
        wanted_here(request, claim),
        "see what it has: `sprig inventory` on the machine, `sprig plan --inventory` here, or the boot log",
    )
}

pub(super) fn none_left(request: &Request, claim: Claim, there: usize, first: Option<Claim>) -> Diagnostic {
    let (name, selector) = (name(request, claim.partition), selector(request, claim));
    let taken = first.filter(|first| *first != claim).map(|first| (first, "one taken here"));
    let claims = [(claim, "wanted here")].into_iter().chain(taken);
    Diagnostic::new(
        "no-device-left",
        format!("{name} wants {selector}, and the machine has {there}, which others have"),
        places(request, claims),
        "ask for fewer, or name them by their addresses: `sprig plan` lists all",
    )
}

pub(super) fn claimed_twice(request: &Request, first: Claim, second: Claim) -> Diagnostic {
    let names = [first, second].map(|claim| name(request, claim.partition));
    Diagnostic::new(
        "device-claimed-twice",
        format!("{} is claimed by {} and by {}", selector(request, second), names[0], names[1]),
        both_claims(request, first, second),
        "give each device to one partition, once",
    )
}

pub(super) fn not_assignable(request: &Request, claim: Claim, address: PciAddress, obstacle: Obstacle) -> Diagnostic {
    let (code, help) = match obstacle {
        Obstacle::Bridge => ("device-is-a-bridge", "name what lies behind it"),
        Obstacle::OnRootBus => (
            "device-on-root-bus",
            "take a device behind a root port: a card in a slot; in QEMU, behind a pcie-root-port",
        ),
        Obstacle::PinOnly => ("device-without-msi", "take a device with MSI or MSI-X"),
        Obstacle::OutOfReach => (
            "device-out-of-reach",
            "look in the firmware's settings for room for devices above 4 GiB, or take devices out",
        ),
    };
    let message = format!("{} cannot have {address}: {obstacle}", name(request, claim.partition));
    Diagnostic::new(code, message, wanted_here(request, claim), help)
}

pub(super) fn bus_claimed_twice(
    request: &Request,
    [first, second]: [Claim; 2],
    [one, other]: [PciAddress; 2],
    bridge: PciAddress,
) -> Diagnostic {
    let names = [first, second].map(|claim| name(request, claim.partition));
    Diagnostic::new(
        "bus-claimed-twice",
        format!(
            "{one} of {} and {other} of {} are behind the same bridge, {bridge}, and what lies behind one goes together",
            names[0], names[1]
        ),
        both_claims(request, first, second),
        "give both to one partition, or put one of the two cards into another slot",
    )
}

pub(super) fn serial_port_of_the_log(request: &Request, claim: Claim) -> Diagnostic {
    let (name, selector) = (name(request, claim.partition), selector(request, claim));
    Diagnostic::new(
        "serial-port-of-the-log",
        format!("{name} wants {selector}, where the boot image logs until all partitions run"),
        wanted_here(request, claim),
        "name another port, or give this partition core 0: it is started last",
    )
}

fn wanted_here(request: &Request, claim: Claim) -> Vec<Place> {
    places(request, [(claim, "wanted here")])
}

/// The later claim is the main place.
fn both_claims(request: &Request, first: Claim, second: Claim) -> Vec<Place> {
    places(request, [(second, "claimed here"), (first, "first claimed here")])
}

fn places<'l>(request: &Request, claims: impl IntoIterator<Item = (Claim, &'l str)>) -> Vec<Place> {
    let place = |(claim, label): (Claim, &str)| {
        let devices = &entry(request, claim.partition)?.devices;
        Some(Place::new(devices.get(claim.device)?.span(), label))
    };
    claims.into_iter().filter_map(place).collect()
}

/// A device as the box file names it.
fn selector(request: &Request, claim: Claim) -> String {
    let selector = entry(request, claim.partition).and_then(|entry| entry.devices.get(claim.device));
    match selector.map(|selector| *selector.get_ref()) {
        Some(DeviceSelector::Serial(number)) => format!("serial port {number}"),
        Some(selector) => format!("\"{selector}\""),
        None => "a device".into(),
    }
}
