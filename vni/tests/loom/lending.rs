//! A frame that is lent to another thread, which gives it back while the ring's owner goes on.

use loom::thread;
use std::sync::Arc;
use vni::lending::{first_lent, give_back, lend};
use vni::ring::{Consumer, Producer};

use crate::words::{Lacks, Loans, Memory, Ring};
use crate::{holds, is_caught};

/// The life of a ring that has begun once: a word of zeros is of none.
const LIFE: u32 = 1;

/// A buffer that the producer fills again as soon as it is given back, and a borrower who reads it meanwhile.
fn borrow(lacks: Lacks) {
    let shared = Arc::new((Ring::new(lacks), Memory::new(0), Loans::new(lacks)));
    let of_producer = shared.clone();
    let producing = thread::spawn(move || {
        let (ring, buffer, _) = &*of_producer;
        let mut producer = Producer::default();
        buffer.write(7);
        producer.write(ring, [0, 0]);
        let _ = producer.publish(ring);
        while producer.in_flight() > 0 {
            thread::yield_now();
            producer.reclaim(ring).expect("the consumer is honest");
        }
        buffer.write(8);
    });
    let (ring, _, loans) = &*shared;
    let mut consumer = Consumer::default();
    while consumer.first_word(ring, 0).is_none() {
        thread::yield_now();
    }
    consumer.take(1);
    lend(loans, 0, LIFE);
    let of_borrower = shared.clone();
    let borrowing = thread::spawn(move || {
        let (_, buffer, loans) = &*of_borrower;
        assert_eq!(buffer.read(), 7);
        give_back(loans, 0, LIFE);
    });
    while consumer.released() == 0 {
        let _ = consumer.release_until(ring, first_lent(loans, 0, 1, LIFE));
        thread::yield_now();
    }
    [producing, borrowing].into_iter().for_each(|thread| thread.join().unwrap());
}

/// A frame of an earlier life is given back while one of the next is lent, in the same slot and in another.
fn outlive(next: u32) {
    let loans = Arc::new(Loans::new(Lacks::Nothing));
    lend(&*loans, 0, LIFE);
    let of_borrower = loans.clone();
    let borrowing = thread::spawn(move || give_back(&*of_borrower, 0, LIFE));
    lend(&*loans, 0, next);
    lend(&*loans, 1, next);
    borrowing.join().unwrap();
    assert_eq!(first_lent(&*loans, 0, 2, next), 0);
    give_back(&*loans, 0, next);
    assert_eq!(first_lent(&*loans, 0, 2, next), 1);
}

#[test]
fn a_buffer_that_is_lent_is_not_filled_until_it_was_given_back() {
    holds(|| borrow(Lacks::Nothing));
}

#[test]
fn without_one_of_its_orderings_a_buffer_is_filled_while_it_is_read() {
    for lacks in [Lacks::LoanAcquire, Lacks::GiveBackRelease] {
        assert!(is_caught(move || borrow(lacks)), "{lacks:?} is not missed");
    }
}

#[test]
fn what_is_given_back_late_gives_nothing_of_the_next_life_back() {
    holds(|| outlive(LIFE + 1));
}

#[test]
fn without_a_new_life_it_does() {
    assert!(is_caught(|| outlive(LIFE)));
}
