//! The files of the package, as they lie on a machine.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::deb;
use super::manual;
use super::times::Epoch;
use crate::initrd::Program;
use crate::places::Places;
use crate::process;

/// Where the command looks for its boot image (`emulator::boot_image`).
const LIBRARY: &str = "usr/lib/sprig";
const SCHEMA: &str = "usr/share/sprig/box.schema.json";
const EXAMPLES: [&str; 3] = ["gateway-2.toml", "gateway.toml", "two-linux.toml"];
/// The examples name what set-up makes; an installed one names what its reader puts beside it.
const IMAGES: [(&str, &str); 2] =
    [("../target/sprig/kernels/6.12/vmlinuz", "vmlinuz"), ("../target/sprig/initrd/demo.img", "initrd.img")];
const ABOUT_IMAGES: &str = "# In this copy the images lie beside the file: a stock kernel as vmlinuz, an initial file system as initrd.img.\n#\n";
/// Tags of lintian that are no mistakes here.
const OVERRIDES: &str = "\
# The boot image runs on bare metal, and a debugger of the machine reads its symbols.
sprig: statically-linked-binary [usr/lib/sprig/sprig-boot.elf]
sprig: unstripped-binary-or-object [usr/lib/sprig/sprig-boot.elf]
# The command for instances runs in every one of them, whatever libraries that has.
sprig: shared-library-lacks-prerequisites [usr/lib/sprig/instance/sprig]
";

/// A folder with these files.
pub(super) struct Tree(TempDir);

impl Tree {
    /// Lays them out.
    pub(super) fn lay_out(places: &Places, command: &Path, instance: &Program, epoch: Epoch) -> Result<Tree> {
        fs::create_dir_all(&places.target)?;
        let tree = Tree(tempfile::tempdir_in(&places.target)?);
        let installed = tree.program("usr/bin/sprig", command)?;
        // What a person installs needs no symbols; the linker's own tools come with it.
        process::output(Command::new("strip").arg(&installed), process::QUICK)?;
        tree.program(&format!("{LIBRARY}/instance/sprig"), &instance.path)?;
        let boot_image = fs::read(places.boot_image()).context("the boot image is not built")?;
        tree.file(&format!("{LIBRARY}/sprig-boot.elf"), boot_image)?;
        tree.file(SCHEMA, fs::read(places.workspace.join("cli/schema/box.schema.json"))?)?;
        for name in EXAMPLES {
            let text = fs::read_to_string(places.workspace.join("examples").join(name))?;
            let text = IMAGES.into_iter().fold(text, |text, (made, beside)| text.replace(made, beside));
            tree.file(&format!("usr/share/doc/sprig/examples/{name}"), ABOUT_IMAGES.to_owned() + &text)?;
        }
        for (path, text) in manual::files()? {
            tree.file(&path, text)?;
        }
        deb::document(tree.path(), "sprig", OVERRIDES, epoch)?;
        deb::set_modes(tree.path())?;
        Ok(tree)
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, path: &str, bytes: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
        fs::write(&path, bytes)?;
        Ok(path)
    }

    fn program(&self, path: &str, from: &Path) -> Result<PathBuf> {
        let bytes = fs::read(from).with_context(|| format!("there is no {}", from.display()))?;
        let path = self.file(path, bytes)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(path)
    }
}
