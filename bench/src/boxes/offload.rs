//! Paper mode: both ends' cards without offload, and then as they were.

use anyhow::Result;
use serde::Serialize;

use super::route::{Endpoint, Route};

/// The name that `ethtool -k` prints, and the word that `ethtool -K` takes.
const FEATURES: [(&str, &str); 5] = [
    ("tcp-segmentation-offload", "tso"),
    ("generic-segmentation-offload", "gso"),
    ("generic-receive-offload", "gro"),
    ("tx-checksumming", "tx"),
    ("rx-checksumming", "rx"),
];

/// Whether the cards take work off the stack.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Offload {
    /// As they are.
    On,
    /// Paper mode: 1,500-byte frames, and the stack computes the checksum of each.
    Off,
}

pub(super) fn with_offload<T>(route: &Route, offload: Offload, run: impl FnOnce() -> Result<T>) -> Result<T> {
    if offload == Offload::On {
        return run();
    }
    let ends = [(&route.from, enabled(&route.from)?), (&route.to, enabled(&route.to)?)];
    ends.iter().try_for_each(|(end, features)| switch(end, features, "off"))?;
    let outcome = run();
    // Also after an error: the next sample needs the cards as they were.
    ends.iter().try_for_each(|(end, features)| switch(end, features, "on"))?;
    outcome
}

fn enabled(end: &Endpoint) -> Result<Vec<&'static str>> {
    Ok(switchable(&end.commands.run(&format!("ethtool -k {}", end.card))?))
}

/// The features that are on and not fixed.
fn switchable(shown: &str) -> Vec<&'static str> {
    let is_on = |name: &str| shown.lines().any(|line| line.trim() == format!("{name}: on"));
    FEATURES.iter().filter(|(name, _)| is_on(name)).map(|(_, word)| *word).collect()
}

fn switch(Endpoint { commands, card, .. }: &Endpoint, features: &[&str], state: &str) -> Result<()> {
    if features.is_empty() {
        return Ok(());
    }
    let words: String = features.iter().map(|feature| format!(" {feature} {state}")).collect();
    commands.run(&format!("ethtool -K {}{words}", card)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_that_are_off_or_fixed_are_left_alone() {
        let shown = "Features for vni0:\nrx-checksumming: on [fixed]\ntx-checksumming: on\n\
                     \ttx-checksum-ipv4: off [fixed]\ntcp-segmentation-offload: on\ngeneric-receive-offload: off\n";
        assert_eq!(switchable(shown), ["tso", "tx"]);
    }
}
