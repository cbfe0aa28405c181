//! Imports run one way: the book's table of which package may use which is compared with cargo's metadata.
//!
//! The policy (`partitioner`) and the shared window (`shmem`) use no other package, so that the same code runs in the
//! boot image, on a host and in a Linux driver.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The page of the book that says who may use whom, and the heading above its table.
const PAGE: &str = "docs/src/architecture.md";
const HEADING: &str = "## Who may use whom";

/// Libraries that must build for bare metal, and those of them that must not have unsafe code.
const NO_STD: [&str; 5] = ["shmem", "control", "vni", "guest-driver", "partitioner"];
const NO_UNSAFE: [&str; 3] = ["control", "vni", "partitioner"];

/// One package of the workspace.
struct Package {
    name: String,
    folder: PathBuf,
    /// Those packages of the workspace that it names.
    uses: Vec<String>,
    /// What it makes: `bin`, `test`, a library for Rust (`lib`), one for C (`cdylib`), and so on.
    targets: Vec<String>,
}

fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    metadata["packages"].as_array().expect("cargo lists packages").iter().map(package).collect()
}

fn package(entry: &Value) -> Package {
    let text = |value: &Value| value.as_str().expect("cargo names it").to_owned();
    let dependencies = entry["dependencies"].as_array().expect("cargo lists dependencies");
    // A dependency with a path is one of ours.
    let ours = dependencies.iter().filter(|dependency| !dependency["path"].is_null());
    let targets = entry["targets"].as_array().expect("cargo lists targets");
    let kinds = targets.iter().flat_map(|target| target["kind"].as_array().expect("cargo says what a target is"));
    Package {
        name: text(&entry["name"]),
        folder: Path::new(&text(&entry["manifest_path"])).parent().expect("a manifest lies in a folder").to_owned(),
        uses: ours.map(|dependency| text(&dependency["name"])).collect(),
        targets: kinds.map(text).collect(),
    }
}

/// Each package, and all of ours that it may name, also for its tests: the rows of the table in the book.
fn allowed() -> BTreeMap<String, Vec<String>> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(PAGE);
    let text = fs::read_to_string(&page).unwrap_or_else(|error| panic!("cannot read {}: {error}", page.display()));
    let (_, section) = text.split_once(HEADING).unwrap_or_else(|| panic!("{PAGE} has no heading {HEADING:?}"));
    let section = section.split("\n## ").next().unwrap_or_default();
    let row = |line: &str| {
        let (package, used) = line.strip_prefix("| `")?.split_once("` |")?;
        Some((package.to_owned(), used.split('`').skip(1).step_by(2).map(str::to_owned).collect()))
    };
    section.lines().filter_map(row).collect()
}

fn library(name: &str) -> String {
    let packages = packages();
    let package = packages.iter().find(|package| package.name == name);
    let root = package.unwrap_or_else(|| panic!("the workspace has no package {name}")).folder.join("src/lib.rs");
    fs::read_to_string(&root).unwrap_or_else(|error| panic!("cannot read {}: {error}", root.display()))
}

#[test]
fn imports_run_one_way() {
    let allowed = allowed();
    let packages = packages();
    for package in &packages {
        let may_use =
            allowed.get(&package.name).unwrap_or_else(|| panic!("{PAGE} does not say what {} may use", package.name));
        for used in &package.uses {
            assert!(may_use.contains(used), "{} may not use {used}", package.name);
        }
        let unused: Vec<_> = may_use.iter().filter(|name| !package.uses.contains(name)).collect();
        assert!(unused.is_empty(), "{PAGE} lets {} use {unused:?}, which it does not", package.name);
    }
    for name in allowed.keys() {
        assert!(packages.iter().any(|package| package.name == *name), "{PAGE} names {name}, which is no package");
    }
}

/// Cargo puts no hash into the name of a library for C, nor into that of the same package for Rust: two variants of
/// it, with and without unwinding for example, would overwrite each other, and programs would not link.
#[test]
fn a_library_is_for_rust_or_for_c_and_never_for_both() {
    for package in packages() {
        let is_any = |kinds: [&str; 2]| package.targets.iter().any(|kind| kinds.contains(&kind.as_str()));
        let is_both = is_any(["lib", "rlib"]) && is_any(["cdylib", "staticlib"]);
        assert!(!is_both, "give C a package of its own: {} makes {:?}", package.name, package.targets);
    }
}

#[test]
fn what_runs_on_bare_metal_and_in_kernels_is_no_std() {
    for name in NO_STD {
        let has_attribute = library(name).lines().any(|line| line == "#![no_std]");
        assert!(has_attribute, "{name}/src/lib.rs does not say #![no_std]");
    }
}

#[test]
fn policy_and_protocol_forbid_unsafe_code() {
    for name in NO_UNSAFE {
        let has_attribute = library(name).lines().any(|line| line == "#![forbid(unsafe_code)]");
        assert!(has_attribute, "{name}/src/lib.rs does not say #![forbid(unsafe_code)]");
    }
}

#[test]
fn every_package_but_the_boot_image_keeps_the_lints_of_the_workspace() {
    for package in packages().iter().filter(|package| package.name != "boot") {
        let manifest = fs::read_to_string(package.folder.join("Cargo.toml")).expect("cargo has read it");
        let keeps = manifest.contains("[lints]\nworkspace = true");
        assert!(keeps, "{}/Cargo.toml does not take the workspace's lints", package.name);
    }
}
