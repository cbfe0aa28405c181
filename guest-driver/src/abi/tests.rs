//! Two endpoints through the C interface, as the shim uses it.

mod console;
mod header;
mod hold;
mod host;
mod hostile;

use core::ffi::{CStr, c_void};
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::vec::Vec;

use shmem::heap::HeapWindow;
use vni::descriptor::Offload;

use super::counters::*;
use super::doorbell::*;
use super::lifecycle::*;
use super::links::*;
use super::receive::*;
use super::send::*;
use super::*;

const PARTITIONS: u32 = 2;
const QUEUES: u32 = 2;
const WINDOW_LEN: u64 = 1 << 20;

/// An endpoint in memory of the shim's.
struct Opened {
    endpoint: *mut Endpoint,
    layout: Layout,
}

impl Opened {
    /// The window must stay for as long as this.
    fn new(memory: &HeapWindow, index: u32) -> Self {
        let bytes = sprig_endpoint_bytes(PARTITIONS, QUEUES) as usize;
        let layout = Layout::from_size_align(bytes, 128).unwrap();
        // SAFETY: the layout has a size.
        let endpoint = unsafe { alloc_zeroed(layout) }.cast();
        // SAFETY: zeroed, of that size and alignment; the window is mapped as long as the memory is there.
        let opened = unsafe {
            sprig_endpoint_open(endpoint, start(memory), WINDOW_LEN, PARTITIONS, QUEUES, index, b"pair".as_ptr(), 4)
        };
        assert_eq!(opened, 0);
        let endpoint = endpoint.cast();
        // SAFETY: it is open.
        unsafe { sprig_endpoint_start(endpoint) };
        Self { endpoint, layout }
    }

    /// The lane of a queue to the peer.
    fn lane(&self, queue: u32) -> u32 {
        queue * PARTITIONS + self.peer()
    }

    fn peer(&self) -> u32 {
        // SAFETY: it is open.
        1 - unsafe { deref(self.endpoint) }.port().index() as u32
    }

    /// Steps the link; whether the peer must be rung.
    fn step(&self) -> bool {
        // SAFETY: it is open, and this thread is the poll and the only sender.
        unsafe { sprig_link_step(self.endpoint, self.peer()) & LINK_RING != 0 }
    }

    fn send(&self, frame: &[u8]) -> u32 {
        self.send_by(0, frame)
    }

    fn send_by(&self, queue: u32, frame: &[u8]) -> u32 {
        let (first, second) = frame.split_at(frame.len() / 3);
        let segments = [first, second].map(|it| Segment { at: it.as_ptr().cast_mut().cast(), len: it.len() as u64 });
        // SAFETY: it is open; this thread is the only sender; the segments are readable.
        unsafe { sprig_send(self.endpoint, self.lane(queue), segments.as_ptr(), 2, &Offload::NONE) }
    }

    fn publish(&self) -> bool {
        self.publish_by(0)
    }

    fn publish_by(&self, queue: u32) -> bool {
        // SAFETY: it is open; this thread is the only sender.
        unsafe { sprig_publish(self.endpoint, self.lane(queue)) }
    }

    fn receive(&self) -> Option<Vec<u8>> {
        self.receive_by(0)
    }

    fn receive_by(&self, queue: u32) -> Option<Vec<u8>> {
        let mut frame = Frame { len: 0, offload: Offload::NONE };
        // SAFETY: it is open; this thread is the poll.
        let found = unsafe { sprig_peek(self.endpoint, self.lane(queue), &mut frame) };
        if found != FRAME {
            return None;
        }
        let mut bytes = std::vec![0; frame.len as usize];
        let segment = Segment { at: bytes.as_mut_ptr().cast(), len: bytes.len() as u64 };
        // SAFETY: as above; the segment is writable.
        assert!(unsafe { sprig_take(self.endpoint, self.lane(queue), &segment, 1) });
        Some(bytes)
    }

    /// Rings a queue of the peer, whose cores these are.
    fn ring(&self, queue: u32, apic_ids: &[u32]) -> u64 {
        let cores = Cores { apic_ids: apic_ids.as_ptr(), count: apic_ids.len() as u32, most: 254 };
        // SAFETY: it is open, and the cores are readable.
        unsafe { sprig_ring(self.endpoint, queue, self.peer(), &cores) }
    }

    fn counter(&self, name: &CStr) -> u64 {
        let is_named = |which: &u32| {
            // SAFETY: names are strings that stay.
            unsafe { CStr::from_ptr(sprig_counter_name(*which)) == name }
        };
        let which = (0..sprig_counter_count()).find(is_named).expect("there is such a counter");
        // SAFETY: it is open.
        unsafe { sprig_counter(self.endpoint, which) }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout; nothing in it needs to be dropped.
        unsafe { dealloc(self.endpoint.cast(), self.layout) };
    }
}

fn memory() -> HeapWindow {
    HeapWindow::new(WINDOW_LEN, shape(PARTITIONS, QUEUES).unwrap()).unwrap()
}

fn start(memory: &HeapWindow) -> *mut c_void {
    memory.words().next().unwrap().as_ptr().cast()
}

fn both_up(memory: &HeapWindow) -> [Opened; 2] {
    let both = [0, 1].map(|index| Opened::new(memory, index));
    for _ in 0..8 {
        both.iter().for_each(|one| _ = one.step());
    }
    both
}

#[test]
fn frames_in_segments_cross_in_order() {
    let memory = memory();
    let [a, b] = both_up(&memory);
    for len in [14, 60, 1514, 65_549] {
        let frame: Vec<u8> = (0..len).map(|at| at as u8).collect();
        assert_eq!(a.send(&frame), SENT);
        a.publish();
        assert_eq!(b.receive(), Some(frame));
        // SAFETY: it is open; this thread is the poll.
        unsafe { sprig_release(b.endpoint, b.peer()) };
    }
    assert_eq!(b.receive(), None);
    assert_eq!((a.counter(c"tx_ring_frames"), b.counter(c"rx_ring_frames")), (4, 4));
}

#[test]
fn queues_have_frames_and_doorbells_of_their_own_and_a_link_in_common() {
    let memory = memory();
    let [a, b] = both_up(&memory);
    for queue in 0..QUEUES {
        // SAFETY: they are open.
        unsafe {
            sprig_doorbell_publish(b.endpoint, queue, 7 + queue, 0x40);
            sprig_doorbell_take(b.endpoint, queue);
        }
    }
    assert_eq!(a.send_by(1, &[1; 60]), SENT);
    assert_eq!(a.send_by(0, &[7; 60]), SENT);
    assert!(a.publish_by(0) && a.publish_by(1), "both sleep");
    let ring = |queue| a.ring(queue, &[7, 8]);
    // SAFETY: it is open, and this thread is every poll.
    let take = |queue| unsafe { sprig_doorbell_take(b.endpoint, queue) };
    assert_eq!((ring(1), ring(1), ring(0)), (8 << 32 | 0x40, 0, 7 << 32 | 0x40));
    assert_eq!((take(1), take(1), take(0)), (1, 0, 1));
    assert_eq!((ring(QUEUES), take(QUEUES)), (0, 0), "there is no such queue");
    assert_eq!(b.receive_by(1), Some(std::vec![1; 60]));

    // What is left in the other queue goes when the link begins anew.
    // SAFETY: they are open.
    unsafe { sprig_endpoint_stop(a.endpoint) };
    assert_eq!(b.ring(1, &[0]), RING_NONE, "nobody is there to be rung");
    // SAFETY: as above.
    unsafe { sprig_endpoint_start(a.endpoint) };
    for _ in 0..8 {
        _ = (b.step(), a.step());
    }
    assert_eq!((b.receive_by(0), b.receive_by(1)), (None, None));
    assert_eq!((a.send_by(0, &[2; 60]), a.send_by(1, &[3; 60])), (SENT, SENT));
    assert!(a.publish_by(0) && a.publish_by(1));
    assert_eq!((b.receive_by(0), b.receive_by(1)), (Some(std::vec![2; 60]), Some(std::vec![3; 60])));
}

#[test]
fn a_peer_that_publishes_a_place_that_is_not_its_own_is_not_rung_there() {
    let memory = memory();
    let [a, b] = both_up(&memory);
    let rung_at = |apic_id, vector| {
        // SAFETY: it is open, and this thread is its poll.
        unsafe {
            sprig_doorbell_publish(b.endpoint, 0, apic_id, vector);
            sprig_doorbell_take(b.endpoint, 0);
        }
        a.ring(0, &[7, 8, 255])
    };
    assert_eq!(rung_at(8, 0x40), 8 << 32 | 0x40);
    assert_eq!(rung_at(0, 0x40), RING_BAD_CORE, "our own");
    assert_eq!(rung_at(8, 0xf8), RING_BAD_VECTOR, "by which Linux stops a core");
    assert_eq!(rung_at(8, 17), RING_BAD_VECTOR, "whose handler expects an error code");
    assert_eq!(rung_at(255, 0x40), RING_OUT_OF_REACH, "which is everybody in xAPIC mode");
    // SAFETY: it is open.
    unsafe { sprig_doorbell_publish(b.endpoint, 0, 9, 0x40) };
    let cores = Cores { apic_ids: [7, 8].as_ptr(), count: 2, most: 254 };
    // SAFETY: it is open, and the cores are readable.
    let again = unsafe { sprig_ring_again(a.endpoint, 0, a.peer(), &cores, 8 << 32 | 0x40) };
    assert_eq!(again, RING_BAD_CORE, "it has moved to where it may not");
}

#[test]
fn each_refusal_has_its_result_and_its_counter() {
    let memory = memory();
    let lone = Opened::new(&memory, 0);
    assert_eq!(lone.send(&[7; 60]), LINK_NOT_UP);
    assert_eq!(lone.counter(c"tx_drop_link_down"), 1);
    let [a, _b] = both_up(&memory);
    assert_eq!(a.send(&[7; 13]), BAD_FRAME);
    assert_eq!(a.counter(c"tx_drop_length"), 1);
    while a.send(&[7; 60]) == SENT {}
    assert_eq!(a.send(&[7; 60]), NO_ROOM);
    assert_eq!(a.counter(c"tx_ring_full") + a.counter(c"tx_pool_full"), 2);
    a.publish();
    // SAFETY: it is open; this thread is the only sender.
    assert!(!unsafe { sprig_await_room(a.endpoint, a.peer()) });
}

#[test]
fn a_fault_is_reported_counted_and_ends_the_link() {
    let memory = memory();
    let [a, b] = both_up(&memory);
    // SAFETY: it is open.
    let window = unsafe { deref(a.endpoint) }.port().window();
    // A descriptor of the first lap, of no bytes.
    window.ring(0, 0, 1).descriptor(0).0[0].store(shmem::ring::LAP, std::sync::atomic::Ordering::Relaxed);
    let mut frame = Frame { len: 0, offload: Offload::NONE };
    // SAFETY: it is open; this thread is the poll.
    assert_eq!(unsafe { sprig_peek(b.endpoint, b.peer(), &mut frame) }, FAULT);
    assert!(b.step());
    // SAFETY: it is open.
    assert_eq!((unsafe { sprig_link_state(b.endpoint, b.peer()) }, b.counter(c"fault_range")), (0, 1));
}

#[test]
fn invalid_endpoints_are_refused() {
    let memory = memory();
    assert_eq!(sprig_endpoint_bytes(0, 1), 0);
    assert_eq!(sprig_endpoint_bytes(1_000, 1), 0);
    let endpoint = Opened::new(&memory, 0);
    let open = |window_len, partitions, index, name: &[u8]| {
        let (at, len) = (name.as_ptr(), name.len() as u64);
        // SAFETY: each of these is refused before anything is written.
        unsafe {
            sprig_endpoint_open(
                endpoint.endpoint.cast(),
                start(&memory),
                window_len,
                partitions,
                QUEUES,
                index,
                at,
                len,
            )
        }
    };
    assert_eq!(open(WINDOW_LEN, 2, 2, b"pair"), -EINVAL, "no such partition");
    assert_eq!(open(WINDOW_LEN, 0, 0, b"pair"), -EINVAL, "no such shape");
    assert_eq!(open(WINDOW_LEN, 2, 0, b"\xff"), -EINVAL, "no such name");
    assert_eq!(open(4096, 2, 0, b"pair"), -ENOSPC);
}

#[test]
fn lanes_and_peers_that_there_are_none_of_do_nothing() {
    let memory = memory();
    let [a, _b] = both_up(&memory);
    for nobody in [0, 2, 31, 32, u32::MAX] {
        // SAFETY: it is open, and this thread is the poll and the only sender.
        unsafe {
            let cores = Cores { apic_ids: [0].as_ptr(), count: 1, most: 254 };
            assert_eq!(sprig_ring(a.endpoint, 0, nobody, &cores), RING_NONE);
            assert_eq!(sprig_ring_again(a.endpoint, 0, nobody, &cores, 0x40), RING_NONE);
            assert_eq!(sprig_link_step(a.endpoint, nobody), 0);
            assert!(!sprig_publish(a.endpoint, nobody) && !sprig_overdue(a.endpoint, nobody));
            assert!(sprig_arm(a.endpoint, nobody), "one may sleep");
        }
    }
}

#[test]
fn a_receiver_that_sleeps_on_with_something_to_do_is_overdue_at_the_second_look() {
    let memory = memory();
    let [a, b] = both_up(&memory);
    // SAFETY: it is open; this thread is the poll.
    let overdue = || unsafe { sprig_overdue(b.endpoint, b.peer()) };
    assert_eq!(b.receive(), None);
    // SAFETY: as above.
    assert!(unsafe { sprig_arm(b.endpoint, b.peer()) });
    assert!(!overdue());
    a.send(&[7; 60]);
    assert!(a.publish(), "it must be rung");
    assert!(!overdue(), "the doorbell may be on its way");
    assert!(overdue());
    assert!(b.receive().is_some());
    assert!(!overdue());
}
