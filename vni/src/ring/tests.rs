//! Indices, step by step and against a model, also where they wrap around.

use std::collections::VecDeque;
use std::vec::Vec;

use proptest::prelude::*;
use shmem::Shape;
use shmem::heap::HeapWindow;

use super::*;

fn memory() -> HeapWindow {
    HeapWindow::new(1 << 20, Shape::new(2, 1).unwrap()).unwrap()
}

/// Both ends, as if `start` descriptors had gone through before.
fn ends(ring: &Ring<'_>, start: u32) -> (Producer, Consumer) {
    ring.produced.store(start, Ordering::Relaxed);
    ring.consumed.store(start, Ordering::Relaxed);
    ring.wake_at.store(start, Ordering::Relaxed);
    (
        Producer { written: start, published: start, consumed: start },
        Consumer { produced: start, taken: start, released: start },
    )
}

#[test]
fn a_consumer_is_rung_for_the_descriptor_it_waits_for_and_no_other() {
    let memory = memory();
    let ring = memory.window().ring(0, 0, 1);
    let (mut producer, mut consumer) = ends(&ring, u32::MAX);
    for _ in 0..3 {
        producer.write(&ring, [1, 2]);
    }
    assert_eq!(producer.publish(&ring), Wake::Needed, "it begins asleep");
    producer.write(&ring, [3, 4]);
    assert_eq!(producer.publish(&ring), Wake::NotNeeded, "it was rung already");
    assert_eq!(producer.publish(&ring), Wake::NotNeeded, "nothing new");
    assert_eq!(consumer.waiting(&ring), Ok(4));
    consumer.take(4);
    assert_eq!(consumer.arm(&ring), Ok(true));
    producer.write(&ring, [5, 6]);
    assert_eq!(producer.publish(&ring), Wake::Needed);
    assert_eq!(consumer.arm(&ring), Ok(false), "something has come");
}

#[test]
fn what_was_taken_back_before_it_was_published_is_never_seen() {
    let memory = memory();
    let ring = memory.window().ring(0, 0, 1);
    let (mut producer, mut consumer) = ends(&ring, 0);
    (0..3).for_each(|number| producer.write(&ring, [number, 0]));
    producer.unwrite(2);
    producer.write(&ring, [7, 0]);
    let _ = producer.publish(&ring);
    assert_eq!(consumer.waiting(&ring), Ok(2));
    assert_eq!([consumer.peek(&ring, 0)[0], consumer.peek(&ring, 1)[0]], [0, 7]);
}

#[test]
fn a_producer_that_is_ahead_of_the_ring_or_goes_back_is_at_fault() {
    let memory = memory();
    let ring = memory.window().ring(0, 0, 1);
    for start in [0, 77, u32::MAX - 3] {
        for wrong in [start.wrapping_add(RING_SLOTS + 1), start.wrapping_sub(1), start.wrapping_add(1 << 31)] {
            let (_, mut consumer) = ends(&ring, start);
            ring.produced.store(wrong, Ordering::Relaxed);
            assert_eq!(consumer.waiting(&ring), Err(Fault::Produced { told: wrong, taken: start }));
        }
        let (_, mut consumer) = ends(&ring, start);
        ring.produced.store(start.wrapping_add(RING_SLOTS), Ordering::Relaxed);
        assert_eq!(consumer.waiting(&ring), Ok(RING_SLOTS), "a full ring is none");
        consumer.take(5);
        ring.produced.store(start.wrapping_add(RING_SLOTS + 1), Ordering::Relaxed);
        assert!(consumer.look(&ring).is_err(), "what is taken is not given back");
        let _ = consumer.release(&ring);
        assert!(consumer.look(&ring).is_ok());
    }
}

#[test]
fn a_consumer_that_is_ahead_of_the_producer_or_goes_back_is_at_fault() {
    let memory = memory();
    let ring = memory.window().ring(0, 0, 1);
    for start in [0, 77, u32::MAX - 3] {
        let (mut producer, _) = ends(&ring, start);
        (0..5).for_each(|_| producer.write(&ring, [0, 0]));
        let _ = producer.publish(&ring);
        producer.write(&ring, [0, 0]);
        for wrong in [start.wrapping_add(6), start.wrapping_sub(1)] {
            ring.consumed.store(wrong, Ordering::Relaxed);
            let published = start.wrapping_add(5);
            assert_eq!(producer.reclaim(&ring), Err(Fault::Consumed { told: wrong, published }));
        }
        ring.consumed.store(start.wrapping_add(5), Ordering::Relaxed);
        assert_eq!(producer.reclaim(&ring), Ok((start, 5)));
    }
}

/// What either end does.
#[derive(Clone, Copy, Debug)]
enum Step {
    Write(u32),
    Publish,
    Take(u32),
    Release,
    Arm,
    AskForRoom,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..100_u32).prop_map(Step::Write),
        Just(Step::Publish),
        (1..100_u32).prop_map(Step::Take),
        Just(Step::Release),
        Just(Step::Arm),
        Just(Step::AskForRoom),
    ]
}

/// Both ends beside a queue, and who sleeps.
struct Beside<'w> {
    ring: Ring<'w>,
    producer: Producer,
    consumer: Consumer,
    /// Numbers that were published and not taken.
    published: VecDeque<u64>,
    written: Vec<u64>,
    number: u64,
    consumer_sleeps: bool,
    /// The producer sleeps until so many of its descriptors are in flight.
    producer_sleeps: Option<u32>,
}

impl Beside<'_> {
    fn go(&mut self, step: Step) {
        match step {
            Step::Write(count) => {
                for _ in 0..count.min(self.producer.free()) {
                    self.producer.write(&self.ring, [self.number, !self.number]);
                    self.written.push(self.number);
                    self.number += 1;
                }
            }
            Step::Publish => {
                let wake = self.producer.publish(&self.ring);
                let news = !self.written.is_empty();
                assert!(!(self.consumer_sleeps && news) || wake.is_needed(), "it sleeps on");
                self.consumer_sleeps &= !wake.is_needed();
                self.published.extend(self.written.drain(..));
            }
            Step::Take(count) if !self.consumer_sleeps => {
                let waiting = self.consumer.waiting(&self.ring).unwrap();
                for _ in 0..count.min(waiting) {
                    let number = self.published.pop_front().unwrap();
                    assert_eq!(self.consumer.peek(&self.ring, 0), [number, !number]);
                    self.consumer.take(1);
                }
            }
            Step::Release => {
                let wake = self.consumer.release(&self.ring);
                let in_flight = self.producer.written.wrapping_sub(self.consumer.released);
                let has_room = self.producer_sleeps.is_some_and(|asked| in_flight <= asked);
                assert!(!has_room || wake.is_needed(), "it waits on");
                if wake.is_needed() {
                    self.producer_sleeps = None;
                }
            }
            Step::Arm => self.consumer_sleeps = self.consumer.arm(&self.ring).unwrap(),
            Step::AskForRoom if self.producer.unpublished() == 0 && self.producer.in_flight() > 0 => {
                let asked = self.producer.ask_for_room(&self.ring);
                self.producer.reclaim(&self.ring).unwrap();
                self.producer_sleeps = self.producer.to_come(asked).then(|| self.producer.written.wrapping_sub(asked));
            }
            Step::Take(_) | Step::AskForRoom => {}
        }
        // A producer that writes on has not slept.
        if matches!(step, Step::Write(_)) {
            self.producer_sleeps = None;
            self.producer.reclaim(&self.ring).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 256 }))]

    #[test]
    fn a_ring_is_a_queue_whose_sleepers_are_woken_wherever_its_indices_are(
        before_wrap in 0..600_u32,
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let memory = memory();
        let ring = memory.window().ring(0, 0, 1);
        let (producer, consumer) = ends(&ring, 0_u32.wrapping_sub(before_wrap));
        let mut beside = Beside {
            ring, producer, consumer,
            published: VecDeque::new(), written: Vec::new(), number: 0,
            consumer_sleeps: true, producer_sleeps: None,
        };
        steps.into_iter().for_each(|step| beside.go(step));
    }
}
