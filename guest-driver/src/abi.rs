//! The C interface, function by function as `sprig_vni_core.h` declares it.
//!
//! Every pointer to a station is one that [`sprig_station_open`] was given and that has not been freed since. Contexts:
//!
//! | | who may call it |
//! |---|---|
//! | any | any context, at any time |
//! | lock | whoever holds the transmit lock of that lane |
//! | poll | the poll, of which there is one at a time |
//! | poll and locks | the poll, while it holds the transmit locks of all lanes of that peer |

use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr::{self, NonNull};
use core::slice;

use heapless::Vec;
use shmem::segment::{Sink, Source};
use shmem::{GeometryError, Shape, Window};
use vni::descriptor::Offload;
use vni::doorbell::{self, Address};
use vni::sender::Refusal;

use crate::counters;
use crate::station::Driver;

/// Most segments of a frame in private memory.
pub const MAX_SEGMENTS: usize = 20;

const EINVAL: c_int = 22;
const ENOSPC: c_int = 28;

/// Private memory of a frame.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Segment {
    /// Where it starts.
    pub at: *mut c_void,
    /// Its bytes.
    pub len: u64,
}

/// A frame that waits.
#[repr(C)]
pub struct Frame {
    /// Its bytes.
    pub len: u32,
    /// Its metadata.
    pub offload: Offload,
}

/// Results of [`sprig_send`].
pub const SENT: u32 = 0;
/// Ring or pool full; nothing was taken.
pub const NO_ROOM: u32 = 1;
/// Nobody would read it; counted.
pub const LINK_NOT_UP: u32 = 2;
/// Too short or too long; counted.
pub const BAD_FRAME: u32 = 3;

/// Results of [`sprig_peek`].
pub const EMPTY: u32 = 0;
/// There is a frame.
pub const FRAME: u32 = 1;
/// The peer broke a rule: step its link.
pub const FAULT: u32 = 2;

/// Results of [`sprig_link_step`]: the peer must be rung.
pub const LINK_RING: u32 = 1;
/// The link can be sent to now, or cannot any more.
pub const LINK_CHANGED: u32 = 2;

/// # Safety
/// As all functions here want of `station`.
unsafe fn driver<'a>(station: *const Driver) -> &'a Driver {
    // SAFETY: the caller's pointer is one that `sprig_station_open` was given, so a `Driver` is there; nobody ever has
    // a `&mut Driver`.
    unsafe { &*station }
}

fn shape(partitions: u32, queues: u32) -> Result<Shape, GeometryError> {
    Shape::new(partitions as usize, queues as usize)
}

/// Bytes for a station; 0 if there is no such shape. Any.
#[unsafe(no_mangle)]
pub extern "C" fn sprig_station_bytes(partitions: u32, queues: u32) -> u64 {
    shape(partitions, queues).map_or(0, |shape| Driver::bytes(shape) as u64)
}

/// Makes a station in `memory`. 0, or `-EINVAL` for a partition that there is none of, `-ENOSPC` for a window that is too
/// short.
///
/// # Safety
/// `memory`: [`sprig_station_bytes`] zeroed bytes, aligned to 128, nobody else's. `window`: `window_len` mapped bytes,
/// aligned to a page, that stay until the station is freed. `box_name`: `box_name_len` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_station_open(
    memory: *mut u8,
    window: *mut u8,
    window_len: u64,
    partitions: u32,
    queues: u32,
    index: u32,
    box_name: *const u8,
    box_name_len: u64,
) -> c_int {
    let (Some(memory), Some(start)) = (NonNull::new(memory), NonNull::new(window)) else { return -EINVAL };
    let Ok(shape) = shape(partitions, queues) else { return -EINVAL };
    // SAFETY: by what the caller keeps to.
    let name = unsafe { slice::from_raw_parts(box_name, box_name_len as usize) };
    let (true, Ok(name)) = (index < partitions, str::from_utf8(name)) else { return -EINVAL };
    // SAFETY: the window is mapped for as long as the station is there, and so for as long as anything made of it is
    // used; other instances touch it as we do.
    let Ok(window) = (unsafe { Window::new(start, window_len, shape) }) else { return -ENOSPC };
    // SAFETY: by what the caller keeps to; `index` was checked.
    unsafe { Driver::open(memory, window, index as usize, name) };
    0
}

/// Says that we are there. Any.
///
/// # Safety
/// `station` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_station_start(station: *const Driver) {
    // SAFETY: by what the caller keeps to.
    unsafe { driver(station) }.station().start();
}

/// Takes every link down at once. Any.
///
/// # Safety
/// `station` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_station_stop(station: *const Driver) {
    // SAFETY: by what the caller keeps to.
    unsafe { driver(station) }.station().stop();
}

/// The address of a partition. Any.
///
/// # Safety
/// `station` is an open one; `mac` points to 6 writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_mac(station: *const Driver, partition: u32, mac: *mut [u8; 6]) {
    // SAFETY: by what the caller keeps to.
    unsafe { ptr::write(mac, driver(station).station().mac(partition as usize).octets()) };
}

/// The partition that an address leads to; -1: to all. Any.
///
/// # Safety
/// `station` is an open one; `mac` points to 6 readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_partition_of(station: *const Driver, mac: *const [u8; 6]) -> c_int {
    // SAFETY: by what the caller keeps to. It may stand at any address: bytes have no alignment.
    let (station, mac) = unsafe { (driver(station).station(), ptr::read(mac)) };
    station.destination(mac).map_or(-1, |index| index as c_int)
}

/// Says where we are rung; vector 0: nowhere. Any.
///
/// # Safety
/// `station` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_doorbell_publish(station: *const Driver, apic_id: u32, vector: u32) {
    let address = Address::from_word(u64::from(apic_id) << 32 | u64::from(vector));
    // SAFETY: by what the caller keeps to.
    doorbell::publish(&unsafe { driver(station) }.station().header(), address);
}

/// Takes what was rung, a bit for each partition. Poll.
///
/// # Safety
/// `station` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_doorbell_take(station: *const Driver) -> u32 {
    // SAFETY: by what the caller keeps to.
    doorbell::take(&unsafe { driver(station) }.station().header())
}

/// Rings a peer: the address to send an interrupt to, or 0. Any.
///
/// # Safety
/// `station` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_ring(station: *const Driver, peer: u32) -> u64 {
    // SAFETY: by what the caller keeps to.
    let driver = unsafe { driver(station) };
    if !is_peer(driver, peer) {
        return 0;
    }
    let station = driver.station();
    doorbell::ring(&station.window().header(peer as usize), station.index()).map_or(0, Address::to_word)
}

/// After an interrupt to `sent_to`: the address to send another to, or 0. Any.
///
/// # Safety
/// `station` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_ring_again(station: *const Driver, peer: u32, sent_to: u64) -> u64 {
    // SAFETY: by what the caller keeps to.
    let driver = unsafe { driver(station) };
    let (true, Some(sent)) = (is_peer(driver, peer), Address::from_word(sent_to)) else { return 0 };
    let header = driver.station().window().header(peer as usize);
    doorbell::ring_again(&header, sent).map_or(0, Address::to_word)
}

fn is_peer(driver: &Driver, peer: u32) -> bool {
    (peer as usize) < driver.shape().partitions() && peer as usize != driver.station().index()
}

/// Lets the heartbeat go on. Any, but one caller at a time.
///
/// # Safety
/// `station` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_tick(station: *const Driver) {
    // SAFETY: by what the caller keeps to.
    unsafe { driver(station) }.station().tick();
}

/// Whether a step of that link could change anything. Poll.
///
/// # Safety
/// `station` is an open one, and the caller is the poll.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_link_wants_step(station: *const Driver, peer: u32) -> bool {
    // SAFETY: by what the caller keeps to.
    let driver = unsafe { driver(station) };
    // SAFETY: the caller is the poll.
    let link = unsafe { driver.link(peer as usize) };
    link.is_some_and(|link| link.wants_step(driver.station().now()))
}

/// Steps the link to a peer. Poll and locks.
///
/// # Safety
/// `station` is an open one; the caller is the poll and holds the transmit locks of all lanes of `peer`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_link_step(station: *const Driver, peer: u32) -> u32 {
    // SAFETY: by what the caller keeps to.
    let driver = unsafe { driver(station) };
    let shape = driver.shape();
    let lanes = || (0..shape.queues()).map(|queue| queue * shape.partitions() + peer as usize);
    // SAFETY: the caller holds these lanes' locks and is the poll, and each closure's borrow ends before the next.
    let (sender, receiver) = (|lane| unsafe { driver.sender(lane) }, |lane| unsafe { driver.receiver(lane) });
    // SAFETY: the caller is the poll.
    let Some(link) = (unsafe { driver.link(peer as usize) }) else { return 0 };

    let found = |lane| {
        let sent = sender(lane).and_then(|sender| sender.take_fault());
        sent.or(receiver(lane).and_then(|receiver| receiver.take_fault()))
    };
    // All are taken, one is told: a fault that is left would be told again later.
    let fault = lanes().fold(None, |first, lane| first.or(found(lane)));
    let stepped = link.step(driver.station().now(), driver.station().is_open(), fault, || {
        lanes().filter_map(sender).for_each(|sender| sender.reset());
        lanes().filter_map(receiver).for_each(|receiver| receiver.reset());
    });
    lanes().filter_map(sender).for_each(|sender| sender.set_live(stepped.send));
    lanes().filter_map(receiver).for_each(|receiver| receiver.set_live(stepped.receive));
    let told = |what, bit| if what { bit } else { 0 };
    told(stepped.ring, LINK_RING) | told(stepped.changed, LINK_CHANGED)
}

/// How the link to a peer stands. Any.
///
/// # Safety
/// `station` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_link_state(station: *const Driver, peer: u32) -> u32 {
    // SAFETY: by what the caller keeps to.
    let shown = unsafe { driver(station) }.shown();
    shown.get(peer as usize).map_or(0, |shown| shown.state().into())
}

/// Sends a frame into a lane. Lock.
///
/// # Safety
/// `station` is an open one; the caller holds the lane's lock; `segments` points to `count` segments of readable memory;
/// `offload` is readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_send(
    station: *const Driver,
    lane: u32,
    segments: *const Segment,
    count: u32,
    offload: *const Offload,
) -> u32 {
    // SAFETY: by what the caller keeps to.
    let (driver, segments, offload) =
        unsafe { (driver(station), slice::from_raw_parts(segments, count as usize), ptr::read(offload)) };
    // SAFETY: the caller holds the lane's lock.
    let Some(sender) = (unsafe { driver.sender(lane as usize) }) else { return LINK_NOT_UP };
    // SAFETY: the segments' memory is readable until we return.
    let sources = segments.iter().map(|it| unsafe { Source::from_raw(it.at.cast(), it.len as usize) });
    match sender.send(sources, offload) {
        Ok(()) => SENT,
        Err(Refusal::NoRoom) => NO_ROOM,
        Err(Refusal::LinkDown) => LINK_NOT_UP,
        Err(Refusal::Length) => BAD_FRAME,
    }
}

/// Publishes what was sent as one burst; true: ring the peer. Lock.
///
/// # Safety
/// `station` is an open one; the caller holds the lane's lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_publish(station: *const Driver, lane: u32) -> bool {
    // SAFETY: by what the caller keeps to.
    let sender = unsafe { driver(station).sender(lane as usize) };
    sender.is_some_and(|sender| sender.publish().is_needed())
}

/// Whether the largest frame would find room. Lock.
///
/// # Safety
/// `station` is an open one; the caller holds the lane's lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_has_room(station: *const Driver, lane: u32) -> bool {
    // SAFETY: by what the caller keeps to.
    let sender = unsafe { driver(station).sender(lane as usize) };
    sender.is_none_or(|sender| sender.has_room())
}

/// Asks to be rung when there is room; true: there is already. Lock.
///
/// # Safety
/// `station` is an open one; the caller holds the lane's lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_await_room(station: *const Driver, lane: u32) -> bool {
    // SAFETY: by what the caller keeps to.
    let sender = unsafe { driver(station).sender(lane as usize) };
    sender.is_none_or(|sender| sender.await_room())
}

/// The frame that waits first in a lane. Poll.
///
/// # Safety
/// `station` is an open one; the caller is the poll; `frame` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_peek(station: *const Driver, lane: u32, frame: *mut Frame) -> u32 {
    // SAFETY: by what the caller keeps to.
    let Some(receiver) = (unsafe { driver(station).receiver(lane as usize) }) else { return EMPTY };
    match receiver.peek() {
        Ok(None) => EMPTY,
        Ok(Some(waiting)) => {
            // SAFETY: by what the caller keeps to.
            unsafe { ptr::write(frame, Frame { len: waiting.len as u32, offload: waiting.offload }) };
            FRAME
        }
        Err(_) => FAULT,
    }
}

/// Copies the frame that was peeked, and goes past it; false: its metadata do not fit it. Poll.
///
/// # Safety
/// `station` is an open one; the caller is the poll; `segments` points to `count` segments of writable memory that is
/// nobody else's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_take(station: *const Driver, lane: u32, segments: *const Segment, count: u32) -> bool {
    // SAFETY: by what the caller keeps to.
    let (driver, segments) = unsafe { (driver(station), slice::from_raw_parts(segments, count as usize)) };
    // SAFETY: the caller is the poll.
    let Some(receiver) = (unsafe { driver.receiver(lane as usize) }) else { return false };
    let mut sinks = Vec::<Sink<'_>, MAX_SEGMENTS>::new();
    for segment in segments {
        // SAFETY: the segments' memory is writable, and nobody else's, until we return.
        let sink = unsafe { Sink::from_raw(segment.at.cast(), segment.len as usize) };
        let fits = sinks.push(sink).is_ok();
        debug_assert!(fits, "a frame has at most MAX_SEGMENTS segments");
    }
    receiver.take(&mut sinks)
}

/// Goes past the frame that was peeked. Poll.
///
/// # Safety
/// `station` is an open one; the caller is the poll.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_skip(station: *const Driver, lane: u32) {
    // SAFETY: by what the caller keeps to.
    if let Some(receiver) = unsafe { driver(station).receiver(lane as usize) } {
        receiver.skip();
    }
}

/// Gives back what was taken as one burst; true: ring the peer. Poll.
///
/// # Safety
/// `station` is an open one; the caller is the poll.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_release(station: *const Driver, lane: u32) -> bool {
    // SAFETY: by what the caller keeps to.
    let receiver = unsafe { driver(station).receiver(lane as usize) };
    receiver.is_some_and(|receiver| receiver.release().is_needed())
}

/// Before sleeping; false: something has come. Poll.
///
/// # Safety
/// `station` is an open one; the caller is the poll.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_arm(station: *const Driver, lane: u32) -> bool {
    // SAFETY: by what the caller keeps to.
    let receiver = unsafe { driver(station).receiver(lane as usize) };
    receiver.is_none_or(|receiver| receiver.arm())
}

/// For the watchdog: whether the receiver of a lane sleeps with something to do, and did so already at the last call.
/// Any, but one caller at a time.
///
/// # Safety
/// `station` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_overdue(station: *const Driver, lane: u32) -> bool {
    // SAFETY: by what the caller keeps to.
    let driver = unsafe { driver(station) };
    let (queue, peer) = (lane as usize / driver.shape().partitions(), lane as usize % driver.shape().partitions());
    let Some(lane) = driver.lanes().get(lane as usize).filter(|_| is_peer(driver, peer as u32)) else { return false };
    let station = driver.station();
    lane.watch.0.is_overdue(&station.window().ring(peer, queue, station.index()))
}

/// How many counters there are. Any.
#[unsafe(no_mangle)]
pub extern "C" fn sprig_counter_count() -> u32 {
    counters::COUNT as u32
}

/// The name of a counter, at most 31 bytes; null if there is none. Any.
#[unsafe(no_mangle)]
pub extern "C" fn sprig_counter_name(which: u32) -> *const c_char {
    counters::name(which as usize).map_or(ptr::null(), CStr::as_ptr)
}

/// What a counter has come to. Any.
///
/// # Safety
/// `station` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_counter(station: *const Driver, which: u32) -> u64 {
    // SAFETY: by what the caller keeps to.
    counters::value(unsafe { driver(station) }, which as usize)
}

#[cfg(test)]
mod tests;
