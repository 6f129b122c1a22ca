//! Values and rules of the PASS, and nothing else.
//!
//! Owns the vocabulary of the whole project: money, identifiers, time and seasons, the catalogue of benefits, what a
//! card holds, what a redemption costs, what an entry of the ledger says, why a sale is refused, how long a terminal may
//! go without the region. Everything here is plain data with checked constructors; there is no input or output, no clock
//! and no randomness, and only the standard library.
//!
//! Bytes are in [`crate::wire`], decisions over time in [`crate::machine`].

pub mod balance;
pub mod card;
pub mod cashier;
pub mod catalogue;
pub mod closing;
pub mod entry;
pub mod ids;
pub mod money;
pub mod payment;
pub mod policy;
pub mod purse;
pub mod quote;
pub mod receipt;
pub mod refusal;
pub mod spoken;
pub mod tender;
pub mod time;
pub mod verdict;
pub mod version;

pub use balance::Balance;
pub use ids::{
    CardNumber, CashierId, Counter, EntitlementSerial, EntryHash, HolderReference, IssueNumber, KeySerial, PartnerId,
    PaymentId, RequestId, Sequence, TerminalId, TransactionId,
};
pub use money::Cents;
pub use purse::{Amounts, SLOTS, Slot};
pub use time::{Date, Season, Timestamp};
