//! PCI buses that `sprig run` does not make: QEMU's arguments, and the buses and functions that the firmware makes of
//! them, so that the host plans for the same machine as the boot image.

use emulator::emulated::EmulatedMachine;
use emulator::launch::LaunchOptions;
use partitioner::inventory::Inventory;
use partitioner::pci::{Bridge, BusRange, Interrupts, PciClass, PciFunction, Windows};

/// Vendor, device and class of what is plugged in, as QEMU's devices have them.
pub const ROOT_PORT: (u16, u16, u32) = (0x1b36, 0x000c, 0x06_04_00);
/// See [`ROOT_PORT`].
pub const UPSTREAM: (u16, u16, u32) = (0x104c, 0x8232, 0x06_04_00);
/// See [`ROOT_PORT`].
pub const DOWNSTREAM: (u16, u16, u32) = (0x104c, 0x8233, 0x06_04_00);
/// See [`ROOT_PORT`].
pub const NVME: (u16, u16, u32) = (0x1b36, 0x0010, 0x01_08_02);
/// See [`ROOT_PORT`].
pub const VIRTIO_NET: (u16, u16, u32) = (0x1af4, 0x1041, 0x02_00_00);

/// A machine with buses of its own.
#[derive(Default)]
pub struct Topology {
    arguments: Vec<String>,
    functions: Vec<PciFunction>,
}

impl Topology {
    /// Adds an argument for QEMU.
    pub fn argument(&mut self, option: &str, value: impl Into<String>) {
        self.arguments.extend([option.to_owned(), value.into()]);
    }

    /// A bridge that the firmware is expected to find, and to give these buses.
    pub fn bridge(&mut self, address: &str, identity: (u16, u16, u32), first: u8, last: u8) {
        let bridge = Bridge { buses: Some(BusRange { first, last }), windows: Windows::default() };
        self.functions.push(PciFunction { bridge: Some(bridge), ..function(address, identity) });
    }

    /// A device that the firmware is expected to find.
    pub fn device(&mut self, address: &str, identity: (u16, u16, u32)) {
        self.functions.push(function(address, identity));
    }

    /// How a box runs on a machine that has all this beside its own devices.
    pub fn options(self, machine: EmulatedMachine) -> LaunchOptions {
        let inventory = machine.inventory();
        self.options_as(machine, inventory)
    }

    /// The same for a machine that differs from the host's assumptions in more than its PCI functions.
    pub fn options_as(self, machine: EmulatedMachine, inventory: Inventory) -> LaunchOptions {
        let mut pci = self.functions;
        pci.sort_by_key(|function| function.address);
        let inventory = Some(Inventory { pci, ..inventory });
        LaunchOptions { inventory, arguments: self.arguments, ..LaunchOptions::on(machine) }
    }
}

fn function(address: &str, (vendor_id, device_id, class): (u16, u16, u32)) -> PciFunction {
    PciFunction {
        address: address.parse().expect("an address"),
        vendor_id,
        device_id,
        class: PciClass(class),
        bars: Vec::new(),
        interrupts: Interrupts { msi: Some(0x40), msi_x: None },
        bridge: None,
    }
}
