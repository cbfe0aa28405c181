//! Frames that are filled and read where they lie, between endpoints.

mod support;

use std::thread;

use hosted::{Endpoint, LentFrame, LentSpan, Offload, Span};
use shmem::segment::Source;
use support::{both_up, send_all, until_up, window};

fn bytes(frame: &LentFrame) -> Vec<u8> {
    let mut bytes = vec![0; frame.len()];
    assert_eq!(frame.copy_to(&mut bytes), frame.len());
    bytes
}

/// Sends a frame that is written in the window.
fn fill(endpoint: &mut Endpoint, frame: &[u8]) {
    let lane = endpoint.lane(1, 0).unwrap();
    let mut rest = Source::from(frame);
    let fill = |span: Span<'_>| {
        let (now, later) = rest.split_at(span.len());
        span.copy_from(now);
        rest = later;
    };
    endpoint.send_in_place(lane, frame.len(), Offload::NONE, fill).unwrap();
}

#[test]
fn frames_of_every_size_cross_without_a_copy_of_ours() {
    let window = window(2);
    let [mut a, mut b] = both_up(&window);
    let (to_b, from_a) = (a.lane(1, 0).unwrap(), b.lane(0, 0).unwrap());
    for len in [14, 64, 1514, 8192, 8193, 65_557] {
        let frame: Vec<u8> = (0..len).map(|at| (at * 7) as u8).collect();
        fill(&mut a, &frame);
        a.publish(to_b);
        let lent = b.receive_lent(from_a).expect("it was published");
        assert_eq!((bytes(&lent), lent.head(), lent.offload()), (frame, &[][..], Offload::NONE));
        let mut short = [0; 10];
        assert_eq!((lent.copy_to(&mut short), short[9]), (10, 63));
        drop(lent);
        b.release(from_a);
    }
    assert_eq!((a.counter("tx_ring_frames"), b.counter("rx_ring_frames")), (6, 6));
}

#[test]
fn what_is_left_to_be_done_is_held_against_a_head_of_our_own() {
    let window = window(2);
    let [mut a, mut b] = both_up(&window);
    let (to_b, from_a) = (a.lane(1, 0).unwrap(), b.lane(0, 0).unwrap());
    let mut frame: Vec<u8> = (0..20_000).map(|at| if at < 42 { 0 } else { at as u8 }).collect();
    frame[12..15].copy_from_slice(&[0x08, 0x00, 0x45]);
    frame[14 + 9] = 17;
    let udp = Offload { flags: 1, segmentation: 5, segment_size: 1400, checksum_start: 34, checksum_offset: 6 };
    let lie = Offload { segmentation: 1, ..udp };
    for offload in [lie, udp] {
        a.send(to_b, &frame, offload).unwrap();
    }
    a.publish(to_b);
    let lent = b.receive_lent(from_a).expect("the second is true");
    assert_eq!((lent.offload(), b.counter("rx_drop_bad_offload")), (udp, 1));
    assert!(!lent.head().is_empty() && frame.starts_with(lent.head()));
    assert_eq!(lent.head().len() + lent.rest().map(LentSpan::len).sum::<usize>(), frame.len());
    assert_eq!(bytes(&lent), frame);
}

#[test]
fn a_frame_may_outlive_its_endpoint_and_its_window() {
    let window = window(2);
    let [mut a, mut b] = both_up(&window);
    let (to_b, from_a) = (a.lane(1, 0).unwrap(), b.lane(0, 0).unwrap());
    fill(&mut a, &[5; 100]);
    a.publish(to_b);
    let lent = b.receive_lent(from_a).expect("it was published");
    drop((a, b, window));
    assert_eq!(bytes(&lent), [5; 100]);
}

#[test]
fn who_sleeps_is_woken_by_what_is_given_back_and_tells_its_sender() {
    let window = window(2);
    let [mut a, mut b] = both_up(&window);
    let (to_b, from_a) = (a.lane(1, 0).unwrap(), b.lane(0, 0).unwrap());
    while a.send(to_b, &[3; 8000], Offload::NONE).is_ok() {}
    a.publish(to_b);
    assert!(!a.await_room(to_b), "the ring or the pool is full");
    let lent: Vec<LentFrame> = std::iter::from_fn(|| b.receive_lent(from_a)).collect();
    b.release(from_a);
    b.turn();
    let bell = window.bell(1).unwrap();
    bell.take();
    assert!(b.arm());
    assert!(!bell.take());
    thread::spawn(move || drop(lent)).join().unwrap();
    assert!(bell.take(), "it may be waiting");
    b.turn();
    assert_eq!(a.send(to_b, &[3; 8000], Offload::NONE), Ok(()));
}

/// Frames go to a thread that looks at them one behind the other and gives them back there.
#[test]
fn a_hundred_thousand_frames_are_read_by_another_thread_while_the_sender_goes_on() {
    const FRAMES: u64 = 100_000;
    let window = window(2);
    let other = window.clone();
    let receiving = thread::spawn(move || {
        let mut b = Endpoint::open(&other, 1).unwrap();
        let lane = b.lane(0, 0).unwrap();
        let (send, frames) = std::sync::mpsc::channel::<LentFrame>();
        let reading = thread::spawn(move || {
            for (number, frame) in frames.into_iter().enumerate() {
                assert_eq!(bytes(&frame), (number as u64).to_le_bytes().repeat(40));
            }
        });
        let mut came = 0;
        support::until("all frames", &mut [&mut b], |all| {
            while let Some(frame) = all[0].receive_lent(lane) {
                send.send(frame).unwrap();
                came += 1;
            }
            all[0].release(lane);
            came == FRAMES
        });
        drop(send);
        reading.join().unwrap();
        b.release(lane);
        b
    });
    let mut a = Endpoint::open(&window, 0).unwrap();
    until_up(&mut a, 1);
    let lane = a.lane(1, 0).unwrap();
    send_all(&mut a, lane, FRAMES, |number| number.to_le_bytes().repeat(40));
    let b = receiving.join().unwrap();
    assert_eq!(b.counter("rx_ring_frames"), FRAMES);
}
