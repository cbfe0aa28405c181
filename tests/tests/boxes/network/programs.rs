//! Programs as Debian ships them.

use std::time::Duration;

use serde_json::Value;
use tests::Scene;
use tests::fixture::{STABLE, release};
use tests::scene::{Booted, box_file, networked_of};

const LIMIT: Duration = Duration::from_secs(240);

fn pair() -> Booted {
    // Copies of 100 MiB are kept in memory.
    let booted =
        Scene::new(&box_file([networked_of("web", STABLE, 2, "512MiB"), networked_of("db", STABLE, 2, "512MiB")]))
            .boot();
    booted.await_links();
    booted
}

#[test]
fn ssh_logs_in_and_scp_copies_100_mib_unharmed() {
    let booted = pair();
    let (web, db) = (booted.instance("web"), booted.instance("db"));
    assert_eq!(web.run("ssh db uname -nr"), format!("db {}", release(STABLE)));
    assert_eq!(db.run("ssh web uname -nr"), format!("web {}", release(STABLE)));
    web.run("dd if=/dev/urandom of=/tmp/large bs=1M count=100 2> /dev/null");
    web.start("copy", "scp -q /tmp/large db:/tmp/large");
    web.finish("copy", LIMIT);
    let digest = "sha256sum /tmp/large | cut -d' ' -f1";
    assert_eq!(db.run(digest), web.run(digest));
    for instance in booted.instances() {
        instance.assert_undisturbed();
    }
}

#[test]
fn iperf3_measures_tcp_and_udp_both_ways() {
    let booted = pair();
    let (web, db) = (booted.instance("web"), booted.instance("db"));
    db.run("iperf3 -s -D -p 5201; sleep 0.1");
    db.wait_until("netstat -ltn 2>/dev/null | grep -q :5201", Duration::from_secs(30), "ps");
    for (what, arguments) in
        [("tcp", "-t 4"), ("tcp back", "-t 4 -R"), ("udp", "-u -b 100M -t 4"), ("udp back", "-u -b 100M -t 4 -R")]
    {
        web.start("iperf", &format!("iperf3 -J -c db {arguments}"));
        let output = web.finish("iperf", LIMIT);
        let result: Value = serde_json::from_str(&output).unwrap_or_else(|error| panic!("{what}: {error}:\n{output}"));
        let end = &result["end"];
        let summary = if what.starts_with("udp") { &end["sum"] } else { &end["sum_received"] };
        let rate = summary["bits_per_second"].as_f64().unwrap_or_default();
        assert!(rate > 0.0, "{what}: {output}");
        println!("{what}: {:.0} Mbit/s", rate / 1e6);
    }
    for instance in booted.instances() {
        instance.assert_undisturbed();
    }
}
