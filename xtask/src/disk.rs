//! Makes a disk of the Debian that set-up has installed ([`crate::setup::debian`]): `disks/debian.img`, with a
//! partition table and one file system, and `disks/debian-initrd.img`, the initial RAM disk that finds it.
//!
//! These files are added to Debian's own, and make it an instance of a box:
//!
//! | from | what |
//! |---|---|
//! | `examples/debian` | units for systemd: name, network, report, a shell on the console |
//! | `examples/network`, `examples/initrd` | the scripts that they share with the initial RAM disks' `/init` |
//! | [`crate::setup::keys`] | keys, so that all instances trust one another |
//! | `cli/instance` | `/usr/bin/sprig`, the command of an instance |
//! | [`crate::driver`] | the driver of the virtual Ethernet, where the kernel looks for modules from elsewhere |
//!
//! Like [`crate::initrd`] each build makes it, but only if something of this has changed.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::initrd::{self, Access, Program, Tree};
use crate::places::Places;
use crate::process;
use crate::progress::{self, Step};
use crate::setup::cache::BuildCache;
use crate::setup::{debian, lock};
use crate::unpacked::Unpacked;

const LABEL: &str = "disk";
const FOLDER: &str = "disks";
const RECIPE: &str = "recipe 1\n";
const IMAGE: &str = "debian.img";
const INITRD: &str = "debian-initrd.img";

/// The command of an instance, by its name there.
pub(crate) const COMMAND: &str = "sprig";

/// Bytes of the disk. Debian takes 430 MiB; the rest is holes.
const DISK: u64 = 1 << 30;
/// Bytes before and behind the partition: for the partition table, and to align the partition to megabytes.
const EDGE: u64 = 1 << 20;

/// Makes the disk if there is a Debian and something has changed. Of these programs it gets the command.
pub(crate) fn pack(places: &Places, programs: &[Program]) -> Result<()> {
    let _lock = lock::take(&places.sprig)?;
    let cache = BuildCache::open(&places.sprig)?;
    // If there is no Debian, set-up has printed why.
    let Some(installed) = cache.stamp(debian::FOLDER) else { return Ok(()) };
    if process::effective_user()? != 0 {
        progress::headline(LABEL, "left as it is: only root can read its files");
        return Ok(());
    }
    let scratch = cache.scratch(LABEL)?;
    let release = fs::read_to_string(places.kernel(debian::LINE).with_file_name("release"))?;
    let mut additions = additions(places, &cache, release.trim(), scratch.path())?;
    for program in programs.iter().filter(|program| program.name == COMMAND) {
        program.add_to(&mut additions)?;
    }
    let mut hasher = DefaultHasher::new();
    (&installed, &additions).hash(&mut hasher);
    let stamp = format!("{RECIPE}from {:016x}\n", hasher.finish());
    if cache.stamp(FOLDER).as_ref() == Some(&stamp) {
        progress::ready(LABEL, IMAGE);
        return Ok(());
    }
    let step = Step::start(LABEL, IMAGE);
    let debian = Unpacked(cache.path(debian::FOLDER).join("root"));
    cache.make(FOLDER, &stamp, |folder| {
        let root = scratch.path().join("root");
        copy(&debian, &root)?;
        additions.write_below(&root)?;
        index_modules(&debian, &root, release.trim())?;
        fs::copy(root.join(format!("boot/initrd.img-{}", release.trim())), folder.join(INITRD))?;
        write_image(&debian, &root, &folder.join(IMAGE))
    })?;
    step.done(&format!("{IMAGE} with a whole Debian"));
    Ok(())
}

/// The files that are added to Debian's own.
fn additions(places: &Places, cache: &BuildCache, release: &str, scratch: &Path) -> Result<Tree> {
    let examples = places.workspace.join("examples");
    let read = |path: &str| fs::read(examples.join(path)).with_context(|| format!("cannot read examples/{path}"));
    let mut tree = Tree::default();
    tree.copy(&examples.join("debian"), "")?;
    tree.file("usr/sbin/sprig-network", Access::Program, read("network/usr/sbin/sprig-network")?);
    tree.file("usr/bin/sprig-report", Access::Program, read("initrd/usr/bin/sprig-report")?);
    tree.file("etc/ssh/ssh_config.d/sprig.conf", Access::Data, read("network/etc/ssh/ssh_config")?);
    initrd::add_keys(&mut tree, cache)?;
    let driver = places.driver(debian::LINE.name());
    if driver.is_file() {
        let stripped = scratch.join("sprig_vni.ko");
        fs::copy(&driver, &stripped)?;
        initrd::strip(&stripped)?;
        tree.file(&format!("usr/lib/modules/{release}/updates/sprig_vni.ko"), Access::Data, fs::read(&stripped)?);
    }
    Ok(tree)
}

/// Copies the folder by hard links. Files that are written later replace their links.
fn copy(debian: &Unpacked, root: &Path) -> Result<()> {
    let mut copy = Command::new("cp");
    process::output(copy.args(["-al"]).arg(&debian.0).arg(root), process::QUICK).map(drop)
}

fn index_modules(debian: &Unpacked, root: &Path, release: &str) -> Result<()> {
    let mut depmod = debian.command("usr/sbin/depmod");
    depmod.arg("--basedir").arg(root).arg("--moduledir").arg("/usr/lib/modules").arg(release);
    process::output(&mut depmod, process::QUICK).map(drop).context("cannot index the modules of Debian's kernel")
}

/// Makes the disk with the tools of that Debian.
fn write_image(debian: &Unpacked, root: &Path, image: &Path) -> Result<()> {
    File::create(image)?.set_len(DISK)?;
    let length = DISK - 2 * EDGE;
    let mut table = Command::new("sh");
    table.args(["-euc", "table=$1; shift; echo \"$table\" | \"$@\"", "sh"]);
    table.arg(format!("label: gpt\nstart={}KiB, size={}KiB, type=linux", EDGE >> 10, length >> 10));
    let sfdisk = debian.command("usr/sbin/sfdisk");
    table.arg(sfdisk.get_program()).args(sfdisk.get_args()).arg("--quiet").arg(image);
    process::output(&mut table, process::QUICK).context("cannot write a partition table")?;

    let mut mke2fs = debian.command("usr/sbin/mke2fs");
    mke2fs.args(["-q", "-t", "ext4", "-L", debian::FILE_SYSTEM, "-E", &format!("offset={EDGE}"), "-d"]);
    mke2fs.arg(root).arg(image).arg(format!("{}k", length >> 10));
    process::output(&mut mke2fs, process::QUICK).map(drop).context("cannot write a file system")
}
