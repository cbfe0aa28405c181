//! Programs and firmware that the host itself needs: the emulator, the tools that make boot images, the tests' tools.
//!
//! They are installed and not unpacked privately, because the emulator needs dozens of shared libraries, and the others
//! find their data at fixed paths. What is there already, from any source, is used as it is.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::progress::{self, Step};

const LIMIT: Duration = Duration::from_secs(20 * 60);

/// The purpose of a set of host packages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    Emulator,
    ImageTools,
    TestTools,
    PackageTools,
    Debian,
}

impl Purpose {
    fn label(self) -> &'static str {
        match self {
            Purpose::Emulator => "emulator",
            Purpose::ImageTools => "image tools",
            Purpose::TestTools => "test tools",
            Purpose::PackageTools => "package tools",
            Purpose::Debian => "debootstrap",
        }
    }
}

/// A sign that a package, or an equivalent, is installed.
enum Sign {
    Program(&'static str),
    AnyFile(&'static [&'static str]),
}

struct HostPackage {
    name: &'static str,
    sign: Sign,
    purpose: Purpose,
}

/// A package by Debian's name.
const PACKAGES: [HostPackage; 11] = [
    HostPackage { name: "qemu-system-x86", sign: Sign::Program("qemu-system-x86_64"), purpose: Purpose::Emulator },
    HostPackage { name: "grub-common", sign: Sign::Program("grub-mkrescue"), purpose: Purpose::ImageTools },
    HostPackage {
        name: "grub-pc-bin",
        sign: Sign::AnyFile(&["/usr/lib/grub/i386-pc/multiboot2.mod"]),
        purpose: Purpose::ImageTools,
    },
    HostPackage {
        name: "grub-efi-amd64-bin",
        sign: Sign::AnyFile(&["/usr/lib/grub/x86_64-efi/multiboot2.mod"]),
        purpose: Purpose::ImageTools,
    },
    HostPackage { name: "xorriso", sign: Sign::Program("xorriso"), purpose: Purpose::ImageTools },
    HostPackage { name: "mtools", sign: Sign::Program("mformat"), purpose: Purpose::ImageTools },
    HostPackage {
        name: "ovmf",
        sign: Sign::AnyFile(&["/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_CODE_4M.fd"]),
        purpose: Purpose::TestTools,
    },
    HostPackage { name: "acpica-tools", sign: Sign::Program("iasl"), purpose: Purpose::TestTools },
    HostPackage { name: "iproute2", sign: Sign::Program("ip"), purpose: Purpose::TestTools },
    HostPackage { name: "lintian", sign: Sign::Program("lintian"), purpose: Purpose::PackageTools },
    // debootstrap downloads with it.
    HostPackage { name: "wget", sign: Sign::Program("wget"), purpose: Purpose::Debian },
];

/// Ensures that everything for these purposes is on the host. Installs it if this user may.
pub(super) fn ensure(purposes: &[Purpose]) -> Result<()> {
    let missing = missing(purposes);
    if missing.is_empty() {
        for purpose in purposes {
            progress::ready(purpose.label(), "on this host");
        }
        return Ok(());
    }
    let names = missing.join(" ");
    if !find_program("apt-get") {
        bail!("missing on this host: {names} (Debian's names); install them with your package manager");
    }
    if process::effective_user()? != 0 {
        bail!("missing on this host: {names}; install them with: sudo apt-get install --no-install-recommends {names}");
    }
    install(&missing)?;
    match self::missing(purposes).as_slice() {
        [] => Ok(()),
        still => bail!("installed {}, but its files are not found", still.join(" ")),
    }
}

/// Installs packages if this user may.
pub(super) fn install_as_root(names: &[&str]) -> Result<()> {
    if process::effective_user()? != 0 {
        bail!("libraries are missing; install them with: sudo apt-get install {}", names.join(" "));
    }
    install(names)
}

fn missing(purposes: &[Purpose]) -> Vec<&'static str> {
    let wanted = PACKAGES.iter().filter(|package| purposes.contains(&package.purpose));
    wanted.filter(|package| !is_there(&package.sign)).map(|package| package.name).collect()
}

fn is_there(sign: &Sign) -> bool {
    match sign {
        Sign::Program(name) => find_program(name),
        Sign::AnyFile(paths) => paths.iter().any(|path| Path::new(path).exists()),
    }
}

fn find_program(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(name)).any(|file| {
        fs::metadata(&file).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    })
}

fn install(names: &[&str]) -> Result<()> {
    let step = Step::start("packages", &format!("installing {}", names.join(" ")));
    let install = || {
        let mut command = apt_get();
        command.args(["install", "-y", "--no-install-recommends"]).args(names);
        process::output(&mut command, LIMIT)
    };
    // First try with the package lists that are there; if they are missing or stale, fetch them and try again.
    if install().is_err() {
        step.doing("package lists");
        process::output(apt_get().arg("update"), LIMIT)?;
        step.doing(&format!("installing {}", names.join(" ")));
        install().with_context(|| format!("cannot install {}", names.join(" ")))?;
    }
    step.done(&format!("installed {}", names.join(" ")));
    Ok(())
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.args(["-q", "-o", "DPkg::Lock::Timeout=300"]).env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_on_the_path_only_if_it_is_one() {
        assert!(find_program("sh"));
        assert!(!find_program("sprig-no-such-program"));
    }

    #[test]
    fn every_purpose_has_a_package() {
        for purpose in
            [Purpose::Emulator, Purpose::ImageTools, Purpose::TestTools, Purpose::PackageTools, Purpose::Debian]
        {
            assert!(PACKAGES.iter().any(|package| package.purpose == purpose), "{purpose:?}");
        }
    }
}
