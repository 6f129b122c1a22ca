//! The terminal's side of the card profile: a conversation with a card over any [`Transport`], in which nothing counts that is not
//! signed.
//!
//! Owns how a card is opened (SELECT, READ CERTIFICATE, OPEN, READ ENTITLEMENT), debited, reversed, read, given an entitlement or a key, blocked; and how
//! the terminal proves each answer. What to do with a card is decided in [`crate::machine`]; what is kept of it in [`crate::ledger`].
//!
//! Status words are not signed, so none of them proves anything: a command that should change the purse is either
//! [proven done](Session::debit) or [in doubt](InDoubt), and only a fresh OPEN can end the doubt.

mod apdu;
mod open;
mod session;
mod trust;

pub use apdu::{ExchangeError, Le, exchange};
pub use open::{CannotOpen, Evidence, NotGenuine, Opener, put_key, read_key};
pub use session::{CannotRead, InDoubt, Opened, Session, Settled};
pub use trust::{TerminalKey, Trust};

#[cfg(doc)]
use crate::wire::apdu::Transport;
