//! Where the boot image is: built by `cargo xtask build`, or installed beside the command.

use std::path::{Path, PathBuf};
use std::{env, fs};

const NAME: &str = "sprig-boot.elf";
const VARIABLE: &str = "SPRIG_BOOT_IMAGE";

/// It is nowhere.
#[derive(Debug, thiserror::Error)]
pub enum BootImageError {
    /// Not where the user said.
    #[error("there is no boot image at {} (from {told_by})", path.display())]
    NotWhereTold {
        /// Where.
        path: PathBuf,
        /// An option or a variable.
        told_by: &'static str,
    },
    /// Nor where it is looked for.
    #[error(
        "there is no boot image; looked for {}\n  help: make it with `cargo xtask build`, or say where it is with --boot-image or {VARIABLE}",
        list(looked_for)
    )]
    Nowhere {
        /// Where it was looked for.
        looked_for: Vec<PathBuf>,
    },
}

/// Finds the boot image: where `told`, else where the environment says, else beside this program, else in the
/// `sprig` folder beside the one that this program lies in.
///
/// # Errors
/// If it is not there.
pub fn find(told: Option<&Path>) -> Result<PathBuf, BootImageError> {
    if let Some(path) = told {
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

fn existing(path: PathBuf, told_by: &'static str) -> Result<PathBuf, BootImageError> {
    if path.is_file() { Ok(path) } else { Err(BootImageError::NotWhereTold { path, told_by }) }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" and ")
}
