//! HTTP from a till and from the network: every request gets an answer of the few that there are, and nothing wrong reaches a desk.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use hyper::{HeaderMap, Method};
use hyper_util::service::TowerToHyperService;
use pass::domain::cashier::{Cashiers, Pin};
use pass::domain::{CashierId, Cents, PaymentId, RequestId, Sequence};
use pass::machine::sale::{ClientRequest, Command, Outcome, View};
use pass::region::Region;
use pass::region::server::router;
use pass::region::settings::ApiSettings;
use pass::till::server::{Api, LocalServer};
use pass::till::web::Access;
use pass::till::{
    BoxFuture, CARRIED_BYTES_MAX, CashierAnswer, CashierDesk, CashierOrder, CloseOrder, Closed, ClosingAnswer,
    ClosingDesk, ClosingQuery, Desk, DeskGone, ExportReport, ImportReport, JournalLine, JournalQuery, NoReceipt,
    NotCarried, OpenPayments, Paper, PaymentAnswer, PaymentDesk, PaymentRefused, PaymentView, ReceiptAnswer,
    ReceiptDesk, ReceiptView, SaidOfPayment, SessionToken, SignedIn, Status, SyncReport,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::Script;
use super::directory::directory;
use super::region_kit::{EVENING, World};

/// A desk that looks closely at what it is asked, and has nothing to say.
struct CloseDesk;

impl CashierDesk for CloseDesk {
    fn sign_in(&self, _: CashierId, pin: Pin) -> CashierAnswer<'_, SignedIn> {
        assert!((4..=8).contains(&pin.as_bytes().len()) && pin.as_bytes().iter().all(u8::is_ascii_digit));
        Box::pin(async { Err(DeskGone) })
    }

    fn vouch(&self, _: CashierId) -> CashierAnswer<'_, SignedIn> {
        panic!("nobody is trusted to sign others in")
    }

    fn sign_out(&self, _: SessionToken) {}

    fn who(&self, _: SessionToken) -> Option<CashierId> {
        None
    }

    fn cashiers(&self) -> BoxFuture<'_, Result<Cashiers, DeskGone>> {
        Box::pin(async { Err(DeskGone) })
    }

    fn change_cashiers(&self, by: Option<CashierId>, _: CashierOrder) -> CashierAnswer<'_, CashierId> {
        assert_eq!(by, None);
        Box::pin(async { Err(DeskGone) })
    }
}

impl ClosingDesk for CloseDesk {
    fn close(&self, by: Option<CashierId>, order: CloseOrder) -> ClosingAnswer<'_, Closed> {
        assert_eq!(by, None);
        assert!(order.counted.into_iter().chain(order.float).all(|cents| cents <= Cents::PRICE_MAX));
        Box::pin(async { Err(DeskGone) })
    }

    fn closings(&self, query: ClosingQuery) -> BoxFuture<'_, Result<Vec<Closed>, DeskGone>> {
        assert!((1..=400).contains(&query.limit));
        Box::pin(async { Ok(Vec::new()) })
    }

    fn duplicate_closing(&self, _: Option<CashierId>, _: Sequence) -> ClosingAnswer<'_, Option<Closed>> {
        Box::pin(async { Err(DeskGone) })
    }
}

impl PaymentDesk for CloseDesk {
    fn open_payments(&self) -> PaymentAnswer<'_, OpenPayments> {
        Box::pin(async { Ok(Ok(OpenPayments::default())) })
    }

    fn answer_payment(
        &self,
        by: Option<CashierId>,
        _: PaymentId,
        said: SaidOfPayment,
    ) -> PaymentAnswer<'_, PaymentView> {
        assert_eq!(by, None);
        if let SaidOfPayment::Paid(amount) = said {
            assert!(!amount.is_zero() && amount <= Cents::PRICE_MAX);
        }
        Box::pin(async { Ok(Err(PaymentRefused::NoSuchPayment)) })
    }

    fn give_back(&self, by: Option<CashierId>, _: RequestId) -> PaymentAnswer<'_, PaymentView> {
        assert_eq!(by, None);
        Box::pin(async { Ok(Err(PaymentRefused::NothingToReturn)) })
    }

    fn try_bank_terminal(&self) -> PaymentAnswer<'_, String> {
        Box::pin(async { Ok(Err(PaymentRefused::NotSetUp)) })
    }
}

impl ReceiptDesk for CloseDesk {
    fn receipt(&self, _: Sequence) -> ReceiptAnswer<'_, ReceiptView> {
        Box::pin(async { Ok(Err(NoReceipt::NotThere)) })
    }

    fn hand_out(&self, by: Option<CashierId>, _: Sequence, _: Paper) -> ReceiptAnswer<'_, ReceiptView> {
        assert_eq!(by, None);
        Box::pin(async { Ok(Err(NoReceipt::NoPrinter)) })
    }
}

impl Desk for CloseDesk {
    fn ask(&self, request: ClientRequest) -> BoxFuture<'_, Result<Outcome, DeskGone>> {
        assert!(request.wait <= Duration::from_secs(600));
        match &request.command {
            Command::Quote(asked) | Command::Redeem { request: asked, confirmed: None, .. } => {
                assert!(asked.price.is_none_or(|price| price <= Cents::PRICE_MAX));
                assert!(asked.supplement <= Cents::PRICE_MAX);
            }
            Command::Redeem { confirmed: Some(_), .. } => panic!("a quote is sold that was never given"),
            Command::Undo { .. } | Command::Abandon { .. } => (),
        }
        Box::pin(async { Err(DeskGone) })
    }

    fn known(&self, _: RequestId) -> BoxFuture<'_, Result<Option<Outcome>, DeskGone>> {
        Box::pin(async { Ok(None) })
    }

    fn view(&self) -> View {
        View::Idle
    }

    fn view_after(&self, _: View) -> BoxFuture<'_, Result<View, DeskGone>> {
        Box::pin(async { Err(DeskGone) })
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, DeskGone>> {
        Box::pin(async { Err(DeskGone) })
    }

    fn journal(&self, query: JournalQuery) -> BoxFuture<'_, Result<Vec<JournalLine>, DeskGone>> {
        assert!((1..=1000).contains(&query.limit));
        Box::pin(async { Ok(Vec::new()) })
    }

    fn sync(&self) -> BoxFuture<'_, Result<SyncReport, DeskGone>> {
        Box::pin(async { Err(DeskGone) })
    }

    fn export(&self) -> BoxFuture<'_, Result<Result<ExportReport, NotCarried>, DeskGone>> {
        Box::pin(async { Err(DeskGone) })
    }

    fn import(&self, answer: Vec<u8>) -> BoxFuture<'_, Result<Result<ImportReport, NotCarried>, DeskGone>> {
        assert!(answer.len() <= CARRIED_BYTES_MAX);
        Box::pin(async { Err(DeskGone) })
    }
}

/// Where a server of the local API listens for as long as this program runs.
struct Till {
    socket: PathBuf,
    _place: TempDir,
    _runtime: Runtime,
}

static TILL: LazyLock<Till> = LazyLock::new(|| {
    let place = directory();
    let socket = place.path().join("socket");
    let runtime = Runtime::new().unwrap();
    let bound = runtime.block_on(async { LocalServer::bind(&socket) }).unwrap();
    let access = Access::open(place.path().join("tills.json"), None).unwrap();
    let api = runtime.block_on(async { Api::new(Arc::new(CloseDesk), access) });
    runtime.spawn(bound.serve(api, std::future::pending()));
    Till { socket, _place: place, _runtime: runtime }
});

const TARGETS: [(&str, &str); 27] = [
    ("GET", "/v1/receipts/12"),
    ("POST", "/v1/receipts/12/print"),
    ("POST", "/v1/closings"),
    ("GET", "/v1/closings"),
    ("POST", "/v1/closings/1/duplicate"),
    ("POST", "/v1/sessions"),
    ("POST", "/v1/cashiers"),
    ("POST", "/v1/cashiers/1/pin"),
    ("POST", "/v1/cashiers/1/disable"),
    ("POST", "/v1/redemptions"),
    ("POST", "/v1/quotes"),
    ("POST", "/v1/quotes/confirm"),
    ("POST", "/v1/undos"),
    ("POST", "/v1/abandonments"),
    ("GET", "/v1/card"),
    ("GET", "/v1/status"),
    ("GET", "/v1/journal"),
    ("POST", "/v1/exchanges"),
    ("GET", "/nowhere"),
    ("GET", "/v1/requests/00112233445566778899aabbccddeeff"),
    ("POST", "/v1/tills"),
    ("DELETE", "/v1/tills/nobody"),
    ("POST", "/v1/pages"),
    ("GET", "/v1/payments"),
    ("POST", "/v1/payments/5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a/answer"),
    ("POST", "/v1/payments/refunds/5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"),
    ("POST", "/v1/payments/trial"),
];

/// A request to the till's API: the bytes as they are, or as the query and the body of an address.
pub(crate) fn local_api(bytes: &[u8]) {
    let mut script = Script(bytes);
    let what = script.byte();
    let mut message = Vec::new();
    if what & 0x80 != 0 {
        message.extend_from_slice(script.0);
    } else {
        let (method, path) = TARGETS[usize::from(what) % TARGETS.len()];
        let query: String =
            script.string().iter().filter(|byte| byte.is_ascii_graphic()).map(|b| char::from(*b)).collect();
        let body = script.0;
        message.extend_from_slice(format!("{method} {path}?{query} HTTP/1.1\r\nhost: localhost\r\n").as_bytes());
        message.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
        message.extend_from_slice(body);
    }
    let mut stream = UnixStream::connect(&TILL.socket).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // The server may have had enough and closed before everything was written.
    let _closed = stream.write_all(&message);
    if what & 0x80 != 0 {
        // Nothing more comes: what is not whole by now never will be.
        let _closed = stream.shutdown(Shutdown::Write);
    }
    let mut answer = Vec::new();
    let _cut = stream.read_to_end(&mut answer).map_err(|error| assert!(error.kind() != std::io::ErrorKind::WouldBlock));
    if answer.is_empty() {
        assert!(what & 0x80 != 0, "a whole request gets an answer");
        return;
    }
    let head = String::from_utf8_lossy(&answer[..answer.len().min(12)]).into_owned();
    // 200, or wrong in itself, or a terminal that stops: never a fault of the program's own.
    let known = ["200", "400", "404", "405", "408", "409", "413", "414", "431", "503"];
    assert!(known.iter().any(|code| head.ends_with(code)), "{head}");
}

/// A region that answers for as long as this program runs, and how far its feed was at the beginning.
struct Served {
    world: World,
    service: TowerToHyperService<axum::Router>,
    runtime: Runtime,
    position: u64,
}

static SERVED: LazyLock<std::sync::Mutex<Served>> = LazyLock::new(|| {
    let world = World::new();
    let terminal = world.terminal("cinema");
    assert!(terminal.chain.is_empty());
    // Nobody sends as fast as this.
    let settings = ApiSettings { address_messages_per_minute: u32::MAX, ..ApiSettings::default() };
    let service =
        TowerToHyperService::new(router(Arc::new(world.opened_again()), Arc::new(|| EVENING), &settings).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let position = position(&world.region);
    std::sync::Mutex::new(Served { world, service, runtime, position })
});

fn position(region: &Region) -> u64 {
    region.store().read(|tx| tx.feed_position(pass::region::store::Audience::Everyone)).unwrap()
}

/// A request to the region that no terminal has signed: a problem, always, and nothing is changed.
pub(crate) fn region_http(bytes: &[u8]) {
    let mut script = Script(bytes);
    let what = script.byte();
    let method = [Method::POST, Method::GET, Method::PUT, Method::HEAD][usize::from(what & 3)].clone();
    let path = match what >> 2 & 3 {
        0 | 1 => "/v1/exchanges".to_owned(),
        2 => "/v1/enrolments".to_owned(),
        _ => format!("/{}", String::from_utf8_lossy(script.string())),
    };
    let content = (what & 0x10 != 0).then(|| script.string().to_vec());
    let mut request = Request::builder().method(&method).uri(&path);
    if let Some(content) = &content {
        request = request.header("content-type", content.as_slice());
    }
    // A path or a header that HTTP does not know never reaches the region.
    let Ok(request) = request.body(Body::from(script.0.to_vec())) else { return };
    let public = ["/healthz", "/readyz", "/v1/partners"].contains(&request.uri().path());
    let healthy = public && matches!(method, Method::GET | Method::HEAD);
    let served = SERVED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (status, headers, body) = served.runtime.block_on(async {
        let answer = served.service.call(request).await.unwrap();
        let (head, body) = answer.into_parts();
        (head.status.as_u16(), head.headers, body.collect().await.unwrap().to_bytes())
    });
    if healthy {
        assert!(matches!(status, 200 | 406), "HTTP {status}");
        return;
    }
    assert!(matches!(status, 400 | 401 | 403 | 404 | 405 | 413 | 415), "HTTP {status}");
    let problem = |headers: &HeaderMap| headers.get("content-type").is_some_and(|is| is == "application/problem+json");
    assert!(problem(&headers), "{headers:?}");
    if method != Method::HEAD {
        let problem: serde_json::Value = serde_json::from_slice(&body).expect("a problem is JSON");
        assert_eq!(problem["status"], status);
    }
    assert_eq!(position(&served.world.region), served.position, "nothing changes");
}
