//! Frames between the interface and the partition, in one loop that sleeps when there are none.
//!
//! A frame goes to the partition whose address it has, else to all. One for which there is no room waits, and the
//! interface with it, for a tick at most: then it is dropped, so that a peer that stands still does not keep us from
//! the others. The carrier is on as long as any link is up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hosted::{Endpoint, Lane, LinkState, Offload, SendError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::tap::{Carrier, HEADER_LEN, Tap, offload_from};

/// Bytes that are taken from either side before looking at the other, and after which a burst is published.
const BURST_BYTES: usize = 256 << 10;
/// Frames of a burst at the most.
const BURST_FRAMES: usize = 64;
/// How long a frame waits for room.
const ROOM_LIMIT: Duration = Duration::from_millis(vni::port::TICK_MS as u64);
/// Beyond a packet: an Ethernet header and a VLAN tag.
const FRAMING: usize = 14 + 4;

/// An interface and a partition.
pub(crate) struct Bridge {
    endpoint: Endpoint,
    tap: Tap,
    lanes: Vec<Lane>,
    /// A frame with its header, from the interface.
    out: Box<[u8]>,
    held: Option<Held>,
    /// How long one looks before sleeping.
    poll: Duration,
    mtu: usize,
    counts: Counts,
}

/// What was read from the interface, and finds no room.
#[derive(Clone, Copy)]
struct Held {
    len: usize,
    lane: Lane,
    until: Instant,
}

#[derive(Default)]
struct Counts {
    tx_super_frames: u64,
    rx_super_frames: u64,
    tx_drop_no_room: u64,
    rx_drop_refused: u64,
    sleeps: u64,
}

impl Bridge {
    pub(crate) fn new(endpoint: Endpoint, tap: Tap, mtu: u32, poll: Duration) -> Self {
        let lanes = endpoint.lanes().collect();
        let out = vec![0; HEADER_LEN + vni::MAX_FRAME].into_boxed_slice();
        let counts = Counts::default();
        Self { endpoint, tap, lanes, out, held: None, poll, mtu: mtu as usize, counts }
    }

    /// Moves frames until `ended` is set.
    pub(crate) fn run(&mut self, ended: &AtomicBool, print_line: fn(&str)) -> Result<()> {
        let mut idle_since = None;
        while !ended.load(Ordering::Relaxed) {
            let changed = self.endpoint.turn().changed;
            if changed != 0 {
                self.follow_links(changed, print_line)?;
            }
            let received = self.receive()?;
            let sent = self.send()?;
            if received || sent {
                idle_since = None;
                continue;
            }
            if self.poll.is_zero() || idle_since.get_or_insert_with(Instant::now).elapsed() >= self.poll {
                self.sleep()?;
            }
        }
        Ok(())
    }

    /// Prints the counters.
    pub(crate) fn report(&self, print_line: fn(&str)) {
        let Counts { tx_super_frames, rx_super_frames, tx_drop_no_room, rx_drop_refused, sleeps } = self.counts;
        let own = [
            ("tx_super_frames", tx_super_frames),
            ("rx_super_frames", rx_super_frames),
            ("tx_drop_no_room", tx_drop_no_room),
            ("rx_drop_refused", rx_drop_refused),
            ("sleeps", sleeps),
        ];
        for (name, value) in self.endpoint.counters().chain(own).filter(|(_, value)| *value != 0) {
            print_line(&format!("{name} {value}"));
        }
    }

    fn follow_links(&mut self, changed: u32, print_line: fn(&str)) -> Result<()> {
        let is_up = |peer| self.endpoint.link(peer) == LinkState::Up;
        let peers = 0..self.endpoint.window().shape().partitions();
        let carrier = if peers.clone().any(is_up) { Carrier::On } else { Carrier::Off };
        for peer in peers.filter(|peer| changed & 1 << peer != 0) {
            print_line(&format!("link to {peer} is {}", self.endpoint.link(peer)));
        }
        self.tap.set_carrier(carrier)
    }

    /// From all lanes to the interface; whether there was anything.
    fn receive(&mut self) -> Result<bool> {
        let mut any = false;
        for number in 0..self.lanes.len() {
            let lane = self.lanes[number];
            let (mut frames, mut bytes) = (0, 0);
            while frames < BURST_FRAMES && bytes < BURST_BYTES {
                let Some(frame) = self.endpoint.receive_lent(lane) else { break };
                let taken = self.tap.write(&frame)?;
                self.counts.rx_drop_refused += u64::from(!taken);
                self.counts.rx_super_frames += u64::from(frame.len() > self.mtu + FRAMING);
                frames += 1;
                bytes += frame.len();
            }
            self.endpoint.release(lane);
            any |= frames > 0;
        }
        Ok(any)
    }

    /// From the interface to the lanes; whether there was anything.
    fn send(&mut self) -> Result<bool> {
        if !self.send_held() {
            return Ok(false);
        }
        let (mut frames, mut bytes) = (0, 0);
        while self.held.is_none() && frames < BURST_FRAMES && bytes < BURST_BYTES {
            let Some(len) = self.tap.read(&mut self.out)? else { break };
            if len >= HEADER_LEN + vni::MIN_FRAME {
                self.counts.tx_super_frames += u64::from(len > HEADER_LEN + self.mtu + FRAMING);
                self.forward(len);
            }
            frames += 1;
            bytes += len;
        }
        self.publish();
        Ok(frames > 0)
    }

    /// Once more what found no room; true if nothing waits any more.
    fn send_held(&mut self) -> bool {
        let Some(Held { len, lane, until }) = self.held else { return true };
        if self.put(lane, len) == Err(SendError::NoRoom) {
            if Instant::now() < until {
                return false;
            }
            self.counts.tx_drop_no_room += 1;
        }
        self.held = None;
        true
    }

    /// The frame of `len` bytes that was read, to whom it is for.
    fn forward(&mut self, len: usize) {
        let mut address = [0; 6];
        address.copy_from_slice(&self.out[HEADER_LEN..][..6]);
        match self.endpoint.destination(address) {
            Some(peer) => {
                let Some(lane) = self.endpoint.lane(peer, 0) else { return };
                if self.put(lane, len) == Err(SendError::NoRoom) {
                    self.held = Some(Held { len, lane, until: Instant::now() + ROOM_LIMIT });
                }
            }
            // Nobody waits for the slowest of all.
            None => {
                // Lanes come by queue and then by peer: so many are those of queue 0.
                let peers = self.endpoint.window().shape().partitions() - 1;
                for number in 0..peers.min(self.lanes.len()) {
                    let refused = self.put(self.lanes[number], len) == Err(SendError::NoRoom);
                    self.counts.tx_drop_no_room += u64::from(refused);
                }
            }
        }
    }

    fn put(&mut self, lane: Lane, len: usize) -> Result<(), SendError> {
        let mut header = [0; HEADER_LEN];
        header.copy_from_slice(&self.out[..HEADER_LEN]);
        let offload: Offload = offload_from(header);
        self.endpoint.send(lane, &self.out[HEADER_LEN..len], offload)
    }

    fn publish(&mut self) {
        for lane in &self.lanes {
            self.endpoint.publish(*lane);
        }
    }

    /// Until there is a frame on either side, room for the one that waits, or a tick.
    fn sleep(&mut self) -> Result<()> {
        if self.held.is_some_and(|held| self.endpoint.await_room(held.lane)) || !self.endpoint.arm() {
            return Ok(());
        }
        self.counts.sleeps += 1;
        let interface = if self.held.is_none() { PollFlags::IN } else { PollFlags::empty() };
        let mut set = [PollFd::new(&self.endpoint, PollFlags::IN), PollFd::new(&self.tap, interface)];
        let limit = Timespec { tv_sec: 1, tv_nsec: 0 };
        match poll(&mut set, Some(&limit)) {
            Err(why) if why != rustix::io::Errno::INTR => Err(why).context("cannot wait"),
            _ => Ok(()),
        }
    }
}
