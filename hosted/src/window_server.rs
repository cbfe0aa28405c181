//! How a window comes to other processes: a server at a Unix socket hands out its files.
//!
//! A client that connects receives one message with the shape of the window, the memfd and every doorbell's file (unix(7),
//! `SCM_RIGHTS`). The server keeps no state about its clients, and a client does not need it afterwards: the server may
//! end while the window lives on. The permissions of the socket file say who may connect.
//!
//! ```text
//! 0x00  "SPRGHUB1"     0x10  queues  u32       0x18  bytes of the window  u64
//! 0x08  version  u32   0x14  unused  u32       0x20  name of the box, to the end of the message
//! 0x0c  partitions u32
//! ```

use std::fs;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, connect, listen,
    recvmsg, sendmsg, socket_with,
};
use shmem::{GeometryError, MAX_PARTITIONS, Shape, VERSION};

use crate::path_lock::PathLock;
use crate::window::{MAX_NAME, WindowError, WindowFile};

const MAGIC: &[u8; 8] = b"SPRGHUB1";
const HEAD: usize = 0x20;
/// The memfd and the doorbells.
const MOST_FILES: usize = 1 + MAX_PARTITIONS;
/// How long a client waits for the server's answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// Clients that may wait to be accepted.
const BACKLOG: i32 = 16;

/// Why a window was not handed out, or not received.
#[derive(Debug, thiserror::Error)]
pub enum WindowServerError {
    /// There is a server already.
    #[error("{path}: it is there already: join it if it is a window server, or choose another path", path = .0.display())]
    Served(PathBuf),
    /// The socket could not be made.
    #[error("{path}: cannot serve there: {why}", path = .path.display())]
    Serve {
        /// Where.
        path: PathBuf,
        /// What the kernel said.
        why: io::Error,
    },
    /// There is no server.
    #[error("{path}: no window server is there ({why}): create the window first", path = .path.display())]
    Absent {
        /// Where.
        path: PathBuf,
        /// What the kernel said.
        why: io::Error,
    },
    /// The server gave no answer.
    #[error("{path}: the window server gave no answer within {} s: {why}", ANSWER_LIMIT.as_secs(), path = .path.display())]
    Silent {
        /// Where.
        path: PathBuf,
        /// What the kernel said.
        why: io::Error,
    },
    /// The answer is not a window.
    #[error("{path}: {what}: is it a window server of Sprig?", path = .path.display())]
    Answer {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// The server has another version.
    #[error("{path}: its window has version {found}, and this program speaks {VERSION}", path = .path.display())]
    Version {
        /// Where.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// The window cannot be used.
    #[error("{path}: {why}", path = .path.display())]
    Window {
        /// Where.
        path: PathBuf,
        /// Why not.
        why: WindowError,
    },
}

/// Hands out a window at a path. When it is dropped the path is gone; the window is not.
#[derive(Debug)]
pub struct WindowServer {
    socket: OwnedFd,
    path: PathBuf,
    window: WindowFile,
    /// Let go of after the path is gone.
    _lock: PathLock,
}

impl WindowServer {
    /// Serves at `path`, once [`WindowServer::answer`] is called whenever its file descriptor is readable. A socket
    /// that a killed server left there is taken over.
    ///
    /// # Errors
    /// [`WindowServerError::Served`], [`WindowServerError::Serve`].
    pub fn bind(path: &Path, window: &WindowFile) -> Result<Self, WindowServerError> {
        let failed = |why: io::Error| WindowServerError::Serve { path: path.to_owned(), why };
        // Held as long as we serve: of two servers that find a dead socket, the second must not remove the new socket
        // of the first.
        let lock = PathLock::try_new(path).map_err(failed)?;
        let lock = lock.ok_or_else(|| WindowServerError::Served(path.to_owned()))?;
        let address = SocketAddrUnix::new(path).map_err(|why| failed(why.into()))?;
        let socket = new_socket(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK).map_err(failed)?;
        match bind(&socket, &address) {
            Err(rustix::io::Errno::ADDRINUSE) if is_dead(path, &address).map_err(failed)? => {
                fs::remove_file(path).map_err(failed)?;
                bind(&socket, &address).map_err(|why| failed(why.into()))?;
            }
            Err(rustix::io::Errno::ADDRINUSE) => return Err(WindowServerError::Served(path.to_owned())),
            bound => bound.map_err(|why| failed(why.into()))?,
        }
        listen(&socket, BACKLOG).map_err(|why| failed(why.into()))?;
        Ok(Self { socket, path: path.to_owned(), window: window.clone(), _lock: lock })
    }

    /// Answers clients that have connected, 16 at the most, so that one which connects on and on cannot keep
    /// us here. A client that disconnects before gets no answer.
    pub fn answer(&self) {
        for _ in 0..BACKLOG {
            let accepted = accept_with(&self.socket, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK);
            let Ok(client) = accepted else { return };
            // A new connection has room for one message. If it has not, its client does not want to join.
            let _ = self.hand_out(&client);
        }
    }

    /// Answers in a thread of its own, until what is returned is dropped.
    ///
    /// # Errors
    /// [`WindowServerError::Serve`].
    pub fn spawn(self) -> Result<Serving, WindowServerError> {
        let path = self.path.clone();
        let failed = |why: io::Error| WindowServerError::Serve { path: path.clone(), why };
        let end = eventfd(0, EventfdFlags::CLOEXEC).map_err(|why| failed(why.into()))?;
        let ended = end.try_clone().map_err(failed)?;
        let thread = thread::Builder::new().name("sprig-window".to_owned()).spawn(move || self.serve_until(&ended));
        Ok(Serving { end, thread: Some(thread.map_err(failed)?) })
    }

    fn serve_until(&self, ended: &OwnedFd) {
        loop {
            let mut set = [PollFd::new(&self.socket, PollFlags::IN), PollFd::new(ended, PollFlags::IN)];
            match poll(&mut set, None) {
                Ok(_) if set[1].revents().is_empty() => self.answer(),
                Err(rustix::io::Errno::INTR) => {}
                _ => return,
            }
        }
    }

    fn hand_out(&self, client: &OwnedFd) -> rustix::io::Result<usize> {
        let shape = self.window.shape();
        let mut head = [0; HEAD];
        head[..8].copy_from_slice(MAGIC);
        head[0x08..0x0c].copy_from_slice(&VERSION.to_le_bytes());
        head[0x0c..0x10].copy_from_slice(&(shape.partitions() as u32).to_le_bytes());
        head[0x10..0x14].copy_from_slice(&(shape.queues() as u32).to_le_bytes());
        head[0x18..0x20].copy_from_slice(&self.window.len().to_le_bytes());
        let message = [IoSlice::new(&head), IoSlice::new(self.window.box_name().as_bytes())];
        let files: Vec<_> = [self.window.memory()].into_iter().chain(self.window.doorbells()).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FILES))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let fits = control.push(SendAncillaryMessage::ScmRights(&files));
        debug_assert!(fits, "there is room for MOST_FILES");
        sendmsg(client, &message, &mut control, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)
    }
}

impl AsFd for WindowServer {
    /// Readable when somebody has connected.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for WindowServer {
    fn drop(&mut self) {
        // Somebody may have removed it already.
        let _ = fs::remove_file(&self.path);
    }
}

/// A server that answers in a thread, until this is dropped.
#[derive(Debug)]
pub struct Serving {
    end: OwnedFd,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let notified = rustix::io::write(&self.end, &1_u64.to_ne_bytes());
        if let (Ok(_), Some(thread)) = (notified, self.thread.take()) {
            // It does nothing that could panic, and if it did there would be nothing left to end.
            let _ = thread.join();
        }
    }
}

impl WindowFile {
    /// The window that the server at `path` hands out.
    ///
    /// # Errors
    /// [`WindowServerError`].
    pub fn join(path: &Path) -> Result<Self, WindowServerError> {
        let absent = |why: io::Error| WindowServerError::Absent { path: path.to_owned(), why };
        let silent = |why: io::Error| WindowServerError::Silent { path: path.to_owned(), why };
        let address = SocketAddrUnix::new(path).map_err(|why| absent(why.into()))?;
        let socket = new_socket(SocketFlags::CLOEXEC).map_err(absent)?;
        // For `connect`, which waits while too many wait already for a server that stands still, and for the answer.
        for timeout in [Timeout::Send, Timeout::Recv] {
            set_socket_timeout(&socket, timeout, Some(ANSWER_LIMIT)).map_err(|why| silent(why.into()))?;
        }
        match connect(&socket, &address) {
            Err(rustix::io::Errno::AGAIN) => return Err(silent(rustix::io::Errno::AGAIN.into())),
            connected => connected.map_err(|why| absent(why.into()))?,
        }
        let mut answer = [0; HEAD + MAX_NAME];
        let mut files = Vec::with_capacity(MOST_FILES);
        let len = receive(&socket, &mut answer, &mut files).map_err(silent)?;
        Answer::read(&answer[..len]).and_then(|answer| answer.window(files)).map_err(|error| error.at(path))
    }
}

/// Receives one message with its files; 0 bytes if it does not fit.
fn receive(socket: &OwnedFd, answer: &mut [u8], files: &mut Vec<OwnedFd>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FILES))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let message = rustix::io::retry_on_intr(|| {
        recvmsg(socket, &mut [IoSliceMut::new(answer)], &mut control, RecvFlags::CMSG_CLOEXEC)
    })?;
    for part in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = part {
            files.extend(rights);
        }
    }
    let whole = !message.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC);
    Ok(if whole { message.bytes } else { 0 })
}

/// The server's answer, in its proper form.
struct Answer<'a> {
    shape: Shape,
    len: u64,
    box_name: &'a str,
}

/// Why an answer is refused.
enum AnswerError {
    Form(&'static str),
    Version(u32),
    Window(WindowError),
}

impl AnswerError {
    fn at(self, path: &Path) -> WindowServerError {
        let path = path.to_owned();
        match self {
            Self::Form(what) => WindowServerError::Answer { path, what },
            Self::Version(found) => WindowServerError::Version { path, found },
            Self::Window(why) => WindowServerError::Window { path, why },
        }
    }
}

impl From<GeometryError> for AnswerError {
    fn from(why: GeometryError) -> Self {
        Self::Window(why.into())
    }
}

impl<'a> Answer<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, AnswerError> {
        let (head, name) = bytes.split_first_chunk::<HEAD>().ok_or(AnswerError::Form("the answer is cut short"))?;
        let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        if !head.starts_with(MAGIC) {
            return Err(AnswerError::Form("the answer is not one of a window server"));
        }
        if number(0x08) != VERSION {
            return Err(AnswerError::Version(number(0x08)));
        }
        Ok(Self {
            shape: Shape::new(number(0x0c) as usize, number(0x10) as usize)?,
            len: u64::from(number(0x18)) | u64::from(number(0x1c)) << 32,
            box_name: str::from_utf8(name).map_err(|_| AnswerError::Form("the box's name is not UTF-8"))?,
        })
    }

    fn window(self, files: Vec<OwnedFd>) -> Result<WindowFile, AnswerError> {
        let mut files = files.into_iter();
        let memory = files.next().ok_or(AnswerError::Form("the answer came without files"))?;
        WindowFile::from_files(memory, files.collect(), self.shape, self.len, self.box_name)
            .map_err(AnswerError::Window)
    }
}

/// Whether there is a socket that nobody listens to any more.
fn is_dead(path: &Path, address: &SocketAddrUnix) -> io::Result<bool> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return Ok(false);
    }
    let probe = new_socket(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    Ok(connect(&probe, address) == Err(rustix::io::Errno::CONNREFUSED))
}

fn new_socket(flags: SocketFlags) -> io::Result<OwnedFd> {
    Ok(socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?)
}
