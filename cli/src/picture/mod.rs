//! A plan as a picture: on the left the owners of cores and devices, on the right the memory of the machine.

mod devices;
mod memory;
mod owners;
mod style;

use partitioner::allotment::allotments;
use partitioner::inventory::Inventory;
use partitioner::plan::Plan;
use partitioner::request::Request;
use svg::Document;
use svg::node::element::{Definitions, Group, Line, Pattern, Rectangle, Style};

use self::style::{BACKGROUND, FAINT, INK, STYLE, label};

const WIDTH: i64 = 1040;
const MARGIN: i64 = 36;
const TOP: i64 = 122;
const LEFT_WIDTH: i64 = 400;
const RIGHT: i64 = MARGIN + LEFT_WIDTH + 56;

/// The picture of a plan, as SVG.
pub(crate) fn picture(inventory: &Inventory, request: &Request, plan: &Plan) -> String {
    let (owners, owners_height) = owners::draw(inventory, request, plan, LEFT_WIDTH);
    let (memory, memory_height) = memory::draw(plan, &allotments(inventory, plan), WIDTH - MARGIN - RIGHT);
    let height = TOP + owners_height.max(memory_height) + MARGIN;
    Document::new()
        .set("viewBox", (0, 0, WIDTH, height))
        .set("width", WIDTH)
        .set("height", height)
        .add(Style::new(STYLE))
        .add(Definitions::new().add(shared_pattern()))
        .add(Rectangle::new().set("width", WIDTH).set("height", height).set("fill", BACKGROUND))
        .add(label(MARGIN, 56, "title", INK, &plan.box_name))
        .add(label(MARGIN, 82, "subtitle", FAINT, &inventory.machine))
        .add(at(MARGIN, TOP).add(owners))
        .add(at(RIGHT, TOP).add(memory))
        .to_string()
}

fn at(x: i64, y: i64) -> Group {
    Group::new().set("transform", format!("translate({x} {y})"))
}

/// Stripes, for what all partitions share.
fn shared_pattern() -> Pattern {
    let stripe = Line::new().set("y2", 8).set("stroke", "#7b6fb0").set("stroke-width", 7);
    Pattern::new()
        .set("id", "shared")
        .set("width", 8)
        .set("height", 8)
        .set("patternUnits", "userSpaceOnUse")
        .set("patternTransform", "rotate(45)")
        .add(Rectangle::new().set("width", 8).set("height", 8).set("fill", "#9a90c8"))
        .add(stripe)
}
