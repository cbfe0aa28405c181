//! A ring's two ends, each on a thread that sleeps when it may.
//!
//! What travels is memory that the producer writes and the consumer reads, in which the checker sees two who touch it at
//! once. A sleeper that nobody wakes is a deadlock to the checker.

use loom::sync::Notify;
use loom::thread;
use std::sync::Arc;
use vni::doorbell::{self, Address};
use vni::ring::{Consumer, Producer};

use crate::words::{Doorbell, Lacks, Memory, Ring};
use crate::{holds, is_caught};

const ADDRESS: Address = Address { apic_id: 1, vector: 0x40 };

/// Two frames, each published by itself, in buffers of their own. The consumer sleeps until it is rung.
fn sleep_and_wake(lacks: Lacks) {
    let shared = Arc::new((
        Ring::new(lacks),
        Doorbell::new(lacks, ADDRESS.to_word()),
        [Memory::new(0), Memory::new(0)],
        Notify::new(),
    ));
    let of_producer = shared.clone();
    let producing = thread::spawn(move || {
        let (ring, bell, buffers, interrupt) = &*of_producer;
        let mut producer = Producer::default();
        for number in 0..2_u32 {
            buffers[number as usize].write(number + 7);
            producer.write(ring, [number.into(), 0]);
            if producer.publish(ring).is_needed() && doorbell::ring(bell, 0).is_some() {
                interrupt.notify();
            }
        }
    });
    let (ring, bell, buffers, interrupt) = &*shared;
    let mut consumer = Consumer::default();
    while consumer.taken() < 2 {
        doorbell::take(bell);
        while consumer.waiting(ring).expect("the producer is honest") > 0 {
            let number = consumer.peek(ring, 0)[0] as u32;
            assert_eq!(number, consumer.taken());
            assert_eq!(buffers[number as usize].read(), number + 7);
            consumer.take(1);
        }
        if consumer.taken() < 2 && consumer.arm(ring).expect("the producer is honest") {
            interrupt.wait();
        }
    }
    producing.join().unwrap();
}

/// Two frames through one buffer: the producer sleeps until the first has been consumed.
fn room(lacks: Lacks) {
    let shared = Arc::new((Ring::new(lacks), Memory::new(0), Notify::new()));
    let of_producer = shared.clone();
    let producing = thread::spawn(move || {
        let (ring, buffer, interrupt) = &*of_producer;
        let mut producer = Producer::default();
        for number in 0..2 {
            while producer.in_flight() > 0 {
                let asked = producer.ask_for_room(ring);
                let (_, consumed) = producer.reclaim(ring).expect("the consumer is honest");
                if consumed == 0 && producer.to_come(asked) {
                    interrupt.wait();
                    let _ = producer.reclaim(ring).expect("the consumer is honest");
                }
            }
            buffer.write(number);
            producer.write(ring, [number.into(), 0]);
            let _ = producer.publish(ring);
        }
    });
    let (ring, buffer, interrupt) = &*shared;
    let mut consumer = Consumer::default();
    while consumer.waiting(ring).expect("the producer is honest") == 0 {
        thread::yield_now();
    }
    assert_eq!(u64::from(buffer.read()), consumer.peek(ring, 0)[0]);
    consumer.take(1);
    if consumer.release(ring).is_needed() {
        interrupt.notify();
    }
    producing.join().unwrap();
}

#[test]
fn a_consumer_that_sleeps_is_woken_and_reads_what_was_written() {
    holds(|| sleep_and_wake(Lacks::Nothing));
}

#[test]
fn without_one_of_its_fences_or_orderings_a_consumer_sleeps_on_or_reads_what_is_being_written() {
    for lacks in
        [Lacks::FencePublished, Lacks::FenceArmed, Lacks::Fences, Lacks::PublishRelease, Lacks::ProducedAcquire]
    {
        assert!(is_caught(move || sleep_and_wake(lacks)), "{lacks:?} is not missed");
    }
}

#[test]
fn a_producer_that_waits_for_room_is_woken_and_overwrites_nothing() {
    holds(|| room(Lacks::Nothing));
}

#[test]
fn without_one_of_its_fences_or_orderings_a_producer_sleeps_on_or_overwrites_what_is_being_read() {
    for lacks in [Lacks::FenceReleased, Lacks::FenceAsked, Lacks::Fences, Lacks::ReleaseRelease, Lacks::ConsumedAcquire]
    {
        assert!(is_caught(move || room(lacks)), "{lacks:?} is not missed");
    }
}
