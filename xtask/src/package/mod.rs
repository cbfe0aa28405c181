//! `cargo xtask package`: what people install, in `package/`.
//!
//! | file | what |
//! |---|---|
//! | `sprig_<version>_amd64.deb` | the command, the boot image, the command for instances, manual, completions, schema, examples |
//! | `sprig-vni-dkms_<version>_amd64.deb` | the Linux driver, as [`crate::dkms`] packs it |
//! | `sprig-<version>-x86_64.tar.gz` | what the first one holds, for other distributions |
//!
//! [`tree`] lays the files out as they lie on a machine, [`manual`] makes man pages and completions of the command's own
//! description, [`deb`] makes a Debian package of a tree. The same sources make the same bytes: all times are that of the
//! last commit.

pub(crate) mod deb;
mod manual;
pub(crate) mod times;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use self::deb::{Deb, VERSION};
use self::times::Epoch;
use self::tree::Tree;
use crate::build::{self, CARGO_LIMIT, Profile};
use crate::dkms;
use crate::places::Places;
use crate::process;
use crate::progress;
use crate::remapping;
use crate::setup::{self, Item};

/// Debian's zsh looks for completions of packages in a folder that others do not have.
const ZSH_ELSEWHERE: &str = "--transform=s,/zsh/vendor-completions,/zsh/site-functions,";

/// What to make.
#[derive(Args)]
pub(crate) struct Options {
    /// How to build the `sprig` command
    #[arg(long, value_enum, default_value_t = Profile::Release)]
    profile: Profile,
    /// Where the packages go [default: target/package]
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

/// Makes all packages. Where there is no `dpkg-deb`, only the archive.
pub(crate) fn run(places: &Places, options: &Options) -> Result<()> {
    let folder = options.output.clone().unwrap_or_else(|| places.target.join("package"));
    fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    setup::ensure(places, &[Item::Sysroot])?;
    build::boot_image(places)?;
    let instance = build::instance_command(places)?;
    progress::headline("build", "the sprig command");
    // In a folder of its own, since cargo builds everything anew when the flags change.
    let built = places.target.join("packaged");
    let mut command = places.cargo(&["build", "-p", "cli", "--profile", options.profile.name(), "--target-dir"]);
    remapping::set_flags(places, command.arg(&built), &[])?;
    process::shown_run(&mut command, CARGO_LIMIT)?;

    let epoch = Epoch::of_sources(places)?;
    let tree = Tree::lay_out(places, &built.join(options.profile.folder()).join("sprig"), &instance, epoch)?;
    made(&archive(tree.path(), &folder, epoch)?);
    if !deb::can_be_made() {
        progress::left_out("packages for Debian: there is no dpkg-deb");
        return Ok(());
    }
    let deb = Deb {
        name: "sprig",
        section: "admin",
        depends: &deb::libraries(&tree.path().join("usr/bin/sprig"))?,
        further: "Recommends: qemu-system-x86, grub-common, grub-pc-bin, grub-efi-amd64-bin, xorriso, mtools\n\
                  Suggests: ovmf\n",
        summary: "several Linux kernels side by side on one machine",
        description: "Sprig splits the cores, memory and devices of a machine among partitions, and\n\
                      starts a stock Linux kernel in each, without virtualization. The kernels reach\n\
                      each other through shared memory. A box of such partitions runs in an emulated\n\
                      machine, or from a medium.",
        scripts: Vec::new(),
    };
    made(&deb.pack(tree.path(), &folder, epoch)?);
    made(&dkms::make(places, &folder)?);
    Ok(())
}

fn made(path: &Path) {
    progress::headline("package", &path.display().to_string());
}

/// The tree in an archive, below one folder: what lies in `/usr` on Debian.
fn archive(tree: &Path, folder: &Path, epoch: Epoch) -> Result<PathBuf> {
    let name = format!("sprig-{VERSION}");
    let path = folder.join(format!("{name}-x86_64.tar.gz"));
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--format=gnu"]);
    tar.arg(format!("--mtime=@{}", epoch.seconds())).arg(ZSH_ELSEWHERE).arg(format!("--transform=s,^usr,{name},"));
    tar.arg("-C").arg(tree);
    process::output(tar.arg("-czf").arg(&path).arg("usr"), process::QUICK)?;
    Ok(path)
}
