//! `debian/root`: a whole Debian, for the partition that has a disk.
//!
//! It is installed by `debootstrap`, and then with the package of the kernel that [`super::kernels`] fetched, whose
//! scripts have Debian's own initramfs-tools make the initial RAM disk. This needs root, because its files have many
//! owners; nothing else of Sprig does. [`crate::disk`] makes a disk of it. The reasons:
//! `docs/src/decisions/whole-systems.md`.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::apt::{self, Apt, Package, Suite};
use super::cache::BuildCache;
use super::kernel_line::KernelLine;
use super::kernels;
use super::mirror::Mirror;
use super::packages::{self, Purpose};
use crate::process;
use crate::progress::{self, Step};

const LABEL: &str = "Debian";
/// The folder with the installed system in `root`.
pub(crate) const FOLDER: &str = "debian";
/// The line of its kernel.
pub(crate) const LINE: KernelLine = KernelLine::V6_12;
/// The label of its file system.
pub(crate) const FILE_SYSTEM: &str = "debian";

const SUITE: Suite = Suite::Trixie;
const INSTALL: &str = include_str!("debian.sh");
/// A script of what root must be able to do to install it.
const TRIAL: &str = r#"
mount -t tmpfs tmpfs "$1"
mknod "$1/null" c 1 3
: > "$1/null"
chown 1:1 "$1/null"
"#;
/// Limit on two slow and busy cores.
const INSTALL_LIMIT: Duration = Duration::from_secs(20 * 60);

/// Packages beside the essential ones and apt.
const PACKAGES: [&str; 20] = [
    "dbus",
    "e2fsprogs",
    "ethtool",
    "fdisk",
    "initramfs-tools",
    "iperf3",
    "iproute2",
    "iputils-ping",
    "kdump-tools",
    "kmod",
    "linux-base",
    "makedumpfile",
    "nano",
    "openssh-client",
    "openssh-server",
    "pciutils",
    "python3-drgn",
    "systemd-sysv",
    "udev",
    "zstd",
];

/// Makes it available. On a host where it cannot be installed it prints one line and succeeds: everything else works.
pub(super) fn make(cache: &BuildCache, apt: &mut Apt) -> Result<()> {
    let release = kernels::release_of_line(cache, LINE)?;
    let Some(version) = kernels::debian_version(cache, LINE) else {
        progress::headline(
            LABEL,
            &format!("not installed: the kernel {release} is your own, and no package has its modules"),
        );
        return cache.remove(FOLDER);
    };
    let stamp = stamp(&release, &version);
    if cache.stamp(FOLDER).as_ref() == Some(&stamp) {
        progress::ready(LABEL, SUITE.name());
        return Ok(());
    }
    if let Err(error) = may_install(cache) {
        progress::headline(LABEL, &format!("not installed, and so no partition can have its disk: {error}"));
        return Ok(());
    }
    packages::ensure(&[Purpose::Debian])?;
    let step = Step::start(LABEL, "looking for its kernel");
    let kernel =
        kernels::package_at(apt, LINE, &format!("linux-image-{release}"), &version, &step).with_context(|| {
            let (suite, name, folder) = (SUITE.name(), LINE.name(), cache.path(""));
            format!(
                "Debian's {suite} has no package any more of the kernel {release} {version} that was fetched earlier; \
             remove kernels/{name} below {} and set up again for a newer one",
                folder.display()
            )
        })?;
    cache.make(FOLDER, &stamp, |folder| install(cache, apt, &kernel, folder, &step))?;
    step.done(&format!("{} with the kernel {release}, installed by debootstrap", SUITE.name()));
    Ok(())
}

/// A record of what it is made from.
fn stamp(release: &str, version: &str) -> String {
    let mut hasher = DefaultHasher::new();
    INSTALL.hash(&mut hasher);
    format!("{PACKAGES:?}\nof {release} {version}\nby {:016x}\n", hasher.finish())
}

/// Fails with the reason if this user may not install one here. Root in a container may not be allowed what debootstrap
/// does last.
fn may_install(cache: &BuildCache) -> Result<()> {
    apt::is_here()?;
    ensure!(process::effective_user()? == 0, "debootstrap runs as root only");
    let place = cache.scratch(FOLDER)?;
    process::output(
        Command::new("unshare").args(["--mount", "sh", "-euc", TRIAL, "sh"]).arg(place.path()),
        process::QUICK,
    )
    .map(drop)
    .context("debootstrap mounts, makes devices and changes owners, which root may not do here")
}

fn install(cache: &BuildCache, apt: &mut Apt, kernel: &Package, folder: &Path, step: &Step) -> Result<()> {
    let fetched = cache.scratch(FOLDER)?;
    let kernel = apt.download(SUITE, kernel, fetched.path(), step)?;
    let (debootstrap, work) = (cache.scratch(FOLDER)?, cache.scratch(FOLDER)?);
    let package = apt.show(SUITE, "debootstrap", step)?;
    let deb = apt.download(SUITE, &package, debootstrap.path(), step)?;
    apt::unpack_all(&deb, debootstrap.path())?;
    // Downloads are kept for the next time.
    let cache = cache.path("apt").join(SUITE.name()).join("debs");
    let into = folder.join("root");
    fs::create_dir_all(&cache)?;
    fs::create_dir(&into)?;
    fs::create_dir(work.path().join("memory"))?;

    step.doing("installing");
    let mirror = Mirror::of_this_host()?;
    let script = work.path().join("install.sh");
    fs::write(&script, INSTALL)?;
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-eu"]).arg(&script);
    // None of the host's own folders is mounted inside.
    command.env_remove("TMPDIR").env("LC_ALL", "C").env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command.env("DEBOOTSTRAP", debootstrap.path().join("usr/sbin/debootstrap"));
    command.env("DEBOOTSTRAP_DIR", debootstrap.path().join("usr/share/debootstrap"));
    command.env("KEYRING", apt::keyring()?).env("MIRROR", &mirror.main).env("SECURITY", &mirror.security);
    command.env("SUITE", SUITE.name()).env("PACKAGES", PACKAGES.join(",")).env("LABEL", FILE_SYSTEM);
    command.env("CACHE", &cache).env("WORK", work.path().join("memory")).env("KERNEL", &kernel).env("INTO", &into);
    process::output(&mut command, INSTALL_LIMIT).map(drop).context("cannot install a Debian")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_kernel_makes_another_debian() {
        assert_eq!(stamp("6.12.1-amd64", "6.12.1-1"), stamp("6.12.1-amd64", "6.12.1-1"));
        assert_ne!(stamp("6.12.1-amd64", "6.12.1-1"), stamp("6.12.1-amd64", "6.12.1-2"));
    }
}
