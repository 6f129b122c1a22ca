//! What is said to people before it is known in which language they read.

use std::fmt;

use super::refusal::Language;

/// The same words in each language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// In French.
    pub french: String,
    /// In English.
    pub english: String,
}

impl Spoken {
    /// The words, in both.
    pub fn new(french: impl Into<String>, english: impl Into<String>) -> Self {
        Self { french: french.into(), english: english.into() }
    }

    /// Those of one language.
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::French => &self.french,
            Language::English => &self.english,
        }
    }
}

/// `30/11/2026` of `2026-11-30`, `11/2026` of `2026-11`: a day or a month as it is written in French. In English it stays as it is: day and month could be exchanged.
pub fn date(iso: impl fmt::Display, language: Language) -> String {
    let iso = iso.to_string();
    match language {
        Language::French => iso.split('-').rev().collect::<Vec<_>>().join("/"),
        Language::English => iso,
    }
}

/// `The line is down.` of `the line is down`: a clause as a sentence of its own.
pub fn sentence(clause: &str) -> String {
    let mut letters = clause.chars();
    letters.next().map_or_else(String::new, |first| {
        format!("{}{}.", first.to_uppercase(), letters.as_str().trim_end_matches('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_they_are_written() {
        for (iso, french) in [("2026-11-30", "30/11/2026"), ("2026-11", "11/2026"), ("2026", "2026")] {
            assert_eq!(date(iso, Language::French), french);
            assert_eq!(date(iso, Language::English), iso);
        }
    }

    #[test]
    fn a_clause_becomes_a_sentence() {
        for (clause, whole) in
            [("", ""), ("é", "É."), ("the line is down", "The line is down."), ("Nobody answers.", "Nobody answers.")]
        {
            assert_eq!(sentence(clause), whole);
        }
    }
}
