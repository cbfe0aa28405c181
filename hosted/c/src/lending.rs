//! Frames that are read and written where they lie. See [`crate`] for what callers must guarantee.

use std::ffi::{c_int, c_void};
use std::ptr;

use hosted::lent::MAX_LENT_PIECES;
use hosted::{Endpoint, LentFrame, Offload};

use crate::error::{CallError, attempt};
use crate::exchange::{SENT, number};
use crate::lane;

/// Bytes of a frame, where they lie in the sender's memory.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    /// Where they begin.
    pub data: *const u8,
    /// How many they are.
    pub len: u32,
}

/// A frame that is lent.
#[repr(C)]
#[derive(Debug)]
pub struct Lent {
    /// What is to be given back; null: nothing.
    pub handle: *mut c_void,
    /// Its first bytes, copied.
    pub head: *const u8,
    /// How many of them there are.
    pub head_len: u32,
    /// Its bytes in all.
    pub len: u32,
    /// What is left to be done with it.
    pub offload: Offload,
    /// The bytes behind the first ones.
    pub pieces: [Piece; MAX_LENT_PIECES],
    /// How many pieces there are.
    pub piece_count: u32,
}

/// Writes `len` bytes of a frame to `data`.
pub type Fill = Option<unsafe extern "C" fn(context: *mut c_void, data: *mut u8, len: u32)>;

impl Lent {
    fn new(frame: LentFrame) -> Self {
        let mut pieces = [Piece { data: ptr::null(), len: 0 }; MAX_LENT_PIECES];
        let mut piece_count = 0;
        for (piece, span) in pieces.iter_mut().zip(frame.rest()) {
            *piece = Piece { data: span.as_ptr(), len: span.len() as u32 };
            piece_count += 1;
        }
        let (len, offload) = (frame.len() as u32, frame.offload());
        // Where it lies now, it stays until it is given back; and so does its head.
        let frame = Box::new(frame);
        let (head, head_len) = (frame.head().as_ptr(), frame.head().len() as u32);
        Self { handle: Box::into_raw(frame).cast(), head, head_len, len, offload, pieces, piece_count }
    }
}

/// Borrows frames: how many came.
///
/// # Safety
/// As for all functions here; `frames` has room for `count`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_vni_borrow(
    endpoint: *mut Endpoint,
    peer: u32,
    queue: u32,
    frames: *mut Lent,
    count: u32,
) -> u32 {
    attempt(0, || {
        // SAFETY: the caller guarantees it.
        let endpoint = unsafe { crate::endpoint(endpoint) }?;
        let lane = lane(endpoint, peer, queue)?;
        if frames.is_null() && count > 0 {
            return Err(CallError::Null("frames"));
        }
        let mut came = 0;
        while came < count {
            let Some(frame) = endpoint.receive_lent(lane) else { break };
            // SAFETY: there is room for `count` of them. What was there is not read, and needs no end.
            unsafe { frames.add(came as usize).write(Lent::new(frame)) };
            came += 1;
        }
        Ok(came)
    })
}

/// Gives frames back.
///
/// # Safety
/// As for all functions here; each of the `count` frames was borrowed, or given back before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_vni_give_back(frames: *mut Lent, count: u32) -> c_int {
    attempt(-1, || {
        if frames.is_null() && count > 0 {
            return Err(CallError::Null("frames"));
        }
        for at in 0..count as usize {
            // SAFETY: the caller guarantees it.
            let frame = unsafe { &mut *frames.add(at) };
            let handle = std::mem::replace(&mut frame.handle, ptr::null_mut());
            if !handle.is_null() {
                // SAFETY: `Lent::new` has made it of such a box, and it was not given back before.
                drop(unsafe { Box::from_raw(handle.cast::<LentFrame>()) });
            }
        }
        Ok(0)
    })
}

/// Tells the sender what was given back.
///
/// # Safety
/// As for all functions here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_vni_release(endpoint: *mut Endpoint, peer: u32, queue: u32) -> c_int {
    attempt(-1, || {
        // SAFETY: the caller guarantees it.
        let endpoint = unsafe { crate::endpoint(endpoint) }?;
        let lane = lane(endpoint, peer, queue)?;
        endpoint.release(lane);
        Ok(0)
    })
}

/// Sends a frame that `fill` writes where it will lie; it is on its way with [`sprig_vni_publish`].
///
/// # Safety
/// As for all functions here; `offload` is null or points to one, and `fill` keeps to the bytes that it is given.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_vni_send_in_place(
    endpoint: *mut Endpoint,
    peer: u32,
    queue: u32,
    len: u32,
    offload: *const Offload,
    fill: Fill,
    context: *mut c_void,
) -> c_int {
    attempt(-1, || {
        // SAFETY: the caller guarantees it.
        let (endpoint, offload) = unsafe { (crate::endpoint(endpoint)?, offload.as_ref()) };
        let lane = lane(endpoint, peer, queue)?;
        let fill = fill.ok_or(CallError::Null("fill"))?;
        let offload = offload.copied().unwrap_or(Offload::NONE);
        let sent = endpoint.send_in_place(lane, len as usize, offload, |span| {
            // SAFETY: the span is ours to write until the frame is published, and the caller's function keeps to it.
            unsafe { fill(context, span.as_ptr(), span.len() as u32) };
        });
        Ok(sent.map_or_else(number, |()| SENT) as c_int)
    })
}

/// Publishes what was sent in place as one burst, and rings the peer if it sleeps.
///
/// # Safety
/// As for all functions here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_vni_publish(endpoint: *mut Endpoint, peer: u32, queue: u32) -> c_int {
    attempt(-1, || {
        // SAFETY: the caller guarantees it.
        let endpoint = unsafe { crate::endpoint(endpoint) }?;
        let lane = lane(endpoint, peer, queue)?;
        endpoint.publish(lane);
        Ok(0)
    })
}
