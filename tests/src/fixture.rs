//! What the set-up has made: kernels, the initial file system, the boot image.

use std::path::PathBuf;

/// The kernels that set-up fetches, by the line they are of.
pub const KERNELS: [&str; 3] = ["6.1", "6.12", "7.2"];

/// The line that a box uses where it does not matter which: that of Debian's stable release.
pub const STABLE: &str = "6.12";

/// The folder that set-up fills.
///
/// # Panics
/// If the test was not started by `cargo xtask test`, which says where it is.
pub fn root() -> PathBuf {
    let root = std::env::var_os("SPRIG_ROOT").expect("run boxes by `cargo xtask test`, which makes what they need");
    PathBuf::from(root)
}

/// The boot image.
pub fn boot_image() -> PathBuf {
    root().join("sprig-boot.elf")
}

/// The `sprig` command.
///
/// # Panics
/// If the test was not started by `cargo xtask test`, which builds it.
pub fn command() -> PathBuf {
    std::env::var_os("SPRIG_COMMAND").expect("run boxes by `cargo xtask test`, which builds the command").into()
}

/// A stock Debian kernel.
pub fn kernel(line: &str) -> PathBuf {
    root().join("kernels").join(line).join("vmlinuz")
}

/// What `uname -r` says of it.
pub fn release(line: &str) -> String {
    let path = root().join("kernels").join(line).join("release");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.trim().to_owned()
}

/// A small initial file system: BusyBox, a report, a shell.
pub fn initrd() -> PathBuf {
    root().join("initrd").join("small.img")
}

/// The same with a network: Debian's own programs, modules, the driver.
pub fn network_initrd() -> PathBuf {
    root().join("initrd").join("demo.img")
}

/// A whole Debian in a folder.
pub fn debian_root() -> PathBuf {
    root().join("debian").join("root")
}

/// A disk with that Debian.
pub fn debian_disk() -> PathBuf {
    root().join("disks").join("debian.img")
}

/// An example's text, with its images where set-up has put them.
///
/// # Panics
/// If there is none of that name.
pub fn example(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.replace("../target/sprig", &root().display().to_string())
}

/// The Linux driver, built for the stock kernel of that line.
pub fn driver(line: &str) -> PathBuf {
    root().join("driver").join(line).join("sprig_vni.ko")
}
