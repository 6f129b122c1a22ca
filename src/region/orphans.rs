//! Debits that died with a disk: their terminal was replaced, or an old copy of its ledger put back; their entries never came, and the cards' own
//! records tell of them.
//!
//! They are worked out anew whenever they are asked for, from the same facts as every verdict: once the old disk is found and its entry comes, that is
//! payable, and the debit is no orphan any more. So each is paid once (decision 9).

use crate::domain::card::Record;
use crate::domain::catalogue::Catalogue;
use crate::domain::{Cents, TerminalId, Timestamp};

use super::Region;
use super::bench::Bench;
use super::error::RegionError;

/// A debit without an entry that is payable to the partner of the terminal that its record names.
#[derive(Clone, Debug)]
pub struct Orphan {
    /// What the card signed.
    pub record: Record,
    /// What the region pays for it.
    pub payable: Cents,
    /// The catalogue of its season.
    pub catalogue: Option<Catalogue>,
}

impl Region {
    /// The payable debits of terminals that lost entries, or of the one `terminal`, that only the cards tell of; by terminal, card and counter.
    ///
    /// # Errors
    /// The store's.
    pub fn orphans(&self, terminal: Option<TerminalId>, now: Timestamp) -> Result<Vec<Orphan>, RegionError> {
        self.store().read(|tx| {
            let mut orphans = Vec::new();
            let lossy = tx.terminals_with_losses()?.into_iter();
            for lost in lossy.filter(|lost| terminal.is_none_or(|asked| asked == *lost)) {
                for card in tx.cards_with_records_of(lost)? {
                    let found = Bench::new(tx, &*self.signer(tx)?, now).orphans_of(card)?.into_iter();
                    for (record, payable) in found.filter(|(record, _)| record.terminal == lost) {
                        orphans.push(Orphan { record, payable, catalogue: tx.catalogue(record.season)? });
                    }
                }
            }
            Ok(orphans)
        })
    }
}
