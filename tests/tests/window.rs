//! The planner's sizes of the window and of the control page are those of the layouts of `shmem` and `control`. None of
//! these crates may use the other, so this test compares them.

use partitioner::address::{LARGE_PAGE, MemoryRange};
use partitioner::layout::{
    CONTROL, QUEUES_MAX, WINDOW_HEADER_LEN, WINDOW_LANE_BUFFERS, WINDOW_LANE_LEN, Window, doorbells,
};
use shmem::pool::{BUFFER_LEN, GUARANTEED_BUFFERS};
use shmem::{Geometry, MAX_PARTITIONS, MAX_QUEUES, Shape, header, ring};

#[test]
fn the_planner_counts_as_the_window_is_laid_out() {
    assert_eq!(WINDOW_HEADER_LEN, header::HEADER_LEN);
    assert_eq!(WINDOW_LANE_LEN, ring::LANE_LEN);
    assert_eq!(WINDOW_LANE_BUFFERS, GUARANTEED_BUFFERS as u64 * BUFFER_LEN);
    assert_eq!(usize::from(QUEUES_MAX), MAX_QUEUES);
}

#[test]
fn the_planner_keeps_as_much_room_for_the_control_page_as_it_takes() {
    assert_eq!(CONTROL.len(), control::LEN);
}

#[test]
fn the_addresses_of_doorbells_are_where_the_window_has_them() {
    let window = MemoryRange::with_len(LARGE_PAGE, LARGE_PAGE).expect("a range");
    let geometry = Geometry::new(LARGE_PAGE, Shape::new(2, 3).expect("a shape")).expect("it is enough");
    let found: Vec<_> = doorbells(window, 1, 3).map(|address| (address.start(), address.len())).collect();
    let at = |queue: u64| header::DOORBELLS_AT + queue * header::DOORBELL_LEN + header::ADDRESS_AT;
    let expected: Vec<_> = (0..3).map(|queue| (window.start() + geometry.header(1) + at(queue), 8)).collect();
    assert_eq!(found, expected);
}

/// Every window that there can be, as the planner and as `shmem` names it.
fn windows() -> impl Iterator<Item = (Window, Shape)> {
    let shapes = (1..=MAX_PARTITIONS).flat_map(|partitions| (1..=QUEUES_MAX).map(move |queues| (partitions, queues)));
    shapes.map(|(partitions, queues)| {
        (Window { partitions, queues }, Shape::new(partitions, queues.into()).expect("a shape"))
    })
}

#[test]
fn the_least_window_is_enough_and_a_large_page_less_is_not() {
    for (window, shape) in windows() {
        let least = window.least();
        assert!(Geometry::new(least, shape).is_ok(), "{window:?} in {least} bytes");
        assert!(Geometry::new(least - LARGE_PAGE, shape).is_err(), "{window:?} in less");
    }
}

#[test]
fn half_of_a_pool_is_half_as_the_window_is_laid_out() {
    for (window, shape) in windows() {
        let kept = shape.lanes().max(1) as u64 * WINDOW_LANE_BUFFERS;
        for len in (window.least()..).step_by(LARGE_PAGE as usize).take(40) {
            let geometry = Geometry::new(len, shape).expect("it is enough");
            assert_eq!(window.keeps_half(len), 2 * kept <= geometry.pool_len(), "{window:?} in {len} bytes");
        }
    }
}
