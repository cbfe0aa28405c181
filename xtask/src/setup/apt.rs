//! Private apt roots, by which any user can look up and unpack packages of other Debian suites, without installing
//! them.
//!
//! Each suite has its own root, so that `apt` sees that suite alone and its newest version is the candidate. The
//! host's proxies and mirror are used; apt checks signatures with Debian's keyring as usual.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::cache::BuildCache;
use super::mirror::Mirror;

pub(crate) use super::suite::Suite;
use crate::process;
use crate::progress::Step;

const UPDATE_LIMIT: Duration = Duration::from_secs(5 * 60);
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(20 * 60);
/// Pauses after failed attempts; after the last attempt there is none.
const PAUSES: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(10)];

const KEYRINGS: [&str; 2] =
    ["/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp"];

/// A package as its suite describes it.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) bytes: u64,
    /// Names of the packages on which it depends, without versions; of alternatives the first.
    pub(crate) depends: Vec<String>,
}

impl Package {
    /// The version of the software itself: 1.95.0 for 1.95.0+dfsg1-2~bpo13+1.
    pub(crate) fn upstream(&self) -> &str {
        self.version.split(['+', '-', '~']).next().unwrap_or_default()
    }
}

/// The roots opened so far; each is brought up to date once.
pub(crate) struct Apt<'a> {
    cache: &'a BuildCache,
    roots: BTreeMap<Suite, PathBuf>,
}

impl<'a> Apt<'a> {
    pub(crate) fn new(cache: &'a BuildCache) -> Apt<'a> {
        Apt { cache, roots: BTreeMap::new() }
    }

    /// The newest version of a package in the suite.
    pub(crate) fn show(&mut self, suite: Suite, name: &str, step: &Step) -> Result<Package> {
        let versions = self.versions(suite, name, step)?;
        versions.into_iter().next().with_context(|| format!("cannot read apt's description of {name}"))
    }

    /// Every version of a package that the suite still has, newest first.
    pub(crate) fn versions(&mut self, suite: Suite, name: &str, step: &Step) -> Result<Vec<Package>> {
        let config = self.root(suite, step)?;
        let text = process::output(apt("apt-cache", &config).args(["show", name]), process::QUICK)
            .with_context(|| format!("Debian's {} has no package {name}", suite.name()))?;
        Ok(text.split("\n\n").filter_map(parse_package).collect())
    }

    /// Names of the suite's packages that begin with this prefix.
    pub(crate) fn names(&mut self, suite: Suite, prefix: &str, step: &Step) -> Result<Vec<String>> {
        let config = self.root(suite, step)?;
        let text = process::output(apt("apt-cache", &config).args(["pkgnames", prefix]), process::QUICK)?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// These packages and all on which they depend, without recommendations: what apt would install on an empty disk.
    pub(crate) fn closure(&mut self, suite: Suite, names: &[&str], step: &Step) -> Result<Vec<Package>> {
        let config = self.root(suite, step)?;
        let mut command = apt("apt-get", &config);
        command.args(["install", "-y", "--no-install-recommends", "--print-uris"]).args(names);
        let text = process::output(&mut command, process::QUICK)
            .with_context(|| format!("Debian's {} cannot provide {}", suite.name(), names.join(" ")))?;
        Ok(text.lines().filter_map(parse_uri).collect())
    }

    /// The newest versions of these packages, and of all packages of libraries that they need in turn.
    pub(crate) fn with_libraries(&mut self, suite: Suite, names: &[&str], step: &Step) -> Result<Vec<Package>> {
        let config = self.root(suite, step)?;
        let mut found: BTreeMap<String, Package> = BTreeMap::new();
        let mut wanted: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        while !wanted.is_empty() {
            // Many packages in one call, because each call reads the whole suite.
            let mut command = apt("apt-cache", &config);
            command.args(["--no-all-versions", "show"]).args(&wanted);
            let text = process::output(&mut command, process::QUICK)
                .with_context(|| format!("Debian's {} lacks some of these packages", suite.name()))?;
            let packages: Vec<Package> = text.split("\n\n").filter_map(parse_package).collect();
            let libraries = packages.iter().flat_map(|package| &package.depends).filter(|name| is_library(name));
            wanted = libraries.cloned().collect();
            found.extend(packages.into_iter().map(|package| (package.name.clone(), package)));
            wanted.retain(|name| !found.contains_key(name));
        }
        Ok(found.into_values().collect())
    }

    /// Downloads a package into `folder` and returns the path of its file.
    pub(crate) fn download(&mut self, suite: Suite, package: &Package, folder: &Path, step: &Step) -> Result<PathBuf> {
        let files = self.download_all(suite, std::slice::from_ref(package), folder, step)?;
        files.into_iter().next().with_context(|| format!("apt-get left no package in {}", folder.display()))
    }

    /// Downloads packages into `folder` and returns the paths of their files.
    pub(crate) fn download_all(
        &mut self,
        suite: Suite,
        packages: &[Package],
        folder: &Path,
        step: &Step,
    ) -> Result<Vec<PathBuf>> {
        let config = self.root(suite, step)?;
        let wanted: Vec<String> =
            packages.iter().map(|package| format!("{}={}", package.name, package.version)).collect();
        let what = match packages {
            [package] => package.name.clone(),
            _ => format!("{} packages", packages.len()),
        };
        retry(step, &format!("download {what}"), || {
            step.fetching(&what, packages.iter().map(|package| package.bytes).sum());
            let mut command = apt("apt-get", &config);
            command.current_dir(folder).arg("download").args(&wanted);
            process::output_watched(&mut command, DOWNLOAD_LIMIT, || step.fetched(bytes_in(folder)))
        })?;
        debs_in(folder)
    }

    /// The configuration of the suite's root, made and updated at first use.
    fn root(&mut self, suite: Suite, step: &Step) -> Result<PathBuf> {
        if let Some(config) = self.roots.get(&suite) {
            return Ok(config.clone());
        }
        let lists = format!("fetch the package lists of Debian's {}", suite.name());
        let config = write_root(&self.cache.path("apt").join(suite.name()), suite)?;
        retry(step, &lists, || {
            step.doing(&lists);
            process::output(apt("apt-get", &config).args(["update", "--error-on=any"]), UPDATE_LIMIT)
        })?;
        self.roots.insert(suite, config.clone());
        Ok(config)
    }
}

/// Repeats an action that uses the network, because it may fail temporarily.
fn retry(step: &Step, what: &str, mut attempt: impl FnMut() -> Result<String>) -> Result<()> {
    for pause in PAUSES {
        if attempt().is_ok() {
            return Ok(());
        }
        step.doing(&format!("could not {what}, trying again"));
        thread::sleep(pause);
    }
    attempt().map(drop).with_context(|| format!("cannot {what}"))
}

/// Unpacks a package's files into `into`, without its documentation.
pub(crate) fn unpack_all(deb: &Path, into: &Path) -> Result<()> {
    let people = ["doc", "info", "locale", "man"].map(|folder| format!("--exclude=./usr/share/{folder}/*"));
    // A package may still have files in /bin and /lib, which are links.
    let mut arguments = vec!["--keep-directory-symlink"];
    arguments.extend(people.iter().map(String::as_str));
    unpack(deb, into, &arguments)
}

/// Unpacks those of a package's files that match `patterns` (of tar) into `into`.
pub(crate) fn unpack(deb: &Path, into: &Path, patterns: &[&str]) -> Result<()> {
    let archive = deb.with_extension("tar");
    process::output(
        Command::new("sh").args(["-c", "dpkg-deb --fsys-tarfile \"$1\" >\"$2\"", "sh"]).args([deb, archive.as_path()]),
        DOWNLOAD_LIMIT,
    )?;
    let mut tar = Command::new("tar");
    tar.arg("-xf").arg(&archive).arg("-C").arg(into).args(["--no-same-owner", "--wildcards"]).args(patterns);
    process::output(&mut tar, DOWNLOAD_LIMIT)?;
    Ok(fs::remove_file(archive)?)
}

fn apt(program: &str, config: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("-c").arg(config).arg("-qq").env("LC_ALL", "C").env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Fails with the reason if this host cannot fetch and check Debian's packages.
pub(super) fn is_here() -> Result<()> {
    if process::output(Command::new("apt-get").arg("--version"), process::QUICK).is_err() {
        bail!("Debian's packages cannot be fetched without apt-get, which is not on this host");
    }
    keyring().map(drop)
}

/// The keyring with Debian's public keys on this host.
pub(super) fn keyring() -> Result<&'static str> {
    let keyring = KEYRINGS.into_iter().find(|path| Path::new(path).exists());
    keyring.context("Debian's keys are not on this host: install the package debian-archive-keyring")
}

fn write_root(root: &Path, suite: Suite) -> Result<PathBuf> {
    is_here().context("name your own kernels and busybox with --kernel VERSION=PATH and --busybox PATH")?;
    let keyring = keyring()?;
    for folder in ["state/lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(root.join(folder))?;
    }
    fs::write(root.join("state/status"), "")?;
    fs::write(root.join("sources.list"), sources(&Mirror::of_this_host()?, suite, keyring))?;
    let config = root.join("apt.conf");
    fs::write(&config, configuration(root))?;
    Ok(config)
}

fn sources(mirror: &Mirror, suite: Suite, keyring: &str) -> String {
    let line = |base: &str, name: &str| format!("deb [target=Packages signed-by={keyring}] {base} {name} main\n");
    let security = suite.security().map(|name| line(&mirror.security, name));
    line(&mirror.main, suite.name()) + &security.unwrap_or_default()
}

/// Configuration that is read after the host's own. It removes hooks of the host that work on the host's own lists.
fn configuration(root: &Path) -> String {
    let root = root.display();
    format!(
        r#"Dir::State "{root}/state";
Dir::State::status "{root}/state/status";
Dir::Cache "{root}/cache";
Dir::Etc::sourcelist "{root}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "amd64";
#clear APT::Architectures;
APT::Architectures {{ "amd64"; }};
APT::Sandbox::User "root";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::http::Timeout "60";
Acquire::https::Timeout "60";
"#
    )
}

fn parse_package(text: &str) -> Option<Package> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let depends = field("Depends").unwrap_or_default();
    let first_word = |one: &str| one.split_whitespace().next().map(str::to_owned);
    Some(Package {
        name: field("Package")?.to_owned(),
        version: field("Version")?.to_owned(),
        bytes: field("Size")?.parse().ok()?,
        depends: depends.split(',').filter_map(first_word).collect(),
    })
}

/// Reads a line of `--print-uris`: address, `name_version_architecture.deb` with colons escaped, size, checksum.
fn parse_uri(line: &str) -> Option<Package> {
    let mut words = line.strip_prefix('\'')?.split_once("' ")?.1.split(' ');
    let (file, bytes) = (words.next()?, words.next()?.parse().ok()?);
    let mut parts = file.split('_');
    let (name, version) = (parts.next()?.to_owned(), parts.next()?.replace("%3a", ":"));
    Some(Package { name, version, bytes, depends: Vec::new() })
}

/// Whether a package is one of libraries, by Debian's naming, which has one exception. Packages for building are none.
fn is_library(package: &str) -> bool {
    package == "zlib1g" || package.starts_with("lib") && !package.ends_with("-dev")
}

fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

fn debs_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    Ok(paths.filter(|path| path.extension().is_some_and(|extension| extension == "deb")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_record_is_read() {
        let package = parse_package(
            "Package: linux-image-amd64\nVersion: 7.2-1\nDepends: linux-image-7.2 (= 7.2-1), a | b\nSize: 1900\n",
        );
        let package = package.unwrap();
        assert_eq!((package.bytes, package.depends), (1900, vec!["linux-image-7.2".to_owned(), "a".to_owned()]));
    }

    #[test]
    fn a_line_of_addresses_is_read() {
        let line = "'http://near.example/pool/z/zlib1g_1.3%2b1_amd64.deb' zlib1g_1%3a1.3+1_amd64.deb 88720 SHA256:0";
        let package = parse_uri(line).unwrap();
        assert_eq!((package.name.as_str(), package.version.as_str(), package.bytes), ("zlib1g", "1:1.3+1", 88720));
        assert!(parse_uri("Reading package lists...").is_none());
    }
}
