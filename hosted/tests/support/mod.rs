//! What the tests have in common: windows, and waiting with a limit.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::time::{Duration, Instant};

use hosted::{Endpoint, Lane, LinkState, Offload, SendError, WindowFile};
use shmem::Shape;

/// Far more than anything here takes on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A window for so many partitions.
pub(crate) fn window(partitions: usize) -> WindowFile {
    let shape = Shape::new(partitions, 1).unwrap();
    WindowFile::create(shape, WindowFile::default_len(shape), "pair").unwrap()
}

/// Gives all of them time, asleep between, until `done`.
pub(crate) fn until(what: &str, endpoints: &mut [&mut Endpoint], mut done: impl FnMut(&mut [&mut Endpoint]) -> bool) {
    let began = Instant::now();
    while !done(endpoints) {
        assert!(began.elapsed() < LIMIT, "waited {} s for {what}", LIMIT.as_secs());
        for endpoint in &mut *endpoints {
            endpoint.wait(Duration::from_millis(20)).unwrap();
        }
    }
}

/// Until `endpoint` sees its link to `peer` up.
pub(crate) fn until_up(endpoint: &mut Endpoint, peer: usize) {
    until("the link to come up", &mut [endpoint], |endpoints| endpoints[0].link(peer) == LinkState::Up);
}

/// The first two partitions, with the link between them up.
pub(crate) fn both_up(window: &WindowFile) -> [Endpoint; 2] {
    let mut both = [0, 1].map(|index| Endpoint::open(window, index).unwrap());
    let [a, b] = &mut both;
    until("both links", &mut [a, b], |all| all.iter().all(|one| one.link(1 - one.index()) == LinkState::Up));
    both
}

/// Sends so many frames, asleep while there is no room for the next.
pub(crate) fn send_all<F: AsRef<[u8]>>(endpoint: &mut Endpoint, lane: Lane, count: u64, frame: impl Fn(u64) -> F) {
    let mut number = 0;
    until("room for all frames", &mut [endpoint], |all| {
        let endpoint = &mut *all[0];
        while number < count {
            match endpoint.send(lane, frame(number).as_ref(), Offload::NONE) {
                Ok(()) => number += 1,
                Err(SendError::NoRoom) => {
                    endpoint.publish(lane);
                    if !endpoint.await_room(lane) {
                        return false;
                    }
                }
                Err(why) => panic!("frame {number}: {why:?}"),
            }
        }
        endpoint.publish(lane);
        true
    });
}
