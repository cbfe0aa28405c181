//! The telemetry of a DPDK process: JSON over a Unix socket (DPDK's "How to Use Telemetry"). Unlike the prompt it does not
//! disturb the thread that forwards.

use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::{Context, Result};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send, socket_with,
};
use serde_json::Value;

use crate::control::LIMIT;

/// Bytes of the longest answer.
const MOST: usize = 64 << 10;

pub(super) struct Telemetry(OwnedFd);

impl Telemetry {
    /// `None` if the process is not there yet.
    pub(super) fn connect(path: &Path) -> Option<Self> {
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).ok()?;
        connect(&socket, &SocketAddrUnix::new(path).ok()?).ok()?;
        set_socket_timeout(&socket, Timeout::Recv, Some(LIMIT)).ok()?;
        let telemetry = Self(socket);
        // It introduces itself first.
        telemetry.hear().ok()?;
        Some(telemetry)
    }

    /// The answer to a request. It has the request's own name, without parameters.
    pub(super) fn ask(&mut self, request: &str) -> Result<Value> {
        send(&self.0, request.as_bytes(), SendFlags::NOSIGNAL).context("cannot ask DPDK's telemetry")?;
        let mut answer = self.hear()?;
        let name = request.split(',').next().unwrap_or_default();
        Ok(answer[name].take())
    }

    fn hear(&self) -> Result<Value> {
        let mut answer = vec![0; MOST];
        let (len, _) = recv(&self.0, &mut answer, RecvFlags::empty()).context("cannot hear DPDK's telemetry")?;
        serde_json::from_slice(&answer[..len]).context("cannot read DPDK's telemetry")
    }
}
