//! `keys/`: the keys by which the instances of a box trust one another. Every machine makes its own.
//!
//! All instances have one owner and share one image, so they also share a host key and a user key. Secret keys exist
//! only in set-up's folder and in the images made from it.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::cache::BuildCache;
use super::programs;
use crate::process;
use crate::progress::{self, Step};

const LABEL: &str = "keys";
const FOLDER: &str = "keys";
const RECIPE: &str = "recipe 1\n";

/// The secret key of every instance's SSH server; the public key is beside it, with `.pub`.
pub(crate) const HOST: &str = "ssh_host_ed25519_key";
/// The secret key of every instance's root; the public key is beside it, with `.pub`.
pub(crate) const USER: &str = "id_ed25519";

/// The path of a key.
pub(crate) fn path(cache: &BuildCache, name: &str) -> PathBuf {
    cache.path(FOLDER).join(name)
}

/// Makes both keys if they are not there. Needs `ssh-keygen` from Debian's programs; without them it makes none.
pub(super) fn make(cache: &BuildCache) -> Result<()> {
    if cache.stamp(FOLDER).as_deref() == Some(RECIPE) {
        progress::ready(LABEL, "for SSH");
        return Ok(());
    }
    let Some(programs) = programs::tree(cache) else { return Ok(()) };
    let step = Step::start(LABEL, "for SSH");
    cache.make(FOLDER, RECIPE, |folder| {
        for (name, comment) in [(HOST, "host of a Sprig box"), (USER, "root of a Sprig box")] {
            let mut keygen = programs.command("usr/bin/ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"]).arg(folder.join(name));
            process::output(&mut keygen, process::QUICK).context("cannot make a key")?;
        }
        Ok(())
    })?;
    step.done("for SSH, fresh");
    Ok(())
}
