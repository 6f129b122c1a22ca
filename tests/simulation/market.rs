//! What people do at a counter: put a card on the reader and take it away, sell, undo, give up, ask again.

use std::time::Duration;

use pass::domain::entry::Tender;
use pass::domain::quote::QuoteRequest;
use pass::domain::refusal::Refusal;
use pass::domain::{Cents, RequestId};
use pass::machine::sale::{ClientRequest, Command, Event, Outcome, Refused};

use crate::Fault;
use crate::books::Asked;
use crate::dishonest::Lie;
use crate::reader::MORE_AT_CHANGES;
use crate::run::World;
use crate::terminal::Terminal;

/// What may be done next.
#[derive(Clone, Copy)]
enum Deed {
    Insert,
    TakeAway,
    Redeem,
    Quote,
    Confirm,
    Undo,
    UndoOne,
    UndoWithoutCard,
    Abandon,
    AskAgain,
    SellAgain,
    SeeToPayment,
    LookAtPayments,
    Tick,
}

impl World {
    /// One turn at the counter of terminal `t`.
    pub(crate) fn at_counter(&mut self, t: usize) {
        if !self.terminals[t].is_running() {
            self.while_stopped(t);
            if self.shared.draw(|chance| chance.one_in(3)) && self.terminals[t].start() {
                self.payments_are_on_record(t);
            }
            return;
        }
        if self.terminals[t].pending {
            return self.go_on(t);
        }
        if self.terminals[t].is_paying() && self.shared.draw(|chance| !chance.one_in(3)) {
            return self.go_on_paying(t);
        }
        if self.shared.strikes(Fault::Stopped) {
            return self.stop(t);
        }
        if self.tills[t].waiting.is_some() && self.shared.strikes(Fault::ClientGone) {
            self.shared.say(|| format!("{} till is gone", self.terminals[t].name));
            self.tills[t].waiting = None;
            return self.terminals[t].client_gone();
        }
        if self.terminals[t].was_pulled() && self.shared.draw(|chance| !chance.one_in(4)) {
            return self.take_away(t);
        }
        let deed = self.choose(t);
        self.carry_out(t, deed);
    }

    /// Some steps of what was begun.
    fn go_on(&mut self, t: usize) {
        for _ in 0..self.shared.draw(|chance| chance.between(1, 8)) {
            let times = if self.terminals[t].has_asked_for_change() { MORE_AT_CHANGES } else { 1 };
            for how in [Fault::Killed, Fault::PowerCut] {
                if self.shared.strikes_here(how, times) {
                    return self.crash(t, |terminal| terminal.crash(how));
                }
            }
            if self.shared.strikes_here(Fault::PowerCutInCommit, times) {
                return self.crash(t, Terminal::crash_within_a_step);
            }
            if !self.terminals[t].step() {
                return;
            }
            self.listen(t);
        }
    }

    pub(crate) fn crash(&mut self, t: usize, how: impl FnOnce(&mut Terminal)) {
        self.listen(t);
        self.tills[t].waiting = None;
        how(&mut self.terminals[t]);
    }

    pub(crate) fn stop(&mut self, t: usize) {
        self.tills[t].waiting = None;
        self.terminals[t].stop();
        self.listen(t);
    }

    fn choose(&self, t: usize) -> Deed {
        let (card, waits) = (self.terminals[t].has_card(), self.tills[t].waiting.is_some());
        let choices: &[(u64, Deed)] = match (waits, card) {
            (false, _) if self.tills[t].was_told_of_doubt() => &[
                (6, Deed::Insert),
                (4, Deed::TakeAway),
                (4, Deed::Abandon),
                (4, Deed::AskAgain),
                (4, Deed::SellAgain),
                (4, Deed::Redeem),
                (2, Deed::Undo),
                (2, Deed::Tick),
            ],
            (false, _) if self.tills[t].unpaid.is_some() => {
                &[(8, Deed::SeeToPayment), (1, Deed::TakeAway), (1, Deed::Insert), (1, Deed::Tick)]
            }
            (true, true) => &[(6, Deed::Tick), (1, Deed::TakeAway)],
            // Who gains by it does it often.
            (false, true) if self.terminals[t].tells(Lie::HidesReversal) => {
                &[(40, Deed::Redeem), (40, Deed::Undo), (25, Deed::TakeAway), (8, Deed::Tick)]
            }
            (true, false) => &[(3, Deed::Tick), (4, Deed::Insert)],
            (false, true) => &[
                (40, Deed::Redeem),
                (8, Deed::Quote),
                (10, Deed::Confirm),
                (12, Deed::Undo),
                (6, Deed::UndoOne),
                (2, Deed::UndoWithoutCard),
                (4, Deed::Abandon),
                (10, Deed::AskAgain),
                (10, Deed::SellAgain),
                (25, Deed::TakeAway),
                (5, Deed::LookAtPayments),
                (8, Deed::Tick),
            ],
            (false, false) => &[
                (50, Deed::Insert),
                (8, Deed::Redeem),
                (2, Deed::Undo),
                (2, Deed::UndoWithoutCard),
                (8, Deed::Abandon),
                (8, Deed::AskAgain),
                (5, Deed::LookAtPayments),
                (10, Deed::Tick),
            ],
        };
        self.shared.draw(|chance| chance.weighted(choices))
    }

    fn carry_out(&mut self, t: usize, deed: Deed) {
        match deed {
            Deed::Insert if self.terminals[t].has_card() => (),
            Deed::Insert => {
                let free: Vec<usize> = (0..self.cards.len()).filter(|c| self.cards[*c].at.is_none()).collect();
                if let Some(c) = free.get(self.shared.draw(|chance| chance.index(free.len()))) {
                    self.insert(t, *c);
                }
            }
            Deed::TakeAway => self.take_away(t),
            Deed::Redeem => {
                let command = Command::Redeem { request: self.wish(), tender: self.tender(t).into(), confirmed: None };
                self.ask(t, command);
            }
            Deed::Quote => {
                let command = Command::Quote(self.wish());
                self.ask(t, command);
            }
            Deed::Confirm => {
                if let Some((request, card, quote)) = self.tills[t].quote.take() {
                    let confirmed = Some((card, quote));
                    let tender = if self.tender(t) == Tender::Tpe { Tender::Tpe } else { Tender::Card };
                    self.ask(t, Command::Redeem { request, tender: tender.into(), confirmed });
                }
            }
            Deed::Undo => self.ask(t, Command::Undo { entry: None, without_card: false }),
            Deed::UndoOne | Deed::UndoWithoutCard => {
                let granted = self.tills[t].granted();
                let entry = granted.get(self.shared.draw(|chance| chance.index(granted.len()))).copied();
                let without_card = matches!(deed, Deed::UndoWithoutCard);
                self.ask(t, Command::Undo { entry, without_card });
            }
            Deed::Abandon => {
                let c = self.shared.draw(|chance| chance.index(2 * self.cards.len()));
                let card = self.cards.get(c).map(|card| card.number);
                self.ask(t, Command::Abandon { card });
            }
            Deed::AskAgain => {
                // The newest ones rather than the old ones.
                let asked = self.tills[t].asked.len();
                let back = self.shared.draw(|chance| chance.index(asked.min(4)));
                if asked > 0 {
                    self.ask_as(t, asked - 1 - back);
                }
            }
            Deed::SellAgain => {
                // The same sale under another name.
                let sold = self.tills[t].asked.iter().rev().map(|asked| &asked.command);
                let sold: Vec<_> = sold.filter(|command| matches!(command, Command::Redeem { .. })).take(3).collect();
                if let Some(Command::Redeem { request, .. }) = sold.get(self.shared.draw(|c| c.index(sold.len()))) {
                    let request = request.clone();
                    self.ask(t, Command::Redeem { request, tender: self.tender(t).into(), confirmed: None });
                }
            }
            Deed::SeeToPayment => self.see_to_payment(t),
            Deed::LookAtPayments => self.look_at_payments(t),
            Deed::Tick => {
                self.shared.time.pass(self.shared.draw(|chance| chance.between(100, 4_000)));
                self.terminals[t].begin(Event::Tick);
            }
        }
    }

    /// How a holder pays.
    fn tender(&self, t: usize) -> Tender {
        let by_tpe = self.terminals[t].tpe.is_some() && self.shared.draw(|chance| chance.below(5) < 3);
        if by_tpe { Tender::Tpe } else { Tender::Cash }
    }

    /// What a holder wants.
    fn wish(&self) -> QuoteRequest {
        self.shared.draw(|chance| {
            let cents = |cents: u64| Cents::from_u32(u32::try_from(cents).unwrap());
            match chance.weighted(&[(5, 0), (2, 1), (4, 2), (1, 3)]) {
                0 => QuoteRequest::default(),
                1 => QuoteRequest { seats: Some(2), supplement: cents(chance.below(2) * 150), ..Default::default() },
                2 => QuoteRequest { price: Some(cents(chance.between(1, 900))), ..Default::default() },
                _ => QuoteRequest {
                    benefit: Some("leisure-books".parse_code()),
                    price: Some(cents(chance.between(1, 1800))),
                    ..Default::default()
                },
            }
        })
    }

    /// A new request.
    pub(crate) fn ask(&mut self, t: usize, command: Command) {
        let id = RequestId::new(self.shared.draw(crate::chance::Chance::bytes16));
        self.tills[t].asked.push(Asked { id, command, told: Vec::new(), unheard: true });
        self.ask_as(t, self.tills[t].asked.len() - 1);
    }

    /// A request, for the first time or again.
    pub(crate) fn ask_as(&mut self, t: usize, number: usize) {
        let Asked { id, command, .. } = self.tills[t].asked[number].clone();
        self.shared.say(|| format!("{} is asked [{number}] {}", self.terminals[t].name, self.describe(&command)));
        let wait = Duration::from_millis(self.shared.draw(|chance| chance.between(0, 20_000)));
        self.tills[t].waiting = Some(number);
        self.tills[t].asked[number].unheard = true;
        self.tills[t].clock_settings = self.terminals[t].clock.settings();
        self.tills[t].unpaid = None;
        self.terminals[t].client(ClientRequest { id, command, wait, cashier: None });
    }

    pub(crate) fn insert(&mut self, t: usize, c: usize) {
        self.shared.say(|| format!("{} gets {}", self.terminals[t].name, self.cards[c].name));
        self.cards[c].at = Some(t);
        self.terminals[t].insert(&self.cards[c]);
    }

    pub(crate) fn take_away(&mut self, t: usize) {
        if let Some(card) = self.cards.iter_mut().find(|card| card.at == Some(t)) {
            card.at = None;
            self.shared.say(|| format!("{} is without {}", self.terminals[t].name, card.name));
        }
        self.terminals[t].take_away();
    }

    /// What the counter answered goes into the books.
    pub(crate) fn listen(&mut self, t: usize) {
        while let Some(told) = self.terminals[t].hear() {
            let Some(number) = self.tills[t].waiting.take() else {
                // The till is gone: what was done is in the journal, and its request finds it.
                continue;
            };
            let Ok(outcome) = told else {
                self.shared.say(|| format!("{} has no answer to [{number}]", self.terminals[t].name));
                continue;
            };
            self.shared
                .say(|| format!("{} answers [{number}] {}", self.terminals[t].name, self.describe_outcome(&outcome)));
            if let (Outcome::Quoted(card, quote), Command::Quote(request)) =
                (&outcome, &self.tills[t].asked[number].command)
            {
                self.tills[t].quote = Some((request.clone(), *card, quote.clone()));
            }
            if let Outcome::Refused(Refused {
                refusal: why @ (Refusal::PaymentUnknown | Refusal::PaymentNotMade | Refusal::PaymentIncomplete),
                ..
            }) = outcome
            {
                self.tills[t].unpaid = Some((number, why));
            }
            self.tills[t].asked[number].unheard = false;
            self.tills[t].asked[number].told.push(outcome);
            self.told_only_what_is_durable(t, number);
        }
    }
}

/// Codes, where only their text is at hand.
pub(crate) trait ParseCode {
    fn parse_code(&self) -> pass::domain::catalogue::Code;
}

impl ParseCode for str {
    fn parse_code(&self) -> pass::domain::catalogue::Code {
        pass::domain::catalogue::Code::new(self).unwrap()
    }
}
