//! `programs/`: the stock Debian programs of the initial RAM disk, and the shared libraries that they load.
//!
//! Instances use the network with standard software, so these are the programs of Debian's stable release, unpacked and
//! not installed. Of each package only the files in [`KEPT`] are kept.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context, Result};

use super::apt::{self, Apt, Suite};
use super::cache::BuildCache;
use crate::places::Places;
use crate::progress::{self, Step};
use crate::unpacked::{LOADER, Unpacked};

const LABEL: &str = "programs";
const FOLDER: &str = "programs";
const RECIPE: &str = "recipe 1";
const SUITE: Suite = Suite::Trixie;

/// BusyBox: the shell and the small programs.
pub(crate) const BUSYBOX: &str = "usr/bin/busybox";

/// Packages, and the files that are kept of each.
const KEPT: [(&str, &[&str]); 16] = [
    // Not the static BusyBox, whose shell prefers its own applets to programs of the same name.
    ("busybox", &[BUSYBOX]),
    ("ethtool", &["usr/sbin/ethtool"]),
    ("iperf3", &["usr/bin/iperf3"]),
    ("iproute2", &["usr/bin/ip", "usr/sbin/tc"]),
    ("iputils-arping", &["usr/bin/arping"]),
    ("iputils-ping", &["usr/bin/ping"]),
    ("kexec-tools", &["usr/sbin/kexec"]),
    (
        "kmod",
        &[
            "usr/bin/kmod",
            "usr/bin/lsmod",
            "usr/sbin/depmod",
            "usr/sbin/insmod",
            "usr/sbin/modinfo",
            "usr/sbin/modprobe",
            "usr/sbin/rmmod",
        ],
    ),
    // iperf3 loads it when a thread ends, so it is in no list of libraries.
    ("libgcc-s1", &["usr/lib/x86_64-linux-gnu/libgcc_s.so.1"]),
    // modprobe loads it for compressed modules.
    ("liblzma5", &["usr/lib/x86_64-linux-gnu/liblzma.so.5"]),
    ("nftables", &["usr/sbin/nft"]),
    ("openssh-client", &["usr/bin/scp", "usr/bin/ssh", "usr/bin/ssh-keygen"]),
    ("openssh-server", &["usr/lib/openssh/sshd-auth", "usr/lib/openssh/sshd-session", "usr/sbin/sshd"]),
    ("openssh-sftp-server", &["usr/lib/openssh/sftp-server"]),
    ("socat", &["usr/bin/socat", "usr/bin/socat1"]),
    ("tcpdump", &["usr/bin/tcpdump"]),
];

/// The tree of programs, if there is one; set-up and build also run some of them.
pub(crate) fn tree(cache: &BuildCache) -> Option<Unpacked> {
    cache.stamp(FOLDER).map(|_| Unpacked(cache.path(FOLDER)))
}

/// The tree that an earlier set-up has made, to run its programs on this host.
pub(crate) fn on_this_host(places: &Places) -> Result<Unpacked> {
    let tree = Unpacked(places.sprig.join(FOLDER));
    let is_there = tree.0.join(LOADER).exists();
    is_there.then_some(tree).context("Debian's programs are missing: set-up could not fetch them")
}

/// Makes the programs available.
pub(super) fn make(cache: &BuildCache, apt: &mut Apt) -> Result<()> {
    if let Err(error) = apt::is_here() {
        progress::headline(LABEL, &format!("none, and so instances get no network: {error}"));
        return cache.remove(FOLDER);
    }
    let recipe = format!("{RECIPE} {KEPT:?}\n");
    if cache.stamp(FOLDER).is_some_and(|stamp| stamp.starts_with(&recipe)) {
        progress::ready(LABEL, "of Debian");
        return Ok(());
    }
    let step = Step::start(LABEL, "looking for the newest");
    let packages = apt.with_libraries(SUITE, &KEPT.map(|(package, _)| package), &step)?;
    let versions: String = packages.iter().map(|one| format!("from {} {}\n", one.name, one.version)).collect();
    cache.make(FOLDER, &format!("{recipe}{versions}"), |folder| {
        let scratch = cache.scratch(FOLDER)?;
        let debs = apt.download_all(SUITE, &packages, scratch.path(), &step)?;
        let whole = Unpacked(scratch.path().join("root"));
        fs::create_dir(&whole.0)?;
        for deb in debs {
            step.doing(&format!("unpacking {}", deb.file_name().unwrap_or_default().display()));
            apt::unpack_all(&deb, &whole.0)?;
        }
        keep(&whole, folder)
    })?;
    step.done(&format!("of {} packages of Debian's {}", KEPT.len(), SUITE.name()));
    Ok(())
}

/// Copies the files to keep, and the libraries that they load, to the same places in `folder`.
fn keep(whole: &Unpacked, folder: &Path) -> Result<()> {
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    for path in KEPT.iter().flat_map(|(_, paths)| *paths) {
        wanted.insert((*path).to_owned());
        wanted.extend(whole.libraries(path)?);
    }
    for path in wanted {
        let (from, to) = (whole.0.join(&path), folder.join(&path));
        fs::create_dir_all(to.parent().context("a file lies in a folder")?)?;
        // Links of programs are kept. A library is copied under the name of its link.
        match fs::read_link(&from) {
            Ok(target) if target.file_name() != from.file_name() && !path.contains(".so") => symlink(target, to)?,
            _ => fs::copy(&from, &to).map(drop).with_context(|| format!("Debian's packages hold no /{path}"))?,
        }
    }
    Ok(())
}
