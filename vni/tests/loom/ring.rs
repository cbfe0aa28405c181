//! A ring's two ends, each on a thread that sleeps when it may.
//!
//! What travels is memory that the producer writes and the consumer reads, in which the checker sees two who touch it
//! at once. A sleeper that nobody wakes is a deadlock to the checker.

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
        while let Some(number) = consumer.first_word(ring, 0) {
            let number = number as u32;
            assert_eq!(number, consumer.taken());
            assert_eq!(buffers[number as usize].read(), number + 7);
            consumer.take(1);
        }
        if consumer.taken() < 2 && consumer.arm(ring) {
            interrupt.wait();
        }
    }
    producing.join().unwrap();
}

/// When a consumer that has asked to be rung asks again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AsksAgain {
    /// Once it has taken something, as a receiver does.
    AfterTaking,
    /// Never.
    Never,
}

/// Two frames, for each of which the consumer sleeps twice: it wakes once by itself, as at a tick, and then only looks.
fn sleep_on(asks: AsksAgain) {
    let shared = Arc::new((Ring::new(Lacks::Nothing), Notify::new()));
    let of_producer = shared.clone();
    let producing = thread::spawn(move || {
        let (ring, interrupt) = &*of_producer;
        let mut producer = Producer::default();
        for _ in 0..2 {
            producer.write(ring, [0, 0]);
            if producer.publish(ring).is_needed() {
                interrupt.notify();
            }
        }
    });
    let (ring, interrupt) = &*shared;
    let (mut consumer, mut has_asked) = (Consumer::default(), false);
    while consumer.taken() < 2 {
        for nap in 0..2 {
            let may_sleep = if has_asked { consumer.first_word(ring, 0).is_none() } else { consumer.arm(ring) };
            has_asked |= may_sleep;
            if may_sleep && nap == 1 {
                interrupt.wait();
            }
        }
        while consumer.first_word(ring, 0).is_some() {
            consumer.take(1);
            has_asked &= asks == AsksAgain::Never;
        }
    }
    producing.join().unwrap();
}

/// Two descriptors published as one burst, the second of them of a frame that began with the first.
fn burst(lacks: Lacks) {
    let shared = Arc::new((Ring::new(lacks), [Memory::new(0), Memory::new(0)]));
    let of_producer = shared.clone();
    let producing = thread::spawn(move || {
        let (ring, buffers) = &*of_producer;
        let mut producer = Producer::default();
        for number in 0..2_u32 {
            buffers[number as usize].write(number + 7);
            producer.write(ring, [number.into(), 40]);
        }
        let _ = producer.publish(ring);
    });
    let (ring, buffers) = &*shared;
    let consumer = Consumer::default();
    while consumer.first_word(ring, 0).is_none() {
        thread::yield_now();
    }
    assert_eq!(consumer.second_word(ring), 40);
    assert_eq!(consumer.first_word(ring, 1), Some(1), "who sees the first sees all");
    assert_eq!([buffers[0].read(), buffers[1].read()], [7, 8]);
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
                producer.reclaim(ring).expect("the consumer is honest");
                if producer.in_flight() > 0 && producer.to_come(asked) {
                    interrupt.wait();
                    producer.reclaim(ring).expect("the consumer is honest");
                }
            }
            buffer.write(number);
            producer.write(ring, [number.into(), 0]);
            let _ = producer.publish(ring);
        }
    });
    let (ring, buffer, interrupt) = &*shared;
    let mut consumer = Consumer::default();
    let word = loop {
        match consumer.first_word(ring, 0) {
            Some(word) => break word,
            None => thread::yield_now(),
        }
    };
    assert_eq!(u64::from(buffer.read()), word);
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
        [Lacks::FencePublished, Lacks::FenceArmed, Lacks::Fences, Lacks::PublishRelease, Lacks::DescriptorAcquire]
    {
        assert!(is_caught(move || sleep_and_wake(lacks)), "{lacks:?} is not missed");
    }
}

#[test]
fn a_consumer_that_has_asked_to_be_rung_only_looks_when_it_sleeps_on() {
    holds(|| sleep_on(AsksAgain::AfterTaking));
}

#[test]
fn a_consumer_that_does_not_ask_again_once_it_has_taken_something_sleeps_on() {
    assert!(is_caught(|| sleep_on(AsksAgain::Never)));
}

#[test]
fn whoever_sees_the_first_descriptor_of_a_burst_sees_all_of_it() {
    holds(|| burst(Lacks::Nothing));
}

#[test]
fn without_one_of_its_orderings_a_burst_is_seen_in_part() {
    for lacks in [Lacks::PublishRelease, Lacks::DescriptorAcquire] {
        assert!(is_caught(move || burst(lacks)), "{lacks:?} is not missed");
    }
}

#[test]
fn a_producer_that_waits_for_room_is_woken_and_overwrites_nothing() {
    holds(|| room(Lacks::Nothing));
}

#[test]
fn without_one_of_its_fences_or_orderings_a_producer_sleeps_on_or_overwrites_what_is_being_read() {
    for lacks in
        [Lacks::FenceReleased, Lacks::FenceRequested, Lacks::Fences, Lacks::ReleaseRelease, Lacks::ConsumedAcquire]
    {
        assert!(is_caught(move || room(lacks)), "{lacks:?} is not missed");
    }
}
