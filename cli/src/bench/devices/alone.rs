//! A partition's kernel alone on an emulated machine: booted by QEMU itself, with the partition's initial file system,
//! disks and network cards, number of cores and memory, and no other. It idles while others are measured.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use emulator::emulated::EmulatedMachine;
use emulator::qemu::{ConsoleSpec, Emulator, Machine, MachineSpec};
use emulator::source::Source;
use partitioner::config::CpuRequest;
use partitioner::pci::PciAddress;

use super::driven::Driven;
use super::{COPIES, Owned};
use crate::bench::circumstances::Circumstances;
use crate::bench::fault::Fault;
use crate::bench::machines;
use crate::bench::site;
use crate::bench::wish::Subject;

/// Such a machine, which runs until this is dropped.
pub(super) struct Alone {
    machine: Machine,
    /// In the order of its buses.
    owned: Vec<Owned>,
}

impl Alone {
    /// Starts it, with all devices of one partition.
    pub(super) fn start(
        source: &Source,
        boot_image: &Path,
        circumstances: &Circumstances,
        owned: &[Owned],
    ) -> Result<Alone, Fault> {
        let partition = owned.first().map_or(0, |device| device.partition);
        let nobody = || Fault::Nobody("there is no such partition".to_owned());
        let entry = source.request().file.partitions.get(partition).ok_or_else(nobody)?;
        let cpus = match entry.cpus.get_ref() {
            CpuRequest::Count(count) => *count,
            CpuRequest::Set(set) => u32::try_from(set.len()).unwrap_or(u32::MAX),
        };
        let devices = owned.iter().map(|device| device.device.clone()).collect();
        let emulated = EmulatedMachine { cpus, memory: *entry.memory.get_ref(), serial_ports: 1, devices };
        let spec = MachineSpec {
            emulator: Emulator::find(Some(boot_image)),
            processor: circumstances.processor.to_owned(),
            accelerator: circumstances.accelerator,
            cpus: emulated.cpus,
            memory: emulated.memory,
            consoles: vec![ConsoleSpec::new(&format!("{} alone", entry.name.get_ref()))],
            arguments: [COPIES.to_owned()].into_iter().chain(emulated.device_arguments()).collect(),
            ..MachineSpec::new(machines::boot(source, partition)?)
        };
        Ok(Alone { machine: spec.start()?, owned: owned.to_vec() })
    }

    /// Its devices, when it is up; what is not ready, is told of.
    pub(super) fn drive(&self, stop: &AtomicBool, driven: &mut Vec<Driven>, remarks: &mut Vec<String>) {
        let shell = site::arrived(&self.machine.consoles()[0], stop);
        let shell = match shell {
            Ok(shell) => shell,
            Err(fault) => {
                remarks.extend(self.owned.first().map(|device| device.remark(Subject::Alone, &fault)));
                return;
            }
        };
        for (bus, device) in (1..).zip(&self.owned).filter(|(_, device)| device.is_wished) {
            let Some(address) = PciAddress::new(0, bus, 0, 0) else { continue };
            match Driven::ready(Subject::Alone, device, &shell, address) {
                Ok(ready) => driven.push(ready),
                Err(fault) => remarks.push(device.remark(Subject::Alone, &fault)),
            }
        }
    }
}
