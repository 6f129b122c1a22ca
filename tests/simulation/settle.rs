//! The end of a run, without any fault: every doubt gets its card back, every terminal its line, and the region's desk does its work.

use pass::domain::card::CardStatus;
use pass::domain::entry::{Body, Tender};
use pass::domain::quote::QuoteRequest;
use pass::domain::{CardNumber, Cents, Season};
use pass::ledger::CLOCK_STEP_SECONDS;
use pass::machine::sale::{Command, Event};
use pass::wire::exchange::TerminalStanding;

use crate::dishonest::Lie;
use crate::line::Message;
use crate::reader::Nature;
use crate::run::World;
use crate::terminal::Taken;

/// More rounds than any history needs.
const ROUNDS_MAX: u32 = 10;
/// Longer than the region waits before it asks for records that nobody has reported.
const PATIENCE_MS: u64 = 97 * 3_600_000;

impl World {
    pub(crate) fn settle(&mut self) {
        self.shared.say(|| "--- all is brought home ---".to_owned());
        self.shared.calm();
        if !self.bureau.borrow().is_running() {
            self.bureau.borrow_mut().start();
        }
        self.clear_disks();
        for t in 0..self.terminals.len() {
            self.terminals[t].clock.correct();
            if !self.terminals[t].is_running() {
                self.terminals[t].start();
            }
            self.finish(t);
            self.take_away(t);
            self.finish(t);
        }
        self.check_on_the_way();
        // A clock that ran ahead by less is not moved back; the time that it promised passes.
        self.shared.time.pass(u64::from(CLOCK_STEP_SECONDS) * 1000);
        // What is still on its way arrives, in its order.
        for message in self.line.rest() {
            self.deliver(message);
        }
        self.settle_doubts();
        self.look_at_the_suspended();
        if self.terminals.iter().any(|terminal| !terminal.has_one_history() || !terminal.is_honest()) {
            self.check_on_the_way();
            // What went with a disk, or is kept back, is asked for at last, at the cards.
            self.shared.time.pass(PATIENCE_MS);
            self.last_lies();
            for (t, c) in
                (0..self.terminals.len()).flat_map(|t| (0..self.cards.len()).map(move |c| (t, c))).collect::<Vec<_>>()
            {
                if self.cards[c].nature == Nature::Genuine && self.cards[c].memory().counter().get() > 0 {
                    self.buy(t, c);
                }
            }
            self.settle_doubts();
            // Two machines with one disk go on as if nothing were.
            for _ in 0..3 {
                for t in (0..self.terminals.len()).filter(|t| self.terminals[*t].twin.is_some()).collect::<Vec<_>>() {
                    self.exchange_all(t);
                }
            }
        }
    }

    /// Whoever says that it never heard of a denial says so now, days later, having exchanged all the while.
    fn last_lies(&mut self) {
        for t in 0..self.terminals.len() {
            if self.terminals[t].tells(Lie::Deaf) {
                self.exchange_all(t);
                for c in 0..self.cards.len() {
                    let (number, nature) = (self.cards[c].number, self.cards[c].nature);
                    if nature == Nature::Genuine && self.misfortunes.denied.contains(&number) {
                        self.insert(t, c);
                        let now = self.now();
                        self.terminals[t].debit_past_counter(now);
                        self.finish(t);
                        self.take_away(t);
                        self.finish(t);
                    }
                }
            }
        }
    }

    fn settle_doubts(&mut self) {
        for _ in 0..ROUNDS_MAX {
            // What one brings can change what another is told.
            let news = (0..self.terminals.len()).fold(false, |news, t| self.exchange_all(t) | news);
            let paid = (0..self.terminals.len()).fold(false, |paid, t| self.settle_payments(t) | paid);
            let visits: Vec<_> = (0..self.terminals.len()).flat_map(|t| self.cards_wanted_at(t)).collect();
            if visits.is_empty() && !news && !paid {
                return;
            }
            for (t, c) in visits {
                self.visit(t, c);
            }
        }
        // A card of which there are two chips may never be what a terminal expects: what was written of that is brought home too.
        for t in 0..self.terminals.len() {
            self.exchange_all(t);
        }
    }

    /// The desk lets a terminal go on whose chain forked because a copy was restored; never one that is two machines.
    fn look_at_the_suspended(&mut self) {
        for t in 0..self.terminals.len() {
            let standing = self.terminals[t].know(|view| view.standing());
            if standing == TerminalStanding::Suspended
                && self.terminals[t].twin.is_none()
                && self.terminals[t].is_honest()
            {
                self.shared.say(|| format!("the desk looks at {}", self.terminals[t].name));
                self.bureau.borrow().region().resume_terminal(self.terminals[t].id, self.now()).unwrap();
                self.misfortunes.looked_at.push(self.terminals[t].id);
                self.exchange_all(t);
            }
        }
    }

    /// Everything that is begun comes to its end: the client's patience, and the tries with a card that did not answer.
    pub(crate) fn finish(&mut self, t: usize) {
        let mut quiet = 0;
        while quiet < 3 {
            loop {
                while self.terminals[t].step() {
                    self.listen(t);
                }
                if !self.terminals[t].is_paying() {
                    break;
                }
                self.pay(t);
            }
            quiet += u32::from(!self.terminals[t].is_busy());
            self.shared.time.pass(1001);
            self.terminals[t].begin(Event::Tick);
        }
        while self.terminals[t].step() {}
    }

    /// Exchanges until there is nothing more; whether anything came of it. Two machines with one chain never come to that.
    fn exchange_all(&mut self, t: usize) -> bool {
        let has =
            |world: &Self| world.terminals[t].know(|view| (view.feed_position(), view.acknowledged(), view.standing()));
        let before = has(self);
        self.exchange_to_the_end(t);
        self.terminals[t].twin.is_none() && has(self) != before
    }

    fn exchange_to_the_end(&mut self, t: usize) {
        self.terminals[t].forget_requests();
        let endless = self.terminals[t].twin.is_some() || !self.terminals[t].is_honest();
        let rounds = if endless { 3 } else { 20 };
        for _ in 0..rounds {
            self.exchange(t);
            let mut last = None;
            for _ in 0..2 {
                self.shared.time.pass(2_000);
                while let Some(message) = self.line.arrived() {
                    last = self.deliver_at_once(message);
                }
            }
            if last == Some(Taken::Applied { more: false }) && self.terminals[t].is_honest() {
                let waiting = self.terminals[t].know(|view| view.exposure().waiting_entries);
                if waiting == 0 {
                    return;
                }
            }
        }
        if !endless {
            self.wrong(format!("{} does not come to the end of its exchanges", self.terminals[t].name));
        }
    }

    fn deliver_at_once(&mut self, message: Message) -> Option<Taken> {
        match message {
            Message::Answer { to, name, bytes } => {
                let taken = self.terminals[to].hear_region(name, bytes);
                self.shared.say(|| format!("{} takes answer {name}: {taken:?}", self.terminals[to].name));
                taken
            }
            Message::Request { .. } => {
                self.deliver(message);
                None
            }
        }
    }

    /// The cards that terminal `t` would do something with.
    fn cards_wanted_at(&self, t: usize) -> Vec<(usize, usize)> {
        let now = Season::at(self.now());
        let of_card = |card: &crate::reader::Card| (card.number, card.memory().status, card.memory().season());
        let cards: Vec<(CardNumber, CardStatus, _)> = self.cards.iter().map(of_card).collect();
        let wanted = self.terminals[t].know(move |view| {
            let mut wanted: Vec<_> = view.open_intents().unwrap().into_iter().map(|open| open.intent.card).collect();
            for (card, status, season) in cards {
                if !view.records_wanted(card).unwrap().is_empty() {
                    wanted.push(card);
                }
                if let Some(stored) = view.abandoned_debit_of(card).unwrap()
                    && let Body::Debit(debit) = &stored.entry.body
                    && status == CardStatus::InUse
                    && debit.proof.record.season == season
                    && season == now
                {
                    wanted.push(card);
                }
            }
            wanted
        });
        let genuine = |c: &usize| self.cards[*c].nature == Nature::Genuine && wanted.contains(&self.cards[*c].number);
        (0..self.cards.len()).filter(genuine).map(|c| (t, c)).collect()
    }

    /// The holder buys something small: the region hears of the card.
    fn buy(&mut self, t: usize, c: usize) {
        self.insert(t, c);
        let request = QuoteRequest { price: Some(Cents::from_u32(1)), ..QuoteRequest::default() };
        self.ask(t, Command::Redeem { request, tender: Tender::Cash.into(), confirmed: None });
        self.finish(t);
        self.take_away(t);
        self.finish(t);
    }

    /// The card lies in the reader for a while.
    fn visit(&mut self, t: usize, c: usize) {
        self.insert(t, c);
        self.finish(t);
        self.take_away(t);
        self.finish(t);
    }
}
