//! Every command that the README and the book name exists, and the README's table has every command of `sprig`.

use std::path::PathBuf;

use regex::Regex;

use crate::files::{files, read, root};

/// Where clap's subcommands are declared, each as a variant of `enum Command`.
const SPRIG: &str = "cli/src/arguments.rs";
const INSTANCE: &str = "cli/instance/src/main.rs";
const XTASK: &str = "xtask/src/main.rs";

/// The names of a program's subcommands, in the order of its help.
pub(crate) fn subcommands(source: &str) -> Vec<String> {
    let text = read(&root().join(source));
    let (_, body) = text.split_once("enum Command {\n").unwrap_or_else(|| panic!("{source} has no enum Command"));
    let body = body.split("\n}").next().unwrap_or_default();
    let lines = body.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['/', '#']));
    lines.map(|line| line.split(['(', ',']).next().unwrap_or_default().to_lowercase()).collect()
}

/// The subcommands of `sprig`.
pub(crate) fn of_sprig() -> Vec<String> {
    subcommands(SPRIG)
}

fn pages() -> Vec<PathBuf> {
    [vec![root().join("README.md")], files(&root().join("docs/src"), ".md")].concat()
}

#[test]
fn the_readme_lists_every_command_of_sprig_in_the_order_of_its_help() {
    let readme = read(&root().join("README.md"));
    let (_, table) = readme.split_once("| command | what it does |\n|---|---|\n").expect("the table of commands");
    let rows = table.lines().map_while(|line| line.strip_prefix("| `sprig ")?.split(['`', ' ']).next());
    assert_eq!(rows.collect::<Vec<_>>(), of_sprig());
}

/// Asserts that whatever follows this command's name at the beginning of a line or of code is one of its subcommands.
fn assert_known(command: &str, known: &[String]) {
    let mention = Regex::new(&format!(r"(?m)(?:^|`|/|sudo ){command} ([a-z]+)")).expect("a pattern");
    let mut found = 0;
    for page in pages() {
        for mention in mention.captures_iter(&read(&page)) {
            let name = &mention[1];
            assert!(known.iter().any(|known| known == name), "{}: {command} has no {name}", page.display());
            found += 1;
        }
    }
    assert!(found > 0, "no page names {command}");
}

#[test]
fn every_command_that_a_page_names_exists() {
    assert_known("cargo xtask", &subcommands(XTASK));
    // Pages name the command of a host and that of an instance alike.
    assert_known("sprig", &[of_sprig(), subcommands(INSTANCE), vec!["help".to_owned()]].concat());
}
