//! The right side: the memory map from address 0 at the top. Large stretches are drawn larger, but nothing so small
//! that its words do not fit; where addresses lead nowhere, the column is broken.

use partitioner::plan::Plan;
use svg::node::element::{Group, Rectangle};

use super::style::{FAINT, FIRMWARE, IMAGE, INK, OUTLINE, PAPER, RESIDENT, SHARED, cut, label, partition_colour};
use crate::allotment::{Allotment, Purpose};
use crate::amount::Amount;
use crate::table::describe;

const COLUMN: i64 = 96;
const COLUMN_WIDTH: i64 = 108;
const BREAK: i64 = 14;
const LOWEST: i64 = 22;
const HIGHEST: i64 = 150;

/// Draws the map; also says how high it is.
pub(super) fn draw(plan: &Plan, memory: &[Allotment], width: i64) -> (Group, i64) {
    let mut group = Group::new().add(label(0, 0, "heading", INK, "Memory"));
    let mut y = 18;
    let mut end = 0;
    for allotment in memory {
        if allotment.range.start() != end {
            y += BREAK;
        }
        let height = height(allotment.range.len());
        group = group.add(super::at(0, y).add(draw_stretch(plan, allotment, height, width)));
        y += height;
        end = allotment.range.end();
    }
    (group.add(label(0, y + 4, "address", FAINT, &format!("{end:#012x}"))), y + 8)
}

/// Eight times the memory is a step of 14 more.
fn height(len: u64) -> i64 {
    let steps = i64::from(len.max(1).ilog2()) - 20;
    (LOWEST + (steps * 14 / 3).max(0)).min(HIGHEST)
}

fn draw_stretch(plan: &Plan, allotment: &Allotment, height: i64, width: i64) -> Group {
    let (fill, words) = match allotment.purpose {
        Purpose::Partition(number) | Purpose::LowSlice(number) => (partition_colour(number), partition_colour(number)),
        Purpose::Window => (SHARED, "#5b4f93"),
        Purpose::Image(_) => (IMAGE, INK),
        Purpose::Resident | Purpose::Trampoline => (RESIDENT, INK),
        Purpose::Unassigned => (PAPER, FAINT),
        Purpose::Firmware => (FIRMWARE, FAINT),
    };
    let bar = Rectangle::new().set("x", COLUMN).set("width", COLUMN_WIDTH).set("height", height - 1);
    let bar = bar.set("fill", fill).set("rx", 2);
    let bar = match allotment.purpose {
        Purpose::Unassigned => bar.set("stroke", OUTLINE).set("stroke-dasharray", "4 3"),
        _ => bar,
    };
    let middle = height / 2 + 4;
    let class = if matches!(allotment.purpose, Purpose::Partition(_)) { "strong" } else { "" };
    let amount = Amount(allotment.range.len()).to_string();
    Group::new()
        .add(label(0, 10, "address", FAINT, &format!("{:#012x}", allotment.range.start())))
        .add(bar)
        .add(label(COLUMN + COLUMN_WIDTH + 14, middle, class, words, &cut(&describe(plan, &allotment.purpose), 32)))
        .add(label(width, middle, class, words, &amount).set("text-anchor", "end"))
}
