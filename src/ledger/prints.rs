//! What was handed out on paper: the first of each entry is the original, every further one a duplicate (*duplicata*), which goes on record
//! before it is handed out.

use rusqlite::OptionalExtension as _;

use crate::domain::Sequence;
use crate::domain::entry::{Body, TechnicalEvent};
use crate::domain::receipt::Copy;

use super::append::Ledger;
use super::cashiers::By;
use super::error::LedgerError;
use super::view::{View, number};

impl View {
    /// How many duplicates of `entry` were handed out; `None` before the original was.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn duplicates(&self, entry: Sequence) -> Result<Option<u32>, LedgerError> {
        let sql = "SELECT duplicates FROM printed WHERE entry = ?1";
        Ok(self.connection.prepare_cached(sql)?.query_row([number(entry)], |row| row.get(0)).optional()?)
    }
}

impl Ledger {
    /// `entry` is about to be handed out: as the original when it never was, else as a duplicate.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn hand_out(&mut self, by: By, entry: Sequence) -> Result<Copy, LedgerError> {
        if self.view.duplicates(entry)?.is_some() {
            return self.hand_out_again(by, entry).map(Copy::Duplicate);
        }
        self.write(|draft| {
            let sql = "INSERT INTO printed (entry, duplicates) VALUES (?1, 0)";
            draft.connection.prepare_cached(sql)?.execute([entry.get()])?;
            Ok(Copy::Original)
        })
    }

    /// A duplicate of `entry` is about to be handed out, whether or not the original ever was: which one it is.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn hand_out_again(&mut self, by: By, entry: Sequence) -> Result<u32, LedgerError> {
        self.write(|draft| {
            let sql = "INSERT INTO printed (entry, duplicates) VALUES (?1, 1) \
                       ON CONFLICT (entry) DO UPDATE SET duplicates = duplicates + 1 RETURNING duplicates";
            let count = draft.connection.prepare_cached(sql)?.query_row([number(entry)], |row| row.get(0))?;
            draft.append(by.now, Body::Event(TechnicalEvent::Duplicate { entry, count }), by.cashier)?;
            Ok(count)
        })
    }
}
