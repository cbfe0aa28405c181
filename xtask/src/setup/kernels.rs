//! The stock kernels that demos and tests boot: in `kernels/<line>`, `vmlinuz`, `release` with the output of `uname
//! -r`, and [`super::modules`].

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;

use super::apt::{self, Apt, Package};
use super::cache::BuildCache;
use super::kernel_line::KernelLine;
use super::{busybox, modules};
use crate::progress::{self, Step};

/// Changes when this code keeps other files of a kernel, so that older ones are made again.
const RECIPE: &str = "recipe 10\n";

/// Up to 6.12 the image is in /boot, later it is with the modules.
const IMAGE: &str = "./*/vmlinuz*";

/// A kernel image of the user, to use for one of the lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnKernel {
    line: KernelLine,
    image: PathBuf,
}

impl FromStr for OwnKernel {
    type Err = String;

    fn from_str(text: &str) -> Result<OwnKernel, String> {
        let (line, image) = text.split_once('=').ok_or("expected VERSION=PATH")?;
        let known = KernelLine::value_variants();
        let Some(line) = known.iter().find(|known| known.name() == line) else {
            let names: Vec<_> = known.iter().map(|line| line.name()).collect();
            return Err(format!("no line of kernels is named {line:?}; there are {}", names.join(", ")));
        };
        Ok(OwnKernel { line: *line, image: image.into() })
    }
}

/// Makes the folders of these lines, from the user's own images where there are some.
pub(super) fn make(cache: &BuildCache, apt: &mut Apt, lines: &[KernelLine], own: &[OwnKernel]) -> Result<()> {
    for line in lines {
        let label = format!("kernel {}", line.name());
        let folder = folder_of(*line);
        match own.iter().find(|own| own.line == *line) {
            Some(own) => take_own(cache, &label, &folder, &own.image)?,
            None => fetch(cache, apt, &label, &folder, *line)?,
        }
    }
    Ok(())
}

fn take_own(cache: &BuildCache, label: &str, folder: &str, image: &Path) -> Result<()> {
    let step = Step::start(label, "taking your own");
    let stamp = format!("{RECIPE}from {}\n", image.display());
    cache.make(folder, &stamp, |making| keep(image, making).map(drop))?;
    step.done(&format!("{} from {}", release_of(cache, folder)?, image.display()));
    Ok(())
}

fn fetch(cache: &BuildCache, apt: &mut Apt, label: &str, folder: &str, line: KernelLine) -> Result<()> {
    // Any kernel of this recipe is kept, also a user's own from an earlier set-up: it need not be the newest.
    if cache.stamp(folder).is_some_and(|stamp| stamp.starts_with(RECIPE)) {
        progress::ready(label, &release_of(cache, folder)?);
        return Ok(());
    }
    let step = Step::start(label, "looking for the newest");
    let parts = find_parts(apt, line, &step)?;
    let origins: String = parts.iter().map(|Part { package, .. }| origin(package)).collect();
    cache.make(folder, &format!("{RECIPE}{origins}"), |making| {
        let scratch = cache.scratch(folder)?;
        for Part { package, wanted } in &parts {
            let download = cache.scratch(folder)?;
            let deb = apt.download(line.suite(), package, download.path(), &step)?;
            step.doing(&format!("unpacking {}", package.name));
            apt::unpack(&deb, scratch.path(), wanted)?;
        }
        let image = find_vmlinuz(scratch.path())?;
        let release = keep(&image, making)?;
        let fits = release.starts_with(&format!("{}.", line.name()));
        ensure!(fits, "{} holds a kernel {release}, not {}", image.display(), line.name());
        modules::keep(scratch.path(), &busybox::path(cache), &making.join("modules"))
    })?;
    step.done(&format!("{} from Debian's {}", release_of(cache, folder)?, line.suite().name()));
    Ok(())
}

/// A package, and which of its files are wanted.
struct Part {
    package: Package,
    wanted: Vec<&'static str>,
}

fn origin(package: &Package) -> String {
    format!("from {} {}\n", package.name, package.version)
}

/// The packages that hold the image and the modules of the line's newest kernel.
///
/// It does not use the metapackage `linux-image-amd64`: in backports this can change to the next line at any time.
fn find_parts(apt: &mut Apt, line: KernelLine, step: &Step) -> Result<Vec<Part>> {
    let names = apt.names(line.suite(), &format!("linux-image-{}.", line.name()), step)?;
    let newest = newest(&names, line.name()).with_context(|| {
        let (suite, name) = (line.suite().name(), line.name());
        format!("Debian's {suite} has no kernel {name} any more; name your own with --kernel {name}=PATH")
    })?;
    let package = apt.show(line.suite(), newest, step)?;
    let holder = |prefix: &str| package.depends.iter().find(|name| name.starts_with(prefix)).cloned();
    match (holder("linux-binary-"), holder("linux-modules-")) {
        // Since 7.0 that package is nearly empty; these packages hold its former contents.
        (Some(image), Some(modules)) => Ok(vec![
            Part { package: apt.show(line.suite(), &image, step)?, wanted: vec![IMAGE] },
            Part { package: apt.show(line.suite(), &modules, step)?, wanted: modules::PATTERNS.to_vec() },
        ]),
        _ => Ok(vec![Part { package, wanted: [[IMAGE].as_slice(), &modules::PATTERNS].concat() }]),
    }
}

/// Of the packages named `linux-image-<line>.<build>-amd64`, without special flavours, the one with the highest build.
fn newest<'a>(names: &'a [String], line: &str) -> Option<&'a str> {
    let build_of = |name: &str| {
        let build = name.strip_prefix("linux-image-")?.strip_prefix(line)?.strip_prefix('.')?.strip_suffix("-amd64")?;
        // 117+deb13.1 and 0-56: numbers, apart from "deb".
        let numbers = build.split(['.', '+', '-']).map(|word| word.strip_prefix("deb").unwrap_or(word).parse::<u64>());
        numbers.collect::<Result<Vec<u64>, _>>().ok()
    };
    let builds = names.iter().filter_map(|name| Some((build_of(name)?, name)));
    builds.max().map(|(_, name)| name.as_str())
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
    let release = release(&bytes).with_context(|| format!("{} is not a bzImage", image.display()))?;
    fs::write(folder.join("vmlinuz"), &bytes)?;
    fs::write(folder.join("release"), format!("{release}\n"))?;
    Ok(release)
}

/// The release in the image's header, which `uname -r` will print (Linux `Documentation/arch/x86/boot.rst`,
/// `kernel_version`).
fn release(image: &[u8]) -> Option<String> {
    let magic = image.get(0x202..0x206)?;
    let offset = u16::from_le_bytes(image.get(0x20e..0x210)?.try_into().ok()?);
    let text = image.get(usize::from(offset) + 0x200..)?;
    let word = text.split(|&byte| byte == 0 || byte == b' ').next()?;
    (magic == b"HdrS" && offset != 0).then(|| String::from_utf8_lossy(word).into_owned())
}

/// The release of the line's kernel, as `uname -r` prints it.
pub(super) fn release_of_line(cache: &BuildCache, line: KernelLine) -> Result<String> {
    release_of(cache, &folder_of(line))
}

/// The version of the Debian package of the line's kernel; `None` for a kernel of the user.
pub(super) fn debian_version(cache: &BuildCache, line: KernelLine) -> Option<String> {
    let stamp = cache.stamp(&folder_of(line))?;
    let (package, version) = stamp.lines().find_map(|line| line.strip_prefix("from "))?.split_once(' ')?;
    package.starts_with("linux-").then(|| version.to_owned())
}

/// A package of the line's suite, in the version of the kernel that was fetched, which may not be the newest any more.
pub(super) fn package_at(apt: &mut Apt, line: KernelLine, name: &str, version: &str, step: &Step) -> Result<Package> {
    let versions = apt.versions(line.suite(), name, step)?;
    let package = versions.into_iter().find(|package| package.version == version);
    package.with_context(|| format!("Debian has {name}, but not in version {version}"))
}

fn folder_of(line: KernelLine) -> String {
    format!("kernels/{}", line.name())
}

fn release_of(cache: &BuildCache, folder: &str) -> Result<String> {
    let path = cache.path(folder).join("release");
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
    fn the_newest_of_a_line_is_the_highest_build_without_a_flavour() {
        let names = ["6.1.0-9-amd64", "6.1.0-56-amd64", "6.1.0-57-amd64-unsigned", "6.1.0-58-rt-amd64", "6.12.1-amd64"]
            .map(|name| format!("linux-image-{name}"));
        assert_eq!(newest(&names, "6.1"), Some("linux-image-6.1.0-56-amd64"));
        let names = ["7.2.9+deb13-amd64", "7.2.12+deb13-amd64", "7.2.12+deb13.1-amd64", "7.3.4+deb13-amd64"]
            .map(|name| format!("linux-image-{name}"));
        assert_eq!(newest(&names, "7.2"), Some("linux-image-7.2.12+deb13.1-amd64"));
        assert_eq!(newest(&names, "7.4"), None);
    }

    #[test]
    fn an_own_kernel_is_for_a_line_that_exists() {
        let own: OwnKernel = "6.12=/boot/my=kernel".parse().unwrap();
        assert_eq!(own, OwnKernel { line: KernelLine::V6_12, image: "/boot/my=kernel".into() });
        assert!("5.10=x".parse::<OwnKernel>().unwrap_err().contains("6.1, 6.12, 7.2"));
        assert!("x".parse::<OwnKernel>().is_err());
    }

    #[test]
    fn only_a_kernel_of_debians_has_a_version_there() {
        let root = tempfile::tempdir().unwrap();
        let cache = BuildCache::open(root.path()).unwrap();
        let version_of = |from: &str| {
            let stamp = format!("{RECIPE}from {from}\n");
            cache.make("kernels/7.2", &stamp, |_| Ok(())).unwrap();
            debian_version(&cache, KernelLine::V7_2)
        };
        assert_eq!(version_of("linux-binary-7.2.12+deb13-amd64 7.2.12-1~bpo13+1").as_deref(), Some("7.2.12-1~bpo13+1"));
        assert_eq!(version_of("/boot/my kernel"), None);
        assert_eq!(debian_version(&cache, KernelLine::V6_1), None);
    }
}
