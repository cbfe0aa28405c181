//! The errors of a box file as a terminal shows them: each with the lines that it is about.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use emulator::colours::Colours;
use emulator::source::BoxFileError;
use partitioner::diagnostic::Diagnostic;

/// Draws all errors, one below the other.
pub(crate) fn draw(refusal: &BoxFileError, colours: Colours) -> String {
    let renderer = match colours {
        Colours::Off => Renderer::plain(),
        Colours::On => Renderer::styled(),
    };
    let drawn = refusal.diagnostics.iter().map(|diagnostic| renderer.render(&[group(diagnostic, refusal)]));
    drawn.collect::<Vec<_>>().join("\n\n")
}

fn group<'a>(diagnostic: &'a Diagnostic, refusal: &'a BoxFileError) -> Group<'a> {
    let title = Level::ERROR.primary_title(diagnostic.message.as_str()).id(diagnostic.code);
    let mut group = Group::with_title(title);
    if !diagnostic.places.is_empty() {
        let mut snippet = Snippet::source(refusal.text.as_str()).path(refusal.file.as_str());
        for (number, place) in diagnostic.places.iter().enumerate() {
            let kind = if number == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
            let span = within(&refusal.text, place.span.clone());
            snippet = snippet.annotation(kind.span(span).label(place.label.as_str()));
        }
        group = group.element(snippet);
    }
    if diagnostic.help.is_empty() {
        return group;
    }
    group.element(Level::HELP.message(diagnostic.help.as_str()))
}

/// The span, moved to where the text has characters: a renderer must not fall over a span that is off.
fn within(text: &str, span: Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.clamp(start, text.len()));
    start..end
}

#[cfg(test)]
mod tests {
    use partitioner::diagnostic::Place;

    use super::*;

    fn refusal(places: Vec<Place>) -> BoxFileError {
        let text = "[[partition]]\nname = \"web\"\ncpus = \"0-1\"\n\n[[partition]]\nname = \"dß\"\ncpus = \"1\"\n";
        let message = "core 1 is claimed by \"web\" and by \"dß\"".to_owned();
        let help = "give each core to one partition".to_owned();
        let diagnostics = vec![Diagnostic { code: "core-claimed-twice", message, places, help }];
        BoxFileError { file: "pair.toml".to_owned(), text: text.to_owned(), diagnostics }
    }

    fn place(refusal: &BoxFileError, words: &str, label: &str) -> Place {
        let start = refusal.text.find(words).unwrap();
        Place { span: start..start + words.len(), label: label.to_owned() }
    }

    #[test]
    fn a_conflict_shows_both_lines() {
        let bare = refusal(Vec::new());
        let places = vec![place(&bare, "\"1\"", "claimed here"), place(&bare, "\"0-1\"", "first claimed here")];
        insta::assert_snapshot!(draw(&refusal(places), Colours::Off));
    }

    #[test]
    fn a_complaint_without_a_place_has_no_lines() {
        insta::assert_snapshot!(draw(&refusal(Vec::new()), Colours::Off));
    }

    #[test]
    fn a_span_that_is_off_is_drawn_all_the_same() {
        let cuts_a_letter = refusal(Vec::new()).text.find('ß').unwrap() + 1;
        for span in [usize::MAX - 1..usize::MAX, 9998..9999, cuts_a_letter..cuts_a_letter] {
            let place = Place { span, label: "here".to_owned() };
            assert!(draw(&refusal(vec![place]), Colours::Off).contains("here"));
        }
    }
}
