//! A desk for tests: it answers as it is told, and notes what it was asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::{
    BoxFuture, CashierAnswer, CashierDesk, CashierOrder, CashierRefused, CloseOrder, Closed, ClosingAnswer,
    ClosingDesk, ClosingQuery, Desk, DeskGone, ExchangeState, ExportReport, HeldMoney, ImportReport, JournalLine,
    JournalQuery, News, NoReceipt, NotCarried, NotClosed, OpenPayments, Paper, PaymentAnswer, PaymentDesk,
    PaymentRefused, PaymentView, ReaderState, ReceiptAnswer, ReceiptDesk, ReceiptView, SaidOfPayment, SessionToken,
    SignedIn, Status, SyncReport,
};
use crate::domain::card::Signature;
use crate::domain::cashier::{Cashier, CashierName, Cashiers, Lockout, Pin, Role};
use crate::domain::catalogue::{BenefitName, Code, Unit};
use crate::domain::closing::{
    BenefitTotal, Cash, Closing, Doubts, Period, PeriodKind, Perpetual, TenderTotal, Totals, UnknownPayments,
};
use crate::domain::entry::Tender;
use crate::domain::payment::{Doubt, NotPaid, PaymentState, Said, Way};
use crate::domain::policy::{Exposure, Limit, Policy};
use crate::domain::quote::{Quote, QuotedCard};
use crate::domain::receipt::{Copy, Debited, Deed, Receipt, Symbol};
use crate::domain::refusal::Refusal;
use crate::domain::spoken::Spoken;
use crate::domain::verdict::{Contest, Verdict};
use crate::domain::{
    CardNumber, CashierId, Cents, Counter, Date, EntitlementSerial, EntryHash, PartnerId, PaymentId, RequestId, Season,
    Sequence, Slot, TerminalId, Timestamp,
};
use crate::machine::sale::{BalanceView, CardView, ClientRequest, Granted, Outcome, Refused, View};

/// 22 November 2026, 20:41:07 in Paris.
pub(crate) const EVENING: Timestamp = Timestamp::new(1_795_376_467);

/// What the desk does with a request.
pub(crate) enum Reply {
    Outcome(Box<Outcome>),
    Never,
    Gone,
}

type Script = Box<dyn Fn(&ClientRequest) -> Reply + Send + Sync>;

pub(crate) struct FakeDesk {
    script: Script,
    pub(crate) view: watch::Sender<View>,
    pub(crate) asked: Mutex<Vec<ClientRequest>>,
    pub(crate) journal: Mutex<Vec<JournalQuery>>,
    /// How many requests were dropped before their answer.
    pub(crate) dropped: Arc<AtomicUsize>,
    pub(crate) sync_error: Option<Spoken>,
}

impl FakeDesk {
    pub(crate) fn new(script: impl Fn(&ClientRequest) -> Reply + Send + Sync + 'static) -> Self {
        Self {
            script: Box::new(script),
            view: watch::Sender::new(View::Idle),
            asked: Mutex::default(),
            journal: Mutex::default(),
            dropped: Arc::default(),
            sync_error: None,
        }
    }

    /// Answers every request with `outcome`.
    pub(crate) fn answering(outcome: Outcome) -> Self {
        Self::new(move |_| Reply::Outcome(Box::new(outcome.clone())))
    }

    pub(crate) fn last_asked(&self) -> ClientRequest {
        self.asked.lock().unwrap().last().unwrap().clone()
    }
}

/// Counts itself when it is dropped before the answer.
struct Unanswered(Arc<AtomicUsize>);

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl CashierDesk for FakeDesk {
    fn sign_in(&self, cashier: CashierId, pin: Pin) -> CashierAnswer<'_, SignedIn> {
        let right = pin.as_bytes() == b"4711";
        let signed_in = move || SignedIn { session: SESSION, cashier: Cashier { id: cashier, ..manager() } };
        Box::pin(async move {
            Ok(if right { Ok(signed_in()) } else { Err(CashierRefused::WrongPin { locked_seconds: 30 }) })
        })
    }

    fn vouch(&self, _: CashierId) -> CashierAnswer<'_, SignedIn> {
        Box::pin(async { Err(DeskGone) })
    }

    fn sign_out(&self, _: SessionToken) {}

    fn who(&self, session: SessionToken) -> Option<CashierId> {
        (session == SESSION).then_some(manager().id)
    }

    fn cashiers(&self) -> BoxFuture<'_, Result<Cashiers, DeskGone>> {
        Box::pin(async { Ok(Cashiers::new(vec![manager()])) })
    }

    fn change_cashiers(&self, by: Option<CashierId>, order: CashierOrder) -> CashierAnswer<'_, CashierId> {
        let whom = match order {
            CashierOrder::Add { .. } => CashierId::new(2),
            CashierOrder::SetPin { cashier, .. } | CashierOrder::Disable(cashier) | CashierOrder::Enable(cashier) => {
                cashier
            }
        };
        let refused = CashierRefused::NotAllowed(Refusal::SignInNeeded);
        Box::pin(async move { Ok(by.map(|_| whom).ok_or(refused)) })
    }
}

impl ClosingDesk for FakeDesk {
    fn close(&self, by: Option<CashierId>, order: CloseOrder) -> ClosingAnswer<'_, Closed> {
        let cash = Cash { counted: order.counted, ..closed().closing.cash };
        let closed = Closed { cashier: by, closing: Closing { cash, ..closed().closing }, ..closed() };
        Box::pin(async move { Ok(if order.kind == PeriodKind::Day { Ok(closed) } else { Err(NotClosed::Nothing) }) })
    }

    fn closings(&self, _: ClosingQuery) -> BoxFuture<'_, Result<Vec<Closed>, DeskGone>> {
        Box::pin(async { Ok(vec![closed()]) })
    }

    fn duplicate_closing(&self, by: Option<CashierId>, entry: Sequence) -> ClosingAnswer<'_, Option<Closed>> {
        let found = (entry == closed().entry).then(|| Closed { duplicate: 1, ..closed() });
        let refused = NotClosed::NotAllowed(Refusal::SignInNeeded);
        Box::pin(async move { Ok(if by.is_some() { Ok(found) } else { Err(refused) }) })
    }
}

/// The payment that nobody knows the end of.
pub(crate) fn unknown_payment() -> PaymentView {
    PaymentView {
        payment: PaymentId::new([5; 16]),
        request: RequestId::new([6; 16]),
        way: Way::Charge,
        asked: Cents::from_u32(100),
        time: EVENING,
        state: PaymentState::Unknown(Doubt::NoAnswer),
    }
}

impl PaymentDesk for FakeDesk {
    fn open_payments(&self) -> PaymentAnswer<'_, OpenPayments> {
        let held = vec![HeldMoney { request: RequestId::new([7; 16]), amount: Cents::from_u32(250) }];
        Box::pin(async { Ok(Ok(OpenPayments { payments: vec![unknown_payment()], held })) })
    }

    fn answer_payment(
        &self,
        _: Option<CashierId>,
        id: PaymentId,
        said: SaidOfPayment,
    ) -> PaymentAnswer<'_, PaymentView> {
        let approved = |amount| PaymentState::Approved { amount, said: Said::ByCashier };
        let state = match said {
            SaidOfPayment::PaidAsAsked => approved(unknown_payment().asked),
            SaidOfPayment::Paid(amount) => approved(amount),
            SaidOfPayment::NotPaid => PaymentState::Refused(NotPaid::Word),
        };
        let known = id == unknown_payment().payment;
        let answered = known.then(|| PaymentView { state, ..unknown_payment() }).ok_or(PaymentRefused::NoSuchPayment);
        Box::pin(async { Ok(answered) })
    }

    fn give_back(&self, _: Option<CashierId>, request: RequestId) -> PaymentAnswer<'_, PaymentView> {
        let state = PaymentState::Approved { amount: Cents::from_u32(250), said: Said::ByTpe };
        let back = PaymentView { request, way: Way::Refund, state, ..unknown_payment() };
        let held = request == RequestId::new([7; 16]);
        Box::pin(async move { Ok(held.then_some(back).ok_or(PaymentRefused::NothingToReturn)) })
    }

    fn try_bank_terminal(&self) -> PaymentAnswer<'_, String> {
        Box::pin(async { Ok(Ok("0300".to_owned())) })
    }
}

impl ReceiptDesk for FakeDesk {
    fn receipt(&self, entry: Sequence) -> ReceiptAnswer<'_, ReceiptView> {
        let found = (entry == Sequence::new(12)).then(receipt_view).ok_or(NoReceipt::NotThere);
        Box::pin(async move { Ok(found) })
    }

    fn hand_out(&self, _: Option<CashierId>, _: Sequence, paper: Paper) -> ReceiptAnswer<'_, ReceiptView> {
        let view = receipt_view();
        let receipt = Receipt { copy: Copy::Duplicate(1), ..view.receipt.clone() };
        let duplicate = ReceiptView { receipt, duplicates: Some(1), ..view };
        Box::pin(async move { Ok(if paper == Paper::Client { Ok(duplicate) } else { Err(NoReceipt::NoPrinter) }) })
    }
}

fn receipt_view() -> ReceiptView {
    let receipt = Receipt {
        deed: Deed::Sale,
        copy: Copy::Original,
        entry: Sequence::new(12),
        time: EVENING,
        partner: "Cinéma Le Navire".to_owned(),
        terminal: TerminalId::new(17),
        cashier: None,
        card: card().masked(),
        debited: Some(Debited {
            benefit: Code::new("cinema").unwrap(),
            label: Some(Spoken::new("Cinéma", "Cinema")),
            amount: 1,
            unit: Some(SEAT),
            left: Some(4),
        }),
        price: None,
        supplement: Cents::ZERO,
        money: Cents::from_u32(100),
        tender: Tender::Cash.into(),
        related: None,
        hash: EntryHash::new([0xab; 32]),
        code: "PASS1:AE".to_owned(),
    };
    // Two rows of two, as no real symbol has: enough to see how it is told.
    let symbol = Some(Symbol { side: 2, dark: vec![true, true, false, true] });
    ReceiptView { receipt, duplicates: None, text: "VENTE".to_owned(), symbol }
}

pub(crate) fn closed() -> Closed {
    let cash = Cash { float: Cents::from_u32(5000), taken: Cents::from_u32(300), ..Cash::default() };
    let tender = TenderTotal {
        tender: Tender::Cash,
        sales: 3,
        collected: Cents::from_u32(300),
        undone: 0,
        returned: Cents::ZERO,
        given_up: Cents::ZERO,
    };
    let benefit =
        BenefitTotal { benefit: Code::new("cinema").unwrap(), debits: 3, debited: 3, undone: 0, given_back: 0 };
    let closing = Closing {
        period: Period::Day(Date::at(EVENING)),
        number: 7,
        from: Sequence::new(21),
        to: Sequence::new(29),
        opened: EVENING,
        totals: Totals { benefits: vec![benefit], tenders: vec![tender] },
        perpetual: Perpetual { absolute: Cents::from_u32(12_300), net: Cents::from_u32(11_300) },
        cash,
        doubts: Doubts::default(),
        unknown_payments: UnknownPayments::default(),
    };
    let unit = Unit::Seat { contribution: Cents::from_u32(100), region_pays: Cents::from_u32(400) };
    let name = BenefitName { label: Spoken::new("Cinéma", "Cinema"), unit };
    let names = [(Code::new("cinema").unwrap(), name)].into();
    Closed { entry: Sequence::new(30), time: EVENING.plus(7200), cashier: None, closing, names, duplicate: 0 }
}

/// The session of the one who knows that the PIN is 4711.
pub(crate) const SESSION: SessionToken = SessionToken::new([7; 16]);

pub(crate) fn manager() -> Cashier {
    Cashier {
        id: CashierId::new(1),
        name: CashierName::new("Inès").unwrap(),
        role: Role::Manager,
        disabled: false,
        lockout: Lockout::default(),
    }
}

impl Desk for FakeDesk {
    fn ask(&self, request: ClientRequest) -> BoxFuture<'_, Result<Outcome, DeskGone>> {
        let unanswered = Unanswered(self.dropped.clone());
        Box::pin(async move {
            let reply = (self.script)(&request);
            self.asked.lock().unwrap().push(request);
            let answer = match reply {
                Reply::Outcome(outcome) => Ok(*outcome),
                Reply::Gone => Err(DeskGone),
                Reply::Never => std::future::pending().await,
            };
            std::mem::forget(unanswered);
            answer
        })
    }

    /// Knows what was asked by its script: what never ends is in doubt, what is refused came to nothing.
    fn known(&self, request: RequestId) -> BoxFuture<'_, Result<Option<Outcome>, DeskGone>> {
        let asked =
            self.asked.lock().unwrap().iter().find(|asked| asked.id == request).map(|asked| (self.script)(asked));
        let known = match asked {
            None => None,
            Some(Reply::Outcome(outcome)) => Some(*outcome).filter(|outcome| !matches!(outcome, Outcome::Refused(_))),
            Some(Reply::Never | Reply::Gone) => Some(Outcome::Refused(Refused::because(Refusal::SaleInDoubt))),
        };
        Box::pin(async { Ok(known) })
    }

    fn view(&self) -> View {
        self.view.borrow().clone()
    }

    fn view_after(&self, seen: View) -> BoxFuture<'_, Result<View, DeskGone>> {
        let mut view = self.view.subscribe();
        Box::pin(
            async move { view.wait_for(|view| *view != seen).await.map(|view| view.clone()).map_err(|_| DeskGone) },
        )
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, DeskGone>> {
        let status = Status { view: self.view(), ..status() };
        Box::pin(async move { Ok(status) })
    }

    fn journal(&self, query: JournalQuery) -> BoxFuture<'_, Result<Vec<JournalLine>, DeskGone>> {
        self.journal.lock().unwrap().push(query);
        Box::pin(async { Ok(vec![undo_line(), debit_line()]) })
    }

    fn sync(&self) -> BoxFuture<'_, Result<SyncReport, DeskGone>> {
        let error = self.sync_error.clone();
        Box::pin(async { Ok(SyncReport { exchanges: 2, acknowledged: Sequence::new(12), waiting: 0, error }) })
    }

    fn export(&self) -> BoxFuture<'_, Result<Result<ExportReport, NotCarried>, DeskGone>> {
        let message = b"a request".to_vec();
        let report = ExportReport { message, entries: 500, owed: Cents::from_u32(225_000), in_doubt: 1, left: 12 };
        Box::pin(async { Ok(Ok(report)) })
    }

    fn import(&self, answer: Vec<u8>) -> BoxFuture<'_, Result<Result<ImportReport, NotCarried>, DeskGone>> {
        let taken = ImportReport { news: News::Newest, acknowledged: Sequence::new(12), waiting: 3, more: true };
        Box::pin(async move { Ok(if answer == b"an answer" { Ok(taken) } else { Err(NotCarried::OtherTerminal) }) })
    }
}

pub(crate) fn card() -> CardNumber {
    CardNumber::from_account(925_000_000_000_000).unwrap()
}

pub(crate) const SEAT: Unit = Unit::Seat { contribution: Cents::from_u32(100), region_pays: Cents::from_u32(450) };

pub(crate) fn granted() -> Granted {
    Granted {
        entry: Sequence::new(12),
        card: card(),
        benefit: Code::new("cinema").unwrap(),
        label: Some(Spoken::new("Cinéma", "Cinema")),
        debited: 1,
        unit: Some(SEAT),
        due: Cents::from_u32(100),
        collected: Cents::from_u32(100),
        tender: Tender::Cash.into(),
        left: 4,
        time: EVENING,
        repeated: false,
        served_before: None,
    }
}

pub(crate) fn quoted() -> Outcome {
    let card = QuotedCard {
        card: card(),
        counter: Counter::new(7),
        season: Season::new(2026),
        entitlement_serial: EntitlementSerial::new(3),
    };
    let quote = Quote {
        slot: Slot::new(0).unwrap(),
        benefit: Code::new("cinema").unwrap(),
        unit: SEAT,
        amount: 1,
        price: None,
        supplement: Cents::ZERO,
        due: Cents::from_u32(100),
        left_after: 4,
    };
    Outcome::Quoted(card, quote)
}

pub(crate) fn card_view() -> CardView {
    let line = |benefit: &str, fr: &str, en: &str, unit, granted, left, here| BalanceView {
        benefit: Code::new(benefit).unwrap(),
        label: Spoken::new(fr, en),
        unit,
        granted,
        left,
        here,
    };
    CardView {
        card: card(),
        season: Some(Season::new(2026)),
        entitlement_serial: 3,
        counter: Counter::new(7),
        blocked: false,
        balance: vec![
            line("cinema", "Cinéma", "Cinema", SEAT, 5, 4, true),
            line("leisure-books", "Livres loisirs", "Leisure books", Unit::Cent, 800, 800, false),
        ],
        served: Some((Sequence::new(11), EVENING)),
    }
}

pub(crate) fn status() -> Status {
    let policy = Policy {
        version: 1,
        offline_hours: Limit { soft: 24, hard: 72 },
        waiting_entries: Limit { soft: 500, hard: 2000 },
        waiting_cents: Limit { soft: Cents::from_u32(200_000), hard: Cents::from_u32(1_000_000) },
        deny_list_hours: Limit { soft: 24, hard: 96 },
        all_entitlements: false,
    };
    let exposure = Exposure {
        last_exchange: EVENING.minus(25 * 3600),
        deny_list_made: EVENING.minus(3600),
        waiting_entries: 3,
        waiting_cents: Cents::from_u32(1350),
    };
    Status {
        version: "0.1.0".to_owned(),
        terminal: TerminalId::new(17),
        partner: PartnerId::new(4),
        partner_name: "Cinéma Le Navire".to_owned(),
        season: Season::new(2026),
        refusal: None,
        head: (Sequence::new(12), EntryHash::new([0xab; 32])),
        certificate_not_after: Some(EVENING.plus(20 * 86_400)),
        update: None,
        in_doubt: 0,
        reader: ReaderState::Ready(vec!["Virtual PCD 00 00".to_owned()]),
        printer: None,
        bank_terminal: None,
        payments: Vec::new(),
        held: Vec::new(),
        day_opened: None,
        exchange: ExchangeState {
            acknowledged: Sequence::new(9),
            exposure,
            standing: policy.standing(&exposure, EVENING),
            policy,
            last_error: None,
            next_attempt: Some(EVENING.plus(6 * 3600)),
        },
        view: View::Idle,
        time: EVENING,
    }
}

pub(crate) fn debit_line() -> JournalLine {
    JournalLine {
        entry: Sequence::new(12),
        time: EVENING,
        kind: "debit".to_owned(),
        card: Some(card().masked()),
        benefit: Some("cinema".to_owned()),
        label: Some(Spoken::new("Cinéma", "Cinema")),
        amount: Some(1),
        unit: Some(SEAT),
        collected: Cents::from_u32(100),
        returned: Cents::ZERO,
        tender: Some(Tender::Cash.into()),
        related: Some(Sequence::new(13)),
        signature: Some(Signature([0x5a; 64])),
        cashier: None,
        acknowledged: true,
        verdict: Some(Verdict::Contested(Contest::TakenBack)),
        detail: None,
    }
}

pub(crate) fn undo_line() -> JournalLine {
    JournalLine {
        entry: Sequence::new(13),
        time: EVENING.plus(60),
        kind: "reversal".to_owned(),
        collected: Cents::ZERO,
        returned: Cents::from_u32(100),
        related: Some(Sequence::new(12)),
        acknowledged: false,
        verdict: None,
        ..debit_line()
    }
}
