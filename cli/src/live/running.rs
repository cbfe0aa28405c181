//! The partitions of a box that this process runs, by the control page in the machine's memory.

use std::fs::File;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use control::ControlPage;
use emulator::qemu::{NmiError, NmiLine};
use lifecycle::condition::Heart;
use lifecycle::page::MappedPage;
use lifecycle::row::{Known, Row, rows};
use lifecycle::snapshot::{PageError, Snapshot, Ticks};
use partitioner::layout::CONTROL;
use partitioner::plan::Plan;

use super::sight::{Hearts, Sight};

/// A box that runs.
pub(crate) struct LiveBox {
    page: MappedPage,
    nmi: Box<dyn Fn() -> Result<(), NmiError> + Send + Sync>,
    known: Vec<Known>,
    hearts: Hearts,
    /// Of each partition: when its status was last seen to change.
    changed: Mutex<Vec<(Ticks, Instant)>>,
    sights: Mutex<Vec<Sight>>,
}

impl LiveBox {
    /// With that memory, from address 0 on.
    pub(crate) fn new(memory: &File, nmi: NmiLine, plan: &Plan) -> io::Result<Self> {
        let page = MappedPage::to_write(memory, CONTROL.start())?;
        let known = plan.partitions.iter().map(|partition| Known {
            name: partition.name.clone(),
            memory_bytes: partition.memory.iter().map(|range| range.len()).sum(),
            link: None,
            heart: Heart::Beats,
        });
        Ok(Self::of(page, Box::new(move || nmi.pulse()), Hearts::new(memory, plan.window)?, known.collect()))
    }

    pub(super) fn of(
        page: MappedPage,
        nmi: Box<dyn Fn() -> Result<(), NmiError> + Send + Sync>,
        hearts: Hearts,
        known: Vec<Known>,
    ) -> Self {
        let changed = Mutex::new(vec![(Ticks(0), Instant::now()); known.len()]);
        let sights = Mutex::new(vec![Sight::default(); known.len()]);
        Self { page, nmi, known, hearts, changed, sights }
    }

    /// The page itself.
    pub(super) fn page(&self) -> &ControlPage {
        self.page.get()
    }

    /// Sends an NMI to all kernels, after saying that it is the host's.
    pub(super) fn send_nmi(&self) -> Result<(), NmiError> {
        self.page().announce_host_nmi();
        (self.nmi)()
    }

    /// The names of all partitions.
    pub(super) fn names(&self) -> Vec<String> {
        self.known.iter().map(|partition| partition.name.clone()).collect()
    }

    /// Looks at all partitions, as somebody does [so often](super::sight::LOOKS_PER_SECOND) while the box runs.
    pub(super) fn look(&self) {
        for (index, sight) in self.sights().iter_mut().enumerate() {
            sight.look(&self.page().partitions[index], self.hearts.beat(index));
        }
    }

    fn sights(&self) -> MutexGuard<'_, Vec<Sight>> {
        self.sights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the page says now. Its clock is the machine's and unknown here, so the time is the end of all times: nothing lies
    /// ahead of it. Leases are those that were seen to be renewed.
    pub(super) fn snapshot(&self) -> Result<Snapshot, PageError> {
        let mut snapshot = Snapshot::read(self.page(), self.known.len(), Ticks(u64::MAX))?;
        for (words, sight) in snapshot.partitions.iter_mut().zip(&*self.sights()) {
            words.lease = sight.lease();
        }
        Ok(snapshot)
    }

    /// How all partitions are, by the page and by all looks so far. Since when they are so is as exact as this is called
    /// often.
    pub(crate) fn rows(&self) -> Result<Vec<Row>, PageError> {
        let snapshot = self.snapshot()?;
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = self.known.clone();
        for (partition, sight) in known.iter_mut().zip(&*self.sights()) {
            partition.heart = sight.heart();
        }
        let mut rows = rows(&known, None, &snapshot);
        for ((row, words), seen) in rows.iter_mut().zip(&snapshot.partitions).zip(&mut *changed) {
            if seen.0 != words.since {
                *seen = (words.since, Instant::now());
            }
            row.uptime = row.uptime.map(|_| seen.1.elapsed());
        }
        Ok(rows)
    }
}
