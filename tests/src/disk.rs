//! An NVMe disk with a whole Debian on it, and what a file system checker says of it from outside.

use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::fixture;

/// Where on the disk its one partition begins.
const PARTITION: u64 = 1 << 20;
/// How an ext4 shows that it was not unmounted.
const NEEDS_RECOVERY: &str = "needs_recovery";

/// A copy of the disk that build has made, to be written to.
pub struct Disk {
    folder: TempDir,
}

impl Disk {
    /// Of Debian.
    ///
    /// # Panics
    /// If there is none: set-up has said why.
    pub fn with_debian() -> Self {
        let made = fixture::debian_disk();
        assert!(
            made.is_file(),
            "there is no {}: set-up says why, try `cargo xtask setup --only debian`",
            made.display()
        );
        let disk = Self { folder: TempDir::with_prefix("sprig-disk-").expect("a folder for the disk") };
        // Most of it is a hole, which is to stay one.
        let mut copy = Command::new("cp");
        let copied = copy.args(["--sparse=always", "--reflink=auto"]).arg(made).arg(disk.path()).status();
        assert!(copied.expect("cp runs").success(), "the disk cannot be copied");
        disk
    }

    /// Its file.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("disk.img")
    }

    /// Asserts that the file system is mounted somewhere, or was left so: what [`Disk::assert_clean`] must see.
    ///
    /// # Panics
    /// If it is not.
    pub fn assert_in_use(&self) {
        let features = self.features();
        assert!(features.contains(NEEDS_RECOVERY), "nobody has mounted it: {features}");
    }

    /// Asserts that the file system was unmounted, and that all in it is consistent.
    ///
    /// # Panics
    /// If it is not so; with what the checker says.
    pub fn assert_clean(&self) {
        let features = self.features();
        assert!(!features.contains(NEEDS_RECOVERY), "it was not unmounted: {features}");
        let checked = self.examine("e2fsck", &["-f", "-n"]);
        let said = String::from_utf8_lossy(&checked.stdout);
        assert!(checked.status.success(), "e2fsck complains:\n{said}");
    }

    /// The line of the superblock that lists them.
    fn features(&self) -> String {
        // Not the bitmaps: of a file system at work, they and the sums over them are written at different times.
        let told = self.examine("debugfs", &["-c", "-R", "features"]);
        let text = String::from_utf8_lossy(&told.stdout);
        let line = text.lines().find(|line| line.starts_with("Filesystem features:"));
        let complaint = String::from_utf8_lossy(&told.stderr);
        line.unwrap_or_else(|| panic!("debugfs tells of no file system:\n{text}{complaint}")).to_owned()
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
