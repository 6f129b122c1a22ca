//! What a period came to: for the closing of the day, and for whoever reconciles the till.

use rusqlite::Connection;

use crate::domain::catalogue::Code;
use crate::domain::closing::{BenefitTotal, TenderTotal, Totals};
use crate::domain::entry::Tender;
use crate::domain::{Cents, Sequence, Timestamp};

use super::error::LedgerError;
use super::view::View;

/// Which entries.
#[derive(Clone, Copy, Debug)]
pub(super) enum Span {
    /// From the first time to the second, excluded, by their own time.
    Times(Timestamp, Timestamp),
    /// From the first to the second, included.
    Entries(Sequence, Sequence),
}

impl Span {
    /// As a condition on `table`, with its two values.
    fn condition(self, table: &str) -> (String, u64, u64) {
        match self {
            Self::Times(from, to) => {
                (format!("{table}.time >= ?1 AND {table}.time < ?2"), from.get().into(), to.get().into())
            }
            Self::Entries(from, to) => (format!("{table}.sequence BETWEEN ?1 AND ?2"), from.get(), to.get()),
        }
    }
}

impl View {
    /// The totals of the entries from `from` to `to`, excluded, by their own time. Debits of sales that were given up
    /// count as debits, with no money.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Damaged`].
    pub fn totals(&self, from: Timestamp, to: Timestamp) -> Result<Totals, LedgerError> {
        totals(&self.connection, Span::Times(from, to))
    }
}

/// The totals of the entries in `span`.
pub(super) fn totals(connection: &Connection, span: Span) -> Result<Totals, LedgerError> {
    Ok(Totals { benefits: benefit_totals(connection, span)?, tenders: tender_totals(connection, span)? })
}

fn benefit_totals(connection: &Connection, span: Span) -> Result<Vec<BenefitTotal>, LedgerError> {
    let ((debits, from, to), (undos, ..)) = (span.condition("entry"), span.condition("undo"));
    let sql = format!(
        "SELECT benefit, sum(debits), sum(debited), sum(undone), sum(given_back) FROM ( \
             SELECT benefit, 1 AS debits, amount AS debited, 0 AS undone, 0 AS given_back FROM entry \
             WHERE {debits} AND kind = 'debit' \
             UNION ALL \
             SELECT debit.benefit, 0, 0, 1, debit.amount \
             FROM entry AS undo JOIN entry AS debit ON debit.sequence = undo.takes_back WHERE {undos} \
         ) GROUP BY benefit ORDER BY benefit"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map((from, to), |row| {
        Ok((row.get::<_, String>(0)?, [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?]))
    })?;
    rows.map(|row| {
        let (benefit, [debits, debited, undone, given_back]) = row?;
        let benefit = Code::new(benefit).map_err(|error| LedgerError::Damaged(error.to_string()))?;
        Ok(BenefitTotal { benefit, debits, debited, undone, given_back })
    })
    .collect()
}

fn tender_totals(connection: &Connection, span: Span) -> Result<Vec<TenderTotal>, LedgerError> {
    let (entries, from, to) = span.condition("entry");
    let sql = format!(
        "SELECT tender, count(*) FILTER (WHERE kind = 'debit'), coalesce(sum(collected), 0), \
             count(*) FILTER (WHERE kind IN ('reversal', 'undo-request')), \
             coalesce(sum(returned) FILTER (WHERE kind IN ('reversal', 'undo-request')), 0), \
             coalesce(sum(returned) FILTER (WHERE kind IN ('not-done', 'abandoned')), 0) \
         FROM ( \
             SELECT tender, kind, collected, returned FROM entry WHERE {entries} AND tender IS NOT NULL \
             UNION ALL \
             SELECT part.tender, kind, iif(kind = 'debit', cents, NULL), iif(kind = 'debit', NULL, cents) \
             FROM entry JOIN part ON part.entry = entry.sequence WHERE {entries} AND entry.tender IS NULL \
         ) GROUP BY tender"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map((from, to), |row| {
        let sums: [u64; 5] = [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?];
        Ok((row.get::<_, String>(0)?, sums))
    })?;
    let mut totals = rows
        .map(|row| {
            let (tender, [sales, collected, undone, returned, given_up]) = row?;
            let tender = Tender::from_code(&tender);
            let [collected, returned, given_up] = [collected, returned, given_up].map(Cents::new);
            let total = tender.zip(collected).zip(returned).zip(given_up);
            total
                .map(|(((tender, collected), returned), given_up)| TenderTotal {
                    tender,
                    sales,
                    collected,
                    undone,
                    returned,
                    given_up,
                })
                .ok_or_else(|| LedgerError::Damaged("a total of money is out of bounds".to_owned()))
        })
        .collect::<Result<Vec<_>, _>>()?;
    totals.sort_by_key(|total| total.tender);
    Ok(totals)
}
