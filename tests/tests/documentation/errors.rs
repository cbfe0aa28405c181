//! The page of errors lists every code of the sources, and no other.

use std::collections::BTreeSet;

use crate::files::{files, read, root};

/// Where errors get their codes.
const SOURCES: [&str; 2] = ["partitioner/src", "boot/src"];
/// Words that look like codes: a step of the log, a naming convention, a UUID, classes of PCI functions.
const NO_CODES: [&str; 5] =
    ["hand-off", "kebab-case", "daffd814-6eba-4d8c-8a91-bc9bbf4aa301", "pci-bridge", "serial-bus"];
/// What stands before the code of an error that is printed without a diagnostic.
const PRINTED_DIRECTLY: &str = "\"error[";

/// Whether a text consists of words of small letters and digits with hyphens between them.
fn is_kebab(text: &str) -> bool {
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    text.split('-').all(is_word)
}

/// Every code in the sources: a string of its own, always of two words or more, or a part of a message.
fn codes() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for path in SOURCES.into_iter().flat_map(|folder| files(&root().join(folder), ".rs")) {
        let source = read(&path);
        let alone = source.split('"').filter(|text| text.contains('-') && !NO_CODES.contains(text));
        let direct = source.split(PRINTED_DIRECTLY).skip(1).filter_map(|rest| Some(rest.split_once(']')?.0));
        codes.extend(alone.chain(direct).filter(|text| is_kebab(text)).map(str::to_owned));
    }
    // Elsewhere many strings look like codes, so only those count with which a diagnostic is made.
    for path in files(&root().join("emulator/src"), ".rs") {
        let source = read(&path);
        let made = source.split("diagnostic(").chain(source.split("Diagnostic::new(")).skip(1);
        let code = |rest: &str| Some(rest.trim_start().strip_prefix('"')?.split_once('"')?.0.to_owned());
        codes.extend(made.filter_map(code).filter(|text| is_kebab(text)));
    }
    codes
}

/// The codes in the first column of the tables.
fn documented() -> BTreeSet<String> {
    let text = read(&root().join("docs/src/errors.md"));
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    rows.map(|(code, _)| code.to_owned()).collect()
}

#[test]
fn every_error_code_is_documented_and_no_other() {
    let (codes, documented) = (codes(), documented());
    assert!(codes.contains("core-claimed-twice") && codes.contains("internal"), "no codes are found: {codes:?}");
    let missing: Vec<_> = codes.difference(&documented).collect();
    assert!(missing.is_empty(), "docs/src/errors.md lacks {missing:?}");
    let gone: Vec<_> = documented.difference(&codes).collect();
    assert!(gone.is_empty(), "docs/src/errors.md has {gone:?}, which no code has");
}
