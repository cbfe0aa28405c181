//! Buses of other shapes than one root port beside another.

use emulator::emulated::EmulatedMachine;
use partitioner::address::{GIB_4, MemoryRange};
use partitioner::inventory::{NodeId, NodeMemory};
use tests::Scene;
use tests::device::{Echo, ScratchDisk};
use tests::fixture::STABLE;
use tests::scene::{box_file, networked, networked_of};
use tests::topology::{DOWNSTREAM, NVME, ROOT_PORT, Topology, UPSTREAM, VIRTIO_NET};

/// Where on bus 0 the first root port is, and how many there are.
const FIRST_PORT: u8 = 0x10;
const PORTS: u8 = 10;
/// Buses behind the port before the switch: the switch's own, that between its ports, and one behind each of those.
const SWITCH: (u8, u8) = (2, 6);

fn drive(disk: &ScratchDisk, id: &str) -> String {
    format!("if=none,id={id},format=raw,file={}", disk.path().display())
}

/// Ten root ports. The second leads to a switch of three ports: an NVMe disk, nothing, a network card. The last leads to
/// another NVMe disk.
fn switched(first: &ScratchDisk, last: &ScratchDisk) -> Topology {
    let mut machine = Topology::default();
    let mut bus = 1;
    for port in 0..PORTS {
        let (number, at) = (port + 1, FIRST_PORT + port);
        let last = bus + if port == 1 { SWITCH.1 - SWITCH.0 } else { 0 };
        machine.argument(
            "-device",
            format!("pcie-root-port,id=port{port},bus=pcie.0,addr={at:#x},chassis={number},slot={number}"),
        );
        machine.bridge(&format!("0000:00:{at:02x}.0"), ROOT_PORT, bus, last);
        bus = last + 1;
    }
    machine.argument("-device", "x3130-upstream,id=switch,bus=port1");
    machine.bridge("0000:02:00.0", UPSTREAM, SWITCH.0 + 1, SWITCH.1);
    for (port, bus) in (0..3).zip(SWITCH.0 + 2..) {
        machine.argument(
            "-device",
            format!("xio3130-downstream,id=down{port},bus=switch,addr={port},chassis={},slot={port}", 100 + port),
        );
        machine.bridge(&format!("0000:03:{port:02x}.0"), DOWNSTREAM, bus, bus);
    }
    machine.argument("-drive", drive(first, "first"));
    machine.argument("-device", "nvme,serial=first,drive=first,bus=down0");
    machine.device("0000:04:00.0", NVME);
    machine.argument("-netdev", "user,id=net");
    machine.argument("-device", "virtio-net-pci,netdev=net,bus=down2");
    machine.device("0000:06:00.0", VIRTIO_NET);
    machine.argument("-drive", drive(last, "last"));
    machine.argument("-device", format!("nvme,serial=last,drive=last,bus=port{}", PORTS - 1));
    machine.device("0000:0e:00.0", NVME);
    machine
}

#[test]
fn what_lies_behind_a_switch_is_split_port_by_port() {
    let (first, last) = (ScratchDisk::new(), ScratchDisk::new());
    let web = networked("web", STABLE, 1) + "devices = [\"class:network\", \"0000:0e:00.0\"]\n";
    let db = networked("db", STABLE, 1) + "devices = [\"0000:04:00.0\"]\n";
    let scene = Scene::new(&box_file([web, db]));
    // The network card is behind the switch: none beside it.
    let machine = EmulatedMachine { devices: Vec::new(), ..EmulatedMachine::needed_by(scene.source().request()) };
    let booted = scene.boot_with(switched(&first, &last).options(machine));
    let [web, db] = ["web", "db"].map(|name| booted.instance(name));
    for instance in [&web, &db] {
        instance.load("nvme");
    }
    web.load_virtio_net();
    db.copy_disk("nvme0n1", &first);
    web.copy_disk("nvme0n1", &last);
    web.echo_outside("eth0", &Echo::new());
    for instance in booted.instances() {
        instance.assert_has_exactly_its_memory();
        instance.assert_its_devices_are_well();
    }
    booted.assert_devices_are_apart();
}

/// What of its memory the disk lends out, in MiB: more than has room below 4 GiB.
const LENT_MIB: u64 = 2048;
/// The register by which it does.
const LENT: u32 = 2;

#[test]
fn a_register_above_4_gib_is_reached() {
    let disk = ScratchDisk::new();
    let scene = Scene::new(&box_file([networked_of("owner", STABLE, 1, "512MiB") + "devices = [\"class:nvme\"]\n"]));
    let mut machine = Topology::default();
    machine.argument("-device", "pcie-root-port,id=root-port,bus=pcie.0,addr=0x10,chassis=1,slot=1");
    machine.bridge("0000:00:10.0", ROOT_PORT, 1, 1);
    machine.argument("-drive", drive(&disk, "disk"));
    machine.argument("-device", format!("nvme,serial=disk,drive=disk,bus=root-port,cmb_size_mb={LENT_MIB}"));
    machine.device("0000:01:00.0", NVME);
    let booted = scene.boot_with(machine.options(EmulatedMachine::needed_by(scene.source().request())));

    let owner = booted.instance("owner");
    let resource = owner.run(&format!("sed -n {}p /sys/bus/pci/devices/0001:01:00.0/resource", LENT + 1));
    let mut ends =
        resource.split(' ').map(|end| u64::from_str_radix(end.trim_start_matches("0x"), 16).expect("an end"));
    let (first, last) = (ends.next().expect("a start"), ends.next().expect("an end"));
    assert_eq!(last + 1 - first, LENT_MIB << 20);
    assert!(first >= GIB_4, "it lies above 4 GiB: {resource}");
    for (address, word) in [(first, "0x00C0FFEE"), (last - 3, "0x5EED5EED")] {
        owner.run(&format!("devmem {address:#x} 32 {word}"));
        assert_eq!(owner.run(&format!("devmem {address:#x} 32")), word, "at {address:#x}");
    }
    owner.load("nvme");
    owner.copy_disk("nvme0n1", &disk);
    owner.assert_has_exactly_its_memory();
    owner.assert_its_devices_are_well();
    booted.assert_devices_are_apart();
}

/// Two nodes of 1 GiB, two cores and an NVMe disk each. That of the second is behind a root bus of its own.
fn of_two_nodes(near: &ScratchDisk, far: &ScratchDisk) -> Topology {
    let mut machine = Topology::default();
    for (node, name, cpus) in [(0, "near", "0-1"), (1, "far", "2-3")] {
        machine.argument("-object", format!("memory-backend-ram,id=memory-{name},size=1G"));
        machine.argument("-numa", format!("node,nodeid={node},cpus={cpus},memdev=memory-{name}"));
    }
    machine.argument("-device", "pxb-pcie,id=far-bus,bus=pcie.0,addr=0x12,bus_nr=0x40,numa_node=1");
    for (bus, name, chassis, disk) in [("pcie.0,addr=0x10", "near", 1, near), ("far-bus", "far", 2, far)] {
        machine
            .argument("-device", format!("pcie-root-port,id={name}-port,bus={bus},chassis={chassis},slot={chassis}"));
        machine.argument("-drive", drive(disk, name));
        machine.argument("-device", format!("nvme,serial={name},drive={name},bus={name}-port"));
    }
    machine.bridge("0000:00:10.0", ROOT_PORT, 1, 1);
    machine.device("0000:01:00.0", NVME);
    machine.bridge("0000:40:00.0", ROOT_PORT, 0x41, 0x41);
    machine.device("0000:41:00.0", NVME);
    machine
}

#[test]
fn each_partition_has_cores_memory_and_a_disk_of_one_node() {
    const NODE: u64 = 1 << 30;
    let (near, far) = (ScratchDisk::new(), ScratchDisk::new());
    let scene = Scene::new(&box_file([
        networked("near", STABLE, 2) + "devices = [\"0000:01:00.0\"]\n",
        networked("far", STABLE, 2) + "devices = [\"0000:41:00.0\"]\n",
    ]));
    let machine = EmulatedMachine { memory: 2 * NODE, ..EmulatedMachine::needed_by(scene.source().request()) };
    let mut inventory = machine.inventory();
    for core in inventory.cores.iter_mut().skip(2) {
        core.node = NodeId(1);
    }
    let memory = |node: u32, start| {
        let range = MemoryRange::with_len(start, NODE).expect("a node has memory");
        NodeMemory { range, node: NodeId(node) }
    };
    inventory.node_memory = vec![memory(0, 0), memory(1, NODE)];
    let booted = scene.boot_with(of_two_nodes(&near, &far).options_as(machine, inventory));

    let log = booted.running().log().text();
    for planned in ["near: 0000:01:00.0 ", "far: 0000:41:00.0 "] {
        assert!(log.contains(&format!("plan: {planned}")), "the boot image plans the same:\n{log}");
    }
    for (name, disk, memory) in [("near", &near, 0..NODE), ("far", &far, NODE..2 * NODE)] {
        let instance = booted.instance(name);
        instance.assert_has_exactly_its_cores();
        instance.assert_has_exactly_its_memory();
        assert!(instance.plan.memory.iter().all(|run| memory.contains(&run.start())), "{:?}", instance.plan.memory);
        instance.load("nvme");
        instance.copy_disk("nvme0n1", disk);
        instance.assert_its_devices_are_well();
    }
    booted.assert_devices_are_apart();
}
