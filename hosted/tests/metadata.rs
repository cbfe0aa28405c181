//! Offload metadata against the kernel that runs here: what [`vni::headers::fit`] lets pass, a TAP interface takes too.
//!
//! The same header and frame are held against `fit` and written to a TAP interface with `IFF_VNET_HDR`, which runs them
//! through `virtio_net_hdr_to_skb`. The interface lives in a network namespace of its own, that of one thread, and ends
//! with it. Needs root, /dev/net/tun and `ip`; where one is missing the test says so on standard error, past libtest's
//! capture, and does nothing.

// A network namespace and the request that makes an interface, for which no crate has a safe form.
#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::thread;

use hosted::Offload;
use vni::headers::{HEAD_LEN, fit};

const ETHERNET_LEN: usize = 14;
const TCP: u8 = 6;
const UDP: u8 = 17;
/// Frames that are made of sound ones by changing something.
const MUTANTS: u32 = 200_000;

/// A TAP interface, there as long as this is.
struct Tap(File);

impl Tap {
    /// In a new network namespace, which this thread is in from now on.
    fn in_new_namespace() -> io::Result<Self> {
        // SAFETY: it changes only in which network namespace this thread makes sockets and interfaces.
        checked(unsafe { libc::unshare(libc::CLONE_NEWNET) })?;
        let file = OpenOptions::new().read(true).write(true).open("/dev/net/tun")?;
        let mut name = [0_u8; 40];
        name[..4].copy_from_slice(b"tap0");
        let flags = (libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR) as u16;
        name[libc::IFNAMSIZ..][..2].copy_from_slice(&flags.to_ne_bytes());
        // SAFETY: the request reads and writes an `ifreq` of 40 bytes, which `name` is, and lives until it returns.
        checked(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, name.as_mut_ptr()) })?;
        let up = Command::new("ip").args(["link", "set", "tap0", "up"]).status()?;
        if up.success() { Ok(Self(file)) } else { Err(io::Error::other("`ip link set tap0 up` failed")) }
    }

    /// Whether the kernel takes a frame with these metadata.
    fn takes(&mut self, offload: Offload, frame: &[u8]) -> bool {
        let mut bytes = vec![offload.flags, offload.segmentation, 0, 0];
        for word in [offload.segment_size, offload.checksum_start, offload.checksum_offset] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(frame);
        match self.0.write(&bytes) {
            Ok(_) => true,
            Err(why) if why.raw_os_error() == Some(libc::EINVAL) => false,
            Err(why) => panic!("the interface is broken: {why}"),
        }
    }
}

fn checked(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Numbers without an order (G. Marsaglia, "Xorshift RNGs"), the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// What is said of a frame, and the frame.
#[derive(Clone, Debug)]
struct Case {
    offload: Offload,
    frame: Vec<u8>,
}

impl Case {
    fn fits(&self) -> bool {
        fit(self.offload, &self.frame[..self.frame.len().min(HEAD_LEN)], self.frame.len())
    }
}

/// A frame as a kernel sends it: IP of that version, and whole.
fn sound(version: u8, protocol: u8, tags: usize, payload: usize) -> Case {
    let mut frame = vec![2; 12];
    (0..tags).for_each(|_| frame.extend([0x81, 0, 0, 5]));
    let network_len = if version == 4 { 20 } else { 40 };
    frame.extend(if version == 4 { [0x08, 0x00, 0x45] } else { [0x86, 0xdd, 0x60] });
    let network = ETHERNET_LEN + 4 * tags;
    frame.resize(network + network_len, 0);
    frame[network + if version == 4 { 9 } else { 6 }] = protocol;
    let (header_len, checksum_offset) = if protocol == TCP { (20, 16) } else { (8, 6) };
    let start = frame.len();
    frame.resize(start + header_len + payload, 0x55);
    if protocol == TCP {
        frame[start + 12] = 5 << 4;
    }
    let segmentation = match (version, protocol) {
        (_, UDP) => 5,
        (4, _) => 1,
        _ => 4,
    };
    let segment_size = (payload / 3) as u16;
    let offload = Offload { flags: 1, segmentation, segment_size, checksum_start: start as u16, checksum_offset };
    Case { offload, frame }
}

fn any_sound(numbers: &mut Numbers) -> Case {
    let payload = numbers.one_of(&[60, 400, 1_460, 4_000, 20_000, 65_000]);
    let mut case = sound(numbers.one_of(&[4, 6]), numbers.one_of(&[TCP, UDP]), numbers.below(3), payload);
    if numbers.below(4) == 0 {
        case.offload = Offload { segmentation: 0, segment_size: 0, ..case.offload };
    }
    case
}

/// Changes one thing, to a value at which rules begin and end.
fn mutate(case: &mut Case, numbers: &mut Numbers) {
    let start = case.offload.checksum_start;
    let payload = case.frame.len().saturating_sub(usize::from(start)) as u16;
    let odd = numbers.one_of(&[0, 1, 2, 7, 8, 9, 255, 0x7fff, 0xfffe, 0xffff, payload, payload.wrapping_sub(20)]);
    match numbers.below(10) {
        0 => case.offload.flags = numbers.one_of(&[0, 1, 1, 1, 2, 3, 4, 0xff]),
        1 => case.offload.segmentation = numbers.one_of(&[0, 1, 2, 3, 4, 5, 0x10, 0x81, 0x84, 0x85, 0xff]),
        2 | 3 => case.offload.segment_size = odd,
        4 => case.offload.checksum_start = numbers.one_of(&[0, 14, 20, 33, start ^ 1, start ^ 4, start ^ 16, odd]),
        5 => case.offload.checksum_offset = numbers.one_of(&[0, 4, 6, 16, odd]),
        6 => {
            let len = numbers.one_of(&[14, 15, 34, 42, 54, 60, 62, 74, 128, case.frame.len() - 1]);
            case.frame.truncate(len.max(ETHERNET_LEN));
        }
        7 => case.frame[12..14].copy_from_slice(&numbers.one_of(&[
            [8, 0],
            [0x86, 0xdd],
            [0x81, 0],
            [0x88, 0x47],
            [0; 2],
        ])),
        _ => {
            let at = ETHERNET_LEN + numbers.below((case.frame.len() - ETHERNET_LEN).clamp(1, 90));
            if let Some(byte) = case.frame.get_mut(at) {
                *byte = numbers.one_of(&[0, 1, 4, 6, 17, 43, 60, 0x40, 0x45, 0x4f, 0x50, 0x60, 0xf0, 0xff]);
            }
        }
    }
}

/// Does `work` with a TAP interface, or says that there is none.
fn with_tap(test: &'static str, work: impl FnOnce(Tap) + Send + 'static) {
    let thread = thread::spawn(move || match Tap::in_new_namespace() {
        Ok(tap) => work(tap),
        Err(why) => _ = writeln!(io::stderr(), "{test}: SKIPPED, there is no TAP interface to ask: {why}"),
    });
    thread.join().expect("it holds");
}

#[test]
fn what_fits_is_taken_by_the_kernel() {
    with_tap("what_fits_is_taken_by_the_kernel", |mut tap| {
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
        let (mut taken, mut refused_by_both) = (0, 0);
        for _ in 0..MUTANTS {
            let mut case = any_sound(&mut numbers);
            for _ in 0..numbers.below(4) {
                mutate(&mut case, &mut numbers);
            }
            if case.fits() {
                let head = &case.frame[..case.frame.len().min(HEAD_LEN)];
                assert!(tap.takes(case.offload, &case.frame), "{:?}, {head:x?}", case.offload);
                taken += 1;
            } else if refused_by_both < 1_000 && !tap.takes(case.offload, &case.frame) {
                refused_by_both += 1;
            }
        }
        assert!(taken > MUTANTS / 10, "only {taken} of {MUTANTS} fit: nearly nothing was asked");
        assert_eq!(refused_by_both, 1_000, "the kernel looks at what it is given");
    });
}

#[test]
fn what_a_kernel_sends_fits_and_is_taken() {
    with_tap("what_a_kernel_sends_fits_and_is_taken", |mut tap| {
        for version in [4, 6] {
            for protocol in [TCP, UDP] {
                for (tags, payload) in [(0, 60), (1, 1_460), (2, 4_000), (0, 64_000)] {
                    let case = sound(version, protocol, tags, payload);
                    assert!(case.fits(), "{:?}", case.offload);
                    assert!(tap.takes(case.offload, &case.frame), "{:?}", case.offload);
                }
            }
        }
    });
}

/// What costs a kernel dear or means something else to it, and is let pass by some: `fit` never does.
#[test]
fn what_hurts_a_kernel_does_not_fit() {
    let tcp = |change: fn(&mut Case)| changed(TCP, change);
    let udp = |change: fn(&mut Case)| changed(UDP, change);
    for (why, case) in [
        ("65,000 datagrams of a byte", udp(|case| case.offload.segment_size = 1)),
        ("129 datagrams", udp(|case| case.offload.segment_size = 503)),
        ("segments by fragments", udp(|case| case.offload.segment_size = 0xffff)),
        ("65,000 TCP segments of a byte", tcp(|case| case.offload.segment_size = 1)),
        ("segments by fragments, of TCP", tcp(|case| case.offload.segment_size = 0xffff)),
        ("a checksum over the IP header", tcp(|case| case.offload.checksum_start = 20)),
        ("a checksum in the Ethernet header", tcp(|case| case.offload.checksum_start = 0)),
        ("a TCP header of nothing", tcp(|case| case.frame[34 + 12] = 0)),
        ("UDP's checksum in a TCP header", tcp(|case| case.offload.checksum_offset = 6)),
        ("UDP fragments, which 6.1 still makes", udp(|case| case.offload.segmentation = 3)),
    ] {
        assert!(!case.fits(), "{why}");
    }
}

fn changed(protocol: u8, change: fn(&mut Case)) -> Case {
    let mut case = sound(4, protocol, 0, 65_000);
    change(&mut case);
    case
}
