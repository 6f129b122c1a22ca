//! A sentence for people that is made before it is known in which language it will be read.

use super::refusal::Language;

/// One sentence, in each language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// In French.
    pub french: String,
    /// In English.
    pub english: String,
}

impl Spoken {
    /// The sentence, in both.
    pub fn new(french: impl Into<String>, english: impl Into<String>) -> Self {
        Self { french: french.into(), english: english.into() }
    }

    /// It, in one.
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::French => &self.french,
            Language::English => &self.english,
        }
    }
}

/// `30/11/2026` of `2026-11-30`, `11/2026` of `2026-11`: a day or a month as it is written in French. In English it stays as it is: day and month could be exchanged.
pub fn date(iso: &str, language: Language) -> String {
    match language {
        Language::French => iso.split('-').rev().collect::<Vec<_>>().join("/"),
        Language::English => iso.to_owned(),
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
