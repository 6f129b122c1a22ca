//! Payments on the bank terminal: each is durable before the bank terminal hears of it, and at each of its steps. Of one whose money moved, or
//! may have, there is an entry.
//!
//! What may follow what is decided in `machine::payment`; triggers see to it that nothing goes back.

use rusqlite::{Connection, Row, named_params};

use crate::domain::closing::{UnknownPayment, UnknownPayments};
use crate::domain::entry::{Body, TechnicalEvent};
use crate::domain::payment::{Doubt, NotPaid, PaymentEnd, PaymentFact, PaymentState, Reason, Said, Way};
use crate::domain::{CashierId, Cents, PaymentId, RequestId, Sequence, Timestamp};

use super::append::Ledger;
use super::cashiers::By;
use super::error::LedgerError;
use super::facts::has_table;
use super::view::View;

/// A payment that somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskedPayment {
    /// Its name.
    pub id: PaymentId,
    /// The request of the sale that it is for.
    pub request: RequestId,
    /// Which way.
    pub way: Way,
    /// How much.
    pub amount: Cents,
}

/// A payment, as far as it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payment {
    /// What was asked.
    pub asked: AskedPayment,
    /// When.
    pub time: Timestamp,
    /// Who asked, where cashiers sign in.
    pub cashier: Option<CashierId>,
    /// How far it is.
    pub state: PaymentState,
    /// The entry that says that it is unknown.
    pub unknown_by: Option<Sequence>,
    /// The entry that says how it ended; a payment that was surely not made has none.
    pub ended_by: Option<Sequence>,
}

/// Why a payment was not begun.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PaymentError {
    /// Another one is in flight.
    #[error("another payment is in progress")]
    InFlight,
    /// One of the same sale is unknown.
    #[error("a payment of this sale is unknown")]
    Unknown,
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<rusqlite::Error> for PaymentError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Ledger(error.into())
    }
}

/// A ledger of an older schema, which is only read, has none.
const TABLE: &str = "payment";
const COLUMNS: &str = "id, request, way, asked, time, cashier, state, amount, why, unknown_by, ended_by";

impl View {
    /// A payment.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn payment(&self, id: PaymentId) -> Result<Option<Payment>, LedgerError> {
        Ok(select(&self.connection, "id = ?1", id.as_bytes())?.into_iter().next())
    }

    /// The payments of a sale, oldest first.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn payments_of(&self, request: RequestId) -> Result<Vec<Payment>, LedgerError> {
        select(&self.connection, "request = ?1", request.as_bytes())
    }

    /// The payments that are in flight, or unknown, oldest first. A ledger of an older schema, which is only read, has none.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn open_payments(&self) -> Result<Vec<Payment>, LedgerError> {
        if !has_table(&self.connection, TABLE)? {
            return Ok(Vec::new());
        }
        select(&self.connection, "state IN ('asked', 'sent', 'unknown') AND ?1 IS NOT NULL", &[0])
    }
}

impl Ledger {
    /// Makes a payment durable that the bank terminal is about to be asked for.
    ///
    /// # Errors
    /// [`PaymentError`].
    pub fn ask_payment(&mut self, by: By, asked: AskedPayment) -> Result<(), PaymentError> {
        self.write(|draft| {
            let open = select(draft.connection, "state IN ('asked', 'sent', 'unknown') AND ?1 IS NOT NULL", &[0])?;
            if open.iter().any(|open| !open.state.is_at_rest()) {
                return Err(PaymentError::InFlight);
            }
            if open.iter().any(|open| open.asked.request == asked.request) {
                return Err(PaymentError::Unknown);
            }
            let sql = "INSERT INTO payment (id, request, way, asked, time, cashier, state) \
                       VALUES (:id, :request, :way, :asked, :time, :cashier, 'asked')";
            draft.connection.prepare_cached(sql)?.execute(named_params! {
                ":id": asked.id.as_bytes(),
                ":request": asked.request.as_bytes(),
                ":way": asked.way.code(),
                ":asked": asked.amount.get(),
                ":time": by.now.max(draft.tip.floor).get(),
                ":cashier": by.cashier.map(CashierId::get),
            })?;
            Ok(draft.weigh(asked.request, by.now.max(draft.tip.floor))?)
        })
    }

    /// How far a payment is now. Where money moved, or may have, or the cashier says so, an entry says it too, in the same transaction:
    /// whether there is one.
    ///
    /// # Errors
    /// [`LedgerError`]; also where that does not follow from how far it was.
    pub fn payment_is(&mut self, by: By, id: PaymentId, state: PaymentState) -> Result<Option<Sequence>, LedgerError> {
        self.write(|draft| {
            let before = select(draft.connection, "id = ?1", id.as_bytes())?.into_iter().next();
            let Some(Payment { asked, .. }) = before else {
                return Err(LedgerError::Damaged(format!("payment {id} is missing")));
            };
            let entry = match state.end() {
                Some(end) => {
                    let AskedPayment { request, way, amount, .. } = asked;
                    let fact = PaymentFact { payment: id, request, way, asked: amount, end };
                    Some(draft.append(by.now, Body::Event(TechnicalEvent::Payment(fact)), by.cashier)?.sequence)
                }
                None => None,
            };
            let (unknown, ended) =
                if matches!(state, PaymentState::Unknown(_)) { (entry, None) } else { (None, entry) };
            let amount = match state {
                PaymentState::Approved { amount, .. } => Some(amount.get()),
                PaymentState::Asked | PaymentState::Sent | PaymentState::Refused(_) | PaymentState::Unknown(_) => None,
            };
            let sql = "UPDATE payment SET state = :state, amount = :amount, why = :why, \
                       unknown_by = coalesce(unknown_by, :unknown), ended_by = :ended WHERE id = :id";
            draft.connection.prepare_cached(sql)?.execute(named_params! {
                ":id": id.as_bytes(),
                ":state": state.code(),
                ":amount": amount,
                ":why": why(state),
                ":unknown": unknown.map(Sequence::get),
                ":ended": ended.map(Sequence::get),
            })?;
            draft.weigh(asked.request, by.now.max(draft.tip.floor))?;
            Ok(entry)
        })
    }
}

/// In a copy of the ledger, what was asked when it was made may have been sent since: whoever takes it up does not take it for surely not paid.
pub(super) fn asked_is_sent(connection: &Connection) -> Result<(), LedgerError> {
    if has_table(connection, TABLE)? {
        connection.execute("UPDATE payment SET state = 'sent' WHERE state = 'asked'", [])?;
    }
    Ok(())
}

/// The payments that were unknown before the entry `at`.
pub(super) fn unknown_payments(connection: &Connection, at: Sequence) -> Result<UnknownPayments, LedgerError> {
    let sql = "SELECT id, way, asked FROM payment INDEXED BY payment_unknown \
               WHERE unknown_by IS NOT NULL AND unknown_by < ?1 AND coalesce(ended_by, ?1) >= ?1 ORDER BY unknown_by";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([at.get()])?;
    let mut unknown = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, asked) = (PaymentId::new(row.get(0)?), row.get(2)?);
        let way = Way::from_code(&row.get::<_, String>(1)?).ok_or_else(|| damaged(id))?;
        let asked = Cents::new(asked).ok_or_else(|| damaged(id))?;
        unknown.push(UnknownPayment { payment: id, way, asked });
    }
    Ok(UnknownPayments::of(unknown))
}

fn select(connection: &Connection, condition: &str, value: &[u8]) -> Result<Vec<Payment>, LedgerError> {
    let sql = format!("SELECT {COLUMNS} FROM payment WHERE {condition} ORDER BY time, id");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([value])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

fn read(row: &Row<'_>) -> Result<Payment, LedgerError> {
    let id = PaymentId::new(row.get(0)?);
    let amount = |cents: Option<u64>| cents.and_then(Cents::new);
    let asked = AskedPayment {
        id,
        request: RequestId::new(row.get(1)?),
        way: Way::from_code(&row.get::<_, String>(2)?).ok_or_else(|| damaged(id))?,
        amount: amount(row.get(3)?).ok_or_else(|| damaged(id))?,
    };
    let state = state(&row.get::<_, String>(6)?, amount(row.get(7)?), row.get::<_, Option<String>>(8)?.as_deref());
    Ok(Payment {
        asked,
        time: Timestamp::new(row.get(4)?),
        cashier: row.get::<_, Option<u16>>(5)?.map(CashierId::new),
        state: state.ok_or_else(|| damaged(id))?,
        unknown_by: row.get::<_, Option<u64>>(9)?.map(Sequence::new),
        ended_by: row.get::<_, Option<u64>>(10)?.map(Sequence::new),
    })
}

fn damaged(id: PaymentId) -> LedgerError {
    LedgerError::Damaged(format!("payment {id} cannot be read"))
}

/// What is beside a state's code.
fn why(state: PaymentState) -> Option<String> {
    match state {
        PaymentState::Asked | PaymentState::Sent => None,
        PaymentState::Approved { said: Said::ByTpe, .. } => Some("tpe".to_owned()),
        PaymentState::Approved { said: Said::ByCashier, .. } => Some("cashier".to_owned()),
        PaymentState::Refused(NotPaid::Said(reason)) => Some(format!("said-{:02}", reason.number())),
        PaymentState::Refused(NotPaid::Unreachable) => Some("unreachable".to_owned()),
        PaymentState::Refused(NotPaid::NotSent) => Some("not-sent".to_owned()),
        PaymentState::Refused(NotPaid::Word) => Some("cashier".to_owned()),
        PaymentState::Unknown(doubt) => Some(doubt.code().to_owned()),
    }
}

/// The state that [`why`] and its code say.
fn state(code: &str, amount: Option<Cents>, why: Option<&str>) -> Option<PaymentState> {
    Some(match (code, why) {
        ("asked", None) => PaymentState::Asked,
        ("sent", None) => PaymentState::Sent,
        ("approved", Some("tpe")) => PaymentState::Approved { amount: amount?, said: Said::ByTpe },
        ("approved", Some("cashier")) => PaymentState::Approved { amount: amount?, said: Said::ByCashier },
        ("refused", Some("unreachable")) => PaymentState::Refused(NotPaid::Unreachable),
        ("refused", Some("not-sent")) => PaymentState::Refused(NotPaid::NotSent),
        ("refused", Some("cashier")) => PaymentState::Refused(NotPaid::Word),
        ("refused", Some(said)) => {
            PaymentState::Refused(NotPaid::Said(Reason::from_number(said.strip_prefix("said-")?.parse().ok()?)))
        }
        ("unknown", Some(doubt)) => PaymentState::Unknown(Doubt::from_code(doubt)?),
        _ => return None,
    })
}

/// Whether a payment's row says what the entry `at` says of it.
pub(super) fn agrees(connection: &Connection, at: Sequence, fact: &PaymentFact) -> Result<bool, LedgerError> {
    let there = select(connection, "id = ?1", fact.payment.as_bytes())?.into_iter().next();
    let Some(Payment { asked, state, unknown_by, ended_by, .. }) = there else { return Ok(false) };
    let AskedPayment { request, way, amount, .. } = asked;
    if (request, way, amount) != (fact.request, fact.way, fact.asked) {
        return Ok(false);
    }
    Ok(match fact.end {
        PaymentEnd::Unknown(_) => unknown_by == Some(at),
        PaymentEnd::Paid { .. } | PaymentEnd::NotPaid => ended_by == Some(at) && state.end() == Some(fact.end),
    })
}
