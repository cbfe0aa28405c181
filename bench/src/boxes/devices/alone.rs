//! A partition's kernel alone on an emulated machine: QEMU boots it with the partition's initial file system, disks and
//! network cards, number of cores and memory.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use emulator::emulated::EmulatedMachine;
use emulator::qemu::{Machine, MachineSpec};
use emulator::source::Source;
use partitioner::config::CpuRequest;

use super::device::{Device, OwnedDevice};
use crate::boxes::environment::Environment;
use crate::boxes::error::{BenchError, Result};
use crate::boxes::spec::Subject;
use crate::boxes::{instances, machines};

/// Such a machine, which runs until this is dropped.
pub(super) struct AloneMachine {
    machine: Machine,
    emulated: EmulatedMachine,
    /// In the order of its buses.
    owned: Vec<OwnedDevice>,
}

impl AloneMachine {
    /// Starts it, with all devices of one partition.
    pub(super) fn start(
        source: &Source,
        boot_image: &Path,
        environment: &Environment,
        owned: &[OwnedDevice],
    ) -> Result<AloneMachine> {
        let partition = owned.first().map_or(0, |device| device.partition);
        let none = || BenchError::Nothing("there is no such partition".to_owned());
        let entry = source.request().file.partitions.get(partition).ok_or_else(none)?;
        let cpus = match entry.cpus.get_ref() {
            CpuRequest::Count(count) => *count,
            CpuRequest::Set(set) => u32::try_from(set.len()).unwrap_or(u32::MAX),
        };
        let devices = owned.iter().map(|device| device.device.clone()).collect();
        let emulated = EmulatedMachine { cpus, memory: *entry.memory.get_ref(), serial_ports: 1, devices };
        let console = format!("{} alone", entry.name.get_ref());
        let spec = MachineSpec {
            processor: environment.processor.to_owned(),
            accelerator: environment.accelerator,
            cpus,
            arguments: [machines::COPIES.to_owned()].into_iter().chain(emulated.device_arguments()).collect(),
            ..machines::spec(source, partition, boot_image, &console)?
        };
        Ok(AloneMachine { machine: spec.start()?, emulated, owned: owned.to_vec() })
    }

    /// Drives its devices, when it is up. Those that are not ready are remarks.
    pub(super) fn drive(&self, stop: &AtomicBool, remarks: &mut Vec<String>) -> Vec<Device> {
        let shell = match instances::shell(&self.machine.consoles()[0], stop) {
            Ok(shell) => shell,
            Err(error) => {
                remarks.extend(self.owned.first().map(|device| device.remark(Subject::Alone, &error)));
                return Vec::new();
            }
        };
        let mut ready = Vec::new();
        let devices = self.emulated.devices().zip(&self.owned);
        for ((address, _), device) in devices.filter(|(_, device)| device.is_measured) {
            match device.drive(Subject::Alone, &shell, address) {
                Ok(device) => ready.push(device),
                Err(error) => remarks.push(device.remark(Subject::Alone, &error)),
            }
        }
        ready
    }
}
