//! A bench as text for a terminal: groups of measurements, targets, and remarks.

use emulator::columns::{Align, Column, blocks, cut};

use crate::comparison::{ComparisonGroup, groups, ratio, references};
use crate::labels;
use crate::model::{Bench, Measurement};
use crate::quantity::{Scale, digits};
use crate::verdict;

const WIDTH: usize = 120;
/// A first column wider than this is cut, so that another fits beside it.
const WIDEST_LEAD: usize = 44;

/// All of a bench, no wider than 120 columns.
pub fn table(bench: &Bench) -> String {
    let mut parts = vec![head(bench)];
    parts.extend(groups(&bench.measurements).iter().map(|group| comparison(bench, group)));
    if !bench.targets.is_empty() {
        parts.push(targets(bench));
    }
    if !bench.remarks.is_empty() {
        parts.push(remarks(bench));
    }
    // Names come from files. None may control the terminal.
    parts.join("\n").replace(|letter: char| letter.is_control() && letter != '\n', "\u{fffd}")
}

fn head(bench: &Bench) -> String {
    let setting = ("measured".to_owned(), labels::setting(bench.setting).to_owned());
    let conditions = bench.conditions.iter().map(|(name, condition)| (name.clone(), condition.clone()));
    let rows: Vec<(String, String)> = std::iter::once(setting).chain(conditions).collect();
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let lines = rows.iter().map(|(name, value)| wrapped(&format!("  {name:<width$}  "), value));
    let is_measured = |name: &&&str| bench.measurements.iter().any(|one| one.case.subject == **name);
    let measured = references(bench.setting).iter().filter(is_measured);
    let against: Vec<String> = measured.map(|name| format!("/{name}")).collect();
    let ratios = format!("median as a multiple of that reference's: {}", against.join(", "));
    let lines: String = lines.chain([wrapped(&format!("  {:<width$}  ", "columns"), &ratios)]).collect();
    wrapped("", &bench.title) + &lines
}

/// One group: a row for each member.
fn comparison(bench: &Bench, group: &ComparisonGroup) -> String {
    let scale = Scale::of(group.unit, group.greatest());
    let column = |head: &str, cell: &dyn Fn(&Measurement) -> String| {
        Column::new(Align::Right, group.members.iter().map(|member| cell(member))).headed(head)
    };
    let mut columns = vec![
        column("median", &|member| scale.show(member.summary().median)),
        column("range", &|member| scale.range(member.summary().range())),
    ];
    let ratios = references(bench.setting).iter().map(|reference| {
        let cell = |member: &Measurement| ratio(bench, member, reference).map_or_else(String::new, digits);
        column(&format!("/{reference}"), &cell)
    });
    columns.extend(ratios);
    columns.push(column("samples", &|member| member.samples.len().to_string()));
    columns.push(column("discarded", &|member| {
        Some(member.discarded).filter(|count| *count > 0).map_or_else(String::new, |count| count.to_string())
    }));
    columns.extend(labels::all_counters(group.members.iter().copied()).into_iter().map(|name| {
        let head = labels::counter(name).replace(" per ", "\nper ").replace(" share ", " share\n");
        column(&head, &|member| labels::counted(name, member))
    }));
    columns.retain(|column| !column.is_empty());
    let subjects = group.members.iter().map(|member| cut(&labels::subject(member), WIDEST_LEAD));
    wrapped("", &group.title()) + &blocks(&Column::new(Align::Left, subjects), columns, WIDTH).concat()
}

fn targets(bench: &Bench) -> String {
    let mut text = format!("Targets: {}\n", verdict::summary(&bench.targets));
    let rows = bench.targets.iter().map(|target| {
        let verdict = verdict::label(target.is_met()).to_owned();
        [verdict, verdict::margin(target), verdict::found(target), verdict::wanted(target)]
    });
    let rows: Vec<[String; 4]> = rows.collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths = [0, 1, 2, 3].map(width);
    for (target, [verdict, margin, found, wanted]) in bench.targets.iter().zip(&rows) {
        let [first, second, third, fourth] = widths;
        let lead = format!("  {verdict:<first$}  {margin:<second$}  {found:>third$}  {wanted:<fourth$}  ");
        text += &wrapped(&lead, &target.what);
    }
    text
}

fn remarks(bench: &Bench) -> String {
    let lines = bench.remarks.iter().map(|remark| wrapped("  - ", remark));
    format!("Remarks: this bench is a partial one, or was disturbed\n{}", lines.collect::<String>())
}

/// Text behind `lead`, in as many lines as it needs.
fn wrapped(lead: &str, words: &str) -> String {
    let indent = " ".repeat(lead.chars().count());
    // Only absurd names have so much lead. Their lines break anywhere.
    let options = textwrap::Options::new(WIDTH.max(indent.len() + 20)).initial_indent(lead).subsequent_indent(&indent);
    let lines = textwrap::wrap(words, options);
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn every_subject_is_compared_with_its_references() {
        insta::assert_snapshot!("a_box_is_compared_with_loopback_veth_and_virtio_net", table(&fixtures::made_up_box()));
        insta::assert_snapshot!(
            "rings_are_compared_with_the_limit_and_their_rivals",
            table(&fixtures::made_up_native())
        );
    }

    #[test]
    fn no_line_is_wider_than_a_terminal() {
        let mut bench = fixtures::made_up_box();
        bench.remarks.push("word ".repeat(60));
        bench.targets[0].what = "target ".repeat(60);
        bench.measurements[0].case.subject = "name".repeat(60);
        let drawn = table(&bench);
        let wide: Vec<&str> = drawn.lines().filter(|line| line.chars().count() > WIDTH).collect();
        assert!(wide.is_empty(), "{wide:#?}");
    }

    #[test]
    fn no_name_controls_the_terminal() {
        let mut bench = fixtures::made_up_box();
        bench.title = "\u{1b}[2J\u{1b}]0;title\u{7}".to_owned();
        bench.measurements[0].case.subject = "\u{1b}[31mred\r".to_owned();
        let drawn = table(&bench);
        assert!(!drawn.contains(['\u{1b}', '\u{7}', '\r']) && drawn.contains("red"), "{drawn:?}");
    }
}
