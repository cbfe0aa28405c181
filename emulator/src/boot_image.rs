//! Where the boot image is: installed by the package, or built by `cargo xtask build`.

use std::path::{Path, PathBuf};
use std::{env, fs};

use elf::ElfBytes;
use elf::abi::PT_NOTE;
use elf::endian::AnyEndian;
use elf::note::{Note, NoteAny};
use partitioner::bzimage::{BzImage, BzImageError};

use crate::input_file;

const NAME: &str = "sprig-boot.elf";
/// Where packages put it, below the folder in which programs have their `bin`.
const LIBRARY: &str = "lib/sprig";
const VARIABLE: &str = "SPRIG_BOOT_IMAGE";

/// The boot image cannot be found.
#[derive(Debug, thiserror::Error)]
pub enum BootImageError {
    /// It is not at the path that the user gave.
    #[error("there is no boot image at {} (from {source_name})", path.display())]
    NotAtPath {
        /// The path.
        path: PathBuf,
        /// The option or the environment variable that named it.
        source_name: &'static str,
    },
    /// The file is no boot image.
    #[error("{} is no Sprig boot image: {what}\n  help: make one with `cargo xtask build`", path.display())]
    NotOurs {
        /// The path.
        path: PathBuf,
        /// What the file is.
        what: String,
    },
    /// No path was given, and it is at none of the usual places.
    #[error(
        "there is no boot image; looked for {}\n  help: install the package sprig, or make it with `cargo xtask build`, or say where it is with --boot-image or {VARIABLE}",
        list(looked_for)
    )]
    Nowhere {
        /// The places.
        looked_for: Vec<PathBuf>,
    },
}

/// A boot image has some hundred KiB.
const LEN_MOST: u64 = 64 << 20;
/// The name and the type of Sprig's ELF note; its content is the version (`boot/src/entry.rs`).
const NOTE_NAME: &[u8] = b"Sprig\0";
const VERSION_NOTE: u64 = 1;

/// A boot image. Having one means that the file carries Sprig's note.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BootImage {
    /// Where it lies.
    pub path: PathBuf,
    /// The version of Sprig that it is of.
    pub version: String,
}

/// Finds the boot image: at `path`, else where the environment variable names it, else beside this program, else in
/// the folder `sprig` or `lib/sprig` beside this program's folder, else in `/usr/lib/sprig`.
///
/// # Errors
/// If there is no such file, or if it is no boot image.
pub fn find(path: Option<&Path>) -> Result<BootImage, BootImageError> {
    inspect(&locate(path)?)
}

/// Whether the environment names one.
pub fn is_chosen_by_user() -> bool {
    chosen_by_user().is_some()
}

fn chosen_by_user() -> Option<PathBuf> {
    env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Reads the note by which a boot image is known.
///
/// # Errors
/// If it is no boot image; with what it is.
pub fn inspect(path: &Path) -> Result<BootImage, BootImageError> {
    let error = |what: String| BootImageError::NotOurs { path: path.to_owned(), what };
    let bytes = input_file::read(path, LEN_MOST).map_err(|cause| error(cause.to_string()))?;
    match version(&bytes) {
        Some(version) => Ok(BootImage { path: path.to_owned(), version }),
        None => Err(error(describe(&bytes))),
    }
}

/// The version in Sprig's note.
fn version(bytes: &[u8]) -> Option<String> {
    let file = ElfBytes::<AnyEndian>::minimal_parse(bytes).ok()?;
    let notes = file.segments()?.iter().filter(|segment| segment.p_type == PT_NOTE);
    let mut notes = notes.filter_map(|segment| file.segment_data_as_notes(&segment).ok()).flatten();
    notes.find_map(|note| match note {
        Note::Unknown(NoteAny { n_type: VERSION_NOTE, name: NOTE_NAME, desc }) => {
            Some(String::from_utf8_lossy(desc).into_owned())
        }
        _ => None,
    })
}

/// What a file is that is no boot image.
fn describe(bytes: &[u8]) -> String {
    match BzImage::parse(bytes) {
        Err(BzImageError::NotABzImage(foreign)) => foreign.to_string(),
        Ok(_) | Err(_) => "it is a Linux kernel".to_owned(),
    }
}

fn locate(path: Option<&Path>) -> Result<PathBuf, BootImageError> {
    if let Some(path) = path {
        return existing(path.to_owned(), "--boot-image");
    }
    if let Some(path) = chosen_by_user() {
        return existing(path, VARIABLE);
    }
    let program = env::current_exe().and_then(fs::canonicalize).unwrap_or_default();
    let folder = program.parent().unwrap_or(Path::new(""));
    let prefix = folder.parent().unwrap_or(Path::new(""));
    let folders = [folder.to_owned(), prefix.join("sprig"), prefix.join(LIBRARY), Path::new("/usr").join(LIBRARY)];
    let mut looked_for = folders.map(|folder| folder.join(NAME)).to_vec();
    looked_for.dedup();
    looked_for.iter().find(|path| path.is_file()).cloned().ok_or(BootImageError::Nowhere { looked_for })
}

fn existing(path: PathBuf, source_name: &'static str) -> Result<PathBuf, BootImageError> {
    if path.exists() { Ok(path) } else { Err(BootImageError::NotAtPath { path, source_name }) }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
