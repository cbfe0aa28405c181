//! Nothing that a peer wrote is trusted: each rule of the protocol broken once, by a partition that is sound otherwise.

#![cfg(not(loom))]

mod support;

use std::sync::atomic::Ordering;

use shmem::Window;
use shmem::heap::HeapWindow;
use shmem::ring::{RING_SLOTS, lap_bit};
use shmem::segment::{Sink, Source};
use support::{Backing, End, Partition, memory, settle};
use vni::descriptor::{Offload, Piece};
use vni::fault::Fault;
use vni::link::{self, State};
use vni::peer_link::LinkStatus;
use vni::ring::{RingWords, Wake};

/// Partition 0, which is ours, and partition 1, which is about to break a rule.
struct Case<'w> {
    window: Window<'w>,
    backing: &'w Backing,
    ours: Partition<'w>,
    theirs: Partition<'w>,
}

impl<'w> Case<'w> {
    fn new(memory: &'w HeapWindow, backings: &'w [Backing; 2]) -> Self {
        let window = memory.window();
        let [mut ours, mut theirs] = [0, 1].map(|me| Partition::new(window, me, &backings[me]));
        settle(&mut [&mut ours, &mut theirs]);
        Self { window, backing: &backings[0], ours, theirs }
    }

    fn end(&mut self) -> &mut End<'w> {
        self.ours.to(1)
    }

    fn status(&self) -> &'w LinkStatus {
        &self.backing.peers[1].status
    }

    /// They write descriptors from the front of an idle ring, and publish them.
    fn describe(&self, descriptors: &[[u64; 2]]) {
        let ring = self.window.ring(1, 0, 0);
        for (number, words) in (0..).zip(descriptors) {
            ring.set_words(number, [words[0] | lap_bit(number), words[1]]);
        }
    }

    /// Our next look finds this, the link goes down for it, and comes back when it has been held down for a while.
    fn assert_down_for(mut self, fault: Fault) {
        assert_eq!(self.end().lane.receiver.peek(), Err(fault));
        self.assert_link_falls(fault);
    }

    fn assert_link_falls(&mut self, fault: Fault) {
        assert!(self.ours.step(), "they are told");
        assert_eq!(self.status().state(), State::Down as u8);
        for (kind, count) in self.status().faults.iter().enumerate() {
            assert_eq!(count.get(), u64::from(kind == fault.kind()), "{}", Fault::NAMES[kind]);
        }
        assert_eq!(self.end().lane.receiver.peek(), Ok(None), "nothing more is read");
        settle(&mut [&mut self.ours, &mut self.theirs]);
        assert_eq!(self.status().state(), State::Down as u8, "held down");
        for _ in 0..10 {
            [&self.ours, &self.theirs].into_iter().for_each(|it| it.port.tick());
            settle(&mut [&mut self.ours, &mut self.theirs]);
        }
        assert_eq!(self.status().state(), State::Up as u8, "and given another chance");
        self.theirs.to(0).send(&[9; 60]).unwrap();
        let _ = self.theirs.to(0).lane.sender.publish();
        assert_eq!(self.end().receive(), Ok(Some(vec![9; 60])));
    }
}

/// Plays one case.
fn with(play: impl FnOnce(Case<'_>)) {
    let (memory, backings) = (memory(2), [Backing::default(), Backing::default()]);
    play(Case::new(&memory, &backings));
}

fn piece(offset: u32, len: u32, more: bool) -> [u64; 2] {
    [Piece { offset, len, more }.to_word(), 0]
}

#[test]
fn who_publishes_more_than_the_ring_holds_spoils_its_own_frames_and_nothing_else() {
    with(|mut case| {
        case.describe(&[piece(0, 60, false); RING_SLOTS as usize]);
        (0..RING_SLOTS).for_each(|_| assert!(case.end().receive().unwrap().is_some()));
        let ring = case.window.ring(1, 0, 0);
        (RING_SLOTS..2 * RING_SLOTS).for_each(|number| ring.set_words(number, [piece(0, 61, false)[0], 0]));
        assert_eq!(case.end().receive(), Ok(None), "nothing was given back");
        let _ = case.end().lane.receiver.release();
        assert_eq!(case.end().receive().unwrap().map(|frame| frame.len()), Some(61));
    });
}

#[test]
fn who_consumes_what_was_not_published_loses_its_link() {
    with(|mut case| {
        case.end().send(&[7; 60]).unwrap();
        let _ = case.end().lane.sender.publish();
        case.window.ring(0, 0, 1).consumed.store(2, Ordering::Relaxed);
        while case.end().send(&[7; 60]).is_ok() {}
        case.assert_link_falls(Fault::Consumed { claimed: 2, published: 1 });
    });
}

#[test]
fn a_piece_that_is_empty_or_does_not_lie_in_the_pool_costs_the_link() {
    let len = memory(2).window().geometry().pool_len() as u32;
    for (offset, bytes) in [(0, 0), (len, 60), (len - 59, 60), (u32::MAX, 60), (0, (1 << 24) - 1), (u32::MAX, 1)] {
        with(|case| {
            case.describe(&[piece(offset, bytes, false)]);
            case.assert_down_for(Fault::Range { offset, len: bytes });
        });
    }
    with(|mut case| {
        case.describe(&[piece(len - 60, 60, false)]);
        assert_eq!(case.end().receive(), Ok(Some(vec![0; 60])), "its last bytes are its own");
    });
}

#[test]
fn a_frame_that_is_too_short_or_too_long_costs_the_link() {
    with(|case| {
        case.describe(&[piece(0, 13, false)]);
        case.assert_down_for(Fault::FrameLength(13));
    });
    with(|case| {
        case.describe(&[piece(0, 65_557, true), piece(0, 1, false)]);
        case.assert_down_for(Fault::FrameLength(65_558));
    });
}

#[test]
fn a_chain_that_was_not_wholly_published_or_has_too_many_pieces_costs_the_link() {
    with(|case| {
        case.describe(&[piece(0, 60, true)]);
        case.assert_down_for(Fault::Chain);
    });
    with(|case| {
        case.describe(&[piece(0, 1, true); RING_SLOTS as usize]);
        case.assert_down_for(Fault::Chain);
    });
}

#[test]
fn a_frame_with_unknown_flags_is_dropped_and_the_next_is_not() {
    with(|mut case| {
        let unknown = [piece(0, 60, false)[0] | 0x10 << 56, 0];
        case.describe(&[unknown, piece(0, 60, true), [unknown[0], 0], piece(64, 61, false)]);
        assert_eq!(case.end().receive().unwrap().map(|frame| frame.len()), Some(61));
        assert_eq!(case.backing.peers[1].received.unknown_flags.get(), 2);
        assert!(!case.ours.step(), "the link stays as it is");
    });
}

#[test]
fn metadata_that_do_not_fit_the_headers_as_they_were_copied_are_told() {
    with(|mut case| {
        let lie = Offload { flags: 1, segmentation: 1, segment_size: 1448, checksum_start: 34, checksum_offset: 16 };
        case.describe(&[[piece(0, 200, false)[0], lie.to_word()]]);
        let mut frame = [0; 200];
        assert_eq!(case.end().lane.receiver.peek().unwrap().unwrap().offload, lie);
        assert!(!case.end().lane.receiver.take(&mut [Sink::from(&mut frame[..])]), "there is no TCP in zeros");
        assert_eq!(case.backing.peers[1].received.bad_offload.get(), 1);
    });
}

#[test]
fn a_frame_that_would_become_a_datagram_for_each_of_its_bytes_is_told() {
    with(|mut case| {
        let mut frame = vec![0; 65_000];
        frame[12..15].copy_from_slice(&[0x08, 0x00, 0x45]);
        frame[14 + 9] = 17;
        let udp = Offload { flags: 1, segmentation: 5, segment_size: 1_400, checksum_start: 34, checksum_offset: 6 };
        for (segment_size, may_be) in [(1, false), (1_400, true), (0xffff, false)] {
            let sender = &mut case.theirs.to(0).lane.sender;
            sender.send([Source::from(&frame[..])].into_iter(), Offload { segment_size, ..udp }).unwrap();
            let _ = sender.publish();
            let mut came = vec![0; frame.len()];
            assert!(case.end().lane.receiver.peek().unwrap().is_some());
            assert_eq!(case.end().lane.receiver.take(&mut [Sink::from(&mut came[..])]), may_be, "{segment_size}");
            let _ = case.end().lane.receiver.release();
        }
        assert_eq!(case.backing.peers[1].received.bad_offload.get(), 2);
        assert!(!case.ours.step(), "the link stays as it is");
    });
}

#[test]
fn a_descriptor_that_changes_after_it_was_checked_is_used_as_it_was() {
    with(|mut case| {
        case.describe(&[piece(0, 60, false)]);
        assert_eq!(case.end().lane.receiver.peek().unwrap().unwrap().len, 60);
        case.describe(&[piece(u32::MAX, 65_000, true)]);
        let mut frame = [1; 60];
        assert!(case.end().lane.receiver.take(&mut [Sink::from(&mut frame[..])]));
        assert_eq!(frame, [0; 60]);
    });
}

#[test]
fn a_sender_never_reads_its_own_descriptors_back() {
    with(|mut case| {
        let before = case.backing.buffers.count();
        assert!(before > 0, "some are shared");
        (0..100).for_each(|_| case.end().send(&[7; 2000]).unwrap());
        let _ = case.end().lane.sender.publish();
        let ring = case.window.ring(0, 0, 1);
        ring.descriptors.iter().for_each(|it| it.0[0].store(u64::MAX, Ordering::Relaxed));
        ring.consumed.store(100, Ordering::Relaxed);
        while case.end().send(&[7; 2000]).is_ok() {}
        case.end().lane.sender.reset();
        assert_eq!(case.backing.buffers.count(), before, "every buffer came back, and none twice");
    });
}

#[test]
fn nobody_is_kept_busy_by_a_peer_that_publishes_on_and_on() {
    with(|mut case| {
        let unknown = [piece(0, 60, false)[0] | 0x10 << 56, 0];
        case.describe(&[unknown; RING_SLOTS as usize]);
        assert_eq!(case.end().lane.receiver.peek(), Ok(None), "what was there at the first look, and no more");
        assert_eq!(case.backing.peers[1].received.unknown_flags.get(), u64::from(RING_SLOTS));
    });
}

#[test]
fn any_wake_at_may_be_written_and_cost_at_most_a_doorbell() {
    with(|mut case| {
        for wake_at in [0, 1, u32::MAX, 1 << 31] {
            case.window.ring(0, 0, 1).wake_at.store(wake_at, Ordering::Relaxed);
            case.end().send(&[7; 60]).unwrap();
            let _: Wake = case.end().lane.sender.publish();
        }
        assert!(!case.ours.step());
    });
}

#[test]
fn a_peer_of_another_layout_is_not_spoken_to() {
    with(|mut case| {
        case.window.header(1).fingerprint.store(1, Ordering::Relaxed);
        case.ours.port.tick();
        assert!(case.ours.step());
        assert_eq!(case.status().state(), State::Down as u8);
    });
}

#[test]
fn a_peer_whose_heart_stands_still_loses_the_carrier_and_keeps_what_it_may_be_reading() {
    with(|mut case| {
        case.end().send(&[7; 60]).unwrap();
        let _ = case.end().lane.sender.publish();
        for _ in 0..link::FROZEN_AFTER {
            case.ours.port.tick();
            case.ours.step();
        }
        assert_eq!((case.status().state(), case.status().stalls.get()), (LinkStatus::STALLED, 1));
        assert!(case.end().send(&[7; 60]).is_err());
        assert_eq!(case.theirs.to(0).receive(), Ok(Some(vec![7; 60])), "nothing was taken back");
        case.theirs.port.tick();
        case.ours.port.tick();
        case.ours.step();
        assert_eq!(case.status().state(), State::Up as u8, "it goes on where it was");
        case.end().send(&[8; 60]).unwrap();
    });
}
