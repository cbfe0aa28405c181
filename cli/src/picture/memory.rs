//! The right side: the memory map from address 0 at the top. Large stretches are drawn larger, but nothing so small
//! that its words do not fit; where addresses lead nowhere, the column is broken.

use partitioner::allotment::{Allotment, Purpose};
use partitioner::amount::Amount;
use partitioner::plan::Plan;
use svg::node::element::{Group, Rectangle};

use super::style::{FAINT, FIRMWARE, IMAGE, INK, OUTLINE, PAPER, RESIDENT, SHARED, cut, label, partition_colour};
use crate::table::describe;

const COLUMN: i64 = 96;
const COLUMN_WIDTH: i64 = 108;
const BREAK: i64 = 14;
const LOWEST: i64 = 22;
const HIGHEST: i64 = 150;
/// Unassigned memory is drawn no higher than this, however large it is.
const HIGHEST_UNGIVEN: i64 = 34;
/// Gaps between two neighbours that are too small for a line of their own.
const CRUMB: u64 = 64 << 10;

/// Draws the map, and returns the height.
pub(super) fn draw(plan: &Plan, memory: &[Allotment], width: i64) -> (Group, i64) {
    let mut group = Group::new().add(label(0, 0, "heading", INK, "Memory"));
    let mut y = 18;
    let mut end = 0;
    for allotment in memory {
        if is_crumb(allotment) {
            end = allotment.range.end();
            continue;
        }
        if allotment.range.start() != end {
            y += BREAK;
        }
        let height = height(allotment);
        group = group.add(super::at(0, y).add(draw_stretch(plan, allotment, height, width)));
        y += height;
        end = allotment.range.end();
    }
    (group.add(label(0, y + 4, "address", FAINT, &format!("{end:#012x}"))), y + 8)
}

fn is_crumb(allotment: &Allotment) -> bool {
    allotment.purpose == Purpose::Unassigned && allotment.range.len() < CRUMB
}

/// Eight times the memory is a step of 14 more.
fn height(allotment: &Allotment) -> i64 {
    let steps = i64::from(allotment.range.len().ilog2()) - 20;
    let highest = match allotment.purpose {
        Purpose::Unassigned | Purpose::Firmware => HIGHEST_UNGIVEN,
        _ => HIGHEST,
    };
    (LOWEST + (steps * 14 / 3).max(0)).min(highest)
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
