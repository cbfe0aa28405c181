//! What people have without Sprig: two separate emulated machines of one processor each, whose virtio cards are joined by
//! a socket. They boot the kernel and the initial file system of the box's first partition, and idle while others are
//! measured.

use std::path::{Path as FilePath, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use emulator::console::Console;
use emulator::qemu::{Boot, ConsoleSpec, Emulator, Machine, MachineSpec, PrivateFolder, StartError};
use emulator::shell::Shell;
use emulator::source::Source;

use super::end::{Card, End, Path};
use super::fault::Fault;
use super::site;
use super::wish::Subject;

/// As Linux calls the only card of such a machine.
const CARD: &str = "eth0";
/// The machines: name, address, and the card's own address.
const MACHINES: [(&str, &str, &str); 2] =
    [("virtio-1", "10.98.0.1", "52:54:00:00:00:01"), ("virtio-2", "10.98.0.2", "52:54:00:00:00:02")];
/// How long the first machine may take to listen.
const LISTEN_LIMIT: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(20);
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// Both machines, which run until this is dropped.
pub(super) struct Machines {
    machines: Vec<Machine>,
    _folder: PrivateFolder,
}

impl Machines {
    /// Starts both; they come up while somebody else does something.
    pub(super) fn start(source: &Source, boot_image: &FilePath, processor: &str) -> Result<Machines, Fault> {
        let folder = wire_folder()?;
        let socket = folder.path().join("wire");
        let mut machines = Vec::new();
        for (name, _, mac) in MACHINES {
            let server = if machines.is_empty() { "on" } else { "off" };
            let wire = format!("stream,id=wire,server={server},addr.type=unix,addr.path={}", socket.display());
            let card = format!("virtio-net-pci,netdev=wire,mac={mac}");
            let spec = MachineSpec {
                emulator: Emulator::find(Some(boot_image)),
                processor: processor.to_owned(),
                memory: memory(source),
                consoles: vec![ConsoleSpec::new(name)],
                arguments: vec!["-netdev".to_owned(), wire, "-device".to_owned(), card],
                ..MachineSpec::new(boot(source, 0)?)
            };
            machines.push(spec.start()?);
            await_socket(&socket)?;
        }
        Ok(Machines { machines, _folder: folder })
    }

    /// The path between them, when both are up.
    pub(super) fn path(&self, stop: &AtomicBool) -> Result<Path, Fault> {
        let mut ends = Vec::new();
        for (machine, (name, address, _)) in self.machines.iter().zip(MACHINES) {
            let shell = joined(&machine.consoles()[0], address, stop)?;
            let end = End::new(name, &shell, "", Card::Other(CARD.to_owned()), address);
            end.serve()?;
            ends.push(end);
        }
        let [from, to] =
            <[End; 2]>::try_from(ends).map_err(|_| Fault::Nobody("there are not two machines".to_owned()))?;
        site::await_answer(&from, &to)?;
        Ok(Path { subject: Subject::VirtioNet, pair: None, from, to })
    }
}

/// Where machines that are joined by a wire have its ends.
pub(super) fn wire_folder() -> Result<PrivateFolder, Fault> {
    let told = |error| StartError::File { what: "make a folder in", path: std::env::temp_dir(), error };
    Ok(PrivateFolder::new().map_err(told)?)
}

/// The shell of a machine whose card is up.
fn joined(console: &Console, address: &str, stop: &AtomicBool) -> Result<Shell, Fault> {
    let shell = site::arrived(console, stop)?;
    // Some kernels have it in their image.
    shell.try_run("modprobe virtio_pci", COMMAND_LIMIT)?;
    let up = format!("ip address add {address}/24 dev {CARD} && ip link set {CARD} up");
    shell.run(&format!("modprobe virtio_net && {up}"), COMMAND_LIMIT)?;
    Ok(shell)
}

/// What a partition boots, on a machine of its own.
pub(super) fn boot(source: &Source, partition: usize) -> Result<Boot, Fault> {
    let folder = source.path().parent().unwrap_or(FilePath::new(""));
    let none = || Fault::Nobody("the partition has no initial file system for a machine of its own".to_owned());
    let partition = source.request().file.partitions.get(partition).ok_or_else(none)?;
    let initrd = partition.initrd.as_ref().ok_or_else(none)?;
    let absolute = |path: &str| {
        let path = folder.join(path);
        std::path::absolute(&path).map_err(|error| StartError::File { what: "find", path, error })
    };
    let image: PathBuf = absolute(partition.kernel.get_ref())?;
    let initrd = Some(absolute(initrd.get_ref())?);
    let command_line = format!("console=ttyS0,115200n8 {}", partition.cmdline.get_ref());
    Ok(Boot::Kernel { image, initrd, command_line: command_line.trim_end().to_owned() })
}

fn memory(source: &Source) -> u64 {
    source.request().file.partitions.first().map_or(512 << 20, |partition| *partition.memory.get_ref())
}

/// The second machine can only join where the first listens.
fn await_socket(socket: &FilePath) -> Result<(), Fault> {
    let end = Instant::now() + LISTEN_LIMIT;
    while !socket.exists() {
        if Instant::now() > end {
            let limit = LISTEN_LIMIT.as_secs();
            return Err(Fault::Nobody(format!("QEMU does not listen on {} within {limit} s", socket.display())));
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}
