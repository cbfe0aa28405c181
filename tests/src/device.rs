//! PCI devices, seen from their owner's console, and what is at their other ends.

use std::fs;
use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

use emulator::emulated::{DeviceKind, Driver};
use emulator::user_network::{GUEST, Server};
use partitioner::address::MemoryRange;
use partitioner::pci::PciAddress;
use partitioner::plan::Assignment;
use regex::Regex;
use tempfile::NamedTempFile;

use crate::instance::{COMMAND_LIMIT, Instance};
use crate::scene::Booted;

/// Limit from the loading of a driver until its device is there.
const DEVICE_LIMIT: Duration = Duration::from_secs(60);
/// MiB in each half of a disk.
const HALF_MIB: usize = 24;
/// MiB of noise that are sent out and come back, and how often.
const NOISE_MIB: usize = 4;
const ECHO_TIMES: usize = 4;

/// What a kernel prints when a device fails or an interrupt is lost.
const FAILURES: &str = "WARNING:|BUG:|timeout|timed out|lost interrupt|I/O error|Call Trace|not responding|reset controller|\
                        Spurious|No irq handler|nobody cared";

/// An image of a disk: noise in its first half, nothing in its second.
pub struct ScratchDisk {
    image: NamedTempFile,
    noise: Vec<u8>,
}

impl ScratchDisk {
    /// A disk with noise that no other disk has.
    ///
    /// # Panics
    /// If there is no room for it.
    #[expect(clippy::new_without_default, reason = "it makes a file")]
    pub fn new() -> Self {
        let image = NamedTempFile::with_prefix("sprig-disk-").expect("an image of a disk");
        let mut noise = vec![0; HALF_MIB << 20];
        let source = fs::File::open("/dev/urandom").expect("a source of noise");
        io::Read::read_exact(&mut &source, &mut noise).expect("noise");
        fs::write(image.path(), &noise).expect("the first half of a disk");
        image.as_file().set_len(2 * noise.len() as u64).expect("the second half of a disk");
        Self { image, noise }
    }

    /// The path of the image.
    pub fn path(&self) -> &Path {
        self.image.path()
    }

    /// Asserts that both halves hold the noise.
    fn assert_copied(&self) {
        let found = fs::read(self.path()).expect("the image of a disk");
        assert!(found.len() == 2 * self.noise.len(), "the disk is as long as it was");
        for (half, found) in ["first", "second"].into_iter().zip(found.chunks(self.noise.len())) {
            assert!(found == self.noise, "the {half} half of the disk is not what it should be");
        }
    }
}

/// A server outside of the box, which sends back everything that it receives.
pub struct Echo(Server);

impl Echo {
    /// A server on a free port of this host.
    ///
    /// # Panics
    /// If there is none.
    #[expect(clippy::new_without_default, reason = "it starts a server")]
    pub fn new() -> Self {
        // A client that disconnects too early finds by itself that something is missing.
        let echo = |caller: TcpStream| thread::spawn(move || io::copy(&mut &caller, &mut &caller));
        Self(Server::open(echo).expect("a port"))
    }
}

impl Instance<'_> {
    /// Loads a driver.
    pub fn load(&self, module: &str) {
        self.run(&format!("modprobe {module}"));
    }

    /// Loads the driver of a virtio card, and of the bus that it is on: some kernels have that in their image.
    ///
    /// # Panics
    /// If the kernel has none.
    pub fn load_virtio_net(&self) {
        let driver = Driver::of(DeviceKind::VirtioNet).expect("a card has a driver");
        driver.load(&self.shell(), COMMAND_LIMIT).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Interrupts so far of which the description matches a regular expression.
    pub fn interrupts(&self, description: &str) -> u64 {
        let cores = self.plan.cores.len() + 1;
        let sum = format!("for (i = 2; i <= {cores}; i++) n += $i");
        self.number(&format!("awk '$1 ~ /^[0-9]+:/ && /{description}/ {{{sum}}} END {{print n + 0}}' /proc/interrupts"))
    }

    /// Waits until a disk is there.
    pub fn await_disk(&self, name: &str) {
        self.wait_until(&format!("[ -b /dev/{name} ]"), DEVICE_LIMIT, "cat /proc/partitions; dmesg | tail -n 30");
    }

    /// Copies the first half of a disk to its second, and compares both with what is really on the disk.
    pub fn copy_disk(&self, name: &str, disk: &ScratchDisk) {
        self.await_disk(name);
        self.run(&copy_command(name));
        disk.assert_copied();
    }

    /// Brings up a card in QEMU's user network.
    pub fn connect(&self, card: &str) {
        let there = format!("ip link show {card} > /dev/null 2>&1");
        self.wait_until(&there, DEVICE_LIMIT, "ls /sys/class/net; dmesg | tail -n 30");
        self.run(&format!("ip address add {GUEST} dev {card} && ip link set {card} up"));
        let carrier = format!("[ $(cat /sys/class/net/{card}/carrier) = 1 ]");
        self.wait_until(&carrier, DEVICE_LIMIT, "ip link; dmesg | tail -n 30");
    }

    /// Sends noise to a server outside of the box while the same noise comes back, and compares the two.
    pub fn echo_outside(&self, card: &str, echo: &Echo) {
        self.connect(card);
        self.run(&echo_command(echo));
    }

    /// Its PCI segment.
    fn segment(&self) -> u16 {
        u16::from(self.plan.index.0) + 1
    }

    /// The addresses that lead to PCI devices, as it sees them: windows and configuration space.
    ///
    /// # Panics
    /// If one is of another segment than its own.
    fn pci_ranges(&self) -> Vec<MemoryRange> {
        let space = Regex::new(r"^ *PCI (?:Bus|ECAM|MMCONFIG) ([0-9a-f]{4})[: ]").expect("a regular expression");
        let range = |(range, name): (MemoryRange, String)| {
            let segment = space.captures(&name)?[1].to_owned();
            assert_eq!(segment, format!("{:04x}", self.segment()), "{}: {range} is {name}", self.plan.name);
            Some(range)
        };
        self.iomem().into_iter().filter_map(range).collect()
    }

    /// Asserts that its kernel has printed nothing about failing devices.
    pub fn assert_its_devices_are_well(&self) {
        let (failures, _) = self.try_run(&format!("dmesg | grep -i -E '{FAILURES}'"));
        assert_eq!(failures, "", "{}: its kernel complains", self.plan.name);
    }
}

/// Copies without any cache, and then reads both halves from the disk.
pub fn copy_command(name: &str) -> String {
    let disk = format!("/dev/{name}");
    let read = |skip| format!("$(dd if={disk} bs=1M count={HALF_MIB} skip={skip} 2>/dev/null | sha256sum)");
    format!(
        "dd if={disk} of={disk} bs=1M count={HALF_MIB} seek={HALF_MIB} conv=fsync 2>/dev/null && \
         echo 3 > /proc/sys/vm/drop_caches && [ \"{}\" = \"{}\" ]",
        read(0),
        read(HALF_MIB)
    )
}

/// Sends noise out, several times, and compares what comes back, without storing it: there is little memory.
pub fn echo_command(echo: &Echo) -> String {
    let several = ["/tmp/noise"; ECHO_TIMES].join(" ");
    format!(
        "dd if=/dev/urandom of=/tmp/noise bs=1M count={NOISE_MIB} 2>/dev/null && \
         [ \"$(cat {several} | socat -t 60 - TCP:{} | sha256sum)\" = \"$(cat {several} | sha256sum)\" ]",
        echo.0.address()
    )
}

impl Booted {
    /// Asserts that each instance sees the functions that are its own, and no address that leads to another's.
    pub fn assert_devices_are_apart(&self) {
        let mut all: Vec<(String, MemoryRange)> = Vec::new();
        for instance in self.instances() {
            let name = &instance.plan.name;
            let expected = self.functions_of(&instance);
            let found = instance.run("ls -1 /sys/bus/pci/devices 2>/dev/null; true");
            assert_eq!(found.lines().collect::<Vec<_>>(), expected, "{name} sees its own devices");
            let ranges = instance.pci_ranges();
            assert_eq!(ranges.is_empty(), expected.is_empty(), "{name}: {ranges:?}");
            for range in ranges {
                let other = all.iter().find(|(other, theirs)| other != name && theirs.overlaps(range));
                assert!(other.is_none(), "{name} sees {range}, of which {other:?} sees something too");
                all.push((name.clone(), range));
            }
        }
    }

    /// The functions of an instance, as the host planned it, in the instance's own segment.
    fn functions_of(&self, instance: &Instance<'_>) -> Vec<String> {
        let owned = self
            .running()
            .plan()
            .pci
            .iter()
            .filter(|planned| planned.assignment == Assignment::Owned(instance.plan.index));
        let seen = |address: PciAddress| {
            PciAddress::new(instance.segment(), address.bus(), address.device(), address.function())
                .expect("an address")
        };
        owned.map(|planned| seen(planned.function.address).to_string()).collect()
    }
}
