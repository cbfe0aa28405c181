//! Two partitions that exchange frames at full speed, each with a poll and a sender for every queue on a thread of its
//! own, as a driver has them: for ThreadSanitizer to watch (`cargo xtask test --only proofs`).
//!
//! Who has nothing to do parks; the doorbell's interrupt unparks the peer's poll, and the poll its senders. The
//! bytes of every frame follow from its number. With `SPRIG_WEAKENED=publish` or `=release` one ordering of the rings is
//! left out, and then the sanitizer must complain: as x86 orders these accesses anyway, nothing else would.

mod weakened;

use std::env;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::thread::{self, Thread};

use shmem::heap::HeapWindow;
use shmem::segment::{Sink, Source};
use shmem::{Shape, Window};
use vni::buffers::SharedBuffers;
use vni::descriptor::Offload;
use vni::doorbell::{self, Address};
use vni::receiver::{self, Receiver, Watch};
use vni::sender::{self, Refusal, Sender};
use vni::station::{PeerLink, Shown, Station};

use crate::weakened::{Lacks, Weakened};

const QUEUES: usize = 2;
/// Frames in each queue and direction.
const FRAMES: u32 = 3_000;
/// Of the longest frame: some take several buffers.
const LONGEST: usize = 9_000;

type Senders<'w> = [Sender<'w, Weakened<'w>>; QUEUES];
type Receivers<'w> = [Receiver<'w, Weakened<'w>>; QUEUES];

/// What the threads of one partition share.
#[derive(Default)]
struct Shared {
    buffers: Box<SharedBuffers>,
    sent: [sender::Counters; QUEUES],
    received: [receiver::Counters; QUEUES],
    watch: [Watch; QUEUES],
    shown: Shown,
    /// Senders that have sent everything.
    done: AtomicU32,
    /// The poll and the senders, once all are there.
    threads: AtomicPtr<[Thread; 1 + QUEUES]>,
}

impl Shared {
    fn threads(&self) -> &'static [Thread; 1 + QUEUES] {
        loop {
            // SAFETY: what is stored there was leaked, whole. Acquire, partner of the release in `main`.
            #[expect(unsafe_code, reason = "a lock's own order would hide the rings' from the sanitizer")]
            if let Some(threads) = unsafe { self.threads.load(Ordering::Acquire).as_ref() } {
                return threads;
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
        let spawned = [0, 1].into_iter().zip(ends).map(|(me, (senders, receivers))| {
            let (ours, theirs) = (&shared[me], &shared[1 - me]);
            let poll = scope.spawn(move || poll(window, me, ours, theirs, receivers));
            let [first, second] = senders.map(|sender| scope.spawn(move || send_all(window, me, ours, theirs, sender)));
            let all = [poll, first, second];
            let threads = Box::leak(Box::new(all.each_ref().map(|thread| thread.thread().clone())));
            ours.threads.store(threads, Ordering::Release);
            all
        });
        // Each by its own: the scope counts its threads' ends where the sanitizer does not see it, and would have the
        // memory that they used freed under their hands.
        let spawned: Vec<_> = spawned.collect();
        for thread in spawned.into_iter().flatten() {
            thread.join().expect("a thread ends well");
        }
    });
    println!("{} frames exchanged", 2 * QUEUES as u32 * FRAMES);
}

/// Both partitions with their link up.
fn come_up<'w>(window: Window<'w>, shared: &'w [Shared; 2], lacks: Lacks) -> [(Senders<'w>, Receivers<'w>); 2] {
    let stations = [0, 1].map(|me| Station::new(window, me, "exchange"));
    let mut ends = [0, 1].map(|me| {
        let (peer, ours) = (1 - me, &shared[me]);
        ours.buffers.fill(window.geometry().pool_len(), QUEUES);
        stations[me].start();
        doorbell::publish(&stations[me].header(), Some(Address { apic_id: me as u32, vector: 0x40 }));
        let ring = |from, queue, to| Weakened { ring: window.ring(from, queue, to), lacks };
        let senders = [0, 1]
            .map(|queue| Sender::new(ring(me, queue, peer), window.pool(me), queue, &ours.buffers, &ours.sent[queue]));
        let receivers = [0, 1].map(|queue| {
            Receiver::new(ring(peer, queue, me), window.pool(peer), &ours.received[queue], &ours.watch[queue])
        });
        (senders, receivers)
    });
    let mut links = [0, 1].map(|me| PeerLink::new(&stations[me], 1 - me, &shared[me].shown));
    for me in [0, 1].into_iter().cycle().take(32) {
        let (senders, receivers) = &mut ends[me];
        let stepped = links[me].step(0, true, None, || {
            senders.iter_mut().for_each(Sender::reset);
            receivers.iter_mut().for_each(Receiver::reset);
        });
        senders.iter_mut().for_each(|sender| sender.set_live(stepped.send));
        receivers.iter_mut().for_each(|receiver| receiver.set_live(stepped.receive));
    }
    assert!(ends.iter().all(|(senders, _)| senders.iter().all(Sender::is_live)), "both are up");
    ends
}

/// Rings the other partition, as its interrupt would.
fn ring(window: Window<'_>, me: usize, theirs: &Shared) {
    let header = window.header(1 - me);
    if let Some(sent) = doorbell::ring(&header, me) {
        theirs.threads()[0].unpark();
        assert_eq!(doorbell::ring_again(&header, sent), None, "nobody moves");
    }
}

fn send_all(window: Window<'_>, me: usize, ours: &Shared, theirs: &Shared, mut sender: Sender<'_, Weakened<'_>>) {
    for number in 0..FRAMES {
        let frame = frame(number);
        while let Err(refusal) = sender.send([Source::from(&frame[..])].into_iter(), Offload::NONE) {
            assert_eq!(refusal, Refusal::NoRoom);
            publish(window, me, theirs, &mut sender);
            if !sender.await_room() {
                thread::park();
            }
        }
        if number % 3 == 0 {
            publish(window, me, theirs, &mut sender);
        }
    }
    publish(window, me, theirs, &mut sender);
    ours.done.fetch_add(1, Ordering::Relaxed);
    ours.threads()[0].unpark();
}

fn publish(window: Window<'_>, me: usize, theirs: &Shared, sender: &mut Sender<'_, Weakened<'_>>) {
    if sender.publish().is_needed() {
        ring(window, me, theirs);
    }
}

/// Receives everything, and wakes the senders as long as there are any.
fn poll(window: Window<'_>, me: usize, ours: &Shared, theirs: &Shared, mut receivers: Receivers<'_>) {
    let mut received = [0; QUEUES];
    loop {
        if doorbell::take(&window.header(me)) != 0 {
            ours.threads()[1..].iter().for_each(Thread::unpark);
        }
        for (receiver, next) in receivers.iter_mut().zip(&mut received) {
            receive(receiver, next);
            if receiver.release().is_needed() {
                ring(window, me, theirs);
            }
        }
        if received == [FRAMES; QUEUES] && ours.done.load(Ordering::Relaxed) == QUEUES as u32 {
            return;
        }
        let may_sleep = receivers.iter_mut().all(Receiver::arm);
        if may_sleep {
            thread::park();
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
