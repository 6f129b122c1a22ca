//! The connection to one bank terminal: one payment at a time, with a deadline for each thing that is waited for.
//!
//! The steps are apart, because between two of them something is made durable: [`Tpe::connect`] writes nothing, [`Line::write`]
//! writes the request, [`Line::answer`] waits for what became of it. Closing the connection takes nothing back: the bank terminal has the
//! last word, and only its red button ends what it has begun.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::{Instant, timeout, timeout_at};

use crate::domain::payment::{Doubt, Ended};

use super::answer::{Answer, Heard, Listening, Outcome, Progress, Sofar, Unread};
use super::message::Malformed;
use super::request::{Register, Request, VERSION};

/// How much is read at once, in bytes.
const READ_BYTES: usize = 1024;
/// Between two looks for a bank terminal that does not answer.
pub(super) const CONNECT_PAUSE: Duration = Duration::from_millis(500);

/// How long each thing is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// For the connection.
    pub connect: Duration,
    /// For the request to be written.
    pub write: Duration,
    /// For the whole answer: a person looks for a card, puts it in and types a code.
    pub answer: Duration,
    /// For more bytes, when the answer may be whole.
    pub quiet: Duration,
    /// For the answer to a trial, which needs no person.
    pub trial: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(8),
            write: Duration::from_secs(8),
            answer: Duration::from_secs(180),
            quiet: Duration::from_secs(1),
            trial: Duration::from_secs(10),
        }
    }
}

/// Why there is no connection. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Another payment of this terminal is on it.
    #[error("a payment is in progress on the bank terminal")]
    Busy,
    /// Nothing listens there, or not in time.
    #[error("the bank terminal at {address} does not answer: {error}")]
    Off {
        /// Where it was looked for.
        address: String,
        /// What the system says.
        #[source]
        error: io::Error,
    },
}

/// Why a bank terminal cannot be used, found without asking it for money.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It took the connection and did not answer.
    #[error("what listens there takes the connection and says nothing: it is busy, or no bank terminal")]
    NoAnswer,
    /// It closed the connection.
    #[error("what listens there closes the connection: it is busy, or no bank terminal")]
    Closed,
    /// It answered something else.
    #[error("what listens there does not speak Caisse-AP over IP: {0}")]
    Unreadable(Malformed),
    /// It speaks a version that is not spoken here.
    #[error("the bank terminal speaks version {0} of Caisse-AP, and 0300 is spoken here")]
    OtherVersion(String),
    /// It says that something was done, where nothing was asked for.
    #[error("the bank terminal says that it did something that nobody asked for")]
    Strange,
}

/// One bank terminal. Its clones are the same one.
#[derive(Clone, Debug)]
pub struct Tpe {
    address: String,
    register: Register,
    deadlines: Deadlines,
    turn: Arc<Mutex<()>>,
}

impl Tpe {
    /// The bank terminal at `address` (host and port).
    pub fn new(address: impl Into<String>, register: Register, deadlines: Deadlines) -> Self {
        Self { address: address.into(), register, deadlines, turn: Arc::default() }
    }

    /// Where it is.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The register that it is told.
    pub const fn register(&self) -> Register {
        self.register
    }

    /// Connects, and writes nothing. While the line is there it is the only one.
    ///
    /// # Errors
    /// [`ConnectError`]: to try again is safe.
    pub async fn connect(&self) -> Result<Line, ConnectError> {
        let turn = Arc::clone(&self.turn).try_lock_owned().map_err(|_| ConnectError::Busy)?;
        let off = |error| ConnectError::Off { address: self.address.clone(), error };
        let stream = match timeout(self.deadlines.connect, TcpStream::connect(&self.address)).await {
            Ok(connected) => connected.map_err(off)?,
            Err(_) => return Err(off(io::ErrorKind::TimedOut.into())),
        };
        // Without it the request may wait for nothing. It is a matter of speed alone.
        let _ = stream.set_nodelay(true);
        Ok(Line { stream, deadlines: self.deadlines, _turn: turn })
    }

    /// Tries address, line and protocol with a request that cannot move money: it has no amount. The version that the bank terminal says that
    /// it speaks.
    ///
    /// # Errors
    /// [`TrialError`].
    pub async fn try_out(&self) -> Result<String, TrialError> {
        let mut line = self.connect().await?;
        line.write_bytes(&Request::trial(self.register)).await.map_err(|_| TrialError::Closed)?;
        let answer = line.read(self.deadlines.trial).await.map_err(|unread| match unread {
            Unread::NoAnswer => TrialError::NoAnswer,
            Unread::Closed => TrialError::Closed,
            Unread::Malformed(why) => TrialError::Unreadable(why),
        })?;
        let version = answer.version.map_or_else(|| "?".to_owned(), |version| format!("{version:04}"));
        match answer.outcome {
            Outcome::NotDone(_) if version.as_bytes()[..2.min(version.len())] == VERSION[..2] => Ok(version),
            Outcome::NotDone(_) => Err(TrialError::OtherVersion(version)),
            Outcome::Done | Outcome::TakenIntoAccount => Err(TrialError::Strange),
        }
    }
}

/// A connection for one payment.
#[derive(Debug)]
pub struct Line {
    stream: TcpStream,
    deadlines: Deadlines,
    _turn: OwnedMutexGuard<()>,
}

impl Line {
    /// Writes the request. From its first byte on the payment may happen.
    ///
    /// # Errors
    /// [`Doubt::NotWritten`]: the bank terminal may have a part of it, or all.
    pub async fn write(&mut self, request: &Request) -> Result<(), Doubt> {
        self.write_bytes(&request.to_bytes()).await
    }

    async fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), Doubt> {
        match timeout(self.deadlines.write, self.stream.write_all(bytes)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Doubt::NotWritten),
        }
    }

    /// Waits for what became of `request`: the amount that moved, or why nothing did.
    ///
    /// # Errors
    /// [`Doubt`]: nobody knows.
    pub async fn answer(mut self, request: &Request) -> Result<Ended, Doubt> {
        self.read(self.deadlines.answer).await.map_err(Doubt::from)?.about(request)
    }

    async fn read(&mut self, patience: Duration) -> Result<Answer, Unread> {
        let deadline = Instant::now() + patience;
        let (mut listening, mut wait_until) = (Listening::default(), deadline);
        let mut bytes = [0; READ_BYTES];
        loop {
            let heard = match timeout_at(wait_until, self.stream.read(&mut bytes)).await {
                Ok(Ok(read)) if read > 0 => Heard::Bytes(&bytes[..read]),
                Ok(_) => Heard::Closed,
                Err(_) => Heard::Nothing,
            };
            match listening.hears(heard)? {
                Sofar::Answer(answer) => return Ok(answer),
                // Within a record the rest is waited for to the end; after one, for a short while.
                Sofar::Waits(Progress::Partial) => wait_until = deadline,
                Sofar::Waits(Progress::MayBeWhole) => wait_until = deadline.min(Instant::now() + self.deadlines.quiet),
            }
        }
    }
}
