//! Two partitions, step by step.

#![cfg(not(loom))]

mod support;

use shmem::segment::Sink;
use support::{Backing, Partition, memory, settle, tight_memory};
use vni::sender::SendError;

#[test]
fn a_frame_crosses_once_the_link_is_up() {
    let memory = memory(2);
    let (a, b) = (Backing::default(), Backing::default());
    let mut a = Partition::new(memory.window(), 0, &a);
    assert_eq!(a.to(1).send(&[7; 60]), Err(SendError::LinkDown));
    a.step();
    let mut b = Partition::new(memory.window(), 1, &b);
    settle(&mut [&mut a, &mut b]);
    assert_eq!(a.to(1).send(&[7; 60]), Ok(()));
    assert_eq!(b.to(0).receive(), Ok(None), "not published yet");
    assert!(a.to(1).lane.sender.publish().is_needed(), "it sleeps");
    assert_eq!(b.to(0).receive(), Ok(Some(vec![7; 60])));
    assert_eq!(b.to(0).receive(), Ok(None));
}

#[test]
fn frames_of_every_size_cross_whole_and_in_order() {
    let memory = memory(2);
    let (a, b) = (Backing::default(), Backing::default());
    let (mut a, mut b) = (Partition::new(memory.window(), 0, &a), Partition::new(memory.window(), 1, &b));
    settle(&mut [&mut a, &mut b]);
    for round in 0..40 {
        for len in [14, 64, 1514, 8192, 8193, 9014, 65_549, 65_557] {
            let frame: Vec<u8> = (0..len).map(|at| (at * 7 + round) as u8).collect();
            assert_eq!(a.to(1).send(&frame), Ok(()));
            let _ = a.to(1).lane.sender.publish();
            assert_eq!(b.to(0).receive(), Ok(Some(frame)));
            let _ = b.to(0).lane.receiver.release();
        }
    }
}

#[test]
fn a_full_ring_refuses_and_asks_to_be_rung() {
    let memory = memory(2);
    let (a, b) = (Backing::default(), Backing::default());
    let (mut a, mut b) = (Partition::new(memory.window(), 0, &a), Partition::new(memory.window(), 1, &b));
    settle(&mut [&mut a, &mut b]);
    let mut sent = 0_u32;
    while a.to(1).send(&sent.to_le_bytes().repeat(16)).is_ok() {
        sent += 1;
    }
    assert_eq!(sent, shmem::ring::RING_SLOTS);
    let _ = a.to(1).lane.sender.publish();
    assert!(!a.to(1).lane.sender.await_room());
    for number in 0..sent {
        assert_eq!(b.to(0).receive().unwrap().unwrap(), number.to_le_bytes().repeat(16));
        let rang = b.to(0).lane.receiver.release().is_needed();
        assert_eq!(rang, number + 1 == sent / 2, "at half, and once");
    }
    assert!(a.to(1).lane.sender.has_room());
}

#[test]
fn a_peer_that_comes_again_gets_its_link_back() {
    let memory = memory(2);
    let (a, b, again) = (Backing::default(), Backing::default(), Backing::default());
    let mut a = Partition::new(memory.window(), 0, &a);
    {
        let mut b = Partition::new(memory.window(), 1, &b);
        settle(&mut [&mut a, &mut b]);
        a.to(1).send(&[1; 100]).unwrap();
        let _ = a.to(1).lane.sender.publish();
        b.port.stop();
    }
    let mut b = Partition::new(memory.window(), 1, &again);
    settle(&mut [&mut a, &mut b]);
    assert_eq!(b.to(0).receive(), Ok(None), "what was sent to its former life is gone");
    a.to(1).send(&[2; 100]).unwrap();
    let _ = a.to(1).lane.sender.publish();
    assert_eq!(b.to(0).receive(), Ok(Some(vec![2; 100])));
}

#[test]
fn whoever_waits_for_room_is_rung_also_if_the_peer_has_passed_the_mark_meanwhile() {
    let memory = tight_memory(2, 0);
    let (a, b) = (Backing::default(), Backing::default());
    let (mut a, mut b) = (Partition::new(memory.window(), 0, &a), Partition::new(memory.window(), 1, &b));
    settle(&mut [&mut a, &mut b]);
    // A buffer each.
    (0..10).for_each(|_| a.to(1).send(&[7; 8000]).unwrap());
    let _ = a.to(1).lane.sender.publish();
    // Half of what is in flight, before the request can be seen; and too few for the largest frame.
    (0..5).for_each(|_| assert!(b.to(0).receive().unwrap().is_some()));
    assert!(!b.to(0).lane.receiver.release().is_needed());
    assert!(!a.to(1).lane.sender.await_room());
    (0..5).for_each(|_| assert!(b.to(0).receive().unwrap().is_some()));
    assert!(b.to(0).lane.receiver.release().is_needed(), "the last chance to ring");
    assert!(a.to(1).lane.sender.await_room());
}

#[test]
fn nothing_is_taken_that_was_not_peeked_or_whose_link_has_begun_anew() {
    let memory = memory(2);
    let (a, b) = (Backing::default(), Backing::default());
    let (mut a, mut b) = (Partition::new(memory.window(), 0, &a), Partition::new(memory.window(), 1, &b));
    settle(&mut [&mut a, &mut b]);
    a.to(1).send(&[7; 60]).unwrap();
    let _ = a.to(1).lane.sender.publish();
    let mut frame = [0; 60];
    assert!(!b.to(0).lane.receiver.take(&mut [Sink::from(&mut frame[..])]), "not peeked");
    assert!(b.to(0).lane.receiver.peek().unwrap().is_some());
    b.to(0).lane.receiver.reset();
    assert!(!b.to(0).lane.receiver.take(&mut [Sink::from(&mut frame[..])]), "begun anew");
    assert_eq!(frame, [0; 60]);
}

#[test]
fn a_link_that_was_stopped_blames_nobody_for_words_that_began_anew() {
    let memory = tight_memory(2, 0);
    let (a_backing, b) = (Backing::default(), Backing::default());
    let (mut a, mut b) = (Partition::new(memory.window(), 0, &a_backing), Partition::new(memory.window(), 1, &b));
    settle(&mut [&mut a, &mut b]);
    (0..10).for_each(|_| a.to(1).send(&[7; 60]).unwrap());
    let _ = a.to(1).lane.sender.publish();
    while b.to(0).receive().unwrap().is_some() {}
    let _ = b.to(0).lane.receiver.release();
    assert!(a.to(1).lane.sender.has_room(), "it has been seen");
    a.to(1).send(&[7; 60]).unwrap();
    // As another context stops it, the sender runs on, and the peer is already at its next beginning.
    a.port.stop();
    (0..2).for_each(|_| assert!(b.step()));
    while a.to(1).send(&[7; 60]).is_ok() {}
    a.port.start();
    settle(&mut [&mut a, &mut b]);
    assert!(a.to(1).lane.sender.is_live(), "at once");
    assert!(a_backing.peers[1].status.faults.iter().all(|count| count.get() == 0));
}
