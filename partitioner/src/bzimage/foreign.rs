//! Files that are taken for a kernel and are none that can be started here: what they are, and what to name instead.

use core::fmt;

/// What a file is that is not a bzImage, by its first bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Foreign {
    /// It has no bytes.
    Empty,
    /// An ELF file for this architecture.
    Elf(Architecture),
    /// An uncompressed kernel for ARM64 (Linux `Documentation/arch/arm64/booting.rst`).
    Arm64Image,
    /// Compressed as a whole by this program.
    Compressed(&'static str),
    /// An EFI executable without a Linux setup header, such as a boot loader or a unified kernel image.
    Efi,
    /// A cpio archive: an initial RAM disk.
    Archive,
    /// A script.
    Script,
    /// Text.
    Text,
    /// Anything else.
    Unknown,
}

/// The architecture of an ELF file (`e_machine` of the ELF specification).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Architecture {
    /// x86-64.
    X86_64,
    /// Another one.
    Other(&'static str),
}

const COMPRESSED: [(&[u8], &str); 6] = [
    (b"\x1f\x8b", "gzip"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\x02\x21\x4c\x18", "lz4"),
    (b"\x89LZO", "lzop"),
];
/// Where ARM64's image header has its signature.
const ARM64_SIGNATURE: (usize, &[u8]) = (0x38, b"ARM\x64");
/// Where an ELF header has its machine.
const ELF_MACHINE: usize = 18;
/// So many bytes decide whether a file is text.
const TEXT_LEN: usize = 512;

impl Foreign {
    /// What a file is that begins with these bytes and lacks the signatures of a bzImage.
    pub(super) fn of(head: &[u8]) -> Self {
        let (arm64_at, arm64) = ARM64_SIGNATURE;
        if head.is_empty() {
            return Self::Empty;
        }
        if head.starts_with(b"\x7fELF") {
            return Self::Elf(Architecture::of(head));
        }
        if head.get(arm64_at..).is_some_and(|rest| rest.starts_with(arm64)) {
            return Self::Arm64Image;
        }
        if let Some((_, program)) = COMPRESSED.iter().find(|(signature, _)| head.starts_with(signature)) {
            return Self::Compressed(program);
        }
        match head {
            [b'#', b'!', ..] => Self::Script,
            [b'M', b'Z', ..] => Self::Efi,
            _ if head.starts_with(b"07070") => Self::Archive,
            _ if is_text(head) => Self::Text,
            _ => Self::Unknown,
        }
    }

    /// What to name instead.
    pub(super) fn help(self) -> &'static str {
        match self {
            Self::Elf(Architecture::X86_64) => {
                "name the bzImage instead, arch/x86/boot/bzImage of a build or /boot/vmlinuz-... of a distribution"
            }
            Self::Elf(Architecture::Other(_)) | Self::Arm64Image => "take a kernel built for x86-64",
            Self::Compressed(_) => "unpack it first: the file itself must be the bzImage",
            Self::Efi => {
                "take the kernel out of it (objcopy -O binary -j .linux FILE vmlinuz), or name /boot/vmlinuz-..."
            }
            Self::Archive => "this is an initial RAM disk: `kernel` and `initrd` may be swapped",
            Self::Empty => "copy or download it again",
            Self::Script | Self::Text | Self::Unknown => {
                "give the file that a distribution installs as /boot/vmlinuz-..., not an ELF vmlinux"
            }
        }
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::Elf(Architecture::X86_64) => f.write_str("it is an ELF file, such as vmlinux or a program"),
            Self::Elf(Architecture::Other(name)) => write!(f, "it is an ELF file for {name}"),
            Self::Arm64Image => f.write_str("it is a kernel for ARM64"),
            Self::Compressed(program) => write!(f, "it is compressed by {program}"),
            Self::Efi => f.write_str("it is an EFI executable without a Linux setup header"),
            Self::Archive => f.write_str("it is a cpio archive"),
            Self::Script => f.write_str("it is a script"),
            Self::Text => f.write_str("it is text"),
            Self::Unknown => f.write_str("it lacks the signatures of a setup header"),
        }
    }
}

impl Architecture {
    fn of(head: &[u8]) -> Self {
        match head.get(ELF_MACHINE..ELF_MACHINE + 2) {
            Some([62, 0]) => Self::X86_64,
            Some([3, 0]) => Self::Other("32-bit x86"),
            Some([40, 0]) => Self::Other("32-bit ARM"),
            Some([183, 0]) => Self::Other("AArch64"),
            Some([243, 0]) => Self::Other("RISC-V"),
            Some([21, 0]) => Self::Other("PowerPC"),
            _ => Self::Other("another architecture"),
        }
    }
}

fn is_text(head: &[u8]) -> bool {
    let head = &head[..head.len().min(TEXT_LEN)];
    head.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec;

    use super::*;

    #[test]
    fn every_kind_of_file_is_named() {
        let elf = |machine: u8| {
            let mut head = vec![0; 64];
            head[..4].copy_from_slice(b"\x7fELF");
            head[18] = machine;
            Foreign::of(&head).to_string()
        };
        assert_eq!(elf(62), "it is an ELF file, such as vmlinux or a program");
        assert_eq!(elf(183), "it is an ELF file for AArch64");
        assert_eq!(elf(3), "it is an ELF file for 32-bit x86");
        let mut arm64 = vec![0; 64];
        arm64[0x38..0x3c].copy_from_slice(b"ARM\x64");
        assert_eq!(Foreign::of(&arm64), Foreign::Arm64Image);
        let named = [b"".as_slice(), b"\x1f\x8b\x08", b"MZ\0\0", b"070701", b"#!/bin/sh\n", b"[box]\n", b"\0\x01"];
        let expected = [
            Foreign::Empty,
            Foreign::Compressed("gzip"),
            Foreign::Efi,
            Foreign::Archive,
            Foreign::Script,
            Foreign::Text,
            Foreign::Unknown,
        ];
        assert_eq!(named.map(Foreign::of), expected);
    }
}
