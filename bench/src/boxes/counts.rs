//! What both ends of a route count during a sample: their processor time, and what the card of the virtual Ethernet did.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;

use super::route::{Endpoint, Route, VNI_CARD};
use crate::probe::{Counter, Sample};

/// `/proc/stat` has this unit, whatever the kernel's own clock does.
const TICKS_PER_SECOND: f64 = 100.0;

/// Counters at one moment, or their increase between two.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
struct Counts {
    /// Hundredths of a second of processor time, of all cores together (proc(5): `/proc/stat`).
    busy: u64,
    cores: u64,
    /// Of the card, by the names of `ethtool -S`.
    card: BTreeMap<String, u64>,
}

pub(super) fn counted(route: &Route, duration: Duration, sample: impl FnOnce() -> Result<Sample>) -> Result<Sample> {
    let before = [Counts::now(&route.from)?, Counts::now(&route.to)?];
    let sample = sample()?;
    let during = [Counts::now(&route.from)?.since(&before[0]), Counts::now(&route.to)?.since(&before[1])];
    Ok(with_counters(sample, &route.from.card, duration, &during))
}

fn with_counters(sample: Sample, card: &str, duration: Duration, [from, to]: &[Counts; 2]) -> Sample {
    // The start of the programs counts too, so it may look like more than all.
    let share =
        |end: &Counts| Counter::Share(end.busy as f64 / TICKS_PER_SECOND, end.cores as f64 * duration.as_secs_f64());
    let sample = sample.count("cpu_share_sender", share(from)).count("cpu_share_receiver", share(to));
    // Only the virtual Ethernet counts doorbells and polls.
    if card != VNI_CARD {
        return sample;
    }
    let both = |name: &str| (from.sum(|other| other == name) + to.sum(|other| other == name)) as f64;
    let drops = |end: &Counts| end.sum(|name| name.contains("_drop_")) as f64;
    let frames = both("rx_frames");
    sample
        .count("frames", Counter::Sum(frames))
        .count("doorbells_per_frame", Counter::Ratio(both("doorbells_sent"), frames))
        .count("polls_per_frame", Counter::Ratio(both("polls"), frames))
        .count("drops_per_frame", Counter::Ratio(drops(from) + drops(to), frames))
        .count("lost_wakeups", Counter::Sum(both("lost_wakeups")))
}

impl Counts {
    fn now(end: &Endpoint) -> Result<Counts> {
        let card = if end.card == VNI_CARD { format!("; ethtool -S {VNI_CARD}") } else { String::new() };
        let text = end.commands.run(&format!("sh -c 'grep ^cpu /proc/stat{card}'"))?;
        Counts::read(&text).ok_or_else(|| end.commands.error("/proc/stat", text))
    }

    fn read(text: &str) -> Option<Counts> {
        let (processors, others): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("cpu"));
        let number = |word: &str| word.trim().parse::<u64>().ok();
        let ticks = processors.first()?.strip_prefix("cpu ")?.split_whitespace().take(8);
        let ticks: Vec<u64> = ticks.map_while(number).collect();
        let [_, _, _, idle, waiting, ..] = ticks[..] else { return None };
        // The sums contain the counters of each peer.
        let counters = others.iter().filter_map(|line| line.trim().split_once(": "));
        let counters = counters.filter(|(name, _)| !name.starts_with("peer"));
        let card = counters.filter_map(|(name, value)| Some((name.to_owned(), number(value)?))).collect();
        Some(Counts { busy: ticks.iter().sum::<u64>() - idle - waiting, cores: processors.len() as u64 - 1, card })
    }

    fn since(mut self, before: &Counts) -> Counts {
        self.busy = self.busy.saturating_sub(before.busy);
        for (name, value) in &mut self.card {
            *value = value.saturating_sub(before.card.get(name).copied().unwrap_or_default());
        }
        self
    }

    fn sum(&self, is_it: impl Fn(&str) -> bool) -> u64 {
        self.card.iter().filter(|(name, _)| is_it(name)).map(|(_, value)| value).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "cpu  10 0 10 70 10 0 0 0 5 5\ncpu0 1\nNIC statistics:\n     doorbells_sent: 1\n     rx_frames: 100\n     \
                          polls: 3\n     tx_drop_length: 0\n     peer0_tx_drops: 9";
    const AFTER: &str = "cpu  60 0 40 80 20 0 0 0 5 5\ncpu0 1\nNIC statistics:\n     doorbells_sent: 3\n     rx_frames: 300\n     \
                         polls: 23\n     tx_drop_length: 4\n     peer0_tx_drops: 99";

    fn counters(card: &str, text: [&str; 2]) -> BTreeMap<&'static str, f64> {
        let during = Counts::read(text[1]).unwrap().since(&Counts::read(text[0]).unwrap());
        let during = [during, Counts::default()];
        let sample = with_counters(Sample::default(), card, Duration::from_secs(1), &during);
        sample.counters.into_iter().map(|(name, counter)| (name, counter.value())).collect()
    }

    #[test]
    fn counters_are_what_happened_between() {
        let counters = counters(VNI_CARD, [BEFORE, AFTER]);
        assert_eq!((counters["cpu_share_sender"], counters["frames"]), (0.8, 200.0));
        assert_eq!((counters["doorbells_per_frame"], counters["polls_per_frame"]), (0.01, 0.1));
        assert_eq!((counters["drops_per_frame"], counters["lost_wakeups"]), (0.02, 0.0));
    }

    #[test]
    fn another_card_has_only_processor_time() {
        let text = "cpu  5 0 0 5 0 0 0 0 0 0\ncpu0 1";
        let counters = counters("lo", [text, text]);
        assert_eq!(counters.into_keys().collect::<Vec<_>>(), ["cpu_share_receiver", "cpu_share_sender"]);
        assert_eq!(Counts::read("intr 5"), None);
    }
}
