//! Why an entry was paid or not: every version of its verdict with the reason in words, and every settlement that paid or corrected it. For
//! an auditor, who has a terminal and a number.

use crate::crypto::entry_hash;
use crate::domain::refusal::Language;
use crate::domain::verdict::Verdict;
use crate::domain::{Sequence, TerminalId};
use crate::region::Region;
use crate::region::error::RegionError;
use crate::region::store::{EntryLine, SettlementRow, StoreError, StoredEntry, VersionRow};

use super::trouble::SettlementTrouble;

/// An entry's story.
#[derive(Clone, Debug)]
pub struct Story {
    /// The entry as it was signed, and when it came.
    pub entry: StoredEntry,
    /// SHA-256 of it.
    pub hash: crate::domain::EntryHash,
    /// Every version of its verdict, the newest last.
    pub versions: Vec<VersionRow>,
    /// Every settlement that it is in, the newest last.
    pub settled: Vec<(SettlementRow, EntryLine)>,
}

impl Region {
    /// The story of the entry with this number: one on each branch that the terminal's chain has there.
    ///
    /// # Errors
    /// [`SettlementTrouble::NoEntry`], the store's.
    pub fn entry_stories(&self, terminal: TerminalId, sequence: Sequence) -> Result<Vec<Story>, RegionError> {
        self.store().read(|tx| {
            let versions = tx.verdict_versions(terminal, sequence)?;
            let lines = tx.lines_of_entry(terminal, sequence)?;
            let mut stories = Vec::new();
            for key in tx.entries_at(terminal, sequence)? {
                let branch = key.place.branch;
                let entry = tx.entries_of_branch(terminal, branch, sequence, 1)?.pop();
                let entry = entry.ok_or(StoreError::Inconsistent("an entry that was there"))?;
                let mut settled = Vec::new();
                for line in lines.iter().filter(|line| line.change.place == key.place) {
                    let settlement = tx.settlement_up_to(line.number)?;
                    settled.push((settlement.ok_or(StoreError::Inconsistent("a line's settlement"))?, *line));
                }
                stories.push(Story {
                    hash: entry_hash(&entry.cose),
                    versions: versions.iter().filter(|row| row.branch == branch).copied().collect(),
                    settled,
                    entry,
                });
            }
            if stories.is_empty() {
                let (terminal, sequence) = (terminal.get(), sequence.get());
                return Err(SettlementTrouble::NoEntry { terminal, sequence }.into());
            }
            Ok(stories)
        })
    }
}

/// What a verdict says, in one sentence.
pub const fn sentence(verdict: Verdict, language: Language) -> &'static str {
    match (verdict, language) {
        (Verdict::Payable, Language::French) => "La région paie cette écriture.",
        (Verdict::Payable, Language::English) => "The region pays this entry.",
        (Verdict::Recorded, Language::French) => "L'écriture est gardée ; rien n'est à payer pour elle.",
        (Verdict::Recorded, Language::English) => "The entry is on record; nothing is paid for it.",
        (Verdict::Contested(reason), language) => reason.sentence(language),
    }
}
