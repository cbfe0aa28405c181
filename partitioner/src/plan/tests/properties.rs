//! What is true of every plan, and of every refusal.

use proptest::prelude::*;

use super::*;
use crate::address::LARGE_PAGE;
use crate::config::CpuRequest;
use crate::inventory::NodeMemory;
use crate::layout::{LOW_SLICE_LEN, LOW_SLICES_END, LOW_SLICES_START, QUEUES_MAX, RESIDENT, Window};

/// Machines like real ones: holes in the memory, up to three nodes, cores in any order.
fn some_machine() -> impl Strategy<Value = Inventory> {
    let holes = prop::collection::vec((0_u64..3 << 30, 1_u64..8 << 20, some_kind()), 0..6);
    let nodes = prop::collection::vec(0_u32..3, 1..12);
    (nodes, 512_u64..3072, 0_u64..4096, holes, 0_usize..5, any::<bool>()).prop_map(
        |(nodes, below, above, holes, ports, with_srat)| {
            let mut inventory = machine(nodes.len() as u32, below * MIB, above * MIB);
            inventory.cores.iter_mut().zip(&nodes).for_each(|(core, node)| core.node = NodeId(*node));
            let holes = holes.into_iter().map(|(start, len, kind)| region(start, start + len, kind));
            inventory.memory.extend(holes);
            inventory.serial_ports.truncate(ports);
            if with_srat {
                inventory.node_memory = thirds((below + above) * MIB);
            }
            inventory
        },
    )
}

fn some_kind() -> impl Strategy<Value = MemoryKind> {
    prop::sample::select(&[MemoryKind::Reserved, MemoryKind::AcpiNvs, MemoryKind::Usable][..])
}

fn thirds(memory: u64) -> Vec<NodeMemory> {
    let third = memory / 3;
    let node = |(index, id)| Some(NodeMemory { range: MemoryRange::with_len(index * third, third)?, node: NodeId(id) });
    [(0, 0), (1, 1), (2, 2)].into_iter().filter_map(node).collect()
}

/// Box files with counts and sets, small and large.
fn some_box() -> impl Strategy<Value = String> {
    let cpus = prop_oneof![
        4 => (1_u32..4).prop_map(|count| format!("{count}")),
        1 => (0_u32..8).prop_map(|core| format!("'{core}'")),
        1 => (0_u32..8, 1_u32..3).prop_map(|(core, more)| format!("'{core}-{}'", core + more)),
    ];
    let partition = (cpus, 27_u64..600).prop_map(|(cpus, grains)| (cpus, format!("{}MiB", 2 * grains)));
    let queues = prop::option::weighted(0.3, 1..=QUEUES_MAX);
    (prop::collection::vec(partition, 1..6), 1_u64..100, queues).prop_map(|(partitions, window, queues)| {
        let partitions: Vec<_> = partitions.iter().map(|(cpus, memory)| (cpus.as_str(), memory.as_str())).collect();
        let queues = queues.map(|queues| format!("queues = {queues}\n")).unwrap_or_default();
        box_file(&partitions).replacen("\"64MiB\"\n", &format!("\"{}MiB\"\n{queues}", 2 * window), 1)
    })
}

/// Everything that a plan hands out.
fn handed_out(plan: &Plan) -> Vec<MemoryRange> {
    let of_partitions = plan.partitions.iter().flat_map(|partition| partition.memory.iter().chain([&partition.low]));
    let images = plan.images.iter().map(|image| &image.range);
    of_partitions.chain(images).chain([&plan.window]).copied().collect()
}

fn check_memory(inventory: &Inventory, plan: &Plan) {
    let usable = |range: MemoryRange| {
        let inside = |region: &&MemoryRegion| region.kind == MemoryKind::Usable && region.range.overlaps(range);
        let common = inventory.memory.iter().filter(inside).filter_map(|region| region.range.intersection(range));
        let keeps = |region: &MemoryRegion| region.kind != MemoryKind::Usable && region.range.overlaps(range);
        RangeSet::union(common).ranges() == [range] && !inventory.memory.iter().any(keeps)
    };
    let handed_out = handed_out(plan);
    for (index, range) in handed_out.iter().enumerate() {
        assert!(usable(*range), "{range} is not usable");
        assert!(!range.overlaps(RESIDENT), "{range} is resident");
        for other in &handed_out[index + 1..] {
            assert!(!range.overlaps(*other), "{range} and {other} overlap");
        }
    }
    assert_eq!((plan.window.start() % LARGE_PAGE, plan.window.len() % LARGE_PAGE), (0, 0));
}

fn check_partitions(request: &Request, plan: &Plan) {
    assert_eq!(plan.partitions.len(), request.partitions.len());
    for ((entry, images), partition) in request.entries().zip(&plan.partitions) {
        match entry.cpus.get_ref() {
            CpuRequest::Count(count) => assert_eq!(partition.cores.len(), *count as usize),
            CpuRequest::Set(set) => assert!(partition.cores.iter().map(|core| &core.number).eq(set)),
        }
        assert_eq!(partition.memory_len(), *entry.memory.get_ref());
        assert!(partition.memory.iter().all(|run| (run.start() | run.end()) % LARGE_PAGE == 0));
        assert_eq!(partition.low.len(), LOW_SLICE_LEN);
        assert!(partition.low.start() >= LOW_SLICES_START && partition.low.end() <= LOW_SLICES_END);

        let first = partition.memory[0];
        assert_eq!(partition.tables.start(), first.start());
        assert!(first.contains(partition.kernel) && !partition.kernel.overlaps(partition.tables));
        assert_eq!(partition.kernel.start() % images.bzimage.alignment, 0);
        assert!(partition.kernel.start() >= images.bzimage.preferred_address);
        let initrd = partition.initrd.unwrap();
        assert_eq!(initrd.len(), INITRD_LEN as u64);
        assert!(first.contains(initrd) && !initrd.overlaps(partition.kernel) && !initrd.overlaps(partition.tables));
    }
}

/// All fit into the window; where nobody asked for them each is of use to somebody, and they leave half of the buffers
/// to all.
fn check_queues(request: &Request, plan: &Plan) {
    let window = Window { partitions: plan.partitions.len(), queues: plan.queues };
    assert!(window.least() <= plan.window.len(), "{window:?}");
    match &request.file.queues {
        Some(wanted) => assert_eq!(plan.queues, *wanted.get_ref()),
        None if plan.queues == 1 => {}
        None => {
            let can_use = |partition: &&PartitionPlan| partition.cores.len() >= usize::from(plan.queues);
            assert!(plan.partitions.iter().filter(can_use).count() >= 2, "nobody could use them all");
            assert!(window.keeps_half(plan.window.len()), "{window:?}");
        }
    }
}

fn check_cores(inventory: &Inventory, plan: &Plan) {
    let given = plan.partitions.iter().flat_map(|partition| &partition.cores);
    let mut numbers: Vec<_> = given.chain(&plan.idle_cores).map(|core| core.number.0).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..inventory.cores.len() as u32), "every core is with one partition or idle");
    let holder = plan.partitions.iter().find(|partition| partition.cores.iter().any(|core| core.number.0 == 0));
    if let Some(holder) = holder {
        assert_eq!(holder.boot_core().core.apic_id, plan.boot_processor);
        assert_eq!(plan.start_order.last(), Some(&holder.index));
    }
    let mut order: Vec<_> = plan.start_order.iter().map(|index| usize::from(index.0)).collect();
    order.sort_unstable();
    assert!(order.into_iter().eq(0..plan.partitions.len()), "every partition is started once");
}

fn check_consoles(inventory: &Inventory, plan: &Plan) {
    let consoles: Vec<u16> = plan.partitions.iter().filter_map(|partition| Some(partition.console?.io_port)).collect();
    assert_eq!(BTreeSet::from_iter(&consoles).len(), consoles.len(), "no port belongs to two");
    assert!(consoles.len() + 1 >= plan.partitions.len().min(inventory.serial_ports.len()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_plan_keeps_its_word(inventory in some_machine(), text in some_box()) {
        let request = gather(&text, |_| None);
        if let Ok(plan) = plan(&inventory, &request) {
            check_memory(&inventory, &plan);
            check_partitions(&request, &plan);
            check_cores(&inventory, &plan);
            check_queues(&request, &plan);
            check_consoles(&inventory, &plan);
        }
    }

    #[test]
    fn the_same_input_has_the_same_answer(inventory in some_machine(), text in some_box()) {
        prop_assert_eq!(plan(&inventory, &gather(&text, |_| None)), plan(&inventory, &gather(&text, |_| None)));
    }

    #[test]
    fn where_images_were_loaded_changes_no_partition(
        inventory in some_machine(),
        text in some_box(),
        kernel in 0_u64..4 << 30,
        initrd in 0_u64..4 << 30,
    ) {
        let on_host = plan(&inventory, &gather(&text, |_| None));
        let loaded = gather(&text, |path| Some(if path == "vmlinuz" { kernel } else { initrd }));
        let on_machine = plan(&inventory, &loaded);
        if let (Ok(on_host), Ok(on_machine)) = (on_host, on_machine) {
            prop_assert_eq!(&on_host.partitions, &on_machine.partitions);
            prop_assert_eq!(on_host.window, on_machine.window);
            check_memory(&inventory, &on_machine);
            for (image, planned) in loaded.images.iter().zip(&on_machine.images) {
                let overwrites = |other: &&MemoryRange| planned.range.overlaps(**other);
                let sources: Vec<_> = loaded.images.iter().filter_map(|image| image.loaded).collect();
                let stays = image.loaded == Some(planned.range);
                prop_assert!(stays || !sources.iter().any(|source| overwrites(&source)), "a copy destroys a source");
            }
        }
    }

    #[test]
    fn every_refusal_says_something(inventory in some_machine(), text in some_box()) {
        let request = gather(&text, |_| None);
        if let Err(error) = plan(&inventory, &request) {
            let diagnostics = error.diagnostics(&request);
            prop_assert!(!diagnostics.is_empty());
            for diagnostic in diagnostics {
                prop_assert!(!diagnostic.message.is_empty() && !diagnostic.help.is_empty());
                prop_assert!(diagnostic.places.iter().all(|place| text.get(place.span.clone()).is_some()));
            }
        }
    }

    #[test]
    fn no_inventory_makes_it_panic(
        memory in prop::collection::vec((any::<u64>(), any::<u64>(), some_kind()), 0..8),
        ecam in (any::<u64>(), any::<u8>(), any::<u8>()),
        bits in any::<u8>(),
        text in some_box(),
    ) {
        let mut inventory = four_cores();
        let regions = memory.into_iter().filter_map(|(a, b, kind)| {
            Some(MemoryRegion { range: MemoryRange::new(a.min(b), a.max(b))?, kind })
        });
        inventory.memory.extend(regions);
        inventory.ecam[0] = EcamSegment { segment: 0, base: ecam.0, first_bus: ecam.1, last_bus: ecam.2 };
        inventory.physical_address_bits = bits;
        let request = gather(&text, |_| None);
        match plan(&inventory, &request) {
            Ok(plan) => check_memory(&inventory, &plan),
            Err(error) => prop_assert!(!error.diagnostics(&request).is_empty()),
        }
    }
}
