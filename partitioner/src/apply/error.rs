//! Why a plan was not carried out, and the diagnostic of each reason.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::diagnostic::Diagnostic;
use crate::machine::StartError;
use crate::view::ViewError;

/// Why the plan was not carried out.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ApplyError {
    /// The plan was not made for these images.
    #[error("the plan is for {planned} images, {requested} are there, and it names one that is not among them")]
    OtherImages {
        /// Images of the plan.
        planned: usize,
        /// Images of the request.
        requested: usize,
    },
    /// An image is not in memory.
    #[error("the image \"{path}\" is not in memory")]
    NotLoaded {
        /// The image.
        path: String,
    },
    /// Images lie where other images must go, and there is no room to put one aside.
    #[error("{} images lie in each other's way, and there is nowhere to put \"{path}\" ({len} bytes) aside", .count)]
    NoRoomToMove {
        /// The first that has to make way.
        path: String,
        /// Its bytes.
        len: u64,
        /// How many there are.
        count: usize,
    },
    /// An instance cannot be shown its partition.
    #[error(transparent)]
    View(#[from] ViewError),
    /// A core does not answer. The instances that were started before it run on.
    #[error("\"{partition}\" does not start, after {running} that run: {cause}")]
    Start {
        /// The partition of the boot core.
        partition: String,
        /// Instances that run.
        running: usize,
        /// The core's failure.
        cause: StartError,
    },
}

impl From<&ApplyError> for Diagnostic {
    fn from(error: &ApplyError) -> Self {
        let (code, help) = match error {
            ApplyError::View(view) => return Self::from(view),
            ApplyError::OtherImages { .. } => ("other-images", "plan again with the images that are there"),
            ApplyError::NotLoaded { .. } => ("image-not-loaded", "make the bootable image again"),
            ApplyError::NoRoomToMove { .. } => ("no-room-to-move", "use smaller images, or leave more memory free"),
            ApplyError::Start { .. } => ("core-does-not-start", "leave this core out with `cpus` as a set"),
        };
        Self::new(code, error.to_string(), Vec::new(), help)
    }
}
