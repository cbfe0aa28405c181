//! `busybox/busybox`: a static BusyBox, Debian's or the user's own: shell and small programs of the small initial RAM
//! disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::apt::{self, Apt, Suite};
use super::cache::BuildCache;
use crate::process;
use crate::progress::{self, Step};

const LABEL: &str = "busybox";
const RECIPE: &str = "recipe 1";
const NAME: &str = "busybox";

/// Applets that set-up, init, demos and tests call. A BusyBox without one of them is refused here, before a box boots.
const NEEDED: [&str; 26] = [
    "ash", "awk", "cat", "cttyhack", "cut", "devmem", "dmesg", "echo", "grep", "halt", "hostname", "ip", "login",
    "mkdir", "mount", "nproc", "poweroff", "reboot", "setsid", "sh", "sleep", "stty", "taskset", "top", "uname",
    "unxz",
];

/// Makes it available; `own` is a BusyBox of the user.
pub(super) fn make(cache: &BuildCache, apt: &mut Apt, own: Option<&Path>) -> Result<()> {
    if let Some(own) = own {
        let bytes = fs::read(own).with_context(|| format!("cannot read the busybox {}", own.display()))?;
        ensure!(bytes.starts_with(b"\x7fELF"), "{} is not a program", own.display());
        let stamp = format!("{RECIPE} {} {} bytes\n", own.display(), bytes.len());
        cache.make(NAME, &stamp, |folder| place(own, folder))?;
    } else if cache.stamp(NAME).is_some_and(|stamp| stamp.starts_with(RECIPE)) {
        progress::ready(LABEL, "static");
    } else {
        fetch(cache, apt)?;
    }
    applets(Command::new(path(cache))).map(drop)
}

/// The path of the program.
pub(crate) fn path(cache: &BuildCache) -> PathBuf {
    cache.path(NAME).join(NAME)
}

/// The names of a BusyBox's applets. Fails if a needed one is missing.
pub(crate) fn applets(mut busybox: Command) -> Result<Vec<String>> {
    let list = process::output(busybox.arg("--list"), process::QUICK)?;
    let applets: Vec<String> = list.lines().filter(|name| *name != NAME).map(str::to_owned).collect();
    let missing: Vec<&str> = NEEDED.into_iter().filter(|needed| !applets.iter().any(|name| name == needed)).collect();
    if !missing.is_empty() {
        bail!("this busybox lacks {}", missing.join(", "));
    }
    Ok(applets)
}

fn fetch(cache: &BuildCache, apt: &mut Apt) -> Result<()> {
    let step = Step::start(LABEL, "busybox-static");
    let package = apt.show(Suite::Bookworm, "busybox-static", &step)?;
    let stamp = format!("{RECIPE} {} {}\n", package.name, package.version);
    cache.make(NAME, &stamp, |folder| {
        let scratch = cache.scratch(NAME)?;
        let deb = apt.download(Suite::Bookworm, &package, scratch.path(), &step)?;
        apt::unpack(&deb, scratch.path(), &["*/busybox"])?;
        let places = ["bin/busybox", "usr/bin/busybox"].map(|name| scratch.path().join(name));
        let found = places.into_iter().find(|path| path.is_file());
        place(&found.context("busybox-static holds no bin/busybox")?, folder)
    })?;
    step.done(&format!("{} from Debian's {}", package.version, Suite::Bookworm.name()));
    Ok(())
}

fn place(from: &Path, folder: &Path) -> Result<()> {
    // `fs::copy` keeps the mode, so the copy can be run to list its applets.
    fs::copy(from, folder.join(NAME)).map(drop).context("cannot copy busybox")
}
