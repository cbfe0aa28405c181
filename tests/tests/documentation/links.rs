//! Every link leads somewhere, and every page is in the summary.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::files::{files, read, root};

/// The targets of a text's links, without those to web pages.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target).filter(|target| !target.contains("://"))
}

/// The anchors of a text's headings, as both mdBook and forges make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
    headings.map(|heading| heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut followed = 0;
    for path in files(&root(), ".md") {
        let text = read(&path);
        for link in links(&text) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target =
                if file.is_empty() { path.clone() } else { path.parent().expect("a file has a folder").join(file) };
            assert!(target.exists(), "{} links to {link}, which is not there", path.display());
            let there = anchor.is_empty() || anchors(&read(&target)).contains(anchor);
            assert!(there, "{} links to {link}, which has no such heading", path.display());
            followed += 1;
        }
    }
    assert!(followed > 0, "no links are found");
}

#[test]
fn every_page_of_the_book_is_in_its_summary() {
    let book = root().join("docs/src");
    let summary = read(&book.join("SUMMARY.md"));
    let listed: BTreeSet<PathBuf> = links(&summary).map(|link| book.join(link)).collect();
    for page in files(&book, ".md").into_iter().filter(|page| !page.ends_with("SUMMARY.md")) {
        assert!(listed.contains(&page), "docs/src/SUMMARY.md does not list {}", page.display());
    }
}
