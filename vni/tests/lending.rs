//! Frames that are filled and read where they lie.

#![cfg(not(loom))]

mod support;

use std::sync::atomic::Ordering;

use shmem::pool::Span;
use shmem::segment::{Sink, Source};
use support::{Backing, Partition, memory, settle, tight_memory};
use vni::descriptor::Offload;
use vni::headers::HEAD_LEN;
use vni::lending::{Lent, Loans, NotLent};
use vni::sender::SendError;

/// Lends the frame that waits first.
fn borrow(partition: &mut Partition<'_>, loans: &Loans) -> (Lent, Vec<u8>) {
    let receiver = &mut partition.to(0).lane.receiver;
    receiver.peek().unwrap().expect("a frame waits");
    let lent = receiver.lend(loans, &mut [0; HEAD_LEN]).unwrap();
    let mut bytes = Vec::new();
    for piece in &lent.pieces {
        let mut part = vec![0; piece.len as usize];
        receiver.pool().copy_out(piece.offset.into(), Sink::from(&mut part[..])).unwrap();
        bytes.extend(part);
    }
    (lent, bytes)
}

#[test]
fn frames_are_lent_and_given_back_in_any_order_and_the_ring_in_its_own() {
    let memory = memory(2);
    let (a, b) = (Backing::default(), Backing::default());
    let (mut a, mut b) = (Partition::new(memory.window(), 0, &a), Partition::new(memory.window(), 1, &b));
    settle(&mut [&mut a, &mut b]);
    let loans = Loans::default();
    let consumed = || memory.window().ring(0, 0, 1).consumed.load(Ordering::Relaxed);
    for len in [60, 20_000, 1514] {
        a.to(1).send(&vec![len as u8; len]).unwrap();
    }
    let _ = a.to(1).lane.sender.publish();
    let mut lent = [60, 20_000, 1514].map(|len| {
        let (lent, bytes) = borrow(&mut b, &loans);
        assert_eq!((lent.len, bytes), (len, vec![len as u8; len]));
        lent
    });
    let release = |b: &mut Partition<'_>| {
        let _ = b.to(0).lane.receiver.release_not_lent(&loans);
        consumed()
    };
    assert_eq!(release(&mut b), 0);
    lent[1].give_back(&loans);
    assert_eq!(release(&mut b), 0, "the first is still lent");
    lent[0].give_back(&loans);
    assert_eq!(release(&mut b), 4, "the second lay in three pieces");
    lent[2].give_back(&loans);
    assert_eq!(release(&mut b), 5);
}

#[test]
fn a_sender_takes_no_buffer_back_that_is_lent() {
    let memory = tight_memory(2, 0);
    let (a, b) = (Backing::default(), Backing::default());
    let (mut a, mut b) = (Partition::new(memory.window(), 0, &a), Partition::new(memory.window(), 1, &b));
    settle(&mut [&mut a, &mut b]);
    let loans = Loans::default();
    a.to(1).send(&[1; 8000]).unwrap();
    let _ = a.to(1).lane.sender.publish();
    let (mut lent, _) = borrow(&mut b, &loans);
    for _ in 0..100 {
        while a.to(1).send(&[2; 8000]).is_ok() {}
        let _ = a.to(1).lane.sender.publish();
        while b.to(0).receive().unwrap().is_some() {}
        let _ = b.to(0).lane.receiver.release_not_lent(&loans);
    }
    let mut bytes = [0; 8000];
    let pool = b.to(0).lane.receiver.pool();
    pool.copy_out(lent.pieces[0].offset.into(), Sink::from(&mut bytes[..])).unwrap();
    assert_eq!(bytes, [1; 8000]);
    lent.give_back(&loans);
    let _ = b.to(0).lane.receiver.release_not_lent(&loans);
    assert_eq!(a.to(1).send(&[2; 8000]), Ok(()));
}

#[test]
fn what_was_lent_before_a_link_began_anew_holds_up_nothing() {
    let memory = memory(2);
    let (a, b, again) = (Backing::default(), Backing::default(), Backing::default());
    let mut b = Partition::new(memory.window(), 1, &b);
    let loans = Loans::default();
    let mut lent = {
        let mut a = Partition::new(memory.window(), 0, &a);
        settle(&mut [&mut a, &mut b]);
        a.to(1).send(&[1; 100]).unwrap();
        let _ = a.to(1).lane.sender.publish();
        let (lent, _) = borrow(&mut b, &loans);
        a.port.stop();
        lent
    };
    let mut a = Partition::new(memory.window(), 0, &again);
    settle(&mut [&mut a, &mut b]);
    a.to(1).send(&[2; 100]).unwrap();
    let _ = a.to(1).lane.sender.publish();
    let (mut second, bytes) = borrow(&mut b, &loans);
    assert_eq!(bytes, [2; 100]);
    lent.give_back(&loans);
    let _ = b.to(0).lane.receiver.release_not_lent(&loans);
    let consumed = || memory.window().ring(0, 0, 1).consumed.load(Ordering::Relaxed);
    assert_eq!(consumed(), 0, "what is lent now is not what was given back");
    second.give_back(&loans);
    let _ = b.to(0).lane.receiver.release_not_lent(&loans);
    assert_eq!(consumed(), 1);
}

#[test]
fn a_frame_is_filled_where_it_will_lie() {
    let memory = memory(2);
    let (a, b) = (Backing::default(), Backing::default());
    let (mut a, mut b) = (Partition::new(memory.window(), 0, &a), Partition::new(memory.window(), 1, &b));
    settle(&mut [&mut a, &mut b]);
    for len in [14, 1514, 8192, 8193, 65_557] {
        let frame: Vec<u8> = (0..len).map(|at| (at * 7) as u8).collect();
        let mut rest = Source::from(&frame[..]);
        let fill = |span: Span<'_>| {
            let (now, later) = rest.split_at(span.len());
            span.copy_from(now);
            rest = later;
        };
        assert_eq!(a.to(1).lane.sender.send_in_place(len, Offload::NONE, fill), Ok(()));
        assert!(rest.is_empty());
        let _ = a.to(1).lane.sender.publish();
        assert_eq!(b.to(0).receive(), Ok(Some(frame)));
        let _ = b.to(0).lane.receiver.release();
    }
    let refused = a.to(1).lane.sender.send_in_place(13, Offload::NONE, |_| panic!("nothing is lent"));
    assert_eq!(refused, Err(SendError::Length));
}

#[test]
fn metadata_that_do_not_fit_the_headers_as_they_were_copied_are_told_and_nothing_is_lent() {
    let memory = memory(2);
    let (a, b) = (Backing::default(), Backing::default());
    let (mut ours, mut theirs) = (Partition::new(memory.window(), 0, &a), Partition::new(memory.window(), 1, &b));
    settle(&mut [&mut ours, &mut theirs]);
    let loans = Loans::default();
    let mut frame = [0; 300];
    frame[12..14].copy_from_slice(&[0x08, 0x00]);
    let udp = Offload { flags: 1, segmentation: 0, segment_size: 0, checksum_start: 34, checksum_offset: 6 };
    for is_datagram in [false, true] {
        if is_datagram {
            frame[14] = 0x45;
            frame[14 + 9] = 17;
        }
        theirs.to(0).lane.sender.send([Source::from(&frame[..])].into_iter(), udp).unwrap();
    }
    let _ = theirs.to(0).lane.sender.publish();
    let receiver = &mut ours.to(1).lane.receiver;
    let mut head = [1; HEAD_LEN];
    assert_eq!(receiver.lend(&loans, &mut head), Err(NotLent::NoFrame), "none was peeked");
    receiver.peek().unwrap().unwrap();
    assert_eq!(receiver.lend(&loans, &mut head), Err(NotLent::BadOffload));
    assert_eq!(a.peers[1].received.bad_offload.get(), 1);
    receiver.peek().unwrap().unwrap();
    let lent = receiver.lend(&loans, &mut head).unwrap();
    assert_eq!((lent.offload, lent.head_len, lent.len), (udp, HEAD_LEN, 300));
    assert_eq!(head[..], frame[..HEAD_LEN]);
    let _ = receiver.release_not_lent(&loans);
    assert_eq!(memory.window().ring(1, 0, 0).consumed.load(Ordering::Relaxed), 1, "what was refused is given back");
}
