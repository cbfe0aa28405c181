//! Two network namespaces of this host with `sprig-tap` between them. Needs root, /dev/net/tun and `ip`; where one is
//! missing each test says so on standard error, past libtest's capture, and does nothing.

mod support;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{self, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use netns::Killed;
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use support::LIMIT;

/// What is missing here, if anything is.
fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("not root".to_owned());
    }
    if let Err(why) = File::open("/dev/net/tun") {
        return Some(format!("/dev/net/tun: {why}"));
    }
    netns::ip("netns list").err().map(|why| format!("ip: {why}"))
}

fn is_possible(test: &str) -> bool {
    let Some(why) = missing() else { return true };
    let _ = writeln!(std::io::stderr(), "{test}: SKIPPED, {why}");
    false
}

/// A network namespace, and the address of its end of the link.
struct Namespace {
    namespace: netns::Namespace,
    address: Ipv4Addr,
}

impl Namespace {
    fn new(test: &str, index: u8) -> Self {
        let namespace = netns::Namespace::new(format!("sprig-{test}-{}-{index}", process::id())).unwrap();
        Self { namespace, address: Ipv4Addr::new(10, 83, 0, index + 1) }
    }

    /// Does `work` in a thread that is in this namespace; sockets that it makes stay here.
    fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(Path::new("/run/netns").join(self.namespace.name())).unwrap();
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                move_into_link_name_space(std::os::fd::AsFd::as_fd(&namespace), Some(LinkNameSpaceType::Network))
                    .unwrap();
                work()
            });
            thread.join().unwrap()
        })
    }

    /// What `ip` shows of the interface, if it is there.
    fn interface(&self) -> Option<String> {
        self.namespace.interface("vni0")
    }

    fn until(&self, what: &str, done: impl Fn(Option<&str>) -> bool) {
        let began = Instant::now();
        while !done(self.interface().as_deref()) {
            let (name, limit) = (self.namespace.name(), LIMIT.as_secs());
            assert!(began.elapsed() < LIMIT, "{name}: waited {limit} s for {what}");
            thread::yield_now();
        }
    }

    fn until_carrier(&self) {
        self.until("the carrier", |shown| shown.is_some_and(|shown| shown.contains("LOWER_UP")));
    }

    fn until_no_carrier(&self) {
        self.until("the carrier to go", |shown| shown.is_some_and(|shown| shown.contains("NO-CARRIER")));
    }
}

/// A `sprig-tap`, ended when this is dropped.
struct Tap {
    child: Killed,
    lines: Receiver<String>,
}

impl Tap {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (tell, lines) = mpsc::channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Self { child: Killed(child), lines }
    }

    fn create(socket: &Path) -> Self {
        let mut tap =
            Self::start(Command::new(env!("CARGO_BIN_EXE_sprig-tap")).args(["create", "--socket"]).arg(socket));
        tap.until_said("tap: 2 partitions");
        tap
    }

    fn join(namespace: &Namespace, socket: &Path, index: u8) -> Self {
        let mut command = namespace.namespace.command(env!("CARGO_BIN_EXE_sprig-tap"));
        let mut tap = Self::start(command.args(["join", "--socket"]).arg(socket).args(["--index", &index.to_string()]));
        tap.until_said(&format!("vni0 is partition {index} of tap"));
        namespace.namespace.ip(&format!("addr add {}/24 dev vni0", namespace.address)).unwrap();
        tap
    }

    fn until_said(&mut self, what: &str) {
        while let Ok(line) = self.lines.recv_timeout(LIMIT) {
            if line.contains(what) {
                return;
            }
        }
        let mut complaint = String::new();
        let _ = self.child.0.kill();
        let _ = self.child.0.stderr.take().map(|mut err| err.read_to_string(&mut complaint));
        panic!("it never said {what:?}, but: {complaint}");
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child.0), signal).unwrap();
    }

    /// Ends it by SIGTERM; what it said last.
    fn end(mut self) -> Vec<String> {
        self.signal(Signal::TERM);
        assert!(self.child.0.wait().unwrap().success());
        self.lines.iter().collect()
    }
}

/// Two namespaces and the window; nobody has joined yet.
fn scene(test: &str) -> (tempfile::TempDir, [Namespace; 2], Tap) {
    let folder = tempfile::tempdir().unwrap();
    let hub = Tap::create(&folder.path().join("socket"));
    (folder, [0, 1].map(|index| Namespace::new(test, index)), hub)
}

fn at(namespace: &Namespace, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(namespace.address), port)
}

/// A datagram there and back.
fn exchange(from: &Namespace, to: &Namespace) {
    let server = to.run(|| UdpSocket::bind(at(to, 0)).unwrap());
    let client = from.run(|| UdpSocket::bind(at(from, 0)).unwrap());
    for socket in [&server, &client] {
        socket.set_read_timeout(Some(LIMIT)).unwrap();
    }
    client.send_to(b"ping", server.local_addr().unwrap()).unwrap();
    let mut buffer = [0; 16];
    let (len, who) = server.recv_from(&mut buffer).unwrap();
    server.send_to(&buffer[..len], who).unwrap();
    let len = client.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..len], b"ping");
}

/// So many bytes over TCP; their sum as they were sent, and as they came.
fn transfer(from: &Namespace, to: &Namespace, len: usize) -> [u32; 2] {
    let listener = to.run(|| TcpListener::bind(at(to, 0)).unwrap());
    let address = listener.local_addr().unwrap();
    let mut stream = from.run(|| TcpStream::connect_timeout(&address, LIMIT).unwrap());
    let (mut accepted, _) = listener.accept().unwrap();
    let bytes: Vec<u8> = (0..len as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let sum = crc32fast::hash(&bytes);
    thread::scope(|scope| {
        let sending = scope.spawn(move || {
            stream.set_write_timeout(Some(LIMIT)).unwrap();
            stream.write_all(&bytes).unwrap();
        });
        accepted.set_read_timeout(Some(LIMIT)).unwrap();
        let mut came = Vec::new();
        accepted.read_to_end(&mut came).unwrap();
        sending.join().unwrap();
        [sum, crc32fast::hash(&came)]
    })
}

/// What is behind a counter's name in what a bridge said.
fn counter(said: &[String], name: &str) -> u64 {
    let value = said.iter().find_map(|line| line.strip_prefix("sprig-tap: ")?.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or(0)
}

#[test]
fn two_namespaces_talk_in_super_frames_and_nothing_is_changed() {
    if !is_possible("two_namespaces_talk_in_super_frames_and_nothing_is_changed") {
        return;
    }
    let (folder, [a, b], _hub) = scene("talk");
    let socket = folder.path().join("socket");
    let (tap_a, tap_b) = (Tap::join(&a, &socket, 0), Tap::join(&b, &socket, 1));
    a.until_carrier();
    b.until_carrier();
    let shown = a.interface().unwrap();
    assert!(shown.contains("<BROADCAST,MULTICAST,UP,LOWER_UP>"), "{shown}");
    exchange(&a, &b);
    exchange(&b, &a);
    for (from, to) in [(&a, &b), (&b, &a)] {
        let [sent, came] = transfer(from, to, 64 << 20);
        assert_eq!(sent, came);
    }
    let said = tap_b.end();
    assert!(b.interface().is_none(), "it is gone with its bridge");
    // The bridge of the other tells at once, by its doorbell, and not after the heartbeat's limit.
    a.until_no_carrier();
    assert!(counter(&said, "rx_super_frames") > 0 && counter(&said, "tx_super_frames") > 0, "{said:?}");
    assert_eq!(counter(&said, "rx_drop_refused") + counter(&said, "rx_drop_bad_offload"), 0, "{said:?}");
    let said = tap_a.end();
    assert_eq!(counter(&said, "link_stalls"), 0, "it was told: {said:?}");
}

#[test]
fn a_bridge_that_is_killed_takes_the_carrier_down_and_the_next_brings_it_up() {
    if !is_possible("a_bridge_that_is_killed_takes_the_carrier_down_and_the_next_brings_it_up") {
        return;
    }
    let (folder, [a, b], _hub) = scene("kill");
    let socket = folder.path().join("socket");
    let (mut tap_a, tap_b) = (Tap::join(&a, &socket, 0), Tap::join(&b, &socket, 1));
    b.until_carrier();
    exchange(&a, &b);
    tap_b.signal(Signal::KILL);
    tap_a.until_said("link to 1 is stalled");
    a.until_no_carrier();
    drop(tap_b);
    let _tap_b = Tap::join(&b, &socket, 1);
    a.until_carrier();
    b.until_carrier();
    exchange(&a, &b);
    let [sent, came] = transfer(&b, &a, 1 << 20);
    assert_eq!(sent, came);
}

/// What a bridge that cannot start says.
fn complaint(namespace: &Namespace, arguments: &[&str]) -> String {
    let mut command = namespace.namespace.command(env!("CARGO_BIN_EXE_sprig-tap"));
    let output = command.arg("join").args(arguments).output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn what_is_taken_or_not_there_is_told_in_one_line() {
    if !is_possible("what_is_taken_or_not_there_is_told_in_one_line") {
        return;
    }
    let (folder, [a, b], _hub) = scene("taken");
    let socket = folder.path().join("socket");
    let path = socket.to_str().unwrap();
    let _tap = Tap::join(&a, &socket, 0);
    let said = complaint(&b, &["--socket", path, "--index", "0"]);
    assert!(said.starts_with("sprig-tap: partition 0 is taken: ") && said.lines().count() == 1, "{said}");
    let said = complaint(&a, &["--socket", path, "--interface", "vni0"]);
    assert!(said.contains("cannot make an interface vni0: there is one of that name"), "{said}");
    let nowhere = folder.path().join("nowhere");
    let said = complaint(&b, &["--socket", nowhere.to_str().unwrap()]);
    assert!(said.contains("no window server is there"), "{said}");
}
