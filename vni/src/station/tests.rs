//! Stations and their links, as a driver sees them.

use std::vec::Vec;

use shmem::Shape;
use shmem::heap::HeapWindow;

use super::*;

fn memory() -> HeapWindow {
    HeapWindow::new(1 << 20, Shape::new(3, 1).unwrap()).unwrap()
}

fn step(link: &mut PeerLink<'_>, station: &Station<'_>) -> Stepped {
    link.step(station.now(), station.is_open(), None, || ())
}

#[test]
fn frames_to_a_partition_of_the_box_go_there_and_all_others_to_everybody() {
    let memory = memory();
    let station = Station::new(memory.window(), 1, "pair");
    assert_eq!(station.destination(station.mac(2).octets()), Some(2));
    assert_eq!(station.destination(station.mac(3).octets()), None, "there is no such partition");
    assert_eq!(station.destination([0xff; 6]), None);
    assert_eq!(station.destination([0x52, 0, 0, 0, 0, 2]), None, "of another box");
}

#[test]
fn a_link_comes_up_and_says_each_time_whether_the_peer_must_be_rung() {
    let memory = memory();
    let stations = [0, 1].map(|me| Station::new(memory.window(), me, "pair"));
    let shown = [Shown::default(), Shown::default()];
    let mut links = [0, 1].map(|me| PeerLink::new(&stations[me], 1 - me, &shown[me]));
    assert!(!step(&mut links[0], &stations[0]).ring, "not open");
    stations[0].start();
    assert!(!step(&mut links[0], &stations[0]).ring, "the peer has not come up");
    stations[1].start();
    let mut rang = Vec::new();
    while shown.iter().any(|shown| shown.state() != State::Up as u8) {
        for me in [0, 1] {
            rang.push(step(&mut links[me], &stations[me]).ring);
        }
    }
    assert!(rang.len() < 16, "{rang:?}");
    assert_eq!(step(&mut links[0], &stations[0]), Stepped { receive: true, send: true, changed: false, ring: false });
    assert!(!links[0].wants_step(stations[0].now()), "nothing has changed");
    stations[1].stop();
    assert!(links[0].wants_step(stations[0].now()));
    assert_eq!(step(&mut links[0], &stations[0]), Stepped { receive: false, send: false, changed: true, ring: true });
    assert_eq!((shown[0].ups.get(), shown[0].downs.get(), shown[0].stalls.get()), (1, 1, 0));
}

#[test]
fn what_an_earlier_life_left_of_our_end_is_taken_down_and_its_generation_goes_on() {
    let memory = memory();
    let station = Station::new(memory.window(), 0, "pair");
    let left = End { generation: 9, echo: 4, state: State::Up };
    station.header().links[1].store(left.to_word(), Ordering::Relaxed);
    let shown = Shown::default();
    let mut link = PeerLink::new(&station, 1, &shown);
    let now = || End::from_word(station.header().links[1].load(Ordering::Relaxed));
    assert_eq!(now(), End { state: State::Down, ..left });
    Station::new(memory.window(), 1, "pair").start();
    station.start();
    step(&mut link, &station);
    assert_eq!((now().generation, now().state), (10, State::Init));
}

#[test]
fn time_and_heart_go_on_together() {
    let memory = memory();
    let station = Station::new(memory.window(), 2, "pair");
    (0..3).for_each(|_| station.tick());
    assert_eq!((station.now(), station.header().heartbeat.load(Ordering::Relaxed)), (3, 3));
}
