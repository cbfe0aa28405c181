//! Having a partition to oneself through the C interface, and the registers of cores that stand still.

use core::ptr;
use core::sync::atomic::Ordering::Relaxed;
use std::boxed::Box;

use control::registers::Registers;
use control::{ControlPage, LEASE_MS};

use crate::abi::hold::*;

const WEB: u32 = 0;
const DB: u32 = 1;
/// APIC IDs of the cores of `DB`.
const CORES: [u32; 2] = [4, 5];
const TICKS_PER_MS: u64 = 1000;
const NOW: u64 = 7 * TICKS_PER_MS;

/// The control page of a box of two, of which the second has two cores.
fn page() -> Box<ControlPage> {
    let page = Box::<ControlPage>::default();
    page.header.partitions.store(2, Relaxed);
    page.header.tsc_khz.store(TICKS_PER_MS, Relaxed);
    CORES.iter().for_each(|core| page.give(*core, DB as usize));
    page
}

#[test]
fn one_has_a_partition_to_himself_until_he_gives_it_back() {
    let page = page();
    let page = &raw const *page;
    // SAFETY: it is a control page.
    unsafe {
        assert_eq!(sprig_control_holder(page, DB, NOW), 0);
        assert!(sprig_control_take(page, DB, WEB, PURPOSE_FREEZE, NOW));
        assert!(!sprig_control_take(page, DB, DB, PURPOSE_LOAD, NOW), "somebody has it");
        assert_eq!(sprig_control_holder(page, DB, NOW), WEB + 1);
        assert!(sprig_control_is_frozen(page, DB, NOW) && !sprig_control_is_frozen(page, WEB, NOW));
        assert!(!sprig_control_end_hold(page, DB, DB, PURPOSE_FREEZE, NOW), "it is another's");
        assert!(sprig_control_end_hold(page, DB, WEB, PURPOSE_FREEZE, NOW));
        assert_eq!((sprig_control_holder(page, DB, NOW), sprig_control_is_frozen(page, DB, NOW)), (0, false));
        assert!(sprig_control_take(page, DB, DB, PURPOSE_LOAD, NOW));
        assert!(!sprig_control_is_frozen(page, DB, NOW), "it is not for that");
    }
}

#[test]
fn the_time_is_in_ticks_and_a_lease_that_is_not_renewed_has_ended() {
    let page = page();
    let page = &raw const *page;
    let later = NOW + LEASE_MS * TICKS_PER_MS;
    // SAFETY: it is a control page.
    unsafe {
        assert!(sprig_control_take(page, DB, WEB, PURPOSE_FREEZE, NOW));
        assert!(sprig_control_renew(page, DB, WEB, PURPOSE_FREEZE, later - TICKS_PER_MS));
        assert_eq!(sprig_control_holder(page, DB, later), WEB + 1);
        let end = later - TICKS_PER_MS + LEASE_MS * TICKS_PER_MS;
        assert_eq!(sprig_control_holder(page, DB, end), 0);
        assert!(!sprig_control_renew(page, DB, WEB, PURPOSE_FREEZE, end));
        assert!(!sprig_control_end_hold(page, DB, WEB, PURPOSE_FREEZE, end));
    }
}

#[test]
fn a_partition_that_there_is_not_and_a_purpose_that_there_is_not_are_nobodys() {
    let page = page();
    let page = &raw const *page;
    // SAFETY: it is a control page.
    unsafe {
        for (index, purpose) in [(2, PURPOSE_FREEZE), (u32::MAX, PURPOSE_LOAD), (DB, 0), (DB, 3)] {
            assert!(!sprig_control_take(page, index, WEB, purpose, NOW), "{index}, {purpose}");
            assert!(!sprig_control_renew(page, index, WEB, purpose, NOW), "{index}, {purpose}");
            assert!(!sprig_control_end_hold(page, index, WEB, purpose, NOW), "{index}, {purpose}");
            assert_eq!(sprig_control_holder(page, index, NOW), 0);
            assert!(!sprig_control_is_frozen(page, index, NOW));
        }
        sprig_control_keeps_registers(page, 2, 0x20_0000);
        assert!(!sprig_control_has_gate(page, 2) && !sprig_control_all_stand_still(page, 2));
    }
}

#[test]
fn cores_with_a_gate_stand_still_one_by_one() {
    let page = page();
    CORES.iter().for_each(|core| page.open_gate(*core, true));
    let page = &raw const *page;
    // SAFETY: it is a control page, and the cores are ours.
    unsafe {
        assert!(sprig_control_has_gate(page, DB) && !sprig_control_has_gate(page, WEB));
        assert!(sprig_control_has_open_gate(page, CORES[0]));
        sprig_control_stand_still(page, CORES[0], true);
        assert!(!sprig_control_has_open_gate(page, CORES[0]) && sprig_control_has_open_gate(page, CORES[1]));
        assert!(!sprig_control_all_stand_still(page, DB));
        sprig_control_stand_still(page, CORES[1], true);
        assert!(sprig_control_all_stand_still(page, DB) && sprig_control_has_gate(page, DB));
        sprig_control_stand_still(page, CORES[1], false);
        assert!(!sprig_control_all_stand_still(page, DB) && sprig_control_has_open_gate(page, CORES[1]));
    }
}

#[test]
fn registers_are_kept_in_the_place_of_their_core() {
    let page = page();
    let kept = [Registers::default(), Registers::default()];
    let words: [u64; REGISTERS] = core::array::from_fn(|register| register as u64 + 1);
    assert_eq!(size_of_val(&kept) as u64, 2 * REGISTERS_BYTES);
    // SAFETY: it is a control page; there are registers for two cores, and as many words as one has.
    unsafe {
        sprig_control_keeps_registers(&raw const *page, DB, 0x20_0000);
        sprig_registers_keep(ptr::from_ref(&kept).cast_mut().cast(), 1, words.as_ptr(), 77);
    }
    let address = page.partitions.each_ref().map(|of| of.registers.load(Relaxed));
    assert_eq!((address[WEB as usize], address[DB as usize]), (0, 0x20_0000));
    let [first, second] = &kept;
    assert_eq!([first, second].map(|of| of.are_kept.load(Relaxed)), [0, 1]);
    assert_eq!(second.process.load(Relaxed), 77);
    assert_eq!(second.words.each_ref().map(|word| word.load(Relaxed)), words);
    // SAFETY: as above.
    unsafe { sprig_registers_drop(ptr::from_ref(&kept).cast_mut().cast(), 1) };
    assert_eq!(second.are_kept.load(Relaxed), 0);
}
