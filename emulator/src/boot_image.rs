//! Where the boot image is: built by `cargo xtask build`, or installed beside the command.

use std::path::{Path, PathBuf};
use std::{env, fs};

const NAME: &str = "sprig-boot.elf";
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
    /// No path was given, and it is at none of the usual places.
    #[error(
        "there is no boot image; looked for {}\n  help: make it with `cargo xtask build`, or say where it is with --boot-image or {VARIABLE}",
        list(looked_for)
    )]
    Nowhere {
        /// The places.
        looked_for: Vec<PathBuf>,
    },
}

/// Finds the boot image: at `path`, else where the environment variable names it, else beside this program, else in
/// the folder `sprig` beside this program's folder.
///
/// # Errors
/// If there is no such file.
pub fn find(path: Option<&Path>) -> Result<PathBuf, BootImageError> {
    if let Some(path) = path {
        return existing(path.to_owned(), "--boot-image");
    }
    if let Some(path) = env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        return existing(path.into(), VARIABLE);
    }
    let program = env::current_exe().and_then(fs::canonicalize).unwrap_or_default();
    let folder = program.parent().unwrap_or(Path::new(""));
    let beside = folder.parent().unwrap_or(Path::new("")).join("sprig");
    let looked_for = vec![folder.join(NAME), beside.join(NAME)];
    looked_for.iter().find(|path| path.is_file()).cloned().ok_or(BootImageError::Nowhere { looked_for })
}

fn existing(path: PathBuf, source_name: &'static str) -> Result<PathBuf, BootImageError> {
    if path.is_file() { Ok(path) } else { Err(BootImageError::NotAtPath { path, source_name }) }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" and ")
}
