//! The diagnostic of each conflict: code, message, places in the box file, help.
//!
//! To add a conflict, add its variant to [`Conflict`] and its arm here: without the arm this does not compile. The arm
//! calls a function that makes the whole diagnostic, in the module of its subject.

mod cores;
mod devices;
mod machine;
mod memory;
mod wording;

use alloc::vec::Vec;

use super::conflict::{Conflict, PlanError};
use crate::diagnostic::Diagnostic;
use crate::request::Request;

impl PlanError {
    /// The diagnostic of each conflict, with its places in the box file that `request` was gathered from.
    pub fn diagnostics(&self, request: &Request) -> Vec<Diagnostic> {
        self.conflicts.iter().map(|conflict| diagnose(conflict, request)).collect()
    }
}

/// The diagnostic of a conflict that `request` has with a machine.
fn diagnose(conflict: &Conflict, request: &Request) -> Diagnostic {
    match conflict {
        Conflict::NoMadt => machine::no_madt(),
        Conflict::ApicIdTwice(apic_id) => machine::apic_id_twice(*apic_id),
        Conflict::TscNotInvariant => machine::tsc_not_invariant(),
        Conflict::TscRateUnknown => machine::tsc_rate_unknown(),
        Conflict::NoUsableMemory => machine::no_usable_memory(),
        Conflict::FixedNotUsable(fixed) => machine::fixed_not_usable(*fixed),
        Conflict::CoreClaimedTwice { cores, first, second } => cores::claimed_twice(request, cores, *first, *second),
        Conflict::CoresDoNotExist { cores, partition, machine } => {
            cores::do_not_exist(request, cores, *partition, *machine)
        }
        Conflict::CoresOutOfReach { cores, partition } => cores::out_of_reach(request, cores, *partition),
        Conflict::TooFewCores { wanted, there, out_of_reach, partition } => {
            cores::too_few(request, *wanted, *there, *out_of_reach, *partition)
        }
        Conflict::TooManyQueues { queues, least, most } => memory::too_many_queues(request, *queues, *least, *most),
        Conflict::LowMemoryExhausted { partitions, fit } => memory::low_exhausted(request, *partitions, *fit),
        Conflict::KernelTooLarge { partition, needed } => memory::kernel_too_large(request, *partition, *needed),
        Conflict::InitrdTooLarge { partition, initrd, needed } => {
            memory::initrd_too_large(request, *partition, *initrd, *needed)
        }
        Conflict::UnpackedTooLarge { partition, unpacked, needed } => {
            memory::unpacked_too_large(request, *partition, *unpacked, *needed)
        }
        Conflict::TooLittleMemory { wanted, there } => memory::too_little(request, *wanted, *there),
        Conflict::MemoryInPieces(shortage) => memory::in_pieces(request, shortage),
        Conflict::NoRoomForImage { image, longest } => memory::no_room_for_image(request, *image, *longest),
        Conflict::NoConfigurationSpace { claim } => devices::no_configuration_space(request, *claim),
        Conflict::NoSuchDevice { claim } => devices::no_such(request, *claim),
        Conflict::NoDeviceLeft { claim, there, first } => devices::none_left(request, *claim, *there, *first),
        Conflict::DeviceClaimedTwice { first, second } => devices::claimed_twice(request, *first, *second),
        Conflict::DeviceNotAssignable { claim, address, obstacle } => {
            devices::not_assignable(request, *claim, *address, *obstacle)
        }
        Conflict::BusClaimedTwice { first, second, devices, bridge } => {
            devices::bus_claimed_twice(request, [*first, *second], *devices, *bridge)
        }
        Conflict::SerialPortOfTheLog { claim } => devices::serial_port_of_the_log(request, *claim),
    }
}
