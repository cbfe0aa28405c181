//! The files that set-up and build have made: kernels, initial file systems, the boot image.

use std::path::PathBuf;

/// The lines of kernels that set-up fetches.
pub const KERNELS: [&str; 3] = ["6.1", "6.12", "7.2"];

/// The line of Debian's stable release, for boxes in which the line does not matter.
pub const STABLE: &str = "6.12";

/// The folder that set-up fills.
///
/// # Panics
/// If the test was not started by `cargo xtask test`, which names it.
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

/// The release of that kernel, as `uname -r` prints it.
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

/// The program of a hostile instance.
pub fn hostile_program() -> PathBuf {
    root().join("hostile-partition")
}

/// A whole Debian in a folder.
pub fn debian_root() -> PathBuf {
    root().join("debian").join("root")
}

/// A disk with that Debian.
pub fn debian_disk() -> PathBuf {
    root().join("disks").join("debian.img")
}

/// The text of an example, with the paths of the images that set-up has made.
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

/// The kernel that watches the driver, which only `cargo xtask test --only checked-kernel` makes.
pub fn checked_kernel() -> PathBuf {
    root().join("kernel-tools").join("checked").join("vmlinuz")
}

/// Its initial file system: that with a network, and its driver.
pub fn checked_initrd() -> PathBuf {
    root().join("initrd").join("checked.img")
}
