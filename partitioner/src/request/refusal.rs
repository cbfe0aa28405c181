//! Why images are refused, and how that is told.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use toml::Spanned;

use super::ImageFault;
use crate::bzimage::BzImageError;
use crate::config::PartitionEntry;
use crate::diagnostic::{Diagnostic, Place};

/// What is wrong with an image.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum ImageError {
    #[error(transparent)]
    NotRead(#[from] ImageFault),
    #[error("cannot be started: {0}")]
    NoKernel(#[from] BzImageError),
    #[error("cannot be an initial file system: it is empty")]
    EmptyInitrd,
}

/// An image that is refused, and the places that name it.
pub(super) struct Refusal {
    pub(super) path: String,
    pub(super) error: ImageError,
    places: Vec<Place>,
}

impl Refusal {
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

impl ImageError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotRead(ImageFault::Missing { .. }) => "image-missing",
            Self::NotRead(ImageFault::Unreadable { .. }) => "image-unreadable",
            Self::NoKernel(error) => error.code(),
            Self::EmptyInitrd => "initrd-empty",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::NotRead(ImageFault::Missing { .. }) => "paths are relative to the box file".to_owned(),
            Self::NotRead(ImageFault::Unreadable { .. }) => "make the file readable, or name another".to_owned(),
            Self::NoKernel(error) => error.help().to_string(),
            Self::EmptyInitrd => "name a file with something in it, or leave `initrd` out".to_owned(),
        }
    }
}

impl From<Refusal> for Diagnostic {
    fn from(Refusal { path, error, places }: Refusal) -> Self {
        Self { code: error.code(), message: format!("\"{path}\" {error}"), places, help: error.help() }
    }
}
