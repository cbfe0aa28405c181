//! A script of bytes, played as what a hostile partition and two honest ones do in turn.
//!
//! Partition 2 is hostile. It writes what it likes into what it may write: its header page, its lanes, its pool, and
//! the pending words of the others; with [`Reach::Everything`] into all of the window, which nothing hinders in direct
//! mode. It can also shake hands, since most of what can go wrong goes wrong behind an open door.
//!
//! Whatever it does: nobody panics, nothing behind either end of the window is read or written, every call ends. If it
//! keeps to its own part, each broken rule that is found takes its link down and is counted by its cause, and the two
//! honest ones talk as before.

use std::array;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;

use shmem::heap::HeapWindow;
use shmem::ring::{LANE_LEN, RING_SLOTS, lap_bit};
use shmem::segment::Sink;
use shmem::{MAX_QUEUES, Shape, Window, header};
use vni::descriptor::{Offload, Piece};
use vni::doorbell;
use vni::fault::Fault;
use vni::headers::{HEAD_LEN, fit};
use vni::lending::{Lent, Loans, NotLent};
use vni::link::{self, End, State, WindowWords};
use vni::ring::RingWords;

use crate::support::{Backing, Partition};

const PARTITIONS: usize = 3;
const HOSTILE: usize = 2;
const WINDOW_LEN: u64 = 1 << 20;
const PAGE: u64 = 4096;
/// Kinds of faults.
pub(crate) const KINDS: usize = Fault::NAMES.len();
/// Fills the page before the window and the page behind it.
const CANARY: u64 = 0x5bd1_e995_9e37_79b9;

/// How far the hostile partition writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reach {
    /// What the rules give it.
    ItsOwn,
    /// All of the window.
    Everything,
}

/// Plays a script to its end, and looks at what it has come to: how often each [`Fault`] was found.
pub(crate) fn play(script: &[u8], reach: Reach) -> [u64; KINDS] {
    let guarded = HeapWindow::new(WINDOW_LEN + 2 * PAGE, shape()).expect("it is long enough");
    let window = between_canaries(&guarded);
    let backings = [Backing::default(), Backing::default()];
    let honest = [0, 1].map(|me| Partition::new(window, me, &backings[me]));
    let (loans, lent) = (&<[Loans; 2]>::default(), Default::default());
    let (sent, described) = (0, [0; 2]);
    let mut game = Game { window, guarded: &guarded, honest, backings: &backings, reach, sent, described, loans, lent };
    game.come_up();
    let mut script = Script(script);
    while !script.0.is_empty() {
        game.turn(&mut script);
    }
    game.assert_canaries_sing();
    if reach == Reach::ItsOwn {
        game.assert_the_honest_talk();
    }
    let found = |kind: usize| backings.iter().map(|backing| backing.peers[HOSTILE].status.faults[kind].get()).sum();
    array::from_fn(found)
}

fn shape() -> Shape {
    Shape::new(PARTITIONS, 1).expect("a shape")
}

fn between_canaries(guarded: &HeapWindow) -> Window<'_> {
    for page in [0, WINDOW_LEN + PAGE] {
        let words = (page..page + PAGE).step_by(8).filter_map(|at| guarded.word(at));
        words.for_each(|word| word.store(CANARY, Ordering::Relaxed));
    }
    let start = NonNull::from(guarded.word(0).expect("there is a first word")).cast::<u8>();
    // SAFETY: one page into memory of two pages more than the window, of atomics, aligned to a page, and borrowed for
    // as long as the window lasts.
    #[expect(unsafe_code, reason = "a window in the middle of other memory")]
    let window = unsafe { Window::new(start.add(PAGE as usize), WINDOW_LEN, shape()) };
    window.expect("it is long enough")
}

/// What is left of a script.
struct Script<'s>(&'s [u8]);

impl Script<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.word() % bound
    }

    /// A word of the bytes that come next, or one of those at which rules begin and end.
    fn word(&mut self) -> u64 {
        match self.byte() {
            kind @ 0..16 => kind.into(),
            kind @ 16..32 => u64::MAX - u64::from(kind - 16),
            kind @ 32..48 => u64::from(RING_SLOTS) + u64::from(kind) - 40,
            kind @ 48..64 => (1 << 32) + u64::from(kind) - 56,
            _ => (0..8).fold(0, |word, _| word << 8 | u64::from(self.byte())),
        }
    }
}

struct Game<'w> {
    window: Window<'w>,
    guarded: &'w HeapWindow,
    honest: [Partition<'w>; 2],
    backings: &'w [Backing; 2],
    reach: Reach,
    sent: u64,
    /// Descriptors that the hostile one has written for each, since it began to talk to it.
    described: [u32; 2],
    /// What the honest ones have lent of the hostile one's frames.
    loans: &'w [Loans; 2],
    lent: [Vec<Lent>; 2],
}

impl Game<'_> {
    /// All links up, the hostile one's with them.
    fn come_up(&mut self) {
        let header = self.window.header(HOSTILE);
        header.version.store(shmem::VERSION, Ordering::Relaxed);
        header.fingerprint.store(self.window.geometry().fingerprint(), Ordering::Relaxed);
        header.magic.store(header::MAGIC, Ordering::Relaxed);
        for _ in 0..8 {
            self.step_the_honest();
            [0, 1].into_iter().for_each(|peer| self.shake_hands(peer));
        }
    }

    fn step_the_honest(&mut self) {
        for partition in &mut self.honest {
            partition.step();
        }
    }

    fn turn(&mut self, script: &mut Script<'_>) {
        let me = usize::from(script.byte() % 2);
        match script.byte() % 16 {
            0..=2 => self.write(script),
            3 | 4 => self.describe(me, script),
            5 => self.shake_hands(me),
            6 => self.tick(script),
            7 | 8 => self.send(me, script),
            9 | 10 => self.receive(me, script),
            11 => self.borrow(me, script),
            12 => self.step_the_honest(),
            13 => _ = self.honest[me].to(HOSTILE).lane.receiver.arm(),
            14 => _ = self.honest[me].to(HOSTILE).lane.sender.await_room(),
            _ => {
                let _ = doorbell::ring(&self.window.header(HOSTILE).doorbells[0], me);
                let _ = doorbell::take(&self.honest[me].port.header().doorbells[0]);
            }
        }
    }

    /// The hostile one writes a word.
    fn write(&mut self, script: &mut Script<'_>) {
        let geometry = self.window.geometry();
        let lane = |peer: u64| geometry.lane(HOSTILE, 0, peer as usize);
        let at = match (self.reach, script.byte() % 8) {
            (_, 0) => geometry.header(HOSTILE) + script.below(header::HEADER_LEN / 8) * 8,
            (_, 1) => geometry.header(HOSTILE) + header::LINKS_AT + script.below(2) * 8,
            (_, 2) => {
                let queue = script.below(MAX_QUEUES as u64);
                let bell = header::DOORBELLS_AT + queue * header::DOORBELL_LEN;
                geometry.header(script.below(2) as usize) + bell + header::PENDING_AT
            }
            (_, 3 | 4) => lane(script.below(2)) + script.below(4) * shmem::LINE_PAIR,
            (_, 5) => lane(script.below(2)) + script.below(LANE_LEN / 8) * 8,
            (Reach::ItsOwn, _) => geometry.pool(HOSTILE) + script.below(geometry.pool_len() / 8) * 8,
            (Reach::Everything, _) => script.below(WINDOW_LEN / 8) * 8,
        };
        let word = self.guarded.word(PAGE + at).expect("it lies in the window");
        word.store(script.word(), Ordering::Relaxed);
    }

    /// It publishes descriptors: nearly sound, sound, or neither.
    fn describe(&mut self, peer: usize, script: &mut Script<'_>) {
        let ring = self.window.ring(HOSTILE, 0, peer);
        for _ in 0..script.byte() % 40 {
            let [kind, len] = [script.byte(), script.byte()];
            let offset = script.below(self.window.geometry().pool_len() + 64) as u32;
            let piece = Piece { offset, len: u32::from(len) << (kind % 9), more: kind & 0x40 != 0 };
            let flags = if kind & 0x80 != 0 { script.word() } else { 0 };
            let first = piece.to_word() | (flags & 0x3f) << 57 | lap_bit(self.described[peer]);
            let second = if kind & 0x20 != 0 { script.word() } else { 0 };
            ring.set_words(self.described[peer], [first, second]);
            self.described[peer] = self.described[peer].wrapping_add(1);
        }
    }

    fn shake_hands(&mut self, peer: usize) {
        let [mine, theirs] =
            [(HOSTILE, peer), (peer, HOSTILE)].map(|(one, other)| &self.window.header(one).links[other]);
        link::step(&WindowWords { mine, theirs }, || self.described[peer] = 0);
    }

    /// Time goes on; the hostile one's heart beats, or does not.
    fn tick(&mut self, script: &mut Script<'_>) {
        self.honest.iter().for_each(|partition| partition.port.tick());
        let beats = u64::from(!script.byte().is_multiple_of(4));
        self.window.header(HOSTILE).heartbeat.fetch_add(beats, Ordering::Relaxed);
    }

    /// An honest one sends to the hostile one.
    fn send(&mut self, me: usize, script: &mut Script<'_>) {
        let len = script.below(70_000) as usize;
        let end = self.honest[me].to(HOSTILE);
        for _ in 0..script.byte() % 64 {
            let _ = end.send(&vec![7; len]);
        }
        let _ = end.lane.sender.publish();
    }

    /// An honest one receives from the hostile one, with as much memory as it is told to need, or less.
    fn receive(&mut self, me: usize, script: &mut Script<'_>) {
        for _ in 0..script.byte() % 64 {
            let end = self.honest[me].to(HOSTILE);
            let Ok(found) = end.lane.receiver.peek() else { return self.assert_the_fault_is_told(me) };
            let Some(waiting) = found else { break };
            assert!((vni::MIN_FRAME..=vni::MAX_FRAME).contains(&waiting.len), "{waiting:?}");
            let mut frame = vec![0; waiting.len - script.below(4) as usize];
            let (first, second) = frame.split_at_mut(waiting.len / 2);
            let fits = end.lane.receiver.take(&mut [Sink::from(first), Sink::from(second)]);
            assert!(fits || waiting.offload != Offload::NONE);
            let canary = CANARY.to_ne_bytes();
            assert!(!frame.windows(8).any(|bytes| bytes == canary), "it was read behind the window");
        }
        let _ = self.honest[me].to(HOSTILE).lane.receiver.release_not_lent(&self.loans[me]);
    }

    /// An honest one borrows frames of the hostile one, and gives some back that it has.
    fn borrow(&mut self, me: usize, script: &mut Script<'_>) {
        for _ in 0..script.byte() % 16 {
            let receiver = &mut self.honest[me].to(HOSTILE).lane.receiver;
            let Ok(found) = receiver.peek() else { return self.assert_the_fault_is_told(me) };
            let Some(waiting) = found else { break };
            let mut head = [0; HEAD_LEN];
            match receiver.lend(&self.loans[me], &mut head) {
                Ok(lent) => {
                    let pool = receiver.pool();
                    assert!(lent.pieces.iter().all(|piece| pool.holds(piece.offset.into(), piece.len.into())));
                    assert_eq!(lent.pieces.iter().map(|piece| piece.len as usize).sum::<usize>(), lent.len);
                    assert!(fit(lent.offload, &head[..lent.head_len], lent.len));
                    self.lent[me].push(lent);
                }
                Err(NotLent::Pieces) => receiver.skip(),
                Err(NotLent::BadOffload) => assert_ne!(waiting.offload, Offload::NONE),
                Err(NotLent::NoFrame) => panic!("{waiting:?} was there"),
            }
        }
        let given_back = script.below(self.lent[me].len() as u64 + 1) as usize;
        self.lent[me].drain(..given_back).for_each(|mut lent| lent.give_back(&self.loans[me]));
        let _ = self.honest[me].to(HOSTILE).lane.receiver.release_not_lent(&self.loans[me]);
    }

    /// A fault was found: the next step takes the link down, and counts what it was.
    fn assert_the_fault_is_told(&mut self, me: usize) {
        let faults = || self.backings[me].peers[HOSTILE].status.faults.iter().map(|count| count.get()).sum::<u64>();
        let before = faults();
        self.honest[me].step();
        let end = End::from_word(self.window.header(me).links[HOSTILE].load(Ordering::Relaxed));
        if self.reach == Reach::ItsOwn {
            assert_eq!((end.state, faults()), (State::Down, before + 1));
        }
        assert!(!self.honest[me].to(HOSTILE).lane.sender.is_live());
    }

    fn assert_canaries_sing(&self) {
        for page in [0, WINDOW_LEN + PAGE] {
            let mut words = (page..page + PAGE).step_by(8).filter_map(|at| self.guarded.word(at));
            assert!(words.all(|word| word.load(Ordering::Relaxed) == CANARY), "something was written at {page:#x}");
        }
    }

    /// The honest ones have lost nothing of what they have with each other.
    fn assert_the_honest_talk(&mut self) {
        // One heart may have stood still only because nobody's time went on.
        for _ in 0..4 {
            self.step_the_honest();
        }
        for (from, to) in [(0, 1), (1, 0)] {
            self.sent += 1;
            let frame = self.sent.to_le_bytes().repeat(5_000);
            assert_eq!(self.honest[from].to(to).send(&frame), Ok(()));
            let _ = self.honest[from].to(to).lane.sender.publish();
            assert_eq!(self.honest[to].to(from).receive(), Ok(Some(frame)));
            let status = &self.backings[from].peers[to].status;
            assert!(status.faults.iter().all(|count| count.get() == 0) && status.downs.get() == 0);
        }
    }
}
