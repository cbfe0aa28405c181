//! Whether a target was met, and by how much, for people.

use crate::model::{Better, Target};
use crate::quantity::{RATIO, digits, show};

/// How a target ended.
pub(crate) fn label(is_met: Option<bool>) -> &'static str {
    match is_met {
        Some(true) => "met",
        Some(false) => "missed",
        None => "not measured",
    }
}

/// How many targets ended how: `5 of 7 met, 1 missed, 1 not measured`.
pub(crate) fn summary(targets: &[Target]) -> String {
    let count = |is_met| targets.iter().filter(|target| target.is_met() == is_met).count();
    let mut words = format!("{} of {} met", count(Some(true)), targets.len());
    for verdict in [Some(false), None] {
        if count(verdict) > 0 {
            words += &format!(", {} {}", count(verdict), label(verdict));
        }
    }
    words
}

pub(crate) fn wanted(target: &Target) -> String {
    let side = match target.better {
        Better::Higher => "at least",
        Better::Lower => "at most",
    };
    format!("{side} {}", figure(target, target.wanted))
}

pub(crate) fn found(target: &Target) -> String {
    target.found.map_or_else(String::new, |found| figure(target, found))
}

/// By how much it was met or missed: a share of what was wanted, or the difference if nothing was.
pub(crate) fn margin(target: &Target) -> String {
    let Some(found) = target.found else { return String::new() };
    if found == target.wanted {
        return "exactly".to_owned();
    }
    if target.wanted == 0.0 {
        return format!("by {}", figure(target, (found - target.wanted).abs()));
    }
    let percent = ((found / target.wanted - 1.0) * 100.0).abs();
    match percent {
        ..0.05 => "by less than 0.1 %".to_owned(),
        0.05..10.0 => format!("by {percent:.1} %"),
        _ => format!("by {percent:.0} %"),
    }
}

/// A figure, with more digits where three would hide on which side of the wanted one it lies.
fn figure(target: &Target, figure: f64) -> String {
    let is_hidden = figure != target.wanted && digits(figure) == digits(target.wanted);
    match (target.unit.as_str(), is_hidden) {
        (RATIO, true) => format!("{figure:.5}×"),
        (unit, true) => format!("{figure} {unit}"),
        (unit, false) => show(unit, figure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(wanted: f64, better: Better, found: Option<f64>, unit: &str) -> Target {
        Target { what: "TCP".to_owned(), wanted, better, found, unit: unit.to_owned() }
    }

    #[test]
    fn a_target_says_by_how_much_it_was_met_or_missed() {
        let higher = |found| target(1.3, Better::Higher, Some(found), RATIO);
        assert_eq!(wanted(&higher(1.0)), "at least 1.30×");
        assert_eq!(
            [1.17, 1.29, 1.3, 2.0].map(|found| margin(&higher(found))),
            ["by 10 %", "by 0.8 %", "exactly", "by 54 %"]
        );
        assert_eq!(higher(1.29).is_met(), Some(false));
    }

    #[test]
    fn nothing_wanted_is_missed_by_the_difference() {
        let lost = target(0.0, Better::Lower, Some(3.0), "wake-ups");
        assert_eq!([wanted(&lost), found(&lost), margin(&lost)], ["at most 0 wake-ups", "3 wake-ups", "by 3 wake-ups"]);
    }

    #[test]
    fn a_figure_near_what_was_wanted_shows_its_side() {
        let near = target(1.3, Better::Higher, Some(1.2999), RATIO);
        assert_eq!([found(&near), margin(&near)], ["1.29990×", "by less than 0.1 %"]);
    }
}
