//! The demo's initial RAM disk, `initrd/demo.img`: a static busybox and the repository's `examples/initrd/init`.
//!
//! A *newc* cpio archive (Linux `Documentation/driver-api/early-userspace/buffer-format.rst`), the same to the byte
//! whenever it is made from the same busybox and init.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use cpio::newc;

use super::apt::{self, Apt, Suite};
use super::made::Workshop;
use crate::places::Places;
use crate::process;
use crate::progress::{self, Step};

const LABEL: &str = "initrd";
const RECIPE: &str = "recipe 1";
const BUSYBOX: &str = "busybox";

const FOLDERS: [&str; 9] = ["bin", "dev", "etc", "proc", "root", "run", "sbin", "sys", "tmp"];

/// Applets that init, demos and tests call: a busybox without one of them is refused here and not when a box boots.
const NEEDED: [&str; 23] = [
    "ash", "awk", "cat", "cttyhack", "devmem", "dmesg", "echo", "grep", "halt", "hostname", "login", "mkdir", "mount",
    "nproc", "poweroff", "reboot", "setsid", "sh", "sleep", "stty", "taskset", "top", "uname",
];

/// Makes busybox available and the archive from it.
pub(super) fn make(places: &Places, workshop: &Workshop, apt: &mut Apt, own: Option<&Path>) -> Result<()> {
    fetch_busybox(workshop, apt, own)?;
    let busybox = workshop.path(BUSYBOX).join(BUSYBOX);
    let busybox_stamp = workshop.stamp(BUSYBOX).context("busybox was made without a stamp")?;
    let init = places.workspace.join("examples/initrd/init");
    let init = fs::read(&init).with_context(|| format!("cannot read {}", init.display()))?;

    let stamp = format!("{RECIPE}\n{busybox_stamp}{}", String::from_utf8_lossy(&init));
    if workshop.stamp(LABEL).as_ref() == Some(&stamp) {
        progress::ready(LABEL, "demo.img");
        return Ok(());
    }
    let step = Step::start(LABEL, "demo.img");
    workshop.make(LABEL, &stamp, |folder| {
        let archive = archive(&fs::read(&busybox)?, &applets(&busybox)?, &init)?;
        Ok(fs::write(folder.join("demo.img"), archive)?)
    })?;
    step.done("demo.img");
    Ok(())
}

fn fetch_busybox(workshop: &Workshop, apt: &mut Apt, own: Option<&Path>) -> Result<()> {
    if let Some(own) = own {
        let bytes = fs::read(own).with_context(|| format!("cannot read the busybox {}", own.display()))?;
        ensure!(bytes.starts_with(b"\x7fELF"), "{} is no program", own.display());
        let stamp = format!("{RECIPE} {} {} bytes\n", own.display(), bytes.len());
        return workshop.make(BUSYBOX, &stamp, |folder| place_busybox(own, folder));
    }
    if workshop.stamp(BUSYBOX).is_some_and(|stamp| stamp.starts_with(RECIPE)) {
        return Ok(());
    }
    let step = Step::start(BUSYBOX, "busybox-static");
    let package = apt.show(Suite::Bookworm, "busybox-static", &step)?;
    let stamp = format!("{RECIPE} {} {}\n", package.name, package.version);
    workshop.make(BUSYBOX, &stamp, |folder| {
        let scratch = workshop.scratch(BUSYBOX)?;
        let deb = apt.download(Suite::Bookworm, &package, scratch.path(), &step)?;
        apt::unpack(&deb, scratch.path(), &["*/busybox"])?;
        place_busybox(&find_busybox(scratch.path())?, folder)
    })?;
    step.done(&format!("{} from Debian's {}", package.version, Suite::Bookworm.name()));
    Ok(())
}

fn find_busybox(folder: &Path) -> Result<PathBuf> {
    let places = ["bin/busybox", "usr/bin/busybox"].map(|name| folder.join(name));
    places.into_iter().find(|path| path.is_file()).context("busybox-static holds no bin/busybox")
}

fn place_busybox(from: &Path, folder: &Path) -> Result<()> {
    // `fs::copy` keeps the mode: it is run to list its applets.
    fs::copy(from, folder.join(BUSYBOX)).map(drop).context("cannot copy busybox")
}

fn applets(busybox: &Path) -> Result<Vec<String>> {
    let list = process::output(Command::new(busybox).arg("--list"), process::QUICK)?;
    let applets: Vec<String> = list.lines().filter(|name| *name != BUSYBOX).map(str::to_owned).collect();
    let missing: Vec<&str> = NEEDED.into_iter().filter(|needed| !applets.iter().any(|name| name == needed)).collect();
    if !missing.is_empty() {
        bail!("this busybox lacks {}", missing.join(", "));
    }
    Ok(applets)
}

/// The archive's bytes.
fn archive(busybox: &[u8], applets: &[String], init: &[u8]) -> Result<Vec<u8>> {
    let mut archive = Archive { bytes: Vec::new(), entries: 0 };
    for folder in FOLDERS {
        archive.add(folder, 0o040755, &[])?;
    }
    // The kernel opens it for init before anything is mounted.
    archive.add_device("dev/console", 5, 1)?;
    archive.add("bin/busybox", 0o100755, busybox)?;
    for applet in applets {
        archive.add(&format!("bin/{applet}"), 0o120777, BUSYBOX.as_bytes())?;
    }
    archive.add("init", 0o100755, init)?;
    Ok(newc::trailer(archive.bytes)?)
}

/// A newc archive under way. All that could differ from one making to the next (owners, times) is zero.
struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    fn add(&mut self, name: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        let entry = self.entry(name, mode);
        self.write(entry, content)
    }

    fn add_device(&mut self, name: &str, major: u32, minor: u32) -> io::Result<()> {
        let entry = self.entry(name, 0o020600).rdev_major(major).rdev_minor(minor);
        self.write(entry, &[])
    }

    fn entry(&mut self, name: &str, mode: u32) -> newc::Builder {
        self.entries += 1;
        newc::Builder::new(name).ino(self.entries).mode(mode).nlink(1)
    }

    fn write(&mut self, entry: newc::Builder, content: &[u8]) -> io::Result<()> {
        let length = u32::try_from(content.len()).map_err(io::Error::other)?;
        let mut writer = entry.write(&mut self.bytes, length);
        writer.write_all(content)?;
        writer.finish().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_and_modes(mut rest: &[u8]) -> Vec<(String, u32, u32)> {
        let mut found = Vec::new();
        loop {
            let reader = newc::Reader::new(rest).unwrap();
            if reader.entry().is_trailer() {
                return found;
            }
            let entry = reader.entry();
            found.push((entry.name().to_owned(), entry.mode(), entry.file_size()));
            rest = reader.finish().unwrap();
        }
    }

    #[test]
    fn the_archive_holds_console_busybox_links_and_init() {
        let bytes = archive(b"\x7fELF", &["sh".to_owned()], b"#!/bin/sh\n").unwrap();
        let found = names_and_modes(&bytes);
        assert_eq!(bytes, archive(b"\x7fELF", &["sh".to_owned()], b"#!/bin/sh\n").unwrap());
        for expected in [
            ("dev/console", 0o020600, 0),
            ("bin/busybox", 0o100755, 4),
            ("bin/sh", 0o120777, 7),
            ("init", 0o100755, 10),
        ] {
            let (name, mode, length) = expected;
            assert!(found.contains(&(name.to_owned(), mode, length)), "{expected:?} is not in {found:?}");
        }
    }
}
