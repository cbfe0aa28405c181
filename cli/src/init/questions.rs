//! Questions to the person at the terminal. Programs are asked nothing: they get what stands for no answer.

use std::io::{self, BufRead, Write};

use anyhow::{Context, Result, bail};

/// Where answers come from and questions go.
pub(crate) struct Questions<R, W> {
    /// Nobody is there if this is nothing.
    person: Option<(R, W)>,
}

impl<R: BufRead, W: Write> Questions<R, W> {
    /// Asks a person.
    pub(crate) fn to(answers: R, questions: W) -> Self {
        Self { person: Some((answers, questions)) }
    }

    /// Asks nobody.
    pub(crate) fn to_nobody() -> Self {
        Self { person: None }
    }

    /// Prints lines that a question is about.
    ///
    /// # Errors
    /// If they cannot be written.
    pub(crate) fn explain(&mut self, lines: &str) -> Result<()> {
        let Some((_, questions)) = &mut self.person else { return Ok(()) };
        writeln!(questions, "{lines}").context("cannot ask")
    }

    /// Asks until the answer has a meaning. An empty one means `default`, as it does where nobody can be asked.
    ///
    /// # Errors
    /// If the answers end.
    pub(crate) fn ask<T>(
        &mut self,
        question: &str,
        default: &str,
        meaning: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T> {
        let Some((answers, questions)) = &mut self.person else {
            return meaning(default).map_err(|error| anyhow::anyhow!("{question}: {error}"));
        };
        loop {
            write!(questions, "{question} [{default}]: ").and_then(|()| questions.flush()).context("cannot ask")?;
            let mut line = String::new();
            if read_line(answers, &mut line).context("cannot read the answer")? == 0 {
                writeln!(questions).context("cannot ask")?;
                bail!("no answer; nothing was written");
            }
            let answer = line.trim();
            match meaning(if answer.is_empty() { default } else { answer }) {
                Ok(meant) => return Ok(meant),
                Err(error) => writeln!(questions, "  {error}").context("cannot ask")?,
            }
        }
    }
}

/// Reads a line of at most some hundred bytes: what is longer is no answer, and must not fill memory.
fn read_line(answers: &mut impl BufRead, line: &mut String) -> io::Result<usize> {
    const MOST: u64 = 4096;
    io::Read::take(answers, MOST).read_line(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> Result<u32, String> {
        text.parse().map_err(|_| format!("`{text}` is no number"))
    }

    #[test]
    fn a_wrong_answer_is_explained_and_the_question_asked_again() {
        let mut asked = Vec::new();
        let mut questions = Questions::to(&b"many\n 3 \n"[..], &mut asked);
        assert_eq!(questions.ask("Cores", "2", count).unwrap(), 3);
        let asked = String::from_utf8(asked).unwrap();
        assert_eq!(asked, "Cores [2]: \n  `many` is no number\nCores [2]: ".replacen("\n  ", "  ", 1));
    }

    #[test]
    fn no_answer_is_the_default_and_the_end_of_answers_an_error() {
        let mut questions = Questions::to(&b"\n"[..], Vec::new());
        assert_eq!(questions.ask("Cores", "2", count).unwrap(), 2);
        assert_eq!(questions.ask("Cores", "2", count).unwrap_err().to_string(), "no answer; nothing was written");
        assert_eq!(Questions::<&[u8], Vec<u8>>::to_nobody().ask("Cores", "2", count).unwrap(), 2);
    }
}
