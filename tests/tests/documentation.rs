//! The documentation held to the code: every error has its line, and every link leads somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where errors get their codes.
const TELLING: [&str; 2] = ["partitioner/src", "boot/src"];
/// Words that look like codes: a step of the log, a naming convention, a UUID, classes of PCI functions.
const NO_CODES: [&str; 5] =
    ["hand-off", "kebab-case", "daffd814-6eba-4d8c-8a91-bc9bbf4aa301", "pci-bridge", "serial-bus"];
/// What stands before the code of a failure that is told without a diagnostic.
const TOLD_DIRECTLY: &str = "\"error[";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// Files below a folder that end so, those of `target` and those that hold only tests left out.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.expect("a folder can be listed").path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !["target", "tests"].contains(&&*name) && !name.starts_with('.') {
            found.extend(files(&path, ending));
        } else if name.ends_with(ending) && name != "tests.rs" {
            found.push(path);
        }
    }
    found
}

/// Whether a text is small letters, digits and hyphens between them.
fn is_kebab(text: &str) -> bool {
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    text.split('-').all(is_word)
}

/// Every code that the sources name: as a string of its own, always of two words or more, or within a message.
fn codes() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for path in TELLING.into_iter().flat_map(|folder| files(&root().join(folder), ".rs")) {
        let source = read(&path);
        let alone = source.split('"').filter(|text| text.contains('-') && !NO_CODES.contains(text));
        let direct = source.split(TOLD_DIRECTLY).skip(1).filter_map(|rest| Some(rest.split_once(']')?.0));
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

/// The codes that head the lines of the tables.
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
    assert!(gone.is_empty(), "docs/src/errors.md has {gone:?}, which no code tells");
}

/// The targets of a text's links, those into the network left out.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target).filter(|target| !target.contains("://"))
}

/// The anchors of a text's headings, as both mdBook and forges make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
    headings.map(|heading| heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut followed = 0;
    for path in files(&root(), ".md") {
        let text = read(&path);
        for link in links(&text) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target =
                if file.is_empty() { path.clone() } else { path.parent().expect("a file has a folder").join(file) };
            assert!(target.exists(), "{} links to {link}, which is not there", path.display());
            let there = anchor.is_empty() || anchors(&read(&target)).contains(anchor);
            assert!(there, "{} links to {link}, which has no such heading", path.display());
            followed += 1;
        }
    }
    assert!(followed > 0, "no links are found");
}

#[test]
fn every_page_of_the_book_is_in_its_summary() {
    let book = root().join("docs/src");
    let summary = read(&book.join("SUMMARY.md"));
    let listed: BTreeSet<PathBuf> = links(&summary).map(|link| book.join(link)).collect();
    for page in files(&book, ".md").into_iter().filter(|page| !page.ends_with("SUMMARY.md")) {
        assert!(listed.contains(&page), "docs/src/SUMMARY.md does not list {}", page.display());
    }
}

/// The functions that a trait declares.
fn verbs_of_machine() -> Vec<String> {
    let source = read(&root().join("partitioner/src/machine.rs"));
    let (_, body) = source.split_once("pub trait Machine {").expect("the trait");
    let verbs = body.lines().filter_map(|line| line.strip_prefix("    fn ")?.split_once('('));
    verbs.map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn every_verb_of_a_machine_is_in_the_book_in_the_order_of_the_code() {
    let page = read(&root().join("docs/src/architecture.md"));
    let (_, table) = page.split_once("| verb | what it does |\n|---|---|\n").expect("the table of verbs");
    let rows = table.lines().map_while(|line| line.strip_prefix("| `")?.split_once('`'));
    let documented: Vec<_> = rows.map(|(verb, _)| verb).collect();
    assert_eq!(documented, verbs_of_machine());
}
