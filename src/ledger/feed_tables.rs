//! The tables that the region fills: each row is replaced by a greater version, serial or date only.

use rusqlite::{Connection, OptionalExtension as _};

use crate::domain::KeySerial;
use crate::domain::card::{Entitlement, KeyCertificate, TerminalCertificate};
use crate::domain::catalogue::Catalogue;
use crate::domain::policy::Policy;
use crate::domain::version::RequiredVersion;
use crate::wire::cbor;
use crate::wire::feed::{Denial, EntryVerdict, Partner, RecordsWanted};

use super::at_rest::{Part, note};
use super::error::LedgerError;

/// A version of a season's catalogue that was there stays as it was: `worth` was computed with it.
pub(super) fn keep_catalogue(connection: &Connection, catalogue: &Catalogue) -> Result<(), LedgerError> {
    let sql = "INSERT INTO catalogue (season, version, bytes) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    let (bytes, version) = (cbor::encode(catalogue), catalogue.version);
    let row = (catalogue.season.get(), version, &bytes);
    let changed = connection.prepare_cached(sql)?.execute(row)? > 0;
    let key = u64::from(catalogue.season.get()) << 32 | u64::from(version);
    // A row that stays as it was keeps its sum, whatever has become of it.
    if changed { note(connection, Part::Catalogue, key, version, &bytes) } else { Ok(()) }
}

pub(super) fn keep_policy(connection: &Connection, policy: &Policy) -> Result<(), LedgerError> {
    let sql = "UPDATE policy SET version = ?1, bytes = ?2 WHERE version < ?1";
    let bytes = cbor::encode(policy);
    let changed = connection.prepare_cached(sql)?.execute((policy.version, &bytes))? > 0;
    if changed { note(connection, Part::Policy, 1, policy.version, &bytes) } else { Ok(()) }
}

pub(super) fn keep_partner(connection: &Connection, partner: &Partner) -> Result<(), LedgerError> {
    let bytes = cbor::encode(partner);
    connection.prepare_cached("UPDATE partner SET bytes = ?1")?.execute([&bytes])?;
    note(connection, Part::Partner, 1, 0, &bytes)
}

/// A later denial of the same card replaces the earlier: it may have become final.
pub(super) fn keep_denial(connection: &Connection, denial: &Denial) -> Result<(), LedgerError> {
    let sql =
        "INSERT INTO denial (card, bytes) VALUES (?1, ?2) ON CONFLICT (card) DO UPDATE SET bytes = excluded.bytes";
    let bytes = cbor::encode(denial);
    connection.prepare_cached(sql)?.execute((denial.card.get(), &bytes))?;
    note(connection, Part::Denial, denial.card.get(), 0, &bytes)
}

pub(super) fn keep_entitlement(connection: &Connection, entitlement: &Entitlement) -> Result<(), LedgerError> {
    let sql = "INSERT INTO entitlement (card, serial, bytes) VALUES (?1, ?2, ?3) \
               ON CONFLICT (card) DO UPDATE SET serial = excluded.serial, bytes = excluded.bytes \
               WHERE serial < excluded.serial";
    let (card, serial, bytes) = (entitlement.card.get(), entitlement.serial.get(), entitlement.encode());
    let changed = connection.prepare_cached(sql)?.execute((card, serial, &bytes[..]))? > 0;
    if changed { note(connection, Part::Entitlement, card, serial, &bytes) } else { Ok(()) }
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
    keep_former_certificate(connection, certificate)?;
    connection.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

/// The one that is about to be replaced, where it is under a former region key: a card that was blocked takes no newer key, and is read with this one.
fn keep_former_certificate(connection: &Connection, newer: &TerminalCertificate) -> Result<(), LedgerError> {
    let sql = "SELECT bytes FROM terminal_certificate WHERE season = ?1";
    let replaced = connection.prepare_cached(sql)?.query_row([newer.season.get()], |row| row.get::<_, Vec<u8>>(0));
    let Some(bytes) = replaced.optional()? else { return Ok(()) };
    let former = TerminalCertificate::decode(&bytes)
        .map_err(|error| LedgerError::Damaged(format!("a terminal certificate: {error}")))?;
    if former.key_serial < newer.key_serial {
        let sql = "INSERT INTO former_certificate (season, key_serial, bytes) VALUES (?1, ?2, ?3) \
                   ON CONFLICT (season, key_serial) DO UPDATE SET bytes = excluded.bytes";
        connection.prepare_cached(sql)?.execute((former.season.get(), former.key_serial.get(), bytes))?;
    }
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
