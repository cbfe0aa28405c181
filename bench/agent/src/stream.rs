//! A TCP stream to or from a server that `sprig bench` runs on the host: a *sink*, which answers with the number of bytes
//! that arrived (eight bytes, lowest first), or a *source*, which sends until the client closes the connection.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bench_agent::Transfer;

/// How long the server may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// Bytes of one call.
const CHUNK: usize = 128 << 10;

/// Sends to a sink for so long. The time ends when the sink has the last byte.
pub(crate) fn give(address: &str, duration: Duration) -> Result<Transfer> {
    transfer(address, |stream, start| {
        let chunk = vec![0; CHUNK];
        while start.elapsed() < duration {
            stream.write_all(&chunk)?;
        }
        stream.shutdown(Shutdown::Write)?;
        let mut arrived = [0; 8];
        stream.read_exact(&mut arrived)?;
        Ok(u64::from_le_bytes(arrived))
    })
}

/// Receives from a source for so long.
pub(crate) fn take(address: &str, duration: Duration) -> Result<Transfer> {
    transfer(address, |stream, start| {
        let (mut chunk, mut bytes) = (vec![0; CHUNK], 0);
        while start.elapsed() < duration {
            match stream.read(&mut chunk)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                len => bytes += len as u64,
            }
        }
        Ok(bytes)
    })
}

fn transfer(address: &str, run: impl FnOnce(&mut TcpStream, Instant) -> io::Result<u64>) -> Result<Transfer> {
    let mut stream = connect(address)?;
    let start = Instant::now();
    let bytes = run(&mut stream, start).with_context(|| address.to_owned())?;
    Ok(Transfer { bytes, seconds: start.elapsed().as_secs_f64() })
}

fn connect(address: &str) -> Result<TcpStream> {
    let server: SocketAddr = address.parse().with_context(|| format!("{address:?} is no ADDRESS:PORT"))?;
    let stream = TcpStream::connect_timeout(&server, ANSWER_LIMIT).with_context(|| address.to_owned())?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    stream.set_write_timeout(Some(ANSWER_LIMIT))?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const SHORT: Duration = Duration::from_millis(50);

    #[test]
    fn a_sink_reports_what_arrives() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let sink = thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let arrived = io::copy(&mut stream, &mut io::sink()).unwrap();
            stream.write_all(&arrived.to_le_bytes()).unwrap();
            arrived
        });
        let sent = give(&address, SHORT).unwrap();
        assert_eq!(sent.bytes, sink.join().unwrap());
        assert!(sent.bytes > 0 && sent.seconds >= SHORT.as_secs_f64());
    }

    #[test]
    fn a_source_that_closes_early_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let source = thread::spawn(move || drop(listener.accept().unwrap()));
        assert!(take(&address, Duration::from_secs(60)).is_err());
        source.join().unwrap();
    }
}
