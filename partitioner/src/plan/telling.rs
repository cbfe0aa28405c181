//! How a conflict is told: code, message, places in the box file, help.

mod devices;

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use super::conflict::{Conflict, Fixed, Taker};
use crate::address::LARGE_PAGE;
use crate::config::PartitionEntry;
use crate::diagnostic::{Diagnostic, Place};
use crate::inventory::CoreNumber;
use crate::pci::Obstacle;
use crate::request::Request;
use crate::size::Size;

/// A conflict as it is told.
pub(super) fn diagnostic(conflict: &Conflict, request: &Request) -> Diagnostic {
    let (message, help) = devices::of(conflict, request).unwrap_or_else(|| of_others(conflict, request));
    let mut places = places(conflict, request);
    places.extend(devices::places(conflict, request));
    Diagnostic { code: code(conflict), message, places, help }
}

fn of_others(conflict: &Conflict, request: &Request) -> MessageAndHelp {
    match conflict {
        Conflict::NoMadt | Conflict::ApicIdTwice(_) | Conflict::NoUsableMemory | Conflict::FixedNotUsable(_) => {
            of_firmware(conflict)
        }
        Conflict::TscNotInvariant | Conflict::TscRateUnknown => of_clock(conflict),
        Conflict::CoreClaimedTwice { .. }
        | Conflict::CoresDoNotExist { .. }
        | Conflict::CoresOutOfReach { .. }
        | Conflict::TooFewCores { .. } => of_cores(conflict, request),
        Conflict::KernelTooLarge { .. } | Conflict::InitrdTooLarge { .. } => of_contents(conflict, request),
        Conflict::TooManyQueues { queues, least, most } => of_queues(*queues, *least, *most, request),
        _ => of_memory(conflict, request),
    }
}

fn code(conflict: &Conflict) -> &'static str {
    match conflict {
        Conflict::NoMadt => "no-madt",
        Conflict::ApicIdTwice(_) => "apic-id-twice",
        Conflict::TscNotInvariant => "tsc-not-invariant",
        Conflict::TscRateUnknown => "tsc-rate-unknown",
        Conflict::CoreClaimedTwice { .. } => "core-claimed-twice",
        Conflict::CoresDoNotExist { .. } => "core-does-not-exist",
        Conflict::CoresOutOfReach { .. } => "core-out-of-reach",
        Conflict::TooFewCores { .. } => "too-few-cores",
        Conflict::TooManyQueues { .. } => "too-many-queues",
        Conflict::NoUsableMemory => "no-usable-memory",
        Conflict::FixedNotUsable(_) => "resident-not-usable",
        Conflict::LowMemoryExhausted { .. } => "low-memory-exhausted",
        Conflict::KernelTooLarge { .. } => "kernel-too-large",
        Conflict::InitrdTooLarge { .. } => "initrd-too-large",
        Conflict::TooLittleMemory { .. } => "too-little-memory",
        Conflict::MemoryInPieces { .. } => "memory-in-pieces",
        Conflict::NoRoomForImage { .. } => "no-room-for-image",
        Conflict::NoConfigurationSpace { .. } => "no-configuration-space",
        Conflict::NoSuchDevice { .. } => "no-such-device",
        Conflict::NoDeviceLeft { .. } => "no-device-left",
        Conflict::DeviceClaimedTwice { .. } => "device-claimed-twice",
        Conflict::DeviceNotAssignable { obstacle: Obstacle::Bridge, .. } => "device-is-a-bridge",
        Conflict::DeviceNotAssignable { obstacle: Obstacle::OnRootBus, .. } => "device-on-root-bus",
        Conflict::DeviceNotAssignable { obstacle: Obstacle::PinOnly, .. } => "device-without-msi",
        Conflict::DeviceNotAssignable { obstacle: Obstacle::OutOfReach, .. } => "device-out-of-reach",
        Conflict::BusClaimedTwice { .. } => "bus-claimed-twice",
        Conflict::SerialPortOfTheLog { .. } => "serial-port-of-the-log",
    }
}

type MessageAndHelp = (String, String);

fn of_firmware(conflict: &Conflict) -> MessageAndHelp {
    match conflict {
        Conflict::ApicIdTwice(id) => (
            format!("the firmware lists two processors with APIC ID {id}"),
            "update the firmware: an interrupt cannot be sent to one of the two".to_owned(),
        ),
        Conflict::NoUsableMemory => (
            "the memory map has no usable memory".to_owned(),
            "boot by GRUB 2 or another loader that hands over the firmware's memory map".to_owned(),
        ),
        Conflict::FixedNotUsable(fixed) => (
            format!("{} at {} is not in usable memory", what(*fixed), fixed.range()),
            "the firmware keeps it for itself: try to boot the other way, by BIOS or by UEFI".to_owned(),
        ),
        _ => (
            "the machine has no ACPI MADT, which lists the processors".to_owned(),
            "switch ACPI on in the firmware's settings, or in the emulator".to_owned(),
        ),
    }
}

fn what(fixed: Fixed) -> &'static str {
    match fixed {
        Fixed::Resident => "the place of the resident part",
        Fixed::Trampoline => "the page in which processors start",
        Fixed::MpTable => "the place of the empty MP table",
    }
}

fn of_clock(conflict: &Conflict) -> MessageAndHelp {
    match conflict {
        Conflict::TscNotInvariant => (
            "the machine's time-stamp counter is not invariant, and it is the only clock that instances can share"
                .to_owned(),
            "take a processor from 2010 or later; in an emulator pass the host's invariant TSC through".to_owned(),
        ),
        _ => (
            "the rate of the time-stamp counter could not be found out".to_owned(),
            "switch the HPET or the ACPI PM timer on in the firmware's settings".to_owned(),
        ),
    }
}

fn of_cores(conflict: &Conflict, request: &Request) -> MessageAndHelp {
    match conflict {
        Conflict::CoreClaimedTwice { cores, first, second } => (
            format!("{} claimed by {} and by {}", are(cores), name(request, *first), name(request, *second)),
            "give each core to one partition".to_owned(),
        ),
        Conflict::CoresDoNotExist { cores, partition, machine } => (
            format!(
                "{} claimed by {}, but the machine has only {}",
                are(cores),
                name(request, *partition),
                counted(*machine)
            ),
            match machine {
                1 => "its only core is 0".to_owned(),
                _ => format!("its cores are 0 to {}", machine.saturating_sub(1)),
            },
        ),
        Conflict::CoresOutOfReach { cores, partition } => (
            format!(
                "{} claimed by {}, but no instance can drive a core whose APIC ID is above 254",
                are(cores),
                name(request, *partition)
            ),
            "take other cores; Linux drives such a one only with interrupt remapping, which it does not see".to_owned(),
        ),
        Conflict::TooFewCores { wanted, there, out_of_reach, .. } => (
            match out_of_reach {
                0 => format!("the partitions want {}, the machine has {there}", counted(*wanted)),
                far => format!(
                    "the partitions want {}, the machine has {there}, and {far} with APIC IDs above 254, which no instance \
                     can drive",
                    counted(*wanted)
                ),
            },
            "ask for fewer cores, or for fewer partitions".to_owned(),
        ),
        _ => of_firmware(conflict),
    }
}

fn of_queues(queues: u8, least: u64, most: u8, request: &Request) -> MessageAndHelp {
    (
        format!(
            "{queues} queues for each pair of {} partitions take {} of shared memory, and there is {}",
            request.file.partitions.len(),
            Size(least),
            Size(*request.file.shared_memory.get_ref())
        ),
        format!("write queues = {most}, or shared_memory = \"{}\"", Size(least)),
    )
}

fn of_contents(conflict: &Conflict, request: &Request) -> MessageAndHelp {
    let (Conflict::KernelTooLarge { partition, needed } | Conflict::InitrdTooLarge { partition, needed, .. }) =
        conflict
    else {
        return of_memory(conflict, request);
    };
    let memory = entry(request, *partition).map_or(0, |entry| *entry.memory.get_ref());
    let message = match conflict {
        Conflict::InitrdTooLarge { initrd, .. } => format!(
            "the initial file system of {} has {}; with its kernel it takes {}, and the partition has {}",
            name(request, *partition),
            about(*initrd),
            about(*needed),
            Size(memory)
        ),
        _ => format!(
            "the kernel of {} takes {}, and the partition has {}",
            name(request, *partition),
            about(*needed),
            Size(memory)
        ),
    };
    let help = match needed.checked_next_multiple_of(LARGE_PAGE) {
        Some(least) => format!("write memory = \"{}\" at the least; unpacking takes more", Size(least)),
        None => "the file is damaged: copy or download it again".to_owned(),
    };
    (message, help)
}

fn of_memory(conflict: &Conflict, request: &Request) -> MessageAndHelp {
    match conflict {
        Conflict::LowMemoryExhausted { partitions, fit } => (
            format!("{partitions} partitions need a slice below 1MiB each, and this machine has room for {fit}"),
            format!("every kernel starts its processors from such a slice: {fit} partitions are the most"),
        ),
        Conflict::TooLittleMemory { wanted, there } => (
            format!("partitions and shared memory want {}, the machine has {} to give", Size(*wanted), Size(*there)),
            format!("ask for {} less", Size(wanted - there)),
        ),
        Conflict::MemoryInPieces { taker, needed, longest } => (
            format!(
                "{} needs {} in one piece, and the longest that is left has {}",
                match taker {
                    Taker::Partition(partition) => name(request, *partition),
                    Taker::Window => "the shared memory".to_owned(),
                },
                about(*needed),
                Size(*longest)
            ),
            match taker {
                Taker::Partition(_) => "ask for less memory, for this partition or for those before it".to_owned(),
                Taker::Window => "ask for less shared memory".to_owned(),
            },
        ),
        Conflict::NoRoomForImage { image, longest } => {
            let image = request.images.get(*image);
            let (path, len) = image.map_or(("", 0), |image| (&image.path, image.len));
            (
                format!("\"{path}\" takes {}, and the longest piece of memory left has {}", about(len), Size(*longest)),
                "ask for less memory: images are kept, because partitions are started again from them".to_owned(),
            )
        }
        _ => of_firmware(conflict),
    }
}

fn places(conflict: &Conflict, request: &Request) -> Vec<Place> {
    match conflict {
        Conflict::CoreClaimedTwice { first, second, .. } => {
            let claims = [(second, "claimed here"), (first, "first claimed here")];
            claims.iter().filter_map(|(index, label)| Some(at(entry(request, **index)?.cpus.span(), label))).collect()
        }
        Conflict::CoresDoNotExist { partition, .. } | Conflict::CoresOutOfReach { partition, .. } => {
            of_partition(request, *partition, |entry| at(entry.cpus.span(), "claimed here"))
        }
        Conflict::TooFewCores { partition, .. } => {
            let mut places: Vec<_> = request.entries().map(|(entry, _)| cores_wanted(entry)).collect();
            // The one that goes short is the main place.
            if let Some(upto) = places.get_mut(..=*partition) {
                upto.rotate_right(1);
            }
            places
        }
        Conflict::TooManyQueues { queues, .. } => {
            let wanted = request.file.queues.iter().map(|wanted| at(wanted.span(), &format!("{queues} queues wanted")));
            wanted.chain([window(request)]).collect()
        }
        Conflict::LowMemoryExhausted { fit, .. } => {
            of_partition(request, *fit, |entry| at(entry.name.span(), "the first without a slice"))
        }
        Conflict::KernelTooLarge { partition, .. } => {
            of_partition_memory(request, *partition, |entry| Some(at(entry.kernel.span(), "for this kernel")))
        }
        Conflict::InitrdTooLarge { partition, .. } => {
            of_partition_memory(request, *partition, |entry| Some(at(entry.initrd.as_ref()?.span(), "for this file")))
        }
        Conflict::TooLittleMemory { .. } => {
            let partitions = request.entries().map(|(entry, _)| wanted(entry.memory.span(), *entry.memory.get_ref()));
            partitions.chain([window(request)]).collect()
        }
        Conflict::MemoryInPieces { taker: Taker::Window, .. } => vec![window(request)],
        Conflict::MemoryInPieces { taker: Taker::Partition(partition), .. } => {
            of_partition(request, *partition, |entry| wanted(entry.memory.span(), *entry.memory.get_ref()))
        }
        Conflict::NoRoomForImage { image, .. } => {
            let named = request.entries().filter_map(|(entry, images)| match images.initrd {
                _ if images.kernel == *image => Some(entry.kernel.span()),
                Some(initrd) if initrd == *image => Some(entry.initrd.as_ref()?.span()),
                _ => None,
            });
            named.map(|span| at(span, "named here")).collect()
        }
        _ => Vec::new(),
    }
}

fn of_partition(request: &Request, index: usize, place: impl Fn(&PartitionEntry) -> Place) -> Vec<Place> {
    entry(request, index).map(place).into_iter().collect()
}

/// The memory of a partition, and what shall fit into it.
fn of_partition_memory(
    request: &Request,
    index: usize,
    content: impl Fn(&PartitionEntry) -> Option<Place>,
) -> Vec<Place> {
    let Some(entry) = entry(request, index) else { return Vec::new() };
    [Some(at(entry.memory.span(), "too small")), content(entry)].into_iter().flatten().collect()
}

fn cores_wanted(entry: &PartitionEntry) -> Place {
    Place { span: entry.cpus.span(), label: counted(entry.cpus.get_ref().cores()) }
}

fn window(request: &Request) -> Place {
    let shared_memory = &request.file.shared_memory;
    Place { span: shared_memory.span(), label: format!("shared memory of {}", Size(*shared_memory.get_ref())) }
}

fn wanted(span: Range<usize>, bytes: u64) -> Place {
    Place { span, label: format!("{} wanted", Size(bytes)) }
}

fn at(span: Range<usize>, label: &str) -> Place {
    Place { span, label: label.to_owned() }
}

fn entry(request: &Request, index: usize) -> Option<&PartitionEntry> {
    request.file.partitions.get(index)
}

fn name(request: &Request, index: usize) -> String {
    entry(request, index).map_or_else(|| format!("partition {index}"), |entry| format!("\"{}\"", entry.name.get_ref()))
}

fn counted(count: usize) -> String {
    format!("{count} core{}", if count == 1 { "" } else { "s" })
}

/// Bytes to the next MiB: nobody counts the bytes of a kernel.
fn about(bytes: u64) -> String {
    format!("{}MiB", bytes.div_ceil(1 << 20))
}

/// `core 1 is`, `cores 0-3,6 are`.
fn are(cores: &[CoreNumber]) -> String {
    let runs: Vec<String> = cores
        .chunk_by(|before, after| before.0.checked_add(1) == Some(after.0))
        .filter_map(|run| match run {
            [only] => Some(format!("{only}")),
            [first, .., last] => Some(format!("{first}-{last}")),
            [] => None,
        })
        .collect();
    let (noun, verb) = if cores.len() == 1 { ("core", "is") } else { ("cores", "are") };
    format!("{noun} {} {verb}", runs.join(","))
}
