//! What the daemon does for its local API: the parts, behind the one trait that the till knows.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::domain::RequestId;
use crate::domain::refusal::Refusal;
use crate::ledger::{LedgerGone, LedgerHandle};
use crate::machine::sale::{ClientRequest, Outcome, View};
use crate::reader::Pulse;
use crate::till::{
    BoxFuture, Desk, DeskGone, ExportReport, ImportReport, JournalLine, JournalQuery, NotCarried, PrinterState,
    ReaderState, Status, SyncReport,
};

use super::carrier;
use super::cashiers::Sessions;
use super::clock::Clock;
use super::closings::ClosingSettings;
use super::desk::{DeskHandle, Readers};
use super::exchanger::{ExchangerHandle, ask_ledger};
use super::failures;
use super::journal::{Living, journal, status};
use super::lookup::what_became_of;
use super::payments::Payments;
use super::receipts::Receipts;
use super::selling::{Seller, became_of_payments};

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
    /// Where the ledger is.
    pub data: PathBuf,
    /// Grows with every answer of the region that was applied.
    pub generation: Arc<AtomicU64>,
    /// Who has signed in.
    pub sessions: Sessions,
    /// Its receipts.
    pub receipts: Arc<Receipts>,
    /// Its bank terminal.
    pub payments: Payments,
    /// How it closes.
    pub closing: ClosingSettings,
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
            Readers::Unknown => ReaderState::Unavailable(failures::reader_unknown()),
            Readers::Watched(readers) => ReaderState::Ready(readers.iter().map(ToString::to_string).collect()),
            Readers::Unavailable(why) => ReaderState::Unavailable(failures::reader(why)),
        }
    }
}

impl Desk for Service {
    fn ask(&self, request: ClientRequest) -> BoxFuture<'_, Result<Outcome, DeskGone>> {
        Box::pin(async move {
            let outcome = Seller { desk: &self.desk, payments: &self.payments }.ask(request).await?;
            self.print_outcome(&outcome);
            Ok(outcome)
        })
    }

    fn known(&self, request: RequestId) -> BoxFuture<'_, Result<Option<Outcome>, DeskGone>> {
        Box::pin(async move {
            let now = self.clock.now();
            let became = ask_ledger(&self.ledger, move |ledger| {
                let view = ledger.view();
                match what_became_of(view, now, request)? {
                    None => became_of_payments(view, request),
                    begun => Ok(begun),
                }
            });
            logged(became.await)
        })
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
                printer: self.receipts.state().map(printer_state),
                bank_terminal: self.payments.address(),
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

    fn export(&self) -> BoxFuture<'_, Result<Result<ExportReport, NotCarried>, DeskGone>> {
        Box::pin(async move {
            let (data, now) = (self.data.clone(), self.clock.now());
            let exported = ask_ledger(&self.ledger, move |ledger| carrier::export(ledger, &data, now)).await;
            exported.map_err(|LedgerGone| DeskGone)
        })
    }

    fn import(&self, answer: Vec<u8>) -> BoxFuture<'_, Result<Result<ImportReport, NotCarried>, DeskGone>> {
        Box::pin(async move {
            let now = self.clock.now();
            let imported = ask_ledger(&self.ledger, move |ledger| carrier::import(ledger, &answer, now)).await;
            // The card in the reader is looked at again, as after an exchange on line.
            self.generation.fetch_add(1, Ordering::AcqRel);
            imported.map_err(|LedgerGone| DeskGone)
        })
    }
}

fn printer_state(state: crate::printer::PrinterState) -> PrinterState {
    let crate::printer::PrinterState { waiting, printed, lost, error } = state;
    PrinterState { waiting: waiting as u64, printed, lost, error }
}

/// A ledger that cannot be read is told in the log; the client is told that it has no answer.
pub(super) fn logged<T, E: std::fmt::Display, G>(outcome: Result<Result<T, E>, G>) -> Result<T, DeskGone> {
    match outcome {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            tracing::error!(%error, "the ledger cannot be read");
            Err(DeskGone)
        }
        Err(_) => Err(DeskGone),
    }
}
