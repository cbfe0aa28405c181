//! How conflicts about devices are told.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::{MessageAndHelp, at, entry, name};
use crate::config::DeviceWish;
use crate::diagnostic::Place;
use crate::pci::{Obstacle, PciAddress};
use crate::plan::conflict::{Claim, Conflict};
use crate::request::Request;

/// Message and help; `None` for other conflicts.
pub(super) fn of(conflict: &Conflict, request: &Request) -> Option<MessageAndHelp> {
    Some(match conflict {
        Conflict::NoConfigurationSpace { .. } => (
            "the machine has no PCI configuration space in memory (ACPI MCFG), and without it functions cannot be told apart"
                .to_owned(),
            "leave `devices` out, or take a machine with PCI Express; in QEMU, -machine q35".to_owned(),
        ),
        Conflict::NoSuchDevice { claim } => no_such(*claim, request),
        Conflict::NoDeviceLeft { claim, there, .. } => (
            format!(
                "{} wants {}, and the machine has {there}, which others have",
                name(request, claim.partition),
                wish(request, *claim)
            ),
            "ask for fewer, or name them by their addresses: `sprig plan` lists all".to_owned(),
        ),
        Conflict::DeviceClaimedTwice { first, second } => (
            format!(
                "{} is claimed by {} and by {}",
                wish(request, *second),
                name(request, first.partition),
                name(request, second.partition)
            ),
            "give each device to one partition, once".to_owned(),
        ),
        Conflict::DeviceNotAssignable { claim, address, obstacle } => not_assignable(*claim, *address, *obstacle, request),
        Conflict::BusClaimedTwice { first, second, devices: [one, other], bridge } => (
            format!(
                "{one} of {} and {other} of {} are behind the same bridge, {bridge}, and what lies behind one goes together",
                name(request, first.partition),
                name(request, second.partition)
            ),
            "give both to one partition, or put one of the two cards into another slot".to_owned(),
        ),
        Conflict::SerialPortOfTheLog { claim } => (
            format!(
                "{} wants {}, where the boot image logs until all partitions run",
                name(request, claim.partition),
                wish(request, *claim)
            ),
            "name another port, or give this partition core 0: it is started last".to_owned(),
        ),
        _ => return None,
    })
}

fn no_such(claim: Claim, request: &Request) -> MessageAndHelp {
    let message =
        format!("{} wants {}, which the machine has not", name(request, claim.partition), wish(request, claim));
    let help = "see what it has: `sprig inventory` on the machine, `sprig plan --inventory` here, or the boot log";
    (message, help.to_owned())
}

fn not_assignable(claim: Claim, address: PciAddress, obstacle: Obstacle, request: &Request) -> MessageAndHelp {
    let help = match obstacle {
        Obstacle::Bridge => "name what lies behind it",
        Obstacle::OnRootBus => "take a device behind a root port: a card in a slot; in QEMU, behind a pcie-root-port",
        Obstacle::PinOnly => "take a device with MSI or MSI-X",
        Obstacle::OutOfReach => "look in the firmware's settings for room for devices above 4 GiB, or take devices out",
    };
    let message = format!("{} cannot have {address}: {obstacle}", name(request, claim.partition));
    (message, help.to_owned())
}

/// The places; none for other conflicts.
pub(super) fn places(conflict: &Conflict, request: &Request) -> Vec<Place> {
    let claims: Vec<(Claim, &str)> = match conflict {
        Conflict::NoConfigurationSpace { claim }
        | Conflict::NoSuchDevice { claim }
        | Conflict::DeviceNotAssignable { claim, .. }
        | Conflict::SerialPortOfTheLog { claim } => vec![(*claim, "wanted here")],
        Conflict::NoDeviceLeft { claim, first, .. } => {
            let taken = first.filter(|first| first != claim).map(|first| (first, "one taken here"));
            [(*claim, "wanted here")].into_iter().chain(taken).collect()
        }
        Conflict::DeviceClaimedTwice { first, second } | Conflict::BusClaimedTwice { first, second, .. } => {
            vec![(*second, "claimed here"), (*first, "first claimed here")]
        }
        _ => Vec::new(),
    };
    let place = |(claim, label): &(Claim, &str)| {
        let entry = entry(request, claim.partition)?;
        Some(at(entry.devices.get(claim.wish)?.span(), label))
    };
    claims.iter().filter_map(place).collect()
}

/// A wish as it is written in the box file.
fn wish(request: &Request, claim: Claim) -> String {
    let wish = entry(request, claim.partition).and_then(|entry| entry.devices.get(claim.wish));
    match wish.map(|wish| *wish.get_ref()) {
        Some(DeviceWish::Serial(number)) => format!("serial port {number}"),
        Some(wish) => format!("\"{wish}\""),
        None => "a device".to_owned(),
    }
}
