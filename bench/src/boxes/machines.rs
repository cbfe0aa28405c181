//! Machines beside the box: a partition's kernel alone, and two machines without Sprig, joined by virtio. They idle while
//! others are measured.

use std::path::{Path, PathBuf, absolute};
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use emulator::qemu::{Boot, ConsoleSpec, Emulator, Machine, MachineSpec, PrivateFolder, StartError};
use emulator::source::Source;

use super::commands::{COMMAND_LIMIT, Commands};
use super::error::{BenchError, Result};
use super::instances;
use super::route::{Endpoint, Route};
use super::spec::Subject;

/// Makes QEMU open a copy of each image, so that a bench changes none.
pub(super) const COPIES: &str = "-snapshot";
/// Linux's name of the only card of such a machine.
const CARD: &str = "eth0";
/// The machines: name, address, and the card's own address.
const MACHINES: [(&str, &str, &str); 2] =
    [("virtio-1", "10.98.0.1", "52:54:00:00:00:01"), ("virtio-2", "10.98.0.2", "52:54:00:00:00:02")];
/// How long the first machine may take to listen.
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
        let folder = wire_folder()?;
        let socket = folder.path().join("wire");
        let mut machines = Vec::new();
        for (name, _, mac) in MACHINES {
            let server = if machines.is_empty() { "on" } else { "off" };
            let wire = format!("stream,id=wire,server={server},addr.type=unix,addr.path={}", socket.display());
            let card = format!("virtio-net-pci,netdev=wire,mac={mac}");
            let spec = MachineSpec {
                processor: processor.to_owned(),
                arguments: vec!["-netdev".to_owned(), wire, "-device".to_owned(), card],
                ..spec(source, 0, boot_image, name)?
            };
            machines.push(spec.start()?);
            await_socket(&socket)?;
        }
        Ok(VirtioMachines { machines, _folder: folder })
    }

    /// The route between them, when both are up.
    pub(super) fn route(&self, stop: &AtomicBool) -> Result<Route> {
        let end = |number: usize| -> Result<Endpoint> {
            let (name, address, _) = MACHINES[number];
            let shell = instances::shell(&self.machines[number].consoles()[0], stop)?;
            // Some kernels have it in their image.
            shell.try_run("modprobe virtio_pci", COMMAND_LIMIT)?;
            let up = format!("ip address add {address}/24 dev {CARD} && ip link set {CARD} up");
            shell.run(&format!("modprobe virtio_net && {up}"), COMMAND_LIMIT)?;
            let end = Endpoint::new(Commands::new(name, &shell, ""), CARD, address);
            end.serve().map(|()| end)
        };
        let route = Route::new(Subject::VirtioNet, None, end(0)?, end(1)?);
        route.await_answer().map(|()| route)
    }
}

/// Where joined machines have the ends of their wire.
pub(super) fn wire_folder() -> Result<PrivateFolder> {
    let error = |error| StartError::File { what: "make a folder in", path: std::env::temp_dir(), error };
    Ok(PrivateFolder::new().map_err(error)?)
}

/// A machine that boots what a partition boots, with its memory and a console.
pub(super) fn spec(source: &Source, partition: usize, boot_image: &Path, console: &str) -> Result<MachineSpec> {
    let none = || BenchError::Nothing("the partition has no initial file system for a machine of its own".to_owned());
    let partition = source.request().file.partitions.get(partition).ok_or_else(none)?;
    let initrd = partition.initrd.as_ref().ok_or_else(none)?;
    let folder = source.path().parent().unwrap_or(Path::new(""));
    let find = |path: &str| -> Result<PathBuf> {
        let path = folder.join(path);
        Ok(absolute(&path).map_err(|error| StartError::File { what: "find", path, error })?)
    };
    let boot = Boot::Kernel {
        image: find(partition.kernel.get_ref())?,
        initrd: Some(find(initrd.get_ref())?),
        command_line: format!("console=ttyS0,115200n8 {}", partition.cmdline.get_ref()).trim_end().to_owned(),
    };
    Ok(MachineSpec {
        emulator: Emulator::find(Some(boot_image)),
        memory: *partition.memory.get_ref(),
        consoles: vec![ConsoleSpec::new(console)],
        ..MachineSpec::new(boot)
    })
}

/// The second machine can only join when the first listens.
fn await_socket(socket: &Path) -> Result<()> {
    let end = Instant::now() + LISTEN_LIMIT;
    while !socket.exists() {
        if Instant::now() > end {
            let (path, limit) = (socket.display(), LISTEN_LIMIT.as_secs());
            return Err(BenchError::Nothing(format!("QEMU does not listen on {path} within {limit} s")));
        }
        thread::sleep(LISTEN_STEP);
    }
    Ok(())
}
