//! What a sale reads every time, held in memory: read once when the ledger is opened, and again when an answer of the
//! region was applied.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::crypto::{Ed25519PublicKey, TrustedKeys};
use crate::domain::card::{KeyCertificate, PublicKey, TerminalCertificate};
use crate::domain::cashier::Cashiers;
use crate::domain::catalogue::Catalogue;
use crate::domain::policy::Policy;
use crate::domain::version::RequiredVersion;
use crate::domain::{EntryHash, KeySerial, PartnerId, Season, Sequence, TerminalId, Timestamp};
use crate::succession::Succession;
use crate::wire::cbor::{self, Cbor};
use crate::wire::exchange::{Head, TerminalStanding};
use crate::wire::feed::{Partner, Position};

use super::at_rest;
use super::closings::Day;
use super::error::LedgerError;

/// Who the terminal is. Never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The terminal.
    pub terminal: TerminalId,
    /// Its partner.
    pub partner: PartnerId,
    /// The terminal that it takes the place of, after a lost disk.
    pub replaces: Option<TerminalId>,
    /// The root's public key, pinned at the enrolment.
    pub root_key: PublicKey,
    /// The public half of the first key that signed its entries: which signs them now is in [`Succession`].
    pub entry_key: Ed25519PublicKey,
    /// What its first entry names as the entry before.
    pub chain_beginning: EntryHash,
    /// The region's time of the enrolment.
    pub enrolled_at: Timestamp,
}

/// The end of the chain and what moves with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tip {
    pub(super) head: Head,
    pub(super) floor: Timestamp,
    /// The newest entry's `worth_total`.
    pub(super) worth: i64,
    pub(super) day: Day,
}

/// The row of `state`, but for what [`Tip`] and [`Acknowledged`] have of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) feed_position: Position,
    pub(super) deny_list_made: Timestamp,
    pub(super) last_exchange: Timestamp,
    pub(super) last_request: Timestamp,
    pub(super) standing: TerminalStanding,
}

/// The head that the newest answer acknowledges, and the `worth_total` there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Acknowledged {
    pub(super) head: Head,
    pub(super) worth: i64,
}

#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) identity: Identity,
    pub(super) tip: Tip,
    pub(super) state: State,
    pub(super) acknowledged: Acknowledged,
    pub(super) policy: Policy,
    pub(super) partner: Arc<Partner>,
    pub(super) required_version: Option<RequiredVersion>,
    pub(super) catalogues: BTreeMap<Season, Arc<Catalogue>>,
    pub(super) certificates: Vec<TerminalCertificate>,
    pub(super) keys: TrustedKeys,
    /// The keys of this chain's entries.
    pub(super) succession: Succession,
    pub(super) cashiers: Cashiers,
}

impl Facts {
    pub(super) fn load(connection: &Connection) -> Result<Self, LedgerError> {
        if at_rest::has_sums(connection)? {
            at_rest::check_held(connection)?;
        }
        let identity = identity(connection)?;
        let (state, floor, floor_sequence, acknowledged) = state(connection)?;
        Ok(Self {
            tip: tip(connection, &identity, floor, floor_sequence)?,
            acknowledged: acknowledged_at(connection, &identity, acknowledged)?,
            policy: connection.query_row("SELECT bytes FROM policy", [], |row| blob(row, 0))?.decode("the policy")?,
            partner: Arc::new(
                connection.query_row("SELECT bytes FROM partner", [], |row| blob(row, 0))?.decode("the partner")?,
            ),
            required_version: required_version(connection)?,
            catalogues: catalogues(connection)?,
            certificates: certificates(connection)?,
            keys: keys(connection, identity.root_key)?,
            succession: succession(connection, identity.entry_key)?,
            cashiers: super::cashiers::load(connection)?,
            identity,
            state,
        })
    }
}

/// Whether a table is there: a ledger that is only read may be of an older schema.
pub(super) fn has_table(connection: &Connection, name: &str) -> Result<bool, LedgerError> {
    let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    Ok(connection.prepare_cached(sql)?.exists([name])?)
}

/// The bytes of a column that holds CBOR.
pub(super) struct Stored(pub(super) Vec<u8>);

impl Stored {
    pub(super) fn decode<T: Cbor>(&self, what: &'static str) -> Result<T, LedgerError> {
        cbor::decode(&self.0).map_err(|error| LedgerError::Damaged(format!("{what}: {error}")))
    }
}

/// Column `index` of `row`, which holds CBOR.
pub(super) fn blob(row: &Row<'_>, index: usize) -> rusqlite::Result<Stored> {
    row.get(index).map(Stored)
}

fn identity(connection: &Connection) -> Result<Identity, LedgerError> {
    let sql = "SELECT terminal, partner, replaces, root_key, entry_key, chain_beginning, enrolled_at FROM identity";
    Ok(connection.query_row(sql, [], |row| {
        Ok(Identity {
            terminal: TerminalId::new(row.get(0)?),
            partner: PartnerId::new(row.get(1)?),
            replaces: row.get::<_, Option<u32>>(2)?.map(TerminalId::new),
            root_key: PublicKey(row.get(3)?),
            entry_key: Ed25519PublicKey(row.get(4)?),
            chain_beginning: EntryHash::new(row.get(5)?),
            enrolled_at: Timestamp::new(row.get(6)?),
        })
    })?)
}

/// How [`TerminalStanding`] stands in `state`.
pub(super) const fn standing_number(standing: TerminalStanding) -> u8 {
    match standing {
        TerminalStanding::Active => 1,
        TerminalStanding::Suspended => 2,
        TerminalStanding::Retired => 3,
    }
}

fn state(connection: &Connection) -> Result<(State, Timestamp, Sequence, Sequence), LedgerError> {
    let sql = "SELECT feed_position, deny_list_made, last_exchange, last_request, standing, floor, floor_sequence, \
               acknowledged_sequence FROM state";
    Ok(connection.query_row(sql, [], |row| {
        let state = State {
            feed_position: row.get(0)?,
            deny_list_made: Timestamp::new(row.get(1)?),
            last_exchange: Timestamp::new(row.get(2)?),
            last_request: Timestamp::new(row.get(3)?),
            standing: match row.get::<_, u8>(4)? {
                1 => TerminalStanding::Active,
                2 => TerminalStanding::Suspended,
                // The table's CHECK leaves nothing else.
                _ => TerminalStanding::Retired,
            },
        };
        Ok((state, Timestamp::new(row.get(5)?), Sequence::new(row.get(6)?), Sequence::new(row.get(7)?)))
    })?)
}

/// A region's answer sets the floor; entries written after it move it on.
fn tip(
    connection: &Connection,
    identity: &Identity,
    floor: Timestamp,
    floor_sequence: Sequence,
) -> Result<Tip, LedgerError> {
    let sql = "SELECT sequence, hash, time, worth_total FROM entry ORDER BY sequence DESC LIMIT 1";
    let newest = connection.query_row(sql, [], |row| {
        let head = Head { sequence: Sequence::new(row.get(0)?), hash: EntryHash::new(row.get(1)?) };
        Ok((head, Timestamp::new(row.get(2)?), row.get(3)?))
    });
    Ok(match newest.optional()? {
        Some((head, time, worth)) => {
            let floor = if head.sequence > floor_sequence { floor.max(time) } else { floor };
            Tip { head, floor, worth, day: Day::load(connection)? }
        }
        None => Tip { head: beginning(identity), floor, worth: 0, day: Day::default() },
    })
}

/// The head of an empty chain.
pub(super) fn beginning(identity: &Identity) -> Head {
    Head { sequence: Sequence::new(0), hash: identity.chain_beginning }
}

/// What the chain has at `sequence`, which may be 0.
pub(super) fn acknowledged_at(
    connection: &Connection,
    identity: &Identity,
    sequence: Sequence,
) -> Result<Acknowledged, LedgerError> {
    if sequence.get() == 0 {
        return Ok(Acknowledged { head: beginning(identity), worth: 0 });
    }
    let mut statement = connection.prepare_cached("SELECT hash, worth_total FROM entry WHERE sequence = ?1")?;
    Ok(statement.query_row([sequence.get()], |row| {
        let head = Head { sequence, hash: EntryHash::new(row.get(0)?) };
        Ok(Acknowledged { head, worth: row.get(1)? })
    })?)
}

/// The newest catalogue of each season.
fn catalogues(connection: &Connection) -> Result<BTreeMap<Season, Arc<Catalogue>>, LedgerError> {
    // SQLite takes the other columns from the row that has the maximum.
    let mut statement = connection.prepare("SELECT season, max(version), bytes FROM catalogue GROUP BY season")?;
    let rows = statement.query_map([], |row| Ok((Season::new(row.get(0)?), blob(row, 2)?)))?;
    rows.map(|row| {
        let (season, bytes) = row?;
        Ok((season, Arc::new(bytes.decode("a catalogue")?)))
    })
    .collect()
}

fn required_version(connection: &Connection) -> Result<Option<RequiredVersion>, LedgerError> {
    if !has_table(connection, "required_version")? {
        return Ok(None);
    }
    let bytes = connection.query_row("SELECT bytes FROM required_version", [], |row| blob(row, 0)).optional()?;
    bytes.map(|bytes| bytes.decode("the required version")).transpose()
}

fn succession(connection: &Connection, first: Ed25519PublicKey) -> Result<Succession, LedgerError> {
    if !has_table(connection, "entry_key")? {
        return Ok(Succession::new(first));
    }
    let mut statement = connection.prepare("SELECT changed_by, entry_key FROM entry_key ORDER BY changed_by")?;
    let rows = statement.query_map([], |row| Ok((Sequence::new(row.get(0)?), Ed25519PublicKey(row.get(1)?))))?;
    let mut succession = Succession::new(first);
    for row in rows {
        let (change, key) = row?;
        succession.change(change, key);
    }
    Ok(succession)
}

fn certificates(connection: &Connection) -> Result<Vec<TerminalCertificate>, LedgerError> {
    let mut statement = connection.prepare("SELECT bytes FROM terminal_certificate ORDER BY season")?;
    let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
    rows.map(|bytes| {
        TerminalCertificate::decode(&bytes?)
            .map_err(|error| LedgerError::Damaged(format!("a terminal certificate: {error}")))
    })
    .collect()
}

fn keys(connection: &Connection, root: PublicKey) -> Result<TrustedKeys, LedgerError> {
    let mut keys = TrustedKeys::new(root);
    let mut statement = connection.prepare("SELECT serial, bytes, withdrawn FROM region_key ORDER BY serial")?;
    let rows = statement.query_map([], |row| {
        Ok((KeySerial::new(row.get(0)?), row.get::<_, Option<Vec<u8>>>(1)?, row.get::<_, bool>(2)?))
    })?;
    for row in rows {
        let (serial, bytes, withdrawn) = row?;
        let certified = bytes.is_none_or(|bytes| KeyCertificate::decode(&bytes).is_ok_and(|key| keys.learn(key)));
        if !certified {
            return Err(LedgerError::Damaged(format!("region key {serial} is not certified by the root")));
        }
        if withdrawn {
            keys.withdraw(serial);
        }
    }
    Ok(keys)
}
