//! A tree of Debian's programs with their shared libraries, unpacked from another suite than the host's. They run on
//! this host by the dynamic loader in the tree, so the host's own libraries do not matter.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

/// The path of the dynamic loader, as programs name it.
pub(crate) const LOADER: &str = "usr/lib64/ld-linux-x86-64.so.2";
/// The folder of Debian's libraries.
pub(crate) const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";

/// The root of such a tree.
pub(crate) struct Unpacked(pub(crate) PathBuf);

impl Unpacked {
    /// A command that runs a program of the tree with the tree's libraries.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = self.loader();
        command.arg(self.0.join(program));
        command
    }

    /// The libraries that a program loads at its start, by their paths in the tree, the loader among them.
    pub(crate) fn libraries(&self, program: &str) -> Result<Vec<String>> {
        let mut command = self.loader();
        command.arg("--list").arg(self.0.join(program));
        let list = process::output(&mut command, process::QUICK)
            .with_context(|| format!("cannot list the libraries of {program}"))?;
        let found = list.lines().filter_map(|line| self.library(line, program).transpose());
        found.chain([Ok(LOADER.to_owned())]).collect()
    }

    fn loader(&self) -> Command {
        let mut command = Command::new(self.0.join(LOADER));
        command.args(["--inhibit-cache", "--library-path"]).arg(self.0.join(LIBRARIES));
        command
    }

    /// Reads a line like `libz.so.1 => /tree/usr/lib/x86_64-linux-gnu/libz.so.1 (0x...)`; the kernel's vDSO has no
    /// path.
    fn library(&self, line: &str, program: &str) -> Result<Option<String>> {
        let Some((name, found)) = line.split_once(" => ") else { return Ok(None) };
        let path = Path::new(found.split(" (").next().unwrap_or_default().trim());
        if path == self.0.join(LOADER) {
            return Ok(None);
        }
        match path.strip_prefix(&self.0) {
            Ok(inside) => Ok(Some(inside.to_string_lossy().into_owned())),
            Err(_) => bail!("{program} needs {}, which none of the unpacked packages holds", name.trim()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_those_of_the_tree() {
        let tree = Unpacked("/tree".into());
        let line = "\tlibz.so.1 => /tree/usr/lib/x86_64-linux-gnu/libz.so.1 (0x00007f1)";
        let found = tree.library(line, "ssh").unwrap();
        assert_eq!(found.as_deref(), Some("usr/lib/x86_64-linux-gnu/libz.so.1"));
        assert_eq!(tree.library("\tlinux-vdso.so.1 (0x00007f1)", "ssh").unwrap(), None);
        assert_eq!(tree.library("\t/x/ld.so => /tree/usr/lib64/ld-linux-x86-64.so.2 (0x1)", "ssh").unwrap(), None);
        for elsewhere in ["\tlibz.so.1 => not found", "\tlibz.so.1 => /usr/lib/libz.so.1 (0x1)"] {
            let error = tree.library(elsewhere, "ssh").unwrap_err().to_string();
            assert_eq!(error, "ssh needs libz.so.1, which none of the unpacked packages holds");
        }
    }
}
