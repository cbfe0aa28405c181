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
    for number in (1..=RING_SLOTS).map(|back| start.wrapping_sub(back)) {
        ring.set_words(number, [lap_bit(number) | 0xdead, 0xdead]);
    }
    ring.consumed.store(start, Ordering::Relaxed);
    ring.wake_at.store(start, Ordering::Relaxed);
    (
        Producer { written: start, published: start, consumed: start, held: 0 },
        Consumer { taken: start, released: start },
    )
}

/// Where laps begin and end, and where indices wrap around.
const STARTS: [u32; 5] = [0, 77, RING_SLOTS, 3 * RING_SLOTS - 2, u32::MAX - 3];

/// How many descriptors have come and wait to be taken.
fn waiting(consumer: &Consumer, ring: &Ring<'_>) -> u32 {
    (0..).take_while(|ahead| consumer.first_word(ring, *ahead).is_some()).count() as u32
}

#[test]
fn a_ring_of_zeroes_is_empty() {
    let memory = memory();
    assert_eq!(waiting(&Consumer::default(), &memory.window().ring(0, 0, 1)), 0);
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
    assert_eq!(waiting(&consumer, &ring), 4);
    consumer.take(4);
    assert!(consumer.arm(&ring));
    producer.write(&ring, [5, 6]);
    assert_eq!(producer.publish(&ring), Wake::Needed);
    assert!(!consumer.arm(&ring), "something has come");
}

#[test]
fn a_burst_is_seen_whole_or_not_at_all() {
    let memory = memory();
    let ring = memory.window().ring(0, 0, 1);
    for start in STARTS {
        let (mut producer, consumer) = ends(&ring, start);
        assert_eq!(waiting(&consumer, &ring), 0, "what an earlier lap left is none");
        (0..5).for_each(|number| producer.write(&ring, [number, !number]));
        assert_eq!(consumer.first_word(&ring, 0), None);
        let _ = producer.publish(&ring);
        assert_eq!(waiting(&consumer, &ring), 5);
        assert_eq!((consumer.first_word(&ring, 0), consumer.second_word(&ring)), (Some(0), !0));
    }
}

#[test]
fn what_is_written_over_descriptors_that_were_not_given_back_is_not_looked_at() {
    let memory = memory();
    let ring = memory.window().ring(0, 0, 1);
    for start in STARTS {
        let (mut producer, mut consumer) = ends(&ring, start);
        (0..RING_SLOTS).for_each(|_| producer.write(&ring, [7, 0]));
        let _ = producer.publish(&ring);
        assert_eq!(waiting(&consumer, &ring), RING_SLOTS);
        consumer.take(5);
        (0..5).map(|ahead| start.wrapping_add(RING_SLOTS + ahead)).for_each(|it| ring.set_words(it, [lap_bit(it), 0]));
        assert_eq!(waiting(&consumer, &ring), RING_SLOTS - 5);
        let _ = consumer.release(&ring);
        assert_eq!(waiting(&consumer, &ring), RING_SLOTS);
    }
}

#[test]
fn a_consumer_that_is_ahead_of_the_producer_or_goes_back_is_at_fault() {
    let memory = memory();
    let ring = memory.window().ring(0, 0, 1);
    for start in STARTS {
        let (mut producer, _) = ends(&ring, start);
        (0..5).for_each(|_| producer.write(&ring, [0, 0]));
        let _ = producer.publish(&ring);
        producer.write(&ring, [0, 0]);
        for wrong in [start.wrapping_add(6), start.wrapping_sub(1)] {
            ring.consumed.store(wrong, Ordering::Relaxed);
            let published = start.wrapping_add(5);
            assert_eq!(producer.reclaim(&ring), Err(Fault::Consumed { claimed: wrong, published }));
        }
        ring.consumed.store(start.wrapping_add(4), Ordering::Relaxed);
        assert_eq!(producer.reclaim(&ring), Ok(()));
        let consumed: Vec<_> = (0..6).filter(|ahead| producer.has_consumed(start.wrapping_add(*ahead))).collect();
        assert_eq!(consumed, [0, 1, 2, 3]);
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
                for _ in 0..count.min(waiting(&self.consumer, &self.ring)) {
                    let number = self.published.pop_front().unwrap();
                    let words = (self.consumer.first_word(&self.ring, 0), self.consumer.second_word(&self.ring));
                    assert_eq!(words, (Some(number), !number));
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
            // Whoever sleeps has given back what it took.
            Step::Arm => {
                self.go(Step::Release);
                self.consumer_sleeps = self.consumer.arm(&self.ring);
            }
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
