//! The window as the planner counts it and as `shmem` lays it out: neither may use the other, so they meet here.

use partitioner::address::LARGE_PAGE;
use partitioner::layout::{WINDOW_HEADER_LEN, WINDOW_PAIR_BUFFERS, WINDOW_PAIR_LEN, least_window};
use shmem::pool::{BUFFER_LEN, GUARANTEED_BUFFERS};
use shmem::{DEFAULT_QUEUES, Geometry, MAX_PARTITIONS, Shape, header, ring};

#[test]
fn the_planner_counts_as_the_window_is_laid_out() {
    assert_eq!(WINDOW_HEADER_LEN, header::HEADER_LEN);
    assert_eq!(WINDOW_PAIR_LEN, ring::LANE_LEN * DEFAULT_QUEUES as u64);
    assert_eq!(WINDOW_PAIR_BUFFERS, GUARANTEED_BUFFERS as u64 * BUFFER_LEN * DEFAULT_QUEUES as u64);
}

#[test]
fn the_least_window_is_enough_and_a_large_page_less_is_not() {
    for partitions in 1..=MAX_PARTITIONS {
        let shape = Shape::new(partitions, DEFAULT_QUEUES).expect("a shape");
        let least = least_window(partitions);
        assert!(Geometry::new(least, shape).is_ok(), "{partitions} partitions in {least} bytes");
        assert!(Geometry::new(least - LARGE_PAGE, shape).is_err(), "{partitions} partitions in less");
    }
}
