//! A login from one instance into another, and whether the right one answered.

use anyhow::{Result, bail};
use serde::Serialize;

use crate::expectation::Expectation;

/// A command that one instance ran on another. Having one means that it ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Login {
    /// Name of the partition whose instance logged in.
    pub(crate) from: String,
    /// Name of the partition whose instance it logged in to.
    pub(crate) to: String,
    /// The command as it was typed.
    pub(crate) command: String,
    /// The output of the command, with errors, without the last line break.
    pub(crate) output: String,
    pub(crate) exit_status: i32,
}

impl Login {
    /// The login as it looks on a console.
    pub(crate) fn transcript(&self) -> String {
        format!("{}# {}\n{}\n", self.from, self.command, self.output)
    }

    /// Fails unless the command succeeded and the right instance answered.
    pub(crate) fn check(&self, expectations: &[Expectation]) -> Result<()> {
        let Login { from, to, command, output, exit_status } = self;
        if *exit_status != 0 {
            bail!("`{command}` on {from} failed with status {exit_status}: {output}");
        }
        let expected = expectations.iter().find(|expectation| expectation.name == *to);
        let expected = expected.map(|expectation| format!("{to} {}", expectation.kernel_release)).unwrap_or_default();
        if *output != expected {
            bail!("`{command}` on {from} printed {output:?}, expected: {expected:?}");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(output: &str, exit_status: i32) -> Login {
        let command = "ssh db uname -nr".into();
        Login { from: "web".into(), to: "db".into(), command, output: output.into(), exit_status }
    }

    fn expectations() -> [Expectation; 2] {
        ["web", "db"].map(|name| Expectation { name: name.into(), kernel_release: "6.12".into(), cores: 1, memory: 1 })
    }

    #[test]
    fn only_the_right_instance_may_answer() {
        login("db 6.12", 0).check(&expectations()).unwrap();
        let wrong = login("web 6.12", 0).check(&expectations()).unwrap_err().to_string();
        assert_eq!(wrong, "`ssh db uname -nr` on web printed \"web 6.12\", expected: \"db 6.12\"");
        let failed =
            login("ssh: connect to host db port 22: No route to host", 255).check(&expectations()).unwrap_err();
        assert!(failed.to_string().contains("failed with status 255: ssh: connect"), "{failed}");
    }
}
