//! Which QEMU: the one that the user names, else the one that set-up has unpacked, else the host's own.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::accelerator::Accelerator;
use super::process::wait_for_end;

const VARIABLE: &str = "SPRIG_QEMU";
const ON_PATH: &str = "qemu-system-x86_64";
/// Within the folder that set-up fills, in which the boot image lies too.
const UNPACKED: &str = "qemu/qemu-system-x86_64";

/// How long it may take to print its version.
const VERSION_LIMIT: Duration = Duration::from_secs(30);

/// The program that emulates the machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Emulator {
    program: PathBuf,
    origin: Origin,
}

/// Why it is this one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Origin {
    Named,
    SetUp,
    Path,
}

impl Emulator {
    /// The one that the environment names, else the one that set-up has unpacked beside the boot image or in the folder
    /// `sprig` beside this program's folder, else the host's own.
    pub fn find(boot_image: Option<&Path>) -> Self {
        let program = env::current_exe().and_then(fs::canonicalize).unwrap_or_default();
        let beside_program = program.parent().and_then(Path::parent).map(|folder| folder.join("sprig"));
        let beside_image = boot_image.and_then(Path::parent).map(Path::to_owned);
        Self::choose(env::var_os(VARIABLE), &[beside_image, beside_program])
    }

    /// The host's own.
    pub fn on_path() -> Self {
        Self { program: ON_PATH.into(), origin: Origin::Path }
    }

    /// This one.
    pub fn at(program: PathBuf) -> Self {
        Self { program, origin: Origin::Named }
    }

    /// The one that set-up has unpacked in this folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self { program: folder.join(UNPACKED), origin: Origin::SetUp }
    }

    fn choose(named: Option<OsString>, folders: &[Option<PathBuf>]) -> Self {
        if let Some(program) = named.filter(|program| !program.is_empty()) {
            return Self { program: program.into(), origin: Origin::Named };
        }
        let unpacked = folders.iter().flatten().map(|folder| Self::in_folder(folder));
        let mut there = unpacked.filter(|emulator| emulator.program.is_file());
        there.next().unwrap_or_else(Self::on_path)
    }

    /// Whether there is such a program.
    pub fn exists(&self) -> bool {
        if self.program.components().count() > 1 {
            return self.program.is_file();
        }
        let search = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&search).any(|folder| folder.join(&self.program).is_file())
    }

    /// Its path, or a name that is looked up on `PATH`.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Whether the user named it, by the environment.
    pub fn is_chosen_by_user(&self) -> bool {
        self.origin == Origin::Named
    }

    /// Its version.
    ///
    /// # Errors
    /// If it does not run, or prints none.
    pub fn version(&self) -> io::Result<Version> {
        let mut child = Command::new(&self.program)
            .arg("--version")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        if wait_for_end(&mut child, VERSION_LIMIT)?.is_none() {
            child.kill()?;
            child.wait()?;
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut text = String::new();
        child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?.read_to_string(&mut text)?;
        Version::read(&text).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// The version, if it is known to be one by which a kernel may crash while it boots on such a machine: see
    /// [`Version::SOUND`].
    pub fn unsound_version(&self, cpus: u32, accelerator: Accelerator) -> Option<Version> {
        let emulates_several = cpus > 1 && accelerator == Accelerator::Tcg;
        let version = emulates_several.then(|| self.version().ok()).flatten()?;
        (version < Version::SOUND).then_some(version)
    }

    /// What to do if it is missing.
    pub(super) fn help(&self) -> &'static str {
        match self.origin {
            Origin::Named => "it is named by SPRIG_QEMU",
            Origin::SetUp => "`cargo xtask setup` makes it anew",
            Origin::Path => "install the package `qemu-system-x86`, or name another by SPRIG_QEMU",
        }
    }
}

/// A version of QEMU.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Version {
    /// By year.
    pub major: u32,
    /// By release.
    pub minor: u32,
    /// By correction.
    pub micro: u32,
}

impl Version {
    /// The first that keeps other processors from changing instructions while it translates them.
    ///
    /// Linux patches itself while it boots, through an `int3` that it takes back. With older ones a processor can
    /// go on executing that `int3` when its handler knows nothing of it any more: the kernel panics.
    pub const SOUND: Self = Self { major: 8, minor: 1, micro: 0 };

    /// Reads `QEMU emulator version 10.0.2 (Debian ...)`.
    fn read(text: &str) -> Option<Self> {
        let version = text.split_once(" version ")?.1.split_whitespace().next()?;
        let mut numbers = version.split(['.', '-', '+']).map_while(|number| number.parse().ok());
        let (major, minor) = (numbers.next()?, numbers.next()?);
        Some(Self { major, minor, micro: numbers.next().unwrap_or(0) })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.micro)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_distributions_and_developers_print_it() {
        let version = |major, minor, micro| Some(Version { major, minor, micro });
        let debian = "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\nCopyright (c) 2003 ...\n";
        assert_eq!(Version::read(debian), version(7, 2, 22));
        assert_eq!(Version::read("QEMU emulator version 10.1\n"), version(10, 1, 0));
        assert_eq!(Version::read("QEMU emulator version 9.0.50-dirty\n"), version(9, 0, 50));
        assert_eq!(Version::read("some other program, version\n"), None);
        assert!(version(8, 0, 5) < Some(Version::SOUND) && version(10, 0, 0) > Some(Version::SOUND));
    }

    #[test]
    fn the_users_word_goes_before_what_is_unpacked_and_that_before_the_hosts_own() {
        let folder = tempfile::tempdir().unwrap();
        let folders = [None, Some(folder.path().to_owned())];
        assert_eq!(Emulator::choose(None, &folders), Emulator::on_path());
        let unpacked = Emulator::in_folder(folder.path());
        fs::create_dir(folder.path().join("qemu")).unwrap();
        fs::write(unpacked.program(), "").unwrap();
        assert_eq!(Emulator::choose(Some(OsString::new()), &folders), unpacked);
        let named = Emulator::choose(Some("mine".into()), &folders);
        assert!(named.is_chosen_by_user() && named.program() == Path::new("mine"));
    }

    #[test]
    fn only_an_old_one_that_emulates_several_processors_is_unsound() {
        let folder = tempfile::tempdir().unwrap();
        let emulator = Emulator::in_folder(folder.path());
        fs::create_dir(folder.path().join("qemu")).unwrap();
        let is_unsound_as = |version: &str| {
            let script = format!("#!/bin/sh\necho QEMU emulator version {version}\n");
            write_program(emulator.program(), &script);
            [(4, Accelerator::Tcg), (1, Accelerator::Tcg), (4, Accelerator::Kvm)]
                .map(|(cpus, accelerator)| emulator.unsound_version(cpus, accelerator).is_some())
        };
        assert_eq!(is_unsound_as("8.0.5"), [true, false, false]);
        assert_eq!(is_unsound_as("8.1.0"), [false, false, false]);
    }

    /// By another process: were it open for writing here while another test forks, it could not be executed.
    fn write_program(path: &Path, text: &str) {
        let mut command = Command::new("sh");
        command.args(["-c", "printf %s \"$2\" >\"$1\" && chmod +x \"$1\"", "sh"]).arg(path).arg(text);
        assert!(command.status().unwrap().success());
    }
}
