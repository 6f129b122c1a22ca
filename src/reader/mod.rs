//! Card readers, by PC/SC: the one room that names `pcsc`.
//!
//! Two halves that share nothing, because PC/SC serialises whatever goes through one context:
//! - [`Watcher`]: one thread that says which readers there are and which cards come and go ([`ReaderEvent`]);
//! - [`CardWorker`]: owned by the thread that speaks to cards; it connects ([`CardConnection`]) and carries bursts of commands.
//!
//! What always holds:
//! - Neither ends on its own. A reader that is unplugged, a pcscd that is restarted or refuses us are events or errors, and the
//!   next attempt begins anew: a context that has seen pcscd end never recovers, so it is thrown away.
//! - Every PC/SC call can block for ever when pcscd or a driver is wedged, also the calls meant to cancel others. So they are
//!   made on plain threads only, never on the async runtime, nobody waits for them without a bound, and a [`Pulse`] tells how
//!   long the call under way has overrun its time.
//! - Cards are left as they are, never reset or powered down by us.
//! - No byte of a card's data goes to a log.
//!
//! What the bytes mean is in [`crate::wire`]; what a tap leads to is decided in [`crate::machine`].

mod changes;
mod connection;
mod fault;
mod look;
mod name;
mod pulse;
mod service;
mod watcher;

pub use connection::{BurstError, CardConnection, CardWorker, ConnectError};
pub use fault::{Fault, WhyUnavailable};
pub use look::{Look, LookedAt, look};
pub use name::{ReaderFilter, ReaderName};
pub use pulse::{Call, Overdue, Pulse};
pub use watcher::{ReaderEvent, Watcher};
