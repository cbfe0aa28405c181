//! What a stock kernel image says of itself: the setup header of a bzImage
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
    #[error("not a Linux kernel image (bzImage)")]
    NotABzImage,
    /// It ends before the kernel that its header announces.
    #[error("the kernel image is cut off: its header announces {needed} bytes, it has {found}")]
    Truncated {
        /// Bytes that there should be.
        needed: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// It cannot be entered in 64-bit mode.
    #[error(
        "the kernel is too old for the 64-bit entry: boot protocol {}.{:02}, 2.12 is needed",
        protocol >> 8,
        protocol & 0xff
    )]
    TooOld {
        /// Its boot protocol.
        protocol: u16,
    },
    /// It was built for 32-bit processors.
    #[error("the kernel has no 64-bit entry point: it is built for 32-bit processors")]
    Not64Bit,
    /// It was built with `CONFIG_RELOCATABLE=n`, or cannot be loaded above 4 GiB.
    #[error("the kernel cannot be loaded at any address: it is built without CONFIG_RELOCATABLE")]
    NotRelocatable,
    /// A field of its header makes no sense.
    #[error("the kernel's setup header says {field} = {value:#x}, which cannot be")]
    Malformed {
        /// The field, as in the boot protocol.
        field: &'static str,
        /// What it holds.
        value: u64,
    },
}

impl BzImage {
    /// Reads the setup header of a kernel image.
    ///
    /// # Errors
    /// If it is no bzImage, not whole, or cannot be entered in 64-bit mode wherever it is loaded.
    pub fn parse(image: &[u8]) -> Result<Self, BzImageError> {
        let _ = image;
        todo!()
    }
}
