//! The headers of exactly the kernels that [`super::kernels`] fetched, in `kbuild/headers/<line>`, and links to them
//! at the places where Debian's packages have them.
//!
//! They are fetched line by line: to boot one kernel, only its headers are needed.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::apt::{self, Apt, Package};
use super::cache::BuildCache;
use super::kernel_line::KernelLine;
use super::kernels;
use crate::module_root::FOLDER;
use crate::progress::{self, Step};

const RECIPE: &str = "recipe 1\n";

/// Makes the headers of the line's kernel available, if it is Debian's.
pub(super) fn make(cache: &BuildCache, apt: &mut Apt, line: KernelLine) -> Result<()> {
    let label = format!("headers {}", line.name());
    let folder = format!("{FOLDER}/headers/{}", line.name());
    let release = kernels::release_of_line(cache, line)?;
    let Some(version) = kernels::debian_version(cache, line) else {
        cache.remove(&folder)?;
        progress::headline(&label, &format!("none: the kernel {release} is your own, and no driver is built for it"));
        return Ok(());
    };
    let stamp = format!("{RECIPE}of {release} {version}\n");
    if cache.stamp(&folder).as_ref() == Some(&stamp) {
        link(cache, &folder, &release)?;
        progress::ready(&label, &release);
        return Ok(());
    }
    let step = Step::start(&label, "looking for them");
    let packages = find(apt, line, &release, &version, &step).with_context(|| {
        let (suite, name) = (line.suite().name(), line.name());
        format!(
            "Debian's {suite} has no headers of the kernel {release} {version} that was fetched earlier; \
             remove kernels/{name} below {} and set up again for a newer one",
            cache.path("").display()
        )
    })?;
    cache.make(&folder, &stamp, |making| {
        let scratch = cache.scratch(&folder)?;
        for file in apt.download_all(line.suite(), &packages, scratch.path(), &step)? {
            step.doing("unpacking");
            apt::unpack_all(&file, making)?;
        }
        Ok(())
    })?;
    link(cache, &folder, &release)?;
    step.done(&format!("{release} from Debian's {}", line.suite().name()));
    Ok(())
}

/// The packages of the release's own headers, of those that its flavours share, and of the tools that were built with
/// it.
fn find(apt: &mut Apt, line: KernelLine, release: &str, version: &str, step: &Step) -> Result<Vec<Package>> {
    let own = kernels::package_at(apt, line, &format!("linux-headers-{release}"), version, step)?;
    let further = |name: &&String| name.starts_with("linux-headers-") || name.starts_with("linux-kbuild-");
    let further: Vec<String> = own.depends.iter().filter(further).cloned().collect();
    let mut packages = vec![own];
    for name in further {
        packages.push(kernels::package_at(apt, line, &name, version, step)?);
    }
    Ok(packages)
}

/// Links the headers into place: Debian's Makefiles include each other by absolute paths, and modules are built through
/// `/lib/modules`.
fn link(cache: &BuildCache, folder: &str, release: &str) -> Result<()> {
    let inside = folder.strip_prefix(FOLDER).context("headers lie in the root")?;
    for entry in fs::read_dir(cache.path(folder).join("usr/src"))? {
        let name = entry?.file_name();
        let target = Path::new(inside).join("usr/src").join(&name);
        replace_link(&target, &cache.path(FOLDER).join("usr/src").join(&name))?;
    }
    let modules = cache.path(FOLDER).join("usr/lib/modules").join(release);
    fs::create_dir_all(&modules)?;
    replace_link(&Path::new("/usr/src").join(format!("linux-headers-{release}")), &modules.join("build"))
}

fn replace_link(target: &Path, place: &Path) -> Result<()> {
    match fs::remove_file(place) {
        Err(error) if error.kind() != ErrorKind::NotFound => bail!("cannot replace {}: {error}", place.display()),
        _ => symlink(target, place).with_context(|| format!("cannot make the link {}", place.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_where_debian_has_them() {
        let root = tempfile::tempdir().unwrap();
        let cache = BuildCache::open(root.path()).unwrap();
        cache.make(FOLDER, "tools", |folder| Ok(fs::create_dir_all(folder.join("usr/src"))?)).unwrap();
        let folder = format!("{FOLDER}/headers/6.1");
        for release in ["6.1.0-1-amd64", "6.1.0-1-amd64", "6.1.0-2-amd64"] {
            let own = format!("usr/src/linux-headers-{release}");
            cache.make(&folder, release, |making| Ok(fs::create_dir_all(making.join(&own))?)).unwrap();
            link(&cache, &folder, release).unwrap();
            let place = fs::read_link(cache.path(FOLDER).join(&own)).unwrap();
            assert_eq!(place, Path::new("/headers/6.1").join(&own));
            let build = cache.path(FOLDER).join("usr/lib/modules").join(release).join("build");
            assert_eq!(fs::read_link(build).unwrap(), Path::new("/").join(&own));
        }
    }
}
