//! A box in ordinary memory: partitions that one thread drives step by step.

use shmem::heap::HeapWindow;
use shmem::segment::{Sink, Source};
use shmem::{Shape, Window};
use vni::buffers::SharedBuffers;
use vni::descriptor::Offload;
use vni::fault::Fault;
use vni::receiver::{self, Receiver, Watch};
use vni::sender::{self, Refusal, Sender};
use vni::station::{PeerLink, Shown, Station, Stepped};

/// What the parts of an [`End`] share.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) buffers: Box<SharedBuffers>,
    pub(crate) sent: sender::Counters,
    pub(crate) received: receiver::Counters,
    pub(crate) watch: Watch,
    pub(crate) shown: Shown,
}

/// A window for so many partitions.
pub(crate) fn memory(partitions: usize) -> HeapWindow {
    let shape = Shape::new(partitions, 1).expect("a shape");
    HeapWindow::new(4 << 20, shape).expect("4 MiB are enough")
}

/// One partition of two, with its link to the other.
pub(crate) struct End<'w> {
    pub(crate) station: Station<'w>,
    pub(crate) link: PeerLink<'w>,
    pub(crate) sender: Sender<'w>,
    pub(crate) receiver: Receiver<'w>,
}

impl<'w> End<'w> {
    pub(crate) fn new(window: Window<'w>, me: usize, shared: &'w Shared) -> Self {
        let peer = 1 - me;
        let station = Station::new(window, me, "test");
        shared.buffers.fill(window.geometry().pool_len(), window.geometry().shape().lanes());
        let link = PeerLink::new(&station, peer, &shared.shown);
        let sender = Sender::new(window.ring(me, 0, peer), window.pool(me), 0, &shared.buffers, &shared.sent);
        let receiver = Receiver::new(window.ring(peer, 0, me), window.pool(peer), &shared.received, &shared.watch);
        station.start();
        Self { station, link, sender, receiver }
    }

    /// One step of the link, as a driver's poll makes it.
    pub(crate) fn step(&mut self) -> Stepped {
        let fault = self.sender.take_fault().or(self.receiver.take_fault());
        let (sender, receiver) = (&mut self.sender, &mut self.receiver);
        let stepped = self.link.step(self.station.now(), self.station.is_open(), fault, || {
            sender.reset();
            receiver.reset();
        });
        self.sender.set_live(stepped.send);
        self.receiver.set_live(stepped.receive);
        stepped
    }

    pub(crate) fn send(&mut self, frame: &[u8]) -> Result<(), Refusal> {
        self.sender.send([Source::from(frame)].into_iter(), Offload::NONE)
    }

    /// The next frame, if there is one.
    pub(crate) fn receive(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let Some(waiting) = self.receiver.peek()? else { return Ok(None) };
        let mut frame = vec![0; waiting.len];
        self.receiver.take(&mut [Sink::from(&mut frame[..])]);
        Ok(Some(frame))
    }
}

/// Steps both until nothing changes any more.
pub(crate) fn settle(one: &mut End<'_>, other: &mut End<'_>) {
    for _ in 0..32 {
        let rang = [one.step().ring, other.step().ring];
        if rang == [false, false] {
            return;
        }
    }
    panic!("the links do not come to rest");
}
