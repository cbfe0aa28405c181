//! The doorbell of one who appears, and of one who moves to another core.

use loom::sync::Notify;
use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use loom::thread;
use std::sync::Arc;
use vni::doorbell::{self, Address};

use crate::words::{Doorbell, Lacks};
use crate::{holds, holds_within, is_caught, is_caught_within};

/// Interruptions, of three threads.
const UNDER_LOAD: usize = 3;

const OLD: Address = Address { apic_id: 1, vector: 0x40 };
const NEW: Address = Address { apic_id: 2, vector: 0x40 };

/// A peer says something and rings; the owner appears meanwhile, and looks only if it was rung. What was said is a word
/// without an order of its own.
fn appears(lacks: Lacks) {
    let shared = Arc::new((Doorbell::new(lacks, 0), AtomicU32::new(0), Notify::new()));
    let of_ringer = shared.clone();
    let ringer = thread::spawn(move || {
        let (bell, said, interrupt) = &*of_ringer;
        said.store(1, Ordering::Relaxed);
        if doorbell::ring(bell, 0).is_some() {
            interrupt.notify();
        }
    });
    let (bell, said, interrupt) = &*shared;
    doorbell::publish(bell, Some(NEW));
    while doorbell::take(bell) == 0 {
        interrupt.wait();
    }
    assert_eq!(said.load(Ordering::Relaxed), 1, "whoever takes the bit sees what was said before it was set");
    ringer.join().unwrap();
}

/// The owner moves to another core, where it sleeps; what is sent to the old one is lost once that is dead.
fn moves(lacks: Lacks) {
    let shared = Arc::new((Doorbell::new(lacks, OLD.to_word()), AtomicBool::new(false), Notify::new()));
    let of_ringer = shared.clone();
    let ringer = thread::spawn(move || {
        let (bell, is_dead, interrupt) = &*of_ringer;
        let sent = doorbell::ring(bell, 0).expect("it has an address");
        send(sent, is_dead, interrupt);
        if let Some(again) = doorbell::ring_again(bell, sent) {
            send(again, is_dead, interrupt);
        }
    });
    let (bell, is_dead, interrupt) = &*shared;
    doorbell::publish(bell, Some(NEW));
    is_dead.store(true, Ordering::Relaxed);
    interrupt.wait();
    ringer.join().unwrap();
}

/// Two peers say something and ring while the owner moves, each perhaps when the other has rung already. It sleeps until it is rung, where it is.
fn moves_under_load(lacks: Lacks) {
    let words = (Doorbell::new(lacks, OLD.to_word()), AtomicBool::new(false), Notify::new());
    let said = [AtomicU32::new(0), AtomicU32::new(0)];
    let shared = Arc::new((words, said));
    let ringers = [0, 1].map(|me| {
        let shared = shared.clone();
        thread::spawn(move || {
            let ((bell, is_dead, interrupt), said) = &*shared;
            said[me].store(1, Ordering::Relaxed);
            let Some(sent) = doorbell::ring(bell, me) else { return };
            send(sent, is_dead, interrupt);
            if let Some(again) = doorbell::ring_again(bell, sent) {
                send(again, is_dead, interrupt);
            }
        })
    });
    let ((bell, is_dead, interrupt), said) = &*shared;
    doorbell::publish(bell, Some(NEW));
    is_dead.store(true, Ordering::Relaxed);
    let mut rang = 0;
    while rang != 0b11 {
        interrupt.wait();
        rang |= doorbell::take(bell);
    }
    assert!(said.iter().all(|said| said.load(Ordering::Relaxed) == 1), "all that was said before the last bit is seen");
    ringers.into_iter().for_each(|ringer| ringer.join().unwrap());
}

fn send(to: Address, is_old_dead: &AtomicBool, interrupt: &Notify) {
    if to != OLD || !is_old_dead.load(Ordering::Relaxed) {
        interrupt.notify();
    }
}

#[test]
fn one_who_appears_is_rung_or_finds_the_bit() {
    holds(|| appears(Lacks::Nothing));
}

#[test]
fn without_its_fences_or_orderings_one_who_appears_is_not_rung_or_sees_nothing() {
    for lacks in [Lacks::FenceSet, Lacks::FenceMoved, Lacks::PendingOrder] {
        assert!(is_caught(move || appears(lacks)), "{lacks:?} is not missed");
    }
}

#[test]
fn one_who_moves_is_rung_where_it_is() {
    holds(|| moves(Lacks::Nothing));
}

#[test]
fn without_its_fences_one_who_moves_is_rung_where_it_was() {
    for lacks in [Lacks::FenceMoved, Lacks::FenceSent] {
        assert!(is_caught(move || moves(lacks)), "{lacks:?} is not missed");
    }
}

#[test]
fn one_who_moves_while_two_ring_hears_both() {
    holds_within(UNDER_LOAD, || moves_under_load(Lacks::Nothing));
}

#[test]
fn without_its_fences_or_orderings_one_who_moves_while_two_ring_misses_one() {
    for lacks in [Lacks::FenceMoved, Lacks::FenceSent, Lacks::PendingOrder] {
        assert!(is_caught_within(UNDER_LOAD, move || moves_under_load(lacks)), "{lacks:?} is not missed");
    }
}
