//! A bank terminal (TPE) on a counter: it does to each request what the faults say, and counts its own money. It forgets nothing and is never restored: what
//! it has counted is the truth that ledgers are held against, and what the cashier reads on it.

use std::collections::BTreeMap;

use pass::domain::payment::{Doubt, Ended, Way};
use pass::domain::{Cents, PaymentId, RequestId};
use pass::payment::{Heard, Listening, Request, Sofar};
use pass::virtual_tpe::{Behaviour, Then, play};

use crate::Fault;
use crate::shared::Shared;

/// Which fault is which behaviour. A request that none of them strikes is done at once.
const BEHAVIOURS: [(Fault, Behaviour); 15] = [
    (Fault::TpeAnswerLost, Behaviour::SilentPaid),
    (Fault::TpeRefuses, Behaviour::Refuse),
    (Fault::TpeRedButton, Behaviour::RedButton),
    (Fault::TpePartial, Behaviour::Partial),
    (Fault::TpePadded, Behaviour::Padded),
    (Fault::TpeSplit, Behaviour::Split),
    (Fault::TpeSilent, Behaviour::Silent),
    (Fault::TpeCloses, Behaviour::Close),
    (Fault::TpePaysAndCloses, Behaviour::ClosePaid),
    (Fault::TpeCut, Behaviour::Cut),
    (Fault::TpeBusy, Behaviour::Busy),
    (Fault::TpeWrongAmount, Behaviour::WrongAmount),
    (Fault::TpeGarbage, Behaviour::Garbage),
    (Fault::TpeOtherPayment, Behaviour::OtherPayment),
    (Fault::TpeOldVersion, Behaviour::OldVersion),
];

/// How long it is waited for before nobody knows, in milliseconds.
const ANSWER_MS: u64 = 180_000;
/// How long it is quiet before an answer is whole.
const QUIET_MS: u64 = 1_000;

/// What it did with one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    pub(crate) payment: PaymentId,
    /// The sale that it is for, as the ledger says: the bank terminal does not know it.
    pub(crate) sale: RequestId,
    pub(crate) way: Way,
    pub(crate) asked: Cents,
    /// What moved, to the cent; nothing where no money did.
    pub(crate) moved: Option<Cents>,
}

/// An answer that is on its way.
struct Answer {
    pieces: Vec<Vec<u8>>,
    then: Then,
    /// How long until all of it is there, or nothing more comes.
    takes_ms: u64,
}

/// One bank terminal.
#[derive(Default)]
pub(crate) struct Tpe {
    /// In the order of the requests.
    pub(crate) tickets: Vec<Ticket>,
    answers: BTreeMap<PaymentId, Answer>,
}

impl Tpe {
    /// A request has come whole. What moves moves now; what is answered is heard later.
    pub(crate) fn receive(&mut self, request: &Request, sale: RequestId, shared: &Shared) {
        // As it comes over the line.
        let asked = Request::from_bytes(&request.to_bytes()).unwrap();
        let struck = BEHAVIOURS.iter().find(|(fault, _)| shared.strikes(*fault));
        let behaviour = struck.map_or(Behaviour::Approve, |(_, behaviour)| *behaviour);
        let played = play(behaviour, &asked);
        let person_ms = if shared.strikes(Fault::TpeSlow) { 170_000 } else { 15_000 };
        let answers_ms = shared.draw(|chance| chance.between(2_000, person_ms));
        let takes_ms = match played.then {
            _ if played.pieces.is_empty() && played.then == Then::Wait => ANSWER_MS,
            Then::Wait => answers_ms + QUIET_MS,
            Then::Close | Then::CloseLater => answers_ms,
        };
        self.answers.insert(asked.payment(), Answer { pieces: played.pieces, then: played.then, takes_ms });
        let ticket =
            Ticket { payment: asked.payment(), sale, way: asked.way(), asked: asked.amount(), moved: played.moved };
        self.tickets.push(ticket);
        shared.say(|| {
            let number = self.tickets.len() - 1;
            let moved = played.moved.map_or_else(|| "nothing".to_owned(), |cents| cents.to_string());
            format!("TPE: payment {number}, {} {}: {behaviour:?}, {moved} moves", asked.way().code(), asked.amount())
        });
    }

    /// What is heard of a request, when it has taken its time.
    pub(crate) fn answer(&mut self, request: &Request, shared: &Shared) -> Result<Ended, Doubt> {
        let Answer { pieces, then, takes_ms } = self.answers.remove(&request.payment()).unwrap();
        shared.time.pass(takes_ms);
        let mut listening = Listening::default();
        let end = match then {
            Then::Close | Then::CloseLater => Heard::Closed,
            Then::Wait => Heard::Nothing,
        };
        for heard in pieces.iter().map(|piece| Heard::Bytes(piece)).chain([end]) {
            if let Sofar::Answer(answer) = listening.hears(heard)? {
                return answer.about(request);
            }
        }
        Err(Doubt::NoAnswer)
    }

    /// What the cashier reads of a payment: what moved.
    pub(crate) fn ticket(&self, payment: PaymentId) -> Option<(usize, Ticket)> {
        self.tickets.iter().copied().enumerate().find(|(_, ticket)| ticket.payment == payment)
    }

    /// What it has of the holder's money of a sale: taken and not given back, in cents.
    pub(crate) fn net(&self, sale: RequestId) -> i64 {
        self.tickets.iter().filter(|ticket| ticket.sale == sale).map(signed).sum()
    }

    /// The same of every sale for which it was ever asked.
    pub(crate) fn nets(&self) -> BTreeMap<RequestId, i64> {
        let mut nets = BTreeMap::new();
        for ticket in &self.tickets {
            *nets.entry(ticket.sale).or_default() += signed(ticket);
        }
        nets
    }
}

fn signed(ticket: &Ticket) -> i64 {
    let moved = ticket.moved.map_or(0, |cents| i64::try_from(cents.get()).unwrap());
    match ticket.way {
        Way::Charge => moved,
        Way::Refund => -moved,
    }
}
