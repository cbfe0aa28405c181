//! What a DPDK process tells of itself: questions and answers in JSON over a Unix socket (DPDK's "How to Use Telemetry").
//! Unlike the prompt it does not disturb the thread that forwards.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send, socket_with,
};
use serde_json::Value;

use crate::Failure;
use crate::floor::LIMIT;

/// Longest answer.
const MOST: usize = 64 << 10;

/// A connection.
pub(super) struct Telemetry(OwnedFd);

impl Telemetry {
    /// None, if nobody is there yet.
    pub(super) fn connect(path: &Path) -> Option<Self> {
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).ok()?;
        connect(&socket, &SocketAddrUnix::new(path).ok()?).ok()?;
        set_socket_timeout(&socket, Timeout::Recv, Some(LIMIT)).ok()?;
        let telemetry = Self(socket);
        // It says first who it is.
        telemetry.hear().ok()?;
        Some(telemetry)
    }

    /// The answer to a question; it comes under the question's own name, without its parameters.
    pub(super) fn ask(&mut self, question: &str) -> Result<Value, Failure> {
        send(&self.0, question.as_bytes(), SendFlags::NOSIGNAL).map_err(Failure::of("ask DPDK's telemetry"))?;
        let mut answer = self.hear()?;
        let name = question.split(',').next().unwrap_or_default();
        Ok(answer[name].take())
    }

    fn hear(&self) -> Result<Value, Failure> {
        let mut answer = vec![0; MOST];
        let (len, _) = recv(&self.0, &mut answer, RecvFlags::empty()).map_err(Failure::of("hear DPDK's telemetry"))?;
        serde_json::from_slice(&answer[..len]).map_err(Failure::of("understand DPDK's telemetry"))
    }
}
