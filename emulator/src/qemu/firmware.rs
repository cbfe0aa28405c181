//! How the emulated machine starts: without firmware of its own to speak of, with a BIOS, with UEFI.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// Where distributions put the UEFI firmware: the code, and the variables that a machine starts with.
const OVMF: [(&str, &str); 4] = [
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
];

/// What the machine boots, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Boot {
    /// QEMU loads an ELF with a PVH note, or a Linux kernel, and enters it.
    Kernel {
        /// The file that is entered.
        image: PathBuf,
        /// The file that it gets as its initial RAM disk.
        initrd: Option<PathBuf>,
        /// Its command line.
        command_line: String,
    },
    /// A medium, from which the firmware starts a boot loader.
    Medium {
        /// The firmware that reads it.
        firmware: Firmware,
        /// How it is plugged in.
        attachment: Attachment,
        /// The file with its content.
        iso: PathBuf,
    },
}

/// The firmware of a machine that boots from a medium.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Firmware {
    /// SeaBIOS.
    Bios,
    /// OVMF.
    Uefi,
}

/// How a medium is plugged in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attachment {
    /// In a CD drive.
    Cd,
    /// As a USB stick.
    UsbStick,
}

/// Why there is no UEFI firmware.
#[derive(Debug, thiserror::Error)]
pub enum FirmwareError {
    /// It is not installed.
    #[error("no UEFI firmware for QEMU at {}: install the package `ovmf`", OVMF[0].0)]
    NotInstalled,
    /// Its variables cannot be copied.
    #[error("cannot copy {} into the machine's folder: {error}", from.display())]
    Copy {
        /// The original.
        from: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

impl Boot {
    /// QEMU's arguments. What the machine writes to goes into `folder`.
    ///
    /// # Errors
    /// If the UEFI firmware is needed and not there.
    pub(super) fn arguments(&self, folder: &Path) -> Result<Vec<String>, FirmwareError> {
        match self {
            Self::Kernel { image, initrd, command_line } => {
                let mut arguments = vec!["-kernel".to_owned(), image.display().to_string()];
                if let Some(initrd) = initrd {
                    arguments.extend(["-initrd".to_owned(), initrd.display().to_string()]);
                }
                if !command_line.is_empty() {
                    arguments.extend(["-append".to_owned(), command_line.clone()]);
                }
                Ok(arguments)
            }
            Self::Medium { firmware, attachment, iso } => {
                let mut arguments = match firmware {
                    Firmware::Bios => Vec::new(),
                    Firmware::Uefi => uefi_arguments(folder)?,
                };
                arguments.extend(attachment.arguments(iso));
                Ok(arguments)
            }
        }
    }
}

impl Attachment {
    fn arguments(self, iso: &Path) -> Vec<String> {
        let file = option_value(iso);
        let (drive, devices): (String, &[&str]) = match self {
            Self::Cd => (
                format!("if=none,id=medium,media=cdrom,readonly=on,format=raw,file={file}"),
                &["ide-cd,drive=medium,bus=ide.0,bootindex=0"],
            ),
            Self::UsbStick => (
                format!("if=none,id=medium,snapshot=on,format=raw,file={file}"),
                &["qemu-xhci,id=usb", "usb-storage,drive=medium,bus=usb.0,bootindex=0"],
            ),
        };
        let devices = devices.iter().flat_map(|device| ["-device".to_owned(), (*device).to_owned()]);
        ["-drive".to_owned(), drive].into_iter().chain(devices).collect()
    }
}

/// A path as the value of an option in a comma-separated list.
pub(crate) fn option_value(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

/// Whether a host whose files are below `root` has the UEFI firmware.
pub fn has_uefi(root: &Path) -> bool {
    let is_there = |path: &str| root.join(path.trim_start_matches('/')).exists();
    OVMF.iter().any(|(code, variables)| is_there(code) && is_there(variables))
}

fn uefi_arguments(folder: &Path) -> Result<Vec<String>, FirmwareError> {
    let exists = |(code, variables): &&(&str, &str)| Path::new(code).exists() && Path::new(variables).exists();
    let (code, variables) = OVMF.iter().find(exists).ok_or(FirmwareError::NotInstalled)?;
    let own = folder.join("variables.fd");
    fs::copy(variables, &own).map_err(|error| FirmwareError::Copy { from: variables.into(), error })?;
    Ok(vec![
        "-drive".to_owned(),
        format!("if=pflash,unit=0,format=raw,readonly=on,file={code}"),
        "-drive".to_owned(),
        format!("if=pflash,unit=1,format=raw,file={}", option_value(&own)),
    ])
}
