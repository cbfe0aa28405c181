//! The hand-off of an index alone: descriptors of 16 bytes through a queue of 256, between two threads of one process,
//! since the queues of rtrb and crossbeam know no other. The endpoint's own queue is `vni::ring`, over a window in
//! memory; what else it can do (wake who sleeps, distrust who is there) it does here too.

use std::hint;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use shmem::ring::{RING_SLOTS, Ring};
use vni::ring::{Consumer, Producer};

use crate::cores::{self, Core};
use crate::floor::{LIMIT, Limit};
use crate::other::Other;
use crate::rounds::{Contender, Question, Sample};
use crate::{Failure, clock, station};

/// What is handed over.
type Item = [u64; 2];
/// Most that are handed over at once.
pub(crate) const MOST: usize = 128;
/// Bytes that count for one, where the clock is concerned.
const BYTES: usize = 64;
const SLOTS: usize = RING_SLOTS as usize;

/// One end of a queue: takes what it has room for.
trait Offer: Send {
    /// How many of these it took.
    fn offer(&mut self, items: &[Item]) -> Result<usize, Failure>;
}

/// The other end.
trait Take: Send {
    /// How many it gave.
    fn take(&mut self, into: &mut [Item]) -> Result<usize, Failure>;
    /// Lets the other end have the room of what was taken, where that is a step of its own.
    fn give_back(&mut self) {}
}

/// Whose queue it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Queue {
    Vni,
    Rtrb,
    CrossbeamArray,
    CrossbeamChannel,
}

impl Queue {
    pub(crate) const ALL: [Self; 4] = [Self::Vni, Self::Rtrb, Self::CrossbeamArray, Self::CrossbeamChannel];

    fn name(self) -> &'static str {
        match self {
            Self::Vni => "vni",
            Self::Rtrb => "rtrb",
            Self::CrossbeamArray => "crossbeam",
            Self::CrossbeamChannel => "crossbeam-channel",
        }
    }
}

/// What is done with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Use {
    /// As many as go through, so many at once.
    Flow { burst: usize, lasts: Duration },
    /// One at a time, to and fro, so many times.
    Trips { count: u64 },
}

/// The contender.
pub(crate) struct Index {
    queue: Queue,
    used: Use,
    question: Question,
}

impl Index {
    pub(crate) fn boxed(queue: Queue, used: Use) -> Box<dyn Contender> {
        let question = match used {
            Use::Flow { burst, .. } => Question::new("index", queue.name(), "items/s").number("burst", burst as f64),
            Use::Trips { .. } => Question::new("hand-off", queue.name(), "ns").word("payload", "descriptor"),
        };
        Box::new(Self { queue, used, question })
    }
}

impl Contender for Index {
    fn question(&self) -> &Question {
        &self.question
    }

    fn sample(&mut self, other: &mut Other) -> Result<Sample, Failure> {
        let there = other.cores.there;
        let value = match self.queue {
            Queue::Vni => {
                let window = station::window(2 << 20)?;
                let ring = |from, to| window.window().ring(from, 0, to);
                let queue = |from, to| {
                    (VniEnd(ring(from, to), Producer::default()), VniEnd(ring(from, to), Consumer::default()))
                };
                self.used.between(queue(0, 1), queue(1, 0), there)
            }
            Queue::Rtrb => self.used.between(rtrb::RingBuffer::new(SLOTS), rtrb::RingBuffer::new(SLOTS), there),
            Queue::CrossbeamArray => {
                let (to, fro) = (crossbeam_queue::ArrayQueue::new(SLOTS), crossbeam_queue::ArrayQueue::new(SLOTS));
                self.used.between((&to, &to), (&fro, &fro), there)
            }
            Queue::CrossbeamChannel => {
                self.used.between(crossbeam_channel::bounded(SLOTS), crossbeam_channel::bounded(SLOTS), there)
            }
        };
        Ok(Sample::of(value?))
    }
}

impl Use {
    fn between<O: Offer, T: Take>(self, to: (O, T), fro: (O, T), there: Core) -> Result<f64, Failure> {
        match self {
            Self::Flow { burst, lasts } => flow(to, burst, lasts, there),
            Self::Trips { count } => trips(to, fro, count, there),
        }
    }
}

fn flow(queue: (impl Offer, impl Take), burst: usize, lasts: Duration, there: Core) -> Result<f64, Failure> {
    let over = AtomicBool::new(false);
    let (mut tx, mut rx) = queue;
    thread::scope(|scope| {
        let sender = scope.spawn(|| -> Result<(), Failure> {
            cores::pin(there)?;
            let mut items = [[0; 2]; MOST];
            let mut next = 0;
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
        });
        let mut items = [[0; 2]; MOST];
        let mut next = 0;
        let mut limit = Limit::new(LIMIT, "something in the queue");
        let mut step = || {
            let count = rx.take(&mut items[..burst])?;
            rx.give_back();
            for (item, number) in items[..count].iter().zip(next..) {
                if *item != [number, !number] {
                    return Err(Failure::wrong(format!("{item:?} came out of a queue where {number} was next")));
                }
            }
            next += count as u64;
            if count == 0 {
                limit.check()?;
            }
            Ok(count as u64)
        };
        let warm = clock::count_for(clock::WARM_UP, BYTES, &mut step);
        let rate = warm.and_then(|_| clock::count_for(lasts, BYTES, &mut step));
        over.store(true, Ordering::Relaxed);
        joined(sender.join())?;
        Ok(rate?.per_second())
    })
}

fn trips(to: (impl Offer, impl Take), fro: (impl Offer, impl Take), count: u64, there: Core) -> Result<f64, Failure> {
    let ((mut out_tx, mut out_rx), (mut back_tx, mut back_rx)) = (to, fro);
    let warm_up = count / 10;
    thread::scope(|scope| {
        let echo = scope.spawn(move || -> Result<(), Failure> {
            cores::pin(there)?;
            for number in 0..warm_up + count {
                pass(&mut out_rx, number)?;
                back_tx.offer(&[[number, 0]])?;
                out_rx.give_back();
            }
            Ok(())
        });
        let mut begin = Instant::now();
        let mut throw = || -> Result<(), Failure> {
            for number in 0..warm_up + count {
                if number == warm_up {
                    begin = Instant::now();
                }
                out_tx.offer(&[[number, 0]])?;
                back_rx.give_back();
                pass(&mut back_rx, number)?;
            }
            Ok(())
        };
        let thrown = throw();
        let took = begin.elapsed();
        joined(echo.join())?;
        thrown?;
        Ok(took.as_nanos() as f64 / count as f64 / 2.0)
    })
}

/// Waits for that number to come.
fn pass(rx: &mut impl Take, number: u64) -> Result<(), Failure> {
    let mut item = [[0; 2]];
    let mut limit = Limit::new(LIMIT, "an item to come through a queue");
    while rx.take(&mut item)? == 0 {
        limit.check()?;
    }
    if item[0][0] == number { Ok(()) } else { Err(Failure::wrong("another item came out of a queue than went in")) }
}

fn joined(ended: thread::Result<Result<(), Failure>>) -> Result<(), Failure> {
    ended.unwrap_or_else(|_| Err(Failure::wrong("the other thread has panicked")))
}

/// An end of the endpoint's own ring.
struct VniEnd<'w, E>(Ring<'w>, E);

fn broken(fault: impl std::fmt::Debug) -> Failure {
    Failure::Wrong(format!("a ring is broken: {fault:?}"))
}

impl Offer for VniEnd<'_, Producer> {
    fn offer(&mut self, items: &[Item]) -> Result<usize, Failure> {
        let Self(ring, producer) = self;
        if (producer.free() as usize) < items.len() {
            producer.reclaim(ring).map_err(broken)?;
        }
        let count = items.len().min(producer.free() as usize);
        items[..count].iter().for_each(|item| producer.write(ring, *item));
        // Both look again and again, so that nobody need be woken.
        let _polls = producer.publish(ring);
        Ok(count)
    }
}

impl Take for VniEnd<'_, Consumer> {
    fn take(&mut self, into: &mut [Item]) -> Result<usize, Failure> {
        let Self(ring, consumer) = self;
        let mut count = 0;
        while let Some(item) = into.get_mut(count)
            && let Some(first) = consumer.first_word(ring, 0)
        {
            *item = [first, consumer.second_word(ring)];
            consumer.take(1);
            count += 1;
        }
        Ok(count)
    }

    fn give_back(&mut self) {
        let Self(ring, consumer) = self;
        let _polls = consumer.release(ring);
    }
}

impl Offer for rtrb::Producer<Item> {
    fn offer(&mut self, items: &[Item]) -> Result<usize, Failure> {
        if let [item] = items {
            return Ok(usize::from(self.push(*item).is_ok()));
        }
        let count = items.len().min(self.slots());
        let Ok(chunk) = self.write_chunk_uninit(count) else { return Ok(0) };
        Ok(chunk.fill_from_iter(items.iter().copied()))
    }
}

impl Take for rtrb::Consumer<Item> {
    fn take(&mut self, into: &mut [Item]) -> Result<usize, Failure> {
        if let [item] = into {
            return Ok(self.pop().map_or(0, |came| {
                *item = came;
                1
            }));
        }
        let count = into.len().min(self.slots());
        let Ok(chunk) = self.read_chunk(count) else { return Ok(0) };
        for (item, came) in into.iter_mut().zip(chunk) {
            *item = came;
        }
        Ok(count)
    }
}

impl Offer for &crossbeam_queue::ArrayQueue<Item> {
    fn offer(&mut self, items: &[Item]) -> Result<usize, Failure> {
        Ok(items.iter().take_while(|item| self.push(**item).is_ok()).count())
    }
}

impl Take for &crossbeam_queue::ArrayQueue<Item> {
    fn take(&mut self, into: &mut [Item]) -> Result<usize, Failure> {
        Ok(filled(into, || self.pop()))
    }
}

impl Offer for crossbeam_channel::Sender<Item> {
    fn offer(&mut self, items: &[Item]) -> Result<usize, Failure> {
        Ok(items.iter().take_while(|item| self.try_send(**item).is_ok()).count())
    }
}

impl Take for crossbeam_channel::Receiver<Item> {
    fn take(&mut self, into: &mut [Item]) -> Result<usize, Failure> {
        Ok(filled(into, || self.try_recv().ok()))
    }
}

fn filled(into: &mut [Item], mut next: impl FnMut() -> Option<Item>) -> usize {
    let came = into.iter_mut().map_while(|item| {
        *item = next()?;
        Some(())
    });
    hint::black_box(came.count())
}
