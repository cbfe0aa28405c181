//! Whether an NMI brings a core from its kernel to the resident part, and whether it stands still in one.

use core::sync::atomic::Ordering;

use crate::ControlPage;

/// Of [`Core::gate`](crate::Core::gate): no NMI brings it.
pub const CLOSED: u32 = 0;
/// One does.
pub const OPEN: u32 = 1;
/// It stands still in one, as its partition is frozen, and looks for an order all the time.
pub const FROZEN: u32 = 2;

impl ControlPage {
    /// Whether an NMI brings a core to the resident part, or wakes it there.
    pub fn comes_by_nmi(&self, core: u32) -> bool {
        self.core(core).arrived.load(Ordering::Acquire) != 0 || self.core(core).gate.load(Ordering::Acquire) != CLOSED
    }

    /// Says whether an NMI brings a core here from its kernel.
    pub fn open_gate(&self, core: u32, open: bool) {
        self.core(core).gate.store(if open { OPEN } else { CLOSED }, Ordering::Release);
    }

    /// A core of a frozen partition says that it stands still, or goes on.
    pub fn stand_still(&self, core: u32, still: bool) {
        let (before, after) = if still { (OPEN, FROZEN) } else { (FROZEN, OPEN) };
        // It stays closed if it was closed meanwhile.
        let _ = self.core(core).gate.compare_exchange(before, after, Ordering::Release, Ordering::Relaxed);
    }

    /// Whether an NMI would bring a core, which does not stand still.
    pub fn has_open_gate(&self, core: u32) -> bool {
        self.core(core).gate.load(Ordering::Acquire) == OPEN
    }

    /// Whether an NMI brings any core of a partition from its kernel.
    pub fn has_gate(&self, partition: usize) -> bool {
        self.cores_of(partition).any(|core| core.gate.load(Ordering::Acquire) != CLOSED)
    }

    /// Whether all cores stand still that the kernel of a partition has, and it has any.
    pub fn all_stand_still(&self, partition: usize) -> bool {
        // Acquire: what a core did before, it has done.
        let open = self.cores_of(partition).any(|core| core.gate.load(Ordering::Acquire) == OPEN);
        !open && self.has_gate(partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CORES: [u32; 3] = [4, 5, 6];

    fn page() -> std::boxed::Box<ControlPage> {
        let page: std::boxed::Box<ControlPage> = std::boxed::Box::default();
        CORES.iter().for_each(|core| page.give(*core, 1));
        page
    }

    #[test]
    fn a_partition_stands_still_when_all_cores_do_that_its_kernel_has() {
        let page = page();
        assert!(!page.has_gate(1) && !page.all_stand_still(1), "its driver is not loaded");
        CORES[..2].iter().for_each(|core| page.open_gate(*core, true));
        page.stand_still(CORES[0], true);
        assert!(!page.all_stand_still(1) && page.has_open_gate(CORES[1]));
        page.stand_still(CORES[1], true);
        assert!(page.all_stand_still(1) && page.comes_by_nmi(CORES[1]));
        page.stand_still(CORES[0], false);
        assert!(!page.all_stand_still(1) && page.has_open_gate(CORES[0]));
    }

    #[test]
    fn a_gate_that_was_closed_meanwhile_stays_closed() {
        let page = page();
        page.open_gate(CORES[0], true);
        page.stand_still(CORES[0], true);
        page.open_gate(CORES[0], false);
        page.stand_still(CORES[0], false);
        assert!(!page.has_gate(1));
    }
}
