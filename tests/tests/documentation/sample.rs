//! The README's sample output of the demo is output of the code that prints it. What varies between runs is not
//! compared.

use std::fmt::Write;

use regex::Regex;

use crate::files::{files, read, root};

/// What the demo puts at the end of a step that is too long.
const CUT: &str = " ...";

/// A step of the boot image, and the text that formats its line.
struct Step {
    name: String,
    format: String,
}

/// Every step in the sources of the boot image.
fn steps() -> Vec<Step> {
    // A call like `log::step("plan", format_args!("window {}", ...))`, on one line or several.
    let call = Regex::new(r#"\w+\(\s*"([a-z-]+)",\s*format_args!\(\s*"((?:[^"\\]|\\[\s\S])*)""#).expect("a pattern");
    let sources = ["boot/src", "partitioner/src"].into_iter().flat_map(|folder| files(&root().join(folder), ".rs"));
    let sources: Vec<String> = sources.map(|path| read(&path)).collect();
    let calls = sources.iter().flat_map(|source| call.captures_iter(source));
    calls.map(|call| Step { name: call[1].to_owned(), format: joined(&call[2]) }).collect()
}

/// A text of the sources without the line breaks that are not in its value.
fn joined(text: &str) -> String {
    Regex::new(r"\\\n\s*").expect("a pattern").replace_all(text, "").into_owned()
}

/// The pieces of a format text between its arguments.
fn pieces(format: &str) -> Vec<&str> {
    format
        .split('{')
        .enumerate()
        .map(|(at, piece)| if at == 0 { piece } else { piece.split_once('}').map_or("", |p| p.1) })
        .collect()
}

/// Whether the format text can print this line. Of a line that was cut, only its first piece is compared.
fn prints(format: &str, line: &str) -> bool {
    let pieces = pieces(format);
    if line.ends_with(CUT) {
        return line.starts_with(pieces[0]);
    }
    let mut pattern = String::from("^");
    for (at, piece) in pieces.iter().enumerate() {
        let argument = if at == 0 { "" } else { ".*" };
        write!(pattern, "{argument}{}", regex::escape(piece)).expect("a text takes more text");
    }
    Regex::new(&(pattern + "$")).expect("a pattern").is_match(line)
}

/// The sample, line by line.
fn sample() -> Vec<String> {
    let readme = read(&root().join("README.md"));
    let blocks = readme.split("```text\n").skip(1).filter_map(|block| Some(block.split_once("\n```")?.0));
    let sample = blocks.into_iter().find(|block| block.starts_with("boot ")).expect("the sample");
    sample.lines().map(str::to_owned).collect()
}

/// The texts of the sample's lines with this label, without label and time.
fn lines_of(label: &str) -> Vec<String> {
    let line = Regex::new(&format!(r"^{label} +[0-9.]+ s  (.*)$")).expect("a pattern");
    sample().iter().filter_map(|text| Some(line.captures(text)?[1].to_owned())).collect()
}

/// The names of steps on the page of the boot flow, in its order.
fn documented_steps() -> Vec<String> {
    let page = read(&root().join("docs/src/boot-flow.md"));
    let (_, section) = page.split_once("\n## The steps\n").expect("the section of the steps");
    let section = section.split("\n## ").next().unwrap_or_default();
    let items = section.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_digit()));
    let names = Regex::new(r"\*\*`([a-z-]+)`\.?\*\*").expect("a pattern");
    items.flat_map(|item| names.captures_iter(item).map(|name| name[1].to_owned()).collect::<Vec<_>>()).collect()
}

#[test]
fn every_line_of_the_boot_image_in_the_sample_is_one_that_it_prints() {
    let steps = steps();
    let lines = lines_of("sprig");
    assert!(lines.len() > 8, "the sample has {} lines of the boot image", lines.len());
    for line in lines {
        let (name, detail) = line.split_once(": ").expect("a step and its detail");
        let printed = steps.iter().any(|step| step.name == name && prints(&step.format, detail));
        assert!(printed, "README.md has this line, which no code prints: {line}");
    }
}

#[test]
fn steps_come_in_the_order_of_the_boot_flow() {
    let documented = documented_steps();
    let place = |line: &String| {
        let name = line.split(':').next().unwrap_or_default();
        documented.iter().position(|step| step == name).unwrap_or_else(|| panic!("boot-flow.md lacks the step {name}"))
    };
    let places: Vec<usize> = lines_of("sprig").iter().map(place).collect();
    assert!(places.is_sorted(), "README.md has steps in another order than boot-flow.md: {documented:?}");
}

#[test]
fn the_boot_flow_names_the_steps_of_the_code() {
    let documented = documented_steps();
    let page = read(&root().join("docs/src/boot-flow.md"));
    for step in steps() {
        assert!(page.contains(&format!("`{}`", step.name)), "docs/src/boot-flow.md lacks the step {}", step.name);
    }
    for name in documented {
        assert!(steps().iter().any(|step| step.name == name), "boot-flow.md has the step {name}, which no code logs");
    }
}

#[test]
fn the_table_of_the_sample_is_that_of_the_code() {
    let source = read(&root().join("xtask/src/report.rs"));
    let (_, head) = source.split_once("let head = [").expect("the head of the table");
    let head: Vec<&str> = head.split(']').next().unwrap_or_default().split('"').skip(1).step_by(2).collect();
    let sample = sample();
    let row = |line: &String| {
        line.trim().split("  ").filter(|cell| !cell.is_empty()).map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    };
    let rows: Vec<Vec<String>> =
        sample.iter().filter(|line| line.starts_with("  ") && !line.ends_with("...")).map(row).collect();
    assert_eq!(rows[0], head);
    assert_eq!(rows.len(), 1 + partitions().len());
    for (row, (name, cpus, memory, line)) in rows[1..].iter().zip(partitions()) {
        let release = &row[1];
        assert_eq!([&row[0], &row[2], &row[3]], [&name, &cpus, &memory]);
        assert!(release.starts_with(&format!("{line}.")), "{release} is no kernel of the line {line}");
        let begins = format!("Linux {release} begins");
        assert_eq!(lines_of(&name)[0], begins);
        assert_eq!(lines_of(&name)[1], format!("in user space, {} after its own start", row[4]));
    }
}

/// Name, cores, memory and line of kernels of each partition of the demo's box, as the table has them.
fn partitions() -> Vec<(String, String, String, String)> {
    let file = read(&root().join("examples/two-linux.toml"));
    let partition = |text: &str| {
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
            line.unwrap_or_else(|| panic!("a partition lacks {key}")).trim_matches('"').to_owned()
        };
        let kernel = value("kernel");
        let line = kernel.rsplit('/').nth(1).expect("a kernel lies in the folder of its line").to_owned();
        (value("name"), value("cpus"), value("memory").replace("MiB", " MiB"), line)
    };
    file.split("[[partition]]").skip(1).map(partition).collect()
}

#[test]
fn the_demo_prints_the_other_lines_of_the_sample() {
    let source =
        ["xtask/src/demo.rs", "xtask/src/demo/view.rs", "xtask/src/demo/ssh.rs"].map(|path| read(&root().join(path)));
    let source = source.concat();
    for words in [
        "an emulated machine of ",
        " kernels side by side",
        " begins",
        "in user space, ",
        " s after its own start",
        " logged in to ",
    ] {
        assert!(source.contains(words), "the demo does not print {words:?}");
        assert!(sample().iter().any(|line| line.contains(words)), "the sample lacks {words:?}");
    }
}
