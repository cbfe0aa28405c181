//! What an instance counts while something is measured: its processor time, and what its card did.

use std::collections::BTreeMap;
use std::time::Duration;

use super::end::{Card, End};
use super::fault::Fault;

/// In which `/proc/stat` counts, whatever the kernel's own clock does.
const TICKS_PER_SECOND: f64 = 100.0;

/// Counters at one moment; the difference of two is what happened between.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Counts {
    /// Hundredths of a second of processor time, of all cores together (proc(5): `/proc/stat`).
    busy: u64,
    cores: u64,
    /// Of the card, by the names that `ethtool -S` gives them.
    card: BTreeMap<String, u64>,
}

/// What happened at both ends over some samples.
#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct Tally {
    from: Counts,
    to: Counts,
    /// How long the samples took together.
    seconds: f64,
    is_vni: bool,
}

impl Counts {
    /// As they are now.
    pub(super) fn now(end: &End) -> Result<Counts, Fault> {
        let told = match end.card() {
            Card::Vni(name) => format!("; ethtool -S {name}"),
            Card::Other(_) => String::new(),
        };
        let text = end.run(&format!("sh -c 'grep ^cpu /proc/stat{told}'"))?;
        Counts::read(&text).ok_or_else(|| Fault::Answer { end: end.name().to_owned(), what: "/proc/stat", said: text })
    }

    fn read(text: &str) -> Option<Counts> {
        let (processors, others): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("cpu"));
        let together = processors.first()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> = together.split_whitespace().take(8).map_while(number).collect();
        let [_, _, _, idle, waiting, ..] = ticks[..] else { return None };
        let busy = ticks.iter().sum::<u64>() - idle - waiting;
        // Those of each peer are contained in the sums.
        let counters = others.iter().filter_map(|line| line.trim().split_once(": "));
        let card = counters.filter(|(name, _)| !name.starts_with("peer"));
        let card = card.filter_map(|(name, value)| Some((name.to_owned(), number(value)?))).collect();
        Some(Counts { busy, cores: processors.len() as u64 - 1, card })
    }

    /// What happened since.
    pub(super) fn since(&self, before: &Counts) -> Counts {
        let card = self.card.iter().map(|(name, value)| {
            (name.clone(), value.saturating_sub(before.card.get(name).copied().unwrap_or_default()))
        });
        Counts { busy: self.busy.saturating_sub(before.busy), cores: self.cores, card: card.collect() }
    }

    fn add(&mut self, more: &Counts) {
        self.busy += more.busy;
        self.cores = more.cores;
        for (name, value) in &more.card {
            *self.card.entry(name.clone()).or_default() += value;
        }
    }

    fn counter(&self, name: &str) -> u64 {
        self.card.get(name).copied().unwrap_or_default()
    }

    fn drops(&self) -> u64 {
        self.card.iter().filter(|(name, _)| name.contains("_drop_")).map(|(_, value)| value).sum()
    }

    /// Of what its cores have in so long. Starting what measures counts too, so it may look like more than all.
    fn share(&self, seconds: f64) -> f64 {
        (self.busy as f64 / TICKS_PER_SECOND / (self.cores as f64 * seconds).max(f64::MIN_POSITIVE)).min(1.0)
    }
}

impl Tally {
    /// Adds what happened during a sample at the ends of a path.
    pub(super) fn add(&mut self, card: &Card, sample: Duration, from: &Counts, to: &Counts) {
        self.seconds += sample.as_secs_f64();
        self.is_vni = matches!(card, Card::Vni(_));
        self.from.add(from);
        self.to.add(to);
    }

    /// What is told beside the samples; nothing where nobody counted.
    pub(super) fn beside(&self) -> BTreeMap<String, f64> {
        if self.seconds == 0.0 {
            return BTreeMap::new();
        }
        let mut beside = BTreeMap::from([
            ("cpu_share_sender".to_owned(), self.from.share(self.seconds)),
            ("cpu_share_receiver".to_owned(), self.to.share(self.seconds)),
        ]);
        if self.is_vni {
            let both = |name| (self.from.counter(name) + self.to.counter(name)) as f64;
            let frames = both("rx_frames").max(1.0);
            let drops = (self.from.drops() + self.to.drops()) as f64;
            let told = [
                ("frames", frames),
                ("doorbells_per_frame", both("doorbells_sent") / frames),
                ("polls_per_frame", both("polls") / frames),
                ("drops_per_frame", drops / frames),
                ("lost_wakeups", both("lost_wakeups")),
            ];
            beside.extend(told.map(|(name, value)| (name.to_owned(), value)));
        }
        beside
    }
}

fn number(word: &str) -> Option<u64> {
    word.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "cpu  10 0 10 70 10 0 0 0 5 5\ncpu0 1\nNIC statistics:\n     doorbells_sent: 1\n     rx_frames: 100\n     \
                          polls: 3\n     tx_drop_length: 0\n     peer0_tx_drops: 9";
    const AFTER: &str = "cpu  60 0 40 80 20 0 0 0 5 5\ncpu0 1\nNIC statistics:\n     doorbells_sent: 3\n     rx_frames: 300\n     \
                         polls: 23\n     tx_drop_length: 4\n     peer0_tx_drops: 99";

    #[test]
    fn what_is_told_beside_is_what_happened_between() {
        let during = Counts::read(AFTER).unwrap().since(&Counts::read(BEFORE).unwrap());
        let mut tally = Tally::default();
        tally.add(&Card::Vni("vni0".to_owned()), Duration::from_secs(1), &during, &Counts::default());
        tally.add(&Card::Vni("vni0".to_owned()), Duration::from_secs(1), &during, &Counts::default());
        let beside = tally.beside();
        assert_eq!(beside["cpu_share_sender"], 0.8);
        assert_eq!((beside["frames"], beside["doorbells_per_frame"]), (400.0, 0.01));
        assert_eq!((beside["polls_per_frame"], beside["drops_per_frame"]), (0.1, 0.02));
        assert_eq!(beside["lost_wakeups"], 0.0);
    }

    #[test]
    fn another_card_has_only_processor_time() {
        let mut tally = Tally::default();
        let during = Counts::read("cpu  5 0 0 5 0 0 0 0 0 0\ncpu0 1").unwrap();
        tally.add(&Card::Other("lo".to_owned()), Duration::from_secs(1), &during, &during);
        assert_eq!(tally.beside().into_keys().collect::<Vec<_>>(), ["cpu_share_receiver", "cpu_share_sender"]);
        assert_eq!(Counts::read("intr 5"), None);
        assert!(Tally::default().beside().is_empty(), "nobody counted");
    }
}
