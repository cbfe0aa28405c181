//! What people install: packages without a mistake, whose files work alone, without the source tree.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use tempfile::TempDir;
use tests::fixture;

/// What the installed command is given as its environment.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The folder of the packages, made once for all tests, and anew by each run of them.
static PACKAGES: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("package");
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("what the last run has left can be removed");
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(workspace()).args(["xtask", "package", "--profile", "debug", "--output"]).arg(&folder);
    succeed(&mut cargo);
    folder
});

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_owned()
}

fn package(name: &str) -> PathBuf {
    PACKAGES.join(format!("{name}_{}_amd64.deb", env!("CARGO_PKG_VERSION")))
}

/// Runs a command that must succeed, and gives all that it prints.
fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let text = text(&output);
    assert!(output.status.success(), "{command:?} failed ({}):\n{text}", output.status);
    text
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

/// The files of the package for hosts in a folder of their own.
fn unpacked() -> TempDir {
    let root = TempDir::with_prefix("sprig-test-").expect("a folder");
    succeed(Command::new("dpkg-deb").arg("-x").arg(package("sprig")).arg(root.path()));
    root
}

/// The installed command in a folder, with an empty environment.
fn sprig(root: &Path, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(root.join("usr/bin/sprig"));
    command.args(arguments).current_dir(folder).env_clear().env("PATH", PATH);
    command
}

#[test]
fn lintian_finds_no_mistake() {
    for name in ["sprig", "sprig-vni-dkms"] {
        let mut lintian = Command::new("lintian");
        lintian.args(["--no-cfg", "--allow-root", "--fail-on", "error", "--tag-display-limit", "0"]).arg(package(name));
        let said = succeed(&mut lintian);
        assert!(!said.contains("E: ") && !said.contains("mismatched-override"), "{said}");
    }
}

#[test]
fn the_installed_files_work_alone() {
    let (root, folder) = (unpacked(), tempfile::tempdir().expect("a folder"));
    let run = |arguments: &[&str]| succeed(&mut sprig(root.path(), folder.path(), arguments));
    assert_eq!(run(&["--version"]), format!("sprig {}\n", env!("CARGO_PKG_VERSION")));
    let (kernel, initrd) = (fixture::kernel(fixture::STABLE), fixture::initrd());
    let (kernel, initrd) = (kernel.display().to_string(), initrd.display().to_string());
    let said = run(&["init", "pair", "--emulated", "--kernel", &kernel, "--initrd", &initrd]);
    assert!(said.starts_with("wrote pair.toml: 2 partitions, 4 cores"), "{said}");
    assert!(run(&["plan", "pair.toml"]).contains("boot image logs on"));
    let said = run(&["image", "pair.toml", "-o", "pair.iso"]);
    assert!(said.contains("for a CD, or for a USB stick"), "{said}");
    // The emulator may be missing on this host outside of the folder of set-up; nothing else may.
    let report: serde_json::Value = {
        let output = sprig(root.path(), folder.path(), &["doctor", "--json"]).output().expect("it runs");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output)))
    };
    let findings = report["findings"].as_array().expect("findings");
    let boot_image =
        findings.iter().find(|finding| finding["id"] == "boot-image").expect("the boot image is looked for");
    assert_eq!(boot_image["found"], format!("Sprig {}", env!("CARGO_PKG_VERSION")));
}

/// Of whoever made it. Of the archive, the package `sprig` has the same files.
#[test]
fn no_file_of_a_package_has_a_path_of_its_maker() {
    let home = env::var("HOME").expect("a home");
    let private = [workspace().display().to_string(), format!("{home}/.")];
    for name in ["sprig", "sprig-vni-dkms"] {
        let root = TempDir::with_prefix("sprig-test-").expect("a folder");
        succeed(Command::new("dpkg-deb").arg("-R").arg(package(name)).arg(root.path()));
        let files = files(root.path());
        assert!(files.len() > 5, "{name} has only {files:?}");
        for path in files {
            let bytes = fs::read(&path).expect("a file");
            let found = private.iter().find(|private| bytes.windows(private.len()).any(|it| it == private.as_bytes()));
            assert_eq!(found, None, "in {}", path.display());
        }
    }
}

/// All regular files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let files = entries.flat_map(|entry| match entry.file_type().expect("a type") {
        kind if kind.is_dir() => files(&entry.path()),
        kind if kind.is_file() => vec![entry.path()],
        _ => Vec::new(),
    });
    files.collect()
}

#[test]
fn no_example_names_the_source_tree() {
    let root = unpacked();
    for example in fs::read_dir(root.path().join("usr/share/doc/sprig/examples")).expect("examples") {
        let path = example.expect("an example").path();
        let text = fs::read_to_string(&path).expect("an example is text");
        assert!(!text.contains("../target"), "{} names ../target", path.display());
    }
}

#[test]
fn the_archive_is_open_to_all_and_has_completions_where_shells_look() {
    let archive = PACKAGES.join(format!("sprig-{}-x86_64.tar.gz", env!("CARGO_PKG_VERSION")));
    let list = succeed(Command::new("tar").arg("-tvzf").arg(archive));
    let modes = ["drwxr-xr-x ", "-rwxr-xr-x ", "-rw-r--r-- "];
    for line in list.lines() {
        assert!(modes.iter().any(|mode| line.starts_with(mode)), "{line}");
    }
    for path in
        ["bash-completion/completions/sprig", "zsh/site-functions/_sprig", "fish/vendor_completions.d/sprig.fish"]
    {
        assert!(list.contains(&format!("/share/{path}\n")), "{path} is missing:\n{list}");
    }
}

#[test]
fn the_same_sources_make_the_same_package() {
    let again = TempDir::with_prefix("sprig-test-").expect("a folder");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(workspace()).args(["xtask", "package", "--profile", "debug", "--output"]).arg(again.path());
    succeed(&mut cargo);
    let mut compared = 0;
    for entry in fs::read_dir(again.path()).expect("packages") {
        let path = entry.expect("a package").path();
        let first = PACKAGES.join(path.file_name().expect("a name"));
        let same = fs::read(&first).expect("the first") == fs::read(&path).expect("the second");
        assert!(same, "{} and {} differ", first.display(), path.display());
        compared += 1;
    }
    assert_eq!(compared, 3, "two packages and an archive");
}

/// A real installation: `dpkg -i` in a Debian of set-up, whose files stay as they are, and its own kernel in `/boot`.
const IN_DEBIAN: &str = r#"
set -e
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
mkdir -p "$2/root/tmp/sprig"
cp "$3" "$2/root/tmp/sprig/sprig.deb"
chroot "$2/root" env -i PATH="$4" HOME=/root sh -ec '
    cd /tmp/sprig
    dpkg -i sprig.deb
    sprig init web --emulated
    sprig check web.toml
    sprig plan web.toml
    test -s /usr/share/man/man1/sprig-init.1.gz && test -s /usr/share/bash-completion/completions/sprig
    mkdir -p /proc
    echo "pci=noearly sprig.partition=web" >/proc/cmdline
    if sprig status; then exit 1; fi
    dpkg -r sprig
    test ! -e /usr/bin/sprig && test ! -e /usr/lib/sprig
'
"#;

#[test]
fn a_debian_installs_the_package_and_proposes_a_box_of_its_own_kernel() {
    let debian = fixture::debian_root();
    // Set-up makes one only as root, who alone may also mount.
    if !debian.is_dir() {
        return println!("left out: set-up has made no Debian here");
    }
    let folder = TempDir::with_prefix("sprig-test-").expect("a folder");
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", IN_DEBIAN, "sh"]).args([&debian, folder.path(), &package("sprig")]).arg(PATH);
    let said = succeed(&mut command);
    assert!(said.contains("wrote web.toml: 2 partitions, 4 cores") && said.contains("ok: \"web\" has"), "{said}");
    assert!(said.contains("(/boot/vmlinuz-"), "{said}");
    // Of the command for instances, to which the last one was handed over.
    assert!(said.contains("this kernel was not started by Sprig"), "{said}");
}
