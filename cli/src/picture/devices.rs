//! Between cores and partitions: the devices that can be split off, in their owners' colours.

use partitioner::pci::PciFunction;
use partitioner::plan::{Assignment, Plan, PlannedFunction};
use svg::node::element::{Group, Rectangle};

use super::style::{FAINT, INK, OUTLINE, PAPER, label, partition_colour};

const IN_ROW: i64 = 3;
const HEIGHT: i64 = 44;
const GAP: i64 = 6;
const PADDING: i64 = 12;
/// What stands above and below.
const HEAD: i64 = 18;

/// Draws them, and returns the height; 0 on a machine without such devices.
pub(super) fn draw(plan: &Plan, width: i64) -> Option<(Group, i64)> {
    let (shown, left_out): (Vec<_>, Vec<_>) = plan
        .pci
        .iter()
        .filter(|planned| is_device(planned))
        .partition(|planned| !matches!(planned.assignment, Assignment::Refused(_)));
    if shown.is_empty() {
        return None;
    }
    let chip_width = (width - 2 * PADDING - (IN_ROW - 1) * GAP) / IN_ROW;
    let rows = (i64::try_from(shown.len()).unwrap_or(i64::MAX) + IN_ROW - 1) / IN_ROW;
    let frame_height = 2 * PADDING + rows * (HEIGHT + GAP) - GAP;
    let frame = Rectangle::new().set("width", width).set("height", frame_height).set("rx", 8);
    let mut frame = Group::new().add(frame.set("fill", PAPER).set("stroke", OUTLINE));
    for (place, planned) in (0..).zip(shown) {
        let x = PADDING + place % IN_ROW * (chip_width + GAP);
        let y = PADDING + place / IN_ROW * (HEIGHT + GAP);
        frame = frame.add(super::at(x, y).add(draw_chip(planned, chip_width)));
    }
    let mut group = Group::new().add(label(0, 0, "heading", INK, "Devices")).add(super::at(0, HEAD).add(frame));
    let mut height = HEAD + frame_height;
    if !left_out.is_empty() {
        height += 18;
        let words = format!("and {} that cannot be split off", left_out.len());
        group = group.add(label(PADDING, height, "small", FAINT, &words));
    }
    Some((group, height))
}

/// Bridges are not drawn.
fn is_device(planned: &PlannedFunction) -> bool {
    planned.function.bridge.is_none()
}

fn draw_chip(planned: &PlannedFunction, width: i64) -> Group {
    let chip = Rectangle::new().set("width", width).set("height", HEIGHT).set("rx", 5);
    let (chip, name, address) = match planned.assignment {
        Assignment::Owned(owner) => (chip.set("fill", partition_colour(owner.0.into())), "#ffffff", "#ffffff"),
        _ => (chip.set("fill", "none").set("stroke", OUTLINE).set("stroke-dasharray", "3 3"), INK, FAINT),
    };
    let function = &planned.function;
    Group::new().add(chip).add(label(10, 18, "strong", name, &function.class.to_string())).add(label(
        10,
        35,
        "address",
        address,
        &short(function),
    ))
}

/// The address, without the segment where that is the first: as `lspci` writes it.
fn short(function: &PciFunction) -> String {
    let address = function.address.to_string();
    address.strip_prefix("0000:").map(str::to_owned).unwrap_or(address)
}
