//! What the boots took, as medians with ranges, and the three targets that they are held against.
//!
//! Ratios are taken within a pair, whose two boots ran one after the other, and the median is over the pairs: what
//! slows the host for a while slows both.

use std::fmt;
use std::time::Duration;

use partitioner::amount::Amount;
use serde::Serialize;

use super::sample::Sample;

/// Partitioner's own time to the boot of a single kernel.
const OWN_TIME_MOST: f64 = 0.05;
/// All instances in user space to a single kernel in user space.
const ALL_UP_MOST: f64 = 1.3;
/// Bytes of the resident part and all tables.
const RESIDENT_LIMIT: u64 = 4 << 20;

/// A boot of the box.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BoxBoot {
    /// From QEMU's start until the last instance reported from user space.
    pub(super) all_up: Duration,
    pub(super) partitioner: PartitionerTime,
}

/// The times that the boot image tells when it leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PartitionerTime {
    /// From its entry to the start of the last kernel, without `waited`.
    pub(super) own: Duration,
    /// For turns: until each kernel was past its legacy accesses.
    pub(super) waited: Duration,
}

impl PartitionerTime {
    /// Reads `... leave: own time 390090 us, waited for turns 1844497 us; ...`.
    pub(super) fn in_line(line: &str) -> Option<PartitionerTime> {
        let (_, rest) = line.split_once(" leave: own time ")?;
        let (own, rest) = rest.split_once(" us, waited for turns ")?;
        let (waited, _) = rest.split_once(" us")?;
        let micros = |text: &str| text.parse().ok().map(Duration::from_micros);
        Some(PartitionerTime { own: micros(own)?, waited: micros(waited)? })
    }
}

/// The two boots of a pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pair {
    /// A single kernel: from QEMU's start until it reported from user space.
    pub(super) single: Duration,
    pub(super) together: BoxBoot,
}

/// What is published. Times are in seconds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(super) struct Figures {
    single_boot_seconds: Sample,
    box_all_in_user_space_seconds: Sample,
    own_time_seconds: Sample,
    waited_for_turns_seconds: Sample,
    own_time_to_single_boot: Held<Sample>,
    all_in_user_space_to_single_boot: Held<Sample>,
    resident_and_tables_bytes: Held<u64>,
}

/// A figure and whether it keeps to its target.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
struct Held<T> {
    value: T,
    target: f64,
    met: bool,
}

impl Figures {
    /// Of these pairs; `None` of none.
    pub(super) fn of(pairs: &[Pair], resident_and_tables: u64) -> Option<Figures> {
        let sample = |of: fn(&Pair) -> f64| Sample::of(pairs.iter().map(of));
        let ratio = |of: fn(&Pair) -> f64, target| {
            let value = sample(of)?;
            Some(Held { value, target, met: value.median <= target })
        };
        Some(Figures {
            single_boot_seconds: sample(|pair| pair.single.as_secs_f64())?,
            box_all_in_user_space_seconds: sample(|pair| pair.together.all_up.as_secs_f64())?,
            own_time_seconds: sample(|pair| pair.together.partitioner.own.as_secs_f64())?,
            waited_for_turns_seconds: sample(|pair| pair.together.partitioner.waited.as_secs_f64())?,
            own_time_to_single_boot: ratio(
                |pair| pair.together.partitioner.own.div_duration_f64(pair.single),
                OWN_TIME_MOST,
            )?,
            all_in_user_space_to_single_boot: ratio(
                |pair| pair.together.all_up.div_duration_f64(pair.single),
                ALL_UP_MOST,
            )?,
            resident_and_tables_bytes: Held {
                value: resident_and_tables,
                target: RESIDENT_LIMIT as f64,
                met: resident_and_tables < RESIDENT_LIMIT,
            },
        })
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |met| if met { "met" } else { "MISSED" };
        writeln!(f, "  single kernel in user space      {:.2} s", self.single_boot_seconds)?;
        writeln!(f, "  all instances in user space      {:.2} s", self.box_all_in_user_space_seconds)?;
        writeln!(f, "  partitioner's own time           {:.0} ms", self.own_time_seconds.times(1e3))?;
        writeln!(f, "  its waiting for turns            {:.0} ms", self.waited_for_turns_seconds.times(1e3))?;
        writeln!(f)?;
        let own = &self.own_time_to_single_boot;
        let own_met = word(own.met);
        writeln!(f, "  own time / single boot           {:.1} %, target at most 5 %: {own_met}", own.value.times(1e2))?;
        let all = &self.all_in_user_space_to_single_boot;
        writeln!(f, "  all instances / single boot      {:.2}, target at most 1.3: {}", all.value, word(all.met))?;
        let resident = &self.resident_and_tables_bytes;
        let (amount, limit) = (Amount(resident.value), Amount(RESIDENT_LIMIT));
        writeln!(f, "  resident part and tables         {amount}, target under {limit}: {}", word(resident.met))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(single_ms: u64, all_up_ms: u64, own_ms: u64) -> Pair {
        let [single, all_up, own] = [single_ms, all_up_ms, own_ms].map(Duration::from_millis);
        let partitioner = PartitionerTime { own, waited: Duration::from_millis(100) };
        Pair { single, together: BoxBoot { all_up, partitioner } }
    }

    #[test]
    fn the_partitioners_times_are_read_from_its_last_line() {
        let line = "sprig     2.234 leave: own time 390090 us, waited for turns 1844497 us; the boot processor parks";
        let (own, waited) = (Duration::from_micros(390_090), Duration::from_micros(1_844_497));
        assert_eq!(PartitionerTime::in_line(line), Some(PartitionerTime { own, waited }));
        assert_eq!(PartitionerTime::in_line("sprig     2.234 leave: own time soon"), None);
        assert_eq!(PartitionerTime::in_line("[    1.0] own time 1 us, waited for turns 2 us"), None);
    }

    #[test]
    fn ratios_are_taken_within_pairs() {
        // Over the medians it would be 3000 / 2000: each pair says 1.
        let pairs = [pair(1000, 1000, 10), pair(3000, 3000, 30), pair(2000, 4000, 20)];
        let figures = Figures::of(&pairs, 0).unwrap();
        assert_eq!(figures.all_in_user_space_to_single_boot.value.median, 1.0);
        assert_eq!(figures.own_time_to_single_boot.value.median, 0.01);
        assert_eq!(figures.box_all_in_user_space_seconds.median, 3.0);
    }

    #[test]
    fn each_target_is_met_up_to_its_limit_and_missed_beyond() {
        let met = |figures: Figures| {
            let Figures { own_time_to_single_boot: own, all_in_user_space_to_single_boot: all, .. } = figures;
            [own.met, all.met, figures.resident_and_tables_bytes.met]
        };
        assert_eq!(met(Figures::of(&[pair(1000, 1300, 50)], (4 << 20) - 1).unwrap()), [true; 3]);
        let missed = Figures::of(&[pair(1000, 1301, 51)], 4 << 20).unwrap();
        assert_eq!(met(missed), [false; 3]);
        assert_eq!(missed.to_string().matches("MISSED").count(), 3);
        assert_eq!(Figures::of(&[], 0), None);
    }
}
