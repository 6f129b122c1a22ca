//! What the daemon does for its local API: the parts, behind the one trait that the till knows.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::refusal::Refusal;
use crate::ledger::LedgerHandle;
use crate::machine::sale::{ClientRequest, Outcome, View};
use crate::reader::Pulse;
use crate::till::{BoxFuture, Desk, DeskGone, JournalLine, JournalQuery, ReaderState, Status, SyncReport};

use super::clock::Clock;
use super::desk::{DeskHandle, Readers};
use super::exchanger::{ExchangerHandle, ask_ledger};
use super::journal::{Living, journal, status};

/// After so long without an answer of pcscd or the driver, the reader counts as frozen.
const FROZEN_AFTER: Duration = Duration::from_secs(10);

/// The daemon, as its local API sees it.
pub struct Service {
    /// The counter.
    pub desk: DeskHandle,
    /// The ledger.
    pub ledger: LedgerHandle,
    /// The exchange.
    pub exchanger: ExchangerHandle,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Signs of life of the watcher and of the card worker.
    pub pulses: [Pulse; 2],
}

impl Service {
    fn reader(&self) -> ReaderState {
        let overdue = self.pulses.iter().filter_map(Pulse::overdue).map(|overdue| overdue.since);
        // The watcher beats whatever happens; a worker beats only while it works.
        let silent = Some(self.pulses[0].last_beat()).filter(|silence| *silence > FROZEN_AFTER);
        if let Some(since) = overdue.chain(silent).max() {
            return ReaderState::Frozen { seconds: since.as_secs() };
        }
        match self.desk.readers() {
            Readers::Unknown => ReaderState::Unavailable("the readers are being looked for".to_owned()),
            Readers::Watched(readers) => ReaderState::Ready(readers.iter().map(ToString::to_string).collect()),
            Readers::Unavailable(why) => ReaderState::Unavailable(why.to_string()),
        }
    }
}

impl Desk for Service {
    fn ask(&self, request: ClientRequest) -> BoxFuture<'_, Result<Outcome, DeskGone>> {
        Box::pin(async move { self.desk.ask(request).await.ok_or(DeskGone) })
    }

    fn view(&self) -> View {
        self.desk.views().borrow().clone()
    }

    fn view_after(&self, seen: View) -> BoxFuture<'_, Result<View, DeskGone>> {
        Box::pin(async move {
            let mut views = self.desk.views();
            let view = views.wait_for(|view| *view != seen).await.map_err(|_| DeskGone)?;
            Ok(view.clone())
        })
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, DeskGone>> {
        Box::pin(async move {
            let mut living = Living {
                reader: self.reader(),
                view: self.view(),
                refusal: None,
                last_error: self.exchanger.last_error(),
                next_attempt: self.exchanger.next_attempt(),
            };
            let now = self.clock.now();
            let found = ask_ledger(&self.ledger, move |ledger| {
                living.refusal = (!ledger.is_writable()).then_some(Refusal::LedgerUnavailable);
                status(ledger.view(), now, living)
            });
            let found = found.await;
            logged(found)
        })
    }

    fn journal(&self, query: JournalQuery) -> BoxFuture<'_, Result<Vec<JournalLine>, DeskGone>> {
        Box::pin(async move { logged(ask_ledger(&self.ledger, move |ledger| journal(ledger.view(), query)).await) })
    }

    fn sync(&self) -> BoxFuture<'_, Result<SyncReport, DeskGone>> {
        Box::pin(async move { self.exchanger.sync().await.ok_or(DeskGone) })
    }
}

/// A ledger that cannot be read is told in the log; the client is told that it has no answer.
fn logged<T, E: std::fmt::Display, G>(outcome: Result<Result<T, E>, G>) -> Result<T, DeskGone> {
    match outcome {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            tracing::error!(%error, "the ledger cannot be read");
            Err(DeskGone)
        }
        Err(_) => Err(DeskGone),
    }
}
