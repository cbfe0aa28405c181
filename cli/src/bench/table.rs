//! A bench as text for a terminal: each question with those who answered it, then the targets, then what disturbs the
//! reading.

use super::columns::{Align, Column, WIDTH, beside};
use super::model::{Bench, Measurement};
use super::quantity::{Scale, digits};
use super::question::{Question, questions, ratio, references};
use super::verdict::{self, Verdict};
use super::words;

/// Everything that a bench has to say, no wider than 120 columns.
pub fn table(bench: &Bench) -> String {
    let mut parts = vec![head(bench)];
    parts.extend(questions(&bench.measurements).iter().map(|question| answers(bench, question)));
    if !bench.targets.is_empty() {
        parts.push(targets(bench));
    }
    if !bench.remarks.is_empty() {
        parts.push(remarks(bench));
    }
    // Names come from files: none may steer the terminal.
    parts.join("\n").replace(|letter: char| letter.is_control() && letter != '\n', "\u{fffd}")
}

fn head(bench: &Bench) -> String {
    let setting = ("measured".to_owned(), words::setting(bench.setting).to_owned());
    let conditions = bench.conditions.iter().map(|(name, condition)| (name.clone(), condition.clone()));
    let rows: Vec<(String, String)> = std::iter::once(setting).chain(conditions).collect();
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let lines = rows.iter().map(|(name, value)| wrapped(&format!("  {name:<width$}  "), value));
    let was_asked = |name: &&&str| bench.measurements.iter().any(|one| one.subject == **name);
    let asked = references(bench.setting).iter().filter(was_asked);
    let against: Vec<String> = asked.map(|name| format!("/{name}")).collect();
    let ratios = format!("median as a multiple of that reference's: {}", against.join(", "));
    let lines: String = lines.chain([wrapped(&format!("  {:<width$}  ", "columns"), &ratios)]).collect();
    wrapped("", &bench.title) + &lines
}

/// One question with all who answered it.
fn answers(bench: &Bench, question: &Question) -> String {
    let scale = Scale::of(question.unit, question.greatest());
    let column = |head: &str, cell: &dyn Fn(&Measurement) -> String| {
        Column::new(head, Align::Right, question.answers.iter().map(|answer| cell(answer)))
    };
    let mut columns = vec![
        column("median", &|answer| scale.show(answer.median())),
        column("range", &|answer| scale.range(answer.range())),
    ];
    let ratios = references(bench.setting).iter().map(|reference| {
        let cell = |answer: &Measurement| ratio(bench, answer, reference).map_or_else(String::new, digits);
        column(&format!("/{reference}"), &cell)
    });
    columns.extend(ratios);
    columns.push(column("samples", &|answer| answer.samples.len().to_string()));
    columns.push(column("discarded", &|answer| none_if_zero(answer.discarded)));
    columns.extend(question.beside().into_iter().map(|name| {
        let head = words::beside(name, 0.0).0.replace(" per ", "\nper ").replace(" share ", " share\n");
        column(&head, &|answer| answer.beside.get(name).map_or_else(String::new, |count| words::beside(name, *count).1))
    }));
    let lead = Column::new("", Align::Left, question.answers.iter().map(|answer| words::subject(answer)));
    wrapped("", &question.title()) + &beside(lead, columns)
}

fn none_if_zero(count: u32) -> String {
    if count == 0 { String::new() } else { count.to_string() }
}

fn targets(bench: &Bench) -> String {
    let mut text = format!("Targets: {}\n", verdict::summary(&bench.targets));
    let rows = bench.targets.iter().map(|target| {
        let verdict = Verdict::of(target).words();
        [verdict.to_owned(), verdict::margin(target), verdict::found(target), verdict::wanted(target)]
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

/// Words behind `lead`, in as many lines as they need, one below the other.
fn wrapped(lead: &str, words: &str) -> String {
    let indent = " ".repeat(lead.chars().count());
    // So much lead is only had by names out of bounds; their lines break anywhere.
    let options = textwrap::Options::new(WIDTH.max(indent.len() + 20)).initial_indent(lead).subsequent_indent(&indent);
    let lines = textwrap::wrap(words, options);
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::made_up;

    #[test]
    fn a_box_is_told_against_loopback_veth_and_virtio_net() {
        insta::assert_snapshot!(table(&made_up::a_box()));
    }

    #[test]
    fn rings_are_told_against_the_limit_and_their_rivals() {
        insta::assert_snapshot!(table(&made_up::native()));
    }

    #[test]
    fn no_line_is_wider_than_a_terminal() {
        let mut bench = made_up::a_box();
        bench.remarks.push("word ".repeat(60));
        bench.targets[0].what = "target ".repeat(60);
        bench.measurements[0].subject = "name".repeat(60);
        let drawn = table(&bench);
        let wide: Vec<&str> = drawn.lines().filter(|line| line.chars().count() > WIDTH).collect();
        assert!(wide.is_empty(), "{wide:#?}");
    }

    #[test]
    fn no_name_steers_the_terminal() {
        let mut bench = made_up::a_box();
        bench.title = "\u{1b}[2J\u{1b}]0;title\u{7}".to_owned();
        bench.measurements[0].subject = "\u{1b}[31mred\r".to_owned();
        let drawn = table(&bench);
        assert!(!drawn.contains(['\u{1b}', '\u{7}', '\r']) && drawn.contains("red"), "{drawn:?}");
    }
}
