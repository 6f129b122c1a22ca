//! Money: what the cashiers took and gave back, against what the journals say of it, sale by sale.

use std::collections::BTreeMap;

use pass::domain::entry::{Body, Debit};
use pass::domain::refusal::Refusal;
use pass::domain::{RequestId, Timestamp, TransactionId};
use pass::ledger::{StoredEntry, TenderTotal};
use pass::machine::sale::{Command, Outcome};

use super::Records;
use crate::run::World;

/// What a holder owes: a euro a seat, or what the price is above the benefit; and the supplement.
fn owed(debit: &Debit) -> u64 {
    let (amount, sale) = (u64::from(debit.proof.record.amount), &debit.sale);
    let supplement = sale.supplement.get();
    match debit.proof.record.slot.get() {
        0 => 100 * amount + supplement,
        _ => sale.price.map_or(0, |price| price.get()) + supplement - amount,
    }
}

/// The request that an entry carries out.
fn carried_out(body: &Body) -> Option<RequestId> {
    match body {
        Body::Debit(debit) => Some(debit.sale.request),
        Body::Reversal(reversal) => Some(reversal.request),
        Body::UndoRequest(request) => Some(request.request),
        Body::NotDone(_)
        | Body::Abandoned(_)
        | Body::Refused(_)
        | Body::CardRead(_)
        | Body::Closing(_)
        | Body::Event(_) => None,
    }
}

/// A sale in a journal: what was collected for it, and what went back.
#[derive(Clone, Copy, Default)]
struct Cash {
    collected: u64,
    returned: u64,
}

/// Every sale of a chain, by its transaction.
fn sales(chain: &[StoredEntry]) -> BTreeMap<TransactionId, Cash> {
    let mut sales: BTreeMap<TransactionId, Cash> = BTreeMap::new();
    let transaction_of = |sequence| {
        chain.iter().find(|stored| stored.head.sequence == sequence).and_then(|stored| match &stored.entry.body {
            Body::Debit(debit) => Some(debit.proof.record.transaction),
            _ => None,
        })
    };
    for stored in chain {
        let (transaction, cash) = match &stored.entry.body {
            Body::Debit(debit) => {
                let cash = Cash { collected: debit.collected.get(), returned: 0 };
                (Some(debit.proof.record.transaction), cash)
            }
            Body::Reversal(reversal) => {
                (transaction_of(reversal.debit), Cash { collected: 0, returned: reversal.returned.get() })
            }
            Body::UndoRequest(request) => {
                (transaction_of(request.debit), Cash { collected: 0, returned: request.returned.get() })
            }
            // The cashier collected before the intent: of a sale that was not done, or given up, what went back is what came in.
            Body::NotDone(end) => {
                (Some(end.transaction), Cash { collected: end.returned.get(), returned: end.returned.get() })
            }
            Body::Abandoned(end) => {
                (Some(end.transaction), Cash { collected: end.returned.get(), returned: end.returned.get() })
            }
            Body::Refused(_) | Body::CardRead(_) | Body::Closing(_) | Body::Event(_) => continue,
        };
        let of_sale = sales.entry(transaction.unwrap_or(TransactionId::new([0; 16]))).or_default();
        of_sale.collected += cash.collected;
        of_sale.returned += cash.returned;
    }
    sales
}

impl World {
    /// What a ledger says that it collected and gave back is the sum over its entries; of each sale what is due was collected, once, and no more went back than came in.
    pub(super) fn money_adds_up(&mut self, records: &Records) {
        for t in 0..self.terminals.len() {
            let (mut collected, mut returned, mut given_up) = (0, 0, 0);
            let mut wrong = Vec::new();
            for stored in &records.chains[t] {
                match &stored.entry.body {
                    Body::Debit(debit) => {
                        collected += debit.collected.get();
                        let due = if debit.abandoned { 0 } else { owed(debit) };
                        if (debit.sale.due.get(), debit.collected.get()) != (owed(debit), due) {
                            wrong.push(format!("entry {} of T{t} collected {}", stored.head.sequence, debit.collected));
                        }
                    }
                    Body::Reversal(reversal) => returned += reversal.returned.get(),
                    Body::UndoRequest(request) => returned += request.returned.get(),
                    Body::NotDone(end) => given_up += end.returned.get(),
                    Body::Abandoned(end) => given_up += end.returned.get(),
                    Body::Refused(_) | Body::CardRead(_) | Body::Closing(_) | Body::Event(_) => (),
                }
            }
            let totals = self.terminals[t].know(|view| view.totals(Timestamp::EPOCH, Timestamp::new(u32::MAX)));
            let totals = totals.unwrap();
            let sum = |of: fn(&TenderTotal) -> u64| totals.tenders.iter().map(of).sum::<u64>();
            let said = (sum(|t| t.collected.get()), sum(|t| t.returned.get()), sum(|t| t.given_up.get()));
            if said != (collected, returned, given_up) {
                wrong.push(format!("T{t} says {said:?}, its entries say {:?}", (collected, returned, given_up)));
            }
            for cash in sales(&records.chains[t]).values().filter(|cash| cash.returned > cash.collected) {
                wrong.push(format!("T{t} gave back {} of {}", cash.returned, cash.collected));
            }
            wrong.into_iter().for_each(|text| self.wrong(text));
        }
    }

    /// What a till was told last is what the journal has: of a request that was refused nothing was done, and what was granted is in the cash box with what was due.
    pub(super) fn tills_and_journals_agree(&mut self, records: &Records) {
        let mut wrong = Vec::new();
        for (t, till) in self.tills.iter().enumerate().filter(|(t, _)| self.terminals[*t].has_one_history()) {
            let mut done: BTreeMap<RequestId, &StoredEntry> = BTreeMap::new();
            for stored in &records.chains[t] {
                if let Some(request) = carried_out(&stored.entry.body) {
                    done.insert(request, stored);
                }
            }
            for (number, asked) in till.asked.iter().enumerate().filter(|(_, asked)| !asked.unheard) {
                let (last, entry) = (asked.told.last(), done.get(&asked.id));
                let is_wrong = match (last, entry) {
                    // Nobody knew, or was to ask again.
                    (Some(Outcome::Refused(why)), _) if matches!(why.refusal, Refusal::SaleInDoubt | Refusal::Busy) => {
                        false
                    }
                    (Some(Outcome::Refused(_) | Outcome::Quoted(..)), Some(_)) => true,
                    (Some(Outcome::Granted(told)), Some(stored)) => {
                        let Body::Debit(debit) = &stored.entry.body else { continue };
                        debit.collected != told.due || !matches!(asked.command, Command::Redeem { .. })
                    }
                    _ => false,
                };
                if is_wrong {
                    let told = last.map(|outcome| self.describe_outcome(outcome));
                    let entry = entry.map(|stored| (stored.head.sequence.get(), stored.entry.body.kind()));
                    wrong.push(format!("T{t} told [{number}] {told:?} at last, and its journal has {entry:?}"));
                }
            }
        }
        wrong.into_iter().for_each(|text| self.wrong(text));
    }
}
