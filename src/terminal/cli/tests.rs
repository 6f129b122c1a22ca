//! The whole command line, as it is typed, against a daemon that does as it is told.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::*;
use crate::domain::catalogue::Code;
use crate::domain::entry::Tender;
use crate::domain::refusal::Refusal;
use crate::domain::spoken::Spoken;
use crate::domain::{Cents, RequestId, Sequence};
use crate::machine::sale::{Command, Outcome, Refused, Undone};
use crate::till::fake::{self, FakeDesk, Reply, card};
use crate::till::server::{Api, LocalServer};
use crate::till::web::Access;

/// Notes what it was called for.
#[derive(Default)]
struct FakeVerbs {
    called: Mutex<Vec<String>>,
    /// Whether there is a ledger to read without the daemon.
    ledger: bool,
}

impl FakeVerbs {
    fn note(&self, call: String) -> Result<Exit, Failure> {
        self.called.lock().unwrap().push(call);
        Ok(Exit::Done)
    }
}

impl DaemonVerbs for FakeVerbs {
    fn run(&self, setup: &Setup, _: &mut dyn Write) -> Result<Exit, Failure> {
        self.note(format!("run {:?} {:?}", setup.settings.data, setup.settings.reader))
    }

    fn enrol(&self, _: &Setup, region: Option<&str>, code: &str, _: &mut dyn Write) -> Result<Exit, Failure> {
        self.note(format!("enrol {region:?} {code}"))
    }

    fn verify(&self, _: &Setup, out: &mut dyn Write) -> Result<Exit, Failure> {
        writeln!(out, "broken")?;
        Ok(Exit::Data)
    }

    fn verify_receipt(
        &self,
        _: &Setup,
        code: &str,
        key: Option<Ed25519PublicKey>,
        _: &mut dyn Write,
    ) -> Result<Exit, Failure> {
        self.note(format!("verify {code} {}", key.is_some()))
    }

    fn archive(&self, _: &Setup, year: u16, directory: &Path, _: &mut dyn Write) -> Result<Exit, Failure> {
        self.note(format!("archive {year} {}", directory.display()))
    }

    fn verify_archive(
        &self,
        _: &Setup,
        directory: &Path,
        key: Option<Ed25519PublicKey>,
        _: &mut dyn Write,
    ) -> Result<Exit, Failure> {
        self.note(format!("verify archive {} {}", directory.display(), key.is_some()))
    }

    fn doctor(&self, _: &Setup, _: &mut dyn Write) -> Result<Exit, Failure> {
        self.note("doctor".to_owned())
    }

    fn show_keys(&self, _: &Setup, _: &mut dyn Write) -> Result<Exit, Failure> {
        self.note("keys".to_owned())
    }

    fn change_keys(&self, _: &Setup, _: &mut dyn Write) -> Result<Exit, Failure> {
        self.note("keys change".to_owned())
    }

    fn validate(&self, setup: &Setup, _: &mut dyn Write) -> Result<Exit, Failure> {
        Err(Failure::new(Exit::Config, format!("{:?}", setup.language)))
    }

    fn backup(&self, _: &Setup, file: &Path, _: &mut dyn Write) -> Result<Exit, Failure> {
        self.note(format!("backup {}", file.display()))
    }

    fn check_backup(&self, setup: &Setup, file: &Path, _: &mut dyn Write) -> Result<Exit, Failure> {
        self.note(format!("check {} {}", file.display(), setup.settings.data.display()))
    }

    fn export_without_daemon(&self, _: &Setup) -> Result<Option<Result<ExportReport, NotCarried>>, Failure> {
        let full = NotCarried::Ledger("the disk is full".to_owned());
        Ok(self.ledger.then_some(Err(full)))
    }

    fn import_without_daemon(&self, _: &Setup, _: &[u8]) -> Result<Option<Result<ImportReport, NotCarried>>, Failure> {
        Ok(self.ledger.then_some(Err(NotCarried::NotExported)))
    }

    fn status_without_daemon(&self, _: &Setup) -> Result<Option<Status>, Failure> {
        Ok(self.ledger.then(fake::status))
    }

    fn journal_without_daemon(&self, _: &Setup, query: JournalQuery) -> Result<Option<Vec<JournalLine>>, Failure> {
        self.note(format!("journal {}", query.limit))?;
        Ok(self.ledger.then(|| vec![fake::debit_line()]))
    }

    fn close_without_daemon(&self, _: &Setup, order: CloseOrder) -> Result<Option<Result<Closed, NotClosed>>, Failure> {
        self.note(format!("close {order:?}"))?;
        Ok(self.ledger.then_some(Err(NotClosed::Nothing)))
    }

    fn closings_without_daemon(&self, _: &Setup, query: ClosingQuery) -> Result<Option<Vec<Closed>>, Failure> {
        self.note(format!("closings {}", query.limit))?;
        Ok(self.ledger.then(|| vec![fake::closed()]))
    }

    fn cashiers_without_daemon(&self, _: &Setup) -> Result<Option<Cashiers>, Failure> {
        Ok(self.ledger.then(|| Cashiers::new(vec![fake::manager()])))
    }

    fn change_cashiers_without_daemon(
        &self,
        _: &Setup,
        order: &CashierOrder,
    ) -> Result<Option<Result<CashierId, CashierRefused>>, Failure> {
        self.note(format!("{order:?}"))?;
        Ok(self.ledger.then_some(Err(CashierRefused::LastManager)))
    }
}

/// What a command line came to.
#[derive(Debug, PartialEq, Eq)]
struct Ran {
    exit: Exit,
    out: String,
    err: String,
}

fn typed(verbs: &FakeVerbs, args: &[&str]) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = ["pass-terminal"].iter().chain(args).map(OsString::from);
    let exit = run(args, verbs, &mut out, &mut err);
    Ran { exit, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

/// A daemon on a directory of its own, until it is dropped.
struct Daemon {
    dir: tempfile::TempDir,
    desk: Arc<FakeDesk>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// Where the page of such a daemon would listen.
const PAGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8470);

impl Daemon {
    fn start(desk: FakeDesk) -> Self {
        let (dir, desk) = (tempfile::tempdir().unwrap(), Arc::new(desk));
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = mpsc::channel();
        let (path, served) = (dir.path().join("socket"), desk.clone());
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let server = LocalServer::bind(&path).unwrap();
                let access = Access::open(path.with_file_name("tills.json"), Some(PAGE)).unwrap();
                ready.send(()).unwrap();
                server.serve(Api::new(served, access), async { stopped.await.unwrap_or_default() }).await;
            });
        });
        is_ready.recv().unwrap();
        Self { dir, desk, stop: Some(stop), thread: Some(thread) }
    }

    fn typed(&self, args: &[&str]) -> Ran {
        let data = self.dir.path().to_str().unwrap();
        typed(&FakeVerbs::default(), &[&["--data", data], args].concat())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
        self.thread.take().unwrap().join().unwrap();
    }
}

fn no_daemon() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap().to_owned();
    (dir, data)
}

#[test]
fn a_sale_from_the_command_line_to_the_desk() {
    let daemon = Daemon::start(FakeDesk::answering(Outcome::Granted(fake::granted())));
    let id = "00112233445566778899aabbccddeeff";
    let ran = daemon.typed(&[
        "redeem",
        "--benefit",
        "cinema",
        "--price",
        "23,50",
        "--seats",
        "2",
        "--supplement",
        "2.00",
        "--paid",
        "card",
        "--wait",
        "7",
        "--id",
        id,
    ]);
    assert_eq!((ran.exit, ran.err.as_str()), (Exit::Done, ""));
    assert!(ran.out.starts_with("ACCORDÉ - Cinéma : 1 place · à encaisser 1,00 €"), "{}", ran.out);
    let asked = daemon.desk.last_asked();
    assert_eq!((asked.id, asked.wait), (RequestId::parse(id).unwrap(), Duration::from_secs(7)));
    match asked.command {
        Command::Redeem { request, tender, confirmed: None } if tender == Tender::Card.into() => {
            assert_eq!(request.benefit, Some(Code::new("cinema").unwrap()));
            assert_eq!((request.price, request.seats), (Some(Cents::from_u32(2350)), Some(2)));
            assert_eq!(request.supplement, Cents::from_u32(200));
        }
        other => panic!("{other:?}"),
    }
    let json = daemon.typed(&["redeem", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&answer["outcome"], &answer["entry"]), (&"granted".into(), &12.into()));
    assert_eq!(daemon.desk.last_asked().wait, Duration::from_secs(30));
    assert!(daemon.typed(&["redeem", "--lang", "en"]).out.starts_with("GRANTED - "));
}

#[test]
fn the_exit_status_says_whether_to_try_again() {
    let table = [
        (Refusal::NothingLeft, Exit::Refused, 3),
        (Refusal::CardDenied, Exit::Refused, 3),
        (Refusal::TerminalSuspended, Exit::Refused, 3),
        (Refusal::SaleInDoubt, Exit::Again, 4),
        (Refusal::Busy, Exit::Again, 4),
        (Refusal::SeveralCards, Exit::Again, 4),
        (Refusal::CardRemoved, Exit::Again, 4),
        (Refusal::CardChanged, Exit::Again, 4),
    ];
    for (refusal, exit, code) in table {
        let daemon = Daemon::start(FakeDesk::answering(Outcome::Refused(Refused::because(refusal))));
        let ran = daemon.typed(&["redeem"]);
        assert_eq!((ran.exit, exit.code()), (exit, code), "{refusal}");
        assert!(ran.out.contains(refusal.sentence(Language::French)), "{}", ran.out);
    }
}

#[test]
fn an_answer_that_is_lost_leaves_a_doubt() {
    let said = |ran: &Ran| {
        assert_eq!(ran.exit, Exit::Again);
        assert!(ran.out.contains("Représentez la carte et relancez la même commande avec --id"), "{}", ran.out);
    };
    // The desk ends in the middle.
    let daemon = Daemon::start(FakeDesk::new(|_| Reply::Gone));
    said(&daemon.typed(&["redeem"]));
    said(&daemon.typed(&["undo"]));
    // The daemon goes in the middle.
    let dir = tempfile::tempdir().unwrap();
    let listener = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
    let gone = thread::spawn(move || drop(listener.accept().unwrap()));
    let data = dir.path().to_str().unwrap().to_owned();
    said(&typed(&FakeVerbs::default(), &["redeem", "--data", &data]));
    gone.join().unwrap();

    let json = daemon.typed(&["redeem", "--json", "--id", &"ab".repeat(16)]);
    assert_eq!(json.out, format!("{{\"outcome\":\"unknown\",\"id\":\"{}\"}}\n", "ab".repeat(16)));
}

#[test]
fn an_undo_and_an_abandonment() {
    let undone = Undone {
        entry: Sequence::new(13),
        debit: Sequence::new(12),
        card: card(),
        returned: Cents::from_u32(100),
        tender: Tender::Cash.into(),
    };
    let daemon = Daemon::start(FakeDesk::new(move |request| {
        Reply::Outcome(Box::new(match request.command {
            Command::Undo { without_card: true, .. } => Outcome::UndoRequested(undone.clone()),
            Command::Undo { .. } => Outcome::Undone(undone.clone()),
            _ => Outcome::Abandoned { entry: Sequence::new(14), card: card() },
        }))
    }));
    assert!(daemon.typed(&["undo", "12", "--wait", "3"]).out.starts_with("ANNULÉ - à rendre 1,00 € en espèces"));
    let asked = daemon.desk.last_asked();
    assert_eq!(asked.wait, Duration::from_secs(3));
    assert_eq!(asked.command, Command::Undo { entry: Some(Sequence::new(12)), without_card: false });
    let requested = daemon.typed(&["undo", "--without-card"]);
    assert_eq!(requested.exit, Exit::Done);
    assert!(requested.out.starts_with("ANNULATION DEMANDÉE"));
    assert_eq!(daemon.desk.last_asked().command, Command::Undo { entry: None, without_card: true });

    let digits = card().digits();
    let spaced = format!("{} {} {} {}", &digits[..4], &digits[4..8], &digits[8..12], &digits[12..]);
    for number in [digits, spaced] {
        assert!(daemon.typed(&["abandon", &number]).out.starts_with("VENTE ABANDONNÉE"));
        assert_eq!(daemon.desk.last_asked().command, Command::Abandon { card: Some(card()) });
    }
}

#[test]
fn card_status_journal_and_sync() {
    let daemon = Daemon::start(FakeDesk::answering(fake::quoted()));
    assert_eq!(daemon.typed(&["card"]).out, "Aucune carte sur le lecteur.\n");
    assert_eq!(daemon.typed(&["card", "--json"]).out, "{\"present\":false}\n");
    assert!(daemon.typed(&["status"]).out.starts_with("PRÊT - terminal 17"));
    assert!(
        daemon.typed(&["journal", "--limit", "5", "--before", "14", "--since", "2026-11-22"]).out.starts_with("13 · ")
    );
    let query = daemon.desk.journal.lock().unwrap()[0];
    assert_eq!((query.limit, query.before), (5, Some(Sequence::new(14))));
    assert_eq!(query.since.unwrap().to_string(), "2026-11-21T23:00:00Z");
    assert_eq!(daemon.typed(&["sync"]).exit, Exit::Done);

    let mut desk = FakeDesk::answering(fake::quoted());
    desk.sync_error = Some(Spoken::new("la région ne répond pas", "the region does not answer"));
    let daemon = Daemon::start(desk);
    let ran = daemon.typed(&["sync"]);
    assert_eq!(ran.exit, Exit::Io);
    assert!(ran.out.starts_with("ÉCHANGE INTERROMPU"));
    assert_eq!(ran.out.lines().nth(1), Some("La région ne répond pas."));
}

#[test]
fn without_a_daemon_there_is_one_sentence() {
    let (_dir, data) = no_daemon();
    for verb in
        [&["card"][..], &["redeem"], &["undo"], &["sync"], &["status"], &["journal"], &["abandon", "9250000000000008"]]
    {
        let ran = typed(&FakeVerbs::default(), &[verb, &["--data", &data]].concat());
        assert_eq!((ran.exit, ran.out.as_str()), (Exit::NoDaemon, ""), "{verb:?}");
        assert_eq!(
            ran.err,
            format!("Le terminal ne répond pas sur {data}/socket : démarrez le service pass-terminal.\n")
        );
    }
}

#[test]
fn without_a_daemon_the_ledger_answers_for_status_and_journal() {
    let (_dir, data) = no_daemon();
    let verbs = FakeVerbs { ledger: true, ..FakeVerbs::default() };
    let status = typed(&verbs, &["status", "--json", "--data", &data]);
    assert_eq!(status.exit, Exit::Done);
    assert!(status.out.contains("\"running\":false"), "{}", status.out);
    let journal = typed(&verbs, &["journal", "--limit", "7", "--data", &data]);
    assert!(journal.out.starts_with("12 · 22/11/2026 20:41 · vente"), "{}", journal.out);
    assert_eq!(*verbs.called.lock().unwrap(), ["journal 7"]);
}

#[test]
fn the_daemons_own_verbs_get_their_settings() {
    let verbs = FakeVerbs::default();
    let table: [(&[&str], Exit); 5] = [
        (&["run", "--data", "/d", "--reader", "ACR"], Exit::Done),
        (&["--data", "/d", "enrol", "--region", "https://r", "--code", "C-1"], Exit::Done),
        (&["enrol", "--code", "C-2", "--data", "/d"], Exit::Done),
        (&["verify", "--data", "/d"], Exit::Data),
        (&["validate", "--data", "/d", "--lang", "en"], Exit::Config),
    ];
    for (args, exit) in table {
        assert_eq!(typed(&verbs, args).exit, exit, "{args:?}");
    }
    let called = ["run \"/d\" Some(\"ACR\")", "enrol Some(\"https://r\") C-1", "enrol None C-2"];
    assert_eq!(*verbs.called.lock().unwrap(), called);
    assert_eq!(typed(&verbs, &["verify", "--data", "/d"]).out, "broken\n");
    assert_eq!(typed(&verbs, &["validate", "--data", "/d", "--lang", "en"]).err, "English\n");
}

#[test]
fn what_is_typed_wrong_is_a_usage_error() {
    let table: [&[&str]; 17] = [
        &[],
        &["sell"],
        &["redeem"],
        &["redeem", "--data", "/d", "--price", "-1"],
        &["redeem", "--data", "/d", "--price", "1.234"],
        &["redeem", "--data", "/d", "--supplement", "100000"],
        &["redeem", "--data", "/d", "--seats", "x"],
        &["redeem", "--data", "/d", "--benefit", "Cinéma"],
        &["redeem", "--data", "/d", "--paid", "gold"],
        &["redeem", "--data", "/d", "--wait", "601"],
        &["redeem", "--data", "/d", "--id", "12"],
        &["undo", "--data", "/d", "-1"],
        &["abandon", "--data", "/d", "9250000000000001"],
        &["journal", "--data", "/d", "--limit", "0"],
        &["journal", "--data", "/d", "--since", "hier"],
        &["enrol", "--data", "/d"],
        &["status", "--data", "/d", "--lang", "de"],
    ];
    for args in table {
        let ran = typed(&FakeVerbs::default(), args);
        assert_eq!((ran.exit, ran.exit.code(), ran.out.as_str()), (Exit::Usage, 64, ""), "{args:?}");
        assert!(!ran.err.is_empty());
    }
    let nowhere = typed(&FakeVerbs::default(), &["status"]);
    assert_eq!(nowhere.err.lines().count(), 1);
    assert!(nowhere.err.starts_with("Il manque le dossier du terminal"), "{}", nowhere.err);
}

#[test]
fn help_and_version_are_no_errors() {
    for args in [&["--help"][..], &["--version"], &["redeem", "--help"], &["help", "undo"]] {
        let ran = typed(&FakeVerbs::default(), args);
        assert_eq!((ran.exit, ran.err.as_str()), (Exit::Done, ""), "{args:?}");
        assert!(ran.out.contains("pass-terminal"));
    }
}

#[test]
fn the_configuration_is_read_and_the_command_line_wins() {
    let daemon = Daemon::start(FakeDesk::answering(Outcome::Granted(fake::granted())));
    let config = daemon.dir.path().join("terminal.toml");
    std::fs::write(&config, "data = \".\"\nlanguage = \"en\"\ncard-wait-seconds = 12").unwrap();
    let config = config.to_str().unwrap();
    let verbs = FakeVerbs::default();
    assert!(typed(&verbs, &["redeem", "--config", config]).out.starts_with("GRANTED"));
    assert_eq!(daemon.desk.last_asked().wait, Duration::from_secs(12));
    assert!(typed(&verbs, &["redeem", "--config", config, "--lang", "fr"]).out.starts_with("ACCORDÉ"));
    assert_eq!(typed(&verbs, &["redeem", "--config", config, "--data", "/nowhere"]).exit, Exit::NoDaemon);
}

#[test]
fn a_wrong_configuration_is_one_sentence() {
    let (_dir, data) = no_daemon();
    let config = PathBuf::from(data).join("terminal.toml");
    std::fs::write(&config, "data = \"/d\"\nlanguag = \"fr\"\n").unwrap();
    let ran = typed(&FakeVerbs::default(), &["status", "--config", config.to_str().unwrap()]);
    assert_eq!(ran.exit, Exit::Config);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert!(ran.err.contains("est fausse à la ligne 2 « languag = \"fr\" »"), "{}", ran.err);
    assert!(ran.err.contains("la clé languag n'existe pas, ou pas ici ; les clés sont data, reader,"), "{}", ran.err);
    let missing = Path::new("/nonexistent.toml").to_str().unwrap();
    assert_eq!(typed(&FakeVerbs::default(), &["status", "--config", missing]).exit, Exit::Config);
}

#[test]
fn a_request_goes_to_a_file_and_an_answer_comes_from_one() {
    let daemon = Daemon::start(FakeDesk::answering(Outcome::Granted(fake::granted())));
    let at = |name: &str| daemon.dir.path().join(name).to_str().unwrap().to_owned();
    let (file, photo, good, other) = (at("demande"), at("photo.jpg"), at("réponse"), at("autre"));
    let ran = daemon.typed(&["export", &file]);
    assert!(ran.out.contains("500 écritures · 2250,00 € dus par la région"), "{}", ran.out);
    assert!(ran.out.contains("1 vente en doute") && ran.out.contains("12 écritures n'ont pas la place"), "{}", ran.out);
    assert_eq!((ran.exit, std::fs::read(&file).unwrap()), (Exit::Done, b"a request".to_vec()));

    std::fs::write(&photo, b"of the family").unwrap();
    let ran = daemon.typed(&["export", &photo]);
    assert_eq!((ran.exit, std::fs::read(&photo).unwrap()), (Exit::Usage, b"of the family".to_vec()));
    let ran = daemon.typed(&["export", &at("")]);
    assert_eq!((ran.exit, ran.err.contains("c'est un dossier")), (Exit::Io, true), "{}", ran.err);

    std::fs::write(&good, b"an answer").unwrap();
    std::fs::write(&other, b"another's").unwrap();
    let ran = daemon.typed(&["import", &good]);
    let says =
        "RÉPONSE IMPORTÉE - reçu par la région jusqu'à l'écriture 12 · 3 écritures en attente\nTout n'est pas passé";
    assert_eq!((ran.exit, ran.out.contains(says)), (Exit::Done, true), "{}", ran.out);
    let ran = daemon.typed(&["import", &other]);
    assert_eq!((ran.exit, ran.err.contains("pour un autre terminal")), (Exit::Data, true), "{}", ran.err);
    let ran = daemon.typed(&["import", &other, "--json"]);
    assert_eq!((ran.exit, ran.out.contains("\"reason\":\"other-terminal\"")), (Exit::Data, true), "{}", ran.out);
    let ran = daemon.typed(&["import", &at("none")]);
    assert_eq!((ran.exit, ran.err.contains("ne peut pas être lu")), (Exit::Io, true), "{}", ran.err);
}

#[test]
fn files_are_carried_also_without_the_daemon_and_backups_checked_without_a_terminal() {
    let (dir, data) = no_daemon();
    let file = dir.path().join("f").to_str().unwrap().to_owned();
    let verbs = FakeVerbs { ledger: true, ..FakeVerbs::default() };
    let ran = typed(&verbs, &["export", &file, "--data", &data]);
    assert_eq!((ran.exit, ran.err.contains("the disk is full")), (Exit::Io, true), "{}", ran.err);
    std::fs::write(&file, b"x").unwrap();
    let ran = typed(&verbs, &["import", &file, "--data", &data]);
    assert_eq!((ran.exit, ran.err.contains("exportez-en une nouvelle")), (Exit::Data, true), "{}", ran.err);
    assert_eq!(typed(&FakeVerbs::default(), &["import", &file, "--data", &data]).exit, Exit::NoDaemon);
    assert_eq!(typed(&verbs, &["backup", &file]).exit, Exit::Usage, "of which terminal?");
    assert_eq!(typed(&verbs, &["backup", "--check", "/mnt/b"]).exit, Exit::Done);
    assert_eq!(verbs.called.into_inner().unwrap(), ["check /mnt/b ."]);
}

#[test]
fn a_terminal_is_set_up_by_options_alone_and_a_file_that_is_there_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("terminal.toml");
    let config = path.to_str().unwrap();
    let verbs = FakeVerbs::default();
    let given = ["--region", "https://pass.example", "--printer", "", "--language", "en", "--lang", "en"];
    let setup = |more: &[&str]| typed(&verbs, &[&["setup", "--config", config][..], &given, more].concat());
    let done = setup(&["--code", ""]);
    assert_eq!((done.exit, done.err.as_str()), (Exit::Done, ""));
    assert!(done.out.contains("is written"), "{}", done.out);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\nregion = \"https://pass.example\"\n") && text.contains("\nlanguage = \"en\"\n"), "{text}");
    let again = setup(&["--code", ""]);
    assert_eq!((again.exit, again.err.contains("nothing was changed")), (Exit::Config, true));
    assert_eq!(setup(&["--code", "", "--force"]).exit, Exit::Done);
    assert_eq!(setup(&["--code", "ABC", "--force"]).exit, Exit::Usage);
    assert_eq!(verbs.called.lock().unwrap().len(), 0, "without a code nobody is enrolled");
    // The file is good, and `--set` is over it.
    assert_eq!(typed(&verbs, &["validate", "--config", config, "--set", "printer.width=48"]).exit, Exit::Config);
    let wrong = typed(&verbs, &["validate", "--config", config, "--lang", "en", "--set", "printer.width=50"]);
    assert_eq!(wrong.exit, Exit::Config);
    assert!(wrong.err.starts_with("--set printer.width: "), "{}", wrong.err);
}

#[test]
fn payments_on_the_bank_terminal() {
    let daemon = Daemon::start(FakeDesk::answering(Outcome::Refused(Refused::because(Refusal::PaymentUnknown))));
    let (unknown, held) = ("05".repeat(16), "07".repeat(16));
    let table: [(&[&str], Exit, &str); 7] = [
        (&["payment", "test"], Exit::Done, "0300 : aucun argent"),
        (&["payment", "list"], Exit::Done, "À rendre sur le TPE : 2,50 €"),
        (&["payment", "answer", &unknown, "paid"], Exit::Done, "paiement 1,00 € - C'est payé."),
        (&["payment", "answer", &unknown, "paid", "--amount", "0,50"], Exit::Done, "paiement 0,50 €"),
        (&["payment", "answer", &unknown, "not-paid"], Exit::Done, "Le caissier dit : non payé."),
        (&["payment", "refund", &held], Exit::Done, "remboursement 2,50 €"),
        (&["payment", "refund", &unknown], Exit::Refused, "Il n'y a rien à rendre"),
    ];
    for (typed, exit, said) in table {
        let ran = daemon.typed(typed);
        assert_eq!(ran.exit, exit, "{typed:?}: {}", ran.out);
        assert!(ran.out.replace('\u{a0}', " ").contains(said), "{typed:?}: {}", ran.out);
    }
    let refused = daemon.typed(&["redeem", "--paid", "tpe", "--id", &held]);
    assert!(refused.exit == Exit::Refused && refused.out.contains(&format!("--id {held}")), "{}", refused.out);
}
