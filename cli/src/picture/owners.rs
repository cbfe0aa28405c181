//! The left side: the cores, node by node in their partitions' colours, the devices, and a card for each partition.

use std::collections::BTreeSet;

use partitioner::amount::Amount;
use partitioner::inventory::{CoreNumber, Inventory, NodeId};
use partitioner::plan::Plan;
use partitioner::request::Request;
use svg::node::element::{Circle, Group, Rectangle};

use super::devices;
use super::style::{FAINT, INK, OUTLINE, PAPER, cut, label, partition_colour};
use crate::table::core_set;

const CARD_HEIGHT: i64 = 96;
const CARD_GAP: i64 = 12;
const GAP: i64 = 6;
const NODE_PADDING: i64 = 12;

/// Draws them below each other, and returns the height.
pub(super) fn draw(inventory: &Inventory, request: &Request, plan: &Plan, width: i64) -> (Group, i64) {
    let mut group = Group::new().add(label(0, 0, "heading", INK, "Cores"));
    let mut y = 18;
    let nodes: BTreeSet<NodeId> = inventory.cores.iter().map(|core| core.node).collect();
    for node in &nodes {
        let (drawn, height) = draw_node(inventory, plan, *node, width);
        group = group.add(super::at(0, y).add(drawn));
        y += height + CARD_GAP;
    }
    let light = Circle::new().set("cx", NODE_PADDING + 3).set("cy", y).set("r", 3).set("fill", PAPER);
    group = group.add(light.set("stroke", FAINT));
    group = group.add(label(NODE_PADDING + 14, y + 4, "small", FAINT, "boots its partition"));
    if let Some((drawn, height)) = devices::draw(plan, width) {
        group = group.add(super::at(0, y + 48).add(drawn));
        y += 48 + height;
    }
    group = group.add(label(0, y + 48, "heading", INK, "Partitions"));
    y += 66;
    for number in 0..plan.partitions.len() {
        group = group.add(super::at(0, y).add(draw_card(request, plan, number, width)));
        y += CARD_HEIGHT + CARD_GAP;
    }
    (group, y - CARD_GAP)
}

fn draw_node(inventory: &Inventory, plan: &Plan, node: NodeId, width: i64) -> (Group, i64) {
    let cores: Vec<CoreNumber> =
        (0..).map(CoreNumber).zip(&inventory.cores).filter(|(_, core)| core.node == node).map(|(n, _)| n).collect();
    let size = match cores.len() {
        0..=16 => 40,
        17..=72 => 32,
        _ => 24,
    };
    let in_row = (width - 2 * NODE_PADDING + GAP) / (size + GAP);
    let rows = (i64::try_from(cores.len()).unwrap_or(i64::MAX) + in_row - 1) / in_row;
    let height = 30 + rows * (size + GAP) - GAP + NODE_PADDING;
    let frame = Rectangle::new().set("width", width).set("height", height).set("rx", 8);
    let mut group = Group::new().add(frame.set("fill", PAPER).set("stroke", OUTLINE)).add(label(
        NODE_PADDING,
        20,
        "small",
        FAINT,
        &format!("node {node}"),
    ));
    for (place, core) in (0..).zip(cores) {
        let x = NODE_PADDING + place % in_row * (size + GAP);
        let y = 30 + place / in_row * (size + GAP);
        group = group.add(super::at(x, y).add(draw_core(plan, core, size)));
    }
    (group, height)
}

fn draw_core(plan: &Plan, core: CoreNumber, size: i64) -> Group {
    let has = |number: &usize| plan.partitions[*number].cores.iter().any(|planned| planned.number == core);
    let owner = (0..plan.partitions.len()).find(has);
    let square = Rectangle::new().set("width", size).set("height", size).set("rx", 5);
    let words =
        |colour| label(size / 2, size / 2 + 4, "strong", colour, &core.to_string()).set("text-anchor", "middle");
    let Some(owner) = owner else {
        let empty = square.set("fill", "none").set("stroke", OUTLINE).set("stroke-dasharray", "3 3");
        return Group::new().add(empty).add(words(FAINT));
    };
    let group = Group::new().add(square.set("fill", partition_colour(owner))).add(words("#ffffff"));
    if plan.partitions[owner].boot_core().number != core {
        return group;
    }
    // The core that boots the partition has a light.
    group.add(Circle::new().set("cx", size - 7).set("cy", 7).set("r", 3).set("fill", "#ffffff"))
}

fn draw_card(request: &Request, plan: &Plan, number: usize, width: i64) -> Group {
    let partition = &plan.partitions[number];
    let colour = partition_colour(number);
    let frame = Rectangle::new().set("width", width).set("height", CARD_HEIGHT).set("rx", 8);
    let band = Rectangle::new().set("width", 6).set("height", CARD_HEIGHT - 24).set("x", 12).set("y", 12).set("rx", 3);
    let cores = core_set(partition.cores.iter().map(|core| core.number));
    let noun = if partition.cores.len() == 1 { "core" } else { "cores" };
    let version = request.partitions[number].bzimage.version.as_deref().unwrap_or_default();
    let release = version.split_whitespace().next().unwrap_or("an unnamed kernel");
    let console = partition.console.map_or_else(|| "no console".to_owned(), |port| format!("console {port}"));
    let amount = Amount(partition.memory_len()).to_string();
    let image = &plan.images[partition.kernel_image].path;
    Group::new()
        .add(frame.set("fill", PAPER).set("stroke", OUTLINE))
        .add(band.set("fill", colour))
        .add(label(32, 30, "name", INK, &cut(&partition.name, 24)))
        .add(label(width - 16, 30, "strong", colour, &amount).set("text-anchor", "end"))
        .add(label(32, 54, "", INK, &cut(&format!("{noun} {cores}"), 28)))
        .add(label(width - 16, 54, "", INK, &console).set("text-anchor", "end"))
        .add(label(32, 76, "", FAINT, &cut(&format!("{release} from {image}"), 48)))
}
