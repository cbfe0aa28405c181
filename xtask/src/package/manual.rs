//! Man pages and completions, made of the command's own description of itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::{Shell, generate};
use cli::arguments::Sprig;

use crate::process;

/// Where shells look for what a package has for them.
const COMPLETIONS: [(Shell, &str); 3] = [
    (Shell::Bash, "usr/share/bash-completion/completions/sprig"),
    (Shell::Fish, "usr/share/fish/vendor_completions.d/sprig.fish"),
    (Shell::Zsh, "usr/share/zsh/vendor-completions/_sprig"),
];
const PAGES: &str = "usr/share/man/man1";

/// Each file's path, and what is in it.
pub(super) fn files() -> Result<Vec<(String, Vec<u8>)>> {
    let completions = COMPLETIONS.into_iter().map(|(shell, path)| {
        let mut script = Vec::new();
        generate(shell, &mut Sprig::command(), "sprig", &mut script);
        (path.to_owned(), script)
    });
    Ok(pages()?.into_iter().chain(completions).collect())
}

/// A page for the command and one for each subcommand, compressed as Debian has them.
fn pages() -> Result<Vec<(String, Vec<u8>)>> {
    let folder = tempfile::tempdir()?;
    clap_mangen::generate_to(Sprig::command().disable_help_subcommand(true), folder.path())?;
    let entries = fs::read_dir(folder.path())?.map(|entry| Ok(entry?.path()));
    let mut paths = entries.collect::<Result<Vec<_>>>()?;
    paths.sort();
    paths.iter().map(|path| Ok((format!("{PAGES}/{}.gz", name(path)?), compressed(path)?))).collect()
}

fn name(path: &Path) -> Result<&str> {
    path.file_name().and_then(|name| name.to_str()).context("a man page has a name")
}

/// A file compressed by gzip, without its name and time.
pub(super) fn compressed(path: &Path) -> Result<Vec<u8>> {
    process::output(Command::new("gzip").arg("-9n").arg(path), process::QUICK)?;
    let mut packed = path.as_os_str().to_owned();
    packed.push(".gz");
    fs::read(&packed).context("gzip left no file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subcommand_has_a_page_and_every_shell_its_completions() {
        let paths: Vec<_> = files().unwrap().into_iter().map(|(path, _)| path).collect();
        for subcommand in Sprig::command().get_subcommands() {
            let page = format!("{PAGES}/sprig-{}.1.gz", subcommand.get_name());
            assert!(paths.contains(&page), "{page} is not among {paths:?}");
        }
        assert!(paths.contains(&format!("{PAGES}/sprig.1.gz")));
        assert!(COMPLETIONS.iter().all(|(_, path)| paths.iter().any(|one| one == path)));
    }
}
