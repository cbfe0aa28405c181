//! Inside an instance, another program looks after the partitions of the machine (`cli/instance`). It is installed with this
//! one, and whoever types `sprig` need not know of it: its subcommands are handed over to it.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Its subcommands.
const SUBCOMMANDS: [&str; 7] = ["status", "start", "stop", "restart", "log", "console", "dump"];
/// The word that every instance has on its kernel's command line (`partitioner::view::command_line`).
const WORD: &str = "sprig.partition=";
const COMMAND_LINE: &str = "/proc/cmdline";
/// Where it is installed, below the folder in which programs have their `bin`.
const INSTALLED: &str = "lib/sprig/instance/sprig";

/// The program that is to run instead of this one with these arguments; nothing outside of instances, or where it is not
/// installed.
pub fn successor(arguments: &[OsString]) -> Option<Command> {
    let command_line = fs::read_to_string(COMMAND_LINE).unwrap_or_default();
    if !is_handed_over(&command_line, arguments) {
        return None;
    }
    let mut command = Command::new(find()?);
    command.args(arguments);
    Some(command)
}

fn is_handed_over(command_line: &str, arguments: &[OsString]) -> bool {
    let is_instance = command_line.split_whitespace().any(|word| word.starts_with(WORD));
    is_instance && arguments.first().is_some_and(|first| SUBCOMMANDS.iter().any(|name| first == name))
}

fn find() -> Option<PathBuf> {
    let program = env::current_exe().and_then(fs::canonicalize).unwrap_or_default();
    let prefixes = [program.parent().and_then(Path::parent), Some(Path::new("/usr"))];
    prefixes.into_iter().flatten().map(|prefix| prefix.join(INSTALLED)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_in_an_instance_and_only_its_own_subcommands_are_handed_over() {
        let is_handed_over = |command_line, first: &str| is_handed_over(command_line, &[first.into(), "db".into()]);
        let (instance, host) = ("pci=noearly sprig.partition=web quiet\n", "quiet not.sprig.partition=web\n");
        assert!(SUBCOMMANDS.iter().all(|name| is_handed_over(instance, name) && !is_handed_over(host, name)));
        assert!(["plan", "--version", "-h", ""].iter().all(|first| !is_handed_over(instance, first)));
        assert!(!super::is_handed_over(instance, &[]));
    }

    #[test]
    fn the_book_lists_them_and_no_other() {
        let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/src/instance.md")).unwrap();
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `sprig ")?.split(['`', ' ']).next());
        assert_eq!(rows.collect::<Vec<_>>(), SUBCOMMANDS);
    }
}
