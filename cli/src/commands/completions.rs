//! `sprig completions`: what a shell needs to complete the command's words.

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::{Shell, generate};

use super::print;
use crate::arguments::Sprig;

/// Print completions of this command for a shell
///
/// Packages install them. Otherwise, for bash: `sprig completions bash >~/.local/share/bash-completion/completions/sprig`;
/// for fish: `sprig completions fish >~/.config/fish/completions/sprig.fish`; for zsh: `sprig completions zsh >_sprig` in a
/// folder of $fpath.
#[derive(clap::Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Prints them.
    ///
    /// # Errors
    /// If they cannot be printed.
    pub fn run(&self) -> Result<()> {
        print(&of(self.shell))
    }
}

/// The completions for a shell.
fn of(shell: Shell) -> String {
    let mut script = Vec::new();
    generate(shell, &mut Sprig::command(), "sprig", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
