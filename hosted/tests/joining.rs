//! How a window comes to another, and what is refused.

mod support;

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;

use hosted::{Endpoint, WindowError, WindowFile, WindowServer, WindowServerError};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use shmem::{GeometryError, Shape};
use support::{until, window};

fn copies<'a>(files: impl Iterator<Item = std::os::fd::BorrowedFd<'a>>) -> Vec<OwnedFd> {
    files.map(|file| file.try_clone_to_owned().unwrap()).collect()
}

#[test]
fn whoever_joins_by_the_server_is_on_the_same_wire() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let made = window(2);
    let serving = WindowServer::bind(&path, &made).unwrap().spawn().unwrap();
    let joined = WindowFile::join(&path).unwrap();
    assert_eq!((joined.shape(), joined.len(), joined.box_name()), (made.shape(), made.len(), "pair"));
    let (mut a, mut b) = (Endpoint::open(&made, 0).unwrap(), Endpoint::open(&joined, 1).unwrap());
    assert!(Endpoint::open_any(&joined).is_err(), "claims are held against all copies of the file");
    until("both links", &mut [&mut a, &mut b], |all| all[0].link(1) == all[1].link(0) && is_up(all[0], 1));
    drop(serving);
    assert!(!path.exists());
    // The server is not needed any more.
    let (to_b, from_a) = (a.lane(1, 0).unwrap(), b.lane(0, 0).unwrap());
    a.send(to_b, &[3; 60], hosted::Offload::NONE).unwrap();
    a.publish(to_b);
    assert!(b.receive(from_a, &mut [0; 60]).is_some());
}

fn is_up(endpoint: &Endpoint, peer: usize) -> bool {
    endpoint.link(peer) == hosted::LinkState::Up
}

#[test]
fn a_path_is_served_once_and_a_dead_servers_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let window = window(2);
    let refused = WindowFile::join(&path).unwrap_err();
    assert!(matches!(refused, WindowServerError::Absent { .. }), "{refused}");
    let server = WindowServer::bind(&path, &window).unwrap();
    let refused = WindowServer::bind(&path, &window).unwrap_err();
    assert!(matches!(refused, WindowServerError::Served(_)), "{refused}");
    drop(server);
    // As SIGKILL leaves it.
    drop(socket_at(&path));
    assert!(path.exists());
    drop(WindowServer::bind(&path, &window).unwrap());
    File::create(&path).unwrap();
    let refused = WindowServer::bind(&path, &window).unwrap_err();
    assert!(matches!(refused, WindowServerError::Served(_)), "what is no socket is left alone: {refused}");
    assert!(path.exists());
}

fn socket_at(path: &std::path::Path) -> OwnedFd {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket};
    let socket = socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).unwrap();
    bind(&socket, &SocketAddrUnix::new(path).unwrap()).unwrap();
    listen(&socket, 1).unwrap();
    socket
}

#[test]
fn something_else_that_listens_is_no_window_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stream");
    let _listener = UnixListener::bind(&path).unwrap();
    let refused = WindowFile::join(&path).unwrap_err();
    assert!(matches!(refused, WindowServerError::Absent { .. }), "{refused}");
}

#[test]
fn a_file_that_somebody_could_cut_is_refused() {
    let good = window(2);
    let (shape, len) = (good.shape(), good.len());
    let file = |seals| {
        let file = memfd_create("test", MemfdFlags::ALLOW_SEALING).unwrap();
        ftruncate(&file, len).unwrap();
        fcntl_add_seals(&file, seals).unwrap();
        file
    };
    let all = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    let offered = |seals| WindowFile::from_files(file(seals), copies(good.doorbells()), shape, len, "pair");
    for missing in [SealFlags::SHRINK, SealFlags::SEAL] {
        let refused = offered(all - missing).unwrap_err();
        assert!(matches!(refused, WindowError::Unsealed { .. }), "{refused}");
    }
    let refused = offered(all | SealFlags::WRITE).unwrap_err();
    assert!(matches!(refused, WindowError::Unsealed { .. }), "nobody could write: {refused}");
    assert!(offered(all).is_ok());
    let pipe = File::open("/dev/zero").unwrap().into();
    let refused = WindowFile::from_files(pipe, copies(good.doorbells()), shape, len, "pair").unwrap_err();
    assert!(matches!(refused, WindowError::Unsealed { found: 0, .. }), "{refused}");
}

#[test]
fn a_window_that_is_not_what_was_announced_is_refused() {
    let good = window(2);
    let (shape, len) = (good.shape(), good.len());
    let offered = |shape, len, doorbells: usize, name: &str| {
        let memory = good.memory().try_clone_to_owned().unwrap();
        let bell = good.doorbells().next().unwrap();
        let all = copies(std::iter::repeat_n(bell, doorbells));
        WindowFile::from_files(memory, all, shape, len, name)
    };
    assert!(offered(shape, len, 2, "pair").is_ok());
    let refused = offered(shape, len + 4096, 2, "pair").unwrap_err().to_string();
    assert_eq!(refused, format!("the window's file has {len} bytes, and {} were announced", len + 4096));
    let refused = offered(shape, len, 3, "pair").unwrap_err().to_string();
    assert_eq!(refused, "the window came with 3 doorbells for 2 partitions");
    let many = Shape::new(32, 8).unwrap();
    let refused = offered(many, len, 32, "pair").unwrap_err();
    assert!(matches!(refused, WindowError::Geometry(GeometryError::TooShort { .. })), "{refused}");
    let refused = offered(shape, len, 2, "").unwrap_err();
    assert!(matches!(refused, WindowError::Name(0)), "{refused}");
    assert!(matches!(WindowFile::create(shape, 4096, "pair"), Err(WindowError::Geometry(_))));
}

#[test]
fn the_server_can_be_answered_from_ones_own_loop() {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let server = WindowServer::bind(&path, &window(2)).unwrap();
    let joining = {
        let path = path.clone();
        std::thread::spawn(move || WindowFile::join(&path))
    };
    let limit = Timespec { tv_sec: 60, tv_nsec: 0 };
    assert_eq!(poll(&mut [PollFd::new(&server.as_fd(), PollFlags::IN)], Some(&limit)), Ok(1));
    server.answer();
    assert!(joining.join().unwrap().is_ok());
}
