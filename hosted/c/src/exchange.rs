//! Frames in and out, and time. See [`crate`] for what callers must guarantee.

use std::ffi::c_int;
use std::os::fd::{AsFd, AsRawFd};
use std::slice;
use std::time::Duration;

use hosted::{Endpoint, Offload, SendError, TurnOutcome};
use shmem::segment::{Sink, Source};

use crate::error::{CallError, attempt};
use crate::lane;

/// A frame in the caller's memory.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Where it is.
    pub data: *mut u8,
    /// Bytes of memory there. Of a frame that is sent it means nothing.
    pub room: u32,
    /// Its bytes.
    pub len: u32,
    /// What is left to be done with it.
    pub offload: Offload,
}

/// All frames were taken.
pub const SENT: u32 = 0;
/// Ring or pool are full.
pub const NO_ROOM: u32 = 1;
/// Nobody would read it.
pub const LINK_DOWN: u32 = 2;
/// It is shorter or longer than frames may be.
pub const BAD_LENGTH: u32 = 3;

/// Sends frames as one burst: how many were taken. `why` says why not all.
///
/// # Safety
/// As for all functions here; each frame's `data` has `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_vni_send(
    endpoint: *mut Endpoint,
    peer: u32,
    queue: u32,
    frames: *const Frame,
    count: u32,
    why: *mut u32,
) -> u32 {
    attempt(0, || {
        // SAFETY: the caller guarantees it.
        let (endpoint, frames) = unsafe { (crate::endpoint(endpoint)?, burst(frames, count)?) };
        // SAFETY: as above.
        let why = unsafe { why.as_mut() };
        let lane = lane(endpoint, peer, queue)?;
        refuse_null(frames)?;
        let send = |frame: &Frame| {
            // SAFETY: it is not null, and the frame's memory is readable until we return.
            let source = unsafe { Source::from_raw(frame.data, frame.len as usize) };
            endpoint.send_segments(lane, [source].into_iter(), frame.offload)
        };
        let refused = frames.iter().map(send).enumerate().find_map(|(sent, outcome)| Some((sent, outcome.err()?)));
        endpoint.publish(lane);
        if let Some(why) = why {
            *why = refused.map_or(SENT, |(_, refusal)| number(refusal));
        }
        Ok(refused.map_or(count, |(sent, _)| sent as u32))
    })
}

pub(crate) fn number(refusal: SendError) -> u32 {
    match refusal {
        SendError::NoRoom => NO_ROOM,
        SendError::LinkDown => LINK_DOWN,
        SendError::Length => BAD_LENGTH,
    }
}

/// Receives frames as one burst: how many came.
///
/// # Safety
/// As for all functions here; each frame's `data` has `room` bytes, nobody else's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_vni_receive(
    endpoint: *mut Endpoint,
    peer: u32,
    queue: u32,
    frames: *mut Frame,
    count: u32,
) -> u32 {
    attempt(0, || {
        // SAFETY: the caller guarantees it.
        let (endpoint, frames) = unsafe { (crate::endpoint(endpoint)?, burst_mut(frames, count)?) };
        let lane = lane(endpoint, peer, queue)?;
        refuse_null(frames)?;
        let mut came = 0;
        for frame in frames {
            // SAFETY: it is not null, and the frame's memory is writable, and nobody else's, until we return.
            let sink = unsafe { Sink::from_raw(frame.data, frame.room as usize) };
            let Some(received) = endpoint.receive_into(lane, sink) else { break };
            frame.len = received.len as u32;
            frame.offload = received.offload;
            came += 1;
        }
        endpoint.release(lane);
        Ok(came)
    })
}

fn refuse_null(frames: &[Frame]) -> Result<(), CallError> {
    if frames.iter().any(|frame| frame.data.is_null()) { Err(CallError::Null("the data of a frame")) } else { Ok(()) }
}

/// # Safety
/// `frames` is null, or points to `count` frames.
unsafe fn burst<'a>(frames: *const Frame, count: u32) -> Result<&'a [Frame], CallError> {
    match count {
        0 => Ok(&[]),
        _ if frames.is_null() => Err(CallError::Null("frames")),
        // SAFETY: the caller guarantees it.
        _ => Ok(unsafe { slice::from_raw_parts(frames, count as usize) }),
    }
}

/// # Safety
/// `frames` is null, or points to `count` frames that are nobody else's.
unsafe fn burst_mut<'a>(frames: *mut Frame, count: u32) -> Result<&'a mut [Frame], CallError> {
    match count {
        0 => Ok(&mut []),
        _ if frames.is_null() => Err(CallError::Null("frames")),
        // SAFETY: the caller guarantees it.
        _ => Ok(unsafe { slice::from_raw_parts_mut(frames, count as usize) }),
    }
}

/// Asks to be rung for room in a lane: 1 if there is room already, 0 if one may wait for it, -1: failed.
///
/// # Safety
/// As for all functions here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_vni_await_room(endpoint: *mut Endpoint, peer: u32, queue: u32) -> c_int {
    attempt(-1, || {
        // SAFETY: the caller guarantees it.
        let endpoint = unsafe { crate::endpoint(endpoint) }?;
        let lane = lane(endpoint, peer, queue)?;
        Ok(endpoint.await_room(lane).into())
    })
}

/// The file descriptor to wait on, which stays the endpoint's; -1: failed.
///
/// # Safety
/// As for all functions here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_vni_fd(endpoint: *mut Endpoint) -> c_int {
    // SAFETY: the caller guarantees it.
    attempt(-1, || Ok(unsafe { crate::endpoint(endpoint) }?.as_fd().as_raw_fd()))
}

/// Asks to be rung for the next frame: 1 if one may wait, 0 if something has come, -1: failed.
///
/// # Safety
/// As for all functions here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_vni_arm(endpoint: *mut Endpoint) -> c_int {
    // SAFETY: the caller guarantees it.
    attempt(-1, || Ok(unsafe { crate::endpoint(endpoint) }?.arm().into()))
}

/// Gives time; 0, or -1: failed. `changed` gets a bit for each peer whose link has changed.
///
/// # Safety
/// As for all functions here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_vni_turn(endpoint: *mut Endpoint, changed: *mut u32) -> c_int {
    // SAFETY: the caller guarantees it.
    unsafe { give_time(endpoint, changed, |endpoint| Ok(endpoint.turn())) }
}

/// Arms, waits for at most so many milliseconds, and gives time; 0, or -1: failed.
///
/// # Safety
/// As for all functions here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_vni_wait(endpoint: *mut Endpoint, limit_ms: u32, changed: *mut u32) -> c_int {
    // SAFETY: the caller guarantees it.
    unsafe { give_time(endpoint, changed, |endpoint| endpoint.wait(Duration::from_millis(limit_ms.into()))) }
}

/// # Safety
/// As for all functions here.
unsafe fn give_time(
    endpoint: *mut Endpoint,
    changed: *mut u32,
    give: impl FnOnce(&mut Endpoint) -> std::io::Result<TurnOutcome>,
) -> c_int {
    attempt(-1, || {
        // SAFETY: the caller guarantees it.
        let (endpoint, changed) = unsafe { (crate::endpoint(endpoint)?, changed.as_mut()) };
        let turned = give(endpoint)?;
        if let Some(changed) = changed {
            *changed = turned.changed;
        }
        Ok(0)
    })
}
