//! One payment, from the wish to its end.

use crate::domain::Cents;
use crate::domain::payment::{Doubt, Ended, NotPaid, PaymentState, Said};

/// How often the bank terminal is looked for before the payment is refused as surely not made.
const CONNECTS_MAX: u8 = 3;

/// What the cashier read on the bank terminal or its ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The money moved, and how much.
    Paid(Cents),
    /// It did not.
    NotPaid,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// What was to be made durable is.
    Stored,
    /// It could not be.
    NotStored,
    /// There is a connection.
    Connected,
    /// There is none.
    NotConnected,
    /// The request was written whole.
    Written,
    /// It was not, or not whole.
    NotWritten,
    /// The answer: the amount that moved, or why nothing did.
    Answered(Ended),
    /// No answer that says what became of it.
    NoAnswer(Doubt),
    /// The cashier says what became of it.
    Word(Word),
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make this durable, then say [`Event::Stored`].
    Persist(PaymentState),
    /// Connect to the bank terminal; write nothing.
    Connect,
    /// Write the request.
    Write,
    /// Wait for the answer.
    Read,
    /// Close the connection.
    Close,
    /// It is at rest: tell whoever waits.
    Rest(PaymentState),
}

/// What is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing: it waits for the cashier's word, or for nothing at all.
    AtRest,
    /// Being made durable.
    Storing(PaymentState),
    /// The bank terminal is being looked for, for the so-many-th time.
    Connecting(u8),
    /// The request is being written.
    Writing,
    /// The answer is waited for.
    Reading,
}

/// One payment. See the [module](super) for what always holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    state: PaymentState,
    phase: Phase,
}

impl Leg {
    /// A payment that somebody asks for.
    pub const fn ask() -> (Self, Action) {
        let state = PaymentState::Asked;
        (Self { state, phase: Phase::Storing(state) }, Action::Persist(state))
    }

    /// A payment of before the program started: what was not sent is surely not paid, what was sent is unknown.
    pub fn found(state: PaymentState) -> (Self, Vec<Action>) {
        let mut leg = Self { state, phase: Phase::AtRest };
        let actions = match state {
            PaymentState::Asked => leg.store(PaymentState::Refused(NotPaid::NotSent)),
            PaymentState::Sent => leg.store(PaymentState::Unknown(Doubt::Restarted)),
            PaymentState::Approved { .. } | PaymentState::Refused(_) | PaymentState::Unknown(_) => Vec::new(),
        };
        (leg, actions)
    }

    /// How far it is, as far as it is durable; where even that failed, the worst that it may be.
    pub const fn state(&self) -> PaymentState {
        self.state
    }

    /// Whether it holds the bank terminal.
    pub fn in_flight(&self) -> bool {
        self.phase != Phase::AtRest
    }

    /// Tells the payment what happened; what to do about it, in order. What does not fit changes nothing.
    pub fn on_event(&mut self, event: Event) -> Vec<Action> {
        match (self.phase, event) {
            (Phase::Storing(state), Event::Stored) => self.stored(state),
            (Phase::Storing(state), Event::NotStored) => self.not_stored(state),
            (Phase::Connecting(_), Event::Connected) => self.store(PaymentState::Sent),
            (Phase::Connecting(tries), Event::NotConnected) if tries < CONNECTS_MAX => {
                self.phase = Phase::Connecting(tries + 1);
                vec![Action::Connect]
            }
            (Phase::Connecting(_), Event::NotConnected) => self.store(PaymentState::Refused(NotPaid::Unreachable)),
            (Phase::Writing, Event::Written) => {
                self.phase = Phase::Reading;
                vec![Action::Read]
            }
            (Phase::Writing, Event::NotWritten) => self.store(PaymentState::Unknown(Doubt::NotWritten)),
            (Phase::Reading, Event::Answered(Ok(amount))) => {
                self.store(PaymentState::Approved { amount, said: Said::ByTpe })
            }
            (Phase::Reading, Event::Answered(Err(reason))) => self.store(PaymentState::Refused(NotPaid::Said(reason))),
            (Phase::Reading, Event::NoAnswer(doubt)) => self.store(PaymentState::Unknown(doubt)),
            (Phase::AtRest, Event::Word(word)) => self.told(word),
            (
                Phase::AtRest | Phase::Storing(_) | Phase::Connecting(_) | Phase::Writing | Phase::Reading,
                Event::Stored
                | Event::NotStored
                | Event::Connected
                | Event::NotConnected
                | Event::Written
                | Event::NotWritten
                | Event::Answered(_)
                | Event::NoAnswer(_)
                | Event::Word(_),
            ) => Vec::new(),
        }
    }

    fn store(&mut self, state: PaymentState) -> Vec<Action> {
        self.phase = Phase::Storing(state);
        vec![Action::Persist(state)]
    }

    fn stored(&mut self, state: PaymentState) -> Vec<Action> {
        self.state = state;
        match state {
            PaymentState::Asked => {
                self.phase = Phase::Connecting(1);
                vec![Action::Connect]
            }
            // After this point the payment may happen.
            PaymentState::Sent => {
                self.phase = Phase::Writing;
                vec![Action::Write]
            }
            PaymentState::Approved { .. } | PaymentState::Refused(_) | PaymentState::Unknown(_) => self.rest(),
        }
    }

    /// What failed to be written may be on the disk all the same, or not.
    fn not_stored(&mut self, state: PaymentState) -> Vec<Action> {
        match (self.state, state) {
            // No byte was written: whatever the disk says after a restart, this is sure now.
            (PaymentState::Asked, _) => self.state = PaymentState::Refused(NotPaid::NotSent),
            // The disk says *sent*: nobody is told an end that is not durable.
            (PaymentState::Sent, _) => self.state = PaymentState::Unknown(Doubt::NotDurable),
            // The cashier's word: it is to be said again.
            (PaymentState::Unknown(_) | PaymentState::Approved { .. } | PaymentState::Refused(_), _) => (),
        }
        self.rest()
    }

    fn rest(&mut self) -> Vec<Action> {
        self.phase = Phase::AtRest;
        vec![Action::Close, Action::Rest(self.state)]
    }

    fn told(&mut self, word: Word) -> Vec<Action> {
        match (self.state, word) {
            (PaymentState::Unknown(_), Word::Paid(amount)) if !amount.is_zero() => {
                self.store(PaymentState::Approved { amount, said: Said::ByCashier })
            }
            (PaymentState::Unknown(_), Word::NotPaid) => self.store(PaymentState::Refused(NotPaid::Word)),
            (
                PaymentState::Unknown(_)
                | PaymentState::Asked
                | PaymentState::Sent
                | PaymentState::Approved { .. }
                | PaymentState::Refused(_),
                _,
            ) => Vec::new(),
        }
    }
}
