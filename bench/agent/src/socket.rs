//! A packet socket (packet(7)): it sends and receives Ethernet frames through one card.

use std::io::{self, IoSlice};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::fd::OwnedFd;
use rustix::net::addr::{SocketAddrArg, SocketAddrLen, SocketAddrOpaque};
use rustix::net::{
    AddressFamily, MMsgHdr, RecvFlags, SendAncillaryBuffer, SendFlags, SocketType, bind, netdevice, recv, sendmmsg,
    socket, sockopt,
};

use crate::frame::HEAD_LEN;

/// Bytes of a receiver's buffer, whatever the system's own limit is.
pub(crate) const RECEIVE_BUFFER: usize = 8 << 20;

/// Receives one type of frame from one card, and sends any through it.
pub(crate) struct Socket(OwnedFd);

/// `struct sockaddr_ll` of `<linux/if_packet.h>`.
#[repr(C)]
struct LinkAddress {
    family: u16,
    /// The type of frames, in the network's byte order.
    protocol: u16,
    card: i32,
    hardware: u16,
    packet: u8,
    address_len: u8,
    address: [u8; 8],
}

// SAFETY: it has the layout of `struct sockaddr_ll`, whose fields are set, and is readable for its size while `f` runs.
#[expect(unsafe_code, reason = "rustix has no address of this family")]
unsafe impl SocketAddrArg for LinkAddress {
    unsafe fn with_sockaddr<R>(&self, f: impl FnOnce(*const SocketAddrOpaque, SocketAddrLen) -> R) -> R {
        f(std::ptr::from_ref(self).cast(), size_of::<Self>() as SocketAddrLen)
    }
}

impl Socket {
    /// For frames of type `kind` on the card of that name. A wait for one ends after `limit`.
    pub(crate) fn open(card: &str, kind: u16, limit: Duration) -> Result<Socket> {
        Self::bind(card, kind, limit).with_context(|| card.to_owned())
    }

    fn bind(card: &str, kind: u16, limit: Duration) -> rustix::io::Result<Socket> {
        let socket = socket(AddressFamily::PACKET, SocketType::RAW, None)?;
        let number = netdevice::name_to_index(&socket, card)?;
        let address = LinkAddress {
            family: AddressFamily::PACKET.as_raw(),
            protocol: kind.to_be(),
            card: number.cast_signed(),
            hardware: 0,
            packet: 0,
            address_len: 0,
            address: [0; 8],
        };
        sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER)?;
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(limit))?;
        bind(&socket, &address)?;
        Ok(Socket(socket))
    }

    /// Sends frames in their order, each a head and what follows. Returns how many went: none if the card is busy.
    pub(crate) fn send(&self, frames: &[([u8; HEAD_LEN], &[u8])]) -> io::Result<usize> {
        let parts: Vec<_> = frames.iter().map(|(head, rest)| [IoSlice::new(head), IoSlice::new(rest)]).collect();
        let mut control: Vec<_> = frames.iter().map(|_| SendAncillaryBuffer::default()).collect();
        let mut messages: Vec<_> =
            parts.iter().zip(&mut control).map(|(parts, control)| MMsgHdr::new(parts, control)).collect();
        match sendmmsg(&self.0, &mut messages, SendFlags::empty()) {
            // The card's queue is full.
            Err(rustix::io::Errno::NOBUFS | rustix::io::Errno::INTR) => Ok(0),
            sent => Ok(sent?),
        }
    }

    /// The length of the next frame, if one arrives before the limit; with `DONTWAIT`, if it has arrived.
    pub(crate) fn receive(&self, frame: &mut [u8], flags: RecvFlags) -> io::Result<Option<usize>> {
        match recv(&self.0, frame, flags) {
            Ok((_, len)) => Ok(Some(len)),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
