//! A bank terminal, whatever carries the bytes: what a payment is carried out on.
//!
//! The steps are apart, as in [`client`](super::client), because between two of them something is made durable.

use std::future::Future;
use std::pin::Pin;

use crate::domain::payment::{Doubt, Ended};

use super::client::{ConnectError, Line, Tpe, TrialError};
use super::request::{Register, Request};

/// What comes later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One bank terminal.
pub trait BankTerminal: Send + Sync {
    /// Where it is, for a person.
    fn address(&self) -> &str;

    /// The register that it is told.
    fn register(&self) -> Register;

    /// Connects, and writes nothing.
    ///
    /// # Errors
    /// As [`Tpe::connect`].
    fn connect(&self) -> Later<'_, Result<Box<dyn BankLine>, ConnectError>>;

    /// The pause before one that was not reached is looked for again.
    fn pause(&self) -> Later<'_, ()>;

    /// Tries it without money.
    ///
    /// # Errors
    /// As [`Tpe::try_out`].
    fn try_out(&self) -> Later<'_, Result<String, TrialError>>;
}

/// A connection for one payment.
pub trait BankLine: Send {
    /// Writes the request. From its first byte on the payment may happen.
    ///
    /// # Errors
    /// As [`Line::write`].
    fn write<'a>(&'a mut self, request: &'a Request) -> Later<'a, Result<(), Doubt>>;

    /// Waits for what became of the request.
    ///
    /// # Errors
    /// As [`Line::answer`].
    fn answer(self: Box<Self>, request: &Request) -> Later<'_, Result<Ended, Doubt>>;
}

impl BankTerminal for Tpe {
    fn address(&self) -> &str {
        self.address()
    }

    fn register(&self) -> Register {
        self.register()
    }

    fn connect(&self) -> Later<'_, Result<Box<dyn BankLine>, ConnectError>> {
        Box::pin(async move { Ok(Box::new(self.connect().await?) as _) })
    }

    fn pause(&self) -> Later<'_, ()> {
        Box::pin(tokio::time::sleep(super::client::CONNECT_PAUSE))
    }

    fn try_out(&self) -> Later<'_, Result<String, TrialError>> {
        Box::pin(self.try_out())
    }
}

impl BankLine for Line {
    fn write<'a>(&'a mut self, request: &'a Request) -> Later<'a, Result<(), Doubt>> {
        Box::pin(self.write(request))
    }

    fn answer(self: Box<Self>, request: &Request) -> Later<'_, Result<Ended, Doubt>> {
        Box::pin((*self).answer(request))
    }
}
