//! What a hostile instance does.

use std::sync::atomic::Ordering::Relaxed;

use clap::ValueEnum;
use shmem::Window;
use shmem::header::HEADER_LEN;
use shmem::ring::{LANE_LEN, LAP, RING_SLOTS};
use shmem::segment::Source;
use vni::MacAddress;
use vni::descriptor::Piece;
use vni::doorbell::Address;
use vni::link::{End, State};

use crate::memory::Mapped;
use crate::random::Random;

/// Bytes of the pool in which crafted frames lie.
const FRAMES_LEN: u64 = 128 << 10;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Act {
    /// Publishes places of doorbells that are not its own, and rings everybody
    Doorbells,
    /// Publishes descriptors with flags of a later version
    Flags,
    /// Publishes frames whose metadata do not fit them
    Metadata,
    /// Writes anything into its lanes: what was consumed, when to ring, descriptors
    Lanes,
    /// Changes its ends of links
    Links,
    /// Writes anything into its header page
    Header,
    /// Writes anything anywhere in the window, also what belongs to others
    Everything,
}

/// The hostile instance.
pub(crate) struct Actor<'m> {
    memory: &'m Mapped,
    window: Window<'m>,
    me: usize,
    random: Random,
    /// Crafted frames in the pool, for metadata to be wrong about.
    is_pool_filled: bool,
}

impl<'m> Actor<'m> {
    pub(crate) fn new(memory: &'m Mapped, window: Window<'m>, me: usize, random: Random) -> Self {
        Self { memory, window, me, random, is_pool_filled: false }
    }

    /// One write of that act.
    pub(crate) fn act(&mut self, act: Act) {
        match act {
            Act::Doorbells => self.publish_place(),
            Act::Flags => self.describe(true),
            Act::Metadata => self.describe(false),
            Act::Lanes => self.write_lane(),
            Act::Links => self.change_link(),
            Act::Header => self.write(self.window.geometry().header(self.me), HEADER_LEN),
            Act::Everything => self.write(0, self.memory.len()),
        }
    }

    fn peer(&mut self) -> usize {
        let others = self.window.geometry().shape().partitions() as u64 - 1;
        let peer = self.random.below(others) as usize;
        if peer >= self.me { peer + 1 } else { peer }
    }

    fn queue(&mut self) -> usize {
        self.random.below(self.window.geometry().shape().queues() as u64) as usize
    }

    fn write(&mut self, start: u64, len: u64) {
        let at = start + self.random.below(len / 8) * 8;
        let word = self.random.edge();
        self.memory.word(at).store(word, Relaxed);
    }

    fn publish_place(&mut self) {
        let (queue, peer) = (self.queue(), self.peer());
        let place = Address { apic_id: self.random.below(0x200) as u32, vector: self.random.below(256) as u8 };
        self.window.header(self.me).doorbells[queue].address.0.store(place.to_word(), Relaxed);
        self.window.header(peer).doorbells[queue].pending.0.fetch_or(self.random.word() as u32, Relaxed);
    }

    /// One descriptor of the first lap or the second, so that it is valid whenever its turn comes.
    fn describe(&mut self, of_later_version: bool) {
        if !self.is_pool_filled {
            self.fill_pool();
        }
        let (queue, peer) = (self.queue(), self.peer());
        let piece = Piece {
            offset: (self.random.below(FRAMES_LEN / 64) * 64) as u32,
            len: 14 + self.random.below(1500) as u32,
            more: self.random.below(8) == 0,
        };
        let flags = if of_later_version { (self.random.word() & 0x7e | 2) << 56 } else { 0 };
        let metadata = if of_later_version { 0 } else { self.metadata() };
        let lap = self.random.word() & LAP;
        let ring = self.window.ring(self.me, queue, peer);
        let [first, second] = &ring.descriptor(self.random.below(RING_SLOTS.into()) as u32).0;
        second.store(metadata, Relaxed);
        first.store(piece.to_word() | flags | lap, Relaxed);
    }

    /// Kinds of segmentation that there are, and small and large numbers where sizes and places belong.
    fn metadata(&mut self) -> u64 {
        let kind = [0, 1, 4, 5, 0x81, 0x84, 0x85, 3][self.random.below(8) as usize];
        let sizes = [0, 1, 8, 40, 536, 1448, 0xfffe, 0xffff];
        let places = [0, 14, 33, 34, 35, 54, 60, 0xffff];
        let size = sizes[self.random.below(8) as usize];
        let start = places[self.random.below(8) as usize];
        let offset = [6, 16, 0, 0xffff][self.random.below(4) as usize];
        self.random.below(4) | kind << 8 | size << 16 | start << 32 | offset << 48
    }

    /// Ethernet, IPv4 or IPv6, TCP or UDP, with fields that are right or nearly so, to any of the others.
    fn fill_pool(&mut self) {
        self.is_pool_filled = true;
        for at in (0..FRAMES_LEN).step_by(64) {
            let mut frame = [0_u8; 64];
            frame.chunks_exact_mut(8).for_each(|word| word.copy_from_slice(&self.random.word().to_ne_bytes()));
            let peer = self.peer();
            // Of which box the peers say themselves: their addresses differ in the last byte only.
            let to = MacAddress::new("test", peer as u8).octets();
            frame[..6].copy_from_slice(&to);
            let (kind, protocol) = (self.random.below(2), [6, 17][self.random.below(2) as usize]);
            let network: [u8; 2] = if kind == 0 { [8, 0] } else { [0x86, 0xdd] };
            frame[12..14].copy_from_slice(&network);
            frame[14] = if kind == 0 { 0x45 } else { 0x60 };
            frame[if kind == 0 { 23 } else { 20 }] = protocol;
            let copied = self.window.pool(self.me).copy_in(at, Source::from(&frame[..]));
            debug_assert!(copied.is_ok(), "every pool is longer");
        }
    }

    fn write_lane(&mut self) {
        let (queue, peer) = (self.queue(), self.peer());
        self.write(self.window.geometry().lane(self.me, queue, peer), LANE_LEN);
    }

    /// A word that echoes the other end, in any state, with a generation near ours.
    fn change_link(&mut self) {
        let peer = self.peer();
        let theirs = End::from_word(self.window.header(peer).links[self.me].load(Relaxed));
        let mine = &self.window.header(self.me).links[peer];
        let now = End::from_word(mine.load(Relaxed));
        let state = [State::Down, State::Init, State::Ready, State::Up][self.random.below(4) as usize];
        let generation = now.generation.wrapping_add(self.random.below(2) as u32);
        mine.store(End { state, generation, echo: theirs.generation }.to_word(), Relaxed);
    }
}
