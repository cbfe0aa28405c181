//! What every page keeps to, whatever was measured.

use std::collections::BTreeSet;

use roxmltree::{Document, Node};

use super::figures::sections;
use super::{page, pages};
use crate::fixtures;
use crate::model::{Bench, Measurement, Pair};

const HOSTILE: &str = "</title><script>alert('\"&')</script><img src=x onerror=alert(1)>";
/// An upper bound of a letter's width.
const LETTER: f64 = 7.0;

fn hostile() -> Bench {
    let mut bench = fixtures::made_up_box();
    bench.title = HOSTILE.to_owned();
    bench.conditions.insert(HOSTILE.to_owned(), HOSTILE.to_owned());
    bench.remarks.push(HOSTILE.to_owned());
    for target in &mut bench.targets {
        target.what = HOSTILE.to_owned();
        target.unit = HOSTILE.to_owned();
    }
    for measurement in &mut bench.measurements {
        let name = |name: &str| format!("{name}{HOSTILE}");
        measurement.case.what = name(&measurement.case.what);
        measurement.case.subject = name(&measurement.case.subject);
        measurement.case.unit = name(&measurement.case.unit);
        measurement.case.pair =
            measurement.case.pair.as_ref().map(|pair| Pair { from: name(&pair.from), to: name(&pair.to) });
        measurement.case.parameters =
            measurement.case.parameters.iter().map(|(key, value)| (name(key), value.clone())).collect();
        measurement.counters = measurement.counters.iter().map(|(key, count)| (name(key), *count)).collect();
    }
    bench
}

fn broken() -> Bench {
    let mut bench = fixtures::made_up_native();
    let samples = [f64::NAN, f64::INFINITY, 0.0, -1.0, 1e300, f64::MIN_POSITIVE];
    for (measurement, sample) in bench.measurements.iter_mut().zip(samples.into_iter().cycle()) {
        measurement.samples.fill(sample);
        measurement.distribution.0.push((sample, 1));
    }
    bench
}

fn all() -> Vec<Bench> {
    vec![fixtures::made_up_box(), fixtures::made_up_native(), hostile(), broken(), nothing()]
}

fn nothing() -> Bench {
    let bench = fixtures::made_up_box();
    Bench { measurements: Vec::new(), targets: Vec::new(), remarks: Vec::new(), ..bench }
}

/// The drawings of a page, each as XML.
fn drawings(page: &str) -> impl Iterator<Item = String> {
    let drawings = page.split("<svg ").skip(1).map(|rest| rest.split_once("</svg>").expect("a drawing ends").0);
    drawings.map(|content| format!("<svg {content}</svg>"))
}

#[test]
fn no_name_becomes_part_of_the_page() {
    let page = page(&hostile());
    assert!(!page.contains("<script") && !page.contains("<img"), "a name is markup");
    assert!(page.contains("&lt;script&gt;alert("), "names are left out");
    assert_eq!(page.matches("</title>").count(), page.matches("<title").count());
}

#[test]
fn a_page_needs_nothing_else() {
    for bench in [fixtures::made_up_box(), fixtures::made_up_native()] {
        let page = page(&bench);
        for outside in ["src=", "<link", "<script", "@import", "url(", "http:", "https:"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}

#[test]
fn every_plot_is_sound_and_described_to_screen_readers() {
    for bench in all() {
        let page = page(&bench);
        for drawing in drawings(&page).filter(|drawing| !drawing.contains("aria-hidden")) {
            let document = Document::parse(&drawing).unwrap_or_else(|error| panic!("{error}: {drawing}"));
            let root = document.root_element();
            let named = root.attribute("aria-labelledby").expect("a plot is named").split(' ');
            for id in named {
                let words = root.children().find(|node| node.attribute("id") == Some(id)).and_then(|node| node.text());
                assert!(words.is_some_and(|words| !words.is_empty()), "{id} of {drawing}");
            }
            for node in document.descendants().filter(Node::is_element) {
                stays_inside(node);
            }
        }
    }
}

/// Whether places are numbers within the view box, and words do not leave it.
fn stays_inside(node: Node) {
    let view: Vec<f64> = node.document().root_element().attribute("viewBox").map_or_else(Vec::new, numbers);
    let (width, height) = (view[2], view[3]);
    for attribute in node.attributes() {
        let most = match attribute.name() {
            "x" | "x1" | "x2" | "cx" | "width" => width,
            "y" | "y1" | "y2" | "cy" | "height" => height,
            "points" => width.max(height),
            _ => continue,
        };
        for place in numbers(attribute.value()) {
            assert!((0.0..=most).contains(&place), "{attribute:?} of {:?}", node.tag_name());
        }
    }
    if node.has_tag_name("text") {
        let long = node.text().unwrap_or_default().chars().count() as f64 * LETTER;
        let x: f64 = node.attribute("x").unwrap().parse().unwrap();
        let class = node.attribute("class").unwrap_or_default();
        let (start, end) = match class {
            class if class.contains("end") => (x - long, x),
            class if class.contains("middle") => (x - long / 2.0, x + long / 2.0),
            _ => (x, x + long),
        };
        assert!(start >= -10.0 && end <= width + 10.0, "{:?} from {start} to {end}", node.text());
    }
}

fn numbers(text: &str) -> Vec<f64> {
    let parts = text.split([' ', ',']).filter(|part| !part.is_empty());
    parts.map(|part| part.parse().unwrap_or_else(|_| panic!("no number: {text}"))).collect()
}

#[test]
fn every_measurement_is_in_a_figure() {
    for bench in all() {
        let sections = sections(&bench);
        let figures = || sections.iter().flat_map(|section| section.figures.iter().chain(&section.further));
        let is_shown = |measurement: &Measurement| {
            figures().any(|figure| figure.measurements.iter().any(|shown| std::ptr::eq(*shown, measurement)))
        };
        let missing: Vec<&Measurement> = bench.measurements.iter().filter(|one| !is_shown(one)).collect();
        assert!(missing.is_empty(), "{missing:#?}");
    }
}

#[test]
fn figures_are_chosen_by_what_was_measured() {
    let titles = |bench: &Bench| -> String {
        let sections = sections(bench);
        let lines = sections.iter().flat_map(|section| {
            let figures = section.figures.iter().map(|figure| format!("  {}\n", figure.title));
            let further = section.further.iter().map(|figure| format!("  folded away: {}\n", figure.title));
            [format!("{}\n", section.title)].into_iter().chain(figures).chain(further)
        });
        lines.collect()
    };
    insta::assert_snapshot!(format!("{}\n{}", titles(&fixtures::made_up_box()), titles(&fixtures::made_up_native())));
}

#[test]
fn several_benches_share_a_page_and_no_name() {
    let benches = [fixtures::made_up_box(), fixtures::made_up_native(), fixtures::made_up_box()];
    let page = pages(&benches);
    for bench in &benches {
        assert!(page.matches(&bench.title).count() >= 2, "{} is not in contents and text", bench.title);
    }
    let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0)).collect();
    let unique: BTreeSet<&&str> = ids.iter().collect();
    assert!(ids.len() > 20 && unique.len() == ids.len(), "{ids:?}");
    for link in page.split("href=\"#").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0)) {
        assert!(ids.contains(&link), "{link} leads nowhere");
    }
}
