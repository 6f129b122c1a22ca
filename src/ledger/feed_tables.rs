//! The tables that the region fills: each row is replaced by a greater version, serial or date only.

use rusqlite::Connection;

use crate::domain::KeySerial;
use crate::domain::card::{Entitlement, KeyCertificate, TerminalCertificate};
use crate::domain::catalogue::Catalogue;
use crate::domain::policy::Policy;
use crate::domain::version::RequiredVersion;
use crate::wire::cbor;
use crate::wire::feed::{Denial, EntryVerdict, Partner, RecordsWanted};

use super::error::LedgerError;

/// A version of a season's catalogue that was there stays as it was: `worth` was computed with it.
pub(super) fn keep_catalogue(connection: &Connection, catalogue: &Catalogue) -> Result<(), LedgerError> {
    let sql = "INSERT INTO catalogue (season, version, bytes) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    let row = (catalogue.season.get(), catalogue.version, cbor::encode(catalogue));
    connection.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

pub(super) fn keep_policy(connection: &Connection, policy: &Policy) -> Result<(), LedgerError> {
    let sql = "UPDATE policy SET version = ?1, bytes = ?2 WHERE version < ?1";
    connection.prepare_cached(sql)?.execute((policy.version, cbor::encode(policy)))?;
    Ok(())
}

pub(super) fn keep_partner(connection: &Connection, partner: &Partner) -> Result<(), LedgerError> {
    connection.prepare_cached("UPDATE partner SET bytes = ?1")?.execute([cbor::encode(partner)])?;
    Ok(())
}

/// A later denial of the same card replaces the earlier: it may have become final.
pub(super) fn keep_denial(connection: &Connection, denial: &Denial) -> Result<(), LedgerError> {
    let sql =
        "INSERT INTO denial (card, bytes) VALUES (?1, ?2) ON CONFLICT (card) DO UPDATE SET bytes = excluded.bytes";
    connection.prepare_cached(sql)?.execute((denial.card.get(), cbor::encode(denial)))?;
    Ok(())
}

pub(super) fn keep_entitlement(connection: &Connection, entitlement: &Entitlement) -> Result<(), LedgerError> {
    let sql = "INSERT INTO entitlement (card, serial, bytes) VALUES (?1, ?2, ?3) \
               ON CONFLICT (card) DO UPDATE SET serial = excluded.serial, bytes = excluded.bytes \
               WHERE serial < excluded.serial";
    let row = (entitlement.card.get(), entitlement.serial.get(), entitlement.encode());
    connection.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

pub(super) fn keep_terminal_certificate(
    connection: &Connection,
    certificate: &TerminalCertificate,
) -> Result<(), LedgerError> {
    // One of another terminal is of no use here. Of two of one second the later in the feed counts: a key may be replaced at any moment.
    let sql = "INSERT INTO terminal_certificate (season, issued_at, bytes) \
               SELECT ?1, ?2, ?3 FROM identity WHERE terminal = ?4 \
               ON CONFLICT (season) DO UPDATE SET issued_at = excluded.issued_at, bytes = excluded.bytes \
               WHERE issued_at <= excluded.issued_at";
    let row = (certificate.season.get(), certificate.issued_at.get(), certificate.encode(), certificate.terminal.get());
    connection.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

/// A serial names one key for ever; one that was withdrawn before it was known stays withdrawn.
pub(super) fn keep_region_key(connection: &Connection, certificate: &KeyCertificate) -> Result<(), LedgerError> {
    let sql = "INSERT INTO region_key (serial, bytes, withdrawn) VALUES (?1, ?2, 0) \
               ON CONFLICT (serial) DO UPDATE SET bytes = coalesce(bytes, excluded.bytes)";
    connection.prepare_cached(sql)?.execute((certificate.serial.get(), certificate.encode()))?;
    Ok(())
}

/// Also of a key that is not known: somebody may bring it later.
pub(super) fn withdraw_key(connection: &Connection, serial: KeySerial) -> Result<(), LedgerError> {
    let sql =
        "INSERT INTO region_key (serial, withdrawn) VALUES (?1, 1) ON CONFLICT (serial) DO UPDATE SET withdrawn = 1";
    connection.prepare_cached(sql)?.execute([serial.get()])?;
    Ok(())
}

/// Records from a counter to a smaller one are none.
pub(super) fn keep_wanted(connection: &Connection, wanted: &RecordsWanted) -> Result<(), LedgerError> {
    if wanted.from > wanted.to {
        return Ok(());
    }
    let sql = "INSERT INTO records_wanted (card, from_counter, to_counter) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    connection.prepare_cached(sql)?.execute((wanted.card.get(), wanted.from.get(), wanted.to.get()))?;
    Ok(())
}

/// The region's latest word, whatever it said before: it may take a date back.
pub(super) fn keep_required_version(connection: &Connection, required: &RequiredVersion) -> Result<(), LedgerError> {
    let sql =
        "INSERT INTO required_version (id, bytes) VALUES (1, ?1) ON CONFLICT DO UPDATE SET bytes = excluded.bytes";
    connection.prepare_cached(sql)?.execute([cbor::encode(required)])?;
    Ok(())
}

/// A verdict on an entry that is not there says nothing here.
pub(super) fn keep_verdict(connection: &Connection, verdict: &EntryVerdict) -> Result<(), LedgerError> {
    let Ok(sequence) = i64::try_from(verdict.sequence.get()) else { return Ok(()) };
    let sql = "INSERT INTO verdict (sequence, version, bytes) SELECT sequence, ?2, ?3 FROM entry WHERE sequence = ?1 \
               ON CONFLICT (sequence) DO UPDATE SET version = excluded.version, bytes = excluded.bytes \
               WHERE version < excluded.version";
    connection.prepare_cached(sql)?.execute((sequence, verdict.version, cbor::encode(verdict)))?;
    Ok(())
}
