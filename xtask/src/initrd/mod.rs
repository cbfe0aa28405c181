//! Packs the initial RAM disks of the demo and the tests from what set-up and build have made:
//!
//! | from | what | `small.img` | `demo.img` |
//! |---|---|---|---|
//! | `examples/initrd` | `/init`, `/etc` | yes | yes |
//! | [`crate::setup::busybox`] | `/bin`: the shell and small programs, static | yes | |
//! | `examples/network` | the network's script, SSH's configuration | | yes |
//! | [`crate::setup::programs`] | `/usr`: Debian's own SSH, iproute2, iperf3 and the like, a shell too | | yes |
//! | [`crate::setup::keys`] | keys, so that all instances trust one another | | yes |
//! | `bench/agent` | `/usr/bin/bench-agent`, with which `sprig bench` measures | | yes |
//! | `tests/datagrams` | `/usr/bin/datagrams`, with which tests check frames of every size | | yes |
//! | `cli/instance` | `/usr/bin/sprig`, the command of an instance | | yes |
//! | [`modules`] | `/lib/modules` for every kernel that is there, with the driver | | yes |
//!
//! Each build packs them, because the driver may have changed, and replaces an image only if it differs.

mod archive;
mod image;
mod modules;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

pub(crate) use self::archive::{Access, Tree};
pub(crate) use self::image::Image;
pub(crate) use self::modules::strip;
use crate::driver;
use crate::places::Places;
use crate::progress::{self, Step};
use crate::setup::cache::BuildCache;
use crate::setup::{busybox, checked, keys, lock, programs};
use crate::unpacked::Unpacked;

const LABEL: &str = "initrd";
const CHECKED_IMAGE: &str = "checked.img";

const FOLDERS: [&str; 5] = ["dev", "proc", "run", "sys", "tmp"];
/// Links at older places, where programs and kernels still look for files; Debian has one place for each kind of file.
const LINKS: [(&str, &str); 3] = [("lib", "usr/lib"), ("lib64", "usr/lib64"), ("sbin", "usr/sbin")];

/// A program of ours for instances.
pub(crate) struct Program {
    /// Where it was built.
    pub(crate) path: PathBuf,
    /// What it is called in an instance.
    pub(crate) name: &'static str,
}

impl Program {
    /// Adds it below `/usr/bin`.
    pub(crate) fn add_to(&self, tree: &mut Tree) -> Result<()> {
        tree.file(&format!("usr/bin/{}", self.name), Access::Program, read(&self.path)?);
        Ok(())
    }
}

/// Packs both images with these programs of ours; set-up has made the other parts.
pub(crate) fn pack(places: &Places, programs: &[Program]) -> Result<()> {
    let _lock = lock::take(&places.sprig)?;
    let cache = BuildCache::open(&places.sprig)?;
    let packing = Packing { places, cache: &cache, programs };
    for image in [Image::Small, Image::Full] {
        packing.pack(image)?;
    }
    Ok(())
}

/// Packs the image of the kernel with checks: the full one, and behind it an archive with that kernel's driver. All other
/// modules are in its image.
pub(crate) fn pack_checked(places: &Places) -> Result<()> {
    let _lock = lock::take(&places.sprig)?;
    let cache = BuildCache::open(&places.sprig)?;
    let programs = programs::tree(&cache).context("there are no programs of Debian's for its initial RAM disk")?;
    let step = Step::start(LABEL, CHECKED_IMAGE);
    let scratch = cache.scratch(LABEL)?;
    let driver = places.driver(driver::CHECKED);
    let mut tree = Tree::default();
    modules::add_release(
        &mut tree,
        &checked::release(&cache)?,
        std::slice::from_ref(&driver),
        &driver,
        &programs,
        scratch.path(),
    )?;
    let mut archive = read(&places.initrd(Image::Full))?;
    archive.resize(archive.len().next_multiple_of(4), 0);
    archive.extend(tree.into_archive()?);
    fs::write(cache.path("initrd").join(CHECKED_IMAGE), archive)?;
    step.done(CHECKED_IMAGE);
    Ok(())
}

struct Packing<'a> {
    places: &'a Places,
    cache: &'a BuildCache,
    programs: &'a [Program],
}

impl Packing<'_> {
    fn pack(&self, image: Image) -> Result<()> {
        let step = Step::start(LABEL, image.name());
        let scratch = self.cache.scratch(LABEL)?;
        let mut tree = Tree::default();
        self.add_base(&mut tree)?;
        let mut what = image.name().to_owned();
        match programs::tree(self.cache).filter(|_| image == Image::Full) {
            Some(programs) => {
                self.add_network(&mut tree, &programs)?;
                let kernels = modules::add(&mut tree, self.places, &programs, scratch.path())?;
                what = format!("{what} with modules for {}", modules::list(&kernels));
            }
            None => self.add_static_shell(&mut tree)?,
        }
        let archive = tree.into_archive()?;
        what = format!("{what}, {:.1} MiB", archive.len() as f64 / f64::from(1 << 20));

        let path = self.places.initrd(image);
        if fs::read(&path).is_ok_and(|there| there == archive) {
            step.dropped();
            progress::ready(LABEL, &what);
            return Ok(());
        }
        let fresh = scratch.path().join(image.name());
        fs::write(&fresh, archive)?;
        fs::create_dir_all(path.parent().context("the image lies in a folder")?)?;
        fs::rename(&fresh, &path).with_context(|| format!("cannot put {} into place", path.display()))?;
        step.done(&what);
        Ok(())
    }

    fn add_base(&self, tree: &mut Tree) -> Result<()> {
        FOLDERS.into_iter().for_each(|folder| tree.folder(folder));
        tree.secret_folder("root");
        // The kernel opens the console for init before anything is mounted.
        tree.character_device("dev/console", 5, 1);
        tree.copy(&self.example("initrd"), "")
    }

    fn add_static_shell(&self, tree: &mut Tree) -> Result<()> {
        let busybox = busybox::path(self.cache);
        tree.file("bin/busybox", Access::Program, read(&busybox)?);
        link_applets(tree, Command::new(busybox))
    }

    fn add_network(&self, tree: &mut Tree, programs: &Unpacked) -> Result<()> {
        LINKS.into_iter().for_each(|(path, target)| tree.link(path, target));
        tree.copy(&programs.0, "")?;
        tree.link("bin/busybox", &format!("../{}", programs::BUSYBOX));
        link_applets(tree, programs.command(programs::BUSYBOX))?;
        add_keys(tree, self.cache)?;
        for program in self.programs {
            program.add_to(tree)?;
        }
        tree.copy(&self.example("network"), "")
    }

    fn example(&self, name: &str) -> PathBuf {
        self.places.workspace.join("examples").join(name)
    }
}

/// Adds both keys and accepts logins with the user's key. `sprig-network` writes the host key's names when it starts.
pub(crate) fn add_keys(tree: &mut Tree, cache: &BuildCache) -> Result<()> {
    let secret = |key: &str| read(&keys::path(cache, key));
    let public = |key: &str| read(&keys::path(cache, &format!("{key}.pub")));
    tree.secret_folder("root/.ssh");
    for (key, folder) in [(keys::HOST, "etc/ssh"), (keys::USER, "root/.ssh")] {
        tree.file(&format!("{folder}/{key}"), Access::Secret, secret(key)?);
        tree.file(&format!("{folder}/{key}.pub"), Access::Data, public(key)?);
    }
    tree.file("root/.ssh/authorized_keys", Access::Secret, public(keys::USER)?);
    Ok(())
}

fn link_applets(tree: &mut Tree, busybox: Command) -> Result<()> {
    for applet in busybox::applets(busybox)? {
        tree.link(&format!("bin/{applet}"), "busybox");
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}, which set-up or build should have made", path.display()))
}
