//! Every closing once more, from the entries that it covers. The columns that are summed were held against the signed bytes before.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::domain::Sequence;
use crate::domain::closing::{Closing, Doubt, Doubts, PeriodKind};
use crate::domain::entry::Intent;
use crate::wire::cbor;

use super::super::closings::{Counted, closing_of, day, doubt, larger, newest};
use super::super::error::LedgerError;
use super::{VerifyError, Wrong, at};

/// The newest closing of each kind so far.
#[derive(Default)]
struct Newest {
    day: Option<(Sequence, Closing)>,
    month: Option<(Sequence, Closing)>,
    year: Option<(Sequence, Closing)>,
}

impl Newest {
    fn before(connection: &Connection, start: Sequence) -> Result<Self, LedgerError> {
        let of = |kind| {
            let found = newest(connection, Some(kind), Sequence::new(0), Some(start.next()), 1)?;
            Ok::<_, LedgerError>(found.into_iter().next())
        };
        Ok(Self { day: of(PeriodKind::Day)?, month: of(PeriodKind::Month)?, year: of(PeriodKind::Year)? })
    }

    fn of(&mut self, kind: PeriodKind) -> &mut Option<(Sequence, Closing)> {
        match kind {
            PeriodKind::Day => &mut self.day,
            PeriodKind::Month => &mut self.month,
            PeriodKind::Year => &mut self.year,
        }
    }
}

/// Checks the closings after the entry `start`.
pub(super) fn check(connection: &Connection, start: Sequence) -> Result<(), VerifyError> {
    let mut newest = Newest::before(connection, start)?;
    let mut doubts = doubts(connection, start)?;
    let sql = "SELECT sequence, cose FROM entry WHERE kind = 'closing' AND sequence > ?1 ORDER BY sequence";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([start.get()])?;
    while let Some(row) = rows.next()? {
        let (sequence, cose) = (Sequence::new(row.get(0)?), row.get::<_, Vec<u8>>(1)?);
        let wrong = || VerifyError::from(at(sequence, Wrong::Closing));
        let said = closing_of(&cose).ok_or_else(wrong)?;
        let kind = said.period.kind();
        let before = newest.of(kind);
        let computed = match kind {
            PeriodKind::Day => {
                let counted = Counted { float: said.cash.float, counted: said.cash.counted };
                let doubts = Doubts::of(doubts.remove(&sequence).unwrap_or_default());
                day(connection, before.as_ref(), sequence, doubts, counted)?
            }
            PeriodKind::Month | PeriodKind::Year => larger(connection, kind, before.as_ref(), sequence)?,
        };
        if computed.as_ref() != Some(&said) {
            return Err(wrong());
        }
        *before = Some((sequence, said));
    }
    Ok(())
}

/// The sales that were in doubt at each closing of a day.
fn doubts(connection: &Connection, start: Sequence) -> Result<HashMap<Sequence, Vec<Doubt>>, VerifyError> {
    let sql = "SELECT closing.sequence, intent.bytes FROM intent JOIN entry AS closing \
               ON closing.kind = 'closing' AND closing.sequence > max(intent.head, ?1) \
               AND closing.sequence < coalesce(intent.abandoned_by, intent.settled_by, 9223372036854775807)";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([start.get()])?;
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    while let Some(row) = rows.next()? {
        let (sequence, bytes) = (Sequence::new(row.get(0)?), row.get::<_, Vec<u8>>(1)?);
        let intent: Intent =
            cbor::decode(&bytes).map_err(|error| LedgerError::Damaged(format!("an intent: {error}")))?;
        if let Some(doubt) = doubt(&intent) {
            found.entry(sequence).or_default().push(doubt);
        }
    }
    Ok(found)
}
