//! Each check, shown what is wrong; the way to the region, broken at each step for real.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

use super::super::config::PaymentSettings;
use super::*;
use crate::domain::card::{Signature, TerminalCertificate};
use crate::domain::policy::Exposure;
use crate::domain::policy::tests::POLICY;
use crate::domain::purse::Slots;
use crate::domain::refusal::Refusal;
use crate::domain::time::Season;
use crate::domain::{Cents, KeySerial, PartnerId, TerminalId};
use crate::payment::Register;
use crate::reader::{LookedAt, ReaderName};

const NOW: Timestamp = Timestamp::new(1_795_891_200);

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(Finding::code).collect()
}

#[test]
fn a_disk_is_told_by_its_room_and_its_kind() {
    let well = DiskFacts { free_bytes: 1 << 40, free_files: Some(1000), kind: 0xef53 };
    let table: &[(DiskFacts, &[&str])] = &[
        (well, &[]),
        (DiskFacts { free_bytes: 100 << 20, ..well }, &["disk-low"]),
        (DiskFacts { free_bytes: 1 << 20, ..well }, &["disk-full"]),
        (DiskFacts { free_files: Some(0), ..well }, &["disk-full"]),
        (DiskFacts { free_files: None, ..well }, &[]),
        (DiskFacts { kind: 0x6969, ..well }, &["file-system-network"]),
        (DiskFacts { kind: 0x794c_7630, ..well }, &["file-system-overlay"]),
        (DiskFacts { kind: 0x4d44, ..well }, &["file-system-fat"]),
    ];
    for (facts, expected) in table {
        assert_eq!(codes(&checks::disk(*facts)), *expected, "{facts:?}");
    }
    // Real ones: one in memory, and one that takes nothing.
    assert!(codes(&checks::disk(DiskFacts::of(Path::new("/dev/shm")).unwrap())).contains(&"file-system-memory"));
    assert_eq!(codes(&checks::disk(DiskFacts::of(Path::new("/proc")).unwrap())), ["disk-full"]);
}

#[test]
fn a_reader_is_told_by_what_keeps_it_from_being_used() {
    let no_reader = Look::Unavailable(WhyUnavailable::NoReader);
    let there = |held| Look::Readers(vec![LookedAt { reader: ReaderName::new("ACS ACR1252 00 00").unwrap(), held }]);
    type Case<'a> = (Look, Kernel, Option<&'a str>, bool, &'a [&'a str]);
    let table: &[Case<'_>] = &[
        (there(false), Kernel::Away, None, false, &[]),
        (there(false), Kernel::Loaded, None, false, &[]),
        (there(false), Kernel::Holds, None, false, &["reader-held-by-kernel"]),
        (there(true), Kernel::Away, None, false, &["card-held"]),
        (Look::Frozen, Kernel::Away, None, false, &["reader-service-frozen"]),
        (Look::Unavailable(WhyUnavailable::NoService), Kernel::Away, None, false, &["reader-service-absent"]),
        (Look::Unavailable(WhyUnavailable::AccessRefused), Kernel::Away, None, false, &["reader-service-refused"]),
        (no_reader.clone(), Kernel::Away, None, false, &["reader-absent"]),
        (no_reader.clone(), Kernel::Loaded, None, false, &["reader-held-by-kernel"]),
        (no_reader.clone(), Kernel::Away, Some("ACR"), false, &["reader-absent"]),
        (no_reader, Kernel::Away, Some("ACR"), true, &["reader-other"]),
    ];
    for (look, kernel, wanted, any, expected) in table {
        assert_eq!(codes(&checks::reader(look, *kernel, *wanted, *any)), *expected, "{look:?} {kernel:?}");
    }
}

#[test]
fn a_clock_is_told_by_the_ledger_by_the_region_and_by_who_sets_it() {
    let (later, earlier) = (Some(NOW.plus(301)), Some(NOW.minus(7200)));
    assert_eq!(checks::clock(NOW, Some(NOW.plus(300)), Some(NOW.plus(60)), None), []);
    assert_eq!(checks::clock(NOW, earlier, None, Some(true)), []);
    assert_eq!(checks::clock(NOW, later, None, None), [Finding::ClockBehind(301)]);
    assert_eq!(checks::clock(NOW, None, earlier, None), [Finding::ClockOff(7200)]);
    assert_eq!(checks::clock(NOW, None, later, Some(false)), [Finding::ClockOff(-301), Finding::ClockNotSynchronised]);
}

#[test]
fn a_certificate_is_told_two_weeks_before_its_end() {
    let certificate = |season: Season, not_after| TerminalCertificate {
        key_serial: KeySerial::new(1),
        terminal: TerminalId::new(7),
        partner: PartnerId::new(12),
        season,
        slots: Slots::default(),
        issued_at: NOW.minus(600),
        not_after,
        public_key: crate::crypto::P256Key::generate().unwrap().0.public_key(),
        signature: Signature([0; 64]),
    };
    let season = Season::at(NOW);
    let day = 86_400;
    assert_eq!(checks::certificate(&[], NOW), [Finding::CertificateEnded]);
    assert_eq!(checks::certificate(&[certificate(season, NOW.minus(1))], NOW), [Finding::CertificateEnded]);
    assert_eq!(
        checks::certificate(&[certificate(season.next(), NOW.plus(30 * day))], NOW),
        [Finding::CertificateEnded]
    );
    let ends = NOW.plus(13 * day);
    assert_eq!(checks::certificate(&[certificate(season, ends)], NOW), [Finding::CertificateEnds(ends)]);
    assert_eq!(checks::certificate(&[certificate(season, NOW.plus(15 * day))], NOW), []);
}

#[test]
fn an_exposure_is_told_from_its_soft_limit_on() {
    let well = Exposure { last_exchange: NOW, deny_list_made: NOW, waiting_entries: 0, waiting_cents: Cents::ZERO };
    assert_eq!(checks::exposure(&POLICY, &well, NOW), []);
    let near = Exposure { waiting_entries: 500, ..well };
    let found = Finding::Exposure { measure: Measure::Entries, value: 500, hard: 2000, reached: false };
    assert_eq!(checks::exposure(&POLICY, &near, NOW), [found]);
    let far = Exposure { last_exchange: NOW.minus(80 * 3600), waiting_cents: Cents::from_u32(250_000), ..well };
    assert_eq!(codes(&checks::exposure(&POLICY, &far, NOW)), ["exposure-reached", "exposure-near"]);
}

#[test]
fn a_printer_is_tried_without_a_byte_to_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connection = |text: String| crate::printer::Connection::parse(&text).unwrap();
    let at = connection(format!("tcp:{}", listener.local_addr().unwrap()));
    let taken = thread::spawn(move || {
        let mut said = Vec::new();
        listener.accept().unwrap().0.read_to_end(&mut said).unwrap();
        said
    });
    assert!(reach(&at).is_ok());
    assert_eq!(taken.join().unwrap(), b"");
    let why = reach(&at).unwrap_err().to_string();
    assert_eq!(codes(&checks::printer(Some(&why), &DaemonFacts::Absent)), ["printer-absent"]);
    assert!(reach(&connection("/dev/usb/lp99".to_owned())).is_err());
    assert!(reach(&connection("/dev/null".to_owned())).is_ok());
}

#[test]
fn a_bank_terminal_that_is_off_and_one_that_speaks_something_else_are_told_apart() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let tried = |address: SocketAddr| {
        let payment = PaymentSettings {
            address: address.ip().to_string(),
            port: address.port(),
            register: Register::FIRST,
            patience: Duration::from_secs(10),
        };
        codes(&checks::bank_terminal(runtime.block_on(payment.tpe().try_out()).err()))
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let web_server = thread::spawn(move || {
        let mut client = listener.accept().unwrap().0;
        client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        let mut said = [0; 512];
        // It closes without an answer to what it has read.
        client.read(&mut said).unwrap()
    });
    assert_eq!(tried(address), ["bank-terminal-other"]);
    assert!(web_server.join().unwrap() > 0, "it was asked");
    assert_eq!(tried(address), ["bank-terminal-absent"], "nobody listens any more");
}

// ---------------------------------------------------------------------------------------------------- the way to the region

/// A server on loopback that answers each connection with `answer`, by what `wrap` makes of it.
fn serve(answer: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut buffer = [0; 4096];
            // Whoever hangs up is not waited for.
            if client.read(&mut buffer).is_ok() {
                let _ = client.write_all(answer.as_bytes());
            }
        }
    });
    address
}

fn answer(status: &str, content: &str, date: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content}\r\ndate: {date}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
}

const REGION: &str = "application/problem+json";
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// A TLS server whose certificate is for `name` and ends in year `until`; its authority's certificate is in the file.
fn serve_tls(directory: &Path, name: &str, until: i32) -> (SocketAddr, PathBuf) {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let file = directory.join(format!("{name}-{until}.pem"));
    std::fs::write(&file, authority.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2001, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    let certificate = params.signed_by(&key, &authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut tls =
                rustls::StreamOwned::new(rustls::ServerConnection::new(Arc::clone(&config)).unwrap(), client.unwrap());
            let mut buffer = [0; 4096];
            if tls.read(&mut buffer).is_ok() {
                let _ = tls.write_all(answer("405 Method Not Allowed", REGION, DATE).as_bytes());
                let _ = tls.flush();
            }
        }
    });
    (address, file)
}

fn tried(url: String, authorities: Option<PathBuf>) -> Result<Reached, &'static str> {
    let runtime = runtime().unwrap();
    let found = runtime.block_on(probe(&RegionFile { url, authorities }));
    found.map_err(|why| Finding::Region { url: String::new(), why }.code())
}

#[test]
fn the_way_to_the_region_is_told_by_the_step_that_fails() {
    let directory = tempfile::tempdir().unwrap();
    let well = serve(answer("405 Method Not Allowed", REGION, DATE));
    let reached = tried(format!("http://{well}"), None).unwrap();
    assert_eq!(reached.date.as_deref().and_then(facts::http_date), Some(Timestamp::new(784_111_777)));

    let portal = serve(answer("200 OK", "text/html", DATE));
    assert_eq!(tried(format!("http://{portal}"), None), Err("region-other"));
    // Nobody listens on the port of a server that has gone.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(tried(format!("http://{closed}"), None), Err("region-connection"));
    assert_eq!(tried("https://region.invalid/".to_owned(), None), Err("region-name"));
    assert_eq!(tried("ftp://region.invalid/".to_owned(), None), Err("region-settings"));

    let url = |address: SocketAddr| format!("https://localhost:{}/", address.port());
    let (good, authority) = serve_tls(directory.path(), "localhost", 2100);
    assert!(tried(url(good), Some(authority.clone())).is_ok());
    let (expired, its_authority) = serve_tls(directory.path(), "localhost", 2002);
    assert_eq!(tried(url(expired), Some(its_authority)), Err("region-tls-time"));
    let (other, its_authority) = serve_tls(directory.path(), "region.example", 2100);
    assert_eq!(tried(url(other), Some(its_authority)), Err("region-tls-name"));
    let (stranger, _) = serve_tls(directory.path(), "localhost", 2101);
    assert_eq!(tried(url(stranger), Some(authority)), Err("region-tls-authority"));
    // Plain HTTP where TLS is expected.
    assert_eq!(tried(url(well), None), Err("region-tls"));
}

#[test]
fn a_region_that_takes_the_question_and_never_answers_is_named() {
    // The kernel takes the connection; nobody reads from it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    assert_eq!(tried(format!("http://{}", listener.local_addr().unwrap()), None), Err("region-slow"));
}

// ---------------------------------------------------------------------------------------------------- what is said

/// One of each.
fn every_finding() -> Vec<Finding> {
    let path = || PathBuf::from("/var/lib/pass-terminal/x");
    let text = || "why".to_owned();
    let exposure = |measure, reached| Finding::Exposure { measure, value: 1, hard: 2, reached };
    let mut all = vec![
        Finding::DirectoryMissing(path()),
        Finding::NotReadable(path()),
        Finding::WritableByOthers(path()),
        Finding::OtherOwner(path()),
        Finding::KeyExposed(path()),
        Finding::KeyUnusable(text()),
        Finding::NotEnrolled,
        Finding::LedgerUnusable(text()),
        Finding::LedgerDamaged(text()),
        Finding::LedgerBehind,
        Finding::DiskFull(1),
        Finding::DiskLow(1),
        Finding::ReaderServiceAbsent,
        Finding::ReaderServiceRefused,
        Finding::ReaderServiceFrozen,
        Finding::ReaderServiceFails(text()),
        Finding::ReaderHeldByKernel,
        Finding::ReaderAbsent,
        Finding::ReaderOther { wanted: text() },
        Finding::CardHeld(text()),
        Finding::ClockBehind(1),
        Finding::ClockOff(-1),
        Finding::ClockNotSynchronised,
        Finding::CertificateEnded,
        Finding::CertificateEnds(NOW),
        Finding::RegionUnset,
        Finding::PrinterAbsent(text()),
        Finding::PrinterFails(text()),
        Finding::BankTerminalAbsent(text()),
        Finding::BankTerminalOther(text()),
        Finding::DaemonAbsent,
        Finding::DaemonRefused(path()),
        Finding::DaemonSilent(text()),
        Finding::NotSelling(Refusal::ClosingNeeded),
    ];
    let kinds = [FileSystem::Network, FileSystem::Memory, FileSystem::Overlay, FileSystem::Fat];
    all.extend(kinds.map(Finding::FileSystem));
    let measures = [Measure::Offline, Measure::Entries, Measure::Cents, Measure::DenyList];
    all.extend(measures.map(|measure| exposure(measure, measure == Measure::Cents)));
    let unreachable = [
        Unreachable::Settings(text()),
        Unreachable::Name { name: text(), why: text() },
        Unreachable::Connection(text(), text()),
        Unreachable::Proxy(text(), text()),
        Unreachable::TlsTime(text()),
        Unreachable::TlsName(text()),
        Unreachable::TlsAuthority(text()),
        Unreachable::Tls(text(), text()),
        Unreachable::Slow(text()),
        Unreachable::NotTheRegion(text(), 302),
        Unreachable::Other(text(), text()),
    ];
    all.extend(unreachable.map(|why| Finding::Region { url: "https://region.example:8443/".to_owned(), why }));
    all
}

#[test]
fn every_finding_is_a_sentence_in_both_languages_and_stands_in_the_documentation() {
    let all = every_finding();
    let document = include_str!("../../../docs/operations.md");
    for finding in &all {
        let [french, english] =
            [Language::French, Language::English].map(|language| words(finding, Path::new("/data"), language));
        for said in [&french.sentence, &english.sentence] {
            assert!(said.ends_with('.') && !said.contains('\n') && !said.contains("  "), "{said}");
        }
        assert_ne!(french.sentence, english.sentence, "{finding:?}");
        assert_eq!(french.mend, english.mend);
        assert!(document.contains(&format!("| `{}` |", finding.code())), "{} is not explained", finding.code());
    }
    let told: BTreeSet<_> = all.iter().map(Finding::code).collect();
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | ").map(|(code, _)| code));
    let section: BTreeSet<_> = rows.filter(|code| told.contains(code)).collect();
    assert_eq!(section, told);
}

#[test]
fn what_mends_is_a_line_that_a_shell_understands() {
    for finding in every_finding() {
        let Some(mend) = words(&finding, Path::new("/var/lib/pass-terminal"), Language::English).mend else { continue };
        let checked = std::process::Command::new("sh").args(["-n", "-c", &mend]).output().unwrap();
        assert!(checked.status.success(), "{mend}: {}", String::from_utf8_lossy(&checked.stderr));
    }
}
