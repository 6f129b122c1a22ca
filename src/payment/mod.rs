//! The line to the bank terminal (TPE): Caisse-AP over IP, the one place that speaks it.
//!
//! Owns the protocol's records ([`message`]), what is asked ([`Request`]) and what is understood of an answer ([`Answer`]), and the
//! connection with its deadlines ([`client`]). What a payment may do next, and when it must never be tried again, is decided in
//! [`crate::machine::payment`]; that a request is durable before its first byte is the caller's affair.
//!
//! The line is neither encrypted nor authenticated: it belongs on a wire or a network of its own. Card numbers, expiry dates and
//! tickets are passed over while an answer is read; no value of this room holds them.

use std::num::NonZero;

mod answer;
pub mod client;
pub mod device;
pub mod message;
mod request;

pub use answer::{Answer, Heard, Incoming, Listening, Outcome, Progress, Sofar, Unread};
pub use request::{Register, Request, RequestError};

/// The port on which a bank terminal listens when nobody has set another.
pub const DEFAULT_PORT: NonZero<u16> = NonZero::new(8888).unwrap();
