//! Why an entry was paid or not: every version of its verdict with the reason in words, and every settlement that paid or corrected it. For
//! an auditor, who has a terminal and a number.

use crate::crypto::entry_hash;
use crate::domain::refusal::Language;
use crate::domain::verdict::{Contest, Verdict};
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
    let (french, english) = match verdict {
        Verdict::Payable => ("La région paie cette écriture.", "The region pays this entry."),
        Verdict::Recorded => {
            ("L'écriture est gardée ; rien n'est à payer pour elle.", "The entry is on record; nothing is paid for it.")
        }
        Verdict::Contested(reason) => reason_sentence(reason),
    };
    match language {
        Language::French => french,
        Language::English => english,
    }
}

const fn reason_sentence(reason: Contest) -> (&'static str, &'static str) {
    match reason {
        Contest::Unreadable => {
            ("Ses octets ne se lisent pas comme une écriture.", "Its bytes cannot be read as an entry.")
        }
        Contest::UnknownCard => ("La région n'a pas fait cette carte.", "The region never made this card."),
        Contest::CardProof => ("La signature de la carte ne vaut pas.", "The card's signature does not hold."),
        Contest::OtherTerminal => {
            ("La carte a été débitée par un autre terminal.", "The card was debited by another terminal.")
        }
        Contest::NotAllowed => (
            "Le terminal n'avait pas le droit de débiter cet avantage à ce moment.",
            "The terminal was not allowed to debit this benefit at that time.",
        ),
        Contest::AlreadyPaid => (
            "Le même débit de la carte est déjà payé par une autre écriture.",
            "The same debit of the card is paid by another entry already.",
        ),
        Contest::ClonedCounter => (
            "Deux débits différents portent le même numéro : la carte a été copiée.",
            "Two different debits have the same number: the card was copied.",
        ),
        Contest::BeyondGrant => ("Plus a été débité qu'accordé.", "More was debited than was granted."),
        Contest::MissingReversal => (
            "Une annulation manque, qui pourrait être celle de ce débit ; elle est demandée.",
            "A reversal is missing that may be of this debit; it is asked for.",
        ),
        Contest::TakenBack => ("Le débit a été annulé.", "The debit was taken back."),
        Contest::Abandoned => {
            ("La vente avait été abandonnée et l'argent rendu.", "The sale had been given up and the money returned.")
        }
        Contest::CardDenied => (
            "La carte était en opposition et le terminal le savait.",
            "The card was denied, and the terminal had been told.",
        ),
        Contest::TerminalSuspended => {
            ("Le terminal était suspendu et le savait.", "The terminal was suspended, and had been told.")
        }
        Contest::OfflinePolicy => (
            "Le terminal a vendu trop longtemps ou trop sans échange.",
            "The terminal sold too long or too much without an exchange.",
        ),
        Contest::Forked => (
            "Le journal du terminal a bifurqué et cette branche n'est pas éclaircie.",
            "The terminal's chain forked, and this branch is not settled.",
        ),
    }
}
