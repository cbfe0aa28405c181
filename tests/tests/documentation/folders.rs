//! The README's list of folders names every one, and none that does not exist.

use std::collections::BTreeSet;
use std::fs;

use crate::files::{read, root};

/// The folders that head the entries of the README's list, without the slash at the end.
fn documented() -> BTreeSet<String> {
    let readme = read(&root().join("README.md"));
    let (_, section) = readme.split_once("\n## Folders\n").expect("the README has a section on folders");
    let section = section.split("\n## ").next().unwrap_or_default();
    let entries = section.lines().filter_map(|line| line.strip_prefix("- `")?.split_once("/`:"));
    entries.map(|(folder, _)| folder.to_owned()).collect()
}

/// The folders of the workspace's packages, as its manifest lists them.
fn packages() -> BTreeSet<String> {
    let manifest = read(&root().join("Cargo.toml"));
    let list = manifest.split_once("\nmembers = [").and_then(|(_, rest)| rest.split_once(']')).expect("members").0;
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The folders of the repository's root, without hidden ones and cargo's.
fn at_top() -> BTreeSet<String> {
    let entries = fs::read_dir(root()).expect("the root can be listed").map(|entry| entry.expect("an entry"));
    let folders = entries.filter(|entry| entry.path().is_dir());
    let names = folders.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| !name.starts_with('.') && name != "target").collect()
}

#[test]
fn every_folder_is_in_the_readme_and_no_other() {
    let expected: BTreeSet<String> = packages().union(&at_top()).cloned().collect();
    assert_eq!(documented(), expected);
}
