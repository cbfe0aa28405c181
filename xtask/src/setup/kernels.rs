//! The stock kernels that demos and tests boot: `kernels/<line>/vmlinuz`, and `release` with what `uname -r` says.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};

use super::apt::{self, Apt, Package, Suite};
use super::made::Workshop;
use crate::progress::{self, Step};

/// Changes when what is kept of a kernel changes, so that older ones are made anew.
const RECIPE: &str = "recipe 1\n";

const METAPACKAGE: &str = "linux-image-amd64";

/// A line of kernels, and the suite that carries it.
struct Line {
    name: &'static str,
    suite: Suite,
}

const LINES: [Line; 3] = [
    Line { name: "6.1", suite: Suite::Bookworm },
    Line { name: "6.12", suite: Suite::Trixie },
    Line { name: "7.2", suite: Suite::TrixieBackports },
];

/// A kernel image of the user's own, to be taken for one of the lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnKernel {
    line: String,
    image: PathBuf,
}

impl FromStr for OwnKernel {
    type Err = String;

    fn from_str(text: &str) -> Result<OwnKernel, String> {
        let (line, image) = text.split_once('=').ok_or("expected VERSION=PATH")?;
        let lines = LINES.map(|line| line.name);
        if !lines.contains(&line) {
            return Err(format!("no line of kernels is named {line:?}; there are {}", lines.join(", ")));
        }
        Ok(OwnKernel { line: line.to_owned(), image: image.into() })
    }
}

/// Makes every line's folder, taking the user's own images where named.
pub(super) fn make(workshop: &Workshop, apt: &mut Apt, own: &[OwnKernel]) -> Result<()> {
    for line in &LINES {
        let label = format!("kernel {}", line.name);
        let folder = format!("kernels/{}", line.name);
        match own.iter().find(|own| own.line == line.name) {
            Some(own) => take_own(workshop, &label, &folder, &own.image)?,
            None => fetch(workshop, apt, &label, &folder, line.suite)?,
        }
    }
    Ok(())
}

fn take_own(workshop: &Workshop, label: &str, folder: &str, image: &Path) -> Result<()> {
    let step = Step::start(label, "taking your own");
    let stamp = format!("{RECIPE}from {}\n", image.display());
    workshop.make(folder, &stamp, |making| keep(image, making).map(drop))?;
    step.done(&format!("{} from {}", release_of(workshop, folder)?, image.display()));
    Ok(())
}

fn fetch(workshop: &Workshop, apt: &mut Apt, label: &str, folder: &str, suite: Suite) -> Result<()> {
    // Any kernel of this recipe will do, also a user's own from an earlier set-up: nothing here asks for the newest.
    if workshop.stamp(folder).is_some_and(|stamp| stamp.starts_with(RECIPE)) {
        progress::ready(label, &release_of(workshop, folder)?);
        return Ok(());
    }
    let step = Step::start(label, METAPACKAGE);
    let package = find_image_package(apt, suite, &step)?;
    let stamp = format!("{RECIPE}from {} {}\n", package.name, package.version);
    workshop.make(folder, &stamp, |making| {
        let scratch = workshop.scratch(folder)?;
        let deb = apt.download(suite, &package, scratch.path(), &step)?;
        step.doing("unpacking");
        // Up to 6.12 the image lies in /boot, later with its modules.
        apt::unpack(&deb, scratch.path(), &["./*/vmlinuz*"])?;
        keep(&find_vmlinuz(scratch.path())?, making).map(drop)
    })?;
    step.done(&format!("{} from Debian's {}", release_of(workshop, folder)?, suite.name()));
    Ok(())
}

/// Follows the metapackage to the package that holds the image: the last of its kind on the way.
fn find_image_package(apt: &mut Apt, suite: Suite, step: &Step) -> Result<Package> {
    const MOST_HOPS: usize = 4;
    let is_kernel = |name: &&String| name.starts_with("linux-image-") || name.starts_with("linux-binary-");
    let mut package = apt.show(suite, METAPACKAGE, step)?;
    for _ in 0..MOST_HOPS {
        match package.depends.iter().find(is_kernel) {
            Some(next) => package = apt.show(suite, &next.clone(), step)?,
            None => return Ok(package),
        }
    }
    bail!("{METAPACKAGE} of Debian's {} leads to no kernel within {MOST_HOPS} dependencies", suite.name())
}

fn find_vmlinuz(folder: &Path) -> Result<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)?.flatten() {
            let is_image = entry.file_name().to_string_lossy().starts_with("vmlinuz");
            match entry.file_type()? {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() && is_image => return Ok(entry.path()),
                _ => {}
            }
        }
    }
    bail!("the kernel's package holds no vmlinuz")
}

/// Puts the image and its release into the folder.
fn keep(image: &Path, folder: &Path) -> Result<String> {
    let bytes = fs::read(image).with_context(|| format!("cannot read the kernel {}", image.display()))?;
    let release = release(&bytes).with_context(|| format!("{} is no bzImage", image.display()))?;
    fs::write(folder.join("vmlinuz"), &bytes)?;
    fs::write(folder.join("release"), format!("{release}\n"))?;
    Ok(release)
}

/// What `uname -r` will say, as the image tells it (Linux `Documentation/arch/x86/boot.rst`, `kernel_version`).
fn release(image: &[u8]) -> Option<String> {
    let magic = image.get(0x202..0x206)?;
    let offset = u16::from_le_bytes(image.get(0x20e..0x210)?.try_into().ok()?);
    let text = image.get(usize::from(offset) + 0x200..)?;
    let word = text.split(|&byte| byte == 0 || byte == b' ').next()?;
    (magic == b"HdrS" && offset != 0).then(|| String::from_utf8_lossy(word).into_owned())
}

fn release_of(workshop: &Workshop, folder: &str) -> Result<String> {
    let path = workshop.path(folder).join("release");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(!text.trim().is_empty(), "{} is empty", path.display());
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_the_first_word_of_the_version() {
        let mut image = vec![0; 0x400];
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x20e..0x210].copy_from_slice(&0x100_u16.to_le_bytes());
        image[0x300..0x30a].copy_from_slice(b"6.1.0-x (b");
        assert_eq!(release(&image).as_deref(), Some("6.1.0-x"));
        assert_eq!(release(&image[..0x20f]), None);
        image[0x202] = b'X';
        assert_eq!(release(&image), None);
    }

    #[test]
    fn an_own_kernel_is_for_a_line_that_exists() {
        let own: OwnKernel = "6.12=/boot/my=kernel".parse().unwrap();
        assert_eq!(own, OwnKernel { line: "6.12".into(), image: "/boot/my=kernel".into() });
        assert!("5.10=x".parse::<OwnKernel>().unwrap_err().contains("6.1, 6.12, 7.2"));
        assert!("x".parse::<OwnKernel>().is_err());
    }
}
