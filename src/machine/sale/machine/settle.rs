//! How a change of a purse ends: what the card proves, what is written of it, what the client is told.

use crate::domain::card::{Operation, Record, SignedRecord};
use crate::domain::entry::{Body, Intent, Learnt, Purpose, ReadReason, RefusedCard};
use crate::domain::refusal::Refusal;
use crate::domain::{Sequence, Timestamp};

use super::super::types::*;
use super::{AfterStore, Begun, FAILURES_SHOWN, Phase, ReadFor, SENT_MAX, SaleMachine};

impl SaleMachine {
    /// The waiting client's own change, if `intent` is its.
    fn own(&self, intent: &Intent) -> Option<&Begun> {
        let begun = self.client.as_ref()?.begun.as_ref()?;
        (begun.intent.transaction == intent.transaction).then_some(begun)
    }

    /// Whether a client asked for `intent` and waits no more. What the terminal takes back by itself nobody waits for.
    fn is_orphan(&self, intent: &Intent) -> bool {
        let waits = self.client.as_ref().is_some_and(|waiting| waiting.request.id == intent.request());
        !waits && intent.request().as_bytes() != intent.transaction.as_bytes()
    }

    /// The card answered the command, or did not.
    pub(super) fn changed(&mut self, now: Now, change: Change) -> Vec<Action> {
        let Phase::Changing(presented, begun) = std::mem::replace(&mut self.phase, Phase::Empty) else {
            return Vec::new();
        };
        match change {
            Change::Done(proof) => {
                let body = begun.intent.done(*proof, Learnt::AtOnce, false);
                let intent = begun.intent.clone();
                let after = AfterStore::Done { begun: *begun, proof: *proof, abandoned: false };
                self.store(Some(presented), body, Some(&intent), after)
            }
            // Nothing is concluded from what the card or the reader said: a fresh OPEN tells, now if the card is still there.
            Change::InDoubt => {
                self.tried.settle = false;
                if let Some(waiting) = &mut self.client {
                    waiting.deadline = now.since_start.saturating_add(waiting.request.wait);
                }
                self.phase = Phase::Opening;
                vec![Action::Open]
            }
        }
    }

    /// What the card proves about an intent.
    pub(super) fn settled(&mut self, now: Now, settlement: Settlement) -> Vec<Action> {
        let Phase::Settling(presented, open, unserved) = std::mem::replace(&mut self.phase, Phase::Empty) else {
            return Vec::new();
        };
        let intent = &open.intent;
        match settlement {
            Settlement::Done(proof) => {
                let body = intent.done(*proof, Learnt::FromRecords, open.abandoned);
                let begun = self.own(intent).cloned().unwrap_or_else(|| Begun::found(intent.clone()));
                let after = AfterStore::Done { begun, proof: *proof, abandoned: open.abandoned };
                self.store(Some(presented), body, Some(intent), after)
            }
            Settlement::NotDone { repeatable } => match self.own(intent).cloned() {
                // The same command, byte for byte, inside the new OPEN. It is a sale now: what keeps one from beginning keeps this from going on.
                Some(begun) if repeatable && unserved.is_none() && !open.abandoned && begun.sent < SENT_MAX => {
                    self.change(presented, begun)
                }
                _ => {
                    let body = intent.not_done(open.abandoned);
                    // Another change came between, so what was quoted is not what lies there; or the card will not do it.
                    let refusal =
                        if repeatable { unserved.unwrap_or(Refusal::CardUnreadable) } else { Refusal::CardChanged };
                    self.store(Some(presented), body, Some(intent), AfterStore::NotDone(intent.clone(), refusal))
                }
            },
            Settlement::Unknown if self.failures < FAILURES_SHOWN => {
                self.tried.settle = false;
                self.lost(now)
            }
            // The card proves that it can tell no more. The money of a sale that was given up went back, and nobody is ever paid for it, done or not: the
            // doubt has no bearing on anything, and the holder is not turned away for it for ever.
            Settlement::RegionDecides if open.abandoned => {
                let body = intent.not_done(true);
                let after = AfterStore::NotDone(intent.clone(), Refusal::CardChanged);
                self.store(Some(presented), body, Some(intent), after)
            }
            Settlement::Unknown | Settlement::RegionDecides => {
                let refused = Refused { card: Some(presented.card), ..Refused::because(Refusal::SaleInDoubt) };
                self.turn_away(Some(presented), refused)
            }
            Settlement::NotGenuine => {
                let refused = Refused { card: Some(presented.card), ..Refused::because(Refusal::CardNotGenuine) };
                let body = Body::Refused(RefusedCard {
                    card: Some(presented.card),
                    refusal: Refusal::CardNotGenuine,
                    certificate: Vec::new(),
                });
                self.store(None, body, None, AfterStore::Refusal(refused))
            }
        }
    }

    /// Sends the command of a durable intent.
    fn change(&mut self, presented: Box<Presented>, mut begun: Begun) -> Vec<Action> {
        begun.sent += 1;
        if let Some(waiting) = &mut self.client
            && waiting.request.id == begun.intent.request()
        {
            waiting.begun = Some(begun.clone());
        }
        self.fresh = false;
        let action = Action::Change(Box::new(begun.intent.clone()));
        self.phase = Phase::Changing(presented, Box::new(begun));
        vec![action]
    }

    /// Records were read off the card, or not.
    pub(super) fn records_read(&mut self, records: Option<Vec<SignedRecord>>) -> Vec<Action> {
        let Phase::Reading(presented, purpose) = std::mem::replace(&mut self.phase, Phase::Empty) else {
            return Vec::new();
        };
        let Some(records) = records else {
            // What the card does not tell is asked at the next tap.
            self.tried.take_back |= matches!(purpose, ReadFor::LookBack(_));
            return self.look_up(Some(presented));
        };
        let (reason, after) = match purpose {
            ReadFor::LookBack(target) => {
                let takes_back = |record: &Record| {
                    record.operation == Operation::Reversal && record.link == target.record.counter.get()
                };
                self.tried.take_back |= records.iter().any(|signed| takes_back(&signed.record));
                return self.look_up(Some(presented));
            }
            ReadFor::Wanted => (ReadReason::Wanted, AfterStore::Recorded),
            ReadFor::NextSeason(entitlement) => (ReadReason::SeasonEnd, AfterStore::SeasonEnd(entitlement)),
        };
        self.phase = Phase::Storing(Some(presented), Box::new(after));
        vec![Action::AppendCardRead { reason, records }]
    }

    /// What was to be written is durable.
    pub(super) fn stored(&mut self, now: Now, entry: Option<Sequence>) -> Vec<Action> {
        let Phase::Storing(presented, after) = std::mem::replace(&mut self.phase, Phase::Empty) else {
            return Vec::new();
        };
        match (*after, entry, presented) {
            // Whoever asked has gone and was told so: nothing is sent. The card says that it was not asked, and that goes on record.
            (AfterStore::Change(begun), _, Some(_)) if self.is_orphan(&begun.intent) => self.open(),
            (AfterStore::Change(begun), _, Some(presented)) => self.change(presented, begun),
            (AfterStore::Done { begun, proof, abandoned }, Some(entry), Some(presented)) => {
                let outcome = if abandoned {
                    // The money went back before: nothing is handed out, and the right goes back to the card.
                    Outcome::Abandoned { entry, card: begun.intent.card }
                } else {
                    outcome(entry, &begun, &proof, now.time)
                };
                self.done(presented, &begun.intent, &proof, outcome)
            }
            (AfterStore::NotDone(intent, refusal), _, presented) => self.not_done(&intent, refusal, presented),
            (AfterStore::UndoRequested(undone), Some(entry), presented) => {
                let mut actions = self.reply(Outcome::UndoRequested(Undone { entry, ..undone }));
                actions.extend(self.settle_down(presented));
                actions
            }
            (AfterStore::Abandoned { card }, Some(entry), presented) => {
                let mut actions = self.reply(Outcome::Abandoned { entry, card });
                actions.extend(self.settle_down(presented));
                actions
            }
            (AfterStore::Recorded, _, presented) => self.look_up(presented),
            (AfterStore::SeasonEnd(entitlement), _, _) => {
                self.phase = Phase::Opening;
                vec![Action::PutEntitlement(entitlement)]
            }
            (AfterStore::Refusal(refused), _, presented) => self.turn_away(presented, refused),
            // An entry always has a place and a change always has its card: nothing else is left to do with the card.
            (
                AfterStore::Change(_)
                | AfterStore::Done { .. }
                | AfterStore::UndoRequested(_)
                | AfterStore::Abandoned { .. },
                _,
                presented,
            ) => self.settle_down(presented),
        }
    }

    /// The client was answered: what lies in the reader is looked at again, for what comes next and for what is shown.
    pub(super) fn settle_down(&mut self, presented: Option<Box<Presented>>) -> Vec<Action> {
        if presented.is_some() {
            return self.look_up(presented);
        }
        if self.card_present {
            return self.open();
        }
        self.phase = Phase::Empty;
        vec![Action::Show(self.view_without_card())]
    }

    /// After this point the card and the ledger agree, and whoever asked is told.
    fn done(
        &mut self,
        presented: Box<Presented>,
        intent: &Intent,
        proof: &SignedRecord,
        outcome: Outcome,
    ) -> Vec<Action> {
        let learnt_late = presented.state.counter >= proof.record.counter;
        let presented = if learnt_late { presented } else { Box::new(after_change(*presented, proof)) };
        let mut actions = Vec::new();
        if self.own(intent).is_some() {
            if learnt_late {
                actions.push(Action::MarkDelivered(intent.transaction));
            }
            actions.extend(self.reply(outcome));
        } else if !learnt_late && self.is_orphan(intent) {
            actions.push(Action::MarkUntold(intent.transaction));
        }
        actions.extend(self.look_up(Some(presented)));
        actions
    }

    fn not_done(&mut self, intent: &Intent, refusal: Refusal, presented: Option<Box<Presented>>) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.own(intent).is_some() {
            let refused = Refused { card: Some(intent.card), ..Refused::because(refusal) };
            actions.extend(self.reply(Outcome::Refused(refused)));
        }
        actions.extend(self.look_up(presented));
        actions
    }

    /// It could not be written. Nothing was begun, or what was begun is in doubt; nothing is granted.
    pub(super) fn not_stored(&mut self) -> Vec<Action> {
        let Phase::Storing(presented, _) = std::mem::replace(&mut self.phase, Phase::Empty) else { return Vec::new() };
        let mut actions = Vec::new();
        if let Some(begun) = self.client.as_ref().and_then(|waiting| waiting.begun.as_ref()) {
            // The card was asked, so the client must not be told that nothing happened.
            let card = Some(begun.intent.card);
            let refused = Refused { card, ..Refused::because(Refusal::SaleInDoubt) };
            actions.extend(self.reply(Outcome::Refused(refused)));
        }
        actions.extend(self.turn_away(presented, Refused::because(Refusal::LedgerUnavailable)));
        actions
    }
}

/// The card after a change that its record proves.
fn after_change(mut presented: Presented, proof: &SignedRecord) -> Presented {
    let record = &proof.record;
    presented.state.counter = record.counter;
    presented.state.consumed = presented.state.consumed.with(record.slot, record.consumed);
    presented
}

fn outcome(entry: Sequence, begun: &Begun, proof: &SignedRecord, time: Timestamp) -> Outcome {
    match &begun.intent.purpose {
        Purpose::Sale { sale, left, .. } => Outcome::Granted(Granted {
            entry,
            card: begun.intent.card,
            benefit: sale.benefit.clone(),
            debited: proof.record.amount,
            unit: begun.benefit.as_ref().map(|name| name.unit),
            label: begun.benefit.as_ref().map(|name| name.label.clone()),
            due: sale.due,
            collected: sale.due,
            tender: sale.tender,
            left: *left,
            time,
            repeated: false,
            served_before: begun.served_before,
        }),
        Purpose::Undo { debit, returned, tender, .. } => {
            debug_assert_eq!(proof.record.operation, Operation::Reversal, "an undo is proven by a reversal");
            Outcome::Undone(Undone {
                entry,
                debit: *debit,
                card: begun.intent.card,
                returned: *returned,
                tender: *tender,
            })
        }
    }
}
