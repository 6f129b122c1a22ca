//! What is paid on a bank terminal: the line to it, step by step, and what cashiers do about payments that went wrong. They look at the bank terminal's own
//! count, mostly right away, sometimes late, sometimes after a restart; they fall back to cash where surely nothing was paid, and give held money back.

use std::rc::Rc;

use pass::domain::entry::Tender;
use pass::domain::payment::{Doubt, PaymentState, Way};
use pass::domain::refusal::Refusal;
use pass::domain::{Cents, RequestId};
use pass::machine::sale::{ClientRequest, Command, Event, Outcome, Refused};
use pass::payment::Request;
use pass::till::DeskGone;

use crate::Fault;
use crate::payer::Wish;
use crate::reader::MORE_AT_CHANGES;
use crate::run::World;
use crate::terminal::Terminal;

impl Terminal {
    /// A client asks.
    pub(crate) fn client(&mut self, request: ClientRequest) {
        self.payer().ask(request);
        self.on_to_counter();
    }

    /// The client goes away.
    pub(crate) fn client_gone(&mut self) {
        if self.payer().client_goes() {
            self.begin(Event::ClientGone);
        }
    }

    /// The counter is given what its clients and the payments want of it.
    fn on_to_counter(&mut self) {
        while let Some(request) = self.payer().for_counter() {
            if self.is_busy() {
                self.payer().counter_says(Outcome::Refused(Refused::because(Refusal::Busy)));
            } else {
                self.begin(Event::Client(Box::new(request)));
            }
        }
    }

    /// What the client is told, once it is.
    pub(crate) fn hear(&mut self) -> Option<Result<Outcome, DeskGone>> {
        let heard = self.heard();
        if !self.is_running() {
            return None;
        }
        for outcome in heard {
            let due = if let Outcome::Quoted(_, quote) = &outcome { Some(quote.due) } else { None };
            if let (Some(sale), Some(due)) = (self.payer().counter_says(outcome), due) {
                self.dues.insert(sale, due);
            }
        }
        self.on_to_counter();
        self.payer().told()
    }

    /// Whether a payment is under way.
    pub(crate) fn is_paying(&mut self) -> bool {
        self.running.as_ref().is_some_and(|running| running.payer.is_paying())
    }

    /// The next thing happens on the line to the bank terminal; what of it should not have.
    pub(crate) fn bank_step(&mut self) -> Option<String> {
        let wish = self.payer().take_wish()?;
        let (mut wrong, shared) = (None, Rc::clone(&self.shared));
        // Whoever waits for it is the payment's task, which is there as long as the program.
        match wish {
            Wish::Counter(..) => unreachable!("the counter is not on this line"),
            Wish::Connect(sender) => {
                let off = shared.strikes(Fault::TpeUnreachable);
                shared.time.pass(if off { 8_000 } else { 30 });
                shared.say(|| format!("{} looks for its TPE: {}", self.name, !off));
                sender.send(!off).unwrap();
            }
            Wish::Pause(sender) => {
                shared.time.pass(500);
                sender.send(()).unwrap();
            }
            Wish::Write(request, sender) => {
                let (written, why) = self.write_to_bank(&request);
                wrong = why;
                sender.send(written).unwrap();
            }
            Wish::Answer(request, sender) => {
                let answer = self.tpe.as_ref().unwrap().borrow_mut().answer(&request, &shared);
                shared.say(|| format!("{} hears of its TPE: {answer:?}", self.name));
                sender.send(answer).unwrap();
            }
        }
        self.payer().run();
        self.on_to_counter();
        wrong
    }

    /// A request goes to the bank terminal: never for the second time, never without being durable as *sent*, never for more than is due.
    fn write_to_bank(&mut self, request: &Request) -> (Result<(), Doubt>, Option<String>) {
        let (id, amount) = (request.payment(), request.amount());
        let kept = self.know(move |view| view.payment(id)).unwrap();
        let tpe = Rc::clone(self.tpe.as_ref().unwrap());
        let mut tpe = tpe.borrow_mut();
        let Some(kept) = kept.filter(|kept| kept.state == PaymentState::Sent && kept.asked.amount == amount) else {
            return (Ok(()), Some(format!("{} asks its TPE for what is not durable: {kept:?}", self.name)));
        };
        let sale = kept.asked.request;
        let mut wrong = tpe.ticket(id).map(|(number, _)| format!("{} asks for payment {number} again", self.name));
        let (net, asked) = (tpe.net(sale), i64::try_from(amount.get()).unwrap());
        let due = self.dues.get(&sale).map_or(0, |due| i64::try_from(due.get()).unwrap());
        // A ledger that was put back does not know what it has asked for since.
        if self.has_one_history() {
            match request.way() {
                Way::Charge if net + asked > due => {
                    wrong = Some(format!("{} asks for {asked} where {net} of {due} are paid", self.name));
                }
                Way::Refund if asked > net => {
                    wrong = Some(format!("{} gives back {asked} of {net}", self.name));
                }
                Way::Charge | Way::Refund => (),
            }
        }
        let breaks = self.shared.strikes(Fault::TpeNotWritten);
        if !breaks || self.shared.draw(|chance| chance.one_in(2)) {
            tpe.receive(request, sale, &self.shared);
        }
        (if breaks { Err(Doubt::NotWritten) } else { Ok(()) }, wrong)
    }
}

impl World {
    /// Something happens on the line to the bank terminal, or the program ends before, or within.
    pub(crate) fn go_on_paying(&mut self, t: usize) {
        for _ in 0..self.shared.draw(|chance| chance.between(1, 3)) {
            for how in [Fault::Killed, Fault::PowerCut] {
                if self.shared.strikes_here(how, MORE_AT_CHANGES) {
                    return self.crash(t, |terminal| terminal.crash(how));
                }
            }
            if self.shared.strikes_here(Fault::PowerCutInCommit, MORE_AT_CHANGES) {
                let mut wrong = None;
                self.crash(t, |terminal| terminal.crash_while(|terminal| wrong = terminal.bank_step()));
                return wrong.into_iter().for_each(|wrong| self.wrong(wrong));
            }
            if !self.terminals[t].is_paying() {
                return;
            }
            self.pay(t);
        }
    }

    /// The next thing on the line to the bank terminal.
    pub(crate) fn pay(&mut self, t: usize) {
        let wrong = self.terminals[t].bank_step();
        self.terminals[t].remember_head_file();
        wrong.into_iter().for_each(|wrong| self.wrong(wrong));
        self.payments_are_on_record(t);
        self.listen(t);
    }

    /// A sale was refused for what became of its payment: what the cashier does about it.
    pub(crate) fn see_to_payment(&mut self, t: usize) {
        let Some((number, refusal)) = self.tills[t].unpaid.take() else { return };
        let sale = self.tills[t].asked[number].id;
        let drawn = |choices: &[(u64, Deed)]| self.shared.draw(|chance| chance.weighted(choices));
        let deed = match refusal {
            Refusal::PaymentUnknown => drawn(&[(5, Deed::Look), (2, Deed::Leave), (1, Deed::Restart)]),
            Refusal::PaymentNotMade => drawn(&[(4, Deed::Again), (4, Deed::InCash), (2, Deed::Leave)]),
            _ => drawn(&[(5, Deed::Again), (3, Deed::GiveBack), (1, Deed::InCash), (2, Deed::Leave)]),
        };
        match deed {
            Deed::Look => {
                self.say_what_became(t, |of, _| of == sale);
                if self.shared.draw(|chance| !chance.one_in(4)) {
                    self.ask_as(t, number);
                }
            }
            Deed::Restart => self.stop(t),
            Deed::Again => self.ask_paying(t, number, Tender::Tpe),
            Deed::InCash => self.ask_paying(t, number, Tender::Cash),
            Deed::GiveBack => self.give_back(t, sale),
            Deed::Leave => (),
        }
    }

    /// The same sale again, paid so.
    fn ask_paying(&mut self, t: usize, number: usize, by: Tender) {
        if let Command::Redeem { tender, .. } = &mut self.tills[t].asked[number].command {
            *tender = by.into();
        }
        self.ask_as(t, number);
    }

    /// The cashier looks through what is open: says what became of some payments, and gives some money back.
    pub(crate) fn look_at_payments(&mut self, t: usize) {
        let shared = Rc::clone(&self.shared);
        self.say_what_became(t, |_, _| shared.draw(|chance| chance.one_in(2)));
        let held = self.held(t);
        if let Some(sale) = held.get(self.shared.draw(|chance| chance.index(2 * held.len()))) {
            self.give_back(t, *sale);
        }
    }

    /// The sales whose money is held, by their names.
    fn held(&mut self, t: usize) -> Vec<RequestId> {
        let mut held: Vec<_> = self.terminals[t].payer().open().held.iter().map(|held| held.request).collect();
        held.sort();
        held
    }

    fn give_back(&mut self, t: usize, sale: RequestId) {
        self.shared.say(|| format!("{} is to give back what is held of a sale", self.terminals[t].name));
        self.terminals[t].payer().give_back(sale);
    }

    /// The cashier reads on the bank terminal what became of unknown payments, of the sales that are `chosen`; whether anything was said.
    fn say_what_became(&mut self, t: usize, mut chosen: impl FnMut(RequestId, usize) -> bool) -> bool {
        let Some(tpe) = self.terminals[t].tpe.clone() else { return false };
        let open = self.terminals[t].payer().open().payments;
        let mut unknown: Vec<_> = open
            .iter()
            .filter(|open| matches!(open.state, PaymentState::Unknown(_)))
            .map(|open| {
                let ticket = tpe.borrow().ticket(open.payment);
                // One that never came has no ticket. Of one sale no two are unknown.
                (ticket.map_or(usize::MAX, |(number, _)| number), open.request, open.payment, ticket)
            })
            .collect();
        unknown.sort_by_key(|(number, sale, ..)| (*number, *sale));
        let mut said = false;
        for (number, sale, payment, ticket) in unknown {
            if !chosen(sale, number) {
                continue;
            }
            let moved: Option<Cents> = ticket.and_then(|(_, ticket)| ticket.moved);
            let taken = self.terminals[t].payer().answer(payment, moved);
            said |= taken;
            self.shared.say(|| format!("{} is told of a payment: {moved:?} moved; {taken}", self.terminals[t].name));
        }
        self.terminals[t].remember_head_file();
        self.payments_are_on_record(t);
        said
    }

    /// Every unknown payment is looked up, and all money that is held given back; whether anything was to be done.
    pub(crate) fn settle_payments(&mut self, t: usize) -> bool {
        let mut anything = false;
        // What goes back may be taken in parts, and what is too much comes back.
        for _ in 0..20 {
            let said = self.say_what_became(t, |_, _| true);
            let held = self.held(t);
            if !said && held.is_empty() {
                return anything;
            }
            anything = true;
            for sale in held {
                self.give_back(t, sale);
                self.finish(t);
            }
        }
        self.wrong(format!("{} does not come to the end of its payments", self.terminals[t].name));
        anything
    }
}

/// What a cashier may do about a payment.
#[derive(Clone, Copy)]
enum Deed {
    Look,
    Restart,
    Again,
    InCash,
    GiveBack,
    Leave,
}
