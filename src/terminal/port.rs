//! The way from the counter to the card that lies in the reader.

use std::sync::Arc;
use std::time::Instant;

use crate::reader::{BurstError, CardConnection, CardWorker, ConnectError, ReaderName};
use crate::wire::apdu::Transport;

use super::metrics::Metrics;

/// A conversation with a card, as one piece.
pub type Conversation<'a> = dyn FnMut(&mut dyn Transport) + 'a;

/// Why a conversation was not begun: nothing was sent to the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortError {
    /// There is no card.
    Gone,
    /// There is something that does not answer.
    Unreadable,
    /// The reader does not work, or another program holds the card.
    Reader,
    /// The card was reset: what was opened is lost.
    SessionLost,
}

/// Where cards are spoken to.
pub trait CardPort {
    /// Runs `conversation` with the card, so that nobody else comes between.
    ///
    /// # Errors
    /// [`PortError`] when it was not begun.
    fn burst(&mut self, conversation: &mut Conversation<'_>) -> Result<(), PortError>;

    /// The card left: the next conversation is with another.
    fn forget(&mut self);
}

/// A card in a PC/SC reader.
#[derive(Debug, Default)]
pub struct PcscPort {
    worker: CardWorker,
    metrics: Arc<Metrics>,
    reader: Option<ReaderName>,
    connection: Option<CardConnection>,
}

impl PcscPort {
    /// A port over `worker`, to no reader yet, which measures each conversation.
    pub fn new(worker: CardWorker, metrics: Arc<Metrics>) -> Self {
        Self { worker, metrics, reader: None, connection: None }
    }

    /// The reader that the port speaks to.
    pub const fn reader(&self) -> Option<&ReaderName> {
        self.reader.as_ref()
    }

    /// Speaks to `reader` from now on.
    pub fn choose(&mut self, reader: Option<ReaderName>) {
        self.connection = None;
        self.reader = reader;
    }
}

impl CardPort for PcscPort {
    fn burst(&mut self, conversation: &mut Conversation<'_>) -> Result<(), PortError> {
        let reader = self.reader.as_ref().ok_or(PortError::Gone)?;
        let connection = match &mut self.connection {
            Some(connection) => connection,
            empty => empty.insert(self.worker.connect(reader).map_err(connect_error)?),
        };
        let began = Instant::now();
        let done = connection.burst(|transport| conversation(transport));
        if done.is_ok() {
            self.metrics.spoke_to_card(began.elapsed());
        }
        done.map_err(|error| match error {
            BurstError::SessionLost => PortError::SessionLost,
            BurstError::CardGone => {
                self.connection = None;
                PortError::Gone
            }
            BurstError::HeldByAnother => PortError::Reader,
            BurstError::Unavailable(_) | BurstError::Reader(_) => {
                self.connection = None;
                PortError::Reader
            }
        })
    }

    fn forget(&mut self) {
        self.connection = None;
    }
}

const fn connect_error(error: ConnectError) -> PortError {
    match error {
        ConnectError::NoCard | ConnectError::NoSuchReader => PortError::Gone,
        ConnectError::Unreadable => PortError::Unreadable,
        ConnectError::HeldByAnother | ConnectError::Unavailable(_) | ConnectError::Reader(_) => PortError::Reader,
    }
}
