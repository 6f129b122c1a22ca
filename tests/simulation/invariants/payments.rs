//! Payments on the bank terminal, against what the bank terminal itself has counted, payment by payment and sale by sale.
//!
//! A ledger that was put back to an old copy does not know the payments that were asked for after the copy was made. Of these, what can be said is less: each whose
//! money moved is in an entry of the history that was lost, or was open in it when it was lost. A sale that is asked for again under its name is
//! then paid again, and money that only the lost history held is given back by nobody: what is left of it is the bank terminal's own count, against
//! which a partner holds the ledger (docs/payment.md). Two machines with one disk are two such histories.

use std::collections::{BTreeMap, BTreeSet};

use pass::domain::entry::{Body, TechnicalEvent, Tender};
use pass::domain::payment::{PaymentEnd, PaymentState, Way};
use pass::domain::{PaymentId, RequestId, Sequence, Timestamp};
use pass::ledger::{ByRequest, StoredEntry};

use super::Records;
use crate::run::World;
use crate::tpe::Ticket;

/// What the payments of one sale come to on record, in cents.
#[derive(Clone, Copy, Default)]
struct Kept {
    charged: u64,
    refunded: u64,
    /// What the bank terminal gave back that nobody had asked it for.
    given_unasked: u64,
}

impl Kept {
    fn held(self) -> u64 {
        self.charged + self.given_unasked - self.refunded
    }
}

/// What became of a payment, as an entry says it.
fn fact(stored: &StoredEntry) -> Option<&pass::domain::payment::PaymentFact> {
    match &stored.entry.body {
        Body::Event(TechnicalEvent::Payment(fact)) => Some(fact),
        _ => None,
    }
}

/// What each sale that was paid on the bank terminal has earned, in cents: what its debits keep.
fn earned(chain: &[StoredEntry]) -> BTreeMap<RequestId, u64> {
    let taken_back: BTreeSet<Sequence> = chain
        .iter()
        .filter_map(|stored| match &stored.entry.body {
            Body::Reversal(reversal) => Some(reversal.debit),
            Body::UndoRequest(request) => Some(request.debit),
            _ => None,
        })
        .collect();
    let mut earned = BTreeMap::new();
    for stored in chain.iter().filter(|stored| !taken_back.contains(&stored.head.sequence)) {
        if let Body::Debit(debit) = &stored.entry.body
            && debit.sale.tender.uses(Tender::Tpe)
        {
            *earned.entry(debit.sale.request).or_default() += debit.collected.get();
        }
    }
    earned
}

impl World {
    /// At any time: each payment whose money moved is approved with so much, or open and in the list; none is approved whose money did not move; and what the
    /// bank terminal was asked for was durable before.
    pub(crate) fn payments_are_on_record(&mut self, t: usize) {
        let terminal = &self.terminals[t];
        let Some(tpe) = terminal.tpe.as_ref().filter(|_| terminal.is_running()) else { return };
        let tickets: Vec<Ticket> = tpe.borrow().tickets.clone();
        let (all, whole) = (tickets.clone(), terminal.has_one_history());
        let (kept, listed) = terminal.know(move |view| {
            let kept: Vec<_> = all.iter().map(|ticket| view.payment(ticket.payment).unwrap()).collect();
            (kept, view.open_payments().unwrap())
        });
        let mut wrong = Vec::new();
        for (number, (ticket, kept)) in tickets.iter().zip(kept).enumerate() {
            let Some(kept) = kept else {
                if whole {
                    wrong.push(format!("T{t} does not know payment {number}"));
                }
                continue;
            };
            let is_listed = listed.iter().any(|open| open.asked.id == ticket.payment);
            let agrees = match kept.state {
                PaymentState::Approved { amount, .. } => ticket.moved == Some(amount),
                PaymentState::Sent | PaymentState::Unknown(_) => is_listed,
                PaymentState::Refused(_) => ticket.moved.is_none(),
                PaymentState::Asked => false,
            };
            if !agrees {
                wrong.push(format!("T{t} has payment {number} as {:?}, and {:?} moved", kept.state, ticket.moved));
            }
        }
        wrong.into_iter().for_each(|text| self.wrong(text));
    }

    /// What the bank terminal has of the holders' money is what the sales have earned, sale by sale, and what their tender comes to in the totals.
    ///
    /// Not so of a sale that is still in doubt, of which no card will ever say; nor of what the bank terminal gave back unasked, which is on record as it was.
    pub(super) fn the_bank_terminal_has_what_was_earned(&mut self, records: &Records) {
        for t in 0..self.terminals.len() {
            self.payments_are_on_record(t);
            let terminal = &self.terminals[t];
            let Some(tpe) = terminal.tpe.clone() else { continue };
            let open = terminal.know(|view| view.open_payments()).unwrap();
            if !open.is_empty() {
                self.wrong(format!("T{t} still has {} open payments", open.len()));
            }
            if !self.terminals[t].has_one_history() {
                continue;
            }
            let (earned, nets) = (earned(&records.chains[t]), tpe.borrow().nets());
            let mut unasked: BTreeMap<RequestId, i64> = BTreeMap::new();
            for ticket in tpe.borrow().tickets.iter().filter(|ticket| ticket.way == Way::Refund) {
                let (moved, asked) = (ticket.moved.map_or(0, |moved| moved.get()), ticket.asked.get());
                *unasked.entry(ticket.sale).or_default() += i64::try_from(moved.saturating_sub(asked)).unwrap();
            }
            let sales: BTreeSet<_> = earned.keys().chain(nets.keys()).copied().collect();
            for sale in sales {
                let due = i64::try_from(earned.get(&sale).copied().unwrap_or(0)).unwrap();
                let (net, lost) = (nets.get(&sale).copied().unwrap_or(0), unasked.get(&sale).copied().unwrap_or(0));
                let in_doubt = self.terminals[t].know(move |view| view.by_request(sale)).unwrap();
                let in_doubt = matches!(in_doubt, Some(ByRequest::Open(open)) if open.abandoned_by.is_none());
                if !in_doubt && !(due - lost..=due).contains(&net) {
                    self.wrong(format!("the bank terminal of T{t} has {net} of a sale that has earned {due}"));
                }
            }
        }
    }

    /// Nothing is granted without its money, or the cashier's word that it was paid; and cash is taken only where the bank terminal has nothing of the sale.
    pub(super) fn money_came_first(&mut self, records: &Records) {
        let mut wrong = Vec::new();
        for (t, chain) in records.chains.iter().enumerate() {
            let mut sales: BTreeMap<RequestId, Kept> = BTreeMap::new();
            for stored in chain {
                if let Some(fact) = fact(stored)
                    && let PaymentEnd::Paid { amount, .. } = fact.end
                {
                    let sale = sales.entry(fact.request).or_default();
                    match fact.way {
                        Way::Charge => sale.charged += amount.get(),
                        Way::Refund => {
                            sale.refunded += amount.get();
                            sale.given_unasked += amount.get().saturating_sub(fact.asked.get());
                        }
                    }
                }
                if let Body::Debit(debit) = &stored.entry.body {
                    let held = sales.get(&debit.sale.request).map_or(0, |kept| kept.held());
                    let (due, by_tpe) = (debit.collected.get(), debit.sale.tender.uses(Tender::Tpe));
                    if by_tpe && held < due || !by_tpe && held > 0 {
                        let (entry, tender) = (stored.head.sequence, debit.sale.tender);
                        wrong.push(format!("entry {entry} of T{t} keeps {due} by {tender:?}, and {held} were paid"));
                    }
                }
            }
        }
        wrong.into_iter().for_each(|text| self.wrong(text));
    }

    /// No payment whose money moved is hidden by a ledger that was lost: an entry of some history says so much of it, or it was open there.
    pub(super) fn no_payment_is_hidden(&mut self, records: &Records) {
        let mut said: BTreeMap<PaymentId, Vec<PaymentEnd>> = BTreeMap::new();
        for fact in records.written.iter().filter_map(|(_, stored)| fact(stored)) {
            said.entry(fact.payment).or_default().push(fact.end);
        }
        let lost: BTreeSet<PaymentId> =
            self.terminals.iter().flat_map(|terminal| terminal.lost_payments.iter().copied()).collect();
        let mut wrong = Vec::new();
        for (t, terminal) in self.terminals.iter().enumerate() {
            let Some(tpe) = &terminal.tpe else { continue };
            for (number, ticket) in tpe.borrow().tickets.iter().enumerate() {
                let said = said.get(&ticket.payment).map_or(&[][..], |said| said);
                let known = said.iter().any(|end| match end {
                    PaymentEnd::Paid { amount, .. } => Some(*amount) == ticket.moved,
                    PaymentEnd::Unknown(_) => !terminal.has_one_history(),
                    PaymentEnd::NotPaid => false,
                });
                if ticket.moved.is_some() && !known && !lost.contains(&ticket.payment) {
                    wrong.push(format!("nobody knows of payment {number} of T{t}: {said:?}"));
                }
                if said
                    .iter()
                    .any(|end| matches!(end, PaymentEnd::Paid { amount, .. } if Some(*amount) != ticket.moved))
                {
                    wrong.push(format!("{said:?} is on record of payment {number} of T{t}, {:?} moved", ticket.moved));
                }
            }
        }
        wrong.into_iter().for_each(|text| self.wrong(text));
    }

    /// A closing lists the payments that were unknown at its end, and the totals of the tender are what its debits say.
    pub(super) fn closings_know_the_payments(&mut self, records: &Records) {
        let mut wrong = Vec::new();
        for (t, chain) in records.chains.iter().enumerate() {
            let mut unknown: Vec<PaymentId> = Vec::new();
            let (mut collected, mut returned) = (0, 0);
            let debit = |sequence: Sequence| chain.iter().find(|stored| stored.head.sequence == sequence);
            let by_tpe = |sequence| {
                debit(sequence).is_some_and(
                    |stored| matches!(&stored.entry.body, Body::Debit(debit) if debit.sale.tender.uses(Tender::Tpe)),
                )
            };
            for stored in chain {
                match &stored.entry.body {
                    Body::Event(TechnicalEvent::Payment(fact)) => {
                        unknown.retain(|open| *open != fact.payment);
                        if matches!(fact.end, PaymentEnd::Unknown(_)) {
                            unknown.push(fact.payment);
                        }
                    }
                    // A month or a year says what its last day says.
                    Body::Closing(closing) if closing.to.get() + 1 == stored.head.sequence.get() => {
                        let listed: Vec<_> = closing.unknown_payments.payments.iter().map(|one| one.payment).collect();
                        if listed != unknown || closing.unknown_payments.count as usize != unknown.len() {
                            let (entry, there) = (stored.head.sequence, unknown.len());
                            wrong.push(format!("closing {entry} of T{t} lists {} of {there}", listed.len()));
                        }
                    }
                    Body::Debit(debit) if debit.sale.tender.uses(Tender::Tpe) => collected += debit.collected.get(),
                    Body::Reversal(reversal) if by_tpe(reversal.debit) => returned += reversal.returned.get(),
                    Body::UndoRequest(request) if by_tpe(request.debit) => returned += request.returned.get(),
                    _ => (),
                }
            }
            let totals =
                self.terminals[t].know(|view| view.totals(Timestamp::EPOCH, Timestamp::new(u32::MAX))).unwrap();
            let total = totals.tenders.iter().find(|total| total.tender == Tender::Tpe);
            let said = total.map_or((0, 0), |total| (total.collected.get(), total.returned.get()));
            if said != (collected, returned) {
                wrong.push(format!("T{t} says {said:?} by TPE, its entries say {:?}", (collected, returned)));
            }
        }
        wrong.into_iter().for_each(|text| self.wrong(text));
    }
}
