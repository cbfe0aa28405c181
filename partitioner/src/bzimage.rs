//! The setup header of a stock kernel image, a bzImage
//! (Linux `Documentation/arch/x86/boot.rst`, "The Real-Mode Kernel Header").

use alloc::string::String;
use core::ops::Range;

use serde::Serialize;

/// Offset of the setup header, in the image and in the zero page alike.
pub const SETUP_HEADER_OFFSET: usize = 0x1f1;
/// The most that a setup header takes in a zero page (0x1f1 to 0x290).
pub const SETUP_HEADER_MAX: usize = 0x290 - SETUP_HEADER_OFFSET;

/// A kernel that can be entered in 64-bit mode at its load address + 0x200: having one means that the image is whole
/// and new enough.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct BzImage {
    /// Boot protocol version, 0x020c or later.
    pub protocol: u16,
    /// `uname -r` of the kernel and what follows it, if the image says so.
    pub version: Option<String>,
    /// Where in the image the protected-mode kernel lies: what is copied to the load address.
    #[serde(skip)]
    pub payload: Range<usize>,
    /// Contiguous memory, from the load address, that the kernel needs until it reads its memory map.
    pub init_size: u64,
    /// Alignment that the load address must have.
    pub alignment: u64,
    /// `LOAD_PHYSICAL_ADDR`: loaded below, the kernel would move itself up there.
    pub preferred_address: u64,
    /// The header's bytes, to be copied into the zero page at [`SETUP_HEADER_OFFSET`].
    #[serde(skip)]
    pub setup_header: heapless::Vec<u8, SETUP_HEADER_MAX>,
}

/// Why an image is not a kernel that we can start.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BzImageError {
    /// It lacks the signatures of the setup header.
    #[error("it is not a Linux kernel image (bzImage)")]
    NotABzImage,
    /// It ends before the kernel that its header announces.
    #[error("it is cut off: the kernel takes {needed} bytes, the image has {found}")]
    Truncated {
        /// Bytes that there should be.
        needed: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// It cannot be entered in 64-bit mode.
    #[error(
        "it is too old for the 64-bit entry: it speaks boot protocol {}.{:02}, and 2.12 is needed",
        protocol >> 8,
        protocol & 0xff
    )]
    TooOld {
        /// Its boot protocol.
        protocol: u16,
    },
    /// It was built for 32-bit processors.
    #[error("it has no 64-bit entry: it is built for 32-bit processors")]
    Not64Bit,
    /// It was built with `CONFIG_RELOCATABLE=n`, or cannot be loaded above 4 GiB.
    #[error("it cannot be loaded wherever there is memory: it is built without CONFIG_RELOCATABLE")]
    NotRelocatable,
    /// A field of its header makes no sense.
    #[error("its setup header says {field} = {value:#x}, which cannot be")]
    Malformed {
        /// The field, as in the boot protocol.
        field: &'static str,
        /// What it holds.
        value: u64,
    },
}

/// Where the fields lie that we read, from the start of the image ("The Real-Mode Kernel Header", offset column).
mod field {
    pub(super) const SETUP_SECTS: usize = 0x1f1;
    pub(super) const SYSSIZE: usize = 0x1f4;
    pub(super) const BOOT_FLAG: usize = 0x1fe;
    /// The second byte of a short jump over the header: its end, counted from [`MAGIC`].
    pub(super) const JUMP: usize = 0x201;
    pub(super) const MAGIC: usize = 0x202;
    pub(super) const VERSION: usize = 0x206;
    pub(super) const KERNEL_VERSION: usize = 0x20e;
    pub(super) const KERNEL_ALIGNMENT: usize = 0x230;
    pub(super) const RELOCATABLE_KERNEL: usize = 0x234;
    pub(super) const XLOADFLAGS: usize = 0x236;
    pub(super) const PREF_ADDRESS: usize = 0x258;
    pub(super) const INIT_SIZE: usize = 0x260;
    /// The first byte after the last field that we read.
    pub(super) const END: usize = 0x264;
}

const BOOT_FLAG: u16 = 0xaa55;
const MAGIC: &[u8] = b"HdrS";
/// The first protocol with `xloadflags`.
const OLDEST_PROTOCOL: u16 = 0x020c;
const XLF_KERNEL_64: u16 = 1 << 0;
const XLF_CAN_BE_LOADED_ABOVE_4G: u16 = 1 << 1;
const SECTOR: u64 = 512;
/// What `setup_sects` = 0 means, for the sake of very old kernels.
const DEFAULT_SETUP_SECTS: u8 = 4;
/// No version text is longer.
const VERSION_MAX: usize = 256;

impl BzImageError {
    /// The stable code of the diagnostic, and how to mend it.
    pub(crate) fn code_and_help(&self) -> (&'static str, &'static str) {
        match self {
            Self::NotABzImage => (
                "kernel-not-a-bzimage",
                "give the file that a distribution installs as /boot/vmlinuz-..., not an ELF vmlinux",
            ),
            Self::Truncated { .. } => ("kernel-truncated", "copy or download the file again"),
            Self::TooOld { .. } => ("kernel-too-old", "take Linux 3.8 or later"),
            Self::Not64Bit => ("kernel-not-64-bit", "take a kernel built for x86-64"),
            Self::NotRelocatable => {
                ("kernel-not-relocatable", "take a kernel built with CONFIG_RELOCATABLE=y, as distributions build them")
            }
            Self::Malformed { .. } => ("kernel-malformed", "the file is damaged: copy or download it again"),
        }
    }
}

impl BzImage {
    /// Reads the setup header of a kernel image. Bytes after the kernel, such as a signature, do no harm.
    ///
    /// # Errors
    /// If it is no bzImage, not whole, or cannot be entered in 64-bit mode wherever it is loaded.
    pub fn parse(image: &[u8]) -> Result<Self, BzImageError> {
        check_signatures(image)?;
        let protocol = u16_at(image, field::VERSION)?;
        if protocol < OLDEST_PROTOCOL {
            return Err(BzImageError::TooOld { protocol });
        }
        check_entry(image)?;
        let payload = payload(image)?;
        let alignment = u64::from(u32_at(image, field::KERNEL_ALIGNMENT)?);
        if !alignment.is_power_of_two() {
            return Err(BzImageError::Malformed { field: "kernel_alignment", value: alignment });
        }
        // A kernel that says less than it has would be copied past the memory that it is given.
        let init_size = u64::from(u32_at(image, field::INIT_SIZE)?).max(payload.len() as u64);
        Ok(Self {
            protocol,
            version: version(image)?,
            payload,
            init_size,
            alignment,
            preferred_address: u64_at(image, field::PREF_ADDRESS)?,
            setup_header: setup_header(image)?,
        })
    }
}

fn check_signatures(image: &[u8]) -> Result<(), BzImageError> {
    let boot_flag = u16_at(image, field::BOOT_FLAG).map_err(|_| BzImageError::NotABzImage)?;
    let magic = image.get(field::MAGIC..field::MAGIC + MAGIC.len());
    if boot_flag == BOOT_FLAG && magic == Some(MAGIC) { Ok(()) } else { Err(BzImageError::NotABzImage) }
}

fn check_entry(image: &[u8]) -> Result<(), BzImageError> {
    let flags = u16_at(image, field::XLOADFLAGS)?;
    if flags & XLF_KERNEL_64 == 0 {
        return Err(BzImageError::Not64Bit);
    }
    let [relocatable] = bytes_at(image, field::RELOCATABLE_KERNEL)?;
    if relocatable == 0 || flags & XLF_CAN_BE_LOADED_ABOVE_4G == 0 {
        return Err(BzImageError::NotRelocatable);
    }
    Ok(())
}

/// The protected-mode kernel: behind the boot sector and the setup sectors, `syssize` paragraphs long.
fn payload(image: &[u8]) -> Result<Range<usize>, BzImageError> {
    let [setup_sects] = bytes_at(image, field::SETUP_SECTS)?;
    let setup_sects = if setup_sects == 0 { DEFAULT_SETUP_SECTS } else { setup_sects };
    let start = (u64::from(setup_sects) + 1) * SECTOR;
    let len = u64::from(u32_at(image, field::SYSSIZE)?) * 16;
    if len == 0 {
        return Err(BzImageError::Malformed { field: "syssize", value: 0 });
    }
    let truncated = BzImageError::Truncated { needed: start + len, found: image.len() as u64 };
    match (usize::try_from(start), usize::try_from(start + len)) {
        (Ok(start), Ok(end)) if end <= image.len() => Ok(start..end),
        _ => Err(truncated),
    }
}

/// The text that `kernel_version` points to, 0x200 bytes further on.
fn version(image: &[u8]) -> Result<Option<String>, BzImageError> {
    let pointer = usize::from(u16_at(image, field::KERNEL_VERSION)?);
    if pointer == 0 {
        return Ok(None);
    }
    let text = image.get(pointer + 0x200..).unwrap_or_default();
    let text = &text[..text.len().min(VERSION_MAX)];
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = core::str::from_utf8(text).ok().filter(|text| !text.is_empty() && !text.contains(char::is_control));
    Ok(text.map(String::from))
}

fn setup_header(image: &[u8]) -> Result<heapless::Vec<u8, SETUP_HEADER_MAX>, BzImageError> {
    let [jump] = bytes_at(image, field::JUMP)?;
    let end = (field::MAGIC + usize::from(jump)).min(SETUP_HEADER_OFFSET + SETUP_HEADER_MAX);
    if end < field::END {
        return Err(BzImageError::Malformed { field: "jump", value: u64::from(jump) });
    }
    let bytes = image.get(SETUP_HEADER_OFFSET..end).ok_or_else(|| cut_off(image, end))?;
    heapless::Vec::from_slice(bytes).map_err(|_| cut_off(image, end))
}

fn u16_at(image: &[u8], offset: usize) -> Result<u16, BzImageError> {
    bytes_at(image, offset).map(u16::from_le_bytes)
}

fn u32_at(image: &[u8], offset: usize) -> Result<u32, BzImageError> {
    bytes_at(image, offset).map(u32::from_le_bytes)
}

fn u64_at(image: &[u8], offset: usize) -> Result<u64, BzImageError> {
    bytes_at(image, offset).map(u64::from_le_bytes)
}

fn bytes_at<const N: usize>(image: &[u8], offset: usize) -> Result<[u8; N], BzImageError> {
    image.get(offset..).and_then(|rest| rest.first_chunk()).copied().ok_or_else(|| cut_off(image, field::END))
}

fn cut_off(image: &[u8], needed: usize) -> BzImageError {
    BzImageError::Truncated { needed: needed as u64, found: image.len() as u64 }
}

#[cfg(test)]
pub(crate) mod tests;
