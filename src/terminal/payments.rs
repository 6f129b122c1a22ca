//! The bank terminal of this counter: carries out what a payment's machine says, gives money back, and asks the cashier.
//!
//! A payment goes on when the client that asked for it has gone: what was begun on the bank terminal ends there. Sales that are paid on it are
//! in [`super::selling`].

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use crate::crypto;
use crate::domain::cashier::Deed;
use crate::domain::entry::{Body, Tender};
use crate::domain::payment::{PaymentState, Way};
use crate::domain::{CashierId, Cents, PaymentId, RequestId, Timestamp};
use crate::ledger::{
    AskedPayment, By, ByRequest, Held, Ledger, LedgerError, LedgerGone, LedgerHandle, Payment, PaymentError, View,
};
use crate::machine::payment::{Account, Action, Event, Leg, NotNow, Word};
use crate::payment::Request;
use crate::payment::client::{ConnectError, TrialError};
use crate::payment::device::{BankLine, BankTerminal};
use crate::till::{
    BoxFuture, DeskGone, HeldMoney, OpenPayments, PaymentAnswer, PaymentDesk, PaymentRefused, PaymentView,
    SaidOfPayment,
};

use super::clock::Clock;
use super::exchanger::{ExchangerHandle, ask_ledger};
use super::service::Service;

/// What was not sent before the program started is surely not paid; what was sent is unknown.
///
/// # Errors
/// [`LedgerError`].
pub fn take_up(ledger: &mut Ledger, now: Timestamp) -> Result<(), LedgerError> {
    for payment in ledger.view().open_payments()? {
        let (_, actions) = Leg::found(payment.state);
        for action in actions {
            if let Action::Persist(state) = action {
                tracing::warn!(payment = %payment.asked.id, state = state.code(), "a payment was in progress at the last stop");
                ledger.payment_is(By { cashier: payment.cashier, now }, payment.asked.id, state)?;
            }
        }
    }
    Ok(())
}

/// Runs what goes on whoever stays to hear of it.
pub type Spawn = Arc<dyn Fn(BoxFuture<'static, ()>) + Send + Sync>;

/// The bank terminal, where one is set up.
#[derive(Clone)]
pub struct Payments {
    tpe: Option<Arc<dyn BankTerminal>>,
    spawn: Spawn,
    ledger: LedgerHandle,
    clock: Arc<dyn Clock>,
    exchanger: ExchangerHandle,
    /// Held by whoever has a payment in progress.
    turn: Arc<Mutex<()>>,
}

/// The right to use the bank terminal.
pub struct Turn(#[expect(dead_code, reason = "held, and dropped")] OwnedMutexGuard<()>);

impl Payments {
    /// The payments of this counter.
    pub fn new(
        tpe: Option<Arc<dyn BankTerminal>>,
        spawn: Spawn,
        ledger: LedgerHandle,
        clock: Arc<dyn Clock>,
        exchanger: ExchangerHandle,
    ) -> Self {
        Self { tpe, spawn, ledger, clock, exchanger, turn: Arc::default() }
    }

    /// The ledger.
    pub(super) const fn ledger(&self) -> &LedgerHandle {
        &self.ledger
    }

    /// Has this go on, whoever stays to hear of it.
    pub(super) fn spawn(&self, work: BoxFuture<'static, ()>) {
        (self.spawn)(work);
    }

    /// Whether a bank terminal is set up.
    pub const fn is_set_up(&self) -> bool {
        self.tpe.is_some()
    }

    /// Where the bank terminal is.
    pub fn address(&self) -> Option<String> {
        self.tpe.as_ref().map(|tpe| tpe.address().to_owned())
    }

    /// The right to use the bank terminal; nothing while somebody has it.
    async fn turn(&self) -> Option<Turn> {
        self.taken_up(Arc::clone(&self.turn).try_lock_owned().ok().map(Turn)?).await
    }

    /// The same for the sale `request`, which joins the payment that is in progress for it: the same request is the same sale.
    pub(super) async fn turn_of(&self, request: RequestId) -> Option<Turn> {
        if let Some(turn) = self.turn().await {
            return Some(turn);
        }
        let own = |open: &Payment| open.asked.request == request && !open.state.is_at_rest();
        let open = ask_ledger(&self.ledger, move |ledger| ledger.view().open_payments()).await;
        if !open.is_ok_and(|open| open.is_ok_and(|open| open.iter().any(own))) {
            return None;
        }
        self.taken_up(Turn(Arc::clone(&self.turn).lock_owned().await)).await
    }

    /// Whatever seems to be in progress though nobody has the bank terminal, because the ledger could not be written at its end, is not.
    async fn taken_up(&self, turn: Turn) -> Option<Turn> {
        let now = self.clock.now();
        match ask_ledger(&self.ledger, move |ledger| take_up(ledger, now)).await {
            Ok(Ok(())) => Some(turn),
            Ok(Err(error)) => {
                tracing::error!(%error, "a payment is not at rest");
                None
            }
            Err(LedgerGone) => None,
        }
    }

    /// Carries a payment out to its rest, whoever stays to hear it.
    pub(super) async fn carry_out(
        &self,
        turn: Turn,
        cashier: Option<CashierId>,
        request: RequestId,
        way: Way,
        amount: Cents,
    ) -> Result<Payment, PaymentRefused> {
        let Some(tpe) = self.tpe.clone() else { return Err(PaymentRefused::NotSetUp) };
        let unavailable = |why: &dyn ToString| PaymentRefused::Unavailable(why.to_string());
        let id = crypto::random().map(PaymentId::new).map_err(|error| unavailable(&error))?;
        let to_ask = Request::new(tpe.register(), id, way, amount).map_err(|error| unavailable(&error))?;
        let asked = AskedPayment { id, request, way, amount };
        let payments = self.clone();
        let (rests, at_rest) = oneshot::channel();
        (self.spawn)(Box::pin(async move {
            let state = Carrier { payments, tpe, asked, cashier, to_ask, line: None }.run().await;
            drop(turn);
            // Whoever asked may have gone away.
            let _heard = rests.send(state);
        }));
        // A task that ended before its payment was at rest leaves it as it is on the disk: at best nobody knows.
        let state = at_rest.await.unwrap_or(PaymentState::Sent);
        let time = self.clock.now();
        Ok(Payment { asked, time, cashier, state, unknown_by: None, ended_by: None })
    }

    async fn persist(&self, asked: AskedPayment, cashier: Option<CashierId>, state: PaymentState) -> Event {
        let by = By { cashier, now: self.clock.now() };
        let written = ask_ledger(&self.ledger, move |ledger| match state {
            PaymentState::Asked => ledger.ask_payment(by, asked).map(|()| None),
            PaymentState::Sent
            | PaymentState::Approved { .. }
            | PaymentState::Refused(_)
            | PaymentState::Unknown(_) => ledger.payment_is(by, asked.id, state).map_err(PaymentError::from),
        });
        match written.await {
            Ok(Ok(entry)) => {
                if entry.is_some() {
                    self.exchanger.entries_wait();
                }
                Event::Stored
            }
            Ok(Err(error)) => {
                tracing::error!(payment = %asked.id, state = state.code(), %error, "a payment was not written");
                Event::NotStored
            }
            Err(LedgerGone) => Event::NotStored,
        }
    }
}

/// One payment under way.
struct Carrier {
    payments: Payments,
    tpe: Arc<dyn BankTerminal>,
    asked: AskedPayment,
    cashier: Option<CashierId>,
    to_ask: Request,
    line: Option<Box<dyn BankLine>>,
}

impl Carrier {
    async fn run(mut self) -> PaymentState {
        let (mut leg, first) = Leg::ask();
        let mut actions = VecDeque::from([first]);
        while let Some(action) = actions.pop_front() {
            if let Some(event) = self.act(action).await {
                actions.extend(leg.on_event(event));
            }
        }
        tracing::info!(payment = %self.asked.id, way = self.asked.way.code(), state = leg.state().code(), "a payment is at rest");
        leg.state()
    }

    async fn act(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Persist(state) => Some(self.payments.persist(self.asked, self.cashier, state).await),
            Action::Connect => Some(self.connect().await),
            Action::Write => Some(match &mut self.line {
                Some(line) => line.write(&self.to_ask).await.map_or(Event::NotWritten, |()| Event::Written),
                None => Event::NotWritten,
            }),
            Action::Read => Some(match self.line.take() {
                Some(line) => line.answer(&self.to_ask).await.map_or_else(Event::NoAnswer, Event::Answered),
                None => Event::NotWritten,
            }),
            Action::Close => {
                self.line = None;
                None
            }
            Action::Rest(_) => None,
        }
    }

    async fn connect(&mut self) -> Event {
        match self.tpe.connect().await {
            Ok(line) => {
                self.line = Some(line);
                Event::Connected
            }
            Err(error) => {
                tracing::warn!(%error, "no payment can be asked for");
                self.tpe.pause().await;
                Event::NotConnected
            }
        }
    }
}

pub(super) fn account(payments: &[Payment]) -> Account {
    Account::of(payments.iter().map(|payment| (payment.asked.way, payment.state)))
}

/// What of the holder's money on the bank terminal the sale has earned; nothing is known while the sale is in doubt.
fn earned(view: &View, request: RequestId) -> Result<Option<Cents>, LedgerError> {
    Ok(match view.by_request(request)? {
        Some(ByRequest::Open(open)) if open.abandoned_by.is_none() => None,
        Some(ByRequest::Open(_)) | None => Some(Cents::ZERO),
        Some(ByRequest::Ended(stored)) => match &stored.entry.body {
            Body::Debit(_) if view.is_undone(stored.head.sequence)? => Some(Cents::ZERO),
            Body::Debit(debit) => Some(debit.sale.tender.share(Tender::Tpe, debit.collected)),
            Body::Reversal(_)
            | Body::NotDone(_)
            | Body::Abandoned(_)
            | Body::UndoRequest(_)
            | Body::Refused(_)
            | Body::CardRead(_)
            | Body::Closing(_)
            | Body::Event(_) => Some(Cents::ZERO),
        },
    })
}

/// What is held of a sale and is to be given back.
fn to_give_back(view: &View, request: RequestId) -> Result<Result<Cents, NotNow>, LedgerError> {
    let account = account(&view.payments_of(request)?);
    Ok(match earned(view, request)? {
        Some(earned) => account.to_refund(earned),
        None => Err(NotNow::Nothing),
    })
}

fn open_payments(view: &View) -> Result<OpenPayments, LedgerError> {
    Ok(OpenPayments {
        payments: view.open_payments()?.iter().map(shown).collect(),
        held: view.held()?.iter().map(held).collect(),
    })
}

/// Money that is held, as the local API shows it.
pub(super) const fn held(held: &Held) -> HeldMoney {
    HeldMoney { request: held.request, amount: held.amount }
}

/// The payment, as the local API shows it.
pub(super) fn shown(payment: &Payment) -> PaymentView {
    let AskedPayment { id, request, way, amount } = payment.asked;
    PaymentView { payment: id, request, way, asked: amount, time: payment.time, state: payment.state }
}

const fn not_now(why: NotNow) -> PaymentRefused {
    match why {
        NotNow::InFlight => PaymentRefused::Busy,
        NotNow::Unknown => PaymentRefused::Unknown,
        NotNow::Nothing | NotNow::Overflow => PaymentRefused::NothingToReturn,
    }
}

impl Payments {
    /// What is open, and what money is held.
    ///
    /// # Errors
    /// [`PaymentRefused`].
    pub async fn open(&self) -> Result<OpenPayments, PaymentRefused> {
        // What only seems to be in progress, because the ledger could not be written at its end, is not shown as if it were.
        drop(self.turn().await);
        available(ask_ledger(&self.ledger, |ledger| open_payments(ledger.view())).await)
    }

    /// Gives back on the bank terminal what is held of a sale.
    ///
    /// # Errors
    /// [`PaymentRefused`].
    pub async fn give_back(
        &self,
        cashier: Option<CashierId>,
        request: RequestId,
    ) -> Result<PaymentView, PaymentRefused> {
        let turn = self.turn().await.ok_or(PaymentRefused::Busy)?;
        let held = ask_ledger(&self.ledger, move |ledger| to_give_back(ledger.view(), request)).await;
        let amount = available(held)?.map_err(not_now)?;
        let payment = self.carry_out(turn, cashier, request, Way::Refund, amount).await?;
        Ok(shown(&payment))
    }

    /// The cashier says what became of a payment.
    ///
    /// # Errors
    /// [`PaymentRefused`].
    pub async fn answer(
        &self,
        cashier: Option<CashierId>,
        id: PaymentId,
        said: SaidOfPayment,
    ) -> Result<PaymentView, PaymentRefused> {
        // What is in progress is not unknown; what only seems to be is from now on.
        drop(self.turn().await);
        let now = self.clock.now();
        let answered = ask_ledger(&self.ledger, move |ledger| {
            ledger.view().cashiers().may(cashier, Deed::Sell).map_err(PaymentRefused::NotAllowed)?;
            let unavailable = |error: LedgerError| PaymentRefused::Unavailable(error.to_string());
            let payment = ledger.view().payment(id).map_err(unavailable)?.ok_or(PaymentRefused::NoSuchPayment)?;
            let PaymentState::Unknown(_) = payment.state else { return Err(PaymentRefused::NotUnknown) };
            let word = match said {
                SaidOfPayment::PaidAsAsked => Word::Paid(payment.asked.amount),
                SaidOfPayment::Paid(amount) => Word::Paid(amount),
                SaidOfPayment::NotPaid => Word::NotPaid,
            };
            let (mut leg, _) = Leg::found(payment.state);
            for action in leg.on_event(Event::Word(word)) {
                if let Action::Persist(state) = action {
                    ledger.payment_is(By { cashier, now }, id, state).map_err(unavailable)?;
                    leg.on_event(Event::Stored);
                }
            }
            Ok(shown(&Payment { state: leg.state(), ..payment }))
        });
        let answered = answered.await.unwrap_or_else(|error| Err(PaymentRefused::Unavailable(error.to_string())))?;
        self.exchanger.entries_wait();
        Ok(answered)
    }

    async fn try_out(&self) -> Result<String, PaymentRefused> {
        let tpe = self.tpe.as_ref().ok_or(PaymentRefused::NotSetUp)?;
        let _turn = self.turn().await.ok_or(PaymentRefused::Busy)?;
        tpe.try_out().await.map_err(|error| match error {
            TrialError::Connect(ConnectError::Busy) => PaymentRefused::Busy,
            other => PaymentRefused::Trial(french(&other), format!("{other}.")),
        })
    }
}

/// Why a bank terminal cannot be used, in French.
fn french(error: &TrialError) -> String {
    match error {
        TrialError::Connect(ConnectError::Busy) => "Un paiement est en cours sur le TPE.".to_owned(),
        TrialError::Connect(ConnectError::Off { address, error }) => {
            format!("Le TPE à {address} ne répond pas ({error}) : est-il allumé, branché au réseau, à cette adresse ?")
        }
        TrialError::NoAnswer => {
            "Ce qui écoute à cette adresse ne répond rien : le TPE est occupé, ou ce n'est pas un TPE.".to_owned()
        }
        TrialError::Closed => {
            "Ce qui écoute à cette adresse raccroche : le TPE est occupé, ou ce n'est pas un TPE.".to_owned()
        }
        TrialError::Unreadable(why) => {
            format!("Ce qui écoute à cette adresse ne parle pas Caisse-AP sur IP ({why}).")
        }
        TrialError::OtherVersion(version) => {
            format!("Le TPE parle la version {version} de Caisse-AP, et ce terminal la version 0300.")
        }
        TrialError::Strange => "Le TPE dit avoir fait ce que personne n'a demandé.".to_owned(),
    }
}

/// The ledger's answer, or that there is none.
fn available<T>(answer: Result<Result<T, LedgerError>, LedgerGone>) -> Result<T, PaymentRefused> {
    match answer {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(PaymentRefused::Unavailable(error.to_string())),
        Err(error) => Err(PaymentRefused::Unavailable(error.to_string())),
    }
}

impl PaymentDesk for Service {
    fn open_payments(&self) -> PaymentAnswer<'_, OpenPayments> {
        Box::pin(async move { Ok(self.payments.open().await) })
    }

    fn answer_payment(
        &self,
        by: Option<CashierId>,
        payment: PaymentId,
        said: SaidOfPayment,
    ) -> PaymentAnswer<'_, PaymentView> {
        Box::pin(async move { Ok(self.payments.answer(by, payment, said).await) })
    }

    fn give_back(&self, by: Option<CashierId>, request: RequestId) -> PaymentAnswer<'_, PaymentView> {
        Box::pin(async move {
            let may = move |ledger: &mut Ledger| ledger.view().cashiers().may(by, Deed::Sell);
            match ask_ledger(&self.ledger, may).await {
                Ok(Ok(())) => Ok(self.payments.give_back(by, request).await),
                Ok(Err(refusal)) => Ok(Err(PaymentRefused::NotAllowed(refusal))),
                Err(LedgerGone) => Err(DeskGone),
            }
        })
    }

    fn try_bank_terminal(&self) -> PaymentAnswer<'_, String> {
        Box::pin(async move { Ok(self.payments.try_out().await) })
    }
}
