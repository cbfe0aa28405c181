//! One identity map of all physical memory, for every core that runs the resident part.
//!
//! The entry code maps the first 4 GiB; what lies above is added here, in 1 GiB pages where the processor has them. A
//! kernel that is started inherits the map and soon leaves it for its own.

use alloc::boxed::Box;
use core::fmt;

use partitioner::address::{GIB_4, LARGE_PAGE};
use raw_cpuid::CpuId;
use x86_64::PhysAddr;
use x86_64::instructions::tlb;
use x86_64::structures::paging::page_table::PageTableEntry;
use x86_64::structures::paging::{PageTable, PageTableFlags};

unsafe extern "C" {
    static mut boot_pml4: PageTable;
    static mut boot_pdpt: PageTable;
    /// The directories of the first 4 GiB, one behind the other.
    static mut boot_pd: [PageTable; 4];
    static boot_stack_guard: u8;
}

const GIB: u64 = 1 << 30;
/// Of an ordinary page.
const PAGE: u64 = 4 << 10;
const PRESENT: PageTableFlags = PageTableFlags::PRESENT.union(PageTableFlags::WRITABLE);
const HUGE: PageTableFlags = PRESENT.union(PageTableFlags::HUGE_PAGE);

/// What one entry of the top table covers.
const TOP_ENTRY: u64 = 512 * GIB;

/// The most that 1 GiB pages can map: the lower half of the address space that four levels of tables have.
const MOST_IN_GIANT_PAGES: u64 = 1 << 47;
/// The most without them: each GiB takes a table from the heap.
const MOST_IN_LARGE_PAGES: u64 = 128 * GIB;

/// Memory further up than can be mapped.
#[derive(Debug)]
pub struct OutOfReach {
    end: u64,
    most: u64,
}

impl fmt::Display for OutOfReach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { end, most } = self;
        write!(f, "memory ends at {} GiB, and this processor lets us map {} GiB", end.div_ceil(GIB), most / GIB)
    }
}

/// Takes the page below the boot processor's stack out of the map, so that a stack that grows too long is a fault and
/// no silent damage.
///
/// # Safety
/// Only for the boot processor, while no other runs, once.
pub unsafe fn guard_stack() {
    let guard = (&raw const boot_stack_guard).addr() as u64;
    let directories = &raw mut boot_pd;
    // SAFETY: these are the tables in use; by the contract nobody else touches them.
    let directories = unsafe { &mut *directories };
    let entry = &mut directories[(guard / GIB) as usize][(guard / LARGE_PAGE % 512) as usize];
    let first = guard / LARGE_PAGE * LARGE_PAGE;
    let table = Box::leak(Box::new(PageTable::new()));
    for (page, address) in table.iter_mut().zip((first..).step_by(PAGE as usize)) {
        if address != guard {
            page.set_addr(PhysAddr::new(address), PRESENT);
        }
    }
    entry.set_addr(PhysAddr::new(core::ptr::from_ref(table).addr() as u64), PRESENT);
    tlb::flush_all();
}

/// Maps everything below `end`, or nothing if that is too much.
///
/// # Safety
/// Only for the boot processor, while no other runs.
pub unsafe fn map_up_to(end: u64) -> Result<(), OutOfReach> {
    // SAFETY: by the contract.
    unsafe { map(0, end) }
}

/// Maps what lies from `start` to `end`, or nothing if that is too far up. What is mapped already stays as it is.
///
/// # Safety
/// As for [`map_up_to`].
pub unsafe fn map(start: u64, end: u64) -> Result<(), OutOfReach> {
    let giant = CpuId::new().get_extended_processor_and_feature_identifiers().is_some_and(|info| info.has_1gib_pages());
    let most = if giant { MOST_IN_GIANT_PAGES } else { MOST_IN_LARGE_PAGES };
    if end > most {
        return Err(OutOfReach { end, most });
    }
    let (top, first) = (&raw mut boot_pml4, &raw mut boot_pdpt);
    // SAFETY: these are the tables in use; by the contract nobody else touches them.
    let (top, first) = unsafe { (&mut *top, &mut *first) };
    // The entry code has mapped what lies below.
    for address in (start.max(GIB_4) / GIB * GIB..end).step_by(GIB as usize) {
        let directory = match address / TOP_ENTRY {
            0 => &mut *first,
            index => directory_of(top, index as usize),
        };
        let entry = &mut directory[(address / GIB % 512) as usize];
        if entry.is_unused() {
            map_gib(entry, address, giant);
        }
    }
    tlb::flush_all();
    Ok(())
}

fn map_gib(entry: &mut PageTableEntry, address: u64, giant: bool) {
    if giant {
        entry.set_addr(PhysAddr::new(address), HUGE);
        return;
    }
    let table = Box::leak(Box::new(PageTable::new()));
    for (index, page) in table.iter_mut().enumerate() {
        page.set_addr(PhysAddr::new(address + (index as u64) * LARGE_PAGE), HUGE);
    }
    entry.set_addr(PhysAddr::new(core::ptr::from_ref(table).addr() as u64), PRESENT);
}

/// The table of the `index`th 512 GiB, made if there is none.
fn directory_of(top: &mut PageTable, index: usize) -> &mut PageTable {
    let entry = &mut top[index];
    if entry.is_unused() {
        let table = Box::leak(Box::new(PageTable::new()));
        entry.set_addr(PhysAddr::new(core::ptr::from_ref(table).addr() as u64), PRESENT);
    }
    // SAFETY: the entry points to a table that was leaked here, at its physical address, which is its address.
    unsafe { &mut *(entry.addr().as_u64() as *mut PageTable) }
}

/// The physical address of the top table, for other cores.
pub fn root() -> u32 {
    // The image lies below 4 GiB.
    (&raw const boot_pml4).addr() as u32
}
