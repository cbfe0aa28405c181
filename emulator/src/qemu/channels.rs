//! The channels between QEMU and this process: two named pipes for each serial port, and a control socket. All of them
//! exist before QEMU starts.
//!
//! QEMU sends a serial port's bytes one by one. In a pipe they lie side by side; in a socket each of them would count as
//! most of a kilobyte, and some hundreds would fill it. A port whose channel is full takes no byte, and a kernel drops a
//! byte that its port does not take within 10 ms. So the pipe must hold all output that comes while this process waits
//! for a processor.

use std::fs::{File, OpenOptions};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, mkfifoat};
use rustix::pipe::fcntl_setpipe_size;

use super::firmware::option_value;
use super::start_error::{StartError, file_error};

/// Bytes that a serial port may be ahead of its reader: several times the output of a booting kernel, and a quarter of
/// what an ordinary user may ask for.
const ROOM: usize = 256 << 10;

/// The channels of a machine, in the order in which QEMU opens them.
pub(super) struct Channels {
    pub(super) ports: Vec<SerialPipes>,
    /// QEMU opens it last: when it has connected, it has opened all the pipes.
    pub(super) control: ControlSocket,
}

/// The two pipes of a serial port.
pub(super) struct SerialPipes {
    /// QEMU adds `.in` and `.out`.
    path: PathBuf,
    /// Both pipes, open in both directions. As long as they are held, no `open` blocks and neither side reads an end of
    /// file.
    held: [File; 2],
    ends: SerialEnds,
}

/// Our ends of them.
pub(super) struct SerialEnds {
    /// Reads the port's output.
    pub(super) reader: File,
    /// Writes the port's input.
    pub(super) writer: File,
}

/// The socket on which we listen for QEMU's control connection.
pub(super) struct ControlSocket {
    pub(super) path: PathBuf,
    pub(super) listener: UnixListener,
}

impl Channels {
    /// Makes them in `folder`, for so many serial ports.
    pub(super) fn make(folder: &Path, ports: usize) -> Result<Self, StartError> {
        let port = |number| SerialPipes::make(folder.join(format!("port{number}")));
        let ports = (0..ports).map(port).collect::<Result<_, _>>()?;
        Ok(Self { ports, control: ControlSocket::listen(folder.join("control"))? })
    }
}

impl SerialPipes {
    fn make(path: PathBuf) -> Result<Self, StartError> {
        let (typed, writer) = make_pipe(&path.with_extension("in"), OpenOptions::new().write(true))?;
        let (sent, reader) = make_pipe(&path.with_extension("out"), OpenOptions::new().read(true))?;
        // If this is refused, the pipe has the system's usual 64 KiB.
        let _ = fcntl_setpipe_size(&reader, ROOM);
        Ok(Self { path, held: [typed, sent], ends: SerialEnds { reader, writer } })
    }

    /// As QEMU's `-chardev` takes it.
    pub(super) fn chardev(&self, id: &str) -> String {
        format!("pipe,id={id},path={}", option_value(&self.path))
    }

    /// Our ends, once QEMU has opened its own: from now on they see the machine's end.
    pub(super) fn into_ends(self) -> SerialEnds {
        drop(self.held);
        self.ends
    }
}

impl ControlSocket {
    fn listen(path: PathBuf) -> Result<Self, StartError> {
        let listener = UnixListener::bind(&path).map_err(file_error("listen on", &path))?;
        Ok(Self { path, listener })
    }

    /// As QEMU's `-chardev` takes it.
    pub(super) fn chardev(&self, id: &str) -> String {
        format!("socket,id={id},path={}", option_value(&self.path))
    }
}

/// Makes a named pipe, and opens it twice: in both directions, and as `our_end` says.
fn make_pipe(path: &Path, our_end: &OpenOptions) -> Result<(File, File), StartError> {
    mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR).map_err(|e| file_error("make a pipe at", path)(e.into()))?;
    let both = OpenOptions::new().read(true).write(true).open(path).map_err(file_error("open", path))?;
    Ok((both, our_end.open(path).map_err(file_error("open", path))?))
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::os::unix::fs::OpenOptionsExt;

    use rustix::fs::OFlags;
    use tempfile::TempDir;

    use super::*;

    /// The pipes of a port, and QEMU's ends of them, opened as QEMU does it: what the port sends, what it is sent.
    fn connected(folder: &TempDir) -> (SerialEnds, File, File) {
        let pipes = SerialPipes::make(folder.path().join("port0")).unwrap();
        let non_blocking = OFlags::NONBLOCK.bits().cast_signed();
        let [sends, is_sent] = ["port0.out", "port0.in"].map(|name| {
            let mut options = OpenOptions::new();
            options.read(true).write(true).custom_flags(non_blocking).open(folder.path().join(name)).unwrap()
        });
        (pipes.into_ends(), sends, is_sent)
    }

    #[test]
    fn a_port_may_be_a_whole_boot_ahead_of_its_reader_byte_by_byte() {
        let folder = tempfile::tempdir().unwrap();
        let (mut ends, mut sends, _is_sent) = connected(&folder);
        let boot: Vec<u8> = (0..64_u32 << 10).map(|number| number.to_le_bytes()[0]).collect();
        for (number, byte) in boot.iter().enumerate() {
            assert_eq!(sends.write(&[*byte]).ok(), Some(1), "byte {number}");
        }
        drop(sends);
        let mut read = Vec::new();
        ends.reader.read_to_end(&mut read).unwrap();
        assert!(read == boot, "{} bytes came, and not those that were sent", read.len());
    }

    #[test]
    fn nobody_types_to_a_machine_that_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let (mut ends, _sends, mut is_sent) = connected(&folder);
        ends.writer.write_all(b"ls\n").unwrap();
        let mut typed = [0; 3];
        is_sent.read_exact(&mut typed).unwrap();
        assert_eq!(&typed, b"ls\n");
        drop(is_sent);
        assert_eq!(ends.writer.write_all(b"ls\n").unwrap_err().kind(), ErrorKind::BrokenPipe);
    }
}
