//! The program `pass-card serve`, against a stand-in for vpcd: a listening socket that speaks its frames.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use pass::domain::card::PublicKey;
use pass::virtual_card::{ATR_T0, ATR_T1};
use rustix::process::{Pid, Signal, kill_process};

use crate::kit::{KEYS, card_certificate, entitlement, key_certificate, unhex};

const SELECT: &str = "00A4040009F0504153535245470100";
const PATIENCE: Duration = Duration::from_secs(20);

/// A reader without pcscd behind it.
struct Reader(TcpListener);

/// A card in it.
struct Inserted(TcpStream);

impl Reader {
    fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    fn accept(&self) -> Inserted {
        let (stream, _) = self.0.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Inserted(stream)
    }
}

impl Inserted {
    fn write(&mut self, body: &[u8]) {
        let len = u16::try_from(body.len()).unwrap().to_be_bytes();
        self.0.write_all(&[&len, body].concat()).unwrap();
    }

    /// The next frame; `None` when the card has left.
    fn read(&mut self) -> Option<Vec<u8>> {
        let mut len = [0; 2];
        self.0.read_exact(&mut len).ok()?;
        let mut body = vec![0; usize::from(u16::from_be_bytes(len))];
        self.0.read_exact(&mut body).ok()?;
        Some(body)
    }

    /// What vpcd does with a new card: asks for the ATR, powers it.
    fn atr(&mut self) -> Vec<u8> {
        self.write(&[4]);
        let atr = self.read().unwrap();
        self.write(&[1]);
        atr
    }

    fn send(&mut self, apdu: &[u8]) -> Option<String> {
        self.write(apdu);
        self.read().map(hex::encode)
    }
}

fn start(file: &Path, address: &str, more: &[&str]) -> Child {
    let program = Command::new(env!("CARGO_BIN_EXE_pass-card"))
        .arg("serve")
        .arg(file)
        .args(["--vpcd", address])
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    program.unwrap()
}

fn end(mut child: Child) -> (ExitStatus, String, String) {
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("the program did not end");
        }
        thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    (output.status, String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_card_is_ready_survives_and_leaves_when_told_to() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("card.json");
    let reader = Reader::new();
    for (signal, blank) in [(Signal::TERM, true), (Signal::INT, false)] {
        let mut child = start(&file, &reader.address(), &[]);
        let mut card = reader.accept();
        assert_eq!(card.atr(), ATR_T1);
        let mut ready = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        let select = card.send(&unhex(SELECT)).unwrap();
        assert_eq!(select.ends_with("5301009000"), blank, "{select}");
        if blank {
            issue(&mut card);
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(card.read(), None, "it leaves the reader");
        assert_eq!(end(child).0.code(), Some(0));
    }
}

fn issue(card: &mut Inserted) {
    use pass::wire::card::{Case4, Command};
    let mut done = |command: Command| {
        let answer = card.send(&command.encode(Case4::WithLe)).unwrap();
        unhex(answer.strip_suffix("9000").unwrap())
    };
    let public_key = PublicKey(done(Command::GenerateKey).try_into().unwrap());
    done(Command::StoreKey { root: KEYS.root.public_key(), region_key: key_certificate(3, &KEYS.region) });
    done(Command::StoreCertificate(card_certificate(|new| new.public_key = public_key)));
    done(Command::PutEntitlement(entitlement(|_| {})));
}

#[test]
fn on_t0_it_has_the_atr_and_the_manners_of_t0() {
    let directory = tempfile::tempdir().unwrap();
    let reader = Reader::new();
    let child = start(&directory.path().join("card.json"), &reader.address(), &["--t0"]);
    let mut card = reader.accept();
    assert_eq!(card.atr(), ATR_T0);
    assert_eq!(card.send(&unhex(SELECT)).unwrap(), "6110");
    assert!(card.send(&unhex("00C0000010")).unwrap().starts_with("6f0e8409"));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(end(child).0.code(), Some(0));
}

#[test]
fn it_leaves_by_plan_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("card.json");
    let reader = Reader::new();
    let child = start(&file, &reader.address(), &["--pull", "after:GENERATE-KEY", "--lie", "SELECT:6A82"]);
    let mut card = reader.accept();
    card.atr();
    assert_eq!(card.send(&unhex(SELECT)).unwrap(), "6a82", "it lies");
    assert_eq!(card.send(&unhex("80E0000000")), None, "and leaves");
    let (status, out, _) = end(child);
    assert_eq!((status.code(), out.as_str()), (Some(0), "ready\nleft after GENERATE KEY\n"));
    assert!(std::fs::read_to_string(file).unwrap().contains("\"private_key_pkcs8\": \"30"), "but it was executed");
}

#[test]
fn a_reader_that_comes_back_gets_its_card_back() {
    let directory = tempfile::tempdir().unwrap();
    let reader = Reader::new();
    let child = start(&directory.path().join("card.json"), &reader.address(), &[]);
    drop(reader.accept());
    let mut card = reader.accept();
    assert_eq!(card.atr(), ATR_T1);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(end(child).0.code(), Some(0));
}

#[test]
fn without_a_reader_it_ends_with_one_clear_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let nowhere = Reader::new().address();
    let (status, out, err) = end(start(&directory.path().join("card.json"), &nowhere, &["--wait", "0"]));
    assert_eq!((status.code(), out.as_str()), (Some(69), ""));
    assert_eq!(
        err,
        format!(
            "Aucun lecteur virtuel ne répond à {nowhere} après 0 s : démarrez pcscd avec vpcd.\n\
             No virtual reader answers at {nowhere} after 0 s: start pcscd with vpcd.\n"
        )
    );
}

#[test]
fn while_it_waits_for_a_reader_it_can_be_told_to_stop() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("card.json");
    let child = start(&file, &Reader::new().address(), &["--wait", "60"]);
    // The file is made before the signals are listened to; the wait after it is short.
    while !file.exists() {
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(Duration::from_millis(300));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(end(child).0.code(), Some(0));
}

#[test]
fn what_is_wrong_with_a_file_or_the_command_line_has_its_exit_code() {
    let directory = tempfile::tempdir().unwrap();
    let nowhere = Reader::new().address();
    let file = directory.path().join("card.json");
    std::fs::write(&file, "not a card").unwrap();
    let (status, _, err) = end(start(&file, &nowhere, &[]));
    assert_eq!(status.code(), Some(65), "{err}");
    assert!(err.contains("resté tel quel") && err.contains("is not the file of a virtual card"), "{err}");

    let (status, _, err) = end(start(&directory.path().join("no/card.json"), &nowhere, &[]));
    assert_eq!(status.code(), Some(74), "{err}");

    let held = directory.path().join("held.json");
    let _storage = pass::virtual_card::FileStorage::open(&held).unwrap();
    let (status, _, err) = end(start(&held, &nowhere, &[]));
    assert_eq!(status.code(), Some(75), "{err}");

    let (status, _, err) = end(start(&held, &nowhere, &["--pull", "during:DEBIT"]));
    assert_eq!(status.code(), Some(64), "{err}");
}
