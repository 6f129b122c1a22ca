//! An open card: what it may be asked, and what proves that it did it.

use crate::crypto::{CryptoError, P256Key, verify_p256};
use crate::domain::card::{
    CardCertificate, CardState, Challenge, DebitOrder, Entitlement, Operation, Record, ReversalOrder, Signature,
    SignedRecord, TerminalCertificate,
};
use crate::domain::entry::Intent;
use crate::domain::{Counter, TerminalId};
use crate::wire::apdu::{Answer, StatusWord, Transport};
use crate::wire::card::{ChangeAnswer, Command, RECORDS_MAX};

use super::apdu::{Le, exchange};
use super::open::NotGenuine;

/// A card that is proven genuine, with its fresh state.
#[derive(Debug)]
pub struct Opened {
    /// SHA-256 of the certificate's bytes: how entries name it.
    pub certificate_hash: [u8; 32],
    /// What it is granted; nothing on a card that was never given an entitlement.
    pub entitlement: Option<Entitlement>,
    /// The conversation, to go on with.
    pub session: Session,
}

/// The conversation with an open card. It lasts as long as the card stays and nobody else speaks to it; whoever interferes makes a command fail, never
/// succeed wrongly.
#[derive(Debug)]
pub struct Session {
    certificate: CardCertificate,
    terminal: TerminalCertificate,
    state: CardState,
    /// What `state` is signed over.
    terminal_challenge: Challenge,
    /// The card's challenge, until a command uses it up.
    challenge: Option<Challenge>,
    le: Le,
}

/// A command that should change the purse was sent, and nothing proves that it was done or not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not known whether the card did it")]
pub struct InDoubt;

/// Why records could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotRead {
    /// The card left, the reader failed, or the answer was not a record: try again.
    #[error("the card did not give the record")]
    NoAnswer,
    /// The record is not signed by the card.
    #[error(transparent)]
    NotGenuine(#[from] NotGenuine),
}

/// What a fresh OPEN, and a record where one is needed, say of an intent (card profile, *Done, not done, in doubt*).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The card did it; its record.
    Done(Box<SignedRecord>),
    /// The card did not, and never will: another change has its counter, or none.
    NotDone {
        /// Whether the command may be sent again as it was: no change came between.
        repeatable: bool,
    },
    /// Too many changes since: the region decides, from the records that it has or asks for.
    RegionDecides,
}

impl Session {
    /// How many reversals a card may have recorded before the terminal reads the record itself rather than trying each number of them: DEBIT's
    /// answer does not say how many, and the signature tells which is right.
    const LINKS_TRIED_MAX: u32 = 32;

    pub(super) const fn new(
        certificate: CardCertificate,
        terminal: TerminalCertificate,
        state: CardState,
        terminal_challenge: Challenge,
        le: Le,
    ) -> Self {
        Self { certificate, terminal, challenge: Some(state.next_challenge), state, terminal_challenge, le }
    }

    /// Who the card is.
    pub const fn certificate(&self) -> &CardCertificate {
        &self.certificate
    }

    /// As whom the terminal opened it: the card checks what changes it with the same key.
    pub const fn terminal(&self) -> &TerminalCertificate {
        &self.terminal
    }

    /// Its state when it was opened.
    pub const fn state(&self) -> &CardState {
        &self.state
    }

    /// What the terminal asked with, so that somebody else can check `state`.
    pub const fn terminal_challenge(&self) -> Challenge {
        self.terminal_challenge
    }

    /// Whether a command that changes the purse can still be sent in this session.
    pub const fn can_change(&self) -> bool {
        self.challenge.is_some()
    }

    fn record_verifies(&self, signed: &SignedRecord) -> bool {
        verify_p256(&self.certificate.public_key, &signed.record.signed_bytes(), &signed.signature)
    }

    /// DEBIT. Done only with `90 00`, the next counter, and the card's signature over the record that was asked for.
    ///
    /// # Errors
    /// [`InDoubt`] in every other case, whatever the status word says.
    pub fn debit(
        &mut self,
        transport: &mut dyn Transport,
        key: &P256Key,
        terminal: TerminalId,
        order: DebitOrder,
    ) -> Result<SignedRecord, InDoubt> {
        let challenge = self.challenge.take().ok_or(InDoubt)?;
        let signature = key.sign(&order.signed_bytes(self.certificate.card, &challenge)).map_err(in_doubt)?;
        let answer = self.change(transport, &Command::Debit { order, signature })?;
        let consumed = self.state.consumed.get(order.slot).checked_add(order.amount).ok_or(InDoubt)?;
        let record = |link| Record {
            card: self.certificate.card,
            operation: Operation::Debit,
            slot: order.slot,
            season: order.season,
            amount: order.amount,
            link,
            consumed,
            counter: answer.counter,
            terminal,
            transaction: order.transaction,
            time: order.time,
        };
        self.check_change(&answer, consumed)?;
        // Each reversal takes back a debit of its own, so at most every other change was one.
        let links = 0..=(self.state.counter.get() / 2).min(Self::LINKS_TRIED_MAX);
        let tried = links.map(|link| SignedRecord { record: record(link), signature: answer.signature });
        if let Some(proven) = tried.into_iter().find(|signed| self.record_verifies(signed)) {
            return Ok(proven);
        }
        let read = self.read_record(transport, 1).map_err(|_| InDoubt)?;
        if read.record == record(read.record.link) { Ok(read) } else { Err(InDoubt) }
    }

    /// REVERSE. As [`Session::debit`]; `debit` is the record that is taken back.
    ///
    /// # Errors
    /// [`InDoubt`].
    pub fn reverse(
        &mut self,
        transport: &mut dyn Transport,
        key: &P256Key,
        debit: &Record,
        order: ReversalOrder,
    ) -> Result<SignedRecord, InDoubt> {
        let challenge = self.challenge.take().ok_or(InDoubt)?;
        let signature = key.sign(&order.signed_bytes(self.certificate.card, &challenge)).map_err(in_doubt)?;
        let answer = self.change(transport, &Command::Reverse { order, signature })?;
        let consumed = self.state.consumed.get(debit.slot).checked_sub(debit.amount).ok_or(InDoubt)?;
        self.check_change(&answer, consumed)?;
        let record = Record {
            operation: Operation::Reversal,
            link: order.debit_counter.get(),
            consumed,
            counter: answer.counter,
            transaction: order.transaction,
            time: order.time,
            ..*debit
        };
        let signed = SignedRecord { record, signature: answer.signature };
        if self.record_verifies(&signed) { Ok(signed) } else { Err(InDoubt) }
    }

    fn change(&self, transport: &mut dyn Transport, command: &Command) -> Result<ChangeAnswer, InDoubt> {
        match exchange(transport, command, self.le) {
            Ok(Answer { data, status: StatusWord::DONE }) => ChangeAnswer::decode(&data).map_err(|_| InDoubt),
            Ok(_) | Err(_) => Err(InDoubt),
        }
    }

    fn check_change(&self, answer: &ChangeAnswer, consumed: u32) -> Result<(), InDoubt> {
        if Some(answer.counter) == self.state.counter.next() && answer.consumed == consumed {
            Ok(())
        } else {
            Err(InDoubt)
        }
    }

    /// READ RECORD, and the card's signature over it; 1 is the newest.
    ///
    /// # Errors
    /// [`CannotRead`].
    pub fn read_record(&self, transport: &mut dyn Transport, number: u8) -> Result<SignedRecord, CannotRead> {
        let answer = match exchange(transport, &Command::ReadRecord(number), self.le) {
            Ok(Answer { data, status: StatusWord::DONE }) => data,
            Ok(_) | Err(_) => return Err(CannotRead::NoAnswer),
        };
        let signed = SignedRecord::decode(&answer).map_err(|_| CannotRead::NoAnswer)?;
        if signed.record.card == self.certificate.card && self.record_verifies(&signed) {
            Ok(signed)
        } else {
            Err(NotGenuine::Record.into())
        }
    }

    /// The newest records, newest first, as many as the card keeps and `from` asks for: those with a counter of at least `from`.
    ///
    /// # Errors
    /// [`CannotRead`].
    pub fn read_records(&self, transport: &mut dyn Transport, from: Counter) -> Result<Vec<SignedRecord>, CannotRead> {
        let newest = self.state.counter.get();
        // The counter is the card's word: one that is at its end must not end the terminal.
        let wanted = newest.saturating_sub(from.get().saturating_sub(1)).min(RECORDS_MAX as u32);
        (1..=wanted)
            .map(|number| {
                // At most 16.
                let signed = self.read_record(transport, number as u8)?;
                let expected = newest - (number - 1);
                if signed.record.counter.get() == expected { Ok(signed) } else { Err(CannotRead::NoAnswer) }
            })
            .collect()
    }

    /// What became of `intent`, which was made for this card and may have been sent to it.
    ///
    /// # Errors
    /// [`CannotRead`]: the doubt goes on. [`NotGenuine::Counter`] for a card whose counter went back.
    pub fn settle(&self, transport: &mut dyn Transport, intent: &Intent) -> Result<Settled, CannotRead> {
        if !self.can_change() {
            // The state is from before the last command that may have changed it.
            return Err(CannotRead::NoAnswer);
        }
        let (before, now) = (intent.counter_before.get(), self.state.counter.get());
        let Some(changes) = now.checked_sub(before) else { return Err(NotGenuine::Counter.into()) };
        if changes == 0 {
            return Ok(Settled::NotDone { repeatable: true });
        }
        let Some(number) = u8::try_from(changes).ok().filter(|n| usize::from(*n) <= RECORDS_MAX) else {
            return Ok(Settled::RegionDecides);
        };
        let signed = self.read_record(transport, number)?;
        // A record that is genuine and is not the one asked for proves nothing about the one that was.
        if signed.record.counter.get() != before + 1 {
            return Err(CannotRead::NoAnswer);
        }
        if intent.is_proven_by(&signed.record) {
            Ok(Settled::Done(Box::new(signed)))
        } else {
            Ok(Settled::NotDone { repeatable: false })
        }
    }

    /// PUT ENTITLEMENT. The session is over; the next OPEN says whether the card took it.
    pub fn put_entitlement(self, transport: &mut dyn Transport, entitlement: Entitlement) {
        // The status word proves nothing: the next OPEN names the entitlement that the card has.
        let _unsigned = exchange(transport, &Command::PutEntitlement(entitlement), self.le);
    }

    /// BLOCK. The session is over; the next OPEN says whether the card is blocked.
    pub fn block(self, transport: &mut dyn Transport, signature: Signature) {
        // As above.
        let _unsigned = exchange(transport, &Command::Block(signature), self.le);
    }
}

fn in_doubt(_: CryptoError) -> InDoubt {
    InDoubt
}
