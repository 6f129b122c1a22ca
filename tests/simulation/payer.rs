//! The payments of a running terminal: the real ones of `pass::terminal::payments`, whose line, counter and tasks are here, so that the program can end
//! between any two things that they wait for.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use pass::domain::payment::{Doubt, Ended};
use pass::domain::{Cents, PaymentId, RequestId};
use pass::ledger::LedgerHandle;
use pass::machine::exchange::{ExchangeMachine, Schedule};
use pass::machine::sale::{ClientRequest, Outcome};
use pass::payment::client::{ConnectError, TrialError};
use pass::payment::device::{BankLine, BankTerminal, Later};
use pass::payment::{Register, Request};
use pass::terminal::clock::Clock;
use pass::terminal::exchanger::{Exchange, Exchanger};
use pass::terminal::payments::Payments;
use pass::terminal::selling::{AskDesk, Seller};
use pass::till::{BoxFuture, DeskGone, OpenPayments, SaidOfPayment};
use tokio::sync::oneshot::{Receiver, Sender, channel};

use crate::terminal::wait;

/// What the payments wait for.
pub(crate) enum Wish {
    /// That the counter does this.
    Counter(Box<ClientRequest>, Sender<Outcome>),
    /// A connection to the bank terminal.
    Connect(Sender<bool>),
    /// A moment.
    Pause(Sender<()>),
    /// That this is written to the bank terminal.
    Write(Request, Sender<Result<(), Doubt>>),
    /// What the bank terminal answers to this.
    Answer(Request, Sender<Result<Ended, Doubt>>),
}

/// Where they say it.
#[derive(Clone, Default)]
struct Wishes(Arc<Mutex<VecDeque<Wish>>>);

impl Wishes {
    fn wish<T: Send + 'static>(&self, of: impl FnOnce(Sender<T>) -> Wish) -> Receiver<T> {
        let (fulfils, fulfilled) = channel();
        self.0.lock().unwrap().push_back(of(fulfils));
        fulfilled
    }
}

impl AskDesk for Wishes {
    fn ask(&self, request: ClientRequest) -> BoxFuture<'_, Option<Outcome>> {
        let outcome = self.wish(|sender| Wish::Counter(Box::new(request), sender));
        Box::pin(async move { outcome.await.ok() })
    }
}

impl BankTerminal for Wishes {
    fn address(&self) -> &'static str {
        "simulated"
    }

    fn register(&self) -> Register {
        Register::FIRST
    }

    fn connect(&self) -> Later<'_, Result<Box<dyn BankLine>, ConnectError>> {
        Box::pin(async move {
            if self.wish(Wish::Connect).await.unwrap_or(false) { Ok(Box::new(self.clone()) as _) } else { Err(off()) }
        })
    }

    fn pause(&self) -> Later<'_, ()> {
        Box::pin(async move { self.wish(Wish::Pause).await.unwrap_or(()) })
    }

    fn try_out(&self) -> Later<'_, Result<String, TrialError>> {
        Box::pin(async { Err(off().into()) })
    }
}

fn off() -> ConnectError {
    ConnectError::Off { address: "simulated".to_owned(), error: std::io::ErrorKind::TimedOut.into() }
}

impl BankLine for Wishes {
    fn write<'a>(&'a mut self, request: &'a Request) -> Later<'a, Result<(), Doubt>> {
        let written = self.wish(|sender| Wish::Write(*request, sender));
        Box::pin(async move { written.await.unwrap_or(Err(Doubt::NotWritten)) })
    }

    fn answer(self: Box<Self>, request: &Request) -> Later<'_, Result<Ended, Doubt>> {
        let answered = self.wish(|sender| Wish::Answer(*request, sender));
        Box::pin(async move { answered.await.unwrap_or(Err(Doubt::NoAnswer)) })
    }
}

/// Whether a task is to go on.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// Something that goes on by itself.
struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    woken: Arc<Woken>,
}

impl Task {
    fn new(future: Pin<Box<dyn Future<Output = ()>>>) -> Self {
        Self { future, woken: Arc::new(Woken(AtomicBool::new(true))) }
    }

    /// Goes on until it waits for something that is not the ledger; whether it did, and whether it is over. One after the other, so that the order
    /// of things does not depend on how fast the ledger's thread is.
    fn go_on(&mut self, ledger: &LedgerHandle) -> (bool, bool) {
        let mut went_on = false;
        while self.woken.0.swap(false, Ordering::AcqRel) {
            went_on = true;
            let waker = Waker::from(Arc::clone(&self.woken));
            if self.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                return (true, true);
            }
            // What was asked of the ledger is answered after this, and whoever asked is woken.
            ledger.call(|_| ()).unwrap();
        }
        (went_on, false)
    }
}

type Told = Rc<RefCell<Option<Result<Outcome, DeskGone>>>>;

/// The payments of a program that runs.
pub(crate) struct Payer {
    payments: Payments,
    wishes: Wishes,
    spawned: Arc<Mutex<Vec<BoxFuture<'static, ()>>>>,
    tasks: Vec<Task>,
    client: Option<(Task, Told)>,
    ledger: LedgerHandle,
    /// Whom the counter is to answer.
    at_counter: Option<(RequestId, Sender<Outcome>)>,
}

impl Payer {
    /// The payments over this ledger; `has_bank_terminal`: one is set up.
    pub(crate) fn new(exchange: Exchange, clock: Arc<dyn Clock>, has_bank_terminal: bool) -> Self {
        let (ledger, wishes) = (exchange.ledger.clone(), Wishes::default());
        let spawned: Arc<Mutex<Vec<BoxFuture<'static, ()>>>> = Arc::default();
        let spawning = Arc::clone(&spawned);
        let spawn = Arc::new(move |task| spawning.lock().unwrap().push(task));
        // The world sends what there is to exchange; that entries wait is heard by nobody.
        let terminal = ledger.call(|ledger| ledger.view().identity().terminal).unwrap();
        let machine = ExchangeMachine::new(terminal, Schedule::default());
        let (_, exchanger) = Exchanger::new(exchange, machine, Arc::default(), Arc::default());
        let tpe = has_bank_terminal.then(|| Arc::new(wishes.clone()) as _);
        let payments = Payments::new(tpe, spawn, ledger.clone(), clock, exchanger);
        Self { payments, wishes, spawned, tasks: Vec::new(), client: None, ledger, at_counter: None }
    }

    /// A client asks.
    pub(crate) fn ask(&mut self, request: ClientRequest) {
        let (wishes, payments) = (self.wishes.clone(), self.payments.clone());
        let told = Told::default();
        let hears = Rc::clone(&told);
        let asking = async move {
            let outcome = Seller { desk: &wishes, payments: &payments }.ask(request).await;
            *hears.borrow_mut() = Some(outcome);
        };
        self.client = Some((Task::new(Box::pin(asking)), told));
        self.run();
    }

    /// The client goes away; whether the counter is to be told.
    pub(crate) fn client_goes(&mut self) -> bool {
        self.client = None;
        self.wishes.0.lock().unwrap().retain(|wish| !matches!(wish, Wish::Counter(..)));
        self.at_counter.take().is_some()
    }

    /// What the client was told, once it is.
    pub(crate) fn told(&mut self) -> Option<Result<Outcome, DeskGone>> {
        let told = self.client.as_ref()?.1.borrow_mut().take()?;
        self.client = None;
        Some(told)
    }

    /// Whether the client has heard what it is to be told.
    pub(crate) fn has_told(&self) -> bool {
        self.client.as_ref().is_some_and(|(_, told)| told.borrow().is_some())
    }

    /// Goes on with everything until it waits for the world.
    pub(crate) fn run(&mut self) {
        loop {
            let mut went_on = self.client.as_mut().is_some_and(|(task, _)| task.go_on(&self.ledger).0);
            self.tasks.extend(self.spawned.lock().unwrap().drain(..).map(|future| Task::new(future)));
            self.tasks.retain_mut(|task| {
                let (did, over) = task.go_on(&self.ledger);
                went_on |= did;
                !over
            });
            if !went_on {
                return;
            }
        }
    }

    /// What the counter is to do next, if it is to do something.
    pub(crate) fn for_counter(&mut self) -> Option<ClientRequest> {
        let mut wishes = self.wishes.0.lock().unwrap();
        let place = wishes.iter().position(|wish| matches!(wish, Wish::Counter(..)))?;
        let Some(Wish::Counter(request, sender)) = wishes.remove(place) else { return None };
        self.at_counter = Some((request.id, sender));
        Some(*request)
    }

    /// The counter has answered; whose request that was.
    pub(crate) fn counter_says(&mut self, outcome: Outcome) -> Option<RequestId> {
        let (request, sender) = self.at_counter.take()?;
        // The client may have gone away.
        let _heard = sender.send(outcome);
        self.run();
        Some(request)
    }

    /// Whether something is waited for on the line to the bank terminal.
    pub(crate) fn is_paying(&self) -> bool {
        self.wishes.0.lock().unwrap().iter().any(|wish| !matches!(wish, Wish::Counter(..)))
    }

    /// What is waited for there.
    pub(crate) fn take_wish(&mut self) -> Option<Wish> {
        let mut wishes = self.wishes.0.lock().unwrap();
        let place = wishes.iter().position(|wish| !matches!(wish, Wish::Counter(..)))?;
        wishes.remove(place)
    }

    /// What the cashier sees of open payments and held money.
    pub(crate) fn open(&self) -> OpenPayments {
        wait(self.payments.open()).unwrap()
    }

    /// The cashier says what became of a payment: so much was paid, or nothing. Whether it was taken.
    pub(crate) fn answer(&self, payment: PaymentId, moved: Option<Cents>) -> bool {
        let said = moved.map_or(SaidOfPayment::NotPaid, SaidOfPayment::Paid);
        wait(self.payments.answer(None, payment, said)).is_ok()
    }

    /// The cashier gives back what is held of a sale.
    pub(crate) fn give_back(&mut self, sale: RequestId) {
        let payments = self.payments.clone();
        // It may be refused, and is listed then as before.
        self.tasks.push(Task::new(Box::pin(async move { drop(payments.give_back(None, sale).await) })));
        self.run();
    }
}
