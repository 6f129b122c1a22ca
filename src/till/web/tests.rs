//! Attacks on the loopback server that need no browser: other names, other origins, stolen cookies, large bodies, slow and many clients.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::Access;
use crate::machine::sale::{Outcome, View};
use crate::till::fake::{FakeDesk, card, card_view, granted};
use crate::till::server::{Api, ListenError, LoopbackServer};

const DEADLINE: Duration = Duration::from_secs(30);

/// A server on a port of its own, with a desk that grants everything.
struct House {
    address: SocketAddr,
    api: Arc<Api>,
    desk: Arc<FakeDesk>,
    token: String,
    stop: Option<oneshot::Sender<()>>,
    _dir: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl House {
    fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let desk = Arc::new(FakeDesk::answering(Outcome::Granted(granted())));
        let (stop, stopped) = oneshot::channel();
        let (address, api) = runtime.block_on(async {
            let server = LoopbackServer::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
            let address = server.address();
            let access = Access::open(dir.path().join("tills.json"), Some(address)).unwrap();
            let api = Api::new(desk.clone(), access);
            tokio::spawn(server.serve(api.clone(), async { stopped.await.unwrap_or_default() }));
            (address, api)
        });
        let token = api.access().add("test").unwrap().reveal().to_owned();
        Self { address, api, desk, token, stop: Some(stop), _dir: dir, _runtime: runtime }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    /// Status, head and body of the answer to `METHOD target` with these lines in its head, and this body.
    fn ask(&self, request: &str, lines: &[(&str, &str)], body: &str) -> (u16, String, Value) {
        let mut stream = self.connect();
        stream.write_all(self.head(request, lines, body.len()).as_bytes()).unwrap();
        // Who is refused by his head alone may be cut off while he still speaks.
        let _cut_off = stream.write_all(body.as_bytes());
        let mut answer = String::new();
        let _reset = stream.read_to_string(&mut answer);
        parsed(&answer)
    }

    fn head(&self, request: &str, lines: &[(&str, &str)], length: usize) -> String {
        let mut head = format!("{request} HTTP/1.1\r\n");
        if !lines.iter().any(|(name, _)| *name == "Host") {
            head += &format!("Host: {}\r\n", self.address);
        }
        for (name, value) in lines {
            head += &format!("{name}: {value}\r\n");
        }
        head + &format!("Content-Length: {length}\r\n\r\n")
    }

    fn status(&self, request: &str, lines: &[(&str, &str)], body: &str) -> u16 {
        self.ask(request, lines, body).0
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cookie and proof of a page that was opened with a code.
    fn page(&self) -> (String, String) {
        let code = self.api.access().invite().unwrap().split_once("#code=").unwrap().1.to_owned();
        let body = json!({ "code": code }).to_string();
        let (status, head, opened) = self.ask("POST /v1/page", &[("Origin", &self.origin()), JSON], &body);
        assert_eq!(status, 200, "{opened}");
        let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        assert!(cookie.ends_with("; HttpOnly; SameSite=Strict"), "{cookie}");
        (cookie.split(';').next().unwrap().to_owned(), opened["csrf_token"].as_str().unwrap().to_owned())
    }

    fn asked(&self) -> usize {
        self.desk.asked.lock().unwrap().len()
    }
}

fn parsed(answer: &str) -> (u16, String, Value) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, head.to_owned(), serde_json::from_str(body).unwrap_or(Value::Null))
}

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[test]
fn it_listens_on_this_machine_alone() {
    for open in ["0.0.0.0:0", "[::]:0", "192.168.1.4:0", "127.0.0.2:0", "[::ffff:127.0.0.1]:0"] {
        let refused = LoopbackServer::check(open.parse().unwrap());
        assert!(matches!(refused, Err(ListenError::NotLoopback { .. })), "{open}");
    }
    for own in ["127.0.0.1:8470", "[::1]:8470"] {
        assert!(LoopbackServer::check(own.parse().unwrap()).is_ok(), "{own}");
    }
}

#[test]
fn under_another_name_nothing_is_answered() {
    let house = House::open();
    let port = house.address.port();
    let bearer = house.bearer();
    for ours in [format!("127.0.0.1:{port}"), format!("localhost:{port}")] {
        assert_eq!(house.status("GET /v1/status", &[("Host", &ours), ("Authorization", &bearer)], ""), 200, "{ours}");
    }
    let rebound = [
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("localhost.evil.example:{port}"),
        "127.0.0.1".to_owned(),
        "localhost".to_owned(),
        format!("127.0.0.1:{}", port ^ 1),
        format!("127.0.0.2:{port}"),
        format!("127.1:{port}"),
        format!("LOCALHOST:{port}"),
        format!("user@127.0.0.1:{port}"),
        String::new(),
    ];
    for (target, host) in ["GET /", "GET /page.js", "GET /v1/openapi.json", "GET /v1/status", "POST /v1/redemptions"]
        .into_iter()
        .flat_map(|target| rebound.iter().map(move |host| (target, host)))
    {
        // After rebinding a foreign page is of the same origin as what it asks.
        let origin = format!("http://{host}");
        let lines = [
            ("Host", host.as_str()),
            ("Origin", &origin),
            ("Sec-Fetch-Site", "same-origin"),
            ("Authorization", &bearer),
        ];
        let (status, _, problem) = house.ask(target, &lines, "");
        assert_eq!((status, &problem["code"]), (421, &json!("wrong-host")), "{target} {host}");
    }
    let twice = [("Host", &*house.address.to_string()), ("Host", "evil.example"), ("Authorization", &bearer)];
    assert!([400, 421].contains(&house.status("GET /v1/status", &twice, "")));
    let absolute = format!("GET http://evil.example:{port}/v1/status");
    assert_eq!(house.status(&absolute, &[("Authorization", &bearer)], ""), 421);
}

#[test]
fn what_comes_from_another_page_is_refused_whatever_it_knows() {
    let house = House::open();
    let (cookie, proof) = house.page();
    let (bearer, own) = (house.bearer(), house.origin());
    let page = [("Cookie", cookie.as_str()), ("X-CSRF-Token", &proof), JSON];
    let with = |more: &[(&'static str, &'static str)]| -> u16 {
        let lines: Vec<_> = page.iter().copied().chain(more.iter().copied()).collect();
        house.status("POST /v1/redemptions", &lines, "{}")
    };
    for foreign in [
        [("Origin", "http://evil.example")].as_slice(),
        &[("Origin", "null")],
        &[("Origin", "http://127.0.0.1:1")],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Sec-Fetch-Site", "same-site")],
        &[("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")],
    ] {
        assert_eq!(with(foreign), 403, "{foreign:?}");
    }
    let token = [("Authorization", bearer.as_str()), ("Origin", "http://evil.example"), JSON];
    assert_eq!(house.status("POST /v1/redemptions", &token, "{}"), 403, "a token does not help a foreign page");
    // A form needs no script's leave to be sent.
    for form in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let lines = [("Cookie", cookie.as_str()), ("X-CSRF-Token", &proof), ("Content-Type", form)];
        assert_eq!(house.status("POST /v1/redemptions", &lines, "{}"), 415, "{form}");
    }
    assert_eq!(house.status("POST /v1/redemptions", &page[..2], "{}"), 415, "no media type");
    assert_eq!(house.asked(), 0);
    assert_eq!(with(&[("Sec-Fetch-Site", "same-origin")]), 200);
    let lines: Vec<_> = page.iter().copied().chain([("Origin", own.as_str())]).collect();
    assert_eq!(house.status("POST /v1/redemptions", &lines, "{}"), 200);
    // No other origin is ever let read an answer.
    let (status, head, _) = house.ask(
        "OPTIONS /v1/redemptions",
        &[("Origin", "http://evil.example"), ("Access-Control-Request-Method", "POST")],
        "",
    );
    assert_eq!(status, 403);
    assert!(!head.contains("access-control"), "{head}");
}

#[test]
fn a_cookie_without_its_proof_is_nothing_and_a_token_that_is_gone_too() {
    let house = House::open();
    let (cookie, proof) = house.page();
    let (_, other_proof) = house.page();
    let code = |lines: &[(&str, &str)]| {
        let (status, _, problem) = house.ask("GET /v1/status", lines, "");
        (status, problem["code"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(code(&[]), (401, "not-introduced".to_owned()));
    assert_eq!(code(&[("Cookie", &cookie)]), (403, "foreign".to_owned()));
    assert_eq!(code(&[("Cookie", &cookie), ("X-CSRF-Token", &other_proof)]), (403, "foreign".to_owned()));
    assert_eq!(code(&[("X-CSRF-Token", &proof)]), (401, "not-introduced".to_owned()));
    assert_eq!(code(&[("Cookie", &cookie), ("X-CSRF-Token", &proof)]).0, 200);
    for token in ["", "Bearer", "Bearer x", "Basic dGVzdDp0ZXN0", &format!("Bearer {proof}")] {
        assert_eq!(code(&[("Authorization", token)]), (401, "not-introduced".to_owned()), "{token}");
    }
    house.api.access().remove("test").unwrap();
    assert_eq!(code(&[("Authorization", &house.bearer())]).0, 401);
    // Who may come in is asked for over the Unix socket alone.
    for (request, found) in
        [("GET /v1/tills", 404), ("POST /v1/tills", 404), ("POST /v1/pages", 404), ("DELETE /v1/tills/page-1", 404)]
    {
        assert_eq!(house.status(request, &[("Cookie", &cookie), ("X-CSRF-Token", &proof)], ""), found, "{request}");
    }
}

#[test]
fn opening_codes_are_for_a_page_and_cannot_be_tried_out() {
    let house = House::open();
    let origin = house.origin();
    let attempt = |origin: &str| house.status("POST /v1/page", &[("Origin", origin), JSON], "{\"code\":\"guess\"}");
    assert_eq!(house.status("POST /v1/page", &[JSON], "{\"code\":\"guess\"}"), 403, "a program has no page");
    assert_eq!(attempt("http://evil.example"), 403);
    let statuses: Vec<_> = (0..12).map(|_| attempt(&origin)).collect();
    assert_eq!(statuses, [vec![403; 10], vec![429; 2]].concat());
}

#[test]
fn every_answer_tells_the_browser_what_it_may_do() {
    let house = House::open();
    for (request, cache) in [
        ("GET /", "no-cache"),
        ("GET /page.js", "no-cache"),
        ("GET /v1/status", "no-store"),
        ("GET /nowhere", "no-store"),
    ] {
        let (_, head, _) = house.ask(request, &[], "");
        for line in [
            "content-security-policy: default-src 'none'; script-src 'self';",
            "frame-ancestors 'none'",
            "x-frame-options: DENY",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cross-origin-resource-policy: same-origin",
        ] {
            assert!(head.contains(line), "{request}: {line}: {head}");
        }
        assert!(head.contains(&format!("cache-control: {cache}")), "{request}: {head}");
    }
    let (_, head, _) = house.ask("GET /page.css", &[], "");
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    assert_eq!(house.status("GET /page.css", &[("If-None-Match", &tag)], ""), 304);
}

#[test]
fn a_large_body_is_not_read_and_a_slow_one_not_waited_for() {
    let house = House::open();
    let bearer = house.bearer();
    let lines = [("Authorization", bearer.as_str()), JSON];
    let large = format!("{{\"benefit\":\"{}\"}}", "x".repeat(70_000));
    assert_eq!(house.status("POST /v1/redemptions", &lines, &large), 413);
    let begun = Instant::now();
    let mut slow = house.connect();
    slow.write_all(house.head("POST /v1/redemptions", &lines, 100).as_bytes()).unwrap();
    slow.write_all(b"{").unwrap();
    let mut silent = house.connect();
    silent.write_all(b"GET /v1/status HTTP/1.1\r\nHost: ").unwrap();
    // Meanwhile others are served.
    assert_eq!(house.status("GET /v1/status", &lines, ""), 200);
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert_eq!(parsed(&answer).0, 408);
    let _closed = silent.read_to_string(&mut answer);
    assert!(begun.elapsed() < DEADLINE);
    assert_eq!(house.asked(), 0);
}

#[test]
fn a_thousand_open_streams_and_connections_stop_no_sale() {
    let house = House::open();
    let bearer = house.bearer();
    let with_token = house.head("GET /v1/events", &[("Authorization", &bearer)], 0);
    let streams: Vec<_> = (0..500)
        .map(|_| {
            let mut stream = house.connect();
            let _cut_off = stream.write_all(with_token.as_bytes());
            stream
        })
        .collect();
    let silent: Vec<_> = (0..500).map(|_| house.connect()).collect();
    let begun = Instant::now();
    for _ in 0..20 {
        assert_eq!(house.status("POST /v1/redemptions", &[("Authorization", &bearer), JSON], "{}"), 200);
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let (status, _, problem) = house.ask("GET /v1/events", &[("Authorization", &bearer)], "");
    assert_eq!((status, &problem["code"]), (503, &json!("too-many-streams")));
    drop((streams, silent));
}

/// The next event of a stream: its id, name and data.
fn event(stream: &mut TcpStream) -> (String, String, Value) {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    loop {
        stream.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
        if bytes.ends_with(b"\n\n") {
            let text = String::from_utf8(std::mem::take(&mut bytes)).unwrap();
            let field =
                |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
            if text.contains("event: ") {
                return (field("id: "), field("event: "), serde_json::from_str(&field("data: ")).unwrap());
            }
        }
    }
}

#[test]
fn events_begin_with_everything_go_on_from_where_they_were_heard_and_end_with_the_daemon() {
    let mut house = House::open();
    let bearer = house.bearer();
    let listen = |heard: &str| {
        let mut stream = house.connect();
        let lines = [("Authorization", bearer.as_str()), ("Last-Event-ID", heard)];
        stream.write_all(house.head("GET /v1/events", &lines, 0).as_bytes()).unwrap();
        stream
    };
    let next_of = |stream: &mut TcpStream, name: &str| loop {
        let (id, event, data) = event(stream);
        if event == name {
            return (id, data);
        }
    };
    let mut first = listen("");
    let (_, snapshot) = next_of(&mut first, "snapshot");
    assert_eq!(
        (&snapshot["status"]["partner_name"], &snapshot["status"]["card"]["present"]),
        (&json!("Cinéma Le Navire"), &json!(false))
    );
    house.desk.view.send_replace(View::Ready(card_view()));
    let (heard, shown) = next_of(&mut first, "card");
    assert_eq!((&shown["present"], &shown["card"]), (&json!(true), &json!(card().masked())));
    assert_eq!(house.status("POST /v1/redemptions", &[("Authorization", &bearer), JSON], "{}"), 200);
    assert_eq!(next_of(&mut first, "outcome").1["outcome"], "granted");
    drop(first);

    // Whoever comes back is told what was missed, and only that.
    let mut again = listen(&heard);
    assert_eq!(next_of(&mut again, "outcome").1["outcome"], "granted");
    // Another run's event, or none: everything.
    for unknown in ["0123456789abcdef-1", "nonsense", "-", "99999999999999999999"] {
        assert_eq!(event(&mut listen(unknown)).1, "snapshot", "{unknown}");
    }
    drop(house.stop.take());
    let mut rest = Vec::new();
    let ended = again.read_to_end(&mut rest);
    assert!(ended.is_ok(), "{ended:?}");
}

#[test]
fn nothing_of_a_secret_is_in_what_is_kept_or_printed() {
    let house = House::open();
    let (cookie, proof) = house.page();
    let kept = std::fs::read_to_string(house._dir.path().join("tills.json")).unwrap();
    for secret in [&house.token, &proof, cookie.split_once('=').unwrap().1] {
        assert!(!kept.contains(secret));
    }
    assert!(!format!("{:?}", house.api.access()).contains(&house.token));
}
