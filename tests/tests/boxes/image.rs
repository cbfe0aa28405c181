//! The contents of the initial RAM disk for the network, tested without a network: the programs are Debian's and run,
//! every kernel loads its modules, and instances trust only each other.

use std::time::Duration;

use tests::fixture::{KERNELS, STABLE, release};
use tests::scene::{box_file, networked};
use tests::{Instance, Scene};

/// The word on the command line that keeps the driver out.
const OFF: &str = "sprig.vni=off";
const LIMIT: Duration = Duration::from_secs(90);

fn left_alone(name: &str, line: &str) -> String {
    networked(name, line, 1) + &format!("cmdline = \"{OFF}\"\n")
}

#[test]
fn every_kernel_loads_the_stock_modules_and_makes_a_vlan_of_them() {
    let partitions = KERNELS.iter().enumerate().map(|(index, line)| left_alone(&format!("p{index}"), line));
    let booted = Scene::new(&box_file(partitions)).boot();
    for instance in booted.instances() {
        assert_eq!(instance.network_status(), format!("none, since the command line says {OFF}"));
        for module in ["8021q", "bridge", "dummy", "macvlan", "pktgen", "tun", "veth"] {
            instance.run(&format!("modprobe {module}"));
        }
        talk_over_a_vlan(&instance);
    }
}

/// A virtual cable between two network namespaces, with a tagged network on it.
fn talk_over_a_vlan(instance: &Instance<'_>) {
    instance.run("ip netns add far && ip link add near type veth peer name far netns far");
    instance.run("ip link add link near name near.5 type vlan id 5 && ip address add 192.0.2.1/24 dev near.5");
    instance.run("ip link set near up && ip link set near.5 up");
    let far = "ip link set far up && ip link add link far name far.5 type vlan id 5 && \
               ip address add 192.0.2.2/24 dev far.5 && ip link set far.5 up";
    instance.run(&format!("ip netns exec far sh -c '{far}'"));
    instance.start("seen", "timeout 60 tcpdump -n -e -c 1 -i near 'vlan 5 and icmp'");
    instance.wait_until("grep -q 'listening on near' /tmp/seen.out", LIMIT, "cat /tmp/seen.out");
    let pinged = instance.run("ping -c 2 -W 20 192.0.2.2");
    assert!(pinged.contains(" 0% packet loss"), "{pinged}");
    assert!(instance.finish("seen", LIMIT).contains("vlan 5"), "the frames are tagged");
}

#[test]
fn the_programs_are_debians_and_an_instance_trusts_its_own_alone() {
    let booted = Scene::new(&box_file([left_alone("alone", STABLE)])).boot();
    let alone = booted.instance("alone");
    for (program, version) in [
        ("arping -V 2>&1", "iputils"),
        ("ethtool --version", "ethtool version"),
        ("iperf3 --version", "iperf 3."),
        ("ip -V 2> /dev/null", "iproute2"),
        ("modprobe --version", "kmod version"),
        ("ping -V", "iputils"),
        ("socat -V", "socat version"),
        ("tc -V 2> /dev/null", "iproute2"),
        ("tcpdump --version 2>&1", "tcpdump version"),
    ] {
        let output = alone.run(program);
        assert!(output.contains(version), "`{program}` printed {output:?}, not {version:?}");
    }

    alone.try_run("sprig-network");
    assert_eq!(alone.run("ssh localhost uname -nr"), format!("alone {}", release(STABLE)));
    alone.run("scp -q /init localhost:/tmp/copied && cmp /init /tmp/copied");
    let (output, status) = alone.try_run("ssh 127.0.0.2 true");
    assert!(status != 0 && output.contains("Host key verification failed"), "a host that is not known: {output}");

    alone.start("server", "iperf3 --server --one-off");
    alone.wait_until("netstat -ltn | grep -q :5201", LIMIT, "cat /tmp/server.out");
    alone.run("iperf3 --client localhost --time 1");
    alone.finish("server", LIMIT);
}
