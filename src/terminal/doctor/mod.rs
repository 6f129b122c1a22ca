//! `doctor`: looks at everything that a terminal needs, says what is wrong in one sentence, and which command mends it.
//!
//! What always holds: it changes nothing and holds nothing, beside a daemon that runs and without one; nothing that it says is secret. `facts` reads the
//! machine, `checks` decides, `words` speaks.

mod checks;
mod facts;
mod finding;
#[cfg(test)]
mod tests;
mod words;

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::domain::Timestamp;
use crate::domain::refusal::Language;
use crate::ledger::{Ledger, VerifyError, View, verify};
use crate::printer::reach;
use crate::reader::{Look, ReaderFilter, WhyUnavailable, look};
use crate::uplink::{Reached, Unreachable, Uplink};

use self::facts::{DaemonFacts, DiskFacts, Kernel};
pub use self::finding::{Check, FileSystem, Finding, Measure, Weight};
pub use self::words::{Words, words};
use super::cli::{Exit, Failure, Setup};
use super::clock::{Clock as _, SystemClock};
use super::config::Settings;
use super::journal::due_update;
use super::region_file::RegionFile;
use super::verbs::{progress_bar, region_of, runtime, say};

/// What was found, check by check, in the order in which they were made.
pub type Report = Vec<(Check, Vec<Finding>)>;

/// What an examination is given beside the terminal's own settings.
#[derive(Debug)]
pub struct Bedside<'a> {
    /// Where the region is, if one is set up.
    pub region: Option<RegionFile>,
    /// Where the machine's own files begin.
    pub root: &'a Path,
    /// The clock.
    pub now: Timestamp,
}

/// The verb.
///
/// # Errors
/// [`Failure`] when nothing can be looked at, or the answer cannot be written.
pub fn doctor(setup: &Setup, out: &mut dyn Write) -> Result<Exit, Failure> {
    let runtime = runtime()?;
    let bar = progress_bar(setup);
    let bedside =
        Bedside { region: region_of(&setup.settings)?, root: Path::new("/"), now: SystemClock::default().now() };
    let report = examine(&setup.settings, &bedside, &runtime, |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    // A card or a name server that does not answer is not waited for.
    runtime.shutdown_background();
    if setup.json {
        writeln!(out, "{}", as_json(&report, &setup.settings.data, setup.language))?;
    } else {
        write!(out, "{}", as_text(&report, &setup.settings.data, setup.language))?;
    }
    Ok(match report.iter().flat_map(|(_, findings)| findings).map(Finding::weight).max() {
        None => Exit::Done,
        Some(Weight::Warning) => Exit::Warnings,
        Some(Weight::Fault) => Exit::Faults,
    })
}

/// Makes every check. `progress` is told how many of how many entries of the ledger are checked.
///
/// # Errors
/// When the system gives no thread.
pub fn examine(
    settings: &Settings,
    bedside: &Bedside<'_>,
    runtime: &Runtime,
    progress: impl FnMut(u64, u64),
) -> io::Result<Report> {
    let (data, now) = (settings.data.as_path(), bedside.now);
    let mut report = vec![(Check::Data, facts::directory(data))];
    let disk = DiskFacts::of(data).map(checks::disk).unwrap_or_default();
    let enrolled = Ledger::exists(data);
    let daemon = runtime.block_on(DaemonFacts::of(&settings.socket()));
    if enrolled {
        report.push((Check::Keys, checks::keys(facts::keys(data), &daemon)));
    }
    report.push((Check::Disk, disk));
    let (view, ledger) = ledger(data, progress);
    report.push((Check::Ledger, ledger));
    report.push((Check::Daemon, checks::daemon(&daemon)));
    report.push((Check::Reader, reader(settings, bedside.root)?));
    let region = bedside.region.as_ref().map(|region| runtime.block_on(probe(region)));
    let date = region.as_ref().and_then(|region| facts::http_date(region.as_ref().ok()?.date.as_deref()?));
    let floor = view.as_ref().map(View::floor);
    report.push((Check::Clock, checks::clock(now, floor, date, facts::synchronised(bedside.root))));
    if let Some(view) = &view {
        report.push((Check::Certificate, checks::certificate(view.certificates(), now.max(view.floor()))));
        report.push((Check::Version, checks::version(due_update(view), now.max(view.floor()))));
    }
    let region = match (region, &bedside.region) {
        (Some(Ok(_)), _) => Vec::new(),
        (Some(Err(why)), Some(RegionFile { url, .. })) => vec![Finding::Region { url: url.clone(), why }],
        (_, None) | (None, _) => vec![Finding::RegionUnset],
    };
    report.push((Check::Region, region));
    if let Some(view) = &view {
        report.push((Check::Exposure, checks::exposure(view.policy(), &view.exposure(), now.max(view.floor()))));
    }
    if let Some(connection) = &settings.printer.connection {
        let absent = reach(connection).err().map(|error| error.to_string());
        report.push((Check::Printer, checks::printer(absent.as_deref(), &daemon)));
    }
    if let Some(payment) = &settings.payment
        && !checks::is_paying(&daemon)
    {
        let tried = runtime.block_on(payment.tpe().try_out());
        report.push((Check::BankTerminal, checks::bank_terminal(tried.err())));
    }
    Ok(report)
}

/// The ledger, as far as it opens, and what is wrong with it.
fn ledger(data: &Path, progress: impl FnMut(u64, u64)) -> (Option<View>, Vec<Finding>) {
    let file = data.join("ledger.db");
    if fs::File::open(&file).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied) {
        return (None, vec![Finding::NotReadable(file)]);
    }
    if !Ledger::exists(data) {
        return (None, vec![Finding::NotEnrolled]);
    }
    let view = match View::open(data) {
        Ok(view) => view,
        Err(error) => return (None, vec![Finding::LedgerUnusable(error.to_string())]),
    };
    if view.behind().is_some() {
        return (Some(view), vec![Finding::LedgerBehind]);
    }
    let found = match verify(data, None, progress) {
        Ok(_) => Vec::new(),
        Err(VerifyError::Wrong(fault)) => vec![Finding::LedgerDamaged(fault.to_string())],
        Err(VerifyError::Open(error)) => vec![Finding::LedgerUnusable(error.to_string())],
    };
    (Some(view), found)
}

fn reader(settings: &Settings, root: &Path) -> io::Result<Vec<Finding>> {
    let wanted = settings.reader.as_deref();
    let filter = settings.reader.clone().map_or(ReaderFilter::Any, ReaderFilter::Named);
    let seen = look(filter)?;
    let none = seen == Look::Unavailable(WhyUnavailable::NoReader);
    let any = wanted.is_some() && none && matches!(look(ReaderFilter::Any)?, Look::Readers(_));
    Ok(checks::reader(&seen, Kernel::of(root), wanted, any))
}

async fn probe(region: &RegionFile) -> Result<Reached, Unreachable> {
    let uplink = Uplink::to_probe(&region.url, region.authorities.as_deref());
    uplink.map_err(|error| Unreachable::Settings(error.to_string()))?.probe().await
}

fn as_json(report: &Report, data: &Path, language: Language) -> Value {
    let findings = report.iter().flat_map(|(check, findings)| findings.iter().map(move |finding| (check, finding)));
    let findings = findings.map(|(check, finding)| {
        let Words { sentence, mend } = words(finding, data, language);
        json!({
            "check": check.code(),
            "code": finding.code(),
            "weight": finding.weight().code(),
            "sentence": sentence,
            "mend": mend,
        })
    });
    let findings: Vec<_> = findings.collect();
    let checked: Vec<_> = report.iter().map(|(check, _)| check.code()).collect();
    json!({ "well": findings.is_empty(), "checked": checked, "findings": findings })
}

fn as_text(report: &Report, data: &Path, language: Language) -> String {
    let mut text = String::new();
    for (check, findings) in report {
        let name = check_name(*check, language);
        if findings.is_empty() {
            text.push_str(&format!("[ok] {name}\n"));
        }
        for finding in findings {
            let mark = match finding.weight() {
                Weight::Warning => "! ",
                Weight::Fault => "!!",
            };
            let Words { sentence, mend } = words(finding, data, language);
            text.push_str(&format!("[{mark}] {name} - {sentence} ({})\n", finding.code()));
            text.extend(mend.map(|mend| format!("       {mend}\n")));
        }
    }
    let count = report.iter().map(|(_, findings)| findings.len()).sum::<usize>();
    let (french, english) = match count {
        0 => ("Rien à signaler.".to_owned(), "Nothing is wrong.".to_owned()),
        _ => (format!("À voir : {count}."), format!("To be seen to: {count}.")),
    };
    text.push_str(&say(language, &french, &english));
    text.push('\n');
    text
}

const fn check_name(check: Check, language: Language) -> &'static str {
    match (check, language) {
        (Check::Data, Language::French) => "dossier",
        (Check::Data, Language::English) => "directory",
        (Check::Keys, Language::French) => "clés",
        (Check::Keys, Language::English) => "keys",
        (Check::Disk, Language::French) => "disque",
        (Check::Disk, Language::English) => "disk",
        (Check::Ledger, Language::French) => "journal",
        (Check::Ledger, Language::English) => "ledger",
        (Check::Daemon, Language::French) => "service",
        (Check::Daemon, Language::English) => "service",
        (Check::Reader, Language::French) => "lecteur",
        (Check::Reader, Language::English) => "reader",
        (Check::Clock, Language::French) => "horloge",
        (Check::Clock, Language::English) => "clock",
        (Check::Certificate, Language::French) => "autorisation",
        (Check::Certificate, Language::English) => "authorisation",
        (Check::Version, Language::French) => "version",
        (Check::Version, Language::English) => "version",
        (Check::Region, Language::French) => "région",
        (Check::Region, Language::English) => "region",
        (Check::Exposure, Language::French) => "limites",
        (Check::Exposure, Language::English) => "limits",
        (Check::Printer, Language::French) => "imprimante",
        (Check::Printer, Language::English) => "printer",
        (Check::BankTerminal, Language::French) => "TPE",
        (Check::BankTerminal, Language::English) => "bank terminal",
    }
}
