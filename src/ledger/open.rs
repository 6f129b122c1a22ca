//! Making a ledger, once, and opening it.

use std::cell::Cell;
use std::fs::{self, File};
use std::path::Path;

use rusqlite::Connection;

use crate::crypto::{Ed25519Key, TrustedKeys, chain_beginning_hash};
use crate::domain::entry::{Body, TechnicalEvent};
use crate::domain::{TerminalId, Timestamp};
use crate::file_lock;
use crate::wire::cbor;
use crate::wire::exchange::{EnrolmentAnswer, TerminalStanding};

use super::append::{Ledger, Told};
use super::at_rest::{self, Part};
use super::error::{LedgerError, OpenError};
use super::facts::standing_number;
use super::head_file::{self, HeadFile};
use super::keys::{Signer, TerminalKeys};
use super::view::View;
use super::{feed_tables, payments, schema};

/// The database.
pub(super) const DATABASE_FILE: &str = "ledger.db";
/// The database while it is being made.
const UNFINISHED_FILE: &str = "ledger.db.new";
/// The head in a second place.
pub(super) const HEAD_FILE: &str = "head";
/// Whoever has it locked owns the ledger.
const LOCK_FILE: &str = "lock";

impl Ledger {
    /// Whether there is a ledger in `dir`, of whatever state.
    pub fn exists(dir: &Path) -> bool {
        dir.join(DATABASE_FILE).exists()
    }

    /// Makes the ledger of a terminal that was just enrolled, in `dir`, with the first entry of its chain. It appears
    /// whole or not at all.
    ///
    /// # Errors
    /// [`OpenError::AlreadyThere`], [`OpenError::Enrolment`] when a region key is not signed by the answer's root, and
    /// the others.
    pub fn create(dir: &Path, key: Ed25519Key, answer: &EnrolmentAnswer, now: Timestamp) -> Result<Self, OpenError> {
        let lock = lock(dir)?;
        let path = dir.join(DATABASE_FILE);
        if path.try_exists()? {
            return Err(OpenError::AlreadyThere(dir.to_owned()));
        }
        check_enrolment(answer)?;
        let unfinished = dir.join(UNFINISHED_FILE);
        remove_unfinished(dir)?;
        let connection = schema::make(&unfinished)?;
        write_enrolment(&connection, &key, answer)?;
        let head_file = HeadFile::open(&dir.join(HEAD_FILE))?;
        let mut ledger = Self {
            view: View::empty(connection)?,
            key,
            head_file,
            uncopied: 0,
            failing: false,
            told: Told::default(),
            lock,
        };
        // From here on the head file names this ledger, whatever it named before.
        ledger.append(now, Body::Event(TechnicalEvent::Enrolled { replaces: answer.replaces }), None)?;
        let Self { view, key, lock, .. } = ledger;
        // Closed, the file is whole without its write-ahead log, which has the unfinished name.
        view.connection.close().map_err(|(_, error)| LedgerError::from(error))?;
        fs::rename(&unfinished, &path)?;
        File::open(dir)?.sync_all()?;
        Self::open_locked(dir, key, lock)
    }

    /// Opens the ledger in `dir` with the key that signs its entries. It takes no longer for a long chain than for a
    /// short one: the newest entry is checked, and the chain by [`verify`](super::verify()).
    ///
    /// An old copy opens too: see [`View::behind`].
    ///
    /// # Errors
    /// [`OpenError`]: not there, in use, foreign, newer, damaged, or of another key.
    pub fn open(dir: &Path, key: Ed25519Key) -> Result<Self, OpenError> {
        if !dir.join(DATABASE_FILE).try_exists()? {
            return Err(OpenError::NotThere(dir.to_owned()));
        }
        Self::open_locked(dir, key, lock(dir)?)
    }

    /// Opens the ledger in `dir` with the one of the terminal's keys that it was signed with last; where there is a newer pair, an entry of time `now` says that
    /// it takes its place, and from then on that signs. So a change of keys that was interrupted, or that was forgotten because an old copy of the ledger was put
    /// back, is made when the terminal starts.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn open_with(dir: &Path, keys: TerminalKeys, now: Timestamp) -> Result<Self, OpenError> {
        if !dir.join(DATABASE_FILE).try_exists()? {
            return Err(OpenError::NotThere(dir.to_owned()));
        }
        let lock = lock(dir)?;
        let view = Self::view_to_write(dir)?;
        let Signer { key, newer } = keys.signer(view.succession().newest()).ok_or(OpenError::OtherKey)?;
        let mut ledger = Self::of(dir, view, key, lock)?;
        for (entry, card) in newer {
            ledger.change_keys(now, entry, &card)?;
        }
        Ok(ledger)
    }

    fn open_locked(dir: &Path, key: Ed25519Key, lock: File) -> Result<Self, OpenError> {
        let view = Self::view_to_write(dir)?;
        if *view.succession().newest() != key.public_key() {
            return Err(OpenError::OtherKey);
        }
        Self::of(dir, view, key, lock)
    }

    fn view_to_write(dir: &Path) -> Result<View, OpenError> {
        let named = head_file::read(&dir.join(HEAD_FILE));
        View::of(schema::open_to_write(&dir.join(DATABASE_FILE))?, named)
    }

    fn of(dir: &Path, view: View, key: Ed25519Key, lock: File) -> Result<Self, OpenError> {
        let head_file = HeadFile::open(&dir.join(HEAD_FILE))?;
        if view.behind().is_none() {
            // As after a commit, it may lag.
            let _lagging = head_file.write(view.head());
        } else {
            payments::asked_is_sent(&view.connection)?;
        }
        let mut ledger = Self { view, key, head_file, uncopied: 0, failing: false, told: Told::default(), lock };
        if !at_rest::is_feed_whole(&ledger.view.connection)? {
            tracing::error!("what the region has sent was changed on the disk: it is asked for again");
            ledger.forget_feed()?;
        }
        Ok(ledger)
    }
}

/// Takes `DIR/lock` for this process, or says that another has it.
fn lock(dir: &Path) -> Result<File, OpenError> {
    let file = File::options().write(true).create(true).truncate(false).open(dir.join(LOCK_FILE))?;
    if file_lock::take(&file)? { Ok(file) } else { Err(OpenError::InUse(dir.to_owned())) }
}

/// What an earlier try left, which nobody has sold with.
fn remove_unfinished(dir: &Path) -> Result<(), OpenError> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        match fs::remove_file(dir.join(format!("{UNFINISHED_FILE}{suffix}"))) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => (),
        }
    }
    Ok(())
}

fn check_enrolment(answer: &EnrolmentAnswer) -> Result<(), OpenError> {
    let mut keys = TrustedKeys::new(answer.root_key);
    if !answer.region_keys.iter().all(|certificate| keys.learn(*certificate)) {
        return Err(OpenError::Enrolment("a region key is not certified by the root"));
    }
    if answer.certificates.iter().any(|certificate| certificate.terminal != answer.terminal) {
        return Err(OpenError::Enrolment("a certificate is another terminal's"));
    }
    Ok(())
}

fn write_enrolment(connection: &Connection, key: &Ed25519Key, answer: &EnrolmentAnswer) -> Result<(), LedgerError> {
    let beginning = chain_beginning_hash(answer.terminal, &key.public_key());
    let transaction = connection.unchecked_transaction()?;
    transaction.execute(
        "INSERT INTO identity (id, terminal, partner, replaces, root_key, entry_key, chain_beginning, enrolled_at) \
         VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (
            answer.terminal.get(),
            answer.partner_id.get(),
            answer.replaces.map(TerminalId::get),
            answer.root_key.0,
            key.public_key().0,
            beginning.as_bytes(),
            answer.time.get(),
        ),
    )?;
    transaction.execute(
        "INSERT INTO state (id, feed_position, deny_list_made, last_exchange, last_request, standing, \
             acknowledged_sequence, floor, floor_sequence) \
         VALUES (1, 0, 0, ?1, 0, ?2, 0, ?1, 0)",
        (answer.time.get(), standing_number(TerminalStanding::Active)),
    )?;
    transaction.execute(
        "INSERT INTO policy (id, version, bytes) VALUES (1, ?1, ?2)",
        (answer.policy.version, cbor::encode(&answer.policy)),
    )?;
    transaction.execute("INSERT INTO partner (id, bytes) VALUES (1, ?1)", [cbor::encode(&answer.partner)])?;
    at_rest::note(&transaction, Part::Policy, 1, answer.policy.version, &cbor::encode(&answer.policy))?;
    at_rest::note(&transaction, Part::Partner, 1, 0, &cbor::encode(&answer.partner))?;
    for catalogue in &answer.catalogues {
        feed_tables::keep_catalogue(&transaction, catalogue)?;
    }
    for certificate in &answer.certificates {
        feed_tables::keep_terminal_certificate(&transaction, certificate)?;
    }
    for certificate in &answer.region_keys {
        feed_tables::keep_region_key(&transaction, certificate)?;
    }
    Ok(transaction.commit()?)
}

impl View {
    /// A ledger that is being made and has no entry yet.
    fn empty(connection: Connection) -> Result<Self, LedgerError> {
        let facts = super::facts::Facts::load(&connection)?;
        Ok(Self { connection, facts, behind: None, changed_at_rest: Cell::new(false) })
    }
}
