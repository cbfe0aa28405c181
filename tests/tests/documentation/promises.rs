//! The promises that the book's pages make: each names tests, and there are such tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;

use crate::files::{read, root};

const PAGES: [&str; 2] = ["docs/src/protocol.md", "docs/src/hosted.md"];

/// The names of tests below a folder, and of what tests are in: every function of a source.
fn functions(folder: &Path, pattern: &Regex, found: &mut BTreeSet<String>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
    for path in entries.map(|entry| entry.expect("a folder can be listed").path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            functions(&path, pattern, found);
        } else if name.ends_with(".rs") {
            found.extend(pattern.captures_iter(&read(&path)).map(|name| name[1].to_owned()));
        }
    }
}

/// Of each table whose last column is headed "held by": its rows.
fn promises(page: &str) -> Vec<String> {
    let mut rows = Vec::new();
    let mut is_inside = false;
    for line in read(&root().join(page)).lines() {
        is_inside = line.starts_with('|') && (is_inside || line.ends_with("| held by |"));
        rows.extend(Some(line.to_owned()).filter(|_| is_inside));
    }
    rows.into_iter().filter(|row| !row.ends_with("| held by |") && !row.starts_with("|---")).collect()
}

#[test]
fn each_promise_names_tests_that_there_are() {
    let mut tests = BTreeSet::new();
    let test = Regex::new(r"#\[test\]\s*(?:#\[[^\]]*\]\s*)*(?:///.*\s*)*fn (\w+)\(").expect("a pattern");
    functions(&root(), &test, &mut tests);
    let quoted = Regex::new(r"`(\w+_\w+_\w+)`").expect("a pattern");
    for page in PAGES {
        let promises = promises(page);
        assert!(promises.len() > 5, "{page} promises {} things", promises.len());
        for promise in promises {
            let held_by = promise.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
            let named: Vec<&str> = quoted.captures_iter(held_by).map(|name| name.extract::<1>().1[0]).collect();
            assert!(!named.is_empty(), "{page} names no test for {promise}");
            for name in named {
                assert!(tests.contains(name), "{page} names {name}, and there is no such test");
            }
        }
    }
}
