//! The region itself, its keys, catalogues and policies; partners, terminals, their standing and certificates.

use rusqlite::{OptionalExtension, Row, named_params};

use super::rows::{Column, body};
use super::{StoreError, Stored, Tx};
use crate::crypto::Ed25519PublicKey;
use crate::domain::card::{KeyCertificate, PublicKey, TerminalCertificate};
use crate::domain::catalogue::{Catalogue, Code};
use crate::domain::policy::Policy;
use crate::domain::{PartnerId, Season, TerminalId, Timestamp};
use crate::wire::cbor::encode;
use crate::wire::code::EnrolmentCode;
use crate::wire::exchange::TerminalStanding;
use crate::wire::feed::{Partner, Position};

/// A partner, as the desk sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartnerRow {
    /// Its id.
    pub id: PartnerId,
    /// Name and activities.
    pub partner: Partner,
}

/// A terminal that is to be added.
#[derive(Clone, Debug)]
pub struct NewTerminal {
    /// Its partner.
    pub partner: PartnerId,
    /// The terminal that it takes the place of.
    pub replaces: Option<TerminalId>,
    /// Whether it holds the entitlements of all cards.
    pub all_entitlements: bool,
    /// The secret of its one-time code.
    pub secret: [u8; EnrolmentCode::SECRET_BYTES],
    /// Until when the code is good.
    pub code_expires_at: Timestamp,
}

/// A terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalRow {
    /// Its id.
    pub id: TerminalId,
    /// Its partner.
    pub partner: PartnerId,
    /// The terminal that it takes the place of.
    pub replaces: Option<TerminalId>,
    /// Whether it holds the entitlements of all cards.
    pub all_entitlements: bool,
    /// The secret of its one-time code, as long as the code is good for anything.
    pub code_secret: Option<[u8; EnrolmentCode::SECRET_BYTES]>,
    /// Until when the code is good.
    pub code_expires_at: Timestamp,
    /// The keys that it made, once it is enrolled.
    pub keys: Option<TerminalKeys>,
}

/// The keys that a terminal made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalKeys {
    /// For entries and requests.
    pub entry: Ed25519PublicKey,
    /// For cards.
    pub card: PublicKey,
    /// When the region took them.
    pub enrolled_at: Timestamp,
}

/// Why a terminal's standing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It was added, or the desk decided.
    Desk,
    /// Its chain forked again, or in a way that two machines explain.
    Fork,
    /// Another terminal took its place.
    Replaced,
    /// Its disk is in strange hands: its keys are worth nothing any more.
    Revoked,
}

impl Cause {
    const ALL: [Self; 4] = [Self::Desk, Self::Fork, Self::Replaced, Self::Revoked];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Desk => "desk",
            Self::Fork => "fork",
            Self::Replaced => "replaced",
            Self::Revoked => "revoked",
        }
    }
}

/// A terminal's standing and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether it may sell.
    pub standing: TerminalStanding,
    /// Why it is so.
    pub cause: Cause,
    /// Since when.
    pub since: Timestamp,
}

impl Standing {
    /// Since when the terminal's keys are revoked, if they are.
    pub fn revoked_since(self) -> Option<Timestamp> {
        (self.cause == Cause::Revoked).then_some(self.since)
    }
}

/// The stable code of a standing.
pub const fn standing_code(standing: TerminalStanding) -> &'static str {
    match standing {
        TerminalStanding::Active => "active",
        TerminalStanding::Suspended => "suspended",
        TerminalStanding::Retired => "retired",
    }
}

fn standing_of(code: &str) -> Stored<TerminalStanding> {
    [TerminalStanding::Active, TerminalStanding::Suspended, TerminalStanding::Retired]
        .into_iter()
        .find(|standing| standing_code(*standing) == code)
        .ok_or(StoreError::Inconsistent("a terminal's standing"))
}

/// A policy, and the feed position from which on it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyRow {
    /// The policy.
    pub policy: Policy,
    /// Whoever has confirmed this position knows it.
    pub position: Position,
    /// When it was published.
    pub published_at: Timestamp,
}

impl Tx<'_> {
    /// The root's public key; `None` as long as the region was not made.
    pub fn root_key(&self) -> Stored<Option<PublicKey>> {
        let mut sql = self.sql("SELECT root_key FROM region WHERE id = 1")?;
        Ok(sql.query_row([], |row| row.get(0).map(PublicKey)).optional()?)
    }

    /// The region exists from now on.
    pub fn found(&self, root: &PublicKey, now: Timestamp) -> Stored<()> {
        let mut sql = self.sql("INSERT INTO region (id, root_key, created_at) VALUES (1, :root, :now)")?;
        sql.execute(named_params! { ":root": root.0, ":now": Column(now) })?;
        Ok(())
    }

    /// Keeps a region key's certificate.
    pub fn add_region_key(&self, certificate: &KeyCertificate, now: Timestamp) -> Stored<()> {
        let mut sql = self.sql("INSERT INTO region_key (serial, body, made_at) VALUES (:serial, :body, :now)")?;
        let body = certificate.encode();
        sql.execute(named_params! { ":serial": Column(certificate.serial), ":body": body, ":now": Column(now) })?;
        Ok(())
    }

    /// Every region key, the newest last.
    pub fn region_keys(&self) -> Stored<Vec<KeyCertificate>> {
        let mut sql = self.sql("SELECT body FROM region_key ORDER BY serial")?;
        let bodies = sql.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
        let keys = bodies.map(|body| {
            KeyCertificate::decode(&body?).map_err(|_| StoreError::Inconsistent("a region key's certificate"))
        });
        keys.collect()
    }

    /// The version that the next catalogue of `season` has.
    pub fn next_catalogue_version(&self, season: Season) -> Stored<u32> {
        let mut sql = self.sql("SELECT coalesce(max(version), 0) + 1 FROM catalogue WHERE season = :season")?;
        let next: u32 = sql.query_row(named_params! { ":season": Column(season) }, |row| row.get(0))?;
        Ok(next.max(self.number_floor()?))
    }

    /// Keeps a version of a season's catalogue.
    pub fn add_catalogue(&self, catalogue: &Catalogue, now: Timestamp) -> Stored<()> {
        let mut sql = self.sql(
            "INSERT INTO catalogue (season, version, body, published_at) VALUES (:season, :version, :body, :now)",
        )?;
        sql.execute(named_params! {
            ":season": Column(catalogue.season),
            ":version": catalogue.version,
            ":body": encode(catalogue),
            ":now": Column(now),
        })?;
        Ok(())
    }

    /// The newest catalogue of `season`.
    pub fn catalogue(&self, season: Season) -> Stored<Option<Catalogue>> {
        let mut sql = self.sql("SELECT body FROM catalogue WHERE season = :season ORDER BY version DESC LIMIT 1")?;
        let bytes = sql.query_row(named_params! { ":season": Column(season) }, |row| row.get::<_, Vec<u8>>(0));
        bytes.optional()?.map(|bytes| body(&bytes, "a catalogue")).transpose()
    }

    /// The newest catalogue of each season from `season` on.
    pub fn catalogues_from(&self, season: Season) -> Stored<Vec<Catalogue>> {
        let mut sql = self.sql(
            "SELECT body FROM catalogue c WHERE season >= :season
             AND version = (SELECT max(version) FROM catalogue WHERE season = c.season) ORDER BY season",
        )?;
        let bodies = sql.query_map(named_params! { ":season": Column(season) }, |row| row.get::<_, Vec<u8>>(0))?;
        bodies.map(|bytes| body(&bytes?, "a catalogue")).collect()
    }

    /// Keeps a version of the offline policy that is told at `position`.
    pub fn add_policy(&self, policy: &Policy, position: Position, now: Timestamp) -> Stored<()> {
        let mut sql = self.sql(
            "INSERT INTO policy (version, position, body, published_at) VALUES (:version, :position, :body, :now)",
        )?;
        sql.execute(named_params! {
            ":version": policy.version,
            ":position": Column(position),
            ":body": encode(policy),
            ":now": Column(now),
        })?;
        Ok(())
    }

    /// Every policy there was, the newest last.
    pub fn policies(&self) -> Stored<Vec<PolicyRow>> {
        let mut sql = self.sql("SELECT body, position, published_at FROM policy ORDER BY version")?;
        let rows = sql.query_map([], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Column<_>>(1)?.0, row.get::<_, Column<_>>(2)?.0))
        })?;
        let policies = rows.map(|row| {
            let (bytes, position, published_at) = row?;
            Ok(PolicyRow { policy: body(&bytes, "a policy")?, position, published_at })
        });
        policies.collect()
    }

    /// Adds a partner; its id.
    pub fn add_partner(&self, partner: &Partner, now: Timestamp) -> Stored<PartnerId> {
        let mut sql = self.sql(
            "INSERT INTO partner (partner_id, name, added_at)
             VALUES (max((SELECT coalesce(max(partner_id), 0) + 1 FROM partner), (SELECT coalesce(max(partner_from), 0) FROM restored)),
             :name, :now) RETURNING partner_id",
        )?;
        let parameters = named_params! { ":name": partner.name, ":now": Column(now) };
        let id: PartnerId = sql.query_row(parameters, |row| row.get::<_, Column<_>>(0))?.0;
        let mut sql = self.sql("INSERT INTO partner_activity (partner_id, activity) VALUES (:partner, :activity)")?;
        for activity in &partner.activities {
            sql.execute(named_params! { ":partner": Column(id), ":activity": Column(activity) })?;
        }
        Ok(id)
    }

    /// The partner with this id.
    pub fn partner(&self, id: PartnerId) -> Stored<Option<Partner>> {
        let mut sql = self.sql("SELECT name FROM partner WHERE partner_id = :partner")?;
        let name = sql.query_row(named_params! { ":partner": Column(id) }, |row| row.get(0)).optional()?;
        name.map(|name| Ok(Partner { name, activities: self.activities(id)? })).transpose()
    }

    fn activities(&self, partner: PartnerId) -> Stored<Vec<Code>> {
        let mut sql =
            self.sql("SELECT activity FROM partner_activity WHERE partner_id = :partner ORDER BY activity")?;
        let codes =
            sql.query_map(named_params! { ":partner": Column(partner) }, |row| row.get::<_, Column<Code>>(0))?;
        codes.map(|code| Ok(code?.0)).collect()
    }

    /// Every partner.
    pub fn partners(&self) -> Stored<Vec<PartnerRow>> {
        let mut sql = self.sql("SELECT partner_id, name FROM partner ORDER BY partner_id")?;
        let rows = sql.query_map([], |row| Ok((row.get::<_, Column<PartnerId>>(0)?.0, row.get(1)?)))?;
        let partners = rows.map(|row| {
            let (id, name) = row?;
            Ok(PartnerRow { id, partner: Partner { name, activities: self.activities(id)? } })
        });
        partners.collect()
    }

    /// Adds a terminal that may be enrolled; its id.
    pub fn add_terminal(&self, new: &NewTerminal, now: Timestamp) -> Stored<TerminalId> {
        let mut sql = self.sql(
            "INSERT INTO terminal (terminal_id, partner_id, replaces, all_entitlements, added_at, code_secret, code_expires_at)
             VALUES (max((SELECT coalesce(max(terminal_id), 0) + 1 FROM terminal), (SELECT coalesce(max(terminal_from), 0) FROM restored)),
             :partner, :replaces, :all, :now, :secret, :expires)
             RETURNING terminal_id",
        )?;
        let parameters = named_params! {
            ":partner": Column(new.partner),
            ":replaces": new.replaces.map(Column),
            ":all": new.all_entitlements,
            ":now": Column(now),
            ":secret": new.secret,
            ":expires": Column(new.code_expires_at),
        };
        let id = sql.query_row(parameters, |row| row.get::<_, Column<_>>(0))?.0;
        Ok(id)
    }

    /// The terminal with this id.
    pub fn terminal(&self, id: TerminalId) -> Stored<Option<TerminalRow>> {
        let mut sql = self.sql("SELECT * FROM terminal WHERE terminal_id = :terminal")?;
        Ok(sql.query_row(named_params! { ":terminal": Column(id) }, terminal_row).optional()?)
    }

    /// Every terminal.
    pub fn terminals(&self) -> Stored<Vec<TerminalRow>> {
        let mut sql = self.sql("SELECT * FROM terminal ORDER BY terminal_id")?;
        let rows = sql.query_map([], terminal_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Takes the keys that a terminal made.
    pub fn enrol(&self, id: TerminalId, keys: &TerminalKeys) -> Stored<()> {
        let mut sql = self.sql(
            "UPDATE terminal SET entry_key = :entry, card_key = :card, enrolled_at = :at
             WHERE terminal_id = :terminal AND entry_key IS NULL",
        )?;
        let changed = sql.execute(named_params! {
            ":entry": keys.entry.0,
            ":card": keys.card.0,
            ":at": Column(keys.enrolled_at),
            ":terminal": Column(id),
        })?;
        if changed == 1 { Ok(()) } else { Err(StoreError::Inconsistent("a terminal enrolled twice")) }
    }

    /// Forgets the codes whose time is over.
    pub fn forget_expired_codes(&self, now: Timestamp) -> Stored<()> {
        let mut sql = self
            .sql("UPDATE terminal SET code_secret = NULL WHERE code_expires_at < :now AND code_secret IS NOT NULL")?;
        sql.execute(named_params! { ":now": Column(now) })?;
        Ok(())
    }

    /// The terminal's standing now; a terminal begins as active.
    pub fn standing(&self, terminal: TerminalId) -> Stored<Option<Standing>> {
        self.standing_known_at(terminal, Position::MAX >> 1)
    }

    /// Whether another terminal took the place of any since then.
    pub fn replaced_since(&self, since: Timestamp) -> Stored<bool> {
        let mut sql = self.sql("SELECT 1 FROM terminal_standing WHERE cause = :replaced AND changed_at >= :since")?;
        Ok(sql.exists(named_params! { ":replaced": Cause::Replaced.code(), ":since": Column(since) })?)
    }

    /// The terminals that may have lost entries: another took their place, or their chain has forked.
    pub fn terminals_with_losses(&self) -> Stored<Vec<TerminalId>> {
        let mut sql = self.sql(
            "SELECT terminal_id FROM terminal_standing WHERE cause = :replaced
             UNION SELECT terminal_id FROM branch WHERE branch > 0 ORDER BY terminal_id",
        )?;
        let rows =
            sql.query_map(named_params! { ":replaced": Cause::Replaced.code() }, |row| row.get::<_, Column<_>>(0))?;
        rows.map(|terminal| Ok(terminal?.0)).collect()
    }

    /// The terminal's standing as a terminal that has confirmed `position` was told.
    pub fn standing_known_at(&self, terminal: TerminalId, position: Position) -> Stored<Option<Standing>> {
        let mut sql = self.sql(
            "SELECT standing, cause, changed_at FROM terminal_standing
             WHERE terminal_id = :terminal AND position <= :position ORDER BY position DESC LIMIT 1",
        )?;
        let parameters = named_params! { ":terminal": Column(terminal), ":position": Column(position) };
        let row = sql.query_row(parameters, |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, Column<Timestamp>>(2)?.0))
        });
        let Some((standing, cause, since)) = row.optional()? else { return Ok(None) };
        let cause = Cause::ALL.into_iter().find(|candidate| candidate.code() == cause);
        let cause = cause.ok_or(StoreError::Inconsistent("the cause of a terminal's standing"))?;
        Ok(Some(Standing { standing: standing_of(&standing)?, cause, since }))
    }

    /// The standing changes now. It takes a position of the feed for itself, so that the region knows when the terminal was told.
    pub fn set_standing(
        &self,
        terminal: TerminalId,
        standing: TerminalStanding,
        cause: Cause,
        now: Timestamp,
    ) -> Stored<()> {
        let position = self.take_position()?;
        let mut sql = self.sql(
            "INSERT INTO terminal_standing (terminal_id, position, standing, cause, changed_at)
             VALUES (:terminal, :position, :standing, :cause, :now)",
        )?;
        sql.execute(named_params! {
            ":terminal": Column(terminal),
            ":position": Column(position),
            ":standing": standing_code(standing),
            ":cause": cause.code(),
            ":now": Column(now),
        })?;
        Ok(())
    }

    /// Keeps a certificate that was made for a terminal.
    pub fn add_terminal_certificate(&self, certificate: &TerminalCertificate) -> Stored<()> {
        let mut sql = self.sql(
            "INSERT INTO terminal_certificate (terminal_id, season, number, body) VALUES (:terminal, :season,
             (SELECT coalesce(max(number), 0) + 1 FROM terminal_certificate WHERE terminal_id = :terminal AND season = :season),
             :body)",
        )?;
        sql.execute(named_params! {
            ":terminal": Column(certificate.terminal),
            ":season": Column(certificate.season),
            ":body": certificate.encode(),
        })?;
        Ok(())
    }

    /// Every certificate that was made for a terminal and a season, the newest last.
    pub fn terminal_certificates(&self, terminal: TerminalId, season: Season) -> Stored<Vec<TerminalCertificate>> {
        let mut sql = self.sql(
            "SELECT body FROM terminal_certificate WHERE terminal_id = :terminal AND season = :season ORDER BY number",
        )?;
        let parameters = named_params! { ":terminal": Column(terminal), ":season": Column(season) };
        let bodies = sql.query_map(parameters, |row| row.get::<_, Vec<u8>>(0))?;
        let certificates = bodies.map(|body| {
            TerminalCertificate::decode(&body?).map_err(|_| StoreError::Inconsistent("a terminal's certificate"))
        });
        certificates.collect()
    }
}

fn terminal_row(row: &Row<'_>) -> rusqlite::Result<TerminalRow> {
    let entry: Option<[u8; 32]> = row.get("entry_key")?;
    let card: Option<[u8; 65]> = row.get("card_key")?;
    let enrolled_at: Option<Column<Timestamp>> = row.get("enrolled_at")?;
    let keys = match (entry, card, enrolled_at) {
        (Some(entry), Some(card), Some(enrolled_at)) => {
            Some(TerminalKeys { entry: Ed25519PublicKey(entry), card: PublicKey(card), enrolled_at: enrolled_at.0 })
        }
        _ => None,
    };
    Ok(TerminalRow {
        id: row.get::<_, Column<_>>("terminal_id")?.0,
        partner: row.get::<_, Column<_>>("partner_id")?.0,
        replaces: row.get::<_, Option<Column<_>>>("replaces")?.map(|column| column.0),
        all_entitlements: row.get("all_entitlements")?,
        code_secret: row.get("code_secret")?,
        code_expires_at: row.get::<_, Column<_>>("code_expires_at")?.0,
        keys,
    })
}
