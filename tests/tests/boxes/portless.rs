//! A partition without a serial port.

use emulator::emulated::EmulatedMachine;
use emulator::launch::LaunchOptions;
use tests::fixture::STABLE;
use tests::instance::BOOT_LIMIT;
use tests::scene::{box_file, networked};
use tests::{Instance, Scene};

/// The key that leaves `sprig console`, Ctrl-].
const LEAVE: &[u8] = b"\x1d";

/// Waits until a shell has printed its prompt on the console of db.
fn await_prompt(web: &Instance<'_>) {
    let shown = "sprig console db < /dev/null";
    web.wait_until(&format!("{shown} | grep -q 'db# '"), BOOT_LIMIT, shown);
}

/// Types these lines on the console of db, and returns what it has printed until it is quiet.
fn typed(web: &Instance<'_>, lines: &str) -> String {
    web.run(&format!("printf '{lines}' | sprig console db"))
}

/// Types at the console of db by hand. Meanwhile another takes it over, from whom it is taken back.
fn use_by_hand(web: &Instance<'_>) {
    web.start("other", "until [ -e /tmp/now ]; do sleep 0.1; done; sprig console --follow db < /dev/null");
    web.send("sprig console db");
    web.wait_for("Ctrl-\\] leaves");
    web.send("echo by-hand-$((6 * 7))");
    web.wait_for("by-hand-42");
    web.send("ssh web touch /tmp/now");
    web.wait_for("error: somebody else has attached to the console of \"db\"");
    assert_eq!(web.run("stty -a 2> /dev/null | grep -o '.icanon'"), " icanon", "the terminal is as it was before");
    web.send("sprig console db");
    web.wait_for("Ctrl-\\] leaves");
    web.console.send(LEAVE).expect("the machine runs");
    web.wait_for("db: left");
    web.wait_until("grep -q 'somebody else has attached' /tmp/other.out", BOOT_LIMIT, "cat /tmp/other.out");
}

/// What `sprig console` refuses, each in one line.
fn assert_refusals(web: &Instance<'_>) {
    for (name, reason) in
        [("nobody", "there is no partition \"nobody\""), ("web", "is the partition that this runs in")]
    {
        let (said, status) = web.try_run(&format!("sprig console {name} 2>&1"));
        assert!(status == 1 && said.starts_with("error: ") && said.contains(reason), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

/// One that is started again meanwhile is shown again, and one without its driver has no console.
fn start_again(web: &Instance<'_>) {
    web.start("follower", "sprig console --follow db < /dev/null");
    web.run("sprig restart --wait --timeout 80 db");
    let condition = "sed '1,/started again/d' /tmp/follower.out | grep -q 'db# '";
    web.wait_until(condition, BOOT_LIMIT, "cat -v /tmp/follower.out");
    web.run("killall sprig");
    // Its end is that of the console, and may be noticed as such.
    web.try_run("echo sprig-unload | sprig console db");
    let refused = "sprig console db < /dev/null 2>&1 | grep 'has no console now: it is starting'";
    web.wait_until(refused, BOOT_LIMIT, "sprig console db < /dev/null; sprig status");
}

/// The machine has one port: the log's, which becomes the console of the partition that starts last.
#[test]
fn a_partition_without_a_serial_port_is_read_and_logged_into_from_another() {
    let scene = Scene::new(&box_file([networked("web", STABLE, 1), networked("db", STABLE, 1)]));
    let machine = EmulatedMachine { serial_ports: 1, ..EmulatedMachine::needed_by(scene.source().request()) };
    let running = scene.start(LaunchOptions::on(machine));
    let web = Instance::at_port_of_the_log(&running, "web");
    web.wait_for_report();
    web.await_links(1, "up");
    assert!(running.console("db").is_none(), "db has no console");

    web.wait_until("ssh db true", BOOT_LIMIT, "ssh db true");
    assert_eq!(web.run("ssh db 'hostname; grep -c ttyS /proc/consoles'; true"), "db\n0");
    let first = web.run("sprig log db > /tmp/log; head -n 1 /tmp/log; grep 'Command line: ' /tmp/log");
    assert!(first.starts_with("[    0.000000] Linux version "), "{first}");
    assert!(first.contains("sprig.partition=db"), "{first}");

    await_prompt(&web);
    let shown = typed(&web, "tty; id -u\\n");
    assert!(shown.contains("\n/dev/ttySPRIG0\n0\ndb# "), "{shown}");
    // While its card is down there is no doorbell.
    let shown =
        typed(&web, "ip link set vni0 down\\n") + &typed(&web, "echo without-$((40 + 2))\\nip link set vni0 up\\n");
    assert!(shown.contains("\nwithout-42\n"), "{shown}");
    // More than the ring has room for, and more than is kept.
    let shown = "printf 'seq 9999 | while read n; do echo line-$n; done\\n' | sprig console db > /tmp/shown";
    web.run(&format!("{shown}; grep '^line-9999' /tmp/shown || {{ tail /tmp/shown; false; }}"));
    web.await_links(1, "up");
    use_by_hand(&web);
    assert_refusals(&web);
    start_again(&web);
}
