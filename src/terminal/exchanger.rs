//! The exchange with the region: builds the request, carries it, checks the answer, applies it. When, is the
//! [exchange machine](crate::machine::exchange)'s to say; a task of its own, so that no sale ever waits for the line.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc as blocking};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::crypto;
use crate::domain::spoken::Spoken;
use crate::domain::{CardNumber, RequestId, Timestamp};
use crate::ledger::{
    AnswerError, Applied, ApplyError, Ledger, LedgerError, LedgerGone, LedgerHandle, VerifiedAnswer, verify_answer,
};
use crate::machine::exchange::{Action, Event, ExchangeMachine, Now};
use crate::till::SyncReport;
use crate::uplink::{Uplink, UplinkError};
use crate::wire::exchange::{ANSWER_BYTES_MAX, ExchangeRequest, Health};

use super::clock::{Clock, paris};
use super::failures;
use super::metrics::Metrics;

/// How often deadlines are looked at.
const TICK: Duration = Duration::from_secs(1);
/// The most messages that one wish for an exchange may take: a million entries at 500 a message.
const ROUNDS_MAX: u32 = 2000;
/// How long a card in the reader may wait for the region to say what it is entitled to.
pub const ASK_PATIENCE: Duration = Duration::from_millis(1500);

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// No region is set up.
    #[error("no region is set up: enrol the terminal, or name the region in the configuration")]
    NoRegion,
    /// The message was not carried.
    #[error(transparent)]
    Uplink(#[from] UplinkError),
    /// The answer does not hold.
    #[error("the region's answer is not to be believed: {0}")]
    Answer(#[from] AnswerError),
    /// The answer could not be applied.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The ledger could not be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The ledger's thread has ended.
    #[error(transparent)]
    Gone(#[from] LedgerGone),
    /// The ledger could not be opened.
    #[error("{0}")]
    Unopened(String),
    /// No request can be named.
    #[error(transparent)]
    Crypto(#[from] crypto::CryptoError),
}

/// Asks the ledger from a task.
///
/// # Errors
/// [`LedgerGone`].
pub async fn ask_ledger<R: Send + 'static>(
    ledger: &LedgerHandle,
    work: impl FnOnce(&mut Ledger) -> R + Send + 'static,
) -> Result<R, LedgerGone> {
    let (reply, result) = oneshot::channel();
    ledger.call_with(work, move |outcome| {
        // Whoever asked may have gone away.
        let _heard = reply.send(outcome);
    });
    result.await.unwrap_or(Err(LedgerGone))
}

/// Builds, carries and applies one exchange.
#[derive(Clone)]
pub struct Exchange {
    /// The terminal's ledger.
    pub ledger: LedgerHandle,
    /// The line, if there is a region.
    pub uplink: Option<Uplink>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Where the ledger is, to say how full the disk is.
    pub data: PathBuf,
}

impl Exchange {
    /// The next request, and its signed bytes.
    ///
    /// # Errors
    /// [`ExchangeError`].
    pub async fn request(&self, cards: Vec<CardNumber>) -> Result<(ExchangeRequest, Vec<u8>), ExchangeError> {
        let (now, id) = (self.clock.now(), RequestId::new(crypto::random()?));
        let health = health(&self.data);
        let built = ask_ledger(&self.ledger, move |ledger| {
            let request = ledger.view().next_request(id, now, &cards, health)?;
            let bytes = ledger.sign_request(&request)?;
            Ok::<_, LedgerError>((request, bytes))
        });
        Ok(built.await??)
    }

    /// Checks an answer and applies it.
    ///
    /// # Errors
    /// [`ExchangeError`].
    pub async fn apply(&self, request: ExchangeRequest, answer: Vec<u8>) -> Result<Applied, ExchangeError> {
        let now = self.clock.now();
        let applied = ask_ledger(&self.ledger, move |ledger| {
            let verified = verify_answer(&answer, ledger.view().trusted_keys(), &request)?;
            Ok::<_, ExchangeError>(apply(ledger, &verified, now)?)
        });
        applied.await?
    }

    /// One message there and one back.
    ///
    /// # Errors
    /// [`ExchangeError`].
    pub async fn once(&self, cards: Vec<CardNumber>) -> Result<Applied, ExchangeError> {
        let uplink = self.uplink.as_ref().ok_or(ExchangeError::NoRegion)?;
        let (request, bytes) = self.request(cards).await?;
        let answer = uplink.exchange(bytes, ANSWER_BYTES_MAX).await?;
        self.apply(request, answer).await
    }
}

/// Applies an answer; what keeps it from being applied is made good where it can be, so that the next request is answered.
///
/// # Errors
/// [`ApplyError`].
pub(super) fn apply(ledger: &mut Ledger, verified: &VerifiedAnswer, now: Timestamp) -> Result<Applied, ApplyError> {
    match ledger.apply_answer(verified, now) {
        Err(ApplyError::DenyList(position)) => {
            tracing::error!(position, "the deny list is not the region's: it is asked for from the beginning");
            ledger.forget_feed()?;
            Err(ApplyError::DenyList(position))
        }
        Err(ApplyError::UnknownHead(head)) => {
            // An old copy was restored: this branch names the other's head, and the region is told at the next exchange.
            tracing::error!(sequence = head.sequence.get(), "the region has entries that this ledger lost");
            ledger.join(now, head)?;
            Err(ApplyError::UnknownHead(head))
        }
        other => other,
    }
}

pub(super) fn health(data: &Path) -> Health {
    let free = rustix::fs::statvfs(data).map_or(0, |fs| fs.f_bavail.saturating_mul(fs.f_frsize));
    Health { version: env!("CARGO_PKG_VERSION").to_owned(), disk_free_bytes: free }
}

enum Message {
    EntriesWait,
    Sync(oneshot::Sender<SyncReport>),
    Card(CardNumber, blocking::SyncSender<bool>),
}

/// What is known of the exchange without asking.
#[derive(Debug, Default)]
struct Shared {
    line_up: AtomicBool,
    last_error: Mutex<Option<Spoken>>,
    next_attempt: Mutex<Option<Timestamp>>,
}

impl Shared {
    fn last_error(&self) -> Option<Spoken> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A way to the exchange task.
#[derive(Clone, Debug)]
pub struct ExchangerHandle {
    messages: mpsc::UnboundedSender<Message>,
    shared: Arc<Shared>,
}

impl ExchangerHandle {
    /// An entry was written.
    pub fn entries_wait(&self) {
        // A task that has ended is told nothing.
        let _gone = self.messages.send(Message::EntriesWait);
    }

    /// Exchanges now, until there is nothing more to exchange.
    pub async fn sync(&self) -> Option<SyncReport> {
        let (reply, report) = oneshot::channel();
        self.messages.send(Message::Sync(reply)).ok()?;
        report.await.ok()
    }

    /// Asks the region for the newest entitlement of a card, if the line was up a moment ago; blocks for [`ASK_PATIENCE`] at most. Whether an answer came.
    pub fn ask_for(&self, card: CardNumber) -> bool {
        if !self.shared.line_up.load(Ordering::Acquire) {
            return false;
        }
        let (reply, answered) = blocking::sync_channel(1);
        self.messages.send(Message::Card(card, reply)).is_ok() && answered.recv_timeout(ASK_PATIENCE).unwrap_or(false)
    }

    /// What the last attempt failed on, if it failed.
    pub fn last_error(&self) -> Option<Spoken> {
        self.shared.last_error()
    }

    /// When the next attempt is due, if one is.
    pub fn next_attempt(&self) -> Option<Timestamp> {
        *self.shared.next_attempt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The exchange task.
pub struct Exchanger {
    exchange: Exchange,
    machine: ExchangeMachine,
    /// Grows with every exchange that was applied.
    generation: Arc<AtomicU64>,
    messages: mpsc::UnboundedReceiver<Message>,
    shared: Arc<Shared>,
    waiting_syncs: Vec<oneshot::Sender<SyncReport>>,
    metrics: Arc<Metrics>,
}

impl Exchanger {
    /// A task that is yet to [`run`](Self::run), and the way to it.
    pub fn new(
        exchange: Exchange,
        machine: ExchangeMachine,
        generation: Arc<AtomicU64>,
        metrics: Arc<Metrics>,
    ) -> (Self, ExchangerHandle) {
        let (sender, messages) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::default());
        let handle = ExchangerHandle { messages: sender, shared: Arc::clone(&shared) };
        (Self { exchange, machine, generation, messages, shared, waiting_syncs: Vec::new(), metrics }, handle)
    }

    /// Runs until every handle is gone.
    pub async fn run(mut self) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let event = tokio::select! {
                message = self.messages.recv() => match message {
                    None => return,
                    Some(Message::EntriesWait) => Event::EntriesWait,
                    Some(Message::Sync(reply)) => {
                        self.waiting_syncs.push(reply);
                        Event::Asked
                    }
                    Some(Message::Card(card, reply)) => {
                        let outcome = self.once(vec![card]).await;
                        // The counter may have lost its patience.
                        let _heard = reply.send(outcome.is_ok());
                        continue;
                    }
                },
                _ = tick.tick() => Event::Tick,
            };
            if self.exchange.uplink.is_none() && self.waiting_syncs.is_empty() {
                continue;
            }
            let mut action = self.machine.on_event(self.now(), event);
            let mut rounds = 0;
            while let Some(Action::Exchange) = action {
                rounds += 1;
                let ended = self.exchange_once(rounds).await;
                action = self.machine.on_event(self.now(), ended);
            }
            self.say_when_next();
        }
    }

    async fn once(&self, cards: Vec<CardNumber>) -> Result<Applied, ExchangeError> {
        let began = self.exchange.clock.since_start();
        let outcome = self.exchange.once(cards).await;
        self.metrics.exchanged(&outcome, self.exchange.clock.since_start().saturating_sub(began));
        let error = outcome.as_ref().err().map(failures::exchange);
        if outcome.is_ok() {
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
        self.shared.line_up.store(outcome.is_ok(), Ordering::Release);
        *self.shared.last_error.lock().unwrap_or_else(PoisonError::into_inner) = error;
        outcome
    }

    async fn exchange_once(&mut self, rounds: u32) -> Event {
        let mut outcome = self.once(Vec::new()).await;
        // The terminal has said what it lost, or what it must have again: the same exchange, now, tells.
        if let Err(ExchangeError::Apply(ApplyError::UnknownHead(_) | ApplyError::DenyList(_))) = outcome {
            outcome = self.once(Vec::new()).await;
        }
        match outcome {
            Ok(applied) => {
                tracing::info!(acknowledged = applied.acknowledged.sequence.get(), more = applied.more, "exchanged");
                let waiting = self.waiting().await;
                let more = applied.more && rounds < ROUNDS_MAX;
                if !more {
                    self.answer_syncs(rounds).await;
                }
                Event::Succeeded { more, waiting: waiting > 0 }
            }
            Err(error) => {
                tracing::warn!(%error, "the exchange failed");
                self.answer_syncs(rounds).await;
                Event::Failed { jitter: crypto::random().map_or(0, u16::from_be_bytes) }
            }
        }
    }

    async fn waiting(&self) -> u64 {
        ask_ledger(&self.exchange.ledger, |ledger| ledger.view().exposure().waiting_entries).await.unwrap_or(0)
    }

    async fn answer_syncs(&mut self, exchanges: u32) {
        if self.waiting_syncs.is_empty() {
            return;
        }
        let acknowledged = ask_ledger(&self.exchange.ledger, |ledger| ledger.view().acknowledged().sequence).await;
        let Ok(acknowledged) = acknowledged else { return };
        let (waiting, error) = (self.waiting().await, self.shared.last_error());
        for reply in self.waiting_syncs.drain(..) {
            // Whoever asked may have gone away.
            let _heard = reply.send(SyncReport { exchanges, acknowledged, waiting, error: error.clone() });
        }
    }

    fn now(&self) -> Now {
        let local = paris(self.exchange.clock.now());
        Now { since_start: self.exchange.clock.since_start(), local_day: local.day, local_second: local.second }
    }

    fn say_when_next(&self) {
        let clock = &self.exchange.clock;
        let next = self.machine.due().map(|due| {
            let seconds = due.saturating_sub(clock.since_start()).as_secs();
            clock.now().plus(u32::try_from(seconds).unwrap_or(u32::MAX))
        });
        *self.shared.next_attempt.lock().unwrap_or_else(PoisonError::into_inner) = next;
    }
}
