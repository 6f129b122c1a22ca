//! `doctor`, shown a counter that is broken in one way after the other, each for real.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::kit::{Counter, PASS_TERMINAL, Story};
use crate::readers::another_program;

/// What the machine that runs the tests may be told of whatever is done here: its disk, and its clock.
const OF_THE_MACHINE: [&str; 6] = [
    "disk-low",
    "disk-full",
    "file-system-overlay",
    "file-system-memory",
    "file-system-network",
    "clock-not-synchronised",
];

/// The codes in a report of `doctor --json`, but for what it says of this machine.
#[track_caller]
pub(crate) fn of(report: &[u8]) -> Vec<String> {
    let report: Value = serde_json::from_slice(report).unwrap();
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(report["well"], findings.is_empty());
    let codes = findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned());
    codes.filter(|code| !OF_THE_MACHINE.contains(&code.as_str())).collect()
}

/// The codes that `doctor` finds, and its exit status.
#[track_caller]
pub(crate) fn found(counter: &Counter, more: &[&str]) -> (Vec<String>, i32) {
    let said = counter.ask(&[&["doctor", "--json", "--lang", "en"], more].concat());
    let code = said.code.unwrap();
    assert!(matches!(code, 0..=2), "{}{}", said.out, said.err);
    assert!(!said.out.contains("PRIVATE"));
    (of(said.out.as_bytes()), code)
}

#[track_caller]
pub(crate) fn codes(counter: &Counter) -> Vec<String> {
    found(counter, &[]).0
}

/// The files in the terminal's directory and what is in them, but for the memory that readers of a ledger share.
fn everything(data: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(data)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .filter(|(name, bytes)| !(name.ends_with("-shm") || name.ends_with("-wal") && bytes.is_empty()))
        .collect();
    files.sort();
    files
}

#[test]
fn each_thing_that_breaks_is_named() {
    let mut story = Story::begin();
    story.cinema.sync();
    assert_eq!(codes(&story.cinema), [""; 0], "all is well");

    // The reader: pcscd freezes, dies, comes back with other readers.
    story.world.pcscd.freeze().unwrap();
    assert_eq!(codes(&story.cinema), ["reader-service-frozen"]);
    story.world.pcscd.thaw().unwrap();
    story.world.pcscd.kill().unwrap();
    assert_eq!(codes(&story.cinema), ["reader-service-absent"]);
    for index in [0, 2] {
        story.world.pcscd.plug(index, None);
    }
    story.world.pcscd.restart().unwrap();
    assert_eq!(codes(&story.cinema), ["reader-absent"]);
    story.world.pcscd.plug(0, Some('Z'));
    story.world.pcscd.restart().unwrap();
    let config = story.world.stage().place("reader.toml");
    fs::write(&config, "reader = \"ACR1252\"\n").unwrap();
    assert_eq!(found(&story.cinema, &["--config", config.to_str().unwrap()]), (vec!["reader-other".to_owned()], 2));
    assert_eq!(codes(&story.cinema), [""; 0]);

    // The line is cut, and comes back.
    story.cinema.line.cut();
    assert_eq!(found(&story.cinema, &[]), (vec!["region-line".to_owned()], 1));
    story.cinema.line.mend();

    // The printer is switched off.
    fs::write(&config, "[printer]\nconnection = \"/dev/usb/lp99\"\n").unwrap();
    assert_eq!(found(&story.cinema, &["--config", config.to_str().unwrap()]), (vec!["printer-absent".to_owned()], 1));

    // The daemon stops: the ledger is looked at without it, and left as it was.
    story.cinema.stop();
    let before = everything(&story.cinema.data);
    assert_eq!(found(&story.cinema, &[]), (vec!["daemon-absent".to_owned()], 2));
    assert_eq!(everything(&story.cinema.data), before, "nothing was changed");

    // A key that others can read, and a directory that others can write.
    let key = story.cinema.data.join("keys/card.pk8");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(&story.cinema.data, fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(codes(&story.cinema), ["data-writable-by-others", "key-exposed", "daemon-absent"]);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(&story.cinema.data, fs::Permissions::from_mode(0o700)).unwrap();

    // One byte of the ledger.
    let ledger = story.cinema.data.join("ledger.db");
    let whole = fs::read(&ledger).unwrap();
    let mut broken = whole.clone();
    broken[..16].fill(b'x');
    fs::write(&ledger, &broken).unwrap();
    assert_eq!(codes(&story.cinema), ["ledger-unusable", "daemon-absent"]);
    fs::write(&ledger, &whole).unwrap();
    assert_eq!(codes(&story.cinema), ["daemon-absent"]);
}

#[test]
fn a_card_that_another_program_keeps_is_named() {
    let mut story = Story::begin();
    story.cinema.sync();
    let mut other = another_program(&story);
    story.cinema.stop();
    let _lying = story.lay();
    other.await_line(|line| line.contains("held").then_some(()));
    assert_eq!(codes(&story.cinema), ["daemon-absent", "card-held"]);
    other.kill();
    assert_eq!(codes(&story.cinema), ["daemon-absent"]);
}

#[test]
fn a_proxy_that_refuses_a_name_that_is_unknown_and_a_place_that_is_no_terminal() {
    let story = Story::begin();
    let stage = story.world.stage();
    let ask = |proxy: Option<&str>, arguments: &[&str]| {
        let mut command = stage.command(PASS_TERMINAL);
        command.args(["doctor", "--json"]).args(arguments).envs(proxy.map(|proxy| ("HTTPS_PROXY", proxy)));
        let output = command.output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        report["findings"].as_array().unwrap().clone()
    };
    let config = stage.place("proxy.toml");
    fs::write(&config, "region = \"https://region.invalid/\"\n").unwrap();
    let data = story.cinema.data.to_str().unwrap();
    let arguments = ["--config", config.to_str().unwrap(), "--data", data];
    // Nobody listens there any more; what its address says of a password is not repeated.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let findings = ask(Some(&format!("http://user:secret-word@{closed}")), &arguments);
    let proxy = findings.iter().find(|finding| finding["code"] == "region-proxy").expect("the proxy is named");
    assert!(proxy["sentence"].as_str().unwrap().contains(&closed.to_string()), "{proxy}");
    assert!(!proxy.to_string().contains("secret-word"), "{proxy}");
    let findings = ask(None, &arguments);
    assert!(findings.iter().any(|finding| finding["code"] == "region-name"), "{findings:?}");

    let nowhere = stage.place("nowhere");
    let findings = ask(None, &["--data", nowhere.to_str().unwrap()]);
    let named: Vec<_> = findings.iter().map(|finding| finding["code"].as_str().unwrap()).collect();
    assert!(named.starts_with(&["data-missing"]) && named.contains(&"not-enrolled"), "{named:?}");
    assert!(named.contains(&"region-unset"), "{named:?}");
    assert!(!nowhere.exists(), "nothing is made");
}
