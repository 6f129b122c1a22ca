//! The desk over HTTP: tokens and roles, problems, pages, limits; the description; and mails, taken by a real mail server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::kit::{EVENING, World};
use super::verbs::{json, pass_region};

/// How long something may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program, serving; it ends with the test.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(world: &World, config: &str) -> Self {
        let path = world.directory.path().join("region.toml");
        std::fs::write(&path, config).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_pass-region"))
            .arg("serve")
            .args(world.arguments())
            .args(["--listen", "127.0.0.1:0", "--config", path.to_str().unwrap()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().rsplit_once("://").map(|(_, address)| address.to_owned());
        Self { child, address: address.expect("the server listens") }
    }

    /// Status and body of an answer.
    fn ask(&self, method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> (u16, Value) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: region\r\n{token}Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap_or(Value::Null))
    }

    /// Ends it; what it has logged.
    fn end(mut self) -> String {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert!(self.child.wait().unwrap().success());
        log
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended needs no end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a verb says to a script.
fn verb(world: &World, words: &[&str]) -> Value {
    let arguments = world.arguments();
    let arguments: Vec<&str> = words.iter().copied().chain(arguments.iter().map(String::as_str)).collect();
    json(&[&arguments[..], &["--json"]].concat())
}

fn token(world: &World, role: &str, establishment: Option<u64>) -> String {
    let establishment = establishment.map(|id| id.to_string());
    let mut words = vec!["operator", "add", "--name", "Essai", "--role", role];
    if let Some(id) = &establishment {
        words.extend(["--establishment", id]);
    }
    verb(world, &words)["token"].as_str().unwrap().to_owned()
}

fn establishment(world: &World) -> u64 {
    let words = ["establishment", "add", "--name", "Lycée inventé", "--kind", "lycee", "--city", "Lyon"];
    verb(world, &words)["establishment"].as_u64().unwrap()
}

fn new_order(name: &str, establishment: u64) -> Value {
    // The season is that of the machine's clock.
    let year = Command::new("date").arg("+%Y").output().unwrap();
    let year: u16 = String::from_utf8(year.stdout).unwrap().trim().parse().unwrap();
    json!({
        "person": {
            "given_name": name, "family_name": "Essai", "birth_year": year - 18, "mail": format!("{name}@exemple.test"),
            "address": { "street": "1 rue inventée", "postcode": "69002", "city": "Lyon" },
        },
        "profile": "lycee",
        "establishment": establishment,
    })
}

/// The season of the machine's clock has a catalogue.
fn published(world: &World) {
    let catalogue = concat!(env!("CARGO_MANIFEST_DIR"), "/config/catalogue.toml");
    verb(world, &["catalogue", "publish", catalogue]);
}

#[test]
fn an_order_goes_its_way_over_the_network_and_roles_are_kept() {
    let world = World::new();
    published(&world);
    let (ours, theirs) = (establishment(&world), establishment(&world));
    let desk = token(&world, "desk", None);
    let (us, them) = (token(&world, "establishment", Some(ours)), token(&world, "establishment", Some(theirs)));
    let (auditor, partners) = (token(&world, "auditor", None), token(&world, "partner-desk", None));
    let server = Server::start(&world, "[api]\naddress-requests-per-minute = 1000\n");
    let get = |path: &str, token: &str| server.ask("GET", path, Some(token), None);
    let post = |path: &str, token: &str, body: &Value| server.ask("POST", path, Some(token), Some(body));
    let (status, placed) = post("/v1/desk/orders", &desk, &new_order("anais", ours));
    assert_eq!(status, 201, "{placed}");
    let (order, holder) = (placed["order"].as_str().unwrap(), placed["holder"].as_str().unwrap());
    let path = format!("/v1/desk/orders/{order}");
    // Who sees it, and what of it.
    let named = |(status, body): (u16, Value)| (status, body["person"]["given_name"].as_str().map(str::to_owned));
    assert_eq!(named(get(&path, &us)), (200, Some("anais".to_owned())));
    assert_eq!(named(get(&path, &auditor)), (200, None));
    assert_eq!(get(&path, &them).0, 404);
    assert_eq!(get(&path, &partners).0, 403);
    assert_eq!(get(&path, "pass_nobody").0, 401);
    assert_eq!(server.ask("GET", &path, None, None).0, 401);
    // Who may do what.
    let validation = format!("{path}/validation");
    assert_eq!(post(&validation, &them, &json!({})).0, 404);
    assert_eq!(post(&validation, &auditor, &json!({})).0, 403);
    let (status, validated) = post(&validation, &us, &json!({}));
    assert_eq!((status, &validated["stage"]), (200, &json!("validated")));
    let (status, problem) = post(&format!("{path}/sending"), &desk, &json!({}));
    assert_eq!((status, &problem["type"]), (409, &json!("urn:pass:problem:not-now")));
    assert_eq!(post(&format!("{path}/sending"), &us, &json!({})).0, 403);
    let balance = format!("/v1/desk/holders/{holder}/balance");
    assert_eq!((get(&balance, &us).0, get(&balance, &auditor).0), (403, 404));
    // A revoked token is good for nothing.
    let operators = world.region.operators().unwrap();
    let id = operators.iter().find(|operator| operator.role.code() == "auditor").unwrap().id();
    verb(&world, &["operator", "revoke", &id]);
    assert_eq!(get(&path, &auditor).0, 401);
    let (status, _) = server.ask("DELETE", &format!("/v1/desk/holders/{holder}/person"), Some(&desk), None);
    assert_eq!((status, named(get(&path, &us)).1), (200, None));
    let log = server.end();
    assert!(!log.contains("anais") && !log.contains("pass_"), "{log}");
}

#[test]
fn the_partner_desk_manages_partners_and_sees_no_holder() {
    let world = World::new();
    published(&world);
    let lycee = establishment(&world);
    let (desk, us) = (token(&world, "partner-desk", None), token(&world, "establishment", Some(lycee)));
    let auditor = token(&world, "auditor", None);
    let server = Server::start(&world, "");
    let ask = |method: &str, path: &str, body: Value| server.ask(method, path, Some(&desk), Some(&body));
    let get = |path: &str, token: &str| server.ask("GET", path, Some(token), None);

    // Three, on two pages.
    let new = |name: &str, activity: &str| {
        ask("POST", "/v1/desk/partners", json!({ "name": name, "activities": [activity] }))
    };
    let (status, added) = new("Le Phare (inventé)", "cinema");
    assert_eq!((status, &added["without_benefit"]), (201, &json!([])), "{added}");
    let phare = added["partner_id"].as_u64().unwrap();
    assert_eq!(new("Les Quais (inventés)", "cinema").0, 201);
    assert_eq!(new("La Patinoire (inventée)", "skating").1["without_benefit"], json!(["skating"]));
    let names = |page: &Value| -> Vec<String> {
        page["partners"].as_array().unwrap().iter().map(|of| of["name"].as_str().unwrap().to_owned()).collect()
    };
    let (_, first) = get("/v1/desk/partners?limit=2", &desk);
    assert_eq!(names(&first), ["Le Phare (inventé)", "Les Quais (inventés)"]);
    let (_, second) = get(&format!("/v1/desk/partners?limit=2&after={}", first["next"]), &auditor);
    assert_eq!((names(&second), second.get("next")), (vec!["La Patinoire (inventée)".to_owned()], None));

    // What changes about one. The account is changed by the verb alone, and its holder is no business of an auditor.
    let one = format!("/v1/desk/partners/{phare}");
    let (status, changed) =
        ask("PUT", &format!("{one}/activities"), json!({ "activities": ["cinema", "bookshop", "cinema"] }));
    assert_eq!((status, &changed["activities"]), (200, &json!(["bookshop", "cinema"])));
    assert_eq!(ask("PUT", &format!("{one}/city"), json!({ "city": " Lyon " })).1["city"], "Lyon");
    assert_eq!(ask("PUT", &format!("{one}/bank"), json!({ "iban": "FR76" })).0, 404);
    let bank =
        ["partner", "set-bank", &phare.to_string(), "--holder", "Ciné Phare", "--iban", "FR1420041010050500013M02606"];
    verb(&world, &bank);
    let (_, shown) = get(&one, &desk);
    assert_eq!((&shown["account_holder"], &shown["settlements"]), (&json!("Ciné Phare"), &json!([])));
    assert!(!shown["iban"].as_str().unwrap().contains("2004"), "{shown}");
    assert_eq!(get(&one, &auditor).1["account_holder"], Value::Null);
    assert_eq!(shown["terminals"], json!([]));
    assert_eq!(verb(&world, &["partner", "show", &phare.to_string()]), shown, "the verb tells programs the same");

    // Suspended, it is in the public list no more.
    let public = || names(&server.ask("GET", "/v1/partners", None, None).1).len();
    let suspension = format!("{one}/suspension");
    let (status, suspended) = ask("POST", &suspension, json!({}));
    assert!(status == 200 && suspended["suspended_at"].is_string(), "{suspended}");
    assert_eq!(public(), 2);
    assert_eq!(server.ask("DELETE", &suspension, Some(&desk), None).1["suspended_at"], Value::Null);

    // Who may not, and what is wrong.
    assert_eq!((get(&one, &us).0, server.ask("POST", &suspension, Some(&auditor), Some(&json!({}))).0), (403, 403));
    assert_eq!((get("/v1/desk/orders", &desk).0, get("/v1/desk/establishments", &desk).0), (403, 403));
    let kind = |(status, problem): (u16, Value)| (status, problem["type"].as_str().unwrap_or_default().to_owned());
    let is = |status: u16, code: &str| (status, format!("urn:pass:problem:{code}"));
    assert_eq!(kind(get("/v1/desk/partners/99", &desk)), is(404, "no-partner"));
    assert_eq!(kind(get("/v1/desk/partners/phare", &desk)), is(404, "no-partner"));
    assert_eq!(kind(get("/v1/desk/partners?page=2", &desk)), is(400, "malformed"));
    assert_eq!(kind(new(" ", "cinema")), is(422, "partner-name"));
    assert_eq!(kind(new("Le Cirque (inventé)", "CINÉMA")), is(422, "not-a-code"));
    assert_eq!(kind(ask("PUT", &format!("{one}/city"), json!({ "city": "" }))), is(422, "city"));
    let log = server.end();
    assert!(log.contains("a partner was changed") && !log.contains("Phare"), "{log}");
}

#[test]
fn what_is_wrong_is_a_problem_and_a_list_has_pages() {
    let world = World::new();
    published(&world);
    let ours = establishment(&world);
    let desk = token(&world, "desk", None);
    let server = Server::start(&world, "");
    let ask = |method: &str, path: &str, body: Option<&Value>| server.ask(method, path, Some(&desk), body);
    for name in ["ada", "bea", "cleo"] {
        assert_eq!(ask("POST", "/v1/desk/orders", Some(&new_order(name, ours))).0, 201);
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut next = Some(String::new());
    while let Some(after) = next {
        let after = if after.is_empty() { after } else { format!("&after={after}") };
        let (status, page) = ask("GET", &format!("/v1/desk/orders?limit=2&stage=ordered{after}"), None);
        assert_eq!(status, 200);
        seen.extend(page["orders"].as_array().unwrap().iter().map(|order| order["order"].to_string()));
        next = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(seen.len(), 3);
    let mut strange = new_order("dora", ours);
    strange["mood"] = json!("good");
    let mut young = new_order("emma", ours);
    young["person"]["birth_year"] = json!(2024);
    let table = [
        ("POST", "/v1/desk/orders", Some(strange), 400, "malformed"),
        ("POST", "/v1/desk/orders", Some(young), 422, "age"),
        ("POST", "/v1/desk/orders", Some(new_order("ada", ours)), 409, "ordered-already"),
        ("POST", "/v1/desk/orders", Some(new_order("ada", 77)), 404, "no-establishment"),
        ("POST", "/v1/desk/orders", Some(json!(" ".repeat(300_000))), 413, "too-large"),
        ("GET", "/v1/desk/orders?stage=asleep", None, 422, "not-a-code"),
        ("GET", "/v1/desk/orders?mood=good", None, 400, "malformed"),
        ("GET", "/v1/desk/orders/1", None, 422, "not-an-order"),
        ("GET", "/v1/desk/holders/00000000000000000000000000000000", None, 404, "no-holder"),
        ("PATCH", "/v1/desk/orders", None, 405, "method"),
        ("GET", "/v1/desk/moods", None, 404, "not-found"),
        (
            "POST",
            "/v1/desk/declarations",
            Some(json!({"card_number": "9250000000001238", "kind": "lost"})),
            404,
            "no-card",
        ),
        ("POST", "/v1/desk/revalidations", Some(json!({"season": 2001, "cards": []})), 422, "not-a-season"),
    ];
    for (method, path, body, status, kind) in table {
        let (found, problem) = ask(method, path, body.as_ref());
        assert_eq!((found, &problem["type"]), (status, &json!(format!("urn:pass:problem:{kind}"))), "{method} {path}");
        assert_eq!(problem["status"], status);
    }
}

#[test]
fn whoever_asks_too_often_is_told_to_wait() {
    let world = World::new();
    let (desk, other) = (token(&world, "desk", None), token(&world, "desk", None));
    let config = "[api]\ntoken-requests-per-minute = 3\naddress-requests-per-minute = 2\n";
    let server = Server::start(&world, config);
    let ask = |token: Option<&str>| server.ask("GET", "/v1/desk/establishments", token, None).0;
    assert_eq!([0; 4].map(|_| ask(Some(&desk))), [200, 200, 200, 429]);
    assert_eq!(ask(Some(&other)), 200, "another token has its own");
    // Two that have no token, and the address is let in no more.
    assert_eq!([0; 3].map(|_| ask(None)), [401, 401, 429]);
    let balance = json!({ "card_number": "9250000000001238", "secret": "0000-0000-0000-0000-0000" });
    assert_eq!(server.ask("POST", "/v1/holder/balance", None, Some(&balance)).0, 429);
}

#[test]
fn every_route_is_described_and_every_description_is_a_route() {
    let world = World::new();
    let server = Server::start(&world, "[api]\naddress-requests-per-minute = 1000\n");
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/region-api.json")).unwrap();
    let description: Value = serde_json::from_str(&text).unwrap();
    let mut described = 0;
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let path = path.replace("{order}", &format!("{}-1", "0".repeat(32))).replace("{holder}", &"0".repeat(32));
            let (status, _) = server.ask(&method.to_uppercase(), &path, None, Some(&json!({})));
            let expected: &[u16] = match path.as_str() {
                "/v1/partners" => &[200],
                _ if operation["security"].is_null() => &[400],
                _ => &[400, 401],
            };
            assert!(expected.contains(&status), "{method} {path}: {status}");
            described += 1;
        }
    }
    let routes = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/region/api/mod.rs")).unwrap();
    let handlers = |line: &str| line.matches("routes::").count() + line.matches("partners::").count();
    let routed: usize = routes.lines().filter(|line| line.contains(".route(")).map(handlers).sum();
    assert_eq!(described, routed + 1, "these, and the public list of partners");
}

/// A mail server of Debian's, that keeps what it takes; on request it first says that it is busy.
struct MailServer {
    child: Child,
    port: u16,
    taken: std::path::PathBuf,
}

const MAIL_SERVER: &str = r#"
import sys, time
from aiosmtpd.controller import Controller
busy, path = int(sys.argv[1]), sys.argv[2]
class Taker:
    async def handle_DATA(self, server, session, envelope):
        global busy
        if busy:
            busy -= 1
            return "451 busy"
        with open(path, "ab") as taken:
            taken.write(b"RCPT " + envelope.rcpt_tos[0].encode() + b"\n" + envelope.original_content + b"\nEND\n")
        return "250 taken"
class Here(Controller):
    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()
controller = Here(Taker(), hostname="127.0.0.1", port=0)
controller.start()
print(controller.port, flush=True)
sys.stdin.read()
"#;

impl MailServer {
    fn start(world: &World, busy: u32) -> Self {
        let taken = world.directory.path().join("mails");
        std::fs::write(&taken, "").unwrap();
        let mut child = Command::new("/usr/bin/python3")
            .args(["-c", MAIL_SERVER, &busy.to_string()])
            .arg(&taken)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self { port: line.trim().parse().expect("install python3-aiosmtpd (scripts/setup does)"), child, taken }
    }

    fn config(&self) -> String {
        let port = self.port;
        format!("[mail]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nfrom = \"Région <pass@exemple.test>\"\n")
    }

    fn taken(&self) -> Vec<String> {
        let all = std::fs::read_to_string(&self.taken).unwrap();
        all.split("\nEND\n").filter(|mail| !mail.is_empty()).map(str::to_owned).collect()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// How many mails are in a stage.
fn count(world: &World, stage: &str) -> u64 {
    let counts = world.region.store().read(|tx| tx.mail_counts()).unwrap();
    counts.iter().find(|count| count.stage.code() == stage).map_or(0, |count| count.count)
}

#[test]
fn every_step_is_told_by_mail_once() {
    let world = World::new();
    published(&world);
    let ours = establishment(&world);
    let desk = token(&world, "desk", None);
    let mails = MailServer::start(&world, 0);
    // What was queued before anybody sends waits.
    let server = Server::start(&world, "");
    let (_, placed) = server.ask("POST", "/v1/desk/orders", Some(&desk), Some(&new_order("zoé", ours)));
    assert_eq!(placed["title"], "Unprocessable Entity", "a mail address is ASCII");
    let (_, placed) = server.ask("POST", "/v1/desk/orders", Some(&desk), Some(&new_order("zoe", ours)));
    let order = placed["order"].as_str().unwrap();
    server.end();
    assert_eq!(count(&world, "queued"), 1);
    let server = Server::start(&world, &mails.config());
    until("the first mail goes", || count(&world, "sent") == 1);
    server.ask("POST", &format!("/v1/desk/orders/{order}/validation"), Some(&desk), Some(&json!({})));
    until("the second mail goes", || count(&world, "sent") == 2);
    let log = server.end();
    let taken = mails.taken();
    assert_eq!(taken.len(), 2);
    for mail in &taken {
        assert!(mail.starts_with("RCPT zoe@exemple.test\n") && mail.contains("Message-ID: <"), "{mail}");
    }
    assert!(taken[0].contains(order) && taken[0].contains("Bonjour zoe,"), "{}", taken[0]);
    assert!(!log.contains("zoe@"), "{log}");
    assert_eq!(verb(&world, &["mails"])["count"], 2);
    let left: Vec<_> =
        world.region.store().read(|tx| tx.mails_due(pass::domain::Timestamp::new(u32::MAX), 10)).unwrap();
    assert_eq!(left, []);
}

#[test]
fn a_mail_that_is_not_taken_is_sent_later() {
    use pass::region::holders::post::{MailSettings, MailTls, Sender};
    let world = World::new();
    let lycee = world
        .region
        .add_establishment("Lycée inventé", pass::region::holders::EstablishmentKind::Lycee, "Lyon", EVENING)
        .unwrap();
    let order = super::life::somebody("Max", lycee);
    world.region.place_order(&order, &pass::region::holders::Acting::desk(), EVENING).unwrap();
    let settings = |port| MailSettings {
        host: "127.0.0.1".to_owned(),
        port,
        tls: MailTls::None,
        ca: None,
        login: None,
        from: "pass@exemple.test".to_owned(),
    };
    // Nobody listens there; then somebody who is busy; then he takes it.
    let mut sender = Sender::new(&settings(1)).unwrap();
    let mut now = EVENING;
    assert!(sender.send_next(&world.region, now).unwrap());
    assert!(!sender.send_next(&world.region, now).unwrap(), "not at once again");
    let mails = MailServer::start(&world, 1);
    let mut sender = Sender::new(&settings(mails.port)).unwrap();
    now = now.plus(60);
    assert!(sender.send_next(&world.region, now).unwrap());
    assert_eq!((mails.taken().len(), count(&world, "queued")), (0, 1));
    now = now.plus(300);
    assert!(sender.send_next(&world.region, now).unwrap());
    assert_eq!((mails.taken().len(), count(&world, "sent")), (1, 1));
    assert!(!sender.send_next(&world.region, now.plus(1_000_000)).unwrap());
    assert!(mails.taken()[0].contains("Subject: "));
}

#[test]
fn a_list_is_revalidated_by_a_verb_and_its_bad_lines_are_said() {
    let world = World::new();
    published(&world);
    let catalogue = concat!(env!("CARGO_MANIFEST_DIR"), "/config/catalogue.toml");
    // The season of the machine's clock, and the next.
    let year = verb(&world, &["catalogue", "publish", catalogue])["season"].as_u64().unwrap() + 1;
    let year = year.to_string();
    verb(&world, &["catalogue", "publish", catalogue, "--season", &year]);
    let list = world.directory.path().join("list.csv");
    std::fs::write(&list, format!("card\n{}\n1234\n", world.card().number().digits())).unwrap();
    let arguments = world.arguments();
    let words = ["revalidate", list.to_str().unwrap(), "--season", &year, "--lang", "en"];
    let arguments: Vec<&str> = words.into_iter().chain(arguments.iter().map(String::as_str)).collect();
    for (done, already) in [(1, 0), (0, 1)] {
        let said = pass_region(&arguments);
        let out = String::from_utf8(said.stdout).unwrap();
        assert!(out.starts_with("Line 3: the card number has not 16 digits.\n"), "{out}");
        assert!(out.contains(&format!("\n{done} cards revalidated for {year}-")), "{out}");
        assert!(out.ends_with(&format!(", {already} were so before, 1 lines to correct.\n")), "{out}");
        assert_eq!(said.status.code(), Some(65));
    }
}
