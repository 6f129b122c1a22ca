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
