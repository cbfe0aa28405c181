//! The kernels that a Linux has in `/boot`, each with the initial file system that was made for it.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use emulator::input_file::{InputError, InputFile};
use partitioner::bzimage::{BzImage, BzImageError, HEAD_LEN};

use super::release;

const FOLDER: &str = "boot";
const PREFIX: &str = "vmlinuz-";
/// How Debian, Fedora, Arch, openSUSE and Gentoo name the initial file system of the kernel `vmlinuz-*`.
const INITRDS: [(&str, &str); 5] =
    [("initrd.img-", ""), ("initramfs-", ".img"), ("initrd-", ""), ("initrd-", ".img"), ("initramfs-", "")];
/// Fedora's kernel for emergencies is an older copy of another.
const RESCUE: &str = "rescue";

/// A kernel that a partition can have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Kernel {
    /// The image.
    pub(crate) path: PathBuf,
    /// Its initial file system.
    pub(crate) initrd: Option<PathBuf>,
    /// As `uname -r` prints it, if the image says so.
    pub(crate) release: String,
}

/// Why a file is no kernel for a partition.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KernelError {
    /// It cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// It is something else.
    #[error(transparent)]
    Kind(#[from] BzImageError),
}

/// What was found.
#[derive(Default, Debug)]
pub(crate) struct Kernels {
    /// The newest first.
    pub(crate) usable: Vec<Kernel>,
    /// Images and initial file systems that this user may not read.
    pub(crate) unreadable: Vec<PathBuf>,
}

/// Looks in the folder `boot` below `root`. What is no stock x86-64 kernel is passed over. If an initial file system is named,
/// all have that one.
pub(crate) fn find(root: &Path, named: Option<&Path>) -> Kernels {
    let mut found = Kernels::default();
    let entries = fs::read_dir(root.join(FOLDER)).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()).filter(|path| is_kernels_name(path)) {
        let initrd = named.map(Path::to_owned).or_else(|| initrd_of(&path));
        let closed = initrd.iter().chain([&path]).find(|file| File::open(file).is_err()).cloned();
        match closed {
            // A link that leads nowhere is no kernel.
            Some(closed) if closed.exists() => found.unreadable.push(closed),
            Some(_) => {}
            None => {
                let release = release_of(&path).ok();
                found.usable.extend(release.map(|release| Kernel { path, initrd, release }));
            }
        }
    }
    found
        .usable
        .sort_by(|one, other| release::compare(&other.release, &one.release).then_with(|| one.path.cmp(&other.path)));
    found.unreadable.sort();
    found
}

/// The initial file system that lies beside a kernel and has its version, however the distribution names it.
pub(crate) fn initrd_of(kernel: &Path) -> Option<PathBuf> {
    let version = kernel.file_name()?.to_str()?.strip_prefix(PREFIX)?;
    let names = INITRDS.iter().map(|(before, after)| kernel.with_file_name(format!("{before}{version}{after}")));
    names.into_iter().find(|path| path.is_file())
}

fn is_kernels_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(PREFIX) && !name.contains(RESCUE)
}

/// The release of a kernel that can be started, as far as the image says it.
pub(crate) fn release_of(path: &Path) -> Result<String, KernelError> {
    let len = InputFile::open(path)?.len();
    let mut head = Vec::new();
    let file = File::open(path).map_err(InputError::Unreadable)?;
    file.take(HEAD_LEN as u64).read_to_end(&mut head).map_err(InputError::Unreadable)?;
    let text = BzImage::parse_head(&head, len)?.version.unwrap_or_default();
    Ok(text.split_whitespace().next().unwrap_or_default().to_owned())
}
