//! A partition's kernel alone on an emulated machine: QEMU boots it with the partition's initial file system, disks and
//! network cards, number of cores and memory.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use anyhow::Result;
use emulator::alone::alone;
use emulator::emulated::EmulatedMachine;
use emulator::qemu::{Machine, MachineSpec};
use emulator::shell::Shell;
use emulator::source::Source;

use super::device::{Device, OwnedDevice};
use crate::boxes::run::Environment;
use crate::boxes::spec::Subject;
use crate::boxes::{BOOT_LIMIT, COPIES, kept};

/// Such a machine, which runs until this is dropped.
pub(super) struct AloneMachine {
    machine: Machine,
    emulated: EmulatedMachine,
    /// In the order of its buses.
    owned: Vec<OwnedDevice>,
}

impl AloneMachine {
    pub(super) fn start(
        source: &Source,
        boot_image: &Path,
        environment: &Environment,
        owned: &[OwnedDevice],
    ) -> Result<AloneMachine> {
        let partition = owned[0].partition;
        let entry = &source.request().file.partitions[partition];
        let cpus = u32::try_from(entry.cpus.get_ref().cores())?;
        let devices = owned.iter().map(|device| device.device.clone()).collect();
        let emulated = EmulatedMachine { cpus, memory: *entry.memory.get_ref(), serial_ports: 1, devices };
        let spec = MachineSpec {
            processor: environment.processor.to_owned(),
            accelerator: environment.accelerator,
            cpus,
            arguments: [COPIES.to_owned()].into_iter().chain(emulated.device_arguments()).collect(),
            ..alone(source, partition, boot_image, &format!("{} alone", entry.name.get_ref()))?
        };
        Ok(AloneMachine { machine: spec.start()?, emulated, owned: owned.to_vec() })
    }

    /// Drives its devices, when it is up. Those that are not ready are remarks.
    pub(super) fn drive(&self, stop: &AtomicBool, remarks: &mut Vec<String>) -> Vec<Device> {
        let place = |device: &OwnedDevice| device.place(Subject::Alone);
        let shell = Shell::at_prompt(&self.machine.consoles()[0], BOOT_LIMIT, stop);
        let Some(shell) = kept(shell, &place(&self.owned[0]), remarks) else { return Vec::new() };
        let devices = self.emulated.devices().zip(&self.owned).filter(|(_, device)| device.is_measured);
        let drive = |((address, _), device): (_, &OwnedDevice)| {
            kept(device.drive(Subject::Alone, &shell, address), &place(device), remarks)
        };
        devices.filter_map(drive).collect()
    }
}
