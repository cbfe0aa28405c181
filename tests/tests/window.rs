//! The planner's sizes of the window are those of `shmem`'s layout. Neither crate may use the other, so this test
//! compares them.

use partitioner::address::LARGE_PAGE;
use partitioner::layout::{QUEUES_MAX, WINDOW_HEADER_LEN, WINDOW_LANE_BUFFERS, WINDOW_LANE_LEN, Window};
use shmem::pool::{BUFFER_LEN, GUARANTEED_BUFFERS};
use shmem::{Geometry, MAX_PARTITIONS, MAX_QUEUES, Shape, header, ring};

#[test]
fn the_planner_counts_as_the_window_is_laid_out() {
    assert_eq!(WINDOW_HEADER_LEN, header::HEADER_LEN);
    assert_eq!(WINDOW_LANE_LEN, ring::LANE_LEN);
    assert_eq!(WINDOW_LANE_BUFFERS, GUARANTEED_BUFFERS as u64 * BUFFER_LEN);
    assert_eq!(usize::from(QUEUES_MAX), MAX_QUEUES);
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
