//! A process that has the window and means no good: what it cannot do to the others.

mod support;

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use hosted::bell::Bell;
use hosted::{Endpoint, LinkState, Offload, WindowError, WindowFile, WindowServer, WindowServerError};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{
    FallocateFlags, MemfdFlags, OFlags, SealFlags, fallocate, fcntl_add_seals, fcntl_setfl, ftruncate, memfd_create,
};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with};
use rustix::pipe::pipe;
use support::{LIMIT, both_up, until, window};

/// Does `work` in a thread, and wants it to end.
fn ends<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || done.send(work()));
    is_done.recv_timeout(LIMIT).unwrap_or_else(|why| panic!("{what}: {why}"))
}

/// A frame from one to the other.
fn cross(from: &mut Endpoint, to: &mut Endpoint) {
    let (out, into) = (from.lane(to.index(), 0).unwrap(), to.lane(from.index(), 0).unwrap());
    from.send(out, &[7; 60], Offload::NONE).unwrap();
    from.publish(out);
    assert!(to.receive(into, &mut [0; 60]).is_some());
    to.release(into);
}

/// Until both see their link up.
fn until_both_up(a: &mut Endpoint, b: &mut Endpoint) {
    until("both links", &mut [a, b], |all| all.iter().all(|one| one.link(1 - one.index()) == LinkState::Up));
}

#[test]
fn nobody_can_make_another_wait_for_a_doorbell() {
    let window = window(3);
    // What all who share a description can say of it.
    for bell in window.doorbells() {
        fcntl_setfl(bell, OFlags::RDWR).unwrap();
    }
    ends("frames and doorbells, in spite of it", move || {
        let [mut a, mut b] = both_up(&window);
        for _ in 0..100 {
            b.arm();
            // Full, and nobody has said so in the window.
            (0..3).filter_map(|partition| window.bell(partition)).for_each(Bell::ring);
            cross(&mut a, &mut b);
            drop(Endpoint::open(&window, 2).unwrap());
            a.turn();
            b.turn();
        }
        assert!(a.counter("doorbells_rung") >= 100, "each time");
        until_both_up(&mut a, &mut b);
    });
}

#[test]
fn a_page_that_was_punched_out_is_one_of_zeros_and_kills_nobody() {
    let window = window(2);
    let [mut a, mut b] = both_up(&window);
    let holes = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    for _ in 0..20 {
        fallocate(window.memory(), holes, 0, window.len()).unwrap();
        let lane = a.lane(1, 0).unwrap();
        let _ = a.send(lane, &[7; 1500], Offload::NONE);
        a.publish(lane);
        let lane = b.lane(0, 0).unwrap();
        let _ = b.receive(lane, &mut [0; 1500]);
        b.release(lane);
        a.turn();
        b.turn();
    }
    assert_ne!(a.link(1), LinkState::Up, "what said that there is a peer has gone");
    drop((a, b));
    let [mut a, mut b] = both_up(&window);
    cross(&mut a, &mut b);
}

fn copies<'a>(files: impl Iterator<Item = BorrowedFd<'a>>) -> Vec<OwnedFd> {
    files.map(|file| file.try_clone_to_owned().unwrap()).collect()
}

#[test]
fn a_doorbell_of_another_kind_is_refused() {
    let good = window(2);
    let offered = |last: OwnedFd| {
        let mut bells = copies(good.doorbells());
        bells[1] = last;
        WindowFile::from_files(copies([good.memory()].into_iter()).remove(0), bells, good.shape(), good.len(), "pair")
    };
    let counter = eventfd(0, EventfdFlags::NONBLOCK).unwrap();
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::NONBLOCK, None).unwrap();
    let memory = good.memory().try_clone_to_owned().unwrap();
    for wrong in [counter, pipe().unwrap().1, socket, memory, File::open("/dev/null").unwrap().into()] {
        let refused = offered(wrong).unwrap_err();
        assert!(matches!(refused, WindowError::NoBell(1)), "{refused}");
    }
    assert!(offered(copies(good.doorbells()).remove(1)).is_ok());
}

/// A hole in huge pages need not be filled again: there may be no page left, and that is a bus error.
#[test]
fn a_window_of_huge_pages_is_refused() {
    let good = window(2);
    let flags = MemfdFlags::ALLOW_SEALING | MemfdFlags::HUGETLB | MemfdFlags::HUGE_2MB;
    let huge = match memfd_create("test", flags) {
        Ok(huge) => huge,
        Err(why) => {
            let said = format!("a_window_of_huge_pages_is_refused: SKIPPED, no file of huge pages: {why}\n");
            _ = rustix::io::write(rustix::stdio::stderr(), said.as_bytes());
            return;
        }
    };
    let len = good.len().next_multiple_of(2 << 20);
    ftruncate(&huge, len).unwrap();
    fcntl_add_seals(&huge, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL).unwrap();
    let refused = WindowFile::from_files(huge, copies(good.doorbells()), good.shape(), len, "pair").unwrap_err();
    assert!(matches!(refused, WindowError::Pages(_)), "{refused}");
}

#[test]
fn who_locks_the_folder_keeps_no_server_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let held = File::open(folder.path()).unwrap();
    held.lock().unwrap();
    let path = folder.path().join("socket");
    let server = ends("a server", move || WindowServer::bind(&path, &window(2)).map(drop));
    server.unwrap();
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "it leaves nothing behind");
}

#[test]
fn a_lock_that_is_held_is_a_server_and_one_of_nobody_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let lock = File::create(folder.path().join("socket.lock")).unwrap();
    lock.lock().unwrap();
    let refused = WindowServer::bind(&path, &window(2)).unwrap_err();
    assert!(matches!(refused, WindowServerError::Served(_)), "{refused}");
    drop(lock);
    drop(WindowServer::bind(&path, &window(2)).unwrap());
    std::os::unix::fs::symlink("/dev/null", folder.path().join("socket.lock")).unwrap();
    let refused = WindowServer::bind(&path, &window(2)).unwrap_err();
    assert!(matches!(refused, WindowServerError::Serve { .. }), "nobody is led elsewhere: {refused}");
}

fn silent_server(path: &Path) -> OwnedFd {
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    bind(&socket, &SocketAddrUnix::new(path).unwrap()).unwrap();
    listen(&socket, 0).unwrap();
    socket
}

#[test]
fn a_server_that_stands_still_is_waited_for_within_limits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let _server = silent_server(&path);
    let others: Vec<_> = (0..2)
        .map(|_| {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let other = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
            let _ = connect(other.as_fd(), &SocketAddrUnix::new(&path).unwrap());
            other
        })
        .collect();
    let refused = ends("joining", move || WindowFile::join(&path)).unwrap_err();
    assert!(matches!(refused, WindowServerError::Silent { .. }), "{refused}");
    drop(others);
}
