//! What the README and the book's first page call missing: both name the same, and the code still lacks it.

use crate::commands::of_sprig;
use crate::files::{files, read, root};

/// Each claim, and what shows that it is true.
const CLAIMS: [(&str, Evidence); 3] = [
    ("Moving cores or memory", Evidence::NoCommand("move")),
    ("Boundaries enforced by hardware", Evidence::NoWord { folder: "partitioner/src", word: "Guarded" }),
    (
        "A real machine",
        Evidence::Sentence { page: "docs/src/iron.md", text: "Nobody has booted a box on a real machine" },
    ),
];

/// What must be so while something is missing.
enum Evidence {
    /// `sprig` has no such subcommand.
    NoCommand(&'static str),
    /// No source below the folder has the word.
    NoWord { folder: &'static str, word: &'static str },
    /// Nothing of ours can show it; the page that would change has this text.
    Sentence { page: &'static str, text: &'static str },
}

impl Evidence {
    fn holds(&self) -> bool {
        match self {
            Evidence::NoCommand(name) => of_sprig().iter().all(|command| command != name),
            Evidence::NoWord { folder, word } => {
                files(&root().join(folder), ".rs").iter().all(|path| !read(path).contains(word))
            }
            Evidence::Sentence { page, text } => read(&root().join(page)).contains(text),
        }
    }
}

/// The first words of the entries between two texts, each between these marks.
fn entries(page: &str, after: &str, [before_name, after_name]: [&str; 2]) -> Vec<String> {
    let text = read(&root().join(page));
    let (_, section) = text.split_once(after).unwrap_or_else(|| panic!("{page} lacks {after:?}"));
    let section = section.split("\n## ").next().unwrap_or_default();
    let entries = section.lines().filter_map(|line| line.strip_prefix(before_name)?.split_once(after_name));
    entries.map(|(name, _)| name.trim_end_matches('.').to_owned()).collect()
}

#[test]
fn what_is_called_missing_is_missing() {
    let claims: Vec<&str> = CLAIMS.iter().map(|(claim, _)| *claim).collect();
    assert_eq!(entries("README.md", "\nNot there yet:\n", ["- **", "**"]), claims);
    assert_eq!(entries("docs/src/introduction.md", "\n## What is not there yet\n", ["| ", " |"])[1..], claims);
    for (claim, evidence) in &CLAIMS {
        assert!(evidence.holds(), "the README and the book call this missing, and it is not: {claim}");
    }
}
