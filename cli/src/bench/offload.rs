//! Paper mode: the features of both ends' cards are switched off, and back on to what they were.

use super::end::{End, Path};
use super::fault::Fault;
use super::task::Offload;

/// What is switched off: the name that `ethtool -k` shows, and the word that `ethtool -K` takes.
const FEATURES: [(&str, &str); 5] = [
    ("tcp-segmentation-offload", "tso"),
    ("generic-segmentation-offload", "gso"),
    ("generic-receive-offload", "gro"),
    ("tx-checksumming", "tx"),
    ("rx-checksumming", "rx"),
];

/// What both ends' cards had on when they were first looked at.
#[derive(Clone, Default)]
pub(super) struct Features {
    from: Vec<&'static str>,
    to: Vec<&'static str>,
}

impl Features {
    /// Of the cards as they are.
    pub(super) fn of(path: &Path) -> Result<Features, Fault> {
        Ok(Features { from: features(&path.from)?, to: features(&path.to)? })
    }

    /// Switches them.
    pub(super) fn set(&self, path: &Path, offload: Offload) -> Result<(), Fault> {
        switch(&path.from, &self.from, offload)?;
        switch(&path.to, &self.to, offload)
    }
}

fn features(end: &End) -> Result<Vec<&'static str>, Fault> {
    let shown = end.run(&format!("ethtool -k {}", end.card().name()))?;
    Ok(switchable(&shown))
}

/// Those that are on and not fixed.
fn switchable(shown: &str) -> Vec<&'static str> {
    let is_on = |name: &str| shown.lines().any(|line| line.trim() == format!("{name}: on"));
    FEATURES.iter().filter(|(name, _)| is_on(name)).map(|(_, word)| *word).collect()
}

fn switch(end: &End, features: &[&str], offload: Offload) -> Result<(), Fault> {
    let state = match offload {
        Offload::On => "on",
        Offload::Off => "off",
    };
    if features.is_empty() {
        return Ok(());
    }
    let words: String = features.iter().map(|feature| format!(" {feature} {state}")).collect();
    // It shows what it has changed besides.
    end.run(&format!("ethtool -K {}{words}", end.card().name())).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_on_and_can_be_switched_is_switched() {
        let shown = "Features for vni0:\nrx-checksumming: on [fixed]\ntx-checksumming: on\n\
                     \ttx-checksum-ipv4: off [fixed]\ntcp-segmentation-offload: on\ngeneric-receive-offload: off\n";
        assert_eq!(switchable(shown), ["tso", "tx"]);
    }
}
