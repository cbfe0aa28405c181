//! The machine that is examined, as Linux shows it in files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// A machine whose files are below a root folder.
pub(crate) struct Host {
    root: PathBuf,
    cpuinfo: String,
}

impl Host {
    /// The machine whose files are below `root`: this one, if that is `/`.
    pub(crate) fn new(root: &Path) -> Self {
        let cpuinfo = fs::read_to_string(root.join("proc/cpuinfo")).unwrap_or_default();
        Self { root: root.to_owned(), cpuinfo }
    }

    /// Whether it is the machine that this program runs on.
    pub(super) fn is_this(&self) -> bool {
        self.root == Path::new("/")
    }

    /// The folder of its files.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Where a file of it lies.
    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// A file's text without white space around it; `None` if it cannot be read.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        Some(fs::read_to_string(self.at(path)).ok()?.trim().to_owned())
    }

    /// Whether there is such a file or folder.
    pub(super) fn has(&self, path: &str) -> bool {
        self.at(path).exists()
    }

    /// Where its programs are.
    pub(super) fn program_folders(&self) -> Vec<PathBuf> {
        match self.is_this() {
            true => env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect(),
            false => ["usr/bin", "usr/sbin"].map(|folder| self.at(folder)).to_vec(),
        }
    }

    /// The values that `/proc/cpuinfo` has for a field, of all processors.
    pub(super) fn processor_field<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.cpuinfo.lines().filter_map(|line| line.split_once(':'));
        fields
            .map(|(key, value)| (key.trim(), value.trim()))
            .filter(move |(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// The values that differ.
    pub(super) fn processor_values<'a>(&'a self, name: &'a str) -> BTreeSet<&'a str> {
        self.processor_field(name).collect()
    }

    /// Whether the first processor has a flag.
    pub(super) fn has_flag(&self, flag: &str) -> bool {
        self.processor_field("flags").next().is_some_and(|flags| flags.split_whitespace().any(|one| one == flag))
    }

    /// Bytes of memory that Linux has.
    pub(super) fn memory(&self) -> Option<u64> {
        let meminfo = self.text("proc/meminfo")?;
        let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        total.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1 << 10)
    }

    /// The distribution, as it names itself.
    pub(super) fn distribution(&self) -> Option<String> {
        let text = self.text("etc/os-release")?;
        let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
        Some(name.trim_matches(['"', '\'']).to_owned())
    }

    /// How to install a package of that name in Debian.
    pub(super) fn install(&self, package: &str) -> String {
        match self.has("usr/bin/apt-get") {
            true => format!("sudo apt-get install {package}"),
            false => format!("install what Debian calls {package}"),
        }
    }
}
