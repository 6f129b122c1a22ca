//! What the server tells of itself: whether it is ready, and its metrics, at an address of their own.

use std::net::TcpStream;

use super::http::{Server, request, talk};
use super::kit::{CINEMA, World, hours};

fn get(address: &str, path: &str) -> (u16, String, String) {
    let (status, head, body) = talk(&mut TcpStream::connect(address).unwrap(), &request("GET", path, "", b"")).unwrap();
    (status, head, String::from_utf8(body).unwrap())
}

fn serve(world: &World, more: &[&str]) -> Server {
    let [_, data, store, location] = world.arguments();
    Server::start(&data, &[&[store.as_str(), location.as_str()], more].concat())
}

/// The value of a line that begins with `name`.
fn value(text: &str, name: &str) -> f64 {
    let line = text.lines().find(|line| line.rsplit_once(' ').is_some_and(|(key, _)| key == name));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).rsplit_once(' ').unwrap().1.parse().unwrap()
}

#[test]
fn the_server_counts_what_terminals_bring_and_tells_it_elsewhere() {
    let world = World::new();
    let (mut terminal, mut card) = (world.terminal("cinema"), world.card());
    terminal.sell(&mut card, CINEMA, 1, hours(1));
    let sent = request("POST", "/v1/exchanges", "application/cose", &terminal.message(&terminal.request(hours(2))));
    let card_number = card.number().to_string();
    let server = serve(&world, &["--metrics", "127.0.0.1:0"]);
    let metrics = server.metrics.clone().unwrap();
    for _ in 0..2 {
        assert_eq!(talk(&mut TcpStream::connect(&server.address).unwrap(), &sent).unwrap().0, 200);
    }
    assert_eq!(get(&server.address, "/no/9250-such-route").0, 404);
    // On a store that is shared the cards are judged a moment later.
    let mut text = String::new();
    for _ in 0..300 {
        let (status, head, told) = get(&metrics, "/metrics");
        assert_eq!(status, 200);
        assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"));
        text = told;
        if value(&text, "pass_region_entries_unjudged") == 0.0 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let entries = terminal.chain.len() as f64;
    assert_eq!(value(&text, "pass_region_entries_total{code=\"new\"}"), entries);
    assert_eq!(value(&text, "pass_region_entries_total{code=\"known\"}"), entries);
    assert_eq!(value(&text, "pass_region_entries_unjudged"), 0.0);
    assert_eq!(value(&text, "pass_region_entries_judged_total"), entries);
    let answered = |method: &str, route: &str, status: u16| {
        let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
        value(&text, &format!("pass_region_requests_total{{{labels}}}"))
    };
    assert_eq!(answered("POST", "/v1/exchanges", 200), 2.0);
    assert_eq!(answered("GET", "other", 404), 1.0, "what people ask for is no label");
    assert_eq!(value(&text, "pass_region_request_seconds_count{route=\"/v1/exchanges\"}"), 2.0);
    assert_eq!(value(&text, "pass_region_mails{stage=\"queued\"}"), 0.0);
    assert!(!text.contains(&card_number) && text.ends_with("# EOF\n"));
    // Not at the address that terminals know.
    assert_eq!(get(&server.address, "/metrics").0, 404);
    assert!(server.end());
}

#[test]
fn a_server_without_its_key_is_alive_and_not_ready() {
    let world = World::new();
    let server = serve(&world, &[]);
    assert_eq!(get(&server.address, "/readyz").0, 200);
    drop(server);
    let keys = world.directory.path().join("region/keys");
    std::fs::rename(&keys, world.directory.path().join("keys")).unwrap();
    let server = serve(&world, &[]);
    assert_eq!(get(&server.address, "/healthz").0, 200);
    let (status, _, body) = get(&server.address, "/readyz");
    assert_eq!(status, 503, "{body}");
    std::fs::rename(world.directory.path().join("keys"), &keys).unwrap();
    assert_eq!(get(&server.address, "/readyz").0, 200, "put back, it is ready again");
}

#[test]
fn whoever_sends_messages_without_end_is_told_to_wait_and_others_are_not() {
    let world = World::new();
    let config = world.directory.path().join("few.toml");
    std::fs::write(&config, "[api]\naddress-messages-per-minute = 5\n").unwrap();
    let server = serve(&world, &["--config", config.to_str().unwrap()]);
    let send = || {
        let message = request("POST", "/v1/exchanges", "application/cose", b"nothing");
        talk(&mut TcpStream::connect(&server.address).unwrap(), &message).unwrap()
    };
    let statuses: Vec<u16> = (0..7).map(|_| send().0).collect();
    assert_eq!(statuses[..5], [400; 5]);
    assert_eq!(statuses[6], 429);
    assert!(send().1.contains("retry-after"));
    assert_eq!(get(&server.address, "/readyz").0, 200);
}
