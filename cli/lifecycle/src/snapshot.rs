//! What the control page says at one moment, as plain values. Whoever has a snapshot need not think of the others who
//! write to the page.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::time::Duration;

use control::{
    BY_HOST, BY_POLICY, ControlPage, Lease, MAGIC, MAX_PARTITIONS, Order, Partition, SEEKS_HAND, Status, VERSION,
};

/// What stands for the host where somebody is named who has asked. No partition's name has a space.
pub const HOST: &str = "the host";

/// A time by the time-stamp counter, which all partitions share.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Ticks(
    /// Its count.
    pub u64,
);

/// Why a page is not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PageError {
    /// Nobody has filled it in.
    #[error("the control page does not begin with {MAGIC:#x} but with {0:#x}: this box was booted by another Sprig")]
    Magic(u32),
    /// Its layout is another one.
    #[error(
        "the control page has version {0}, and this program knows version {VERSION}: take the boot image, the driver and this \
         program from one Sprig"
    )]
    Version(u32),
    /// It is of another box.
    #[error("the control page has {page} partition(s), and this box {table}")]
    Partitions {
        /// Those that it has.
        page: u32,
        /// Those of the box.
        table: usize,
    },
}

/// What the page says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// When it was taken.
    pub now: Ticks,
    /// The rate of the time-stamp counter.
    pub tsc_khz: u64,
    /// Of each partition.
    pub partitions: Vec<Words>,
}

/// What the page says of one partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Words {
    /// How it is.
    pub status: Status,
    /// Since when it is so; 0 if it never was anything else.
    pub since: Ticks,
    /// How often it was started.
    pub starts: u64,
    /// The order that is to be carried out.
    pub wanted: Order,
    /// The order that was carried out last.
    pub done: Order,
    /// The index of the partition that has asked last, or by whose hand somebody has.
    pub asker: Option<usize>,
    /// Whether nobody asked but the partition's policy, by that partition's hand.
    pub is_by_policy: bool,
    /// Whether the host has asked last, perhaps by that partition's hand.
    pub is_by_host: bool,
    /// The load list that it was planned with: address and bytes.
    pub first_list: (u64, u64),
    /// The number of its cores.
    pub cores: usize,
    /// Who has it to himself.
    pub lease: Option<Lease>,
    /// Where the registers of its cores are kept; 0: nowhere.
    pub registers: u64,
}

impl Snapshot {
    /// Reads the page of a box of so many partitions.
    pub fn read(page: &ControlPage, table: usize, now: Ticks) -> Result<Self, PageError> {
        let header = &page.header;
        match (half(&header.magic), half(&header.version), half(&header.partitions)) {
            (MAGIC, VERSION, count) if count as usize == table && table <= MAX_PARTITIONS => {}
            (MAGIC, VERSION, count) => return Err(PageError::Partitions { page: count, table }),
            (MAGIC, version, _) => return Err(PageError::Version(version)),
            (magic, ..) => return Err(PageError::Magic(magic)),
        }
        let tsc_khz = word(&header.tsc_khz);
        let now_ms = now.0.checked_div(tsc_khz).unwrap_or(0);
        let read = |index: usize| Words::read(&page.partitions[index], cores_of(page, index), now_ms);
        Ok(Self { now, tsc_khz, partitions: (0..table).map(read).collect() })
    }

    /// The time from then until the snapshot; `None` if then is no time.
    pub fn time_since(&self, then: Ticks) -> Option<Duration> {
        let ticks = (then.0 != 0).then(|| self.now.0.saturating_sub(then.0))?;
        ticks.checked_div(self.tsc_khz).map(Duration::from_millis)
    }
}

impl Words {
    fn read(partition: &Partition, cores: usize, now_ms: u64) -> Self {
        // Before the rest: an order that is done was wanted before, and has set its status before.
        let done = Order::from_word(word(&partition.done));
        let asker = half(&partition.asker);
        Self {
            status: Status::from_word(word(&partition.status)),
            since: Ticks(word(&partition.since)),
            starts: word(&partition.starts),
            wanted: Order::from_word(word(&partition.wanted)),
            done,
            asker: (asker & !(BY_POLICY | BY_HOST | SEEKS_HAND)).checked_sub(1).map(|asker| asker as usize),
            is_by_policy: asker & BY_POLICY != 0,
            is_by_host: asker & BY_HOST != 0,
            first_list: (word(&partition.first_list), word(&partition.first_list_len)),
            cores,
            lease: Lease::from_word(word(&partition.lease)).filter(|lease| lease.lasts(now_ms)),
            registers: word(&partition.registers),
        }
    }

    /// Who has asked last, where partitions have these names; `None`: nobody has, or nobody who is known.
    pub fn asked_by(&self, name_of: impl Fn(usize) -> Option<String>) -> Option<String> {
        if self.is_by_host { Some(HOST.to_owned()) } else { self.asker.and_then(name_of) }
    }

    /// The order that has yet to be carried out.
    pub fn pending(&self) -> Option<Order> {
        (self.wanted != self.done).then_some(self.wanted)
    }
}

fn cores_of(page: &ControlPage, index: usize) -> usize {
    page.cores.iter().filter(|core| half(&core.owner) as usize == index + 1).count()
}

/// Reads a word of memory that this program cannot write to, where Rust allows only relaxed loads. With the fence it is
/// an acquire load: it pairs with the release of whoever wrote the word, and what he wrote before is seen after it.
fn word(from: &AtomicU64) -> u64 {
    let word = from.load(Ordering::Relaxed);
    fence(Ordering::Acquire);
    word
}

/// The same for half a word.
fn half(from: &AtomicU32) -> u32 {
    let half = from.load(Ordering::Relaxed);
    fence(Ordering::Acquire);
    half
}

/// Partitions for tests, here and of the two commands.
pub mod sample {
    use control::{Cause, Command, State};

    use super::*;

    /// A partition of two cores that runs since the start of the box.
    pub fn running() -> Words {
        let started = Order { sequence: 1, command: Command::Enter };
        Words {
            status: Status { state: State::Running, cause: Cause::None },
            since: Ticks(1000),
            starts: 1,
            wanted: started,
            done: started,
            asker: None,
            is_by_policy: false,
            is_by_host: false,
            first_list: (0, 0),
            cores: 2,
            lease: None,
            registers: 0,
        }
    }

    /// Of these partitions, with a counter that ticks each microsecond, at 61.001 s.
    pub fn snapshot(partitions: impl IntoIterator<Item = Words>) -> Snapshot {
        Snapshot { now: Ticks(61_001_000), tsc_khz: 1000, partitions: partitions.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use control::Command;

    use super::sample::{running, snapshot};
    use super::*;

    #[test]
    fn times_are_by_the_rate_of_the_page() {
        let snapshot = snapshot([]);
        assert_eq!(snapshot.time_since(Ticks(1000)), Some(Duration::from_secs(61)));
        assert_eq!(snapshot.time_since(Ticks(u64::MAX)), Some(Duration::ZERO), "after the snapshot");
        assert_eq!(snapshot.time_since(Ticks(0)), None);
        assert_eq!(Snapshot { tsc_khz: 0, ..snapshot }.time_since(Ticks(1000)), None);
    }

    #[test]
    fn an_order_is_pending_until_it_is_done() {
        let wanted = running().done.then(Command::Stop);
        assert_eq!(running().pending(), None);
        assert_eq!(Words { wanted, ..running() }.pending(), Some(wanted));
    }

    #[test]
    fn whoever_has_asked_is_named_and_the_host_is_whose_hand_is_lent() {
        let name_of = |index| (index == 0).then(|| "web".to_owned());
        let asked_by = |asker, is_by_host| Words { asker, is_by_host, ..running() }.asked_by(name_of);
        assert_eq!(asked_by(Some(0), false).as_deref(), Some("web"));
        assert_eq!(asked_by(Some(0), true).as_deref(), Some(HOST));
        assert_eq!([asked_by(Some(9), false), asked_by(None, false)], [None, None]);
    }

    #[test]
    fn the_asker_is_read_from_its_word() {
        let page = ControlPage::default();
        page.header.partitions.store(1, Ordering::Relaxed);
        page.open();
        let words = |asker| {
            page.partitions[0].asker.store(asker, Ordering::Relaxed);
            let words = Snapshot::read(&page, 1, Ticks(0)).unwrap().partitions[0];
            (words.asker, words.is_by_policy, words.is_by_host)
        };
        assert_eq!(words(0), (None, false, false));
        assert_eq!(words(2), (Some(1), false, false));
        assert_eq!(words(BY_POLICY | 2), (Some(1), true, false));
        assert_eq!(words(BY_HOST | SEEKS_HAND), (None, false, true));
        assert_eq!(words(BY_HOST | 2), (Some(1), false, true));
    }
}
