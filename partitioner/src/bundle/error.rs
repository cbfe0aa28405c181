//! Why a bundle is refused, and the diagnostic of each reason.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::layout::{BOX_FILE, MANIFEST};
use super::manifest::BoxSummary;
use crate::diagnostic::Diagnostic;

/// Why a bundle is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BundleError {
    /// The archive cannot be read.
    #[error("the archive is damaged at byte {offset} of {len}")]
    ArchiveDamaged {
        /// Where the entry starts that cannot be read.
        offset: usize,
        /// Bytes of the archive.
        len: usize,
    },
    /// A member has a name, or a path has characters, that the format cannot hold.
    #[error("the path {path:?} cannot stand in a manifest")]
    PathUnfit {
        /// The path.
        path: String,
    },
    /// No manifest.
    #[error("the bundle has no member named \"{MANIFEST}\"")]
    ManifestMissing,
    /// A manifest that cannot be read.
    #[error("line {line} of the bundle's manifest is {found:?}, where {expected} is expected")]
    ManifestDamaged {
        /// Counted from 1.
        line: usize,
        /// The line.
        found: String,
        /// What should be there.
        expected: &'static str,
    },
    /// No box file.
    #[error("the bundle has no member named \"{BOX_FILE}\"")]
    BoxFileMissing,
    /// Another box file than the manifest's.
    #[error(
        "the box file has {} bytes and checksum {:08x}, but the bundle was made of one with {} bytes and {:08x}",
        .found.len, .found.crc32, .made_of.len, .made_of.crc32
    )]
    BoxFileChanged {
        /// What is there.
        found: BoxSummary,
        /// What the manifest says.
        made_of: BoxSummary,
    },
    /// A box file that is not text.
    #[error("the box file is not UTF-8 text: byte {offset} is not part of any character")]
    BoxFileNotText {
        /// The first such byte.
        offset: usize,
    },
    /// An image is missing.
    #[error("the image \"{path}\" ({len} bytes) is missing from the bundle")]
    ImageMissing {
        /// The path.
        path: String,
        /// Bytes it should have.
        len: u64,
    },
    /// An image that ends too early.
    #[error("the image \"{path}\" has {found} bytes, but had {made_of} when the bundle was made")]
    ImageTruncated {
        /// The path.
        path: String,
        /// Bytes it has.
        found: u64,
        /// Bytes it should have.
        made_of: u64,
    },
    /// An image that has more bytes than it should.
    #[error("the image \"{path}\" has {found} bytes, but had {made_of} when the bundle was made")]
    ImageChanged {
        /// The path.
        path: String,
        /// Bytes it has.
        found: u64,
        /// Bytes it should have.
        made_of: u64,
    },
}

impl From<&BundleError> for Diagnostic {
    fn from(error: &BundleError) -> Self {
        const AGAIN: &str = "make the bundle again with `sprig image`";
        let (code, help) = match error {
            BundleError::ArchiveDamaged { .. } => ("archive-damaged", AGAIN),
            BundleError::PathUnfit { .. } => ("path-unfit", "rename the file: no line breaks, and no zero byte"),
            BundleError::ManifestMissing => {
                ("manifest-missing", "make the bundle with `sprig image`, and give it whole to the boot loader")
            }
            BundleError::ManifestDamaged { .. } => ("manifest-damaged", AGAIN),
            BundleError::BoxFileMissing => ("box-file-missing", AGAIN),
            BundleError::BoxFileChanged { .. } => {
                ("box-file-changed", "make the bundle again with `sprig image` after changing the box file")
            }
            BundleError::BoxFileNotText { .. } => ("box-file-not-text", AGAIN),
            BundleError::ImageMissing { .. } => ("image-missing", AGAIN),
            BundleError::ImageTruncated { .. } => ("image-truncated", AGAIN),
            BundleError::ImageChanged { .. } => ("image-changed", AGAIN),
        };
        Self::new(code, error.to_string(), Vec::new(), help)
    }
}
