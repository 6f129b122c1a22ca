//! The server and the client over a real socket, with a desk that does as it is told.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::client::{Client, ClientError};
use super::fake::{EVENING, FakeDesk, Reply, card, card_view, granted, quoted};
use super::server::{Api, BindError, LocalServer};
use super::web::Access;
use crate::domain::catalogue::Code;
use crate::domain::entry::Tender;
use crate::domain::refusal::{DenialReason, Refusal};
use crate::domain::{CashierId, Cents, RequestId, Sequence};
use crate::machine::sale::{Command, Granted, Outcome, Refused, Undone, View};

const TIMEOUT: Duration = Duration::from_secs(10);
const ID: &str = "00112233445566778899aabbccddeeff";

/// A server on a socket of its own.
struct House {
    dir: tempfile::TempDir,
    desk: Arc<FakeDesk>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl House {
    fn open(desk: FakeDesk) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = LocalServer::bind(&dir.path().join("socket")).unwrap();
        let (desk, (stop, stopped)) = (Arc::new(desk), oneshot::channel());
        let shutdown = async move { stopped.await.unwrap_or_default() };
        let access = Access::open(dir.path().join("tills.json"), None).unwrap();
        let server = tokio::spawn(server.serve(Api::new(desk.clone(), access), shutdown));
        Self { dir, desk, stop, server }
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    fn client(&self) -> Client {
        Client::new(&self.socket())
    }

    async fn post(&self, target: &str, body: Value) -> Result<Value, ClientError> {
        self.client().post(target, &body, TIMEOUT).await
    }

    async fn get(&self, target: &str) -> Result<Value, ClientError> {
        self.client().get(target, TIMEOUT).await
    }

    /// Status and code of a problem.
    async fn problem(&self, target: &str, body: Value) -> (u16, String, String) {
        match self.post(target, body).await.unwrap_err() {
            ClientError::Problem(problem) => (problem.status, problem.code, problem.detail.unwrap_or_default()),
            other => panic!("{other}"),
        }
    }

    /// Bytes as a stranger may send them, and all that comes back until the server closes.
    async fn raw(&self, request: &str) -> String {
        let (socket, request) = (self.socket(), request.to_owned());
        let talk = move || {
            let mut stream = UnixStream::connect(socket).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        };
        tokio::task::spawn_blocking(talk).await.unwrap()
    }
}

async fn until(what: impl Fn() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed() < TIMEOUT, "it never came");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_redemption_is_granted() {
    let house = House::open(FakeDesk::answering(Outcome::Granted(Granted {
        served_before: Some((Sequence::new(11), EVENING.minus(60))),
        ..granted()
    })));
    house.desk.view.send_replace(View::Ready(card_view()));
    let body = json!({"id": ID, "benefit": "cinema", "supplement_cents": 200, "paid": "card", "wait_seconds": 5});
    let answer = house.post("/v1/redemptions", body).await.unwrap();
    assert_eq!(
        answer,
        json!({
            "id": ID, "outcome": "granted", "entry": 12, "card": card().masked(), "benefit": "cinema", "label": "Cinéma",
            "debited": 1, "unit": "seat", "due_cents": 100, "collected_cents": 100, "tender": "cash", "left": 4,
            "time": "2026-11-22T19:41:07Z", "repeated": false,
            "served_before": {"entry": 11, "time": "2026-11-22T19:40:07Z"},
        })
    );
    let asked = house.desk.last_asked();
    assert_eq!((asked.id, asked.wait), (RequestId::parse(ID).unwrap(), Duration::from_secs(5)));
    match asked.command {
        Command::Redeem { request, tender, confirmed: None } if tender == Tender::Card.into() => {
            assert_eq!(request.benefit, Some(Code::new("cinema").unwrap()));
            assert_eq!((request.price, request.supplement), (None, Cents::from_u32(200)));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_id_that_is_missing_is_made_up_and_told() {
    let house = House::open(FakeDesk::answering(Outcome::Granted(granted())));
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answer = house.post("/v1/redemptions", json!({})).await.unwrap();
        assert_eq!(answer["id"], house.desk.last_asked().id.to_string());
        assert_eq!(house.desk.last_asked().wait, Duration::from_secs(30));
        ids.push(answer["id"].clone());
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_refusal_says_why_and_what_next_in_the_language_of_the_client() {
    let refused = Refused {
        due: Some(Cents::from_u32(950)),
        card: Some(card()),
        choices: vec![Code::new("cinema").unwrap(), Code::new("leisure-books").unwrap()],
        ..Refused::because(Refusal::ChooseBenefit)
    };
    let house = House::open(FakeDesk::answering(Outcome::Refused(refused)));
    let answer = house.post("/v1/redemptions", json!({"id": ID})).await.unwrap();
    assert_eq!(
        answer,
        json!({
            "id": ID, "outcome": "refused", "refusal": "choose-benefit", "message": "Plusieurs avantages conviennent.",
            "next": "Choisissez l'avantage à utiliser.", "due_cents": 950, "choices": ["cinema", "leisure-books"],
            "again": false, "card": card().masked(),
        })
    );
    let english = house.post("/v1/redemptions?lang=en", json!({})).await.unwrap();
    assert_eq!(english["message"], "Several benefits match.");
    let header = "POST /v1/redemptions HTTP/1.1\r\nHost: x\r\nAccept-Language: en-GB\r\nContent-Length: 2\r\n\r\n{}";
    assert!(house.raw(header).await.contains("Several benefits match."));
    assert_eq!(house.problem("/v1/redemptions?lang=de", json!({})).await.2, "lang: fr, en");
}

#[tokio::test]
async fn a_lost_card_shows_where_it_goes_and_only_some_refusals_say_again() {
    let house = House::open(FakeDesk::new(|request| {
        let (refusal, denial) = match request.wait.as_secs() {
            0 => (Refusal::CardDenied, Some(DenialReason::Stolen)),
            1 => (Refusal::CardDenied, Some(DenialReason::Broken)),
            2 => (Refusal::Busy, None),
            _ => (Refusal::SaleInDoubt, None),
        };
        Reply::Outcome(Box::new(Outcome::Refused(Refused { denial, ..Refused::because(refusal) })))
    }));
    for (wait, again, phone) in
        [(0, false, json!("0810 559 559")), (1, false, Value::Null), (2, true, Value::Null), (3, true, Value::Null)]
    {
        let answer = house.post("/v1/redemptions", json!({"wait_seconds": wait})).await.unwrap();
        assert_eq!((&answer["again"], &answer["found_card"]["phone"]), (&json!(again), &phone), "{answer}");
        assert_eq!(answer["due_cents"], Value::Null);
        assert_eq!(answer["choices"], json!([]));
    }
}

#[tokio::test]
async fn a_quote_is_confirmed_under_its_own_id() {
    let house = House::open(FakeDesk::new(|request| match request.command {
        Command::Quote(_) => Reply::Outcome(Box::new(quoted())),
        _ => Reply::Outcome(Box::new(Outcome::Granted(granted()))),
    }));
    let quote = house.post("/v1/quotes", json!({"id": ID, "benefit": "cinema"})).await.unwrap();
    assert_eq!((&quote["outcome"], &quote["due_cents"], &quote["left"]), (&json!("quoted"), &json!(100), &json!(4)));
    for _ in 0..2 {
        let sold = house.post("/v1/quotes/confirm", json!({"id": ID, "paid": "cheque"})).await.unwrap();
        assert_eq!((&sold["outcome"], &sold["id"]), (&json!("granted"), &json!(ID)));
        let asked = house.desk.last_asked();
        assert_eq!(asked.id, RequestId::parse(ID).unwrap());
        let Outcome::Quoted(card, quote) = quoted() else { unreachable!() };
        match asked.command {
            Command::Redeem { request, tender, confirmed } if tender == Tender::Cheque.into() => {
                assert_eq!(request.benefit, Some(Code::new("cinema").unwrap()));
                assert_eq!(confirmed, Some((card, quote)));
            }
            other => panic!("{other:?}"),
        }
    }
    let unknown = house.problem("/v1/quotes/confirm", json!({"id": "0".repeat(32)})).await;
    assert_eq!((unknown.0, unknown.1.as_str()), (404, "quote-unknown"));
}

#[tokio::test]
async fn old_quotes_are_forgotten() {
    let house = House::open(FakeDesk::answering(quoted()));
    for number in 0..33 {
        house.post("/v1/quotes", json!({"id": format!("{number:032}")})).await.unwrap();
    }
    assert_eq!(house.problem("/v1/quotes/confirm", json!({"id": format!("{:032}", 0)})).await.0, 404);
    assert!(house.post("/v1/quotes/confirm", json!({"id": format!("{:032}", 1)})).await.is_ok());
}

#[tokio::test]
async fn an_undo_and_an_abandonment() {
    let undone = Undone {
        entry: Sequence::new(13),
        debit: Sequence::new(12),
        card: card(),
        returned: Cents::from_u32(100),
        tender: Tender::Cash.into(),
    };
    let house = House::open(FakeDesk::new(move |request| {
        Reply::Outcome(Box::new(match request.command {
            Command::Undo { without_card: true, .. } => Outcome::UndoRequested(undone.clone()),
            Command::Undo { .. } => Outcome::Undone(undone.clone()),
            _ => Outcome::Abandoned { entry: Sequence::new(14), card: card() },
        }))
    }));
    let facts =
        json!({"id": ID, "entry": 13, "debit": 12, "card": card().masked(), "returned_cents": 100, "tender": "cash"});
    let with = |outcome: &str| {
        let mut answer = facts.clone();
        answer["outcome"] = json!(outcome);
        answer
    };
    assert_eq!(house.post("/v1/undos", json!({"id": ID, "entry": 12})).await.unwrap(), with("undone"));
    assert_eq!(house.desk.last_asked().command, Command::Undo { entry: Some(Sequence::new(12)), without_card: false });
    let body = json!({"id": ID, "without_card": true});
    assert_eq!(house.post("/v1/undos", body).await.unwrap(), with("undo-requested"));

    let abandoned = house.post("/v1/abandonments", json!({"id": ID, "card": card().digits()})).await.unwrap();
    assert_eq!(abandoned, json!({"id": ID, "outcome": "abandoned", "entry": 14, "card": card().masked()}));
    assert_eq!(house.desk.last_asked().command, Command::Abandon { card: Some(card()) });
    assert!(house.problem("/v1/abandonments", json!({"card": "1234"})).await.2.starts_with("card: "));
}

#[tokio::test]
async fn the_card_is_shown_as_it_is_seen() {
    let house = House::open(FakeDesk::answering(quoted()));
    assert_eq!(house.get("/v1/card").await.unwrap(), json!({"present": false}));

    house.desk.view.send_replace(View::Ready(card_view()));
    assert_eq!(
        house.get("/v1/card?lang=en").await.unwrap(),
        json!({
            "present": true, "genuine": true, "card": card().masked(), "season": 2026, "season_label": "2026-2027",
            "blocked": false, "counter": 7, "entitlement": 3,
            "benefits": [
                {"benefit": "cinema", "label": "Cinema", "unit": "seat", "granted": 5, "left": 4, "here": true},
                {"benefit": "leisure-books", "label": "Leisure books", "unit": "cent", "granted": 800, "left": 800,
                 "here": false},
            ],
            "served": {"entry": 11, "time": "2026-11-22T19:41:07Z"}, "refusal": null,
        })
    );

    let turned_away = |refusal| View::TurnedAway(Refused::because(refusal), None);
    let denied = Refused { denial: Some(DenialReason::Lost), ..Refused::because(Refusal::CardDenied) };
    let false_twin = Refused::because(Refusal::CardNotGenuine);
    let table = [
        (turned_away(Refusal::CardNotGenuine), json!(false), json!("card-not-genuine")),
        (View::TurnedAway(false_twin, Some(card_view())), json!(false), json!("card-not-genuine")),
        (turned_away(Refusal::NotAPass), Value::Null, json!("not-a-pass")),
        (turned_away(Refusal::CardUnreadable), Value::Null, json!("card-unreadable")),
        (View::TurnedAway(denied, Some(card_view())), json!(true), json!("card-denied")),
    ];
    for (view, genuine, refusal) in table {
        house.desk.view.send_replace(view.clone());
        let shown = house.get("/v1/card").await.unwrap();
        assert_eq!((&shown["present"], &shown["genuine"]), (&json!(true), &genuine), "{view:?}");
        assert_eq!(shown["refusal"]["refusal"], refusal);
    }

    let in_doubt = View::InDoubt { card: card(), collected: Cents::from_u32(100), tender: Tender::Cash.into() };
    house.desk.view.send_replace(in_doubt);
    let doubt = json!({
        "present": false, "in_doubt": {"card": card().masked(), "collected_cents": 100, "tender": "cash"},
    });
    assert_eq!(house.get("/v1/card").await.unwrap(), doubt);
}

#[tokio::test]
async fn a_card_is_waited_for() {
    let house = House::open(FakeDesk::answering(quoted()));
    let start = Instant::now();
    assert_eq!(house.get("/v1/card?wait=1").await.unwrap(), json!({"present": false}));
    assert!(start.elapsed() >= Duration::from_secs(1));

    let client = house.client();
    let waiting = tokio::spawn(async move { client.get::<Value>("/v1/card?wait=30", TIMEOUT).await });
    for view in [View::Reading, View::Ready(card_view())] {
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert!(!waiting.is_finished());
        house.desk.view.send_replace(view);
    }
    assert_eq!(waiting.await.unwrap().unwrap()["card"], json!(card().masked()));

    // A card that is being read is worth a moment, even to a client that does not wait.
    house.desk.view.send_replace(View::Reading);
    let client = house.client();
    let reading = tokio::spawn(async move { client.get::<Value>("/v1/card", TIMEOUT).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    house.desk.view.send_replace(View::Ready(card_view()));
    assert_eq!(reading.await.unwrap().unwrap()["genuine"], json!(true));
}

#[tokio::test]
async fn status_journal_and_exchange() {
    let house = House::open(FakeDesk::answering(quoted()));
    let status = house.get("/v1/status").await.unwrap();
    assert_eq!((&status["running"], &status["terminal"], &status["entry"]), (&json!(true), &json!(17), &json!(12)));
    assert_eq!(status["reader"], json!({"state": "ready", "names": ["Virtual PCD 00 00"]}));
    let offline = json!({"value": 25, "soft": 24, "hard": 72, "level": "soft"});
    assert_eq!(status["exchange"]["offline_hours"], offline);
    assert_eq!(status["card"], json!({"present": false}));

    let journal = house.get("/v1/journal?limit=2&since=2026-11-22T00:00:00Z&before=14").await.unwrap();
    assert_eq!(journal["entries"][1]["verdict"], json!("contested"));
    assert_eq!(journal["entries"][1]["contest"], json!("taken-back"));
    assert_eq!(journal["entries"][1]["signature"], json!("5a".repeat(64)));
    let query = house.desk.journal.lock().unwrap()[0];
    assert_eq!((query.limit, query.before), (2, Some(Sequence::new(14))));
    assert_eq!(query.since.unwrap().to_string(), "2026-11-22T00:00:00Z");

    let report = house.post("/v1/exchanges", Value::Null).await.unwrap();
    assert_eq!(report, json!({"exchanges": 2, "acknowledged": 12, "waiting": 0, "error": null}));
}

#[tokio::test]
async fn a_wrong_request_is_a_problem_and_never_reaches_the_desk() {
    let house = House::open(FakeDesk::answering(Outcome::Granted(granted())));
    let table = [
        ("/v1/redemptions", json!({"suplement_cents": 200}), 400, "bad-request", "unknown field `suplement_cents`"),
        ("/v1/redemptions", json!({"price_cents": -1}), 400, "bad-request", "invalid value"),
        ("/v1/redemptions", json!({"paid": "gold"}), 400, "bad-request", "paid: cash, card, cheque, other"),
        ("/v1/redemptions", json!({"wait_seconds": 601}), 400, "bad-request", "wait_seconds: at most 600"),
        ("/v1/redemptions", json!({"id": "12"}), 400, "bad-request", "id: 32 hexadecimal digits"),
        ("/v1/redemptions", json!([]), 400, "bad-request", "must be a JSON object"),
        ("/v1/redemptions", json!("cinema"), 400, "bad-request", "must be a JSON object"),
        ("/v1/undos", json!({"entry": "12"}), 400, "bad-request", "invalid type"),
        ("/v1/nothing", json!({}), 404, "not-found", ""),
        ("/v1/card", json!({}), 405, "method-not-allowed", ""),
        ("/v1/redemptions", json!({"benefit": "x".repeat(70_000)}), 413, "body-too-large", ""),
    ];
    for (target, body, status, code, detail) in table {
        let problem = house.problem(target, body).await;
        assert_eq!((problem.0, problem.1.as_str()), (status, code), "{target}");
        assert!(problem.2.contains(detail), "{target}: {}", problem.2);
    }
    for target in ["/v1/card?wait=x", "/v1/card?wiat=1", "/v1/journal?limit=0", "/v1/journal?since=hier"] {
        assert!(
            matches!(house.get(target).await, Err(ClientError::Problem(problem)) if problem.status == 400),
            "{target}"
        );
    }
    let answer = house.raw("GET /v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    assert!(answer.contains("content-type: application/problem+json"), "{answer}");
    assert!(house.desk.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_client_that_goes_away_drops_its_request() {
    let house = House::open(FakeDesk::new(|_| Reply::Never));
    let client = house.client();
    let asking = tokio::spawn(async move { client.post::<Value>("/v1/redemptions", &json!({}), TIMEOUT).await });
    until(|| house.desk.asked.lock().unwrap().len() == 1).await;
    assert_eq!(house.desk.dropped.load(Ordering::SeqCst), 0);
    asking.abort();
    until(|| house.desk.dropped.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn a_desk_that_ends_is_told_as_a_problem() {
    let house = House::open(FakeDesk::new(|_| Reply::Gone));
    let problem = house.problem("/v1/redemptions", json!({})).await;
    assert_eq!((problem.0, problem.1.as_str()), (503, "terminal-stopping"));
}

#[tokio::test]
async fn a_daemon_that_stops_answers_what_is_under_way_and_takes_its_socket_with_it() {
    let house = House::open(FakeDesk::new(|_| Reply::Never));
    let client = house.client();
    let asking = tokio::spawn(async move { client.post::<Value>("/v1/redemptions", &json!({}), TIMEOUT).await });
    until(|| house.desk.asked.lock().unwrap().len() == 1).await;
    let (socket, client) = (house.socket(), house.client());
    house.stop.send(()).unwrap();
    // Nobody answers this one: it is cut off, and its client does not know.
    assert!(matches!(asking.await.unwrap(), Err(ClientError::Lost { .. })));
    house.server.await.unwrap();
    assert!(!socket.exists());
    assert!(matches!(client.get::<Value>("/v1/card", TIMEOUT).await, Err(ClientError::NoDaemon { .. })));
}

#[tokio::test]
async fn the_socket_is_for_owner_and_group() {
    let house = House::open(FakeDesk::answering(quoted()));
    let mode = std::fs::metadata(house.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    assert_eq!(std::fs::read_dir(house.dir.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_dead_daemons_socket_is_replaced_and_a_live_ones_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let first = LocalServer::bind(&path).unwrap();
    let second = LocalServer::bind(&path).unwrap_err();
    assert!(matches!(second, BindError::InUse { .. }), "{second}");
    assert!(second.to_string().contains("another daemon answers"));
    drop(first);
    assert!(LocalServer::bind(&path).is_ok());

    let file = dir.path().join("file");
    std::fs::write(&file, "precious").unwrap();
    assert!(matches!(LocalServer::bind(&file), Err(BindError::NotASocket { .. })));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    assert!(matches!(LocalServer::bind(&dir.path().join("no/socket")), Err(BindError::Io { .. })));
}

#[tokio::test]
async fn a_client_that_dawdles_is_cut_off() {
    let house = House::open(FakeDesk::answering(quoted()));
    let start = Instant::now();
    let head = house.raw("POST /v1/redemptions HTTP/1.1\r\nHost: x\r\n");
    let body = house.raw("POST /v1/redemptions HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{");
    let (head, body) = tokio::join!(head, body);
    assert!((4..9).contains(&start.elapsed().as_secs()));
    assert_eq!(head, "");
    assert!(body.starts_with("HTTP/1.1 408") && body.contains("body-too-slow"), "{body}");
}

#[tokio::test]
async fn the_thirty_third_client_waits_for_its_turn() {
    let house = House::open(FakeDesk::answering(quoted()));
    let crowd: Vec<_> = (0..32).map(|_| UnixStream::connect(house.socket()).unwrap()).collect();
    let client = house.client();
    let late = tokio::spawn(async move { client.get::<Value>("/v1/card", TIMEOUT).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!late.is_finished());
    drop(crowd);
    assert!(late.await.unwrap().is_ok());
}

#[tokio::test]
async fn whoever_has_signed_in_is_named_with_what_they_ask() {
    let house = House::open(FakeDesk::answering(quoted()));
    let signed: Value = house.post("/v1/sessions", json!({ "cashier": 1, "pin": "4711" })).await.unwrap();
    assert_eq!((&signed["outcome"], &signed["role"]), (&json!("signed-in"), &json!("manager")));
    let session = signed["session"].as_str().unwrap().to_owned();
    let wrong: Value = house.post("/v1/sessions", json!({ "cashier": 1, "pin": "4712", })).await.unwrap();
    assert_eq!((&wrong["refusal"], &wrong["locked_seconds"]), (&json!("wrong-pin"), &json!(30)));
    for bad in [json!({ "cashier": 0, "pin": "4711" }), json!({ "cashier": 1, "pin": "471" }), json!({ "pin": "4711" })]
    {
        let Err(ClientError::Problem(problem)) = house.post("/v1/sessions", bad).await else { panic!("a problem") };
        assert_eq!(problem.status, 400);
    }

    house.post("/v1/quotes", json!({})).await.unwrap();
    assert_eq!(house.desk.last_asked().cashier, None);
    let client = house.client().with_session(Some(session));
    let _quoted: Value = client.post("/v1/quotes", &json!({}), TIMEOUT).await.unwrap();
    assert_eq!(house.desk.last_asked().cashier, Some(CashierId::new(1)));
    let list: Value = client.get("/v1/cashiers", TIMEOUT).await.unwrap();
    assert_eq!((&list["signed_in"], &list["cashiers"][0]["name"]), (&json!(1), &json!("Inès")));
    let zoe = json!({ "name": "Zoé", "role": "cashier", "pin": "1111" });
    let refused: Value = house.post("/v1/cashiers", zoe.clone()).await.unwrap();
    assert_eq!(refused["refusal"], "sign-in-needed");
    let added: Value = client.post("/v1/cashiers", &zoe, TIMEOUT).await.unwrap();
    assert_eq!((&added["outcome"], &added["cashier"]), (&json!("changed"), &json!(2)));
    let ended: Value = client.delete("/v1/sessions", TIMEOUT).await.unwrap();
    assert_eq!(ended["outcome"], "signed-out");
    let stranger = house.client().with_session(Some("00".repeat(16)));
    let _quoted: Value = stranger.post("/v1/quotes", &json!({}), TIMEOUT).await.unwrap();
    assert_eq!(house.desk.last_asked().cashier, None);
}

#[tokio::test]
async fn closings_and_receipts() {
    let house = House::open(FakeDesk::answering(quoted()));
    let closed: Value = house.post("/v1/closings", json!({ "cash_counted_cents": 5290 })).await.unwrap();
    assert_eq!((&closed["outcome"], &closed["of"]), (&json!("closed"), &json!("2026-11-22")));
    assert_eq!((&closed["cash"]["expected_cents"], &closed["cash"]["difference_cents"]), (&json!(5300), &json!(-10)));
    let nothing: Value = house.post("/v1/closings", json!({ "period": "month" })).await.unwrap();
    assert_eq!(nothing["refusal"], "nothing-to-close");
    let listed: Value = house.get("/v1/closings?period=day&limit=5").await.unwrap();
    assert_eq!(listed["closings"][0]["perpetual_net_cents"], 11_300);
    let refused: Value = house.post("/v1/closings/30/duplicate", json!({})).await.unwrap();
    assert_eq!(refused["refusal"], "sign-in-needed");
    for wrong in ["/v1/closings?limit=401", "/v1/closings?period=week", "/v1/receipts/twelve"] {
        let Err(ClientError::Problem(problem)) = house.get(wrong).await else { panic!("{wrong}") };
        assert_eq!(problem.status, 400, "{wrong}");
    }

    let shown: Value = house.get("/v1/receipts/12").await.unwrap();
    assert_eq!(
        (&shown["outcome"], &shown["duplicate"], &shown["handed_out"]),
        (&json!("receipt"), &json!(0), &json!(false))
    );
    assert_eq!(shown["symbol"], json!({ "side": 2, "path": "M0 0h2v1h-2zM1 1h1v1h-1z" }));
    assert_eq!(house.get("/v1/receipts/13").await.unwrap()["refusal"], "no-receipt");
    assert_eq!(house.post("/v1/receipts/12/print", json!({})).await.unwrap()["refusal"], "no-printer");
    let page: Value = house.post("/v1/receipts/12/print", json!({ "to": "client" })).await.unwrap();
    assert_eq!((&page["duplicate"], &page["handed_out"]), (&json!(1), &json!(true)));
}
