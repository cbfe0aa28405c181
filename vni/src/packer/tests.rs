//! Places in the pool, beside a producer whose consumer gives back what it is told to.

use std::vec::Vec;

use proptest::prelude::*;
use shmem::Shape;
use shmem::heap::HeapWindow;
use shmem::ring::Ring;

use super::*;
use crate::MAX_FRAME;
use crate::ring::RingWords;

const LANES: usize = 2;

struct Bench<'w> {
    ring: Ring<'w>,
    producer: Producer,
    packer: Packer,
    shared: SharedBuffers,
    /// Of each descriptor in flight, in their order.
    in_flight: Vec<Place>,
}

impl<'w> Bench<'w> {
    fn new(memory: &'w HeapWindow, buffers: u64) -> Self {
        let shared = SharedBuffers::new();
        shared.fill(buffers * BUFFER_LEN, LANES);
        let packer = Packer::new(0, shared.own_count());
        Self {
            ring: memory.window().ring(0, 0, 1),
            producer: Producer::default(),
            packer,
            shared,
            in_flight: Vec::new(),
        }
    }

    /// Places a frame, if there are slots and buffers for it.
    fn place(&mut self, len: usize) -> Option<Vec<Place>> {
        if self.producer.free() < self.packer.pieces(len) {
            return None;
        }
        if !self.packer.provide_own(len) && !self.packer.provide(len, &self.shared) {
            return None;
        }
        let mut places = Vec::new();
        let mut left = len;
        while left > 0 {
            let place = self.packer.place(left, self.producer.next()).expect("buffers were provided");
            self.producer.write(&self.ring, [0, 0]);
            left -= place.len as usize;
            places.push(place);
        }
        let _ = self.producer.publish(&self.ring);
        self.in_flight.extend(&places);
        Some(places)
    }

    /// The consumer gives back so many descriptors.
    fn give_back(&mut self, count: usize) {
        let count = count.min(self.in_flight.len());
        self.in_flight.drain(..count);
        self.ring.release(self.ring.consumed().wrapping_add(count as u32));
        self.producer.reclaim(&self.ring).expect("the consumer is honest");
        self.packer.reclaim(&self.producer, &self.shared);
    }

    fn free_buffers(&mut self) -> usize {
        self.packer.reset(&self.shared);
        self.packer.own.count() + self.shared.count()
    }
}

fn memory() -> HeapWindow {
    HeapWindow::new(1 << 20, Shape::new(2, 1).unwrap()).unwrap()
}

#[test]
fn short_frames_lie_behind_one_another_each_on_lines_of_its_own() {
    let memory = memory();
    let mut bench = Bench::new(&memory, 64);
    let lens = [60, 64, 65, 1500];
    let offsets = lens.map(|len| bench.place(len).unwrap()[0].offset);
    assert_eq!(offsets, [0, 64, 128, 256]);
    assert_eq!(bench.place(8192 - 256 - 1536 + 1).unwrap()[0].offset, 8192, "what does not fit begins the next buffer");
}

#[test]
fn a_long_frame_takes_whole_buffers_and_leaves_the_rest_of_the_last() {
    let memory = memory();
    let mut bench = Bench::new(&memory, 64);
    bench.place(60);
    let places = bench.place(MAX_FRAME).unwrap();
    assert_eq!(places.len(), MAX_BUFFERS_OF_FRAME);
    let [whole @ .., last] = &places[..] else { unreachable!("it has pieces") };
    assert!(whole.iter().all(|place| u64::from(place.len) == BUFFER_LEN));
    let next = bench.place(60).unwrap()[0];
    assert_eq!(next.offset, (last.offset + last.len).next_multiple_of(ALIGN));
}

#[test]
fn a_buffer_comes_back_with_the_last_frame_in_it() {
    let memory = memory();
    let mut bench = Bench::new(&memory, 24);
    let own = bench.packer.own.count();
    (0..5).for_each(|_| assert!(bench.place(1500).is_some()));
    bench.place(1500);
    assert_eq!(bench.packer.own.count(), own - 2, "one is full, one is open");
    bench.give_back(4);
    assert_eq!(bench.packer.own.count(), own - 2);
    bench.give_back(1);
    assert_eq!(bench.packer.own.count(), own - 1);
}

#[test]
fn what_cannot_be_had_whole_is_not_taken_in_part() {
    let memory = memory();
    let mut bench = Bench::new(&memory, 24);
    assert_eq!(bench.shared.count(), 0);
    bench.place(8 * BUFFER_LEN as usize);
    let before = bench.packer.own.count();
    assert!(bench.place(5 * BUFFER_LEN as usize).is_none());
    assert_eq!(bench.packer.own.count(), before);
    assert!(bench.place(4 * BUFFER_LEN as usize).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 128 }))]

    #[test]
    fn no_two_pieces_in_flight_overlap_and_every_buffer_comes_back(
        spare in 0..40_u64,
        steps in prop::collection::vec((14..20_000_usize, 0..6_usize), 1..400),
    ) {
        let memory = memory();
        let buffers = 24 + spare;
        let mut bench = Bench::new(&memory, buffers);
        // The other lane's are not ours to use.
        let ours = buffers as usize - bench.packer.own.count();
        for (len, back) in steps {
            if let Some(places) = bench.place(len) {
                prop_assert_eq!(places.iter().map(|place| place.len as usize).sum::<usize>(), len);
            }
            let mut sorted = bench.in_flight.clone();
            sorted.sort_unstable_by_key(|place| place.offset);
            for pair in sorted.windows(2) {
                prop_assert!(pair[0].offset + pair[0].len <= pair[1].offset, "{pair:?}");
            }
            prop_assert!(sorted.iter().all(|place| u64::from(place.offset + place.len) <= buffers * BUFFER_LEN));
            bench.give_back(back);
        }
        prop_assert_eq!(bench.free_buffers(), ours);
    }
}
