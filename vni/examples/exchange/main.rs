//! Two partitions that exchange frames at full speed, each with a poll and a sender for every queue on a thread of its
//! own, as a driver has them: for ThreadSanitizer to watch (`cargo xtask test --only proofs`).
//!
//! Who has nothing to do parks; a queue's doorbell unparks the peer's poll of that queue, and the poll its sender. The
//! bytes of every frame follow from its number. With `SPRIG_WEAKENED=publish` or `=release` one ordering of the rings
//! is left out, and then the sanitizer must complain: as x86 orders these accesses anyway, nothing else would.

mod weakened;

use std::array;
use std::env;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::thread::{self, Thread};

use shmem::heap::HeapWindow;
use shmem::segment::{Sink, Source};
use shmem::{Shape, Window};
use vni::buffers::SharedBuffers;
use vni::descriptor::Offload;
use vni::doorbell::{self, Address};
use vni::lanes::{self, LinkLanes};
use vni::peer_link::{LinkStatus, PeerLink};
use vni::port::Port;
use vni::receiver::{self, Receiver, Watch};
use vni::sender::{self, SendError, Sender};

use crate::weakened::{Lacks, Weakened};

const QUEUES: usize = 2;
/// Frames in each queue and direction.
const FRAMES: u32 = 3_000;
/// Of the longest frame: some take several buffers.
const LONGEST: usize = 9_000;

/// The lanes of one partition to the other.
struct Lanes<'w> {
    senders: [Sender<'w, Weakened<'w>>; QUEUES],
    receivers: [Receiver<'w, Weakened<'w>>; QUEUES],
}

impl<'w> LinkLanes<'w, Weakened<'w>> for Lanes<'w> {
    fn for_each(&mut self, mut visit: impl FnMut(&mut Sender<'w, Weakened<'w>>, &mut Receiver<'w, Weakened<'w>>)) {
        self.senders.iter_mut().zip(&mut self.receivers).for_each(|(sender, receiver)| visit(sender, receiver));
    }
}

/// What the threads of one partition share.
#[derive(Default)]
struct Shared {
    buffers: Box<SharedBuffers>,
    sent: [sender::Counters; QUEUES],
    received: [receiver::Counters; QUEUES],
    watch: [Watch; QUEUES],
    status: LinkStatus,
    /// Whose sender has sent everything.
    done: [AtomicBool; QUEUES],
    /// Of each queue, once all are there.
    threads: AtomicPtr<[Workers; QUEUES]>,
}

/// Who works for a queue.
struct Workers {
    poll: Thread,
    sender: Thread,
}

impl Shared {
    fn workers(&self, queue: usize) -> &'static Workers {
        loop {
            // SAFETY: what is stored there was leaked, whole. Acquire, partner of the release in `main`.
            #[expect(unsafe_code, reason = "a lock's own order would hide the rings' from the sanitizer")]
            if let Some(threads) = unsafe { self.threads.load(Ordering::Acquire).as_ref() } {
                return &threads[queue];
            }
            thread::yield_now();
        }
    }
}

fn main() {
    let lacks = Lacks::from_word(env::var("SPRIG_WEAKENED").ok().as_deref());
    let memory = HeapWindow::new(2 << 20, Shape::new(2, QUEUES).expect("a shape")).expect("2 MiB are enough");
    let shared = [Shared::default(), Shared::default()];
    let window = memory.window();
    let ends = come_up(window, &shared, lacks);
    thread::scope(|scope| {
        let spawned = [0, 1].into_iter().zip(ends).map(|(me, Lanes { senders, receivers })| {
            let end = |queue| End { window, me, queue, ours: &shared[me], theirs: &shared[1 - me] };
            let mut queue = 0;
            let all = senders.into_iter().zip(receivers).map(|(sender, receiver)| {
                let end = end(queue);
                queue += 1;
                [scope.spawn(move || end.poll(receiver)), scope.spawn(move || end.send_all(sender))]
            });
            let all: Vec<_> = all.collect();
            let workers = array::from_fn(|queue| {
                let [poll, sender] = all[queue].each_ref().map(|thread| thread.thread().clone());
                Workers { poll, sender }
            });
            shared[me].threads.store(Box::leak(Box::new(workers)), Ordering::Release);
            all
        });
        // Each by its own: the scope counts its threads' ends where the sanitizer does not see it, and would have the
        // memory that they used freed under their hands.
        let spawned: Vec<_> = spawned.collect();
        for thread in spawned.into_iter().flatten().flatten() {
            thread.join().expect("a thread ends well");
        }
    });
    println!("{} frames exchanged", 2 * QUEUES as u32 * FRAMES);
}

/// Both partitions with their link up.
fn come_up<'w>(window: Window<'w>, shared: &'w [Shared; 2], lacks: Lacks) -> [Lanes<'w>; 2] {
    let ports = [0, 1].map(|me| Port::new(window, me, "exchange"));
    let mut ends = [0, 1].map(|me| {
        let (peer, ours) = (1 - me, &shared[me]);
        ours.buffers.fill(window.geometry().pool_len(), QUEUES);
        ports[me].start();
        for bell in &ports[me].header().doorbells[..QUEUES] {
            doorbell::publish(bell, Some(Address { apic_id: me as u32, vector: 0x40 }));
        }
        let ring = |from, queue, to| Weakened { ring: window.ring(from, queue, to), lacks };
        let senders = [0, 1]
            .map(|queue| Sender::new(ring(me, queue, peer), window.pool(me), queue, &ours.buffers, &ours.sent[queue]));
        let receivers = [0, 1].map(|queue| {
            Receiver::new(ring(peer, queue, me), window.pool(peer), &ours.received[queue], &ours.watch[queue])
        });
        Lanes { senders, receivers }
    });
    let mut links = [0, 1].map(|me| PeerLink::new(&ports[me], 1 - me, &shared[me].status));
    for me in [0, 1].into_iter().cycle().take(32) {
        lanes::step_link(&ports[me], &mut links[me], &mut ends[me]);
    }
    assert!(ends.iter().all(|lanes| lanes.senders.iter().all(Sender::is_live)), "both are up");
    ends
}

/// One queue of one partition, as its two threads see it.
#[derive(Clone, Copy)]
struct End<'w> {
    window: Window<'w>,
    me: usize,
    queue: usize,
    ours: &'w Shared,
    theirs: &'w Shared,
}

impl End<'_> {
    /// Rings the other partition, as its interrupt would.
    fn ring(&self) {
        let bell = &self.window.header(1 - self.me).doorbells[self.queue];
        if let Some(sent) = doorbell::ring(bell, self.me) {
            self.theirs.workers(self.queue).poll.unpark();
            assert_eq!(doorbell::ring_again(bell, sent), None, "nobody moves");
        }
    }

    fn send_all(&self, mut sender: Sender<'_, Weakened<'_>>) {
        for number in 0..FRAMES {
            let frame = frame(number);
            while let Err(refusal) = sender.send([Source::from(&frame[..])].into_iter(), Offload::NONE) {
                assert_eq!(refusal, SendError::NoRoom);
                self.publish(&mut sender);
                if !sender.await_room() {
                    thread::park();
                }
            }
            if number % 3 == 0 {
                self.publish(&mut sender);
            }
        }
        self.publish(&mut sender);
        self.ours.done[self.queue].store(true, Ordering::Relaxed);
        self.ours.workers(self.queue).poll.unpark();
    }

    fn publish(&self, sender: &mut Sender<'_, Weakened<'_>>) {
        if sender.publish().is_needed() {
            self.ring();
        }
    }

    /// Receives everything, and wakes the sender as long as there is one.
    fn poll(&self, mut receiver: Receiver<'_, Weakened<'_>>) {
        let mut received = 0;
        loop {
            if doorbell::take(&self.window.header(self.me).doorbells[self.queue]) != 0 {
                self.ours.workers(self.queue).sender.unpark();
            }
            receive(&mut receiver, &mut received);
            if receiver.release().is_needed() {
                self.ring();
            }
            if received == FRAMES && self.ours.done[self.queue].load(Ordering::Relaxed) {
                return;
            }
            if receiver.arm() {
                thread::park();
            }
        }
    }
}

/// Everything that waits in one lane.
fn receive(receiver: &mut Receiver<'_, Weakened<'_>>, next: &mut u32) {
    while let Some(waiting) = receiver.peek().expect("the peer is honest") {
        let mut got = vec![0; waiting.len];
        assert!(receiver.take(&mut [Sink::from(&mut got[..])]));
        assert_eq!(got, frame(*next), "frame {next} came whole and in its turn");
        *next += 1;
    }
}

/// The frame of that number.
fn frame(number: u32) -> Vec<u8> {
    let seed = number.wrapping_mul(0x9e37_79b9);
    let len = 14 + seed as usize % (LONGEST - 14);
    let bytes = (0..len as u32).map(|at| (seed ^ at.wrapping_mul(0x85eb_ca6b)).to_le_bytes()[2]);
    bytes.collect()
}
