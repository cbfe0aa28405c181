//! Servers on this host for machines on QEMU's user network (`-netdev user` of QEMU's manual).
//!
//! That network shows the host's loopback as [`HOST`], so no other host reaches them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// The host, as a machine there sees it.
pub const HOST: &str = "10.0.2.2";
/// An address for a machine there.
pub const GUEST: &str = "10.0.2.15/24";

/// A server of TCP, which ends when this is dropped.
pub struct Server {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves one client after the other on a free port. The client reports what becomes of its connection.
    ///
    /// # Errors
    /// If there is no port, or no thread.
    pub fn open<T>(serve: impl Fn(TcpStream) -> T + Send + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_over);
        let listen = move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if seen.load(Ordering::Relaxed) {
                    break;
                }
                let _ = serve(stream);
            }
        };
        let thread = thread::Builder::new().name("server".to_owned()).spawn(listen)?;
        Ok(Self { address, is_over, thread: Some(thread) })
    }

    /// Where a machine reaches it: `10.0.2.2:40123`.
    pub fn address(&self) -> String {
        format!("{HOST}:{}", self.address.port())
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
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn the_next_client_is_served_when_one_has_gone() {
        let server = Server::open(|mut stream: TcpStream| stream.write_all(b"here")).unwrap();
        for _ in 0..2 {
            let mut said = String::new();
            TcpStream::connect(server.address).unwrap().read_to_string(&mut said).unwrap();
            assert_eq!(said, "here");
        }
    }
}
