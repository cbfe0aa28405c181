//! Three partitions against queues: what was published comes, whole and in order, whatever else goes on; a peer that
//! stalls keeps nobody from sending; and every buffer is found again.

#![cfg(not(loom))]

mod support;

use std::collections::VecDeque;

use proptest::prelude::*;
use support::{Backing, Partition, settle, tight_memory};
use vni::sender::SendError;

const PARTITIONS: usize = 3;

/// What happens, to which ordered pair.
#[derive(Clone, Debug)]
enum Event {
    Send {
        pair: usize,
        len: usize,
        count: usize,
    },
    Publish(usize),
    Receive {
        pair: usize,
        count: usize,
    },
    Release(usize),
    Arm(usize),
    AwaitRoom(usize),
    /// A partition stops, and starts again.
    Restart(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let pair = 0..6_usize;
    prop_oneof![
        4 => (pair.clone(), 14..70_000_usize, 1..4_usize).prop_map(|(pair, len, count)| Event::Send { pair, len, count }),
        4 => (pair.clone(), 14..200_usize, 1..80_usize).prop_map(|(pair, len, count)| Event::Send { pair, len, count }),
        3 => pair.clone().prop_map(Event::Publish),
        3 => (pair.clone(), 1..100_usize).prop_map(|(pair, count)| Event::Receive { pair, count }),
        3 => pair.clone().prop_map(Event::Release),
        2 => pair.clone().prop_map(Event::Arm),
        2 => pair.prop_map(Event::AwaitRoom),
        1 => (0..PARTITIONS).prop_map(Event::Restart),
    ]
}

/// Sender and receiver of the `pair`-th ordered pair.
fn of(pair: usize) -> (usize, usize) {
    let from = pair / 2;
    (from, (from + 1 + pair % 2) % PARTITIONS)
}

/// What one ordered pair should look like.
#[derive(Default)]
struct Lane {
    written: VecDeque<Vec<u8>>,
    published: VecDeque<Vec<u8>>,
    receiver_sleeps: bool,
    sender_sleeps: bool,
}

struct Game<'w> {
    partitions: Vec<Partition<'w>>,
    lanes: [Lane; 6],
    number: usize,
}

impl Game<'_> {
    fn come_up(&mut self) {
        settle(&mut self.partitions.iter_mut().collect::<Vec<_>>());
        for pair in 0..6 {
            let (from, to) = of(pair);
            assert!(self.partitions[from].to(to).lane.sender.is_live());
        }
    }

    fn go(&mut self, event: &Event) {
        match *event {
            Event::Send { pair, len, count } => (0..count).for_each(|_| self.send(pair, len)),
            Event::Publish(pair) => self.publish(pair),
            Event::Receive { pair, count } => (0..count).for_each(|_| self.receive(pair)),
            Event::Release(pair) => self.release(pair),
            Event::Arm(pair) => {
                let (from, to) = of(pair);
                let may_sleep = self.partitions[to].to(from).lane.receiver.arm();
                assert_eq!(may_sleep, self.lanes[pair].published.is_empty());
                self.lanes[pair].receiver_sleeps = may_sleep;
            }
            Event::AwaitRoom(pair) => {
                let (from, to) = of(pair);
                self.publish(pair);
                self.lanes[pair].sender_sleeps = !self.partitions[from].to(to).lane.sender.await_room();
            }
            Event::Restart(partition) => self.restart(partition),
        }
    }

    fn send(&mut self, pair: usize, len: usize) {
        let (from, to) = of(pair);
        self.number += 1;
        let len = len.min(vni::MAX_FRAME);
        let frame: Vec<u8> = (0..len).map(|at| (at / 3 + self.number) as u8).collect();
        match self.partitions[from].to(to).send(&frame) {
            Ok(()) => self.lanes[pair].written.push_back(frame),
            Err(refusal) => assert_eq!(refusal, SendError::NoRoom),
        }
    }

    fn publish(&mut self, pair: usize) {
        let (from, to) = of(pair);
        let wake = self.partitions[from].to(to).lane.sender.publish();
        let lane = &mut self.lanes[pair];
        assert!(!lane.receiver_sleeps || lane.written.is_empty() || wake.is_needed(), "it sleeps on");
        lane.receiver_sleeps &= !wake.is_needed();
        lane.published.append(&mut lane.written);
    }

    fn receive(&mut self, pair: usize) {
        let (from, to) = of(pair);
        let lane = &mut self.lanes[pair];
        // Before one receives one is awake.
        lane.receiver_sleeps = false;
        assert_eq!(self.partitions[to].to(from).receive(), Ok(lane.published.pop_front()));
    }

    fn release(&mut self, pair: usize) {
        let (from, to) = of(pair);
        if self.partitions[to].to(from).lane.receiver.release().is_needed() {
            self.lanes[pair].sender_sleeps = false;
        }
    }

    /// A stop and a start, and all links of the partition with nothing under way.
    fn restart(&mut self, partition: usize) {
        self.partitions[partition].port.stop();
        settle(&mut self.partitions.iter_mut().collect::<Vec<_>>());
        self.partitions[partition].port.start();
        self.come_up();
        for pair in (0..6).filter(|pair| of(*pair).0 == partition || of(*pair).1 == partition) {
            self.lanes[pair] = Lane::default();
        }
    }

    /// Everything is received; whoever waited for room has been rung.
    fn drain(&mut self) {
        for pair in 0..6 {
            self.publish(pair);
            while !self.lanes[pair].published.is_empty() {
                self.receive(pair);
            }
            self.release(pair);
            assert!(!self.lanes[pair].sender_sleeps, "it waits on");
        }
    }
}

/// Plays events in a box whose pools have so many buffers to share.
fn play(spare: u64, events: &[Event]) {
    let (memory, backings) = (tight_memory(PARTITIONS, spare), [0; PARTITIONS].map(|_| Backing::default()));
    let partitions =
        backings.iter().enumerate().map(|(me, backing)| Partition::new(memory.window(), me, backing)).collect();
    let counts = || backings.each_ref().map(|backing| backing.buffers.count());
    let mut game = Game { partitions, lanes: Default::default(), number: 0 };
    let before = counts();
    game.come_up();
    events.iter().for_each(|event| game.go(event));
    game.drain();
    (0..PARTITIONS).for_each(|partition| game.restart(partition));
    assert_eq!(counts(), before, "every shared buffer is back, and none twice");
    for pair in 0..6 {
        // The largest frame needs nearly all buffers that a lane owns.
        game.send(pair, vni::MAX_FRAME);
        assert_eq!(game.lanes[pair].written.len(), 1, "every own buffer is back");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 150 }))]

    #[test]
    fn whatever_happens_frames_come_in_order_and_buffers_come_back(
        spare in 0..60_u64,
        events in prop::collection::vec(event(), 0..if cfg!(miri) { 10 } else { 120 }),
    ) {
        play(spare, &events);
    }
}

#[test]
fn a_peer_that_stalls_keeps_nobody_from_sending() {
    for spare in [0, 10, 500] {
        let (memory, backings) = (tight_memory(PARTITIONS, spare), [0; PARTITIONS].map(|_| Backing::default()));
        let mut partitions: Vec<_> =
            backings.iter().enumerate().map(|(me, backing)| Partition::new(memory.window(), me, backing)).collect();
        settle(&mut partitions.iter_mut().collect::<Vec<_>>());
        // Partition 2 never receives: all that can be sent to it stays in our pool.
        while partitions[0].to(2).send(&[7; 2048]).is_ok() {}
        let _ = partitions[0].to(2).lane.sender.publish();
        for number in 0..100 {
            let frame = vec![number; vni::MAX_FRAME];
            assert_eq!(partitions[0].to(1).send(&frame), Ok(()), "{spare} buffers to share");
            let _ = partitions[0].to(1).lane.sender.publish();
            assert_eq!(partitions[1].to(0).receive(), Ok(Some(frame)));
            let _ = partitions[1].to(0).lane.receiver.release();
        }
        assert!(!partitions[0].to(2).lane.sender.await_room(), "and the stalled one waits");
    }
}
