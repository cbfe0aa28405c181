//! Two machines without Sprig, joined by virtio, beside the box. They idle while others are measured.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result};
use emulator::alone::alone;
use emulator::emulated::{DeviceKind, Driver};
use emulator::qemu::{Machine, MachineSpec, PrivateFolder};
use emulator::shell::Shell;
use emulator::source::Source;

use super::BOOT_LIMIT;
use super::commands::{COMMAND_LIMIT, Commands};
use super::route::{Endpoint, Route};
use super::spec::Subject;
use crate::wait::wait_until;

/// Linux's name of the only card of such a machine.
const CARD: &str = "eth0";
/// The machines: name, address, and the card's own address.
const MACHINES: [(&str, &str, &str); 2] =
    [("virtio-1", "10.98.0.1", "52:54:00:00:00:01"), ("virtio-2", "10.98.0.2", "52:54:00:00:00:02")];
const LISTEN_LIMIT: Duration = Duration::from_secs(30);
const LISTEN_STEP: Duration = Duration::from_millis(20);

/// Two machines of one processor each, whose virtio cards are joined by a socket. They run until this is dropped.
pub(super) struct VirtioMachines {
    machines: Vec<Machine>,
    _folder: PrivateFolder,
}

impl VirtioMachines {
    /// Starts both with the kernel, the initial file system and the memory of the first partition. They boot meanwhile.
    pub(super) fn start(source: &Source, boot_image: &Path, processor: &str) -> Result<VirtioMachines> {
        let folder = PrivateFolder::new().context("cannot make a folder for a wire")?;
        let socket = folder.path().join("wire");
        let mut machines = Vec::new();
        for (name, _, mac) in MACHINES {
            let server = if machines.is_empty() { "on" } else { "off" };
            let wire = format!("stream,id=wire,server={server},addr.type=unix,addr.path={}", socket.display());
            let card = format!("virtio-net-pci,netdev=wire,mac={mac}");
            let spec = MachineSpec {
                processor: processor.to_owned(),
                arguments: vec!["-netdev".to_owned(), wire, "-device".to_owned(), card],
                ..alone(source, 0, boot_image, name)?
            };
            machines.push(spec.start()?);
            // The second machine can only join when the first listens.
            wait_until("QEMU to listen", LISTEN_LIMIT, LISTEN_STEP, || Ok(socket.exists()))?;
        }
        Ok(VirtioMachines { machines, _folder: folder })
    }

    /// The route between them, when both are up.
    pub(super) fn route(&self, stop: &AtomicBool) -> Result<Route> {
        let end = |number: usize| -> Result<Endpoint> {
            let (name, address, _) = MACHINES[number];
            let shell = Shell::at_prompt(&self.machines[number].consoles()[0], BOOT_LIMIT, stop)?;
            Driver::of(DeviceKind::VirtioNet).map_or(Ok(()), |driver| driver.load(&shell, COMMAND_LIMIT))?;
            shell.run(&format!("ip address add {address}/24 dev {CARD} && ip link set {CARD} up"), COMMAND_LIMIT)?;
            let end = Endpoint::new(Commands::new(name, &shell, ""), CARD, address);
            end.serve().map(|()| end)
        };
        let route = Route::new(Subject::VirtioNet, None, end(0)?, end(1)?);
        route.await_answer().map(|()| route)
    }
}
