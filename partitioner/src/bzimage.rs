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
