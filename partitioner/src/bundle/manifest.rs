//! The text that says of what a bundle was made:
//!
//! ```text
//! sprig-bundle 1
//! box <length> <crc32 as 8 hex digits>
//! image <length> <path>
//! ```
//!
//! The box file is checked by its checksum, so that no machine boots another split than the one that was planned;
//! images only by their length, since reading all their bytes would cost more than starting them.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::error::BundleError;

const FIRST_LINE: &str = "sprig-bundle 1";

/// The box file of which a bundle was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BoxSummary {
    /// Bytes.
    pub len: u64,
    /// CRC-32 as in Ethernet and zip.
    pub crc32: u32,
}

impl BoxSummary {
    /// The summary of a box file.
    pub fn of(bytes: &[u8]) -> Self {
        Self { len: bytes.len() as u64, crc32: crc32fast::hash(bytes) }
    }
}

/// An image of which a bundle was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImageSummary {
    /// Bytes.
    pub len: u64,
    /// The path as the box file has it: not empty, without line breaks and zeros.
    pub path: String,
}

/// Of what a bundle was made. `Display` gives the text, [`Manifest::parse`] reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    pub(super) box_file: BoxSummary,
    pub(super) images: Vec<ImageSummary>,
}

impl Manifest {
    /// The manifest for a box file and its distinct images.
    ///
    /// # Errors
    /// [`BundleError::PathUnfit`].
    pub fn new(box_file: &[u8], images: impl IntoIterator<Item = ImageSummary>) -> Result<Self, BundleError> {
        let images: Vec<_> = images.into_iter().collect();
        match images.iter().find(|image| !is_fit(&image.path)) {
            Some(image) => Err(BundleError::PathUnfit { path: image.path.clone() }),
            None => Ok(Self { box_file: BoxSummary::of(box_file), images }),
        }
    }

    /// Reads what `Display` has written.
    ///
    /// # Errors
    /// [`BundleError::ManifestDamaged`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        let text = str::from_utf8(bytes).unwrap_or_default();
        let mut lines = text.lines().enumerate().map(|(at, line)| Line { number: at + 1, text: line });
        let mut next = |number| lines.next().unwrap_or(Line { number, text: "" });
        let first = next(1);
        if first.text != FIRST_LINE {
            return Err(first.is_not("\"sprig-bundle 1\""));
        }
        let second = next(2);
        let box_file = box_summary(second.text).ok_or_else(|| second.is_not("\"box LENGTH CRC32\""))?;
        let image = |line: Line<'_>| image_summary(line.text).ok_or_else(|| line.is_not("\"image LENGTH PATH\""));
        Ok(Self { box_file, images: lines.map(image).collect::<Result<_, _>>()? })
    }
}

/// A line of the text.
struct Line<'a> {
    number: usize,
    text: &'a str,
}

impl Line<'_> {
    fn is_not(&self, expected: &'static str) -> BundleError {
        BundleError::ManifestDamaged { line: self.number, found: self.text.into(), expected }
    }
}

fn box_summary(line: &str) -> Option<BoxSummary> {
    let (len, crc32) = line.strip_prefix("box ")?.split_once(' ')?;
    let crc32 = u32::from_str_radix(crc32, 16).ok().filter(|_| crc32.len() == 8)?;
    Some(BoxSummary { len: len.parse().ok()?, crc32 })
}

fn image_summary(line: &str) -> Option<ImageSummary> {
    let (len, path) = line.strip_prefix("image ")?.split_once(' ')?;
    is_fit(path).then_some(ImageSummary { len: len.parse().ok()?, path: path.into() })
}

/// Whether a path can stand in a line.
fn is_fit(path: &str) -> bool {
    !path.is_empty() && !path.contains(['\n', '\r', '\0'])
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        writeln!(f, "box {} {:08x}", self.box_file.len, self.box_file.crc32)?;
        self.images.iter().try_for_each(|image| writeln!(f, "image {} {}", image.len, image.path))
    }
}
