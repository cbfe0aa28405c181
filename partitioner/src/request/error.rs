//! Why images are refused, and the diagnostic of each reason.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use toml::Spanned;

use crate::bzimage::BzImageError;
use crate::config::PartitionEntry;
use crate::diagnostic::{Diagnostic, Place};

/// Why an image could not be handed over.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ImageReadError {
    /// There is no such image.
    #[error("is missing: there is no {looked_at}")]
    Missing {
        /// The place that was searched: a file's full path, or a member of the bundle.
        looked_at: String,
    },
    /// It is no regular file.
    #[error("is {kind}, not a file")]
    NotAFile {
        /// What it is: "a directory".
        kind: &'static str,
    },
    /// It is there, but cannot be read.
    #[error("cannot be read: {reason}")]
    Unreadable {
        /// The operating system's reason.
        reason: String,
    },
}

/// What is wrong with an image.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum ImageError {
    #[error(transparent)]
    NotRead(#[from] ImageReadError),
    #[error("cannot be started: {0}")]
    NoKernel(#[from] BzImageError),
    #[error("cannot be an initial file system: it is empty")]
    EmptyInitrd,
    #[error("cannot be an initial file system: it is a Linux kernel")]
    InitrdIsAKernel,
    #[error(
        "is in no format that Linux unpacks (a cpio archive, compressed or not): the kernel may find no /init in it"
    )]
    UnknownFormat,
    #[error("ends before its compressed content does, or has bytes behind it")]
    CutOff,
}

/// An image that is refused, and the places that name it.
pub(super) struct RejectedImageError {
    pub(super) path: String,
    pub(super) error: ImageError,
    places: Vec<Place>,
}

impl RejectedImageError {
    pub(super) fn new(path: &Spanned<String>, entry: &PartitionEntry, error: ImageError) -> Self {
        let name = entry.name.get_ref();
        let named = Place { span: path.span(), label: "named here".to_owned() };
        let partition = Place { span: entry.name.span(), label: format!("for partition \"{name}\"") };
        Self { path: path.get_ref().clone(), error, places: vec![named, partition] }
    }

    pub(super) fn also_named(&mut self, path: &Spanned<String>, entry: &PartitionEntry) {
        let label = format!("also named here, for partition \"{}\"", entry.name.get_ref());
        self.places.push(Place { span: path.span(), label });
    }
}

impl From<RejectedImageError> for Diagnostic {
    fn from(RejectedImageError { path, error, places }: RejectedImageError) -> Self {
        let (code, help) = match &error {
            ImageError::NotRead(ImageReadError::Missing { .. }) if path.starts_with('~') => {
                ("image-missing", "`~` has no meaning in a box file: write the whole path")
            }
            ImageError::NotRead(ImageReadError::Missing { .. }) => {
                ("image-missing", "paths are relative to the box file")
            }
            ImageError::NotRead(ImageReadError::NotAFile { .. }) => {
                ("image-not-a-file", "name a regular file, or a link to one")
            }
            ImageError::NotRead(ImageReadError::Unreadable { .. }) => {
                ("image-unreadable", "make the file readable, or name another")
            }
            ImageError::NoKernel(error) => error.code_and_help(),
            ImageError::InitrdIsAKernel => ("initrd-is-a-kernel", "`kernel` and `initrd` may be swapped"),
            ImageError::UnknownFormat => {
                ("initrd-unknown-format", "name an initial RAM disk, such as /boot/initrd.img-... of a distribution")
            }
            ImageError::CutOff => ("initrd-cut-off", "copy or make it again"),
            ImageError::EmptyInitrd => ("initrd-empty", "name a file with something in it, or leave `initrd` out"),
        };
        Self::new(code, format!("\"{path}\" {error}"), places, help)
    }
}
