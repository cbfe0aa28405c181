//! An NVMe disk with a whole Debian on it, and checks of its file system from outside.

use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::fixture;

/// The byte at which the only partition of the disk begins.
const PARTITION: u64 = 1 << 20;
/// The feature by which an ext4 shows that it was not unmounted.
const NEEDS_RECOVERY: &str = "needs_recovery";

/// A copy, for writing, of the disk that build has made.
pub struct Disk {
    folder: TempDir,
}

impl Disk {
    /// A copy of the disk with Debian.
    ///
    /// # Panics
    /// If there is none; set-up has printed why.
    pub fn with_debian() -> Self {
        let made = fixture::debian_disk();
        assert!(
            made.is_file(),
            "there is no {}: set-up prints why, try `cargo xtask setup --only debian`",
            made.display()
        );
        let disk = Self { folder: TempDir::with_prefix("sprig-disk-").expect("a folder for the disk") };
        // Most of it is holes, which the copy keeps.
        let mut copy = Command::new("cp");
        let copied = copy.args(["--sparse=always", "--reflink=auto"]).arg(made).arg(disk.path()).status();
        assert!(copied.expect("cp runs").success(), "the disk cannot be copied");
        disk
    }

    /// The path of its file.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("disk.img")
    }

    /// Asserts that the file system is mounted somewhere, or was left so: what [`Disk::assert_clean`] must see.
    ///
    /// # Panics
    /// If it is not.
    pub fn assert_in_use(&self) {
        let features = self.features();
        assert!(features.contains(NEEDS_RECOVERY), "it is not mounted: {features}");
    }

    /// Asserts that the file system was unmounted, and that all in it is consistent.
    ///
    /// # Panics
    /// If it is not so; the message has the checker's output.
    pub fn assert_clean(&self) {
        let features = self.features();
        assert!(!features.contains(NEEDS_RECOVERY), "it was not unmounted: {features}");
        let checked = self.examine("e2fsck", &["-f", "-n"]);
        let output = String::from_utf8_lossy(&checked.stdout);
        assert!(checked.status.success(), "e2fsck found errors:\n{output}");
    }

    /// The files of a folder of it, once nobody writes to it any more.
    pub fn list(&self, folder: &str) -> Vec<String> {
        let output = self.examine("debugfs", &["-c", "-R", &format!("ls -p {folder}")]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let names = text.lines().filter_map(|line| line.split('/').nth(5));
        names.filter(|name| !matches!(*name, "." | ".." | "")).map(str::to_owned).collect()
    }

    /// The content of a file of it.
    pub fn read(&self, path: &str) -> Vec<u8> {
        self.examine("debugfs", &["-c", "-R", &format!("cat {path}")]).stdout
    }

    /// The line of the superblock that lists them.
    fn features(&self) -> String {
        // Without the bitmaps (-c): while a file system is in use, they and their checksums are written at different
        // times.
        let output = self.examine("debugfs", &["-c", "-R", "features"]);
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().find(|line| line.starts_with("Filesystem features:"));
        let error = String::from_utf8_lossy(&output.stderr);
        line.unwrap_or_else(|| panic!("debugfs finds no file system:\n{text}{error}")).to_owned()
    }

    /// Runs a tool of that Debian's on the partition, by that Debian's own loader.
    fn examine(&self, tool: &str, options: &[&str]) -> Output {
        let root = fixture::debian_root();
        let mut command = Command::new(root.join("usr/lib64/ld-linux-x86-64.so.2"));
        command.args(["--inhibit-cache", "--library-path"]).arg(root.join("usr/lib/x86_64-linux-gnu"));
        command.arg(root.join("usr/sbin").join(tool)).args(options);
        command.arg(format!("{}?offset={PARTITION}", self.path().display())).env("LC_ALL", "C");
        command.output().unwrap_or_else(|error| panic!("{tool} does not run: {error}"))
    }
}
