//! What a card's purse allows: the checks of DEBIT, REVERSE and PUT ENTITLEMENT after the signatures, in the order of the
//! profile's status words, and the record that comes of it. Decisions alone; nothing here signs or writes.

use super::memory::IssuedMemory;
use crate::domain::card::{
    DebitOrder, Entitlement, Operation, Record, ReversalOrder, SignedRecord, TerminalCertificate,
};
use crate::domain::ids::{Counter, TransactionId};
use crate::domain::purse::Amounts;
use crate::wire::apdu::StatusWord;

/// What an order that is allowed comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// It was done before: nothing changes, the answer is that of then.
    Repeat(SignedRecord),
    /// To be signed and kept.
    New(Record),
}

impl IssuedMemory {
    /// What comes of a debit.
    pub(super) fn debit(&self, terminal: &TerminalCertificate, order: &DebitOrder) -> Result<Change, StatusWord> {
        if let Some(known) = self.recorded(terminal, order.transaction) {
            let Record { operation, slot, season, amount, time, .. } = known.record;
            let same = operation == Operation::Debit
                && (slot, season, amount, time) == (order.slot, order.season, order.amount, order.time);
            return if same { Ok(Change::Repeat(*known)) } else { Err(StatusWord::CONDITIONS_NOT_MET) };
        }
        let entitlement = self.entitlement.filter(|entitlement| entitlement.season == order.season);
        let entitlement = entitlement.ok_or(StatusWord::OUT_OF_SEASON)?;
        if terminal.season != entitlement.season || !terminal.slots.contains(order.slot) {
            return Err(StatusWord::NOT_THIS_TERMINAL);
        }
        if order.amount > entitlement.left(order.slot, &self.consumed) {
            return Err(StatusWord::CONDITIONS_NOT_MET);
        }
        Ok(Change::New(Record {
            card: self.certificate.card,
            operation: Operation::Debit,
            slot: order.slot,
            season: order.season,
            amount: order.amount,
            link: self.reversals,
            // Not above what is granted, so it fits.
            consumed: self.consumed.get(order.slot).saturating_add(order.amount),
            counter: self.next_counter()?,
            terminal: terminal.terminal,
            transaction: order.transaction,
            time: order.time,
        }))
    }

    /// What comes of a reversal.
    pub(super) fn reverse(&self, terminal: &TerminalCertificate, order: &ReversalOrder) -> Result<Change, StatusWord> {
        if let Some(known) = self.recorded(terminal, order.transaction) {
            let Record { operation, link, time, .. } = known.record;
            let same = operation == Operation::Reversal && (link, time) == (order.debit_counter.get(), order.time);
            return if same { Ok(Change::Repeat(*known)) } else { Err(StatusWord::CONDITIONS_NOT_MET) };
        }
        let mut records = self.records.iter().map(|signed| &signed.record);
        let debit = records
            .find(|record| record.operation == Operation::Debit && record.counter == order.debit_counter)
            .ok_or(StatusWord::NO_SUCH_RECORD)?;
        if debit.season != self.season() {
            return Err(StatusWord::OUT_OF_SEASON);
        }
        if terminal.season != self.season() || debit.terminal != terminal.terminal {
            return Err(StatusWord::NOT_THIS_TERMINAL);
        }
        // A reversal is newer than its debit: while the debit is kept, so is the reversal.
        let reversed = |record: &Record| record.operation == Operation::Reversal && record.link == debit.counter.get();
        if self.records.iter().any(|signed| reversed(&signed.record)) {
            return Err(StatusWord::CONDITIONS_NOT_MET);
        }
        let consumed = self.consumed.get(debit.slot).checked_sub(debit.amount).ok_or(StatusWord::CONDITIONS_NOT_MET)?;
        Ok(Change::New(Record {
            card: self.certificate.card,
            operation: Operation::Reversal,
            slot: debit.slot,
            season: debit.season,
            amount: debit.amount,
            link: debit.counter.get(),
            consumed,
            counter: self.next_counter()?,
            terminal: terminal.terminal,
            transaction: order.transaction,
            time: order.time,
        }))
    }

    /// The memory with a new entitlement whose signature was verified.
    pub(super) fn with_entitlement(&self, entitlement: Entitlement) -> Result<Self, StatusWord> {
        if entitlement.serial <= self.entitlement_serial() || entitlement.season < self.season() {
            return Err(StatusWord::OUT_OF_SEASON);
        }
        let consumed = if entitlement.season == self.season() { self.consumed } else { Amounts::ZERO };
        Ok(Self { entitlement: Some(entitlement), consumed, ..self.clone() })
    }

    /// The memory once a new record is signed.
    #[must_use]
    pub(super) fn after(&self, signed: SignedRecord, terminal: &TerminalCertificate) -> Self {
        let mut next = self.clone().with_record(signed);
        match signed.record.operation {
            Operation::Debit => next.latest_issued_at = next.latest_issued_at.max(terminal.issued_at),
            // Never more than the counter, which is checked.
            Operation::Reversal => next.reversals = next.reversals.saturating_add(1),
        }
        next
    }

    /// The record that this terminal has made under this transaction id, if it is still kept.
    fn recorded(&self, terminal: &TerminalCertificate, transaction: TransactionId) -> Option<&SignedRecord> {
        let of = |record: &Record| record.terminal == terminal.terminal && record.transaction == transaction;
        self.records.iter().find(|signed| of(&signed.record))
    }

    /// A card whose counter is at its end has no more changes in it.
    fn next_counter(&self) -> Result<Counter, StatusWord> {
        self.counter().next().ok_or(StatusWord::CONDITIONS_NOT_MET)
    }
}
