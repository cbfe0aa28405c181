//! The sink and the source of [TCP streams](stream) on this host, outside the network cards of emulated machines.
//!
//! QEMU's user network shows the host's loopback as [`HOST`], so no other host reaches them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use bench_agent::stream;

/// The host, as a machine on QEMU's user network sees it (`-netdev user` of QEMU's manual).
pub(super) const HOST: &str = "10.0.2.2";
/// An address of a machine there.
pub(super) const ADDRESS: &str = "10.0.2.15/24";

/// Both servers, which end when this is dropped.
pub(super) struct Servers {
    sink: Server,
    source: Server,
}

struct Server {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Servers {
    /// Opens both.
    pub(super) fn open() -> io::Result<Servers> {
        Ok(Servers { sink: Server::open(stream::sink)?, source: Server::open(stream::source)? })
    }

    /// Where a machine reaches the sink.
    pub(super) fn sink(&self) -> String {
        format!("{HOST}:{}", self.sink.address.port())
    }

    /// Where a machine reaches the source.
    pub(super) fn source(&self) -> String {
        format!("{HOST}:{}", self.source.address.port())
    }
}

impl Server {
    fn open(serve: fn(TcpStream) -> io::Result<()>) -> io::Result<Server> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_over);
        // One after the other, like the samples. The client reports what becomes of a stream.
        let listen = move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if seen.load(Ordering::Relaxed) {
                    break;
                }
                let _ = serve(stream);
            }
        };
        let thread = thread::Builder::new().name("servers".to_owned()).spawn(listen)?;
        Ok(Server { address, is_over, thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // It waits for a client.
        let is_woken = TcpStream::connect(self.address).is_ok();
        if let (Some(thread), true) = (self.thread.take(), is_woken) {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_source_serves_the_next_client_when_one_has_gone() {
        let servers = Servers::open().unwrap();
        for _ in 0..2 {
            let taken = stream::take(&servers.source.address.to_string(), Duration::from_millis(20)).unwrap();
            assert!(taken.bytes > 0);
        }
    }
}
