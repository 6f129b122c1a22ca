//! What a period came to: for the closing of the day, and for whoever reconciles the till.

use crate::domain::catalogue::Code;
use crate::domain::entry::Tender;
use crate::domain::{Cents, Timestamp};

use super::error::LedgerError;
use super::view::View;

/// What was debited of a benefit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BenefitTotal {
    /// The benefit.
    pub benefit: Code,
    /// How many debits.
    pub debits: u64,
    /// What they took, in the unit of the benefit.
    pub debited: u64,
    /// How many debits were taken back in the period, whenever they were made.
    pub undone: u64,
    /// What they had taken, in the unit of the benefit.
    pub given_back: u64,
}

/// The holders' money, by how it was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenderTotal {
    /// How.
    pub tender: Tender,
    /// Kept for debits.
    pub collected: Cents,
    /// Given back for debits that were taken back.
    pub returned: Cents,
    /// Collected and given back for sales that did not come about or were given up: in neither of the others.
    pub given_up: Cents,
}

/// What a period came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// By benefit, in alphabetical order; only those that occur.
    pub benefits: Vec<BenefitTotal>,
    /// By tender; only those that occur.
    pub tenders: Vec<TenderTotal>,
}

impl View {
    /// The totals of the entries from `from` to `to`, excluded, by their own time. Debits of sales that were given up
    /// count as debits, with no money.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Damaged`].
    pub fn totals(&self, from: Timestamp, to: Timestamp) -> Result<Totals, LedgerError> {
        Ok(Totals { benefits: self.benefit_totals(from, to)?, tenders: self.tender_totals(from, to)? })
    }

    fn benefit_totals(&self, from: Timestamp, to: Timestamp) -> Result<Vec<BenefitTotal>, LedgerError> {
        let sql = "SELECT benefit, sum(debits), sum(debited), sum(undone), sum(given_back) FROM ( \
                       SELECT benefit, 1 AS debits, amount AS debited, 0 AS undone, 0 AS given_back FROM entry \
                       WHERE time >= ?1 AND time < ?2 AND kind = 'debit' \
                       UNION ALL \
                       SELECT debit.benefit, 0, 0, 1, debit.amount \
                       FROM entry AS undo JOIN entry AS debit ON debit.sequence = undo.takes_back \
                       WHERE undo.time >= ?1 AND undo.time < ?2 \
                   ) GROUP BY benefit ORDER BY benefit";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map((from.get(), to.get()), |row| {
            Ok((row.get::<_, String>(0)?, [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?]))
        })?;
        rows.map(|row| {
            let (benefit, [debits, debited, undone, given_back]) = row?;
            let benefit = Code::new(benefit).map_err(|error| LedgerError::Damaged(error.to_string()))?;
            Ok(BenefitTotal { benefit, debits, debited, undone, given_back })
        })
        .collect()
    }

    fn tender_totals(&self, from: Timestamp, to: Timestamp) -> Result<Vec<TenderTotal>, LedgerError> {
        let sql = "SELECT tender, coalesce(sum(collected), 0), \
                       coalesce(sum(returned) FILTER (WHERE kind IN ('reversal', 'undo-request')), 0), \
                       coalesce(sum(returned) FILTER (WHERE kind IN ('not-done', 'abandoned')), 0) \
                   FROM entry WHERE time >= ?1 AND time < ?2 AND tender IS NOT NULL GROUP BY tender";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map((from.get(), to.get()), |row| {
            Ok((row.get::<_, String>(0)?, [row.get(1)?, row.get(2)?, row.get(3)?]))
        })?;
        let mut totals = rows
            .map(|row| {
                let (tender, sums) = row?;
                let tender = Tender::from_code(&tender);
                let [collected, returned, given_up] = sums.map(Cents::new);
                let total = tender.zip(collected).zip(returned).zip(given_up);
                total
                    .map(|(((tender, collected), returned), given_up)| TenderTotal {
                        tender,
                        collected,
                        returned,
                        given_up,
                    })
                    .ok_or_else(|| LedgerError::Damaged("a total of money is out of bounds".to_owned()))
            })
            .collect::<Result<Vec<_>, _>>()?;
        totals.sort_by_key(|total| total.tender);
        Ok(totals)
    }
}
