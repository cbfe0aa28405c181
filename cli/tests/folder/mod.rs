//! Where the command runs.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A folder with a box file and images, in which the command runs.
pub(crate) struct Folder(TempDir);

impl Folder {
    /// With two partitions that can be had, and with images that look real enough.
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("vmlinuz", &kernel());
        folder.write("web.img", &[b"070701".as_slice(), &[b'0'; 4994]].concat());
        folder.write("box.toml", PAIR.as_bytes());
        folder.write("boot.elf", &boot_image(env!("CARGO_PKG_VERSION")));
        folder
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path().join(name), bytes).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The command, to be run here.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sprig"));
        command.args(arguments).current_dir(self.path()).env_remove("SPRIG_BOOT_IMAGE");
        command
    }

    /// All that the command says, and how it ends.
    pub(crate) fn sprig(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let [stdout, stderr] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        format!("{stdout}{stderr}[exit {}]", status.code().unwrap())
    }
}

/// A box that can be had.
pub(crate) const PAIR: &str = r#"[box]
name = "pair"
shared_memory = "64MiB"

[[partition]]
name = "web"
cpus = 2
memory = "512MiB"
kernel = "vmlinuz"
initrd = "web.img"

[[partition]]
name = "db"
cpus = "3"
memory = "1GiB"
kernel = "vmlinuz"
"#;

/// A boot image of which only the note is real: an ELF header, a program header, and Sprig's note with a version.
pub(crate) fn boot_image(version: &str) -> Vec<u8> {
    const HEADERS_LEN: u64 = 64 + 56;
    let note_len = (20 + version.len() as u64).next_multiple_of(4);
    // Executable, x86-64, version 1; entry, program headers, no section headers; flags, sizes and counts.
    let mut image = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
    image.extend([0u64, 64, 0].iter().flat_map(|word| word.to_le_bytes()));
    image.extend([0u16, 0, 64, 56, 1, 64, 0, 0].iter().flat_map(|half| half.to_le_bytes()));
    // PT_NOTE, readable, behind the headers; aligned to 4.
    image.extend([4u32, 4].iter().flat_map(|word| word.to_le_bytes()));
    image.extend([HEADERS_LEN, 0, 0, note_len, note_len, 4].iter().flat_map(|word| word.to_le_bytes()));
    image.extend([6, version.len() as u32, 1].iter().flat_map(|word| word.to_le_bytes()));
    image.extend_from_slice(b"Sprig\0\0\0");
    image.extend_from_slice(version.as_bytes());
    image.resize((HEADERS_LEN + note_len) as usize, 0);
    image
}

/// A bzImage of which only the setup header is real (Linux `Documentation/arch/x86/boot.rst`).
fn kernel() -> Vec<u8> {
    kernel_of("6.1.0-test")
}

/// The same of a release.
#[allow(dead_code, reason = "of the tests that share this module, only some need it")]
pub(crate) fn kernel_of(release: &str) -> Vec<u8> {
    let mut image = vec![0; 5 * 512 + 0x1000];
    let mut put = |offset: usize, bytes: &[u8]| image[offset..offset + bytes.len()].copy_from_slice(bytes);
    put(0x1f1, &[4]);
    put(0x1f4, &(0x1000_u32 / 16).to_le_bytes());
    put(0x1fe, &[0x55, 0xaa]);
    put(0x201, &[0x6a]);
    put(0x202, b"HdrS");
    put(0x206, &0x020f_u16.to_le_bytes());
    put(0x20e, &0x0100_u16.to_le_bytes());
    put(0x230, &(2u32 << 20).to_le_bytes());
    put(0x234, &[1]);
    put(0x236, &3u16.to_le_bytes());
    put(0x258, &0x100_0000_u64.to_le_bytes());
    put(0x260, &(48u32 << 20).to_le_bytes());
    put(0x300, format!("{release} (a@b) #1 SMP\0").as_bytes());
    image
}
