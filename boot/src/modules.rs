//! The bundle, from the modules that the loader has brought.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::slice;

use partitioner::address::MemoryRange;
use partitioner::bundle::{Bundle, BundleError, Member, members_of_archive};
use partitioner::diagnostic::Diagnostic;
use partitioner::request::{ImageReadError, LoadedImage};

use crate::error::BootError;
use crate::handoff::{HandOff, Module};
use crate::log;

/// The box file and the images, where the loader has put them.
pub struct Modules<'a>(Bundle<'a>);

impl<'a> Modules<'a> {
    /// Opens one archive, or takes one module for each member.
    pub fn open(hand_off: &'a HandOff) -> Result<Self, BootError> {
        log::enter("bundle");
        let bundle = members(&hand_off.modules).and_then(|members| Bundle::open(&members));
        let bundle = bundle.map_err(|error| BootError::of("bundle", alloc::vec![Diagnostic::from(&error)]))?;
        log::step(
            "bundle",
            format_args!("box file of {} bytes, {} image(s)", bundle.box_file.len(), bundle.images.len()),
        );
        Ok(Self(bundle))
    }

    /// The text of the box file.
    pub fn box_file(&self) -> &'a str {
        self.0.box_file
    }

    /// An image by the path that the box file has.
    pub fn image(&self, path: &str) -> Result<LoadedImage<'a>, ImageReadError> {
        let image = self.0.images.iter().find(|image| image.path == path);
        let bytes = image.map(|image| image.bytes).ok_or(ImageReadError::Missing { looked_at: path.into() })?;
        let loaded = MemoryRange::with_len(bytes.as_ptr().addr() as u64, bytes.len() as u64);
        Ok(LoadedImage { bytes: Cow::Borrowed(bytes), loaded })
    }
}

fn members(modules: &[Module]) -> Result<Vec<Member<'_>>, BundleError> {
    match modules {
        [archive] => members_of_archive(bytes(archive)),
        modules => Ok(modules.iter().map(|module| Member { name: &module.name, bytes: bytes(module) }).collect()),
    }
}

fn bytes(module: &Module) -> &[u8] {
    // SAFETY: the loader put the module there. Nobody writes there while the bundle is in use: images are moved, and
    // partitions filled, only after everything has been read.
    unsafe { slice::from_raw_parts(module.range.start() as *const u8, module.range.len() as usize) }
}
