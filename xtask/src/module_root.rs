//! A Debian with a compiler and kernels' headers, unpacked in a folder (`kbuild`) and entered by chroot: in it modules
//! for stock kernels are built, on any host.
//!
//! [`crate::setup`] makes it, [`crate::driver`] and [`crate::dkms`] work in it. Inside, this host's `/proc` (for
//! objtool) and `/dev` (for `/dev/null`) are mounted in a mount namespace of its own, so nothing stays mounted. A user
//! who is not root becomes root of a user namespace for it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::places::Places;
use crate::process;

/// Its folder, below that of what set-up makes.
pub(crate) const FOLDER: &str = "kbuild";
/// That of a larger one, in which the driver is examined and whole kernels are built.
pub(crate) const TOOLS_FOLDER: &str = "kernel-tools";
/// What the larger one shares with the other.
const SHARED: [&str; 2] = ["headers", "usr/src"];

/// A script that mounts what is needed, and pairs of a folder and its place inside up to `--`, enters the folder, and runs
/// its further arguments, with errors on standard output.
const ENTER: &str = r#"
root=$1
shift
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
while [ "$1" != -- ]; do
    mount --bind "$1" "$root/$2"
    shift 2
done
shift
exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin HOME=/root LC_ALL=C "$@" 2>&1
"#;

/// The folder. Having one means that it is complete and that this user may enter it.
pub(crate) struct ModuleRoot {
    path: PathBuf,
    /// Folders of this host and their places inside.
    shared: Vec<(PathBuf, &'static str)>,
}

impl ModuleRoot {
    /// Finds the folder that set-up made.
    pub(crate) fn find(places: &Places) -> Result<ModuleRoot> {
        let path = places.sprig.join(FOLDER);
        ensure!(
            path.join("stamp").is_file(),
            "no tools for modules here; `cargo xtask setup --only kbuild` makes them"
        );
        ModuleRoot::at(&path)
    }

    /// Finds the larger folder that set-up made, with the kernels' headers of the other in it.
    pub(crate) fn find_tools(places: &Places) -> Result<ModuleRoot> {
        let path = places.sprig.join(TOOLS_FOLDER);
        ensure!(
            path.join("stamp").is_file(),
            "no sparse and no Coccinelle here; `cargo xtask setup --only kernel-tools` fetches them"
        );
        let headers = ModuleRoot::find(places)?;
        let shared = SHARED.map(|inside| (headers.path(inside), inside)).to_vec();
        Ok(ModuleRoot { shared, ..ModuleRoot::at(&path)? })
    }

    /// That folder, which is complete.
    pub(crate) fn at(path: &Path) -> Result<ModuleRoot> {
        may_enter()?;
        Ok(ModuleRoot { path: path.to_owned(), shared: Vec::new() })
    }

    /// The path on this host of the path `inside`, which begins with a slash.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.path.join(inside.trim_start_matches('/'))
    }

    /// Runs a program inside and returns its output.
    pub(crate) fn output(&self, arguments: &[&str], limit: Duration) -> Result<String> {
        process::output(&mut self.command(arguments)?, limit)
    }

    /// Like [`ModuleRoot::output`], calling `watch` again and again while the program runs.
    pub(crate) fn output_watched(&self, arguments: &[&str], limit: Duration, watch: impl FnMut()) -> Result<String> {
        process::output_watched(&mut self.command(arguments)?, limit, watch)
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = namespaces()?;
        command.args(["sh", "-ec", ENTER, "sh"]).arg(&self.path);
        for (folder, inside) in &self.shared {
            command.arg(folder).arg(inside);
        }
        command.arg("--").args(arguments);
        Ok(command)
    }
}

/// Fails with the reason if this user may not enter such a folder.
pub(crate) fn may_enter() -> Result<()> {
    process::output(namespaces()?.arg("true"), process::QUICK)
        .map(drop)
        .context("modules are built in a mount namespace, which this user may not make here: try as root")
}

fn namespaces() -> Result<Command> {
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if process::effective_user()? != 0 {
        command.arg("--map-root-user");
    }
    Ok(command)
}
