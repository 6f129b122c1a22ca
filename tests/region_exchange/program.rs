//! The program as people and scripts meet it: exit codes and sentences, and the real server over TCP, with TLS and without.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use pass::region::Region;
use pass::wire::code::EnrolmentCode;
use serde_json::Value;

use super::http::{Server, request, talk};
use super::kit::{Machine, enrolment_answer};
use super::verbs::{json, pass_region};

/// A region with a partner and a terminal; its code.
pub(crate) fn made_region(data: &str) -> EnrolmentCode {
    assert!(pass_region(&["init", "--data", data]).status.success());
    let partner =
        json(&["partner", "add", "--data", data, "--name", "Le Phare", "--activity", "cinema", "bookshop", "--json"]);
    assert_eq!(partner["partner_id"], 1);
    let terminal = json(&["terminal", "add", "--data", data, "--partner", "1", "--json"]);
    assert_eq!(terminal["terminal_id"], 1);
    EnrolmentCode::parse(terminal["code"].as_str().unwrap()).unwrap()
}

#[test]
fn what_is_wrong_ends_with_its_code_and_one_sentence_in_either_language() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (data, empty, bad) = (path("region"), path("empty"), path("bad.toml"));
    made_region(&data);
    std::fs::write(&bad, "season = \"soon\"\n").unwrap();
    let stranger = "9250000000001239";
    let table: &[(&[&str], i32)] = &[
        (&["init", "--data", &data], 73),
        (&["init", "--data", "/proc/region"], 73),
        (&["init", "--data", &empty, "--catalogue", &path("none.toml")], 66),
        (&["init", "--data", &empty, "--catalogue", &bad], 78),
        (&["init", "--data", &empty, "--season", "soon"], 64),
        (&["init"], 64),
        (&["sing"], 64),
        (&["partner", "list", "--data", &empty], 66),
        (&["partner", "add", "--data", &data, "--name", "", "--activity", "cinema"], 65),
        (&["partner", "add", "--data", &data, "--name", "Le Phare", "--activity", "Cinéma"], 65),
        (&["partner", "add", "--data", &data, "--name", "Le Phare"], 64),
        (&["terminal", "add", "--data", &data, "--partner", "9"], 65),
        (&["terminal", "add", "--data", &data, "--partner", "one"], 64),
        (&["terminal", "add", "--data", &data, "--partner", "1", "--replaces", "9"], 65),
        (&["terminal", "add", "--data", &data, "--partner", "1", "--valid-hours", "0"], 65),
        (&["terminal", "suspend", "--data", &data, "9"], 65),
        (&["card", "show", "--data", &data, "1234"], 65),
        (&["card", "show", "--data", &data, "9250000000001230"], 65),
        (&["card", "show", "--data", &data, stranger], 65),
        (&["card", "deny", "--data", &data, stranger, "--reason", "lost"], 65),
        (&["card", "deny", "--data", &data, stranger, "--reason", "tired"], 64),
        (&["card", "entitle", "--data", &data, stranger, "--grant", "cinema"], 65),
        (&["card", "issue", "--data", &data, "--reader", "none", "--replaces", "1234"], 65),
        (&["card", "issue", "--data", &data, "--reader", "none", "--waive-fee"], 64),
        (&["card", "issue", "--data", &data, "--reader", "none", "--fee-from", "leisure-books"], 64),
        (&["card", "issue", "--data", &data, "--reader", "none", "--replaces", stranger, "--profile", "lycee"], 64),
        (&["key", "rotate", "--data", &data, "--root-key", &path("none.pk8")], 74),
        (&["key", "rotate", "--data", &data, "--root-key", &bad], 78),
        (&["serve", "--data", &empty, "--listen", "127.0.0.1:0"], 66),
        (&["serve", "--data", &data, "--listen", "nowhere"], 69),
        (&["serve", "--data", &data, "--listen", "127.0.0.1:0", "--tls-cert", &bad], 64),
        (&["serve", "--data", &data, "--listen", "127.0.0.1:0", "--tls-cert", &bad, "--tls-key", &bad], 78),
        (&["validate"], 64),
        (&["validate", "--config", &bad], 78),
        (&["validate", "--catalogue", &bad], 78),
        (&["validate", "--policy", &bad], 78),
        (&["validate", "--config", &path("none.toml")], 66),
        (&["answer", "--data", &data, &bad, &path("answer")], 65),
        (&["backup", "--data", &empty, &path("backup")], 66),
        (&["backup", "--data", &data, &bad], 65),
        (&["backup", "--data", &data, &path("none/backup")], 73),
        (&["backup", &path("backup")], 64),
        (&["backup", "--check", &path("none")], 66),
        (&["backup", "--check", &bad], 65),
        (&["restore", "--data", &data, &bad], 73),
        (&["restore", "--data", &empty, &bad], 74),
    ];
    for (arguments, code) in table {
        let output = pass_region(arguments);
        assert_eq!(output.status.code(), Some(*code), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        if *code != 64 {
            for language in ["fr", "en"] {
                let output = pass_region(&[arguments, &["--lang", language][..]].concat());
                let said = String::from_utf8(output.stderr).unwrap();
                let sentence = said.trim_end();
                assert!(sentence.ends_with('.') && !sentence.contains('\n'), "{arguments:?}: {said}");
            }
        }
    }
}

#[test]
fn files_are_checked_before_they_are_used_and_what_is_wrong_is_named_with_line_and_key() {
    let shipped = |name: &str| format!("{}/config/{name}", env!("CARGO_MANIFEST_DIR"));
    let (config, catalogue, policy) = (shipped("region.toml"), shipped("catalogue.toml"), shipped("policy.toml"));
    let all = ["validate", "--config", &config, "--catalogue", &catalogue, "--policy", &policy, "--json"];
    assert_eq!(json(&all)["valid"], true);
    let directory = tempfile::tempdir().unwrap();
    let wrong = directory.path().join("wrong.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&wrong, text.replacen("proxies = []", "proxis = []", 1)).unwrap();
    let line = text.lines().position(|line| line == "proxies = []").unwrap() + 1;
    let said = pass_region(&["validate", "--config", wrong.to_str().unwrap(), "--lang", "en"]).stderr;
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains(&format!("line {line}: « proxis = [] »: unknown field `proxis`")), "{said}");
}

#[test]
fn the_verbs_speak_json_to_scripts_and_sentences_to_people() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("region").to_str().unwrap().to_owned();
    made_region(&data);
    let said = |arguments: &[&str]| String::from_utf8(pass_region(arguments).stdout).unwrap();
    assert!(said(&["key", "rotate", "--data", &data]).starts_with("La clé 2 signe"));
    assert!(said(&["key", "rotate", "--data", &data, "--lang", "en"]).starts_with("Key 3 signs"));
    assert_eq!(json(&["terminal", "list", "--data", &data, "--json"])["state"], "not-enrolled");
    assert_eq!(said(&["entries", "--data", &data, "--json"]), "");
    assert_eq!(json(&["terminal", "suspend", "--data", &data, "1", "--json"])["standing"], "suspended");
    assert_eq!(json(&["terminal", "revoke", "--data", &data, "1", "--json"])["standing"], "retired");
    assert_eq!(json(&["terminal", "list", "--data", &data, "--json"])["cause"], "revoked");
    let warned = pass_region(&["partner", "add", "--data", &data, "--name", "L'Estive", "--activity", "opera"]);
    assert!(warned.status.success() && String::from_utf8(warned.stderr).unwrap().contains("opera"));
}

#[test]
fn the_server_enrols_over_tcp_while_the_desk_works_and_ends_when_told() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("region").to_str().unwrap().to_owned();
    let code = made_region(&data);
    let server = Server::start(&data, &[]);
    let ask = |request: &[u8]| talk(&mut TcpStream::connect(&server.address).unwrap(), request).unwrap();
    assert_eq!(ask(&request("GET", "/healthz", "", b"")).0, 200);
    let cose = "application/cose";
    let (status, head, body) = ask(&request("POST", "/v1/enrolments", cose, &Machine::new().request(&code)));
    assert_eq!(status, 200);
    assert!(head.contains("content-type: application/cose"));
    assert_eq!(enrolment_answer(&body, &code).terminal, code.terminal);
    assert_eq!(json(&["terminal", "list", "--data", &data, "--json"])["state"], "active");
    let problems = [
        ("POST", "/v1/exchanges", cose, 400, "malformed"),
        ("POST", "/v1/exchanges", "text/plain", 415, "media-type"),
        ("GET", "/v1/exchanges", cose, 405, "method"),
        ("POST", "/v2/exchanges", cose, 404, "not-found"),
    ];
    for (method, path, content_type, expected, kind) in problems {
        let (status, head, body) = ask(&request(method, path, content_type, b"nothing"));
        assert_eq!(status, expected, "{path}");
        assert!(head.contains("application/problem+json"));
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["type"], format!("urn:pass:problem:{kind}"));
        assert_eq!(problem["status"], expected);
    }
    let (status, _, _) = ask(&request("POST", "/v1/enrolments", cose, &[0; 5000]));
    assert_eq!(status, 413);
    assert!(server.end());
}

#[test]
fn clients_that_dawdle_keep_nobody_from_being_answered() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("region").to_str().unwrap().to_owned();
    let code = made_region(&data);
    let server = Server::start(&data, &[]);
    let head = b"POST /v1/exchanges HTTP/1.1\r\nHost: region\r\nContent-Length: 1000\r\n\r\n";
    // More of them than are dealt with at once; each says that it has a message, and does not send it.
    let dawdling: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(&server.address).unwrap();
            stream.write_all(head).unwrap();
            stream
        })
        .collect();
    let enrol = request("POST", "/v1/enrolments", "application/cose", &Machine::new().request(&code));
    let (status, _, _) = talk(&mut TcpStream::connect(&server.address).unwrap(), &enrol).unwrap();
    assert_eq!((status, dawdling.len()), (200, 100));
}

#[test]
fn a_message_larger_than_a_request_is_not_read_to_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("region").to_str().unwrap().to_owned();
    made_region(&data);
    let server = Server::start(&data, &[]);
    // Over the network: nothing of the body is sent, and its length alone is refused.
    let head =
        b"POST /v1/exchanges HTTP/1.1\r\nHost: region\r\nConnection: close\r\nContent-Length: 1000000000000\r\n\r\n";
    assert_eq!(talk(&mut TcpStream::connect(&server.address).unwrap(), head).unwrap().0, 413);
    // By file: one that has no end.
    let answer = directory.path().join("answer");
    let said = pass_region(&["answer", "--data", &data, "/dev/zero", answer.to_str().unwrap(), "--lang", "en"]);
    assert!(!said.status.success() && !answer.exists());
}

#[test]
fn the_server_speaks_tls() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let data = path("region");
    made_region(&data);
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(path("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let server = Server::start(&data, &["--tls-cert", &path("cert.pem"), "--tls-key", &path("key.pem")]);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    // As terminals and browsers ask: the server speaks only the second.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let connection = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let tcp = TcpStream::connect(&server.address).unwrap();
    let mut stream = rustls::StreamOwned::new(connection, tcp);
    let (status, _, body) = talk(&mut stream, &request("GET", "/healthz", "", b"")).unwrap();
    assert_eq!((status, body.as_slice()), (200, b"ok\n".as_slice()));
    assert_eq!(stream.conn.alpn_protocol(), Some(b"http/1.1".as_slice()));
    assert!(server.end());
}

#[test]
fn what_an_interrupted_init_has_left_is_taken_up() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("region");
    let keys = pass::region::keys::KeyDirectory::of(&data);
    keys.create().unwrap();
    let root = keys.make_root().unwrap().public_key();
    assert!(pass_region(&["init", "--data", data.to_str().unwrap()]).status.success());
    let region = Region::open(&data).unwrap();
    assert_eq!(region.store().read(|tx| tx.root_key()).unwrap(), Some(root));
    assert!(is_private(&data.join("region.db")) && is_private(&data.join("keys/root.pk8")));
}

fn is_private(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o077 == 0
}
