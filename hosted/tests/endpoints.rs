//! Endpoints in threads of one process.

mod support;

use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use hosted::{ClaimError, Endpoint, LinkState, Offload, OpenError, SendError};
use support::{both_up, send_all, until, until_up, window};

#[test]
fn frames_of_every_size_cross_whole_and_in_order() {
    let window = window(2);
    let [mut a, mut b] = both_up(&window);
    let (to_b, from_a) = (a.lane(1, 0).unwrap(), b.lane(0, 0).unwrap());
    let mut buffer = vec![0; vni::MAX_FRAME];
    for len in [14, 64, 1514, 2048, 2049, 65_557] {
        let frame: Vec<u8> = (0..len).map(|at| (at * 7) as u8).collect();
        a.send(to_b, &frame, Offload::NONE).unwrap();
        assert_eq!(b.receive(from_a, &mut buffer), None, "not published yet");
        a.publish(to_b);
        let received = b.receive(from_a, &mut buffer).expect("it was published");
        assert_eq!(buffer[..received.len], frame);
        b.release(from_a);
    }
    assert_eq!((a.counter("tx_ring_frames"), b.counter("rx_ring_frames")), (6, 6));
}

/// Both sides sleep whenever they have nothing to do.
#[test]
fn a_million_frames_cross_between_sleepers_and_none_is_lost() {
    const FRAMES: u64 = 1_000_000;
    let window = window(2);
    let mut a = Endpoint::open(&window, 0).unwrap();
    let other = window.clone();
    let receiver = thread::spawn(move || {
        let mut b = Endpoint::open(&other, 1).unwrap();
        let lane = b.lane(0, 0).unwrap();
        let (mut buffer, mut expected) = ([0; 64], 0_u64);
        until("all frames", &mut [&mut b], |all| {
            while all[0].receive(lane, &mut buffer).is_some() {
                assert_eq!(buffer[14..22], expected.to_le_bytes());
                expected += 1;
            }
            all[0].release(lane);
            expected == FRAMES
        });
    });
    until_up(&mut a, 1);
    let lane = a.lane(1, 0).unwrap();
    send_all(&mut a, lane, FRAMES, |number| {
        let mut frame = [0; 64];
        frame[14..22].copy_from_slice(&number.to_le_bytes());
        frame
    });
    receiver.join().unwrap();
}

#[test]
fn a_partition_is_one_endpoints_until_it_is_closed() {
    let window = window(2);
    let first = Endpoint::open(&window, 0).unwrap();
    let refused = Endpoint::open(&window, 0).err().expect("it is taken");
    assert!(matches!(refused, OpenError::Claim(ClaimError::Taken(0))), "{refused}");
    let second = Endpoint::open_any(&window).unwrap();
    assert_eq!(second.index(), 1);
    let refused = Endpoint::open_any(&window).err().expect("all are taken");
    assert!(matches!(refused, OpenError::Claim(ClaimError::AllTaken(2))), "{refused}");
    let refused = Endpoint::open(&window, 2).err().expect("there is none");
    assert_eq!(refused.to_string(), "the window has partitions 0 to 1, and no partition 2");
    drop(first);
    assert_eq!(Endpoint::open_any(&window).unwrap().index(), 0);
}

#[test]
fn a_closed_endpoint_takes_its_links_down_and_the_next_brings_them_up() {
    let window = window(3);
    let mut a = Endpoint::open(&window, 0).unwrap();
    let to_b = a.lane(1, 0).unwrap();
    for round in 0..3_u8 {
        let mut b = Endpoint::open(&window, 1).unwrap();
        until("the link", &mut [&mut a, &mut b], |all| {
            all[0].link(1) == LinkState::Up && all[1].link(0) == LinkState::Up
        });
        a.send(to_b, &[round; 60], Offload::NONE).unwrap();
        a.publish(to_b);
        let mut buffer = [0; 60];
        assert!(b.receive(b.lane(0, 0).unwrap(), &mut buffer).is_some());
        assert_eq!(buffer, [round; 60]);
        drop(b);
        // Told by its doorbell: one turn is enough, and no tick is needed.
        a.turn();
        assert_ne!(a.link(1), LinkState::Up);
        assert_eq!(a.send(to_b, &[0; 60], Offload::NONE), Err(SendError::LinkDown));
    }
    assert_eq!(a.link(2), LinkState::Down, "nobody was ever there");
}

#[test]
fn one_file_descriptor_tells_of_frames_and_of_ticks() {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let window = window(2);
    let [mut a, mut b] = both_up(&window);
    let heartbeat = || window.window().header(1).heartbeat.load(std::sync::atomic::Ordering::Relaxed);
    let limit = Timespec { tv_sec: 60, tv_nsec: 0 };
    let began = heartbeat();
    while heartbeat() == began {
        b.arm();
        assert_eq!(poll(&mut [PollFd::new(&b.as_fd(), PollFlags::IN)], Some(&limit)), Ok(1), "a tick");
        b.turn();
    }
    assert!(b.arm());
    let (to_b, from_a) = (a.lane(1, 0).unwrap(), b.lane(0, 0).unwrap());
    a.send(to_b, &[1; 60], Offload::NONE).unwrap();
    a.publish(to_b);
    assert_eq!(poll(&mut [PollFd::new(&b.as_fd(), PollFlags::IN)], Some(&limit)), Ok(1));
    b.turn();
    assert!(b.receive(from_a, &mut [0; 64]).is_some());
}

/// Thirty beats, each of which ends a wait on the file descriptor that nothing else would end.
#[test]
fn an_idle_endpoint_beats_for_three_seconds_and_wakes_who_waits_on_it() {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    const BEATS: u64 = 30;
    let window = window(2);
    let mut idle = Endpoint::open(&window, 0).unwrap();
    let beats = || window.window().header(0).heartbeat.load(std::sync::atomic::Ordering::Relaxed);
    let limit = Timespec { tv_sec: 60, tv_nsec: 0 };
    let (began, first) = (Instant::now(), beats());
    let mut wakes = 0;
    while beats() < first + BEATS {
        assert!(idle.arm());
        assert_eq!(poll(&mut [PollFd::new(&idle.as_fd(), PollFlags::IN)], Some(&limit)), Ok(1), "beat {}", beats());
        idle.turn();
        wakes += 1;
    }
    assert!(began.elapsed() >= Duration::from_millis(2_900), "in {} ms", began.elapsed().as_millis());
    assert_eq!(wakes, BEATS, "and nothing else has woken it");
}

#[test]
fn an_endpoint_that_waits_is_woken_for_its_ticks() {
    let window = window(2);
    let mut idle = Endpoint::open(&window, 0).unwrap();
    let beats = || window.window().header(0).heartbeat.load(std::sync::atomic::Ordering::Relaxed);
    let first = beats();
    for wait in 1..=5 {
        idle.wait(Duration::from_secs(60)).unwrap();
        assert_eq!(beats(), first + wait);
    }
}

#[test]
fn who_polls_is_never_rung() {
    let window = window(2);
    let [mut a, mut b] = both_up(&window);
    let (to_b, from_a) = (a.lane(1, 0).unwrap(), b.lane(0, 0).unwrap());
    // The first frame passes where it had said to be rung.
    let mut send = |b: &mut Endpoint| {
        a.send(to_b, &[1; 60], Offload::NONE).unwrap();
        a.publish(to_b);
        assert!(b.receive(from_a, &mut [0; 64]).is_some());
        b.release(from_a);
        b.turn();
        a.counter("doorbells_rung")
    };
    let rung = send(&mut b);
    for _ in 0..1000 {
        assert_eq!(send(&mut b), rung);
    }
}

#[test]
fn a_frame_that_does_not_fit_the_buffer_is_dropped_and_counted() {
    let window = window(2);
    let [mut a, mut b] = both_up(&window);
    let (to_b, from_a) = (a.lane(1, 0).unwrap(), b.lane(0, 0).unwrap());
    for len in [100, 60] {
        a.send(to_b, &vec![len as u8; len], Offload::NONE).unwrap();
    }
    a.publish(to_b);
    assert_eq!(b.receive(from_a, &mut [0; 64]).map(|received| received.len), Some(60));
    assert_eq!(b.counter("rx_drop_no_memory"), 1);
}

#[test]
fn a_lane_of_another_endpoint_leads_nowhere() {
    let (small, large) = (window(2), window(4));
    let (mut a, b) = (Endpoint::open(&small, 0).unwrap(), Endpoint::open(&large, 0).unwrap());
    let lane = b.lane(3, 0).unwrap();
    assert_eq!(a.send(lane, &[0; 60], Offload::NONE), Err(SendError::LinkDown));
    assert_eq!(a.receive(lane, &mut [0; 64]), None);
    a.publish(lane);
    a.release(lane);
    a.wait(Duration::ZERO).unwrap();
    assert_eq!((b.lane(0, 0), b.lane(4, 0), b.lane(1, 1)), (None, None, None));
    assert_eq!(b.lanes().map(|lane| lane.peer()).collect::<Vec<_>>(), [1, 2, 3]);
}
