//! The archive of a closed year: a directory of open formats that is verified anywhere, by this program or by another.
//!
//! - `entries.cbor`: the signed entries, one after the other (a CBOR sequence, RFC 8742), from the year's first to its closing;
//! - `entries.jsonl`, `closings.jsonl`: the same for people and spreadsheets, one JSON object a line;
//! - `keys.json`: the terminal's public key, the region's root and keys;
//! - `manifest.json`: what is there, with sizes and SHA-256; `manifest.cose`: the same bytes, signed by the terminal. It is written last, so
//!   an archive that has it is whole.
//!
//! Card numbers are in the signed entries, as they were signed; the lines for people have them masked.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::crypto::{Ed25519PublicKey, chain_beginning_hash, entry_hash, sha256, sign1_ed25519, verify_sign1_ed25519};
use crate::domain::closing::{Closing, Period, PeriodKind};
use crate::domain::refusal::Language;
use crate::domain::{EntryHash, Sequence, TerminalId};
use crate::ledger::{LedgerError, TerminalKeys, View};
use crate::succession::{Succession, change_in, successor};
use crate::till::json as local;
use crate::till::{Closed, ClosingQuery};
use crate::whole_file::{self, PUBLIC};
use crate::wire::cbor::item_length;
use crate::wire::cose::{Algorithm, Content, Sign1};
use crate::wire::entry::{decode_entry, decode_link};

use super::books::{Books, Wrong};
use super::cli::{Exit, Failure, Setup};
use super::closings::closings;
use super::journal::line;
use super::verbs::{keys_failure, open_failure, say};

const FORMAT: &str = "pass-archive-1";
const ENTRIES: &str = "entries.cbor";
const LINES: &str = "entries.jsonl";
const CLOSINGS: &str = "closings.jsonl";
const KEYS: &str = "keys.json";
const MANIFEST: &str = "manifest.json";
const SIGNED: &str = "manifest.cose";

/// How many entries are read at a time.
const BATCH: usize = 1000;
/// How many bytes together, at most.
const BATCH_BYTES: usize = 16 << 20;
/// The largest file that is read: a hundred times what a busy cinema writes in a year.
const FILE_BYTES_MAX: usize = 4 << 30;

/// What an archive is and has.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: String,
    /// The program that wrote it.
    program: String,
    terminal: u32,
    partner: u32,
    year: u16,
    /// The first entry, and the closing of the year, which is the last.
    from: u64,
    to: u64,
    /// What the first entry names as the entry before.
    previous: String,
    /// The hash of the last one.
    head: String,
    files: BTreeMap<String, Listed>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Listed {
    bytes: u64,
    sha256: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Keys {
    terminal: u32,
    /// The terminal's first, Ed25519, as raw bytes: the one that the region knows it by.
    entry_key: String,
    /// The entries that changed it, whole, up to when the archive was written: also those outside the year.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    key_changes: Vec<String>,
    /// P-256, uncompressed.
    root_key: String,
    /// As cards take them.
    region_keys: Vec<String>,
}

/// Writes the archive of `year` to `directory`, which must not be there.
///
/// # Errors
/// [`Failure`], with its exit status.
pub fn create(setup: &Setup, year: u16, directory: &Path, out: &mut dyn Write) -> Result<Exit, Failure> {
    let data = &setup.settings.data;
    let view = View::open(data).map_err(|error| open_failure(&error, setup.language))?;
    let keys = TerminalKeys::load(data).map_err(|error| keys_failure(&error, setup.language))?;
    let of = |error: LedgerError| open_failure(&error.into(), setup.language);
    let query = ClosingQuery { kind: Some(PeriodKind::Year), before: None, limit: u32::MAX };
    let closed = closings(&view, query).map_err(of)?;
    let Some(closed) = closed.into_iter().find(|closed| closed.closing.period == Period::Year(year)) else {
        let french = format!("L'année {year} n'est pas clôturée : « pass-terminal close --period year » d'abord.");
        let english = format!("The year {year} is not closed: “pass-terminal close --period year” first.");
        return Err(Failure::new(Exit::Refused, say(setup.language, &french, &english)));
    };
    let written = write(&view, &keys, year, &closed, directory).map_err(|error| {
        let at = directory.display();
        let french = format!("L'archive {at} n'est pas écrite en entier, effacez-la : {error}.");
        let english = format!("The archive {at} is not written as a whole, remove it: {error}.");
        Failure::new(Exit::Io, say(setup.language, &french, &english))
    })?;
    let (from, to, at) = (written.from, written.to, directory.display());
    let entries = to - from + 1;
    if setup.json {
        let line = json!({ "outcome": "archived", "directory": at.to_string(), "year": year, "from": from, "to": to, "entries": entries });
        writeln!(out, "{line}")?;
        return Ok(Exit::Done);
    }
    let french = format!(
        "ARCHIVE ÉCRITE - {at} · année {year} · {entries} écritures, de {from} à {to}\n\
         Gardez-la six ans au moins, sur deux supports. Vérifiez-la avec « pass-terminal archive verify »."
    );
    let english = format!(
        "ARCHIVE WRITTEN - {at} · year {year} · {entries} entries, {from} to {to}\n\
         Keep it for six years at least, on two media. Check it with “pass-terminal archive verify”."
    );
    writeln!(out, "{}", say(setup.language, &french, &english))?;
    Ok(Exit::Done)
}

/// Why an archive was not written.
#[derive(Debug, thiserror::Error)]
enum NotWritten {
    #[error("{0}")]
    File(#[from] io::Error),
    #[error("{0}")]
    Ledger(#[from] LedgerError),
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("the private key that signs the newest entry is not there")]
    NoKey,
}

fn write(
    view: &View,
    keys: &TerminalKeys,
    year: u16,
    closed: &Closed,
    directory: &Path,
) -> Result<Manifest, NotWritten> {
    fs::create_dir(directory)?;
    let (from, to) = (closed.closing.from, closed.entry);
    write_entries(view, directory, from, to)?;
    let mut lines = BufWriter::new(File::create_new(directory.join(CLOSINGS))?);
    let query = ClosingQuery { kind: None, before: Some(to.next()), limit: u32::MAX };
    let within = |found: &&Closed| found.entry >= from;
    for found in closings(view, query)?.iter().rev().filter(within) {
        serde_json::to_writer(&mut lines, &local::Closing::new(found, Language::French))?;
        lines.write_all(b"\n")?;
    }
    lines.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    let identity = view.identity();
    let known = Keys {
        terminal: identity.terminal.get(),
        entry_key: hex::encode(identity.entry_key.0),
        key_changes: view.key_changes(usize::MAX)?.iter().map(hex::encode).collect(),
        root_key: hex::encode(identity.root_key.0),
        region_keys: view.region_keys().iter().map(|key| hex::encode(key.encode())).collect(),
    };
    whole_file::write(&directory.join(KEYS), PUBLIC, &serde_json::to_vec_pretty(&known)?)?;
    let mut files = BTreeMap::new();
    for name in [ENTRIES, LINES, CLOSINGS, KEYS] {
        let bytes = whole_file::read(&directory.join(name), FILE_BYTES_MAX)?;
        files.insert(name.to_owned(), Listed { bytes: bytes.len() as u64, sha256: hex::encode(sha256(&bytes)) });
    }
    let missing = || LedgerError::Damaged("an entry of the year is missing".to_owned());
    let first = view.entry(from)?.ok_or_else(missing)?;
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        program: format!("pass-terminal {}", env!("CARGO_PKG_VERSION")),
        terminal: identity.terminal.get(),
        partner: identity.partner.get(),
        year,
        from: from.get(),
        to: to.get(),
        previous: first.entry.previous.to_string(),
        head: view.entry(to)?.ok_or_else(missing)?.head.hash.to_string(),
        files,
    };
    let bytes = serde_json::to_vec_pretty(&manifest)?;
    let key = keys.entry_for(view.succession().newest()).ok_or(NotWritten::NoKey)?;
    let signed = sign1_ed25519(key, Content::ArchiveManifest, identity.terminal, bytes.clone());
    whole_file::write(&directory.join(MANIFEST), PUBLIC, &bytes)?;
    whole_file::write(&directory.join(SIGNED), PUBLIC, &signed.encode())?;
    Ok(manifest)
}

fn write_entries(view: &View, directory: &Path, from: Sequence, to: Sequence) -> Result<(), NotWritten> {
    let mut entries = BufWriter::new(File::create_new(directory.join(ENTRIES))?);
    let mut lines = BufWriter::new(File::create_new(directory.join(LINES))?);
    let mut done = Sequence::new(from.get().saturating_sub(1));
    while done < to {
        let batch = view.entries_after(done, BATCH, BATCH_BYTES)?;
        if batch.is_empty() {
            return Err(LedgerError::Damaged("an entry of the year is missing".to_owned()).into());
        }
        for (sequence, cose) in batch.into_iter().take_while(|(sequence, _)| *sequence <= to) {
            entries.write_all(&cose)?;
            if let Some(stored) = view.entry(sequence)? {
                // Whoever is shown an archive reads French, whoever made it.
                let line = local::JournalEntry::new(&line(view, &stored)?, Language::French);
                serde_json::to_writer(&mut lines, &line)?;
                lines.write_all(b"\n")?;
            }
            done = sequence;
        }
    }
    for file in [entries, lines] {
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    }
    Ok(())
}

/// What is wrong with an archive.
#[derive(Debug, thiserror::Error)]
enum Damage {
    #[error("{0}: {1}")]
    File(&'static str, io::Error),
    #[error("{0} is not what an archive has there")]
    Unreadable(&'static str),
    #[error("the terminal has not signed the manifest, or it was changed")]
    Manifest,
    #[error("the archive is another terminal's: its key is {0}")]
    OtherKey(String),
    #[error("{0} is not the file that was archived")]
    Changed(String),
    #[error("entry {0} is missing, was changed, or does not follow the entry before")]
    Entry(Sequence),
    #[error("entry {0}: {1}")]
    Closing(Sequence, Wrong),
}

/// What an intact archive holds.
struct Intact {
    manifest: Manifest,
    key: Ed25519PublicKey,
    closings: u64,
    last: Option<Closing>,
}

/// Verifies the archive in `directory`: files, chain, signatures, and the sums of its closings.
///
/// # Errors
/// [`Failure`], with its exit status.
pub fn verify(
    setup: &Setup,
    directory: &Path,
    expected: Option<Ed25519PublicKey>,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let Intact { manifest, key, closings, last } = match check(directory, expected) {
        Ok(intact) => intact,
        Err(damage) => return damaged(setup, directory, &damage, out),
    };
    let (entries, key) = (manifest.to - manifest.from + 1, hex::encode(key.0));
    let net = last.map_or(0, |closing| closing.perpetual.net.get());
    if setup.json {
        let line = json!({
            "outcome": "intact", "terminal": manifest.terminal, "year": manifest.year, "entries": entries,
            "closings": closings, "perpetual_net_cents": net, "entry_key": key, "head": manifest.head,
        });
        writeln!(out, "{line}")?;
        return Ok(Exit::Done);
    }
    let (terminal, year) = (manifest.terminal, manifest.year);
    let french = format!(
        "ARCHIVE INTACTE - terminal {terminal} · année {year} · {entries} écritures et {closings} clôtures, signatures et sommes vérifiées\n\
         Clé du terminal : {key}. Comparez-la avec celle que la Région connaît."
    );
    let english = format!(
        "ARCHIVE INTACT - terminal {terminal} · year {year} · {entries} entries and {closings} closings, signatures and sums checked\n\
         The terminal's key: {key}. Compare it with the one that the region knows."
    );
    writeln!(out, "{}", say(setup.language, &french, &english))?;
    Ok(Exit::Done)
}

fn damaged(setup: &Setup, directory: &Path, damage: &Damage, out: &mut dyn Write) -> Result<Exit, Failure> {
    if setup.json {
        writeln!(out, "{}", json!({ "outcome": "damaged", "wrong": damage.to_string() }))?;
        return Ok(Exit::Data);
    }
    let at = directory.display();
    let french = format!("{at} n'est pas une archive intacte : {damage}.");
    let english = format!("{at} is no intact archive: {damage}.");
    Err(Failure::new(Exit::Data, say(setup.language, &french, &english)))
}

fn read(directory: &Path, name: &'static str) -> Result<Vec<u8>, Damage> {
    whole_file::read(&directory.join(name), FILE_BYTES_MAX).map_err(|error| Damage::File(name, error))
}

fn check(directory: &Path, expected: Option<Ed25519PublicKey>) -> Result<Intact, Damage> {
    let keys: Keys = serde_json::from_slice(&read(directory, KEYS)?).map_err(|_| Damage::Unreadable(KEYS))?;
    let key = hex::decode(&keys.entry_key).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let key = Ed25519PublicKey(key.ok_or(Damage::Unreadable(KEYS))?);
    let succession = succession(&keys, key).ok_or(Damage::Unreadable(KEYS))?;
    if expected.is_some_and(|expected| expected != key) {
        return Err(Damage::OtherKey(keys.entry_key));
    }
    let signed = Sign1::decode(&read(directory, SIGNED)?, Algorithm::EdDsa, Content::ArchiveManifest)
        .map_err(|_| Damage::Unreadable(SIGNED))?;
    if !verify_sign1_ed25519(&signed, succession.newest()) || read(directory, MANIFEST)? != signed.payload {
        return Err(Damage::Manifest);
    }
    let manifest: Manifest = serde_json::from_slice(&signed.payload).map_err(|_| Damage::Unreadable(MANIFEST))?;
    if manifest.format != FORMAT || manifest.terminal != signed.key || keys.terminal != signed.key {
        return Err(Damage::Unreadable(MANIFEST));
    }
    for name in [ENTRIES, LINES, CLOSINGS, KEYS] {
        let bytes = read(directory, name)?;
        let found = Listed { bytes: bytes.len() as u64, sha256: hex::encode(sha256(&bytes)) };
        if manifest.files.get(name) != Some(&found) {
            return Err(Damage::Changed(name.to_owned()));
        }
    }
    let books = check_entries(&manifest, &succession, &read(directory, ENTRIES)?)?;
    let (closings, last) = books.end();
    Ok(Intact { manifest, key, closings, last })
}

/// The terminal's keys from the first on: each change signed by the key before it.
fn succession(keys: &Keys, first: Ed25519PublicKey) -> Option<Succession> {
    let mut succession = Succession::new(first);
    for change in &keys.key_changes {
        let cose = hex::decode(change).ok()?;
        let next = successor(TerminalId::new(keys.terminal), succession.newest(), &cose)?;
        let message = Sign1::decode(&cose, Algorithm::EdDsa, Content::Entry).ok()?;
        let place = decode_link(&message.payload).ok()?.sequence;
        if succession.changes().last().is_some_and(|last| last >= place) {
            return None;
        }
        succession.change(place, next);
    }
    Some(succession)
}

/// The chain from the manifest's first entry to its last, and the sums of each closing in it.
fn check_entries(manifest: &Manifest, keys: &Succession, mut bytes: &[u8]) -> Result<Books, Damage> {
    let terminal = TerminalId::new(manifest.terminal);
    let mut previous = EntryHash::parse(&manifest.previous).ok_or(Damage::Unreadable(MANIFEST))?;
    if manifest.from == 1 && previous != chain_beginning_hash(terminal, keys.first()) {
        return Err(Damage::Entry(Sequence::FIRST));
    }
    let mut books = Books::new(Sequence::new(manifest.from));
    for sequence in (manifest.from..=manifest.to).map(Sequence::new) {
        let wrong = || Damage::Entry(sequence);
        let length = item_length(bytes).map_err(|_| wrong())?;
        let (cose, rest) = bytes.split_at_checked(length).ok_or_else(wrong)?;
        let message = Sign1::decode(cose, Algorithm::EdDsa, Content::Entry).map_err(|_| wrong())?;
        let link = decode_link(&message.payload).map_err(|_| wrong())?;
        let follows = link.terminal == terminal && link.sequence == sequence && link.previous == previous;
        if !follows || message.key != terminal.get() || !verify_sign1_ed25519(&message, keys.at(sequence)) {
            return Err(wrong());
        }
        let entry = decode_entry(&message.payload).map_err(|_| wrong())?;
        if change_in(&entry).map(|keys| Ed25519PublicKey(keys.entry_key)).as_ref() != keys.changed_by(sequence) {
            return Err(wrong());
        }
        books.take(&entry).map_err(|why| Damage::Closing(sequence, why))?;
        previous = entry_hash(cose);
        bytes = rest;
    }
    if !bytes.is_empty() || previous.to_string() != manifest.head {
        return Err(Damage::Entry(Sequence::new(manifest.to)));
    }
    Ok(books)
}
