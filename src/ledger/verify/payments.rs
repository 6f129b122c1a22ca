//! Every payment on the bank terminal against the entries about it: none is there that the entries do not know, none says anything else, and what is
//! held is what both come to.

use rusqlite::Connection;

use crate::domain::Sequence;
use crate::domain::entry::{Body, TechnicalEvent};
use crate::wire::cose::{Algorithm, Content, Sign1};
use crate::wire::entry::decode_entry;

use super::super::error::LedgerError;
use super::super::held;
use super::super::payments::agrees;
use super::{VerifyError, Wrong, at};

/// Checks the payments that entries after `start` are about, and those that name entries.
pub(super) fn check(connection: &Connection, start: Sequence) -> Result<(), VerifyError> {
    let sql = "SELECT sequence, cose FROM entry WHERE kind = 'event' AND sequence > ?1 ORDER BY sequence";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([start.get()])?;
    let mut about = 0_u64;
    while let Some(row) = rows.next()? {
        let (sequence, cose) = (Sequence::new(row.get(0)?), row.get::<_, Vec<u8>>(1)?);
        let payload = Sign1::decode(&cose, Algorithm::EdDsa, Content::Entry).ok().map(|message| message.payload);
        let entry = payload.and_then(|payload| decode_entry(&payload).ok());
        if let Some(Body::Event(TechnicalEvent::Payment(fact))) = entry.map(|entry| entry.body) {
            about += 1;
            if !agrees(connection, sequence, &fact)? {
                return Err(at(sequence, Wrong::Payment).into());
            }
        }
    }
    let sql = "SELECT coalesce(sum((unknown_by > ?1) + 0), 0) + coalesce(sum((ended_by > ?1) + 0), 0) FROM payment";
    let named: u64 = connection.query_row(sql, [start.get()], |row| row.get(0)).map_err(LedgerError::from)?;
    if named == about && held::agrees(connection)? { Ok(()) } else { Err(at(start.next(), Wrong::Payment).into()) }
}
