//! Links, as a driver sees them.

use std::vec::Vec;

use shmem::Shape;
use shmem::heap::HeapWindow;

use super::*;

fn memory() -> HeapWindow {
    HeapWindow::new(1 << 20, Shape::new(3, 1).unwrap()).unwrap()
}

fn step(link: &mut PeerLink<'_>, port: &Port<'_>) -> StepOutcome {
    link.step(port.now(), port.is_open(), None, || ())
}

#[test]
fn a_link_comes_up_and_says_each_time_whether_the_peer_must_be_rung() {
    let memory = memory();
    let ports = [0, 1].map(|me| Port::new(memory.window(), me, "pair"));
    let status = [LinkStatus::default(), LinkStatus::default()];
    let mut links = [0, 1].map(|me| PeerLink::new(&ports[me], 1 - me, &status[me]));
    assert!(!step(&mut links[0], &ports[0]).ring, "not open");
    ports[0].start();
    assert!(!step(&mut links[0], &ports[0]).ring, "the peer has not come up");
    ports[1].start();
    let mut rang = Vec::new();
    while status.iter().any(|status| status.state() != State::Up as u8) {
        for me in [0, 1] {
            rang.push(step(&mut links[me], &ports[me]).ring);
        }
    }
    assert!(rang.len() < 16, "{rang:?}");
    assert_eq!(step(&mut links[0], &ports[0]), StepOutcome { receive: true, send: true, changed: false, ring: false });
    assert!(!links[0].wants_step(ports[0].now()), "nothing has changed");
    ports[1].stop();
    assert!(links[0].wants_step(ports[0].now()));
    assert_eq!(step(&mut links[0], &ports[0]), StepOutcome { receive: false, send: false, changed: true, ring: true });
    assert_eq!((status[0].ups.get(), status[0].downs.get(), status[0].stalls.get()), (1, 1, 0));
}

#[test]
fn what_an_earlier_life_left_of_our_end_is_taken_down_and_its_generation_goes_on() {
    let memory = memory();
    let port = Port::new(memory.window(), 0, "pair");
    let left = End { generation: 9, echo: 4, state: State::Up };
    port.header().links[1].store(left.to_word(), Ordering::Relaxed);
    let status = LinkStatus::default();
    let mut link = PeerLink::new(&port, 1, &status);
    let now = || End::from_word(port.header().links[1].load(Ordering::Relaxed));
    assert_eq!(now(), End { state: State::Down, ..left });
    Port::new(memory.window(), 1, "pair").start();
    port.start();
    step(&mut link, &port);
    assert_eq!((now().generation, now().state), (10, State::Init));
}
