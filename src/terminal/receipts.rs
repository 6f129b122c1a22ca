//! The receipts of this counter: made from entries, handed out once as the original and then as duplicates, printed without anybody waiting.

use std::sync::Arc;

use crate::domain::card::Record;
use crate::domain::catalogue::{Benefit, Code};
use crate::domain::entry::{Body, Entry, Tender};
use crate::domain::receipt::{Copy, Heading, Receipt};
use crate::domain::{CashierId, Sequence};
use crate::ledger::{By, Ledger, LedgerError, LedgerGone, View};
use crate::machine::sale::Outcome;
use crate::printer::{Connection, Drawer, Printer, Width, lines, plain_text, sheet, symbol};
use crate::till::{DeskGone, NoReceipt, Paper, ReceiptAnswer, ReceiptDesk, ReceiptView};
use crate::wire;

use super::exchanger::ask_ledger;
use super::service::Service;

/// The printer, as it is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrinterSettings {
    /// Where it is; without it nothing is printed.
    pub connection: Option<Connection>,
    /// The width of its paper.
    pub width: Width,
    /// Whether every sale and undo is printed by itself.
    pub automatic: bool,
    /// Whether the drawer is opened when cash changes hands.
    pub drawer: bool,
}

/// The printer of a terminal that has one.
pub struct Receipts {
    settings: PrinterSettings,
    printer: Option<Printer>,
}

impl Receipts {
    /// Starts the printer's thread, where there is a printer.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(settings: PrinterSettings) -> std::io::Result<Self> {
        let printer = settings.connection.clone().map(Printer::start).transpose()?;
        Ok(Self { settings, printer })
    }

    /// How the printer is, where there is one.
    pub fn state(&self) -> Option<crate::printer::PrinterState> {
        self.printer.as_ref().map(Printer::state)
    }

    fn print(&self, receipt: &Receipt) {
        let Some(printer) = &self.printer else { return };
        // A duplicate moves no money.
        let cash = receipt.copy == Copy::Original && !receipt.tender.share(Tender::Cash, receipt.money).is_zero();
        let drawer = if self.settings.drawer && cash { Drawer::Open } else { Drawer::Shut };
        let bytes = sheet(&lines(receipt, self.settings.width), &receipt.code, self.settings.width, drawer);
        if !bytes.is_empty() {
            printer.print(bytes);
        }
    }

    fn view(&self, receipt: Receipt, duplicates: Option<u32>) -> ReceiptView {
        let text = plain_text(&lines(&receipt, self.settings.width), self.settings.width);
        ReceiptView { symbol: symbol(&receipt.code), receipt, duplicates, text }
    }
}

impl From<LedgerError> for NoReceipt {
    fn from(error: LedgerError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// The receipt of `entry`, as `copy`.
///
/// # Errors
/// [`NoReceipt`].
pub fn receipt(view: &View, entry: Sequence, copy: Copy) -> Result<Receipt, NoReceipt> {
    let stored = view.entry(entry)?.ok_or(NoReceipt::NotThere)?;
    let cose = view.signed_entry(entry)?.ok_or(NoReceipt::NotThere)?;
    let related = match &stored.entry.body {
        Body::Reversal(undo) => Some(undo.debit),
        Body::UndoRequest(undo) => Some(undo.debit),
        Body::Debit(_)
        | Body::NotDone(_)
        | Body::Abandoned(_)
        | Body::Refused(_)
        | Body::CardRead(_)
        | Body::Closing(_)
        | Body::Event(_) => None,
    };
    let debit: Option<Entry> = match related {
        Some(debit) => view.entry(debit)?.map(|stored| stored.entry),
        None => None,
    };
    let name = stored.entry.cashier.and_then(|id| view.cashiers().get(id)).map(|cashier| cashier.name.clone());
    let heading = Heading {
        partner: view.partner().name.clone(),
        cashier: name,
        copy,
        hash: stored.head.hash,
        code: wire::receipt::encode(&cose).ok_or(NoReceipt::NotThere)?,
    };
    let of = |code: &Code, record: &Record| {
        let catalogue = view.catalogue(record.season)?;
        catalogue.benefit(record.slot).filter(|benefit| benefit.code == *code).map(Benefit::name)
    };
    Receipt::of(&stored.entry, debit.as_ref(), heading, of).ok_or(NoReceipt::NotThere)
}

fn handed_out(ledger: &mut Ledger, by: By, entry: Sequence) -> Result<(Receipt, Option<u32>), NoReceipt> {
    // Whether there is one is known before anything goes on record.
    receipt(ledger.view(), entry, Copy::Original)?;
    let copy = ledger.hand_out(by, entry)?;
    let view = ledger.view();
    Ok((receipt(view, entry, copy)?, view.duplicates(entry)?))
}

impl Service {
    /// What was just done is printed, where that is set: nobody waits for it, and what does not come out is printed by hand.
    pub(super) fn print_outcome(&self, outcome: &Outcome) {
        let settings = &self.receipts.settings;
        let entry = match outcome {
            Outcome::Granted(granted) if !granted.repeated => granted.entry,
            Outcome::Undone(undone) | Outcome::UndoRequested(undone) => undone.entry,
            Outcome::Granted(_) | Outcome::Refused(_) | Outcome::Quoted(..) | Outcome::Abandoned { .. } => return,
        };
        if settings.connection.is_none() || !settings.automatic {
            return;
        }
        let (receipts, clock) = (Arc::clone(&self.receipts), Arc::clone(&self.clock));
        self.ledger.call_with(
            move |ledger| {
                let now = clock.now().max(ledger.view().floor());
                // A repeat of the request tells of a sale whose receipt was printed.
                match ledger.view().duplicates(entry) {
                    Ok(None) => handed_out(ledger, By { cashier: None, now }, entry).map(|(receipt, _)| Some(receipt)),
                    Ok(Some(_)) => Ok(None),
                    Err(error) => Err(error.into()),
                }
            },
            move |made| match made {
                Ok(Ok(Some(receipt))) => receipts.print(&receipt),
                Ok(Ok(None)) => (),
                Ok(Err(why)) => tracing::warn!(why = why.code(), %entry, "a receipt could not be made"),
                Err(LedgerGone) => (),
            },
        );
    }
}

impl ReceiptDesk for Service {
    fn receipt(&self, entry: Sequence) -> ReceiptAnswer<'_, ReceiptView> {
        Box::pin(async move {
            let found = ask_ledger(&self.ledger, move |ledger| {
                let view = ledger.view();
                Ok((receipt(view, entry, Copy::Original)?, view.duplicates(entry)?))
            });
            let found: Result<_, NoReceipt> = found.await.map_err(|LedgerGone| DeskGone)?;
            Ok(found.map(|(receipt, duplicates)| self.receipts.view(receipt, duplicates)))
        })
    }

    fn hand_out(&self, by: Option<CashierId>, entry: Sequence, paper: Paper) -> ReceiptAnswer<'_, ReceiptView> {
        Box::pin(async move {
            if paper == Paper::Printer && self.receipts.printer.is_none() {
                return Ok(Err(NoReceipt::NoPrinter));
            }
            let clock = Arc::clone(&self.clock);
            let made = ask_ledger(&self.ledger, move |ledger| {
                let now = clock.now().max(ledger.view().floor());
                handed_out(ledger, By { cashier: by, now }, entry)
            });
            let made = made.await.map_err(|LedgerGone| DeskGone)?;
            Ok(made.map(|(receipt, duplicates)| {
                if paper == Paper::Printer {
                    self.receipts.print(&receipt);
                }
                self.exchanger.entries_wait();
                self.receipts.view(receipt, duplicates)
            }))
        })
    }
}
