//! What stands beside an entry's bytes for queries: a pure function of the entry, so that `verify` can compute it
//! again.

use crate::domain::entry::{Body, Entry, Tender, Tenders};
use crate::domain::{
    CardNumber, Cents, Counter, RequestId, Season, Sequence, Slot, Timestamp, TransactionId, card::SignedRecord,
    catalogue::Catalogue,
};

/// The columns of an entry that follow from the entry alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Projection {
    pub(super) kind: String,
    pub(super) time: u32,
    pub(super) card: Option<u64>,
    pub(super) certificate: Option<[u8; 32]>,
    pub(super) transaction: Option<[u8; 16]>,
    pub(super) request: Option<[u8; 16]>,
    pub(super) season: Option<u16>,
    pub(super) slot: Option<u8>,
    pub(super) amount: Option<u32>,
    pub(super) consumed: Option<u32>,
    pub(super) counter: Option<u32>,
    pub(super) benefit: Option<String>,
    pub(super) takes_back: Option<u64>,
    pub(super) collected: Option<u64>,
    pub(super) returned: Option<u64>,
    /// Of money in parts there is none: see `parts`.
    pub(super) tender: Option<String>,
    /// The rows of `part`, as `tender=cents`, in alphabetical order.
    pub(super) parts: Option<String>,
}

impl Projection {
    /// The columns of `entry`.
    pub(super) fn of(entry: &Entry) -> Self {
        let plain = Self {
            kind: entry.body.kind().to_owned(),
            time: entry.time.get(),
            card: entry.body.card().map(CardNumber::get),
            certificate: certificate(&entry.body),
            tender: one_tender(&entry.body).map(|tender| tender.code().to_owned()),
            parts: spelled(&parts(&entry.body)),
            ..Self::default()
        };
        match &entry.body {
            Body::Debit(debit) => Self {
                benefit: Some(debit.sale.benefit.as_str().to_owned()),
                collected: Some(debit.collected.get()),
                ..plain.of_record(&debit.proof).of_request(debit.sale.request)
            },
            Body::Reversal(reversal) => plain
                .of_record(&reversal.proof)
                .of_request(reversal.request)
                .giving_back(reversal.returned)
                .taking_back(reversal.debit),
            Body::NotDone(end) => {
                plain.of_transaction(end.transaction).of_request(end.request).giving_back(end.returned)
            }
            Body::Abandoned(end) => {
                plain.of_transaction(end.transaction).of_request(end.request).giving_back(end.returned)
            }
            Body::UndoRequest(undo) => {
                plain.of_request(undo.request).giving_back(undo.returned).taking_back(undo.debit)
            }
            Body::Refused(_) | Body::CardRead(_) | Body::Closing(_) | Body::Event(_) => plain,
        }
    }

    fn of_record(self, proof: &SignedRecord) -> Self {
        let record = &proof.record;
        Self {
            transaction: Some(*record.transaction.as_bytes()),
            season: Some(record.season.get()),
            slot: Some(record.slot.get()),
            amount: Some(record.amount),
            consumed: Some(record.consumed),
            counter: Some(record.counter.get()),
            ..self
        }
    }

    fn of_transaction(self, transaction: TransactionId) -> Self {
        Self { transaction: Some(*transaction.as_bytes()), ..self }
    }

    fn of_request(self, request: RequestId) -> Self {
        Self { request: Some(*request.as_bytes()), ..self }
    }

    fn giving_back(self, returned: Cents) -> Self {
        Self { returned: Some(returned.get()), ..self }
    }

    fn taking_back(self, debit: Sequence) -> Self {
        Self { takes_back: Some(debit.get()), ..self }
    }
}

fn one_tender(body: &Body) -> Option<Tender> {
    let (_, Tenders::One(tender)) = body.money()? else { return None };
    Some(tender)
}

/// What each tender has of an entry's money, where that is in parts.
pub(super) fn parts(body: &Body) -> Vec<(Tender, Cents)> {
    match body.money() {
        Some((amount, tenders @ Tenders::Parts(_))) => tenders.of(amount),
        Some((_, Tenders::One(_))) | None => Vec::new(),
    }
}

fn spelled(parts: &[(Tender, Cents)]) -> Option<String> {
    let mut parts: Vec<_> = parts.iter().map(|(tender, cents)| format!("{}={}", tender.code(), cents.get())).collect();
    parts.sort();
    (!parts.is_empty()).then(|| parts.join(","))
}

/// The hash of the card certificate that an entry names.
pub(super) fn certificate(body: &Body) -> Option<[u8; 32]> {
    match body {
        Body::Debit(debit) => Some(debit.certificate),
        Body::Reversal(reversal) => Some(reversal.certificate),
        Body::CardRead(read) => Some(read.certificate),
        Body::NotDone(_)
        | Body::Abandoned(_)
        | Body::UndoRequest(_)
        | Body::Refused(_)
        | Body::Closing(_)
        | Body::Event(_) => None,
    }
}

/// The debit that an entry takes back.
pub(super) fn takes_back(body: &Body) -> Option<TakesBack> {
    match body {
        Body::Reversal(reversal) => Some(TakesBack {
            card: reversal.proof.record.card,
            debit: reversal.debit,
            counter: Counter::new(reversal.proof.record.link),
        }),
        Body::UndoRequest(undo) => Some(TakesBack { card: undo.card, debit: undo.debit, counter: undo.debit_counter }),
        Body::Debit(_)
        | Body::NotDone(_)
        | Body::Abandoned(_)
        | Body::Refused(_)
        | Body::CardRead(_)
        | Body::Closing(_)
        | Body::Event(_) => None,
    }
}

/// A debit as whoever takes it back names it.
#[derive(Clone, Copy, Debug)]
pub(super) struct TakesBack {
    pub(super) card: CardNumber,
    pub(super) debit: Sequence,
    pub(super) counter: Counter,
}

/// The season whose catalogue an entry's context names: that of the card's record, else that of the time.
pub(super) fn season(body: &Body, time: Timestamp) -> Season {
    match body {
        Body::Debit(debit) => debit.proof.record.season,
        Body::Reversal(reversal) => reversal.proof.record.season,
        Body::Abandoned(abandoned) => abandoned.season,
        Body::NotDone(_)
        | Body::UndoRequest(_)
        | Body::Refused(_)
        | Body::CardRead(_)
        | Body::Closing(_)
        | Body::Event(_) => Season::at(time),
    }
}

/// What an entry changes in what the region owes the partner, in cents: `catalogue` is the one that its context names,
/// `taken_back` the worth of the debit that it takes back. A debit of an abandoned sale is worth nothing; so is one
/// that the catalogue does not know.
pub(super) fn worth(body: &Body, catalogue: Option<&Catalogue>, taken_back: i64) -> i64 {
    match body {
        Body::Debit(debit) if !debit.abandoned => {
            let record = &debit.proof.record;
            payable(catalogue, record.slot, record.amount)
        }
        Body::Reversal(_) | Body::UndoRequest(_) => -taken_back,
        Body::Debit(_) | Body::NotDone(_) | Body::Abandoned(_) => 0,
        Body::Refused(_) | Body::CardRead(_) | Body::Closing(_) | Body::Event(_) => 0,
    }
}

fn payable(catalogue: Option<&Catalogue>, slot: Slot, amount: u32) -> i64 {
    let cents =
        catalogue.and_then(|catalogue| catalogue.benefit(slot)).and_then(|benefit| benefit.unit.payable(amount));
    // Money is at most `Cents::MAX`, which fits.
    cents.map_or(0, |cents| i64::try_from(cents.get()).unwrap_or(i64::MAX))
}
