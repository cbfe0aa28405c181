//! Keeps the paths of whoever builds out of what others install: the compiler writes them into debugging information, and
//! into what a panic says.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::places::{Places, tool};
use crate::process;

/// Between the flags of `CARGO_ENCODED_RUSTFLAGS`, in which paths may hold spaces.
const SEPARATOR: &str = "\x1f";

/// Makes cargo's command compile with these flags, and without this machine's paths.
pub(crate) fn set_flags(places: &Places, command: &mut Command, flags: &[OsString]) -> Result<()> {
    let all: Vec<_> = flags.iter().cloned().chain(remapped(places)?).collect();
    command.env("CARGO_ENCODED_RUSTFLAGS", all.join(OsStr::new(SEPARATOR)));
    Ok(())
}

/// Flags that name folders otherwise. Of several that fit a path, the last holds.
fn remapped(places: &Places) -> Result<Vec<OsString>> {
    let sysroot = process::output(Command::new(tool("RUSTC", "rustc")).args(["--print", "sysroot"]), process::QUICK)?;
    let home = env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    let cargo = env::var_os("CARGO_HOME").map(PathBuf::from).or(home);
    let folders = [
        (Some(PathBuf::from(sysroot.trim())), "/rust"),
        (cargo, "/cargo"),
        // So that a debugger finds the sources when it is started there.
        (Some(places.workspace.clone()), "."),
        (Some(places.target.clone()), "target"),
        (Some(places.sprig.clone()), "target/sprig"),
    ];
    let known = folders.into_iter().filter_map(|(folder, name)| Some((folder?, name)));
    Ok(known.map(|(folder, name)| flag(folder, name)).collect())
}

fn flag(folder: PathBuf, name: &str) -> OsString {
    let mut flag = OsString::from("--remap-path-prefix=");
    flag.push(folder);
    flag.push("=");
    flag.push(name);
    flag
}
