//! The hand-off of an index alone: descriptors of 16 bytes through a queue of 256, between two threads of one process, since
//! the queues of rtrb and crossbeam know no other. The endpoint's own queue is `vni::ring`, over a window in memory. It can
//! also wake a peer that sleeps, and does not trust it; it does so here too.

use std::hint;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use bench::model::Case;
use bench::probe::{Probe, Sample, probe};
use crossbeam_channel::bounded;
use crossbeam_queue::ArrayQueue;
use shmem::ring::{RING_SLOTS, Ring};
use strum::IntoStaticStr;
use vni::ring::{Consumer, Producer};

use crate::control::Limit;
use crate::peer::{Peer, pin};
use crate::{clock, port};

type Item = [u64; 2];
const MOST: usize = 128;
/// Bytes of one, for the clock.
const BYTES: usize = 64;
const SLOTS: usize = RING_SLOTS as usize;

trait Sender: Send {
    /// Sends as many as there is room for. Returns how many.
    fn offer(&mut self, items: &[Item]) -> Result<usize>;
}

trait Receiver: Send {
    fn take(&mut self, into: &mut [Item]) -> usize;
    /// Gives back the room of what was taken, where that is a step of its own.
    fn give_back(&mut self) {}
}

impl<F: FnMut(Item) -> bool + Send> Sender for F {
    fn offer(&mut self, items: &[Item]) -> Result<usize> {
        Ok(items.iter().take_while(|item| self(**item)).count())
    }
}

impl<F: FnMut() -> Option<Item> + Send> Receiver for F {
    fn take(&mut self, into: &mut [Item]) -> usize {
        let received = into.iter_mut().map_while(|item| {
            *item = self()?;
            Some(())
        });
        hint::black_box(received.count())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Queue {
    Vni,
    Rtrb,
    Crossbeam,
    CrossbeamChannel,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Use {
    /// How many go through, so many at once.
    Flow { burst: usize, duration: Duration },
    /// How long one takes there and back, so many times.
    Trips { count: u64 },
}

impl Queue {
    pub(crate) const ALL: [Self; 4] = [Self::Vni, Self::Rtrb, Self::Crossbeam, Self::CrossbeamChannel];

    pub(crate) fn probe(self, used: Use) -> Box<dyn Probe<Peer>> {
        let case = match used {
            Use::Flow { burst, .. } => Case::new("index", self.into(), "items/s").with("burst", burst),
            Use::Trips { .. } => Case::new("hand-off", self.into(), "ns").with("payload", "descriptor"),
        };
        probe(case, move |peer: &mut Peer| {
            let there = peer.cores.there;
            peer.watched(&[process::id()], |_| Ok(Sample::of(self.measure(used, there)?)))
        })
    }

    fn measure(self, used: Use, there: usize) -> Result<f64> {
        match self {
            Self::Vni => {
                let window = port::window(2 << 20)?;
                let ring = |from, to| window.window().ring(from, 0, to);
                let queue = |from, to| {
                    (VniEnd(ring(from, to), Producer::default()), VniEnd(ring(from, to), Consumer::default()))
                };
                used.between(queue(0, 1), queue(1, 0), there)
            }
            Self::Rtrb => used.between(rtrb::RingBuffer::new(SLOTS), rtrb::RingBuffer::new(SLOTS), there),
            Self::Crossbeam => {
                let (to, fro) = (ArrayQueue::new(SLOTS), ArrayQueue::new(SLOTS));
                let to = (|item| to.push(item).is_ok(), || to.pop());
                used.between(to, (|item| fro.push(item).is_ok(), || fro.pop()), there)
            }
            Self::CrossbeamChannel => {
                let ((to, from_to), (fro, from_fro)) = (bounded(SLOTS), bounded(SLOTS));
                let to = (|item| to.try_send(item).is_ok(), || from_to.try_recv().ok());
                used.between(to, (|item| fro.try_send(item).is_ok(), || from_fro.try_recv().ok()), there)
            }
        }
    }
}

impl Use {
    fn between(self, to: (impl Sender, impl Receiver), fro: (impl Sender, impl Receiver), there: usize) -> Result<f64> {
        match self {
            Self::Flow { burst, duration } => flow(to, burst, duration, there),
            Self::Trips { count } => trips(to, fro, count, there),
        }
    }
}

fn on_both<T>(there: usize, theirs: impl FnOnce() -> Result<()> + Send, ours: impl FnOnce() -> Result<T>) -> Result<T> {
    thread::scope(|scope| {
        let other = scope.spawn(|| pin(there).and_then(|()| theirs()));
        let outcome = ours();
        other.join().unwrap_or_else(|_| Err(anyhow!("the other thread has panicked")))?;
        outcome
    })
}

fn flow((mut tx, mut rx): (impl Sender, impl Receiver), burst: usize, duration: Duration, there: usize) -> Result<f64> {
    let over = AtomicBool::new(false);
    let receive = || {
        let (mut items, mut next) = ([[0; 2]; MOST], 0);
        let mut limit = Limit::new("something in the queue");
        let rate = clock::rate(duration, BYTES, || {
            let count = rx.take(&mut items[..burst]);
            rx.give_back();
            for (item, number) in items[..count].iter().zip(next..) {
                ensure!(*item == [number, !number], "{item:?} came out of a queue where {number} was next");
            }
            next += count as u64;
            if count == 0 {
                limit.check()?;
            }
            Ok(count as u64)
        });
        over.store(true, Ordering::Relaxed);
        rate
    };
    on_both(there, || send_until(&over, &mut tx, burst), receive)
}

fn send_until(over: &AtomicBool, tx: &mut impl Sender, burst: usize) -> Result<()> {
    let (mut items, mut next) = ([[0; 2]; MOST], 0);
    while !over.load(Ordering::Relaxed) {
        for (item, number) in items[..burst].iter_mut().zip(next..) {
            *item = [number, !number];
        }
        next += burst as u64;
        let mut done = 0;
        while done < burst && !over.load(Ordering::Relaxed) {
            done += tx.offer(&items[done..burst])?;
        }
    }
    Ok(())
}

fn trips(to: (impl Sender, impl Receiver), fro: (impl Sender, impl Receiver), count: u64, there: usize) -> Result<f64> {
    let ((mut out_tx, mut out_rx), (mut back_tx, mut back_rx)) = (to, fro);
    let warm_up = count / 10;
    let echo = || {
        (0..warm_up + count).try_for_each(|number| {
            pass(&mut out_rx, number)?;
            back_tx.offer(&[[number, 0]])?;
            out_rx.give_back();
            Ok(())
        })
    };
    let mut trip = |number| {
        out_tx.offer(&[[number, 0]])?;
        back_rx.give_back();
        pass(&mut back_rx, number)
    };
    on_both(there, echo, || {
        (0..warm_up).try_for_each(&mut trip)?;
        let start = Instant::now();
        (warm_up..warm_up + count).try_for_each(&mut trip)?;
        Ok(start.elapsed().as_nanos() as f64 / count as f64 / 2.0)
    })
}

fn pass(rx: &mut impl Receiver, number: u64) -> Result<()> {
    let mut item = [[0; 2]];
    let mut limit = Limit::new("an item to come through a queue");
    while rx.take(&mut item) == 0 {
        limit.check()?;
    }
    ensure!(item[0][0] == number, "another item came out of a queue than went in");
    Ok(())
}

/// An end of the endpoint's own ring.
struct VniEnd<'w, E>(Ring<'w>, E);

impl Sender for VniEnd<'_, Producer> {
    fn offer(&mut self, items: &[Item]) -> Result<usize> {
        let Self(ring, producer) = self;
        if (producer.free() as usize) < items.len() {
            producer.reclaim(ring).map_err(|fault| anyhow!("a ring is broken: {fault:?}"))?;
        }
        let count = items.len().min(producer.free() as usize);
        items[..count].iter().for_each(|item| producer.write(ring, *item));
        // Both ends poll, so nobody need be woken.
        let _polls = producer.publish(ring);
        Ok(count)
    }
}

impl Receiver for VniEnd<'_, Consumer> {
    fn take(&mut self, into: &mut [Item]) -> usize {
        let Self(ring, consumer) = self;
        let mut pop = || {
            let first = consumer.first_word(ring, 0)?;
            let item = [first, consumer.second_word(ring)];
            consumer.take(1);
            Some(item)
        };
        Receiver::take(&mut pop, into)
    }

    fn give_back(&mut self) {
        let Self(ring, consumer) = self;
        let _polls = consumer.release(ring);
    }
}

impl Sender for rtrb::Producer<Item> {
    fn offer(&mut self, items: &[Item]) -> Result<usize> {
        if let [item] = items {
            return Ok(usize::from(self.push(*item).is_ok()));
        }
        let Ok(chunk) = self.write_chunk_uninit(items.len().min(self.slots())) else { return Ok(0) };
        Ok(chunk.fill_from_iter(items.iter().copied()))
    }
}

impl Receiver for rtrb::Consumer<Item> {
    fn take(&mut self, into: &mut [Item]) -> usize {
        if let [item] = into {
            let popped = self.pop().ok();
            *item = popped.unwrap_or(*item);
            return usize::from(popped.is_some());
        }
        let count = into.len().min(self.slots());
        let Ok(chunk) = self.read_chunk(count) else { return 0 };
        into.iter_mut().zip(chunk).for_each(|(item, popped)| *item = popped);
        count
    }
}
