//! Headers made by hand, and arbitrary bytes.

use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

/// A kernel image of which only the header is real.
pub(crate) struct FakeKernel {
    pub(crate) protocol: u16,
    pub(crate) setup_sects: u8,
    pub(crate) payload_len: u32,
    pub(crate) init_size: u32,
    pub(crate) alignment: u32,
    pub(crate) relocatable: u8,
    pub(crate) xloadflags: u16,
}

impl Default for FakeKernel {
    /// Like Debian's, but with little in it.
    fn default() -> Self {
        Self {
            protocol: 0x020f,
            setup_sects: 4,
            payload_len: 0x1000,
            init_size: 48 << 20,
            alignment: 2 << 20,
            relocatable: 1,
            xloadflags: XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G,
        }
    }
}

impl FakeKernel {
    pub(crate) fn image(&self) -> Vec<u8> {
        let setup_len = (usize::from(self.setup_sects.max(1)) + 1) * 512;
        let mut image = vec![0; setup_len + self.payload_len as usize];
        let mut put = |offset: usize, bytes: &[u8]| image[offset..offset + bytes.len()].copy_from_slice(bytes);
        put(field::SETUP_SECTS, &[self.setup_sects]);
        put(field::SYSSIZE, &(self.payload_len / 16).to_le_bytes());
        put(field::BOOT_FLAG, &BOOT_FLAG.to_le_bytes());
        put(field::JUMP, &[0x6a]);
        put(field::MAGIC, MAGIC);
        put(field::VERSION, &self.protocol.to_le_bytes());
        put(field::KERNEL_VERSION, &0x0100_u16.to_le_bytes());
        put(0x300, b"6.1.0-fake (a@b) #1 SMP\0");
        put(field::KERNEL_ALIGNMENT, &self.alignment.to_le_bytes());
        put(field::RELOCATABLE_KERNEL, &[self.relocatable]);
        put(field::XLOADFLAGS, &self.xloadflags.to_le_bytes());
        put(field::PREF_ADDRESS, &0x100_0000_u64.to_le_bytes());
        put(field::INIT_SIZE, &self.init_size.to_le_bytes());
        image
    }
}

fn error(kernel: FakeKernel) -> BzImageError {
    BzImage::parse(&kernel.image()).expect_err("this image should be refused")
}

#[test]
fn a_kernel_tells_what_it_needs() {
    let image = FakeKernel::default().image();
    let kernel = BzImage::parse(&image).unwrap();
    assert_eq!(kernel.protocol, 0x020f);
    assert_eq!(kernel.version.as_deref(), Some("6.1.0-fake (a@b) #1 SMP"));
    assert_eq!(kernel.payload, 5 * 512..5 * 512 + 0x1000);
    assert_eq!(kernel.init_size, 48 << 20);
    assert_eq!(kernel.alignment, 2 << 20);
    assert_eq!(kernel.preferred_address, 16 << 20);
    assert_eq!(&kernel.setup_header[..], &image[SETUP_HEADER_OFFSET..0x26c]);
}

#[test]
fn a_signature_behind_the_kernel_does_no_harm() {
    let mut image = FakeKernel::default().image();
    image.extend([0xaa; 1000]);
    assert_eq!(BzImage::parse(&image).unwrap().payload, 5 * 512..5 * 512 + 0x1000);
}

#[test]
fn no_setup_sectors_mean_four() {
    let mut image = FakeKernel::default().image();
    image[field::SETUP_SECTS] = 0;
    assert_eq!(BzImage::parse(&image).unwrap().payload.start, 5 * 512);
}

#[test]
fn a_kernel_that_understates_its_need_gets_room_for_all_of_it() {
    let kernel = FakeKernel { init_size: 0, ..FakeKernel::default() };
    assert_eq!(BzImage::parse(&kernel.image()).unwrap().init_size, 0x1000);
}

#[test]
fn what_is_no_kernel_is_refused() {
    for (file, foreign) in
        [(b"".as_slice(), Foreign::Empty), (b"#!/bin/sh", Foreign::Script), (&[0; 4096], Foreign::Unknown)]
    {
        assert_eq!(BzImage::parse(file), Err(BzImageError::NotABzImage(foreign)));
    }
}

#[test]
fn the_head_of_a_file_and_its_length_are_enough() {
    let image = FakeKernel { payload_len: 1 << 20, ..FakeKernel::default() }.image();
    let len = image.len() as u64;
    assert_eq!(BzImage::parse_head(&image[..HEAD_LEN], len), BzImage::parse(&image));
    let error = BzImage::parse_head(&image[..HEAD_LEN], len - 1).unwrap_err();
    assert_eq!(error, BzImageError::Truncated { needed: len, found: len - 1 });
}

#[test]
fn a_kernel_cut_off_anywhere_is_refused() {
    let image = FakeKernel::default().image();
    for len in (0..image.len()).step_by(16) {
        let error = BzImage::parse(&image[..len]).unwrap_err();
        match len {
            ..=0x205 => assert!(matches!(error, BzImageError::NotABzImage(_)), "of {len} bytes: {error}"),
            _ => assert!(matches!(error, BzImageError::Truncated { .. }), "of {len} bytes: {error}"),
        }
    }
    let needed = image.len() as u64;
    let error = BzImage::parse(&image[..image.len() - 1]).unwrap_err();
    assert_eq!(error, BzImageError::Truncated { needed, found: needed - 1 });
}

#[test]
fn a_kernel_without_the_64_bit_entry_is_refused() {
    let kernel = FakeKernel { protocol: 0x020b, ..FakeKernel::default() };
    assert_eq!(error(kernel), BzImageError::TooOld { protocol: 0x020b });
    let kernel = FakeKernel { xloadflags: XLF_CAN_BE_LOADED_ABOVE_4G, ..FakeKernel::default() };
    assert_eq!(error(kernel), BzImageError::Not64Bit);
}

#[test]
fn a_kernel_bound_to_one_address_is_refused() {
    assert_eq!(error(FakeKernel { relocatable: 0, ..FakeKernel::default() }), BzImageError::NotRelocatable);
    let low_only = FakeKernel { xloadflags: XLF_KERNEL_64, ..FakeKernel::default() };
    assert_eq!(error(low_only), BzImageError::NotRelocatable);
}

#[test]
fn a_header_that_makes_no_sense_is_refused() {
    let error_of = |alignment| error(FakeKernel { alignment, ..FakeKernel::default() });
    assert_eq!(error_of(0), BzImageError::Malformed { field: "kernel_alignment", value: 0 });
    assert_eq!(error_of(3 << 20), BzImageError::Malformed { field: "kernel_alignment", value: 3 << 20 });
    let empty = FakeKernel { payload_len: 0, ..FakeKernel::default() };
    assert_eq!(error(empty), BzImageError::Malformed { field: "syssize", value: 0 });
    let mut image = FakeKernel::default().image();
    image[field::JUMP] = 0x20;
    assert_eq!(BzImage::parse(&image), Err(BzImageError::Malformed { field: "jump", value: 0x20 }));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
        let _ = BzImage::parse(&bytes);
    }

    #[test]
    fn no_header_makes_it_panic(header in prop::collection::vec(any::<u8>(), 0x90)) {
        let mut image = FakeKernel::default().image();
        image[SETUP_HEADER_OFFSET..SETUP_HEADER_OFFSET + header.len()].copy_from_slice(&header);
        image[field::BOOT_FLAG..field::BOOT_FLAG + 2].copy_from_slice(&BOOT_FLAG.to_le_bytes());
        image[field::MAGIC..field::MAGIC + 4].copy_from_slice(MAGIC);
        if let Ok(kernel) = BzImage::parse(&image) {
            prop_assert!(kernel.payload.end <= image.len());
            prop_assert!(kernel.payload.len() as u64 <= kernel.init_size);
            prop_assert!(kernel.alignment.is_power_of_two());
        }
    }
}
