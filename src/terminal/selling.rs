//! Sales in which the bank terminal has a part: collects first, then has the card debited, and gives back what was not earned.
//!
//! What always holds: the bank terminal is asked for what is due less what is paid otherwise and less what it has; it is not asked while anything of the
//! sale is unknown; cash alone is taken only where it surely has nothing. What it took and no sale earned is held (`ledger::held`).

use crate::domain::entry::{Body, Tender};
use crate::domain::payment::{PaymentState, Way};
use crate::domain::refusal::Refusal;
use crate::domain::{CashierId, Cents, RequestId, Sequence};
use crate::ledger::{ByRequest, LedgerError, View};
use crate::machine::payment::{Account, NotNow};
use crate::machine::sale::{ClientRequest, Command, Outcome, Refused};
use crate::till::{BoxFuture, DeskGone};

use super::desk::DeskHandle;
use super::exchanger::ask_ledger;
use super::payments::{Payments, Turn, account};
use super::service::logged;

/// What a client is told whose sale was not begun, where the bank terminal was asked for its money.
///
/// # Errors
/// [`LedgerError`].
pub fn became_of_payments(view: &View, request: RequestId) -> Result<Option<Outcome>, LedgerError> {
    let account = account(&view.payments_of(request)?);
    let refusal = match account.is_settled() {
        Err(NotNow::InFlight) => Refusal::Busy,
        Err(NotNow::Unknown | NotNow::Overflow | NotNow::Nothing) => Refusal::PaymentUnknown,
        Ok(()) if account.held().is_zero() => return Ok(None),
        // The same sale again goes on with it.
        Ok(()) => Refusal::PaymentIncomplete,
    };
    Ok(Some(refused(refusal, None)))
}

/// The request of the sale that an entry took back or gave up, where the bank terminal had a part in it.
fn sale_of(view: &View, entry: Sequence) -> Result<Option<RequestId>, LedgerError> {
    let Some(stored) = view.entry(entry)? else { return Ok(None) };
    Ok(match &stored.entry.body {
        Body::Debit(debit) if debit.sale.tender.uses(Tender::Tpe) => Some(debit.sale.request),
        Body::Abandoned(abandoned) if abandoned.tender.uses(Tender::Tpe) => Some(abandoned.request),
        Body::Debit(_)
        | Body::Abandoned(_)
        | Body::Reversal(_)
        | Body::NotDone(_)
        | Body::UndoRequest(_)
        | Body::Refused(_)
        | Body::CardRead(_)
        | Body::Closing(_)
        | Body::Event(_) => None,
    })
}

fn refused(refusal: Refusal, due: Option<Cents>) -> Outcome {
    Outcome::Refused(Refused { due, ..Refused::because(refusal) })
}

/// The desk, as far as a sale needs it.
pub trait AskDesk: Sync {
    /// Does what a client asks; `None` when the desk has ended.
    fn ask(&self, request: ClientRequest) -> BoxFuture<'_, Option<Outcome>>;
}

impl AskDesk for DeskHandle {
    fn ask(&self, request: ClientRequest) -> BoxFuture<'_, Option<Outcome>> {
        Box::pin(self.ask(request))
    }
}

/// Serves clients: the desk, with money first.
pub struct Seller<'a, D> {
    /// The desk.
    pub desk: &'a D,
    /// The bank terminal.
    pub payments: &'a Payments,
}

impl<D: AskDesk> Seller<'_, D> {
    /// Does what a client asks, and gives back what an undo or a sale that was given up leaves.
    ///
    /// # Errors
    /// [`DeskGone`].
    pub async fn ask(&self, request: ClientRequest) -> Result<Outcome, DeskGone> {
        let cashier = request.cashier;
        let outcome = self.sell(request).await?;
        self.give_back_after(&outcome, cashier);
        Ok(outcome)
    }

    /// Sells: collects first (decision 3) where the bank terminal has a part in it. The same request again goes on where the first one stopped, also
    /// where more of it is paid otherwise by then, and never asks for money that was paid.
    async fn sell(&self, request: ClientRequest) -> Result<Outcome, DeskGone> {
        let by_tpe = match &request.command {
            Command::Redeem { tender, .. } => tender.rest() == Tender::Tpe,
            Command::Quote(_) | Command::Undo { .. } | Command::Abandon { .. } => {
                return self.desk.ask(request).await.ok_or(DeskGone);
            }
        };
        if !by_tpe && !self.payments.is_set_up() {
            return self.desk.ask(request).await.ok_or(DeskGone);
        }
        let id = request.id;
        let turn = self.payments.turn_of(id).await;
        let known = ask_ledger(self.payments.ledger(), move |ledger| {
            let view = ledger.view();
            Ok::<_, LedgerError>((begun(view, id)?, account(&view.payments_of(id)?)))
        });
        let (begun, paid) = logged(known.await)?;
        if begun {
            return self.desk.ask(request).await.ok_or(DeskGone);
        }
        match paid.is_settled() {
            Err(NotNow::Unknown | NotNow::Overflow) => return Ok(refused(Refusal::PaymentUnknown, None)),
            Err(NotNow::InFlight | NotNow::Nothing) => return Ok(refused(Refusal::Busy, None)),
            Ok(()) => (),
        }
        if by_tpe {
            let Some(turn) = turn else { return Ok(refused(Refusal::Busy, None)) };
            return self.sell_by_tpe(request, turn, paid).await;
        }
        drop(turn);
        // Cash is taken only where the bank terminal surely has nothing of this sale.
        if paid.held().is_zero() {
            return self.desk.ask(request).await.ok_or(DeskGone);
        }
        Ok(refused(Refusal::PaymentIncomplete, None))
    }

    async fn sell_by_tpe(&self, request: ClientRequest, turn: Turn, paid: Account) -> Result<Outcome, DeskGone> {
        let ClientRequest { id, command, wait, cashier } = request;
        let Command::Redeem { request: wanted, tender, confirmed } = command else { return Err(DeskGone) };
        let quote = ClientRequest { id, command: Command::Quote(wanted.clone()), wait, cashier };
        let quoted = match self.desk.ask(quote).await.ok_or(DeskGone)? {
            Outcome::Quoted(card, quote) => (card, quote),
            other => return Ok(other),
        };
        if confirmed.is_some_and(|confirmed| confirmed != quoted) {
            return Ok(refused(Refusal::CardChanged, None));
        }
        // What is said to be paid otherwise is collected; the bank terminal is asked for the rest, and for nothing that it has.
        let due = quoted.1.due;
        let Some(rest) = tender.split(due).map(|split| split.share(Tender::Tpe, due)) else {
            return Ok(refused(Refusal::PartsTooMuch, Some(due)));
        };
        let held = match self.collect(turn, (id, cashier), paid, rest).await {
            Ok(held) => held,
            Err((refusal, missing)) => return Ok(refused(refusal, Some(missing))),
        };
        if held < rest {
            return Ok(refused(Refusal::PaymentIncomplete, rest.checked_sub(held)));
        }
        let command = Command::Redeem { request: wanted, tender, confirmed: Some(quoted) };
        self.desk.ask(ClientRequest { id, command, wait, cashier }).await.ok_or(DeskGone)
    }

    /// Has the bank terminal take what it does not have of `due` yet: what it has then, for sure; or why not, and what it was asked for.
    async fn collect(
        &self,
        turn: Turn,
        (id, cashier): (RequestId, Option<CashierId>),
        paid: Account,
        due: Cents,
    ) -> Result<Cents, (Refusal, Cents)> {
        let rest = match paid.to_charge(due) {
            Ok(rest) => rest,
            Err(NotNow::Nothing) => return Ok(paid.held()),
            Err(NotNow::InFlight | NotNow::Unknown | NotNow::Overflow) => return Err((Refusal::PaymentUnknown, due)),
        };
        // What it took before is held all the same.
        let nothing = if paid.held().is_zero() { Refusal::PaymentNotMade } else { Refusal::PaymentIncomplete };
        let payment = self.payments.carry_out(turn, cashier, id, Way::Charge, rest).await.map_err(|why| {
            tracing::warn!(code = why.code(), "no payment was begun");
            (nothing, rest)
        })?;
        match payment.state {
            PaymentState::Approved { .. } => Ok(paid.with(Way::Charge, payment.state).held()),
            PaymentState::Refused(why) => {
                tracing::info!(payment = %payment.asked.id, ?why, "nothing was paid");
                Err((nothing, rest))
            }
            PaymentState::Asked | PaymentState::Sent | PaymentState::Unknown(_) => Err((Refusal::PaymentUnknown, rest)),
        }
    }

    /// Money of a sale that was taken back or given up goes back the way it came; whoever undid it does not wait for that.
    fn give_back_after(&self, outcome: &Outcome, cashier: Option<CashierId>) {
        let entry = match outcome {
            Outcome::Undone(undone) | Outcome::UndoRequested(undone) if undone.tender.uses(Tender::Tpe) => undone.debit,
            Outcome::Abandoned { entry, .. } => *entry,
            Outcome::Undone(_)
            | Outcome::UndoRequested(_)
            | Outcome::Granted(_)
            | Outcome::Refused(_)
            | Outcome::Quoted(..) => return,
        };
        let payments = self.payments.clone();
        self.payments.spawn(Box::pin(async move {
            let sale = ask_ledger(payments.ledger(), move |ledger| sale_of(ledger.view(), entry)).await;
            if let Ok(Ok(Some(request))) = sale
                && let Err(why) = payments.give_back(cashier, request).await
            {
                tracing::warn!(%request, code = why.code(), "nothing was given back on the bank terminal");
            }
        }));
    }
}

/// Whether the card was asked for this request, or is to be told of it again.
fn begun(view: &View, request: RequestId) -> Result<bool, LedgerError> {
    Ok(match view.by_request(request)? {
        Some(ByRequest::Open(_)) => true,
        Some(ByRequest::Ended(stored)) => !matches!(stored.entry.body, Body::NotDone(_)),
        None => false,
    })
}
