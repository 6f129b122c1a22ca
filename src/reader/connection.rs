//! Speaking to a card: connect, and run bursts of commands that no other program can come between.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use pcsc::{Card, Disposition, ShareMode, Status, Transaction};
use tracing::{debug, trace};

use super::fault::{Fault, Verdict, WhyUnavailable};
use super::name::ReaderName;
use super::pulse::{Call, Pulse};
use super::service::{PROMPT, PROTOCOLS, Service};
use crate::wire::apdu::{Answer, Protocol, Transport, TransportError};

/// What one command may take before the reader counts as frozen. A card that signs needs some 100 ms.
const COMMAND_MAX: Duration = Duration::from_secs(5);

/// Every answer ends with one (ISO/IEC 7816-4, 5.6).
const STATUS_WORD: usize = 2;

/// Room for the names of one reader: pcscd gives one, of 127 bytes at most.
const NAMES_BYTES: usize = 256;

/// How often, and after which pause, a card that another program has to itself is asked for again.
const HELD_TRIES: u32 = 5;
const HELD_PAUSE: Duration = Duration::from_millis(100);

/// pcscd looks for the card about every 0.4 s: after a command that failed, so long it may take until it says that the card left.
const DEPARTURE_MAX: Duration = Duration::from_millis(1200);
const DEPARTURE_PAUSE: Duration = Duration::from_millis(50);

/// Why there is no connection to a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The reader is empty.
    #[error("there is no card in the reader")]
    NoCard,
    /// There is a card, and it does not answer.
    #[error("the card does not answer")]
    Unreadable,
    /// Another program has the card to itself, and kept it while we asked again for half a second.
    #[error("another program holds the card")]
    HeldByAnother,
    /// The reader is not connected any more.
    #[error("the reader is not connected")]
    NoSuchReader,
    /// pcscd cannot be used.
    #[error(transparent)]
    Unavailable(WhyUnavailable),
    /// Anything else.
    #[error("the reader failed: {0}")]
    Reader(Fault),
}

/// Why a burst was not begun: nothing was sent to the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BurstError {
    /// The card left, or was swapped for another.
    #[error("the card left the reader")]
    CardGone,
    /// Another program reset the card: what was selected and opened is lost. The connection is good for a new burst.
    #[error("another program reset the card")]
    SessionLost,
    /// Another program has the card to itself, and kept it while we asked again for half a second.
    #[error("another program holds the card")]
    HeldByAnother,
    /// pcscd went away. [`CardWorker::connect`] begins anew.
    #[error(transparent)]
    Unavailable(WhyUnavailable),
    /// Anything else.
    #[error("the reader failed: {0}")]
    Reader(Fault),
}

/// Connects to cards. It belongs to one thread, which may be blocked in it for as long as pcscd is frozen or another program is
/// in a transaction with the card: [`CardWorker::pulse`] tells the others.
pub struct CardWorker {
    /// Established at the first use, and again after each loss.
    service: Option<Service>,
    pulse: Pulse,
}

impl CardWorker {
    /// A worker that has not spoken to pcscd yet.
    pub fn new() -> Self {
        Self { service: None, pulse: Pulse::new() }
    }

    /// The sign of life of this worker and of its connections.
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Connects to the card in `reader`, shared with other programs. The card keeps its power, and with it what was selected and
    /// opened, while the connection is held; pcscd takes the power away within a second after the last one.
    ///
    /// # Errors
    /// [`ConnectError`]; the worker is good for another try after each of them.
    pub fn connect(&mut self, reader: &ReaderName) -> Result<CardConnection, ConnectError> {
        let known = self.service.is_some();
        match self.connect_once(reader) {
            // pcscd was restarted since the last card, which is only noticed now, and is not told from a refusal before the new
            // context says the same.
            Err(ConnectError::Unavailable(_)) if known => self.connect_once(reader),
            result => result,
        }
    }

    fn connect_once(&mut self, reader: &ReaderName) -> Result<CardConnection, ConnectError> {
        let service = match self.service.take() {
            Some(service) => service,
            None => Service::establish(&self.pulse).map_err(ConnectError::Unavailable)?,
        };
        let connected = patiently(|| service.connect(reader.as_c_str())).map_err(connect_error);
        if !matches!(connected, Err(ConnectError::Unavailable(_))) {
            self.service = Some(service);
        }
        CardConnection::over(connected?, reader, &self.pulse)
    }
}

impl Default for CardWorker {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CardWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CardWorker").field("established", &self.service.is_some()).finish_non_exhaustive()
    }
}

/// A connection to one card. It stays with that card: when another comes, this one says that its card is gone. Dropping it
/// leaves the card as it is.
pub struct CardConnection {
    /// `None` only while it is dropped.
    card: Option<Card>,
    reader: ReaderName,
    protocol: Protocol,
    pulse: Pulse,
}

impl CardConnection {
    fn over(card: Card, reader: &ReaderName, pulse: &Pulse) -> Result<Self, ConnectError> {
        let mut connection =
            Self { card: Some(card), reader: reader.clone(), protocol: Protocol::T1, pulse: pulse.clone() };
        let agreed = connection.agreed_protocol().map_err(connect_error)?;
        connection.protocol = agreed.ok_or(ConnectError::Unreadable)?;
        Ok(connection)
    }

    /// The reader that the card is in.
    pub fn reader(&self) -> &ReaderName {
        &self.reader
    }

    /// Runs `conversation` with the card in one PC/SC transaction: no command of another program comes between. Keep it short, and
    /// wait for no person in it.
    ///
    /// # Errors
    /// [`BurstError`] when `conversation` was not begun. What goes wrong in it is its own to tell.
    pub fn burst<R>(&mut self, conversation: impl FnOnce(&mut dyn Transport) -> R) -> Result<R, BurstError> {
        let (protocol, pulse) = (self.protocol, self.pulse.clone());
        let transaction = self.begin()?;
        let result = conversation(&mut Burst {
            transaction: &transaction,
            protocol,
            pulse: &pulse,
            answer: [0; pcsc::MAX_BUFFER_SIZE],
        });
        // An end that fails ends what is gone already; dropping it tries once more.
        if let Err((_transaction, error)) = pulse.during(Call::Take, PROMPT, || transaction.end(Disposition::LeaveCard))
        {
            debug!(fault = %Fault::from(error), "a transaction did not end well");
        }
        Ok(result)
    }

    fn begin(&mut self) -> Result<Transaction<'_>, BurstError> {
        let pulse = &self.pulse;
        let mut card = self.card.as_mut().ok_or(BurstError::CardGone)?;
        let mut tries = 1;
        loop {
            let error = match pulse.during(Call::Take, PROMPT, || card.transaction2()) {
                Ok(transaction) => return Ok(transaction),
                Err((back, error)) => {
                    card = back;
                    error
                }
            };
            match error {
                pcsc::Error::SharingViolation if tries < HELD_TRIES => {
                    tries += 1;
                    thread::sleep(HELD_PAUSE);
                }
                pcsc::Error::ResetCard => {
                    let again = || card.reconnect(ShareMode::Shared, PROTOCOLS, Disposition::LeaveCard);
                    return Err(match pulse.during(Call::Take, PROMPT, again) {
                        Ok(()) => BurstError::SessionLost,
                        Err(error) => burst_error(error.into()),
                    });
                }
                other => return Err(burst_error(other.into())),
            }
        }
    }

    fn agreed_protocol(&self) -> Result<Option<Protocol>, Fault> {
        let Some(card) = &self.card else { return Ok(None) };
        // Owned, it would ask twice: for the lengths, and then.
        let (mut names, mut atr) = ([0; NAMES_BYTES], [0; pcsc::MAX_ATR_SIZE]);
        let status = self.pulse.during(Call::Take, PROMPT, || card.status2(&mut names, &mut atr))?;
        Ok(match status.protocol2() {
            Some(pcsc::Protocol::T0) => Some(Protocol::T0),
            Some(pcsc::Protocol::T1) => Some(Protocol::T1),
            Some(pcsc::Protocol::RAW) | None => None,
        })
    }
}

impl Drop for CardConnection {
    fn drop(&mut self) {
        let Some(card) = self.card.take() else { return };
        let left = self.pulse.during(Call::Take, PROMPT, || card.disconnect(Disposition::LeaveCard));
        if let Err((card, error)) = left {
            let fault = Fault::from(error);
            debug!(%fault, "a card was not left well");
            match fault.verdict() {
                // Nothing reaches pcscd any more: what the card's own drop sends is lost, and its memory is freed.
                Verdict::ContextLost(_) => drop(card),
                // Its own drop would reset the card, perhaps under another program. A handle that stays open is the lesser evil.
                Verdict::CallFailed(_) => std::mem::forget(card),
            }
        }
    }
}

impl fmt::Debug for CardConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CardConnection")
            .field("reader", &self.reader)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

/// The card inside a transaction.
struct Burst<'a, 'card> {
    transaction: &'a Transaction<'card>,
    protocol: Protocol,
    pulse: &'a Pulse,
    answer: [u8; pcsc::MAX_BUFFER_SIZE],
}

impl Transport for Burst<'_, '_> {
    fn protocol(&self) -> Protocol {
        self.protocol
    }

    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TransportError> {
        let begun = Instant::now();
        let (transaction, buffer) = (self.transaction, &mut self.answer);
        let sent = self.pulse.during(Call::Transmit, COMMAND_MAX, || transaction.transmit(command, buffer));
        let fault = match sent {
            // Drivers exist that report a card pulled in the middle of a command as an answer of no bytes.
            Ok(answer) if answer.len() < STATUS_WORD => Fault::from(pcsc::Error::CommDataLost),
            Ok(answer) => {
                trace_exchange(command, answer, begun.elapsed());
                return Ok(answer.to_vec());
            }
            Err(error) => Fault::from(error),
        };
        debug!(%fault, micros = begun.elapsed().as_micros(), "a command got no answer");
        Err(self.why_silent(fault))
    }
}

impl Burst<'_, '_> {
    /// Whether a command got no answer because the card left. The reader tells by an error of its own only when pcscd had
    /// noticed before; a card pulled in the middle of a command is a failed transmission first, and gone at pcscd's next look.
    fn why_silent(&self, fault: Fault) -> TransportError {
        if is_card_gone(fault) {
            return TransportError::CardGone;
        }
        let begun = Instant::now();
        while fault.verdict() == Verdict::CallFailed(fault) && begun.elapsed() < DEPARTURE_MAX {
            match self.pulse.during(Call::Transmit, PROMPT, || self.transaction.status2_owned()).map_err(Fault::from) {
                Ok(status) if status.status().contains(Status::ABSENT) => return TransportError::CardGone,
                Ok(_) => thread::sleep(DEPARTURE_PAUSE),
                Err(fault) if is_card_gone(fault) => return TransportError::CardGone,
                Err(_) => return TransportError::Reader,
            }
        }
        TransportError::Reader
    }
}

/// What may be known of a command: its header and its length, the status and the time. Never its data.
fn trace_exchange(command: &[u8], answer: &[u8], took: Duration) {
    let (cla, ins) = (command.first().copied().unwrap_or(0), command.get(1).copied().unwrap_or(0));
    let status = Answer::parse(answer).map_or_else(|| "none".to_owned(), |answer| answer.status.to_string());
    trace!(
        command = format_args!("{cla:02X} {ins:02X}"),
        sent = command.len(),
        received = answer.len(),
        status,
        micros = took.as_micros(),
        "card command"
    );
}

/// Asks again, a few times, for a card that another program has to itself.
fn patiently<R>(mut ask: impl FnMut() -> Result<R, Fault>) -> Result<R, Fault> {
    for _ in 1..HELD_TRIES {
        match ask() {
            Err(fault) if fault.code() == pcsc::Error::SharingViolation => thread::sleep(HELD_PAUSE),
            result => return result,
        }
    }
    ask()
}

fn is_card_gone(fault: Fault) -> bool {
    use pcsc::Error as E;
    // A reader that was unplugged took the card along; a card that was reset is not in the state that we left it in.
    matches!(
        fault.code(),
        E::RemovedCard | E::NoSmartcard | E::ResetCard | E::ReaderUnavailable | E::UnknownReader | E::UnpoweredCard
    )
}

fn connect_error(fault: Fault) -> ConnectError {
    use pcsc::Error as E;
    match (fault.code(), fault.verdict()) {
        _ if fault.is_refusal() => ConnectError::Unavailable(WhyUnavailable::AccessRefused),
        (_, Verdict::ContextLost(why)) => ConnectError::Unavailable(why),
        (E::NoSmartcard | E::RemovedCard, _) => ConnectError::NoCard,
        (E::UnresponsiveCard | E::UnpoweredCard | E::UnsupportedCard | E::ProtoMismatch, _) => ConnectError::Unreadable,
        (E::SharingViolation, _) => ConnectError::HeldByAnother,
        (E::UnknownReader | E::ReaderUnavailable, _) => ConnectError::NoSuchReader,
        _ => ConnectError::Reader(fault),
    }
}

fn burst_error(fault: Fault) -> BurstError {
    match (fault.code(), fault.verdict()) {
        (_, Verdict::ContextLost(why)) => BurstError::Unavailable(why),
        (pcsc::Error::SharingViolation, _) => BurstError::HeldByAnother,
        (_, Verdict::CallFailed(fault)) if is_card_gone(fault) => BurstError::CardGone,
        _ => BurstError::Reader(fault),
    }
}
