//! The folders of the sources, of cargo's output, and of what set-up makes.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::initrd::Image;
use crate::process;
use crate::setup::KernelLine;

/// The bare-metal target of the boot image.
pub(crate) const BARE_METAL: &str = "x86_64-unknown-none";

/// The folders of one work tree.
pub(crate) struct Places {
    /// Root of the workspace.
    pub(crate) workspace: PathBuf,
    /// Cargo's target folder.
    pub(crate) target: PathBuf,
    /// The folder of what set-up and build make: `$SPRIG_ROOT`, else `sprig` in the target folder.
    pub(crate) sprig: PathBuf,
}

impl Places {
    /// Finds the folders. The target folder comes from cargo, whose configuration may have moved it.
    pub(crate) fn find() -> Result<Places> {
        let workspace =
            Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in no workspace")?.to_owned();
        let metadata = metadata(&workspace)?;
        let target = metadata["target_directory"].as_str().context("cargo metadata names no target_directory")?;
        let target = PathBuf::from(target);
        let sprig = match env::var_os("SPRIG_ROOT") {
            Some(root) => std::path::absolute(root)?,
            None => target.join("sprig"),
        };
        Ok(Places { workspace, target, sprig })
    }

    /// The boot image that `build` makes.
    pub(crate) fn boot_image(&self) -> PathBuf {
        self.sprig.join("sprig-boot.elf")
    }

    /// The kernel of this line that set-up fetches.
    pub(crate) fn kernel(&self, line: KernelLine) -> PathBuf {
        self.sprig.join("kernels").join(line.name()).join("vmlinuz")
    }

    /// The driver of the virtual Ethernet that `build` makes for the kernel of that name, which is mostly a line's.
    pub(crate) fn driver(&self, kernel: &str) -> PathBuf {
        self.sprig.join("driver").join(kernel).join("sprig_vni.ko")
    }

    /// An initial RAM disk that `build` packs.
    pub(crate) fn initrd(&self, image: Image) -> PathBuf {
        self.sprig.join("initrd").join(image.name())
    }

    /// A cargo command that runs in the workspace.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(tool("CARGO", "cargo"));
        command.current_dir(&self.workspace).args(arguments);
        command
    }

    /// Cargo's metadata of the workspace's own packages.
    pub(crate) fn metadata(&self) -> Result<serde_json::Value> {
        metadata(&self.workspace)
    }
}

/// The program that the environment names, else the one on PATH.
pub(crate) fn tool(variable: &str, default: &str) -> OsString {
    env::var_os(variable).unwrap_or_else(|| default.into())
}

fn metadata(workspace: &Path) -> Result<serde_json::Value> {
    let mut command = Command::new(tool("CARGO", "cargo"));
    command.current_dir(workspace).args(["metadata", "--no-deps", "--format-version", "1"]);
    let text = process::output(&mut command, process::QUICK)?;
    serde_json::from_str(&text).context("cargo metadata printed no JSON")
}
