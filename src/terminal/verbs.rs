//! The verbs of the command line that are the terminal's own: run, enrol, verify, validate, doctor, and status and journal when no daemon runs.

use std::io::{IsTerminal as _, Write};
use std::path::Path;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::crypto::Ed25519PublicKey;
use crate::domain::CashierId;
use crate::domain::cashier::Cashiers;
use crate::domain::refusal::Language;
use crate::domain::spoken::Spoken;
use crate::ledger::{
    By, KeysError, Ledger, LedgerError, LedgerThread, OpenError, TerminalKeys, VerifyError, View, verify,
};
use crate::machine::exchange::Schedule;
use crate::machine::sale::View as Shown;
use crate::reader::ReaderFilter;
use crate::succession::Succession;
use crate::till::{
    CashierOrder, CashierRefused, CloseOrder, Closed, ClosingQuery, ExportReport, ImportReport, JournalLine,
    JournalQuery, NotCarried, NotClosed, ReaderState, Status,
};
use crate::uplink::Uplink;
use crate::wire::code::{EnrolmentCode, NotACode};

use super::archive;
use super::backup;
use super::carrier;
use super::cashiers::carry_out;
use super::cli::{DaemonVerbs, Exit, Failure, Setup};
use super::clock::{Clock, SystemClock};
use super::closings::{close, closings, verify_since_closing};
use super::config::{ExchangeTimes, PaymentSettings, Settings};
use super::daemon::{DaemonSettings, RunError, run};
use super::doctor;
use super::enrol::{EnrolError, enrol};
use super::exchanger::{Exchange, ExchangeError};
use super::failures;
use super::journal::{Living, journal, status};
use super::key_verbs;
use super::pin;
use super::proof;
use super::region_file::RegionFile;

/// How many messages the exchange after an enrolment may take.
const FIRST_EXCHANGES_MAX: u32 = 1000;

/// The verbs.
#[derive(Clone, Copy, Debug)]
pub struct Verbs;

impl DaemonVerbs for Verbs {
    fn run(&self, setup: &Setup, _out: &mut dyn Write) -> Result<Exit, Failure> {
        let settings = daemon_settings(&setup.settings)?;
        runtime()?.block_on(run(settings)).map_err(|error| run_failure(&error, setup.language))?;
        Ok(Exit::Done)
    }

    fn enrol(&self, setup: &Setup, region: Option<&str>, code: &str, out: &mut dyn Write) -> Result<Exit, Failure> {
        let code = EnrolmentCode::parse(code).map_err(|error| {
            let french = match error {
                NotACode::Length => {
                    "Un code d'inscription a sept groupes de cinq lettres ou chiffres : recopiez-le en entier."
                        .to_owned()
                }
                NotACode::Character(character) => {
                    format!(
                        "Aucun code d'inscription ne contient « {character} » : comparez avec ce que vous avez reçu."
                    )
                }
                NotACode::Check => {
                    "Un caractère du code d'inscription est faux : comparez avec ce que vous avez reçu.".to_owned()
                }
            };
            Failure::new(Exit::Data, say(setup.language, &french, &format!("The enrolment code is no good: {error}.")))
        })?;
        let Some(url) = region.or(setup.settings.region.as_deref()) else {
            let french = "Il manque l'adresse de la région : ajoutez --region URL.";
            let english = "The region's address is missing: add --region URL.";
            return Err(Failure::new(Exit::Usage, say(setup.language, french, english)));
        };
        let region = RegionFile { url: url.to_owned(), authorities: setup.settings.region_authorities.clone() };
        let data = &setup.settings.data;
        let (runtime, clock) = (runtime()?, SystemClock::default());
        let enrolled = runtime
            .block_on(enrol(data, &region, &code, clock.now()))
            .map_err(|error| enrol_failure(&error, setup.language))?;
        // The deny list, before the first sale.
        let first = runtime.block_on(first_exchange(data, &region));
        let (id, name) = (enrolled.terminal, &enrolled.partner_name);
        if setup.json {
            let exchanged = first.is_ok();
            let partner = enrolled.partner.get();
            let line = json!({
                "terminal_id": id.get(), "partner_id": partner, "partner": name, "exchanged": exchanged,
            });
            writeln!(out, "{line}")?;
        } else {
            let french = format!("Terminal {id} inscrit pour « {name} ».");
            writeln!(out, "{}", say(setup.language, &french, &format!("Terminal {id} enrolled for “{name}”.")))?;
        }
        if let Err(error) = first {
            let why = failures::exchange(&error);
            let french = format!(
                "Le premier échange avec la région n'a pas abouti : {}. Le terminal vendra après le prochain.",
                why.french
            );
            let english = format!(
                "The first exchange with the region failed: {}. The terminal sells after the next one.",
                why.english
            );
            return Err(Failure::new(Exit::NoDaemon, say(setup.language, &french, &english)));
        }
        Ok(Exit::Done)
    }

    fn verify(&self, setup: &Setup, out: &mut dyn Write) -> Result<Exit, Failure> {
        let bar = progress_bar(setup);
        let checked = verify(&setup.settings.data, None, |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        });
        bar.finish_and_clear();
        match checked {
            Ok(verified) => {
                let (sequence, hash) = (verified.head.sequence.get(), verified.head.hash.to_string());
                let (entries, receipts) = (verified.entries, verified.receipts);
                if setup.json {
                    let line = json!({
                        "verified": true, "entries": entries, "receipts": receipts, "head": sequence, "hash": hash,
                    });
                    writeln!(out, "{line}")?;
                } else {
                    let french = format!(
                        "Journal vérifié : {entries} écritures et {receipts} reçus de la région sont intacts.\n\
                         Dernière écriture : {sequence}, empreinte {hash}."
                    );
                    let english = format!(
                        "Ledger verified: {entries} entries and {receipts} receipts of the region are intact.\n\
                         Newest entry: {sequence}, hash {hash}."
                    );
                    writeln!(out, "{}", say(setup.language, &french, &english))?;
                }
                Ok(Exit::Done)
            }
            Err(error) => not_verified(setup, &error, out),
        }
    }

    fn verify_receipt(
        &self,
        setup: &Setup,
        code: &str,
        key: Option<Ed25519PublicKey>,
        out: &mut dyn Write,
    ) -> Result<Exit, Failure> {
        let keys = match key {
            Some(key) => Succession::new(key),
            None => {
                let view = View::open(&setup.settings.data).map_err(|error| open_failure(&error, setup.language))?;
                view.succession().clone()
            }
        };
        proof::verify_receipt(setup, code, &keys, out)
    }

    fn archive(&self, setup: &Setup, year: u16, directory: &Path, out: &mut dyn Write) -> Result<Exit, Failure> {
        archive::create(setup, year, directory, out)
    }

    fn verify_archive(
        &self,
        setup: &Setup,
        directory: &Path,
        key: Option<Ed25519PublicKey>,
        out: &mut dyn Write,
    ) -> Result<Exit, Failure> {
        archive::verify(setup, directory, key, out)
    }

    fn validate(&self, setup: &Setup, out: &mut dyn Write) -> Result<Exit, Failure> {
        let settings = &setup.settings;
        if let Some(url) = &settings.region {
            let good = Uplink::new(url, settings.region_authorities.as_deref());
            good.map_err(|error| {
                Failure::new(Exit::Config, format!("region: {}", failures::line(&error).in_language(setup.language)))
            })?;
        }
        let enrolled = Ledger::exists(&settings.data);
        if enrolled {
            TerminalKeys::load(&settings.data).map_err(|error| keys_failure(&error, setup.language))?;
            View::open(&settings.data).map_err(|error| open_failure(&error, setup.language))?;
        }
        let data = settings.data.display();
        if setup.json {
            writeln!(out, "{}", json!({ "valid": true, "data": data.to_string(), "enrolled": enrolled }))?;
        } else {
            let (french, english) = if enrolled {
                ("Le terminal est inscrit et son journal s'ouvre.", "The terminal is enrolled and its ledger opens.")
            } else {
                ("Le terminal n'est pas encore inscrit.", "The terminal is not enrolled yet.")
            };
            let french = format!("La configuration est bonne ({data}). {french}");
            writeln!(
                out,
                "{}",
                say(setup.language, &french, &format!("The configuration is good ({data}). {english}"))
            )?;
        }
        Ok(Exit::Done)
    }

    fn doctor(&self, setup: &Setup, out: &mut dyn Write) -> Result<Exit, Failure> {
        doctor::doctor(setup, out)
    }

    fn show_keys(&self, setup: &Setup, out: &mut dyn Write) -> Result<Exit, Failure> {
        key_verbs::show(setup, out)
    }

    fn change_keys(&self, setup: &Setup, out: &mut dyn Write) -> Result<Exit, Failure> {
        key_verbs::change(setup, out)
    }

    fn backup(&self, setup: &Setup, file: &Path, out: &mut dyn Write) -> Result<Exit, Failure> {
        backup::backup(setup, file, out)
    }

    fn check_backup(&self, setup: &Setup, file: &Path, out: &mut dyn Write) -> Result<Exit, Failure> {
        backup::check(setup, file, out)
    }

    fn export_without_daemon(&self, setup: &Setup) -> Result<Option<Result<ExportReport, NotCarried>>, Failure> {
        let data = &setup.settings.data;
        with_ledger(setup, |ledger| carrier::export(ledger, data, SystemClock::default().now()))
    }

    fn import_without_daemon(
        &self,
        setup: &Setup,
        answer: &[u8],
    ) -> Result<Option<Result<ImportReport, NotCarried>>, Failure> {
        with_ledger(setup, |ledger| carrier::import(ledger, answer, SystemClock::default().now()))
    }

    fn status_without_daemon(&self, setup: &Setup) -> Result<Option<Status>, Failure> {
        with_view(setup, |view| {
            let living = Living {
                reader: ReaderState::Unavailable(failures::no_daemon()),
                view: Shown::Idle,
                printer: None,
                bank_terminal: setup.settings.payment.as_ref().map(|payment| payment.tpe().address().to_owned()),
                refusal: None,
                last_error: None,
                next_attempt: None,
            };
            status(view, SystemClock::default().now(), living)
        })
    }

    fn journal_without_daemon(&self, setup: &Setup, query: JournalQuery) -> Result<Option<Vec<JournalLine>>, Failure> {
        with_view(setup, |view| journal(view, query))
    }

    fn close_without_daemon(
        &self,
        setup: &Setup,
        order: CloseOrder,
    ) -> Result<Option<Result<Closed, NotClosed>>, Failure> {
        let Settings { data, closing, .. } = &setup.settings;
        with_ledger(setup, |ledger| {
            verify_since_closing(data, ledger.view())?;
            let now = SystemClock::default().now().max(ledger.view().floor());
            close(ledger, By { cashier: None, now }, order, closing.float)
        })
    }

    fn closings_without_daemon(&self, setup: &Setup, query: ClosingQuery) -> Result<Option<Vec<Closed>>, Failure> {
        with_view(setup, |view| closings(view, query))
    }

    fn cashiers_without_daemon(&self, setup: &Setup) -> Result<Option<Cashiers>, Failure> {
        with_view(setup, |view| Ok(view.cashiers().clone()))
    }

    fn change_cashiers_without_daemon(
        &self,
        setup: &Setup,
        order: &CashierOrder,
    ) -> Result<Option<Result<CashierId, CashierRefused>>, Failure> {
        with_ledger(setup, |ledger| {
            let hash = match order {
                CashierOrder::Add { pin, .. } | CashierOrder::SetPin { pin, .. } => pin::hash(pin)?,
                CashierOrder::Disable(_) | CashierOrder::Enable(_) => String::new(),
            };
            let now = SystemClock::default().now().max(ledger.view().floor());
            Ok(carry_out(ledger, By { cashier: None, now }, order, &hash)?)
        })
    }
}

pub(super) fn say(language: Language, french: &str, english: &str) -> String {
    match language {
        Language::French => french.to_owned(),
        Language::English => english.to_owned(),
    }
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Internal, error.to_string()))
}

pub(super) fn region_of(settings: &Settings) -> Result<Option<RegionFile>, Failure> {
    let stored = RegionFile::load(&settings.data).map_err(|error| Failure::new(Exit::Config, error.to_string()))?;
    let authorities = settings.region_authorities.clone();
    Ok(match &settings.region {
        Some(url) => Some(RegionFile { url: url.clone(), authorities }),
        None => stored.map(|stored| RegionFile { authorities: authorities.or(stored.authorities), ..stored }),
    })
}

fn daemon_settings(settings: &Settings) -> Result<DaemonSettings, Failure> {
    Ok(DaemonSettings {
        data: settings.data.clone(),
        socket: settings.socket(),
        listen: settings.listen,
        metrics: settings.metrics,
        reader: settings.reader.clone().map_or(ReaderFilter::Any, ReaderFilter::Named),
        schedule: schedule(&settings.exchange),
        region: region_of(settings)?,
        session_idle: settings.session_idle,
        closing: settings.closing,
        printer: settings.printer.clone(),
        bank_terminal: settings.payment.as_ref().map(PaymentSettings::tpe),
    })
}

fn schedule(times: &ExchangeTimes) -> Schedule {
    Schedule {
        window_from_seconds: u32::from(times.window_from.minutes()) * 60,
        window_to_seconds: u32::from(times.window_to.minutes()) * 60,
        interval_min: times.interval_min,
        ..Schedule::default()
    }
}

/// The exchange after the enrolment: brings the deny list, without which nothing may be sold.
async fn first_exchange(data: &Path, region: &RegionFile) -> Result<(), ExchangeError> {
    let uplink = Some(Uplink::new(&region.url, region.authorities.as_deref())?);
    let unopened = |error: OpenError| ExchangeError::Unopened(error.to_string());
    let keys = TerminalKeys::load(data).map_err(|error| ExchangeError::Unopened(error.to_string()))?;
    let clock = Arc::new(SystemClock::default());
    let ledger = Ledger::open_with(data, keys, clock.now()).map_err(unopened)?;
    let thread = LedgerThread::spawn(ledger).map_err(|error| ExchangeError::Unopened(error.to_string()))?;
    let exchange = Exchange { ledger: thread.handle(), uplink, clock, data: data.to_owned() };
    for _ in 0..FIRST_EXCHANGES_MAX {
        if !exchange.once(Vec::new()).await?.more {
            break;
        }
    }
    thread.stop()?;
    Ok(())
}

/// Works on the ledger in the place of no daemon; nothing where there is none.
fn with_ledger<T>(setup: &Setup, work: impl FnOnce(&mut Ledger) -> T) -> Result<Option<T>, Failure> {
    let data = &setup.settings.data;
    if !Ledger::exists(data) {
        return Ok(None);
    }
    let keys = TerminalKeys::load(data).map_err(|error| keys_failure(&error, setup.language))?;
    let now = SystemClock::default().now();
    let mut ledger = Ledger::open_with(data, keys, now).map_err(|error| open_failure(&error, setup.language))?;
    Ok(Some(work(&mut ledger)))
}

/// Reads the ledger beside no daemon; nothing where there is none.
fn with_view<T>(
    setup: &Setup,
    read: impl FnOnce(&View) -> Result<T, crate::ledger::LedgerError>,
) -> Result<Option<T>, Failure> {
    if !Ledger::exists(&setup.settings.data) {
        return Ok(None);
    }
    let view = View::open(&setup.settings.data).map_err(|error| open_failure(&error, setup.language))?;
    read(&view).map(Some).map_err(|error| open_failure(&error.into(), setup.language))
}

pub(super) fn progress_bar(setup: &Setup) -> ProgressBar {
    if setup.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} ({per_sec}, {eta})") {
        bar.set_style(style);
    }
    bar
}

fn not_verified(setup: &Setup, error: &VerifyError, out: &mut dyn Write) -> Result<Exit, Failure> {
    match error {
        VerifyError::Wrong(fault) => {
            if setup.json {
                let sequence = fault.sequence.map(|sequence| sequence.get());
                let line = json!({ "verified": false, "entry": sequence, "wrong": fault.to_string() });
                writeln!(out, "{line}")?;
                return Ok(Exit::Data);
            }
            let french = format!(
                "Le journal n'est pas intact : {fault}.\nNe vendez plus avec ce terminal et appelez le support."
            );
            let english =
                format!("The ledger is not intact: {fault}.\nSell nothing with this terminal and call support.");
            Err(Failure::new(Exit::Data, say(setup.language, &french, &english)))
        }
        VerifyError::Open(error) => Err(open_failure(error, setup.language)),
    }
}

pub(super) fn keys_failure(error: &KeysError, language: Language) -> Failure {
    let exit = match error {
        KeysError::File { .. } | KeysError::Exposed(_) | KeysError::Key { .. } => Exit::Config,
        KeysError::Crypto(_) => Exit::Internal,
    };
    Failure::new(exit, failures::keys(error).in_language(language).to_owned())
}

pub(super) fn open_failure(error: &OpenError, language: Language) -> Failure {
    match error {
        OpenError::InUse(_) => {
            let french = "Un autre programme utilise ce journal : un terminal ne tourne qu'une fois.".to_owned();
            Failure::new(Exit::NoDaemon, say(language, &french, &error.to_string()))
        }
        OpenError::NotThere(_) => not_enrolled(language),
        OpenError::Ledger(error @ LedgerError::Unavailable(_)) => disk_failure(error, language),
        other => {
            let french = format!("Le journal ne peut pas être utilisé, rien n'y a été changé : {other}.");
            let english = format!("The ledger cannot be used, and nothing of it was changed: {other}.");
            Failure::new(Exit::Config, say(language, &french, &english))
        }
    }
}

/// The disk does not take or give what is asked of it, which may pass.
fn disk_failure(error: &LedgerError, language: Language) -> Failure {
    let french = format!(
        "Le disque est plein, en lecture seule ou abîmé : rien n'est perdu, faites de la place ou appelez le support ({error})."
    );
    let english =
        format!("The disk is full, read-only or failing: nothing is lost, make room or call support ({error}).");
    Failure::new(Exit::Io, say(language, &french, &english))
}

fn not_enrolled(language: Language) -> Failure {
    let french = "Ce terminal n'est pas inscrit : lancez d'abord « pass-terminal enrol ».";
    let english = "This terminal is not enrolled: run « pass-terminal enrol » first.";
    Failure::new(Exit::Config, say(language, french, english))
}

fn run_failure(error: &RunError, language: Language) -> Failure {
    let told = |exit, said: Spoken| Failure::new(exit, said.in_language(language).to_owned());
    match error {
        RunError::NotEnrolled(_) => not_enrolled(language),
        RunError::Keys(error) => keys_failure(error, language),
        RunError::Open(error) => open_failure(error, language),
        RunError::Ledger(error) => open_failure(&OpenError::Ledger(error.clone()), language),
        RunError::Uplink(error) => told(Exit::Config, failures::line(error)),
        RunError::Serve(error) => told(Exit::Config, failures::serving(error)),
        RunError::Listen(error) => told(Exit::Config, failures::listening(error)),
        RunError::Metrics { address, error: why } => {
            let french = format!("Les mesures ne peuvent pas être données sur {address} ({why}).");
            told(Exit::Config, Spoken::new(french, error.to_string()))
        }
        RunError::Access(why) => {
            let french = format!("La liste des caisses ne peut pas être lue ({why}).");
            told(Exit::Config, Spoken::new(french, error.to_string()))
        }
        RunError::ThreadEnded(_) | RunError::System(_) => {
            let french = format!("Le système ne laisse pas le terminal tourner ({error}).");
            told(Exit::Internal, Spoken::new(french, error.to_string()))
        }
    }
}

fn enrol_failure(error: &EnrolError, language: Language) -> Failure {
    let exit = match error {
        EnrolError::Enrolled(_) => Exit::Config,
        EnrolError::Directory { .. } | EnrolError::RegionFile(_) => Exit::Io,
        EnrolError::Keys(error) => return keys_failure(error, language),
        EnrolError::Crypto(_) => Exit::Internal,
        EnrolError::Uplink(error) if error.is_final() => Exit::Data,
        EnrolError::Uplink(_) => Exit::NoDaemon,
        EnrolError::Answer(_) | EnrolError::NotAuthentic | EnrolError::OtherTerminal => Exit::Data,
        EnrolError::Ledger(error) => return open_failure(error, language),
    };
    // The region's own explanation may end as a sentence does.
    let why = error.to_string();
    let why = why.trim_end_matches('.');
    let french = format!("Le terminal n'a pas été inscrit : {}.", failures::enrolment_in_french(error));
    Failure::new(exit, say(language, &french, &format!("The terminal was not enrolled: {why}.")))
}
