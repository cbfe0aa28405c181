//! The book's first steps and the README, followed command by command as a newcomer would, in their order.
//!
//! Cargo's commands run in the work tree. The others run in a folder that looks like it: with `target/sprig`,
//! `target/debug/sprig` and `examples`, and with the box file that the page has the reader write.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;
use tempfile::TempDir;
use tests::fixture;

/// Commands that a test cannot run, each with the reason.
const SKIPPED: [(&str, &str); 16] = [
    ("cargo xtask test", "it runs this very test"),
    ("cargo xtask test --only units", "it is a part of the run that this test belongs to"),
    ("cargo xtask test --only proofs", "it is a part of the run that this test belongs to"),
    ("cargo xtask test --only boxes", "it runs this very test"),
    ("cargo xtask test --matrix", "it runs this very test, and more"),
    ("cargo xtask test --only checked-kernel", "it builds a kernel first, which takes half an hour"),
    ("cargo xtask soak restart --times 100", "it takes half an hour, and a sample of it belongs to this run"),
    ("cargo xtask soak hostile", "the same"),
    ("cargo xtask soak dump", "the same"),
    ("cargo xtask lint", "`cargo xtask test` has run it"),
    ("cargo xtask book", "`cargo xtask test` has run it"),
    ("cargo xtask setup --kernel 6.12=/boot/vmlinuz-linux --busybox /usr/bin/busybox", "the paths are the reader's"),
    (
        "cargo xtask setup --kernel 6.1=PATH --kernel 6.12=PATH --kernel 7.2=PATH --busybox PATH",
        "the paths are the reader's",
    ),
    ("sudo sprig inventory -o machine.json", "it records a real machine"),
    ("sprig plan box.toml --inventory machine.json", "it needs that record"),
    ("sprig image box.toml -o box.iso", "the box file is the reader's"),
];
/// What is added to a run, so that it ends by itself.
const END: &str = " --until-up --timeout 240";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_owned()
}

/// The blocks of a page, in order: language, text, and the last line of prose before it.
fn blocks(page: &str) -> Vec<(String, String, String)> {
    let text = fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
    let (mut blocks, mut prose, mut open) = (Vec::new(), String::new(), None::<(String, String)>);
    for line in text.lines() {
        let bare = line.trim_start();
        match (open.take(), bare.strip_prefix("```")) {
            (None, Some(language)) => open = Some((language.to_owned(), String::new())),
            (Some((language, content)), Some(_)) => blocks.push((language, content, prose.clone())),
            (Some((language, content)), None) => open = Some((language, content + bare + "\n")),
            (None, None) if !bare.is_empty() => prose = bare.to_owned(),
            (None, None) => {}
        }
    }
    blocks
}

/// The commands of a block of shell lines, without comments.
fn commands(block: &str) -> impl Iterator<Item = &str> {
    block.lines().map(|line| line.split(" #").next().unwrap_or_default().trim()).filter(|line| !line.is_empty())
}

/// A line without what varies: each number is `#`, the names of the processor, its clock and its accelerator are left out,
/// and spaces that align columns are one.
fn constant(line: &str) -> String {
    let varying = [
        (r"by (software emulation|KVM)", "by an accelerator"),
        (r"kHz by [^,]+", "kHz by a clock"),
        (r"inventory: .*: ([0-9]+ cores)", "inventory: a processor: $1"),
        (r"0x[0-9a-f]+|[0-9][0-9.]*", "#"),
        (r" +", " "),
    ];
    let replace = |text: String, (pattern, with): (&str, &str)| {
        Regex::new(pattern).expect("a regular expression").replace_all(&text, with).into_owned()
    };
    varying.into_iter().fold(line.trim().to_owned(), replace)
}

/// A folder for the commands that are not cargo's.
struct Reader {
    folder: TempDir,
}

impl Reader {
    fn new() -> Self {
        let folder = TempDir::with_prefix("sprig-test-").expect("a folder");
        let target = folder.path().join("target");
        fs::create_dir_all(target.join("debug")).expect("a folder");
        symlink(fixture::root(), target.join("sprig")).expect("a link");
        symlink(fixture::command(), target.join("debug/sprig")).expect("a link");
        symlink(root().join("examples"), folder.path().join("examples")).expect("a link");
        Self { folder }
    }

    fn box_file(&self) -> PathBuf {
        self.folder.path().join("first.toml")
    }

    /// Does what a block of TOML asks: writes the box file, or a line into the entry that the prose names.
    fn write(&self, block: &str, prose: &str) {
        if block.starts_with("[box]") {
            return fs::write(self.box_file(), block).expect("a box file");
        }
        let name = prose.split('`').nth(1).unwrap_or_else(|| panic!("{prose:?} names no entry"));
        let entry = format!("name = \"{name}\"\n");
        let text = fs::read_to_string(self.box_file()).expect("the box file");
        assert!(text.contains(&entry), "no entry of {name} in {text}");
        fs::write(self.box_file(), text.replace(&entry, &format!("{entry}{block}"))).expect("a box file");
    }

    /// Runs a command, and returns what it prints.
    fn run(&self, command: &str) -> String {
        let command = if command.contains("sprig run ") { command.to_owned() + END } else { command.to_owned() };
        let folder = if command.starts_with("cargo ") { root() } else { self.folder.path().to_owned() };
        let shell = Command::new("sh").args(["-c", &command]).current_dir(folder).output().expect("a shell runs");
        let text = [shell.stdout, shell.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(shell.status.success(), "`{command}` failed ({}):\n{text}", shell.status);
        text
    }

    /// Follows a page. Returns every command with what it printed.
    fn follow(&self, page: &str) -> Vec<(String, String)> {
        let mut printed = Vec::new();
        for (language, block, prose) in blocks(page) {
            match language.as_str() {
                "toml" => self.write(&block, &prose),
                "sh" => printed
                    .extend(commands(&block).filter_map(|command| Some((command.into(), self.try_run(command)?)))),
                _ => {}
            }
        }
        printed
    }

    fn try_run(&self, command: &str) -> Option<String> {
        let is_skipped = SKIPPED.iter().any(|(skipped, _)| *skipped == command);
        (!is_skipped).then(|| self.run(command))
    }
}

/// Holds every line of a sample against what was printed, in what does not vary. `...` stands for lines left out.
fn assert_printed(sample: &str, printed: &str) {
    let printed: Vec<String> = printed.lines().map(constant).collect();
    for line in sample.lines().map(str::trim).filter(|line| !line.is_empty() && *line != "...") {
        let line = constant(line);
        let (start, end) = line.split_once(" ...").unwrap_or((&line, ""));
        let is_there = printed.iter().any(|printed| printed.starts_with(start) && printed.ends_with(end));
        assert!(is_there, "nothing like {line:?} was printed:\n{}", printed.join("\n"));
    }
}

fn sample(page: &str, first_words: &str) -> String {
    let mut samples = blocks(page).into_iter().filter(|(language, _, _)| language == "text");
    let found = samples.find(|(_, text, _)| text.starts_with(first_words));
    found.unwrap_or_else(|| panic!("{page} has no sample that begins with {first_words:?}")).1
}

#[test]
fn the_first_steps_of_the_book_can_be_followed_and_print_what_it_shows() {
    let reader = Reader::new();
    let page = "docs/src/first-steps.md";
    let printed = reader.follow(page);
    let demo = &printed.iter().find(|(command, _)| command == "cargo xtask demo").expect("the page begins with it").1;
    assert_printed(&sample("README.md", "boot          an emulated machine"), demo);
    let plan = reader.run("target/debug/sprig plan examples/two-linux.toml");
    assert_printed(&sample(page, "pair on emulated machine"), &plan);
    let run = printed.iter().filter(|(command, _)| command.contains("sprig run ")).count();
    assert_eq!(run, 2, "both boxes of the page were run");
    assert!(reader.folder.path().join("first.svg").is_file() && reader.folder.path().join("sprig-logs").is_dir());
}

#[test]
fn every_command_of_the_readme_is_run_or_skipped_for_a_reason() {
    let pages = ["README.md", "docs/src/first-steps.md"];
    let all: Vec<String> = pages
        .into_iter()
        .flat_map(blocks)
        .filter(|(language, _, _)| language == "sh")
        .flat_map(|(_, block, _)| commands(&block).map(str::to_owned).collect::<Vec<_>>())
        .collect();
    for (skipped, reason) in SKIPPED {
        assert!(all.iter().any(|command| command == skipped), "no page has `{skipped}` ({reason})");
    }
    let followed = blocks(pages[1]).into_iter().filter(|(language, _, _)| language == "sh");
    let followed: Vec<String> =
        followed.flat_map(|(_, block, _)| commands(&block).map(str::to_owned).collect::<Vec<_>>()).collect();
    let takes_long =
        |command: &&String| ["test", "soak"].iter().any(|it| command.starts_with(&format!("cargo xtask {it}")));
    for command in all.iter().filter(takes_long) {
        assert!(SKIPPED.iter().any(|(skipped, _)| skipped == command), "`{command}` would run within this very test");
    }
    for command in &all {
        let is_known = followed.contains(command) || SKIPPED.iter().any(|(skipped, _)| skipped == command);
        assert!(is_known, "README.md has `{command}`, which no test runs");
    }
}
