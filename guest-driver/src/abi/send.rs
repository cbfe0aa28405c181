//! Frames into a lane. See [`super`] for who may call what.

use core::ptr;
use core::slice;

use shmem::segment::Source;
use vni::descriptor::Offload;
use vni::sender::SendError;

use super::{Segment, deref};
use crate::endpoint::Endpoint;

/// Results of [`sprig_send`].
pub const SENT: u32 = 0;
/// Ring or pool full; nothing was taken.
pub const NO_ROOM: u32 = 1;
/// Nobody would read it; counted.
pub const LINK_NOT_UP: u32 = 2;
/// Too short or too long; counted.
pub const BAD_FRAME: u32 = 3;

/// Sends a frame into a lane. Lock.
///
/// # Safety
/// `endpoint` is an open one; the caller holds the lane's lock; `segments` points to `count` segments of readable
/// memory; `offload` is readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_send(
    endpoint: *const Endpoint,
    lane: u32,
    segments: *const Segment,
    count: u32,
    offload: *const Offload,
) -> u32 {
    // SAFETY: the caller guarantees it.
    let (endpoint, segments, offload) =
        unsafe { (deref(endpoint), slice::from_raw_parts(segments, count as usize), ptr::read(offload)) };
    // SAFETY: the caller holds the lane's lock.
    let Some(sender) = (unsafe { endpoint.sender(lane as usize) }) else { return LINK_NOT_UP };
    // SAFETY: the segments' memory is readable until we return.
    let sources = segments.iter().map(|it| unsafe { Source::from_raw(it.at.cast(), it.len as usize) });
    match sender.send(sources, offload) {
        Ok(()) => SENT,
        Err(SendError::NoRoom) => NO_ROOM,
        Err(SendError::LinkDown) => LINK_NOT_UP,
        Err(SendError::Length) => BAD_FRAME,
    }
}

/// Publishes what was sent as one burst; true: ring the peer. Lock.
///
/// # Safety
/// `endpoint` is an open one; the caller holds the lane's lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_publish(endpoint: *const Endpoint, lane: u32) -> bool {
    // SAFETY: the caller guarantees it.
    let sender = unsafe { deref(endpoint).sender(lane as usize) };
    sender.is_some_and(|sender| sender.publish().is_needed())
}

/// Whether the largest frame would find room. Lock.
///
/// # Safety
/// `endpoint` is an open one; the caller holds the lane's lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_has_room(endpoint: *const Endpoint, lane: u32) -> bool {
    // SAFETY: the caller guarantees it.
    let sender = unsafe { deref(endpoint).sender(lane as usize) };
    sender.is_none_or(|sender| sender.has_room())
}

/// Asks to be rung when there is room; true: there is already. Lock.
///
/// # Safety
/// `endpoint` is an open one; the caller holds the lane's lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_await_room(endpoint: *const Endpoint, lane: u32) -> bool {
    // SAFETY: the caller guarantees it.
    let sender = unsafe { deref(endpoint).sender(lane as usize) };
    sender.is_none_or(|sender| sender.await_room())
}
