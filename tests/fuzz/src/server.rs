//! A window server's answer, with files of every kind, and clients that connect and misbehave.
//!
//! The first byte says how many files come and of which kinds, the second how good the client is; the rest is the
//! answer. What is accepted is used: an endpoint is opened and takes turns.

#![no_main]

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::process;
use std::sync::LazyLock;
use std::sync::mpsc::{self, Sender};
use std::thread;

use hosted::{Endpoint, WindowFile, WindowServer};
use libfuzzer_sys::fuzz_target;
use rustix::event::{EventfdFlags, eventfd};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
    accept_with, bind, connect, listen, send, sendmsg, socket_with,
};
use shmem::{Shape, control_len};

/// More than a client takes.
const MOST_FILES: usize = 40;

struct Scene {
    listener: OwnedFd,
    path: PathBuf,
    window: WindowFile,
    server: WindowServer,
    server_path: PathBuf,
    others: [OwnedFd; 2],
}

static SCENE: LazyLock<Scene> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("sprig-fuzz-{}", process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let [path, server_path] = ["answer", "server"].map(|name| folder.join(name));
    let _ = std::fs::remove_file(&path);
    let listener = new_socket(SocketFlags::CLOEXEC);
    bind(&listener, &SocketAddrUnix::new(&path).expect("a short path")).expect("it is free");
    listen(&listener, 4).expect("it is bound");
    let shape = Shape::new(2, 1).expect("a shape");
    let window = WindowFile::create(shape, control_len(shape) + (256 << 10), "fuzz").expect("memory");
    let server = WindowServer::bind(&server_path, &window).expect("it is free");
    let null = File::open("/dev/null").expect("it is there");
    let counter = eventfd(0, EventfdFlags::CLOEXEC).expect("a counter");
    Scene { listener, path, window, server, server_path, others: [null.into(), counter] }
});

fuzz_target!(|bytes: &[u8]| {
    let Some((&[files, client], answer)) = bytes.split_first_chunk::<2>() else { return };
    if client & 0x80 != 0 {
        misbehave(client, answer);
    }
    if ANSWERS.send((files, answer.to_vec())).is_err() {
        return;
    }
    let Ok(window) = WindowFile::join(&SCENE.path) else { return };
    if let Ok(mut endpoint) = Endpoint::open_any(&window) {
        let lanes: Vec<_> = endpoint.lanes().collect();
        for lane in lanes {
            let _ = endpoint.send(lane, answer, hosted::Offload::NONE);
            let _ = endpoint.receive(lane, &mut [0; 64]);
        }
        endpoint.turn();
    }
});

/// To the thread that answers: one that ends with each run would look like a leak.
static ANSWERS: LazyLock<Sender<(u8, Vec<u8>)>> = LazyLock::new(|| {
    let (answers, to_send) = mpsc::channel();
    thread::spawn(move || to_send.into_iter().for_each(|(files, answer): (u8, Vec<u8>)| reply(files, &answer)));
    answers
});

/// Answers the next client.
fn reply(files: u8, answer: &[u8]) {
    let Ok(client) = accept_with(&SCENE.listener, SocketFlags::CLOEXEC) else { return };
    let good: Vec<_> = [SCENE.window.memory()].into_iter().chain(SCENE.window.doorbells()).collect();
    let kinds: Vec<BorrowedFd<'_>> = match files & 3 {
        0 => good,
        1 => good.into_iter().rev().collect(),
        2 => SCENE.others.iter().map(AsFd::as_fd).chain(good).collect(),
        _ => std::iter::repeat_n(good[usize::from(files >> 2) % good.len()], usize::from(files >> 2) % MOST_FILES)
            .collect(),
    };
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FILES))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !kinds.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(&kinds));
    }
    let message = [std::io::IoSlice::new(answer)];
    let _ = sendmsg(&client, &message, &mut control, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
}

/// Connects to a good server, says something, and goes, or not.
fn misbehave(client: u8, bytes: &[u8]) {
    let clients: Vec<_> = (0..client % 20).map(|_| new_socket(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)).collect();
    for (number, client) in clients.into_iter().enumerate() {
        let _ = connect(&client, &SocketAddrUnix::new(&SCENE.server_path).expect("a short path"));
        let _ = send(&client, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
        if number % 3 == 0 {
            drop(client);
            SCENE.server.answer();
        }
    }
    SCENE.server.answer();
}

fn new_socket(flags: SocketFlags) -> OwnedFd {
    socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).expect("a socket")
}
