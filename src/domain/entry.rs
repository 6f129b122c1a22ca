//! Entries: everything a terminal does that matters, one chain for all of it, each signed when it is written and never changed.
//!
//! What an entry says is here; its bytes, and why a chain of them cannot be altered, in [`crate::wire::entry`].

use super::card::{CardState, Challenge, PublicKey, Signature, SignedRecord};
use super::cashier::{Change, Role};
use super::catalogue::Code;
use super::closing::Closing;
use super::ids::{
    CardNumber, CashierId, Counter, EntitlementSerial, EntryHash, RequestId, Sequence, TerminalId, TransactionId,
};
use super::money::Cents;
use super::payment::PaymentFact;
use super::purse::Slot;
use super::refusal::Refusal;
use super::time::{Season, Timestamp};

pub use super::tender::{Parts, Paying, Tender, Tenders};

/// What the terminal had from the region when it wrote the entry, so that liability can be computed (decision 13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Version of the season's catalogue; 0 for none.
    pub catalogue_version: u32,
    /// Feed position: every denial up to it was known.
    pub feed_position: u64,
    /// Version of the offline policy; 0 for none.
    pub policy_version: u32,
    /// The region's time in its newest answer.
    pub last_exchange: Timestamp,
}

/// One entry of a terminal's chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whose chain.
    pub terminal: TerminalId,
    /// Its place, from 1.
    pub sequence: Sequence,
    /// The hash of the entry before; of the chain's beginning for the first.
    pub previous: EntryHash,
    /// The terminal's trusted time.
    pub time: Timestamp,
    /// What the terminal had from the region.
    pub context: Context,
    /// What happened.
    pub body: Body,
    /// Who did it, where cashiers sign in; `None` for what the terminal does by itself.
    pub cashier: Option<CashierId>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A right was debited.
    Debit(Debit),
    /// A debit was taken back.
    Reversal(Reversal),
    /// A sale or an undo that was in doubt turned out not done.
    NotDone(NotDone),
    /// The cashier gave up a sale in doubt and gave the money back.
    Abandoned(Abandoned),
    /// A debit is to be taken back by the region, because the card cannot (decision 7).
    UndoRequest(UndoRequest),
    /// A denied or false card was refused.
    Refused(RefusedCard),
    /// Records and state, read off a card.
    CardRead(CardRead),
    /// A period was closed.
    Closing(Closing),
    /// Something technical.
    Event(TechnicalEvent),
}

impl Body {
    /// The stable code of the kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Debit(_) => "debit",
            Self::Reversal(_) => "reversal",
            Self::NotDone(_) => "not-done",
            Self::Abandoned(_) => "abandoned",
            Self::UndoRequest(_) => "undo-request",
            Self::Refused(_) => "refused",
            Self::CardRead(_) => "card-read",
            Self::Closing(_) => "closing",
            Self::Event(_) => "event",
        }
    }

    /// What money was collected or given back, and how, where any can be: nothing of it may have moved.
    pub const fn money(&self) -> Option<(Cents, Tenders)> {
        match self {
            Self::Debit(debit) => Some((debit.collected, debit.sale.tender)),
            Self::Reversal(reversal) => Some((reversal.returned, reversal.tender)),
            Self::NotDone(not_done) => Some((not_done.returned, not_done.tender)),
            Self::Abandoned(abandoned) => Some((abandoned.returned, abandoned.tender)),
            Self::UndoRequest(request) => Some((request.returned, request.tender)),
            Self::Refused(_) | Self::CardRead(_) | Self::Closing(_) | Self::Event(_) => None,
        }
    }

    /// The card that it is about.
    pub fn card(&self) -> Option<CardNumber> {
        match self {
            Self::Debit(debit) => Some(debit.proof.record.card),
            Self::Reversal(reversal) => Some(reversal.proof.record.card),
            Self::NotDone(not_done) => Some(not_done.card),
            Self::Abandoned(abandoned) => Some(abandoned.card),
            Self::UndoRequest(request) => Some(request.card),
            Self::Refused(refused) => refused.card,
            Self::CardRead(read) => Some(read.card),
            Self::Closing(_) | Self::Event(_) => None,
        }
    }
}

/// The sale around a debit: what was asked, what was collected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sale {
    /// Named by the client: a repeat of the request finds this sale.
    pub request: RequestId,
    /// The benefit's code in the catalogue of the season.
    pub benefit: Code,
    /// The price, where one was given.
    pub price: Option<Cents>,
    /// The supplement.
    pub supplement: Cents,
    /// What the holder had to pay.
    pub due: Cents,
    /// How `due` was paid.
    pub tender: Tenders,
}

/// How the terminal learnt that the card did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learnt {
    /// From the card's answer to the command.
    AtOnce,
    /// From the card's records, after a doubt.
    FromRecords,
}

/// A right was debited: the card's own record proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Debit {
    /// The card's signed record.
    pub proof: SignedRecord,
    /// SHA-256 of the card certificate's bytes.
    pub certificate: [u8; 32],
    /// The entitlement that it drew on.
    pub entitlement_serial: EntitlementSerial,
    /// What was left in the slot afterwards, in its unit.
    pub left: u32,
    /// The sale.
    pub sale: Sale,
    /// What the terminal keeps of the holder's money: `due`, or nothing when the sale had been abandoned.
    pub collected: Cents,
    /// How the terminal learnt of it.
    pub learnt: Learnt,
    /// The sale had been given up: never payable (decision 6).
    pub abandoned: bool,
}

/// A debit was taken back on the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reversal {
    /// The card's signed record.
    pub proof: SignedRecord,
    /// SHA-256 of the card certificate's bytes.
    pub certificate: [u8; 32],
    /// The entry of the debit.
    pub debit: Sequence,
    /// What was given back to the holder.
    pub returned: Cents,
    /// How it was given back.
    pub tender: Tenders,
    /// Named by the client.
    pub request: RequestId,
    /// How the terminal learnt of it.
    pub learnt: Learnt,
}

/// What an intent was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A sale.
    Sale {
        /// The benefit's slot.
        slot: Slot,
        /// The season of the card's entitlement.
        season: Season,
        /// In the unit of the slot.
        amount: u32,
        /// What was asked and collected.
        sale: Sale,
        /// The entitlement that was quoted.
        entitlement_serial: EntitlementSerial,
        /// What would be left afterwards.
        left: u32,
    },
    /// The undo of a debit.
    Undo {
        /// The entry of the debit.
        debit: Sequence,
        /// Its counter on the card.
        debit_counter: Counter,
        /// What will be given back to the holder.
        returned: Cents,
        /// How.
        tender: Tenders,
        /// Named by the client.
        request: RequestId,
    },
}

/// What is made durable before a card is asked to change its purse (decision 3). It is not an entry: the entry says how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The card.
    pub card: CardNumber,
    /// SHA-256 of the card certificate's bytes.
    pub certificate: [u8; 32],
    /// The card's counter before: A of the profile's *Done, not done, in doubt*.
    pub counter_before: Counter,
    /// Chosen by the terminal.
    pub transaction: TransactionId,
    /// The time that the command carries.
    pub time: Timestamp,
    /// Debit or reversal, with all its data.
    pub purpose: Purpose,
    /// Who asked for it, where cashiers sign in. The entry that ends the intent says the same, whoever is there when it ends.
    pub cashier: Option<CashierId>,
}

impl Intent {
    /// The client's request that it was made for.
    pub const fn request(&self) -> RequestId {
        match &self.purpose {
            Purpose::Sale { sale, .. } => sale.request,
            Purpose::Undo { request, .. } => *request,
        }
    }

    /// The entry that says that the card did it, as `proof` has it. Of a sale that was `abandoned` nothing is kept: the money went back before.
    pub fn done(&self, proof: SignedRecord, learnt: Learnt, abandoned: bool) -> Body {
        match &self.purpose {
            Purpose::Sale { sale, entitlement_serial, left, .. } => Body::Debit(Debit {
                proof,
                certificate: self.certificate,
                entitlement_serial: *entitlement_serial,
                left: *left,
                sale: sale.clone(),
                collected: if abandoned { Cents::ZERO } else { sale.due },
                learnt,
                abandoned,
            }),
            Purpose::Undo { debit, returned, tender, request, .. } => Body::Reversal(Reversal {
                proof,
                certificate: self.certificate,
                debit: *debit,
                returned: *returned,
                tender: *tender,
                request: *request,
                learnt,
            }),
        }
    }

    /// The entry that says that the card did not do it. The money of a sale goes back, unless it did when the sale was `abandoned`.
    pub fn not_done(&self, abandoned: bool) -> Body {
        let (collected, tender) = self.money();
        let returned = if abandoned { Cents::ZERO } else { collected };
        Body::NotDone(NotDone {
            card: self.card,
            transaction: self.transaction,
            counter_before: self.counter_before,
            returned,
            tender: tender.moving(returned),
            request: self.request(),
        })
    }

    /// Whether `record`, which the card signed and whose counter is the one that this intent would have had, is this intent's.
    pub fn is_proven_by(&self, record: &super::card::Record) -> bool {
        use super::card::Operation;
        let operation = match self.purpose {
            Purpose::Sale { .. } => Operation::Debit,
            Purpose::Undo { .. } => Operation::Reversal,
        };
        record.transaction == self.transaction && record.operation == operation
    }

    /// What was collected for it, and how: nothing for an undo, whose money goes back once it is done.
    pub const fn money(&self) -> (Cents, Tenders) {
        match &self.purpose {
            Purpose::Sale { sale, .. } => (sale.due, sale.tender),
            Purpose::Undo { tender, .. } => (Cents::ZERO, *tender),
        }
    }
}

/// An intent that the card did not carry out. The money of a sale is given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotDone {
    /// The card.
    pub card: CardNumber,
    /// The intent's transaction.
    pub transaction: TransactionId,
    /// The card's counter before.
    pub counter_before: Counter,
    /// What the terminal gives back of the holder's money; nothing for an undo, or when the sale had been abandoned.
    pub returned: Cents,
    /// How; of parts the sum is `returned`.
    pub tender: Tenders,
    /// The request of the sale or undo.
    pub request: RequestId,
}

/// A sale in doubt, given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abandoned {
    /// The card.
    pub card: CardNumber,
    /// The intent's transaction.
    pub transaction: TransactionId,
    /// The card's counter before.
    pub counter_before: Counter,
    /// The benefit's slot.
    pub slot: Slot,
    /// The season of the card's entitlement.
    pub season: Season,
    /// In the unit of the slot.
    pub amount: u32,
    /// What was given back to the holder.
    pub returned: Cents,
    /// How; of parts the sum is `returned`.
    pub tender: Tenders,
    /// The request of the sale.
    pub request: RequestId,
}

/// The region is asked to give a right back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoRequest {
    /// The card.
    pub card: CardNumber,
    /// The entry of the debit.
    pub debit: Sequence,
    /// The debit's counter on the card.
    pub debit_counter: Counter,
    /// What was given back to the holder.
    pub returned: Cents,
    /// How; of parts the sum is `returned`.
    pub tender: Tenders,
    /// Named by the client.
    pub request: RequestId,
}

/// A denied or false card was presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedCard {
    /// The number it gave, when it gave one.
    pub card: Option<CardNumber>,
    /// Why it was refused.
    pub refusal: Refusal,
    /// The certificate bytes that it showed, as evidence; empty when it showed none.
    pub certificate: Vec<u8>,
}

/// Why a card was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadReason {
    /// The region wanted records.
    Wanted,
    /// The next season's entitlement is about to set its consumption to 0 (decision 14).
    SeasonEnd,
    /// The card was blocked on its chip.
    Blocked,
}

/// State and records of a card, each signed by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardRead {
    /// The card.
    pub card: CardNumber,
    /// SHA-256 of the card certificate's bytes.
    pub certificate: [u8; 32],
    /// Why.
    pub reason: ReadReason,
    /// The terminal's challenge that `state` answers.
    pub challenge: Challenge,
    /// The state.
    pub state: CardState,
    /// Newest first.
    pub records: Vec<SignedRecord>,
}

/// Something technical, kept because it explains the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TechnicalEvent {
    /// The chain begins.
    Enrolled {
        /// The terminal that this one takes the place of, after a lost disk.
        replaces: Option<TerminalId>,
    },
    /// The daemon started.
    Started {
        /// Its version.
        version: String,
    },
    /// The daemon stopped by itself.
    Stopped,
    /// The region's answer moved the trusted time by more than the tolerance (decision 10).
    ClockStep {
        /// The floor before.
        from: Timestamp,
        /// The floor after.
        to: Timestamp,
    },
    /// An old copy of the ledger was restored: this branch goes on, the other's head is named.
    Joined {
        /// The last sequence of the other branch that the region has.
        other_sequence: Sequence,
        /// Its hash.
        other_hash: EntryHash,
    },
    /// Wrong PINs have locked a cashier out for a while.
    CashierLocked {
        /// Whose PIN was tried.
        cashier: CashierId,
        /// How many wrong PINs since the last right one.
        failures: u32,
    },
    /// The list of cashiers was changed. Names and PINs are not in the chain.
    CashierChanged {
        /// Who.
        cashier: CashierId,
        /// What the cashier is now.
        role: Role,
        /// What was done.
        change: Change,
    },
    /// A receipt, or a closing's, was printed or shown once more (*duplicata*).
    Duplicate {
        /// The entry that it is of.
        entry: Sequence,
        /// How many duplicates of it there are now.
        count: u32,
    },
    /// What became of a payment on the bank terminal: money moved, or may have.
    Payment(PaymentFact),
    /// The terminal has new keys: this is the last entry that the old one signs.
    KeysChanged(Box<KeysChanged>),
}

/// New keys in the place of the terminal's: the old entry key signs this, in its entry, and each of the new ones has signed that it is there
/// and where it begins, so nobody can pass another's key off as the terminal's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysChanged {
    /// The Ed25519 public key of the entries after this one.
    pub entry_key: [u8; 32],
    /// The P-256 public key that cards will check, once the region has certified it.
    pub card_key: PublicKey,
    /// The new entry key's signature (Ed25519) over the place and both keys.
    pub entry_proof: [u8; 64],
    /// The new card key's, over the same bytes.
    pub card_proof: Signature,
}
