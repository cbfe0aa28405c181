//! A queue of a driver that is stopped for want of room, with two that send into its lane: the one that feeds the queue,
//! and one that broadcasts, which looks at no stopped queue.
//!
//! The one that feeds it sleeps while it is stopped, until somebody opens it and says so. The poll that the peer's
//! doorbell starts opens it; so does a sender that finds room just after it has stopped it. Each must say so: the
//! other one's stop may be the one that it undoes.

use loom::sync::{Mutex, Notify};
use loom::thread;
use std::sync::Arc;
use vni::ring::{Consumer, Producer, RingWords};

use crate::words::{Lacks, Ring, Stopped};
use crate::{holds_within, is_caught_within};

/// Interruptions, of three threads.
const PREEMPTIONS: usize = 3;

struct Queue {
    ring: Ring,
    /// The queue's lock, and what it guards.
    producer: Mutex<Producer>,
    stopped: Stopped,
    /// The one that feeds it is told to go on.
    schedule: Notify,
}

impl Queue {
    /// With one frame on its way, for which alone there is room.
    fn new(lacks: Lacks) -> Self {
        let ring = Ring::new(lacks);
        let mut producer = Producer::default();
        send(&mut producer, &ring);
        let stopped = Stopped::new(lacks);
        Self { ring, producer: Mutex::new(producer), stopped, schedule: Notify::new() }
    }

    /// Sends a frame if there is room, else stops the queue. Whether it was sent.
    fn transmit(&self) -> bool {
        let mut producer = self.producer.lock().unwrap();
        producer.reclaim(&self.ring).expect("the consumer is honest");
        if producer.in_flight() == 0 {
            send(&mut producer, &self.ring);
            return true;
        }
        self.stopped.stop();
        if await_room(&mut producer, &self.ring) {
            self.open();
        }
        false
    }

    fn open(&self) {
        if self.stopped.go_on() {
            self.schedule.notify();
        }
    }

    /// What the peer's doorbell starts.
    fn poll(&self) {
        if self.stopped.get() {
            let mut producer = self.producer.lock().unwrap();
            if self.stopped.get() && await_room(&mut producer, &self.ring) {
                // The poll has always said so.
                self.stopped.go_on();
                self.schedule.notify();
            }
        }
    }
}

fn send(producer: &mut Producer, ring: &impl RingWords) {
    producer.write(ring, [0, 0]);
    let _ = producer.publish(ring);
}

/// As a sender does it ([`vni::sender::Sender::await_room`]).
fn await_room(producer: &mut Producer, ring: &impl RingWords) -> bool {
    loop {
        let asked = producer.ask_for_room(ring);
        producer.reclaim(ring).expect("the consumer is honest");
        if producer.in_flight() == 0 {
            return true;
        }
        if producer.to_come(asked) {
            return false;
        }
    }
}

/// One feeds the queue a frame, one broadcasts another, and the peer makes room for both in turn.
fn stop_and_wake(lacks: Lacks) {
    let queue = Arc::new(Queue::new(lacks));
    let of_broadcaster = queue.clone();
    let broadcasting = thread::spawn(move || _ = of_broadcaster.transmit());
    let of_peer = queue.clone();
    let consuming = thread::spawn(move || {
        let mut consumer = Consumer::default();
        while consumer.taken() < 2 {
            if consumer.first_word(&of_peer.ring, 0).is_none() {
                thread::yield_now();
                continue;
            }
            consumer.take(1);
            if consumer.release(&of_peer.ring).is_needed() {
                of_peer.poll();
            }
        }
    });
    while !queue.transmit() {
        // Linux feeds a queue on that its own transmission has left open.
        if queue.stopped.get() {
            queue.schedule.wait();
        }
    }
    broadcasting.join().unwrap();
    consuming.join().unwrap();
}

#[test]
fn a_queue_that_two_stop_is_opened_and_fed_on() {
    holds_within(PREEMPTIONS, || stop_and_wake(Lacks::Nothing));
}

#[test]
fn a_queue_that_is_opened_in_silence_or_without_the_fences_about_room_is_fed_no_more() {
    for lacks in [Lacks::Schedule, Lacks::FenceReleased, Lacks::FenceRequested] {
        assert!(is_caught_within(PREEMPTIONS, move || stop_and_wake(lacks)), "{lacks:?} is not missed");
    }
}
