//! A medium that boots the box: an image for a CD or a USB stick, started by GRUB 2 under BIOS and UEFI alike.
//!
//! ```text
//! /boot/grub/grub.cfg      one entry, to be read by people too
//! /sprig/sprig-boot.elf    the boot image
//! /sprig/manifest          what belongs together
//! /sprig/box.toml          the box file
//! /sprig/image-1-vmlinuz   the images, in the order of the manifest
//! ```

use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs, io};

use crate::bundle::Bundle;
use crate::input_file::{InputError, InputFile};
use crate::output_file::{OutputError, OutputFile, require_writable};
use crate::qemu::PrivateFolder;

/// The modules that GRUB needs to find and load the files, and the partition tables that `grub-mkrescue` has it try.
/// Everything else would only make the image larger.
const GRUB_MODULES: &str = "normal multiboot2 iso9660 fat search serial terminal all_video test ls cat echo reboot halt \
    part_gpt part_msdos part_acorn part_amiga part_apple part_bsd part_dfly part_dvh part_plan part_sun part_sunpc";
/// Where GRUB keeps what it boots with, on Debian and elsewhere.
const GRUB_FOLDERS: [&str; 2] = ["/usr/lib/grub", "/usr/share/grub2"];

/// Why there is no medium.
#[derive(Debug, thiserror::Error)]
pub enum IsoError {
    /// Programs or parts of GRUB are not installed.
    #[error("cannot make a bootable image: {} missing\n  help: install {}", list(missing, |m| m.what), list(missing, |m| m.package))]
    NotInstalled {
        /// The missing programs and parts.
        missing: Vec<Needed>,
    },
    /// The path of an image would not survive GRUB's command line.
    #[error(
        "the path {path:?} cannot stand on a boot loader's command line\n  help: rename the file so that its path has no spaces, quotes or backslashes"
    )]
    Path {
        /// As the box file has it.
        path: String,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        error: io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: InputError,
    },
    /// The medium would overwrite something.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A program cannot be run.
    #[error("cannot run `{tool}`: {error}")]
    Run {
        /// The program.
        tool: &'static str,
        /// The operating system's error.
        error: io::Error,
    },
    /// A tool failed.
    #[error("`{tool}` failed ({status}):\n{output}")]
    Tool {
        /// The tool.
        tool: &'static str,
        /// Its exit status.
        status: String,
        /// What it printed.
        output: String,
    },
    /// It is a medium, but none of ours.
    #[error("{} is not an image that `sprig image` made: it has no /sprig/manifest", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
}

/// Something that must be installed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Needed {
    /// What it is called.
    pub what: &'static str,
    /// What holds it on Debian.
    pub package: &'static str,
}

const PROGRAMS: [Needed; 3] = [
    Needed { what: "grub-mkrescue", package: "grub-common" },
    Needed { what: "xorriso", package: "xorriso" },
    Needed { what: "mformat", package: "mtools" },
];
const PLATFORMS: [(&str, Needed); 2] = [
    ("i386-pc", Needed { what: "GRUB for BIOS", package: "grub-pc-bin" }),
    ("x86_64-efi", Needed { what: "GRUB for UEFI", package: "grub-efi-amd64-bin" }),
];

/// Writes the medium of a box to `to`, in one piece or not at all.
///
/// # Errors
/// If something is not installed, or a file cannot be written.
pub fn write(bundle: &Bundle<'_>, boot_image: &Path, to: &Path) -> Result<(), IsoError> {
    let output = OutputFile::new(to, [boot_image.to_owned()])?.require_file()?;
    // Before a tool works for it: can a file be made there at all?
    require_writable(output.folder()).map_err(write_error(to))?;
    need(&PROGRAMS, &PLATFORMS)?;
    let work = PrivateFolder::beside(output.folder()).map_err(write_error(output.folder()))?;
    let tree = work.path().join("tree");
    lay_out(bundle, boot_image, &tree)?;
    let made = work.path().join("made.iso");
    let modules = format!("--install-modules={GRUB_MODULES}");
    let mut tool = Command::new("grub-mkrescue");
    tool.args([&modules, "--fonts=", "--themes=", "--locales=", "-o"]).arg(&made).arg(&tree);
    // So a file that an interrupted tool leaves is removed with the folder.
    tool.env("TMPDIR", work.path());
    run("grub-mkrescue", tool.args(["--", "-volid", "SPRIG"]))?;
    fs::rename(&made, output.target()).map_err(write_error(to))
}

/// The manifest of a medium.
///
/// # Errors
/// If it cannot be read, or is none of ours.
pub fn manifest(iso: &Path) -> Result<String, IsoError> {
    InputFile::open(iso).map_err(|error| IsoError::Read { path: iso.to_owned(), error })?;
    need(&PROGRAMS[1..2], &[])?;
    let folder = PrivateFolder::new().map_err(write_error(&env::temp_dir()))?;
    let copy = folder.path().join("manifest");
    let mut tool = Command::new("xorriso");
    tool.args(["-osirrox", "on", "-indev"]).arg(iso).args(["-extract", "/sprig/manifest"]).arg(&copy);
    run("xorriso", &mut tool).map_err(|_| IsoError::NotOurs { path: iso.to_owned() })?;
    fs::read_to_string(&copy).map_err(|_| IsoError::NotOurs { path: iso.to_owned() })
}

fn lay_out(bundle: &Bundle<'_>, boot_image: &Path, tree: &Path) -> Result<(), IsoError> {
    let ours = tree.join("sprig");
    let grub = tree.join("boot/grub");
    for folder in [&ours, &grub] {
        fs::create_dir_all(folder).map_err(write_error(folder))?;
    }
    let boot = ours.join("sprig-boot.elf");
    fs::copy(boot_image, &boot).map_err(write_error(&boot))?;
    let mut modules = String::new();
    for (number, member) in bundle.members().iter().enumerate() {
        let path = member.name.strip_prefix("image:");
        if let Some(path) = path.filter(|path| path.contains([' ', '\t', '\n', '\'', '"', '\\'])) {
            return Err(IsoError::Path { path: path.to_owned() });
        }
        let file = path.map_or_else(|| member.name.clone(), |path| file_name(number - 1, path));
        let to = ours.join(&file);
        File::create(&to).and_then(|mut file| member.content.write_to(&mut file)).map_err(write_error(&to))?;
        // Writing to a String cannot fail.
        let _ = writeln!(modules, "    module2 /sprig/{file} '{}'", member.name);
    }
    let config = grub.join("grub.cfg");
    fs::write(&config, grub_config(&modules)).map_err(write_error(&config))
}

/// A name that every file system and boot loader takes: the number keeps it apart from the others.
fn file_name(number: usize, path: &str) -> String {
    let base = path.rsplit('/').next().unwrap_or_default();
    let plain: String = base.chars().filter(|c| c.is_ascii_alphanumeric() || ".-_".contains(*c)).take(64).collect();
    format!("image-{number}-{plain}")
}

fn grub_config(modules: &str) -> String {
    format!(
        r#"# Boots the box described in /sprig/box.toml. Made by `sprig image`.
set timeout=0
set default=0

# What the boot loader has to say goes to the first serial port too; UEFI firmware does that by itself.
if [ "$grub_platform" = "pc" ]; then
    serial --unit=0 --speed=115200
    terminal_output console serial
fi

menuentry "Sprig" {{
    multiboot2 /sprig/sprig-boot.elf
{modules}}}
"#
    )
}

/// What a medium is made with and is not there: of a host whose files are below `root` and whose programs are in these
/// folders.
pub fn missing(root: &Path, folders: &[PathBuf]) -> Vec<Needed> {
    missing_of(&PROGRAMS, &PLATFORMS, root, folders)
}

fn missing_of(programs: &[Needed], platforms: &[(&str, Needed)], root: &Path, folders: &[PathBuf]) -> Vec<Needed> {
    let installed = |program: &str| folders.iter().any(|folder| folder.join(program).is_file());
    let below_root = |folder: &str| root.join(folder.trim_start_matches('/'));
    let in_grub = |platform: &str| GRUB_FOLDERS.iter().any(|folder| below_root(folder).join(platform).is_dir());
    let programs = programs.iter().filter(|needed| !installed(needed.what)).copied();
    let platforms = platforms.iter().filter(|(platform, _)| !in_grub(platform)).map(|(_, needed)| *needed);
    programs.chain(platforms).collect()
}

fn need(programs: &[Needed], platforms: &[(&str, Needed)]) -> Result<(), IsoError> {
    let search: Vec<_> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    let missing = missing_of(programs, platforms, Path::new("/"), &search);
    if missing.is_empty() { Ok(()) } else { Err(IsoError::NotInstalled { missing }) }
}

fn run(name: &'static str, tool: &mut Command) -> Result<(), IsoError> {
    let Output { status, stdout, stderr } = tool.output().map_err(|error| IsoError::Run { tool: name, error })?;
    if status.success() {
        return Ok(());
    }
    let output = [String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)].concat();
    Err(IsoError::Tool { tool: name, status: status.to_string(), output })
}

fn write_error(path: &Path) -> impl FnOnce(io::Error) -> IsoError {
    let path = path.to_owned();
    move |error| IsoError::Write { path, error }
}

fn list(needed: &[Needed], field: fn(&Needed) -> &'static str) -> String {
    needed.iter().map(field).collect::<Vec<_>>().join(", ")
}
