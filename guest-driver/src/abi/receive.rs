//! Frames out of a lane. See [`super`] for who may call what.

use core::ptr;
use core::slice;

use heapless::Vec;
use shmem::segment::Sink;
use vni::descriptor::Offload;
use vni::lanes::LaneSlot;

use super::{MAX_SEGMENTS, Segment, deref, is_peer};
use crate::endpoint::Endpoint;

/// A frame that waits.
#[repr(C)]
pub struct Frame {
    /// Its bytes.
    pub len: u32,
    /// Its metadata.
    pub offload: Offload,
}

/// Results of [`sprig_peek`].
pub const EMPTY: u32 = 0;
/// There is a frame.
pub const FRAME: u32 = 1;
/// The peer broke a rule: step its link.
pub const FAULT: u32 = 2;

/// The first frame that waits in a lane. Receive.
///
/// # Safety
/// `endpoint` is an open one; the caller holds the receive lock of the lane's queue; `frame` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_peek(endpoint: *const Endpoint, lane: u32, frame: *mut Frame) -> u32 {
    // SAFETY: the caller guarantees it.
    let Some(receiver) = (unsafe { deref(endpoint).receiver(lane as usize) }) else { return EMPTY };
    match receiver.peek() {
        Ok(None) => EMPTY,
        Ok(Some(waiting)) => {
            // SAFETY: the caller guarantees it.
            unsafe { ptr::write(frame, Frame { len: waiting.len as u32, offload: waiting.offload }) };
            FRAME
        }
        Err(_) => FAULT,
    }
}

/// Copies the frame that was peeked, and goes past it; false: its metadata do not fit it. Receive.
///
/// # Safety
/// `endpoint` is an open one; the caller holds the receive lock of the lane's queue; `segments` points to `count`
/// segments of writable memory that is nobody else's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_take(
    endpoint: *const Endpoint,
    lane: u32,
    segments: *const Segment,
    count: u32,
) -> bool {
    // SAFETY: the caller guarantees it.
    let (endpoint, segments) = unsafe { (deref(endpoint), slice::from_raw_parts(segments, count as usize)) };
    // SAFETY: the caller holds the receive lock of the lane's queue.
    let Some(receiver) = (unsafe { endpoint.receiver(lane as usize) }) else { return false };
    let mut sinks = Vec::<Sink<'_>, MAX_SEGMENTS>::new();
    for segment in segments {
        // SAFETY: the segments' memory is writable, and nobody else's, until we return.
        let sink = unsafe { Sink::from_raw(segment.at.cast(), segment.len as usize) };
        let fits = sinks.push(sink).is_ok();
        debug_assert!(fits, "a frame has at most MAX_SEGMENTS segments");
    }
    receiver.take(&mut sinks)
}

/// Goes past the frame that was peeked. Receive.
///
/// # Safety
/// `endpoint` is an open one; the caller holds the receive lock of the lane's queue.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_skip(endpoint: *const Endpoint, lane: u32) {
    // SAFETY: the caller guarantees it.
    if let Some(receiver) = unsafe { deref(endpoint).receiver(lane as usize) } {
        receiver.skip();
    }
}

/// Gives back what was taken as one burst; true: ring the peer. Receive.
///
/// # Safety
/// `endpoint` is an open one; the caller holds the receive lock of the lane's queue.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_release(endpoint: *const Endpoint, lane: u32) -> bool {
    // SAFETY: the caller guarantees it.
    let receiver = unsafe { deref(endpoint).receiver(lane as usize) };
    receiver.is_some_and(|receiver| receiver.release().is_needed())
}

/// Before sleeping; false: something has come. Receive.
///
/// # Safety
/// `endpoint` is an open one; the caller holds the receive lock of the lane's queue.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_arm(endpoint: *const Endpoint, lane: u32) -> bool {
    // SAFETY: the caller guarantees it.
    let receiver = unsafe { deref(endpoint).receiver(lane as usize) };
    receiver.is_none_or(|receiver| receiver.arm())
}

/// For the watchdog: whether the receiver of a lane sleeps with something to do, and did so already at the last call.
/// Any, but one caller at a time.
///
/// # Safety
/// `endpoint` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_overdue(endpoint: *const Endpoint, lane: u32) -> bool {
    // SAFETY: the caller guarantees it.
    let endpoint = unsafe { deref(endpoint) };
    let LaneSlot { queue, peer } = LaneSlot::at(lane as usize, endpoint.shape());
    let Some(lane) = endpoint.lanes().get(lane as usize).filter(|_| is_peer(endpoint, peer as u32)) else {
        return false;
    };
    let port = endpoint.port();
    lane.watch.0.is_overdue(&port.window().ring(peer, queue, port.index()))
}
