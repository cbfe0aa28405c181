//! Carries out load lists: fills a partition's memory. No heap, and little stack.

use core::{arch::asm, ptr, slice};

use control::Partition;
use core::sync::atomic::Ordering;
use partitioner::address::MemoryRange;
use partitioner::load_list::{Damaged, Step, steps};
use partitioner::machine::{Entry, Seed};
use partitioner::view::{seed_entry, seed_entry_len};
use x86_64::instructions::random::RdRand;

use crate::tsc;

/// Bytes of a cache line.
const LINE: u64 = 64;

/// What has come of a list.
#[derive(Clone, Copy, Default)]
pub struct Loaded {
    /// What is to be entered.
    pub entry: Option<Entry>,
    /// Whether there were random numbers for the seed.
    pub is_seeded: bool,
}

/// The list that is kept for a partition.
pub fn kept(partition: &Partition) -> &'static [u8] {
    let len = partition.list_len.load(Ordering::Relaxed);
    let start = partition.list.load(Ordering::Acquire);
    if start == 0 {
        return &[];
    }
    // SAFETY: the boot image has leaked the list and never frees it; it lies in resident memory, which no instance has.
    unsafe { slice::from_raw_parts(start as *const u8, len as usize) }
}

/// Does what a list says, up to its end or its first damage.
///
/// # Safety
/// The list was recorded for this machine, and no core uses the memory that it fills.
pub unsafe fn load(list: &[u8]) -> Result<Loaded, Damaged> {
    let mut loaded = Loaded::default();
    for step in steps(list) {
        // SAFETY: by the contract.
        unsafe { perform(step?, &mut loaded) }
    }
    Ok(loaded)
}

/// Takes from a partition's devices the right to write memory, and from its peers where to ring it, as its list begins.
///
/// # Safety
/// As for [`load`].
pub unsafe fn silence(list: &[u8]) {
    let mut loaded = Loaded::default();
    let is_word = |range: &MemoryRange| range.len() <= size_of::<u64>() as u64;
    let of_silence = |step: &Step<'_>| match step {
        Step::Zero(range) => is_word(range),
        Step::Update { .. } => true,
        _ => false,
    };
    for step in steps(list).map_while(Result::ok).take_while(of_silence) {
        // SAFETY: by the contract.
        unsafe { perform(step, &mut loaded) }
    }
}

/// What a list says is to be entered, without doing anything else.
pub fn entry(list: &[u8]) -> Option<Entry> {
    steps(list).find_map(|step| if let Ok(Step::Enter(entry)) = step { Some(entry) } else { None })
}

/// # Safety
/// As for [`load`].
unsafe fn perform(step: Step<'_>, loaded: &mut Loaded) {
    match step {
        // SAFETY: by the contract nobody uses the range.
        Step::Zero(range) => unsafe { zero(range) },
        // SAFETY: as above; the planner lets the two not overlap.
        Step::Copy(from, to) => unsafe { copy(from, to) },
        // SAFETY: as above.
        Step::Write(to, bytes) => unsafe { write(to, bytes) },
        // SAFETY: a register in configuration space of a function that the partition owns, or of the bridge before it.
        Step::Update { register, clear, set } => unsafe { update(register, clear, set) },
        // SAFETY: as above.
        Step::Configure(register, value) => unsafe { (register as *mut u32).write_volatile(value) },
        Step::Pause(us) => tsc::wait_us(us),
        Step::Seed(to) => {
            let seed = random();
            loaded.is_seeded = seed.is_some();
            let entry: [u8; seed_entry_len()] = seed_entry(seed);
            // SAFETY: as for writing.
            unsafe { write(to, &entry) }
        }
        Step::Enter(entry) => loaded.entry = Some(entry),
    }
}

/// Fills with zeros, a cache line at a time, past the caches: nobody reads it soon. Of `rep stosq` an
/// emulator counts every step. A single word of 8 bytes is cleared in one piece.
///
/// # Safety
/// Usable memory, identity-mapped, that nobody uses.
pub unsafe fn zero(range: MemoryRange) {
    let lines_end = range.start() + range.len() / LINE * LINE;
    // SAFETY: by the contract; the direction flag is clear. The fence is what orders these stores before all that follow.
    unsafe {
        asm!(
            "cmp rdi, {end}",
            "jae 3f",
            "2:",
            "movnti [rdi], rax",
            "movnti [rdi + 8], rax",
            "movnti [rdi + 16], rax",
            "movnti [rdi + 24], rax",
            "movnti [rdi + 32], rax",
            "movnti [rdi + 40], rax",
            "movnti [rdi + 48], rax",
            "movnti [rdi + 56], rax",
            "add rdi, 64",
            "cmp rdi, {end}",
            "jb 2b",
            "sfence",
            "3:",
            "rep stosq",
            "mov rcx, {bytes}",
            "rep stosb",
            end = in(reg) lines_end,
            bytes = in(reg) range.len() % 8,
            inout("rdi") range.start() => _,
            inout("rcx") range.len() % LINE / 8 => _,
            in("rax") 0_u64,
            options(nostack)
        );
    }
}

/// Copies, eight bytes at a time.
///
/// # Safety
/// Usable memory, identity-mapped; nobody uses the target, and the two do not overlap.
pub unsafe fn copy(from: MemoryRange, to: u64) {
    let (words, bytes) = (from.len() / 8, from.len() % 8);
    // SAFETY: by the contract; the direction flag is clear.
    unsafe {
        asm!(
            "rep movsq",
            "mov rcx, {bytes}",
            "rep movsb",
            bytes = in(reg) bytes,
            inout("rcx") words => _,
            inout("rsi") from.start() => _,
            inout("rdi") to => _,
            options(nostack, preserves_flags)
        );
    }
}

/// Clears and sets bits of a 16-bit register of configuration space.
///
/// # Safety
/// An aligned register that the MCFG names, which nobody else writes meanwhile. What it does is the caller's intent.
pub unsafe fn update(register: u64, clear: u16, set: u16) {
    let register = register as *mut u16;
    // SAFETY: by the contract.
    unsafe { register.write_volatile(register.read_volatile() & !clear | set) }
}

/// Writes bytes.
///
/// # Safety
/// Usable memory, identity-mapped, that nobody uses.
pub unsafe fn write(to: u64, bytes: &[u8]) {
    // SAFETY: by the contract.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to as *mut u8, bytes.len()) }
}

fn random() -> Option<Seed> {
    let source = RdRand::new()?;
    let mut seed = Seed::default();
    for word in seed.chunks_exact_mut(8) {
        word.copy_from_slice(&source.get_u64()?.to_le_bytes());
    }
    Some(seed)
}
