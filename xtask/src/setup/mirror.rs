//! Which of Debian's mirrors to use: the one that this host's apt uses, so that the user's choice is respected.

use std::env;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// The addresses from which Debian's archive is fetched.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Mirror {
    pub(super) main: String,
    pub(super) security: String,
}

impl Mirror {
    /// `$SPRIG_DEBIAN_MIRROR` and `$SPRIG_DEBIAN_SECURITY_MIRROR`, else what this host's apt uses.
    pub(super) fn of_this_host() -> Result<Mirror> {
        let named = env::var("SPRIG_DEBIAN_MIRROR").ok();
        let main = match named {
            Some(main) => main,
            None => {
                let mut command = Command::new("apt-get");
                let uris =
                    process::output(command.args(["update", "--print-uris"]).env("LC_ALL", "C"), process::QUICK)?;
                return Mirror::from_uris(&uris).context(
                    "this host's apt names no Debian mirror: set SPRIG_DEBIAN_MIRROR to the address of one, \
                     or name your own files with --kernel VERSION=PATH and --busybox PATH",
                );
            }
        };
        let security = env::var("SPRIG_DEBIAN_SECURITY_MIRROR").unwrap_or_else(|_| beside(&main));
        Ok(Mirror { main, security })
    }

    /// Reads `apt-get update --print-uris`. Others use Debian's suite names too, so the mirror is the address that
    /// also has the suite's updates, if one does.
    fn from_uris(text: &str) -> Option<Mirror> {
        const SUITES: [&str; 7] = ["bookworm", "trixie", "forky", "sid", "stable", "testing", "unstable"];
        let found: Vec<(&str, &str)> = text
            .lines()
            .filter_map(|line| line.strip_prefix('\'')?.split_once('\''))
            .filter_map(|(uri, _)| uri.strip_suffix("/InRelease")?.rsplit_once("/dists/"))
            .collect();
        let has = |base: &str, suite: String| found.contains(&(base, suite.as_str()));
        let mains: Vec<_> = found.iter().filter(|(_, suite)| SUITES.contains(suite)).collect();
        let (main, suite) = mains
            .iter()
            .find(|(base, suite)| has(base, format!("{suite}-updates")))
            .or(mains.first())
            .map(|(base, suite)| (base.to_string(), suite.to_string()))?;
        let security = found.iter().find(|(_, name)| *name == format!("{suite}-security"));
        let security = security.map_or_else(|| beside(&main), |(base, _)| base.to_string());
        Some(Mirror { main, security })
    }
}

/// The usual address of the security archive on a mirror whose archive is at `.../debian`.
fn beside(main: &str) -> String {
    format!("{}-security", main.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_address_that_also_has_updates() {
        let text = "'https://other.example/linux/debian/dists/bookworm/InRelease' a 0 \n\
                    'http://near.example/debian/dists/bookworm/InRelease' b 0 \n\
                    'http://near.example/debian/dists/bookworm-updates/InRelease' c 0 \n\
                    'http://sec.example/x/dists/bookworm-security/InRelease' d 0 \n\
                    'http://near.example/debian/dists/bookworm/main/binary-amd64/Packages.xz' e 0 \n";
        let mirror = Mirror::from_uris(text).unwrap();
        assert_eq!(
            (mirror.main.as_str(), mirror.security.as_str()),
            ("http://near.example/debian", "http://sec.example/x")
        );
    }

    #[test]
    fn a_mirror_without_security_is_given_the_customary_one() {
        let mirror = Mirror::from_uris("'http://near.example/debian/dists/sid/InRelease' a 0 \n").unwrap();
        assert_eq!(mirror.security, "http://near.example/debian-security");
    }

    #[test]
    fn another_distribution_has_no_debian_mirror() {
        assert_eq!(Mirror::from_uris("'http://near.example/ubuntu/dists/noble/InRelease' a 0 \n"), None);
    }
}
