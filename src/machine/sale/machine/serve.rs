//! What a client asks of a card that can be served: quote, redeem, undo, abandon.

use crate::domain::catalogue::Benefit;
use crate::domain::entry::{Body, Intent, Paying, Purpose, Sale, UndoRequest};
use crate::domain::quote::{Quote, QuoteRequest, QuotedCard};
use crate::domain::refusal::Refusal;
use crate::domain::{CashierId, RequestId};

use super::super::types::*;
use super::{AfterStore, Begun, Phase, SaleMachine, card_view};

impl SaleMachine {
    pub(super) fn abandon(&mut self, presented: Option<Box<Presented>>, facts: &Facts) -> Vec<Action> {
        match &facts.intent {
            Some(open) if !open.abandoned && matches!(open.intent.purpose, Purpose::Sale { .. }) => {
                let transaction = open.intent.transaction;
                self.phase = Phase::Storing(presented, Box::new(AfterStore::Abandoned { card: open.intent.card }));
                vec![Action::Abandon { transaction, by: self.cashier() }]
            }
            Some(_) | None => {
                let mut actions = self.reply(Outcome::Refused(Refused::because(Refusal::NothingToUndo)));
                actions.extend(self.settle_down(presented));
                actions
            }
        }
    }

    pub(super) fn serve(&mut self, presented: Box<Presented>, facts: &Facts) -> Vec<Action> {
        let view = Action::Show(View::Ready(card_view(&presented, Some(facts))));
        let Some(waiting) = &self.client else {
            self.phase = Phase::Ready(presented);
            return vec![view];
        };
        if waiting.begun.is_some() {
            // What was begun was begun with another card, which may still come.
            self.phase = Phase::Ready(presented);
            return vec![view];
        }
        let mut actions = match waiting.request.command.clone() {
            Command::Quote(request) => match quote(&presented, facts, &request) {
                Ok(quote) => {
                    let quoted = QuotedCard::of(presented.card, &presented.state);
                    self.answer_ready(presented, Outcome::Quoted(quoted, quote))
                }
                Err(refused) => self.answer_ready(presented, Outcome::Refused(refused)),
            },
            Command::Redeem { request, tender, confirmed } => {
                self.redeem(presented, facts, &request, tender, confirmed.as_ref())
            }
            Command::Undo { without_card, .. } => self.undo(presented, facts, without_card),
            // Taken care of before.
            Command::Abandon { .. } => Vec::new(),
        };
        if matches!(self.phase, Phase::Ready(_)) {
            actions.push(view);
        }
        actions
    }

    fn answer_ready(&mut self, presented: Box<Presented>, outcome: Outcome) -> Vec<Action> {
        self.phase = Phase::Ready(presented);
        self.reply(outcome)
    }

    fn redeem(
        &mut self,
        presented: Box<Presented>,
        facts: &Facts,
        request: &QuoteRequest,
        tender: Paying,
        confirmed: Option<&(QuotedCard, Quote)>,
    ) -> Vec<Action> {
        if let Some(undelivered) = facts.undelivered.clone()
            && undelivered.answers(request)
        {
            // The sale that this client asks for again was done: it is told so, once, and nothing is debited.
            let mut actions = vec![Action::MarkDelivered(undelivered.transaction)];
            actions.extend(self.answer_ready(presented, Outcome::Granted(undelivered.granted)));
            return actions;
        }
        let quoted = quote(&presented, facts, request);
        let now_quoted = QuotedCard::of(presented.card, &presented.state);
        let changed = confirmed.is_some_and(|(card, quote)| *card != now_quoted || quoted.as_ref() != Ok(quote));
        let quote = match quoted {
            _ if changed => Err(Refused { card: Some(presented.card), ..Refused::because(Refusal::CardChanged) }),
            Ok(_) if facts.offline.is_some() => {
                Err(Refused { card: Some(presented.card), ..Refused::because(facts.offline.unwrap_or(Refusal::Busy)) })
            }
            other => other,
        };
        let paid = quote.and_then(|quote| match tender.split(quote.due) {
            Some(tender) => Ok((quote, tender)),
            None => Err(Refused { due: Some(quote.due), ..Refused::because(Refusal::PartsTooMuch) }),
        });
        match (paid, self.client.as_ref().map(|waiting| waiting.request.id)) {
            (Ok((quote, tender)), Some(id)) => {
                let sale = Sale {
                    request: id,
                    benefit: quote.benefit,
                    price: quote.price,
                    supplement: quote.supplement,
                    due: quote.due,
                    tender,
                };
                let intent = Intent {
                    card: presented.card,
                    certificate: presented.certificate,
                    counter_before: presented.state.counter,
                    transaction: facts.transaction,
                    time: facts.time,
                    purpose: Purpose::Sale {
                        slot: quote.slot,
                        season: facts.season,
                        amount: quote.amount,
                        sale,
                        entitlement_serial: presented.state.entitlement_serial,
                        left: quote.left_after,
                    },
                    cashier: self.cashier(),
                };
                self.begin(presented, facts, intent)
            }
            (Err(refused), _) => self.answer_ready(presented, Outcome::Refused(refused)),
            (Ok(_), None) => self.answer_ready(presented, Outcome::Refused(Refused::because(Refusal::Busy))),
        }
    }

    fn undo(&mut self, presented: Box<Presented>, facts: &Facts, without_card: bool) -> Vec<Action> {
        let Some(target) = facts.undo else {
            return self.answer_ready(presented, Outcome::Refused(Refused::because(Refusal::NothingToUndo)));
        };
        if without_card || (target.record.card == presented.card && target.record.season != presented.state.season) {
            return self.ask_region(Some(presented), &target);
        }
        if target.record.card != presented.card {
            return self.answer_ready(presented, Outcome::Refused(Refused::because(Refusal::CardChanged)));
        }
        let Some(id) = self.client.as_ref().map(|waiting| waiting.request.id) else { return Vec::new() };
        let intent = undo_intent(&presented, facts, &target, (id, self.cashier()));
        self.begin(presented, facts, intent)
    }

    /// The region is asked to give the right back; the money goes back once this is durable.
    pub(super) fn ask_region(&mut self, presented: Option<Box<Presented>>, target: &UndoTarget) -> Vec<Action> {
        let Some(id) = self.client.as_ref().map(|waiting| waiting.request.id) else { return Vec::new() };
        let body = Body::UndoRequest(UndoRequest {
            card: target.record.card,
            debit: target.entry,
            debit_counter: target.record.counter,
            returned: target.returned,
            tender: target.tender,
            request: id,
        });
        let undone = Undone {
            entry: target.entry,
            debit: target.entry,
            card: target.record.card,
            returned: target.returned,
            tender: target.tender,
        };
        self.store(presented, body, None, AfterStore::UndoRequested(undone))
    }

    /// The intent first, durable; then the card.
    pub(super) fn begin(&mut self, presented: Box<Presented>, facts: &Facts, intent: Intent) -> Vec<Action> {
        let benefit = match &intent.purpose {
            Purpose::Sale { slot, .. } => facts.catalogue.as_ref().and_then(|catalogue| catalogue.benefit(*slot)),
            Purpose::Undo { .. } => None,
        };
        let benefit = benefit.map(Benefit::name);
        let begun = Begun { intent: intent.clone(), sent: 0, benefit, served_before: facts.last_served };
        self.phase = Phase::Storing(Some(presented), Box::new(AfterStore::Change(begun)));
        vec![Action::StoreIntent(Box::new(intent))]
    }
}

fn quote(presented: &Presented, facts: &Facts, request: &QuoteRequest) -> Result<Quote, Refused> {
    let full_price = request.price.and_then(|price| price.checked_add(request.supplement));
    let Some(context) = facts.quoting(presented) else { return Err(Refused::because(Refusal::NoBenefitHere)) };
    context.quote(request, |slot| facts.debited_today.get(slot)).map_err(|refusal| {
        let choices = match refusal {
            Refusal::ChooseBenefit => {
                let usable = context.balance().filter(|line| line.here && line.left > 0);
                usable.map(|line| line.benefit.code.clone()).collect()
            }
            _ => Vec::new(),
        };
        Refused { due: full_price, card: Some(presented.card), choices, ..Refused::because(refusal) }
    })
}

pub(super) fn undo_intent(
    presented: &Presented,
    facts: &Facts,
    target: &UndoTarget,
    (request, cashier): (RequestId, Option<CashierId>),
) -> Intent {
    Intent {
        card: presented.card,
        certificate: presented.certificate,
        counter_before: presented.state.counter,
        transaction: facts.transaction,
        time: facts.time,
        purpose: Purpose::Undo {
            debit: target.entry,
            debit_counter: target.record.counter,
            returned: target.returned,
            tender: target.tender,
            request,
        },
        cashier,
    }
}
