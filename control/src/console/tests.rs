use std::boxed::Box;
use std::thread;
use std::vec;
use std::vec::Vec;

use super::*;

fn console() -> Box<Console> {
    let console = Box::<Console>::default();
    console.open();
    console
}

fn read(console: &Console, cursor: &mut u64) -> (u64, Vec<u8>) {
    let mut into = vec![0; OUTPUT];
    let Output { lost, len } = console.read(cursor, &mut into);
    into.truncate(len);
    (lost, into)
}

fn take(console: &Console) -> Vec<u8> {
    let mut into = vec![0; INPUT];
    let len = console.take(&mut into);
    into.truncate(len);
    into
}

/// The byte that has that count in these tests.
fn byte(count: u64) -> u8 {
    (count % 251) as u8
}

fn bytes(from: u64, len: usize) -> Vec<u8> {
    (from..).take(len).map(byte).collect()
}

#[test]
fn what_was_never_opened_is_no_console() {
    assert!(!Box::<Console>::default().is_open());
    assert!(console().is_open());
}

#[test]
fn what_is_printed_is_read_by_each_reader_once() {
    let console = console();
    console.print(b"login: ");
    let (mut first, mut second) = (0, 0);
    assert_eq!(read(&console, &mut first), (0, b"login: ".to_vec()));
    assert_eq!(read(&console, &mut first), (0, vec![]));
    console.print(b"root");
    assert_eq!(read(&console, &mut first), (0, b"root".to_vec()));
    assert_eq!(read(&console, &mut second), (0, b"login: root".to_vec()));
    let mut little = [0; 5];
    let mut third = 0;
    assert_eq!(console.read(&mut third, &mut little), Output { lost: 0, len: 5 });
    assert_eq!((third, &little), (5, b"login"));
}

#[test]
fn output_goes_around_and_the_oldest_is_written_over() {
    let console = console();
    let mut cursor = 0;
    for piece in 0..10 {
        console.print(&bytes(piece * 5000, 5000));
        assert_eq!(read(&console, &mut cursor), (0, bytes(piece * 5000, 5000)), "{piece}");
    }
    let mut late = 7;
    assert_eq!(console.oldest(), 50_000 - OUTPUT as u64);
    assert_eq!(read(&console, &mut late), (50_000 - OUTPUT as u64 - 7, bytes(50_000 - OUTPUT as u64, OUTPUT)));
}

#[test]
fn of_what_is_longer_than_the_ring_the_end_is_kept() {
    let console = console();
    console.print(&bytes(0, OUTPUT + 100));
    let mut cursor = 0;
    assert_eq!(read(&console, &mut cursor), (100, bytes(100, OUTPUT)));
}

#[test]
fn what_is_written_over_while_it_is_read_is_not_believed() {
    let console = console();
    console.print(&bytes(0, OUTPUT));
    // The kernel has begun to print, and is not done.
    console.printed.begun.store(OUTPUT as u64 + 10, Ordering::Relaxed);
    let mut cursor = 0;
    assert_eq!(read(&console, &mut cursor), (10, bytes(10, OUTPUT - 10)));
    console.printed.begun.store(u64::MAX, Ordering::Relaxed);
    let mut cursor = 0;
    assert_eq!(read(&console, &mut cursor), (OUTPUT as u64, vec![]));
}

#[test]
fn what_is_typed_is_taken_once_and_waits_if_there_is_no_room() {
    let console = console();
    let mut all = Vec::new();
    for piece in 0..7_u64 {
        assert_eq!(console.type_in(&bytes(piece * 600, 600)), 600);
        assert!(console.has_input());
        all.extend(take(&console));
        assert!(!console.has_input());
    }
    assert_eq!(all, bytes(0, 4200));
    assert_eq!(console.type_in(&bytes(0, 2000)), INPUT);
    assert_eq!(console.type_in(b"more"), 0);
    let mut little = [0; 24];
    assert_eq!(console.take(&mut little), 24);
    assert_eq!(console.type_in(&bytes(INPUT as u64, 2000)), 24);
    assert_eq!(take(&console), bytes(24, INPUT));
}

#[test]
fn the_last_to_attach_types() {
    let console = console();
    let first = console.attach(0);
    assert!(console.is_attached(first));
    let second = console.attach(0);
    assert!(!console.is_attached(first) && console.is_attached(second), "two of one partition are two");
    console.detach(first);
    assert!(console.is_attached(second), "who has lost it ends nobody's session");
    console.detach(second);
    assert!(!console.is_attached(second));
    let third = console.attach(31);
    assert_ne!(third.word(), second.word());
    assert_eq!(third.word() & 0xff, 32);
    assert!(console.is_attached(Session::from_word(third.word())));
}

#[test]
fn whatever_a_neighbour_writes_nothing_leads_outside_the_rings() {
    let edges = [0, 1, INPUT as u64, OUTPUT as u64, u64::MAX / 2, u64::MAX - 1, u64::MAX];
    for first in edges {
        for second in edges {
            let console = console();
            console.typed.typed.store(first, Ordering::Relaxed);
            console.taken.0.store(second, Ordering::Relaxed);
            assert!(take(&console).len() <= INPUT);
            assert!(!console.has_input(), "nothing waits for ever: {first} {second}");
            console.typed.typed.store(first, Ordering::Relaxed);
            console.taken.0.store(second, Ordering::Relaxed);
            assert!(console.type_in(&bytes(0, 3000)) <= INPUT);
            console.typed.typist.store(first, Ordering::Relaxed);
            assert!(console.is_attached(console.attach(3)));
            for cursor in edges {
                console.printed.written.store(first, Ordering::Relaxed);
                console.printed.begun.store(second, Ordering::Relaxed);
                let mut cursor = cursor;
                assert!(read(&console, &mut cursor).1.len() <= OUTPUT);
                assert_eq!(cursor, first, "where the kernel is");
            }
            console.print(b"goes on");
            let (mut behind, from) = (first.wrapping_add(7), first);
            assert_eq!(console.printed.written.load(Ordering::Relaxed), from.wrapping_add(7));
            assert_eq!(read(&console, &mut behind), (0, vec![]));
        }
    }
}

#[test]
fn a_reader_gets_each_byte_or_knows_that_it_was_lost() {
    const ALL: u64 = 4 << 20;
    let console = console();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut count = 0;
            while count < ALL {
                let len = 1 + (count % 977) as usize;
                console.print(&bytes(count, len));
                count += len as u64;
            }
        });
        let mut cursor = 0;
        while cursor < ALL {
            let before = cursor;
            let (lost, got) = read(&console, &mut cursor);
            assert_eq!(cursor, before + lost + got.len() as u64);
            assert_eq!(got, bytes(before + lost, got.len()), "from {}", before + lost);
            thread::yield_now();
        }
    });
}

#[test]
fn what_one_thread_types_another_takes_in_order() {
    const ALL: u64 = 1 << 18;
    let console = console();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut count = 0;
            while count < ALL {
                count += console.type_in(&bytes(count, 300)) as u64;
                thread::yield_now();
            }
        });
        let mut count = 0;
        while count < ALL {
            let got = take(&console);
            assert_eq!(got, bytes(count, got.len()));
            count += got.len() as u64;
            thread::yield_now();
        }
    });
}
