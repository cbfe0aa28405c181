//! A TAP interface (Linux, `Documentation/networking/tuntap.rst`): whole Ethernet frames, each with what is left to be
//! done with it before it.
//!
//! That header is `virtio_net_hdr` (Virtual I/O Device specification 1.2, section 5.1.6), which means what [`Offload`]
//! means: so a frame of 64 KiB without a checksum goes from one kernel to the other as it is.

// Requests of a driver, for which no crate has a safe form.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::ptr;

use anyhow::{Context, Result, anyhow, bail};
use hosted::{LentFrame, Offload};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use vni::MacAddress;

const DEVICE: &str = "/dev/net/tun";
/// The largest packet that the kernel allows such an interface: 65,535 bytes with the Ethernet header.
pub(crate) const MAX_MTU: u32 = 65_535 - 14;
/// Bytes of the header before each frame.
pub(crate) const HEADER_LEN: usize = 10;

/// A flag of the header that says something good of a frame, and asks for nothing.
const CHECKSUM_IS_GOOD: u8 = 2;
/// What we take from the kernel unfinished. Segmentation of UDP came with Linux 6.2.
const OFFLOADS: libc::c_uint = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6 | libc::TUN_F_TSO_ECN;
const OFFLOADS_OF_UDP: libc::c_uint = libc::TUN_F_USO4 | libc::TUN_F_USO6;

/// Parts of a frame: its header, what was copied of it, and pieces of the window.
const MAX_PARTS: usize = 2 + vni::lending::MAX_LENT_PIECES;

/// An interface, which is there as long as this is.
pub(crate) struct Tap {
    file: File,
    name: String,
}

impl Tap {
    /// Makes one with that address and largest packet, and brings it up, without a carrier.
    pub(crate) fn open(name: &str, mac: MacAddress, mtu: u32) -> Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).custom_flags(libc::O_NONBLOCK).open(DEVICE);
        let file = file.with_context(|| format!("cannot open {DEVICE}: is the module there? modprobe tun"))?;
        let name = make(&file, name)?;
        let little_endian: c_int = 1;
        request(&file, libc::TUNSETVNETLE, &raw const little_endian).context("cannot set the order of bytes")?;
        let with_udp = set_number(&file, libc::TUNSETOFFLOAD, (OFFLOADS | OFFLOADS_OF_UDP).into());
        with_udp.or_else(|_| set_number(&file, libc::TUNSETOFFLOAD, OFFLOADS.into())).context("cannot set offloads")?;
        let mut tap = Self { file, name };
        tap.set_carrier(Carrier::Off)?;
        tap.furnish(mac, mtu).with_context(|| format!("cannot set up {}", tap.name))?;
        Ok(tap)
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Sets the carrier: whether a peer is there.
    pub(crate) fn set_carrier(&mut self, carrier: Carrier) -> Result<()> {
        let carrier = carrier as c_int;
        request(&self.file, libc::TUNSETCARRIER, &raw const carrier)
            .with_context(|| format!("cannot set the carrier of {}", self.name))
    }

    fn furnish(&self, mac: MacAddress, mtu: u32) -> io::Result<()> {
        let any = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        let mut address = Request::new(&self.name);
        address.value[..2].copy_from_slice(&libc::ARPHRD_ETHER.to_ne_bytes());
        address.value[2..8].copy_from_slice(&mac.octets());
        let mut packet = Request::new(&self.name);
        packet.value[..4].copy_from_slice(&mtu.to_ne_bytes());
        let mut up = Request::new(&self.name);
        // Whatever may be set here and is not is cleared, and IPv6 needs multicast.
        up.value[..2].copy_from_slice(&((libc::IFF_UP | libc::IFF_MULTICAST) as u16).to_ne_bytes());
        let set = |what, with: &Request| request::<Request, OwnedFd>(&any, what, &raw const *with);
        set(libc::SIOCSIFHWADDR, &address)?;
        set(libc::SIOCSIFMTU, &packet)?;
        set(libc::SIOCSIFFLAGS, &up)
    }

    /// Reads the next frame with its header into `buffer`: how many bytes, or nothing if there is none.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>> {
        match self.file.read(buffer) {
            Ok(len) => Ok(Some(len)),
            Err(why) if matches!(why.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(None),
            Err(why) => Err(anyhow!(why)).with_context(|| format!("{} is gone", self.name)),
        }
    }

    /// Writes a frame with its header, from where it lies in the window; whether the kernel has taken it.
    pub(crate) fn write(&mut self, frame: &LentFrame) -> Result<bool> {
        let header = header_for(frame.offload());
        let private = [&header[..], frame.head()].map(|bytes| (bytes.as_ptr(), bytes.len()));
        let lent = frame.rest().map(|span| (span.as_ptr(), span.len()));
        let mut parts = [libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; MAX_PARTS];
        for (part, (start, len)) in parts.iter_mut().zip(private.into_iter().chain(lent)) {
            *part = libc::iovec { iov_base: start.cast_mut().cast(), iov_len: len };
        }
        // SAFETY: each part is readable for its length: the header and the head are borrowed until the call has returned,
        // and so is the frame, which keeps the window mapped. The kernel reads them and keeps nothing. What a peer changes
        // meanwhile is part of a frame that it sends: the kernel copies each byte once before it looks at it.
        let written = unsafe { libc::writev(self.file.as_raw_fd(), parts.as_ptr(), parts.len() as c_int) };
        if written >= 0 {
            return Ok(true);
        }
        match io::Error::last_os_error() {
            // The interface has been deleted. Everything else is the matter of this one frame: the interface is down,
            // there is no memory, or the kernel finds its header to be wrong.
            why if why.raw_os_error() == Some(libc::EBADFD) => {
                Err(anyhow!(why)).with_context(|| format!("{} is gone", self.name))
            }
            _ => Ok(false),
        }
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Whether a peer is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Carrier {
    Off = 0,
    On = 1,
}

/// What is left to be done with a frame, from the header before it.
pub(crate) fn offload_from(header: [u8; HEADER_LEN]) -> Offload {
    let word = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    Offload {
        flags: header[0] & !CHECKSUM_IS_GOOD,
        segmentation: header[1],
        segment_size: word(4),
        checksum_start: word(6),
        checksum_offset: word(8),
    }
}

/// The header for a frame with which that is left to be done. How long its headers are the kernel sees for itself.
fn header_for(offload: Offload) -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    header[..2].copy_from_slice(&[offload.flags, offload.segmentation]);
    for (at, word) in [(4, offload.segment_size), (6, offload.checksum_start), (8, offload.checksum_offset)] {
        header[at..at + 2].copy_from_slice(&word.to_le_bytes());
    }
    header
}

/// `struct ifreq` (netdevice(7)).
#[repr(C, align(8))]
struct Request {
    name: [u8; libc::IFNAMSIZ],
    value: [u8; 24],
}

impl Request {
    fn new(interface: &str) -> Self {
        let mut name = [0; libc::IFNAMSIZ];
        name[..interface.len()].copy_from_slice(interface.as_bytes());
        Self { name, value: [0; 24] }
    }
}

/// Makes the interface; the kernel says how it is called.
fn make(file: &File, name: &str) -> Result<String> {
    if !(1..libc::IFNAMSIZ).contains(&name.len()) {
        bail!("{name:?} cannot name an interface: give 1 to {} bytes", libc::IFNAMSIZ - 1);
    }
    let flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR | libc::IFF_TUN_EXCL;
    let mut wanted = Request::new(name);
    wanted.value[..2].copy_from_slice(&(flags as u16).to_ne_bytes());
    if let Err(why) = request(file, libc::TUNSETIFF, &raw mut wanted) {
        let advice = match why.raw_os_error() {
            Some(libc::EPERM) => "it takes root, or CAP_NET_ADMIN in this network namespace",
            Some(libc::EBUSY | libc::EEXIST) => "there is one of that name: choose another with --interface",
            _ => "is its name one that interfaces may have?",
        };
        return Err(anyhow!(why)).with_context(|| format!("cannot make an interface {name}: {advice}"));
    }
    let len = wanted.name.iter().position(|byte| *byte == 0).unwrap_or(wanted.name.len());
    Ok(String::from_utf8_lossy(&wanted.name[..len]).into_owned())
}

/// A request whose argument is a number.
fn set_number(file: &File, what: libc::Ioctl, number: libc::c_ulong) -> io::Result<()> {
    // SAFETY: these requests take a number in place of a pointer, and the file is open.
    checked(unsafe { libc::ioctl(file.as_raw_fd(), what, number) })
}

/// A request with an argument in memory, which must be what the request is documented to take.
fn request<T, F: AsRawFd>(file: &F, what: libc::Ioctl, argument: *const T) -> io::Result<()> {
    // SAFETY: the callers above pass what each request takes: an int that is read, or a whole `ifreq`, which is written
    // only where it was borrowed for that. It lives until the call returns.
    checked(unsafe { libc::ioctl(file.as_raw_fd(), what, argument) })
}

fn checked(result: c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_what_the_metadata_say() {
        let offload =
            Offload { flags: 1, segmentation: 0x81, segment_size: 1448, checksum_start: 34, checksum_offset: 16 };
        let header = header_for(offload);
        assert_eq!(header, [1, 0x81, 0, 0, 0xa8, 5, 34, 0, 16, 0]);
        assert_eq!(offload_from(header), offload);
        assert_eq!(offload_from([2, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Offload::NONE, "nothing is to be done");
    }
}
