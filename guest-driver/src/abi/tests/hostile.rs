//! A hostile peer, met by the calls of the shim in the order in which `rx.c` and `tx.c` make them, over several queues.
//!
//! Whatever the peer wrote: once it behaves again, a frame passes in every queue and both ways.

use std::sync::atomic::Ordering;
use std::vec::Vec;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use shmem::ring::RING_SLOTS;

use super::*;

/// Frames taken from a lane before the next has its turn: `SPRIG_BURST`.
const BURST: usize = 16;
/// Polls of one call of NAPI: each has its limit, so a lane that is never done does not keep the test.
const POLLS: usize = 64;
/// Ticks after which a link that was held down because of a fault is up again, with those that the handshake takes.
const TICKS: usize = 40;

/// The victim: an endpoint as the shim drives it.
struct Shim<'m> {
    opened: &'m Opened,
    faulted: bool,
    received: Vec<Vec<u8>>,
}

impl Shim<'_> {
    /// `sprig_vni_poll` of a queue. True if it may sleep.
    fn poll(&mut self, queue: u32) -> bool {
        let endpoint = self.opened.endpoint;
        // SAFETY: it is open, and this thread is every poll and every sender.
        unsafe {
            sprig_doorbell_take(endpoint, queue);
        }
        if queue == vni::doorbell::LINK_QUEUE as u32 {
            self.step_links();
        }
        while self.take_burst(queue) > 0 {}
        // SAFETY: as above.
        unsafe { sprig_arm(endpoint, self.opened.lane(queue)) }
    }

    /// `sprig_vni_step_links`.
    fn step_links(&mut self) {
        if core::mem::take(&mut self.faulted) {
            self.opened.step();
        }
        for _ in 0..4 {
            // SAFETY: it is open, and this thread is every poll.
            if unsafe { sprig_link_wants_step(self.opened.endpoint, self.opened.peer()) } {
                self.opened.step();
            }
        }
    }

    /// `sprig_take_burst`.
    fn take_burst(&mut self, queue: u32) -> usize {
        let (endpoint, lane) = (self.opened.endpoint, self.opened.lane(queue));
        let mut done = 0;
        while done < BURST {
            let mut frame = Frame { len: 0, offload: Offload::NONE };
            // SAFETY: it is open, and this thread is every poll.
            match unsafe { sprig_peek(endpoint, lane, &mut frame) } {
                FRAME => self.take_one(lane, &frame),
                EMPTY => break,
                _ => {
                    self.faulted = true;
                    break;
                }
            }
            done += 1;
        }
        // SAFETY: as above.
        unsafe { sprig_release(endpoint, lane) };
        done
    }

    /// `sprig_receive_one`; each eighth time there is no memory.
    fn take_one(&mut self, lane: u32, frame: &Frame) {
        let endpoint = self.opened.endpoint;
        if self.received.len() % 8 == 7 {
            // SAFETY: as above.
            unsafe { sprig_skip(endpoint, lane) };
            self.received.push(Vec::new());
            return;
        }
        let mut bytes = std::vec![0; frame.len as usize];
        let (first, second) = bytes.split_at_mut((frame.len as usize).min(256));
        let segment = |bytes: &mut [u8]| Segment { at: bytes.as_mut_ptr().cast(), len: bytes.len() as u64 };
        let segments = [segment(first), segment(second)];
        // SAFETY: as above; the segments are writable.
        if unsafe { sprig_take(endpoint, lane, segments.as_ptr(), 2) } {
            self.received.push(bytes);
        }
    }

    /// NAPI polls every queue until it may sleep. False if one never may.
    fn settle(&mut self) -> bool {
        (0..QUEUES).all(|queue| (0..POLLS).any(|_| self.poll(queue)))
    }

    /// Whether a frame from the peer comes through that queue.
    fn hears(&mut self, peer: &Opened, queue: u32, mark: u8) -> bool {
        let frame = std::vec![mark; 60];
        // Nothing is lost to a shortage of memory: that is what the shim would count.
        self.received.clear();
        // It sleeps, so it must be rung.
        self.settle()
            && peer.send_by(queue, &frame) == SENT
            && peer.publish_by(queue)
            && self.settle()
            && self.received.contains(&frame)
    }
}

/// What a hostile peer does.
#[derive(Clone, Debug)]
enum Act {
    /// Sends frames and marks their descriptors with flags of a later version.
    Later { queue: u32, frames: u8, flags: u8 },
    /// Sends frames as it should.
    Send { queue: u32, frames: u8, len: u16 },
    /// Writes a word of a lane towards the victim: `consumed`, `wake_at`, `room_at`, or of a descriptor.
    Lane { queue: u32, at: u16, word: u64 },
    /// Writes a word of its header page: its heartbeat, its links, its doorbells' addresses.
    Header { at: u16, word: u64 },
    /// Sets pending bits.
    Ring { queue: u32, bits: u32 },
    /// The victim polls, and sends.
    Poll { frames: u8 },
    /// Time passes.
    Tick,
}

fn act() -> impl Strategy<Value = Act> {
    let queue = 0..QUEUES;
    let word = prop_oneof![0..4_u64, (0..u64::from(RING_SLOTS) * 2), any::<u64>()];
    prop_oneof![
        (queue.clone(), any::<u8>(), any::<u8>()).prop_map(|(queue, frames, flags)| Act::Later {
            queue,
            frames,
            flags
        }),
        (queue.clone(), 0..64_u8, any::<u16>()).prop_map(|(queue, frames, len)| Act::Send { queue, frames, len }),
        (queue.clone(), 0..560_u16, word.clone()).prop_map(|(queue, at, word)| Act::Lane { queue, at, word }),
        (0..512_u16, word).prop_map(|(at, word)| Act::Header { at, word }),
        (queue, any::<u32>()).prop_map(|(queue, bits)| Act::Ring { queue, bits }),
        (0..64_u8).prop_map(|frames| Act::Poll { frames }),
        Just(Act::Tick),
    ]
}

/// The two, and the memory between them.
struct Game<'m> {
    memory: &'m HeapWindow,
    shim: Shim<'m>,
    hostile: &'m Opened,
}

impl Game<'_> {
    const HOSTILE: usize = 1;

    fn act(&mut self, act: &Act) {
        let geometry = self.memory.window().geometry();
        match *act {
            Act::Later { queue, frames, flags } => self.send_later(queue, frames, flags),
            Act::Send { queue, frames, len } => {
                (0..frames).for_each(|_| _ = self.hostile.send_by(queue, &std::vec![7; usize::from(len)]));
                self.hostile.publish_by(queue);
            }
            Act::Lane { queue, at, word } => {
                self.write(geometry.lane(Self::HOSTILE, queue as usize, 0) + u64::from(at) * 8, word);
            }
            Act::Header { at, word } => self.write(geometry.header(Self::HOSTILE) + u64::from(at) * 8, word),
            Act::Ring { queue, bits } => {
                let bell = &self.memory.window().header(0).doorbells[queue as usize];
                bell.pending.0.fetch_or(bits, Ordering::Relaxed);
            }
            Act::Poll { frames } => {
                assert!(self.shim.settle(), "a queue is polled for ever");
                (0..frames).for_each(|_| _ = self.shim.opened.send(&[1; 100]));
                self.shim.opened.publish();
            }
            Act::Tick => self.tick(),
        }
    }

    fn write(&self, at: u64, word: u64) {
        self.memory.word(at).expect("it lies in the window").store(word, Ordering::Relaxed);
    }

    /// Frames with flags that mean nothing to the victim.
    fn send_later(&self, queue: u32, frames: u8, flags: u8) {
        let sent = (0..frames).filter(|_| self.hostile.send_by(queue, &[7; 60]) == SENT).count();
        let ring = self.memory.window().ring(Self::HOSTILE, queue as usize, 0);
        self.hostile.publish_by(queue);
        if sent > 0 {
            // All that lie in the ring: what has been taken already is of no matter.
            let flags = u64::from(flags & 0x7e | 2) << 56;
            ring.descriptors.iter().for_each(|slot| _ = slot.0[0].fetch_or(flags, Ordering::Relaxed));
        }
    }

    fn tick(&mut self) {
        for endpoint in [self.shim.opened.endpoint, self.hostile.endpoint] {
            // SAFETY: both are open.
            unsafe { sprig_tick(endpoint) };
        }
        self.shim.settle();
    }

    /// The peer starts again, as after a reboot, and keeps to the rules from then on.
    fn behave(&mut self) {
        let again = Opened::new(self.memory, Self::HOSTILE as u32);
        for _ in 0..TICKS {
            // SAFETY: it is open.
            unsafe { sprig_tick(again.endpoint) };
            self.tick();
            again.step();
        }
        for queue in 0..QUEUES {
            assert!(self.shim.hears(&again, queue, 0x55), "queue {queue}: nothing comes from it any more");
            assert_eq!(self.shim.opened.send_by(queue, &[0x66; 60]), SENT, "queue {queue}");
            self.shim.opened.publish_by(queue);
            assert_eq!(again.receive_by(queue), Some(std::vec![0x66; 60]), "queue {queue}");
        }
    }
}

fn with_game<T>(play: impl FnOnce(&mut Game<'_>) -> T) -> T {
    let memory = memory();
    let [victim, hostile] = both_up(&memory);
    let shim = Shim { opened: &victim, faulted: false, received: Vec::new() };
    play(&mut Game { memory: &memory, shim, hostile: &hostile })
}

#[test]
fn a_lane_full_of_frames_of_a_later_version_is_not_wedged() {
    with_game(|game| {
        for queue in 0..QUEUES {
            for _ in 0..3 {
                game.send_later(queue, u8::MAX, 0x10);
                assert!(game.shim.settle());
            }
            assert!(game.shim.hears(game.hostile, queue, 0x44), "queue {queue}");
        }
    });
}

#[test]
fn a_peer_that_behaves_again_is_heard_again() {
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let scripts = proptest::collection::vec(act(), 0..60);
    let played = runner.run(&scripts, |script| {
        with_game(|game| {
            script.iter().for_each(|act| game.act(act));
            game.behave();
        });
        Ok(())
    });
    played.unwrap();
}
