//! The region itself, its keys, catalogues and policies; partners, terminals, their standing and certificates.

use super::engine::values;
use super::feed::Audience;
use super::rows::body;
use super::{Row, StoreError, Stored, Tx};
use crate::crypto::Ed25519PublicKey;
use crate::domain::card::{KeyCertificate, PublicKey, TerminalCertificate};
use crate::domain::catalogue::{Catalogue, Code};
use crate::domain::policy::Policy;
use crate::domain::{PartnerId, Season, TerminalId, Timestamp};
use crate::wire::cbor::encode;
use crate::wire::code::EnrolmentCode;
use crate::wire::exchange::TerminalStanding;
use crate::wire::feed::Partner;

/// A partner, as the desk sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartnerRow {
    /// Its id.
    pub id: PartnerId,
    /// Name and activities.
    pub partner: Partner,
    /// Where people find it.
    pub city: Option<String>,
    /// Since when all its terminals are suspended.
    pub suspended_at: Option<Timestamp>,
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
    /// Its partner is suspended.
    Partner,
}

impl Cause {
    const ALL: [Self; 5] = [Self::Desk, Self::Fork, Self::Replaced, Self::Revoked, Self::Partner];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Desk => "desk",
            Self::Fork => "fork",
            Self::Replaced => "replaced",
            Self::Revoked => "revoked",
            Self::Partner => "partner",
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

/// A standing, and when the terminal was told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StandingRow {
    /// Its place in the terminal's own feed: who has confirmed as much has been told.
    pub position: u64,
    /// What was told.
    pub standing: Standing,
}

const STANDING_COLUMNS: &str = "position, standing, cause, changed_at FROM terminal_standing";

fn standing_row(row: &Row) -> Stored<StandingRow> {
    let code: String = row.get(2)?;
    let cause = Cause::ALL.into_iter().find(|candidate| candidate.code() == code);
    let cause = cause.ok_or(StoreError::Inconsistent("the cause of a terminal's standing"))?;
    let standing = Standing { standing: standing_of(&row.get::<String>(1)?)?, cause, since: row.get(3)? };
    Ok(StandingRow { position: row.get(0)?, standing })
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
    /// Whoever has confirmed this position of the feed of all knows it.
    pub position: u64,
    /// When it was published.
    pub published_at: Timestamp,
}

const TERMINAL_COLUMNS: &str = "terminal_id, partner_id, replaces, all_entitlements, code_secret, code_expires_at, \
     entry_key, card_key, enrolled_at";

impl Tx<'_> {
    /// The root's public key; `None` as long as the region was not made.
    pub fn root_key(&self) -> Stored<Option<PublicKey>> {
        let row = self.row("SELECT root_key FROM region WHERE id = 1", &[])?;
        row.map(|row| row.get(0).map(PublicKey)).transpose()
    }

    /// The region exists from now on.
    pub fn found(&self, root: &PublicKey, now: Timestamp) -> Stored<()> {
        self.execute("INSERT INTO region (id, root_key, created_at) VALUES (1, $1, $2)", &values![root.0, now])?;
        Ok(())
    }

    /// Keeps a region key's certificate.
    pub fn add_region_key(&self, certificate: &KeyCertificate, now: Timestamp) -> Stored<()> {
        self.execute(
            "INSERT INTO region_key (serial, body, made_at) VALUES ($1, $2, $3)",
            &values![certificate.serial, certificate.encode(), now],
        )?;
        Ok(())
    }

    /// Every region key, the newest last.
    pub fn region_keys(&self) -> Stored<Vec<KeyCertificate>> {
        let rows = self.rows("SELECT body FROM region_key ORDER BY serial", &[])?;
        let keys = rows.iter().map(|row| {
            KeyCertificate::decode(&row.get::<Vec<u8>>(0)?)
                .map_err(|_| StoreError::Inconsistent("a region key's certificate"))
        });
        keys.collect()
    }

    /// The version that the next catalogue of `season` has.
    pub fn next_catalogue_version(&self, season: Season) -> Stored<u32> {
        let sql = "SELECT coalesce(max(version), 0) + 1 FROM catalogue WHERE season = $1";
        let next: u32 = self.one(sql, &values![season])?.get(0)?;
        Ok(next.max(self.number_floor()?))
    }

    /// Keeps a version of a season's catalogue.
    pub fn add_catalogue(&self, catalogue: &Catalogue, now: Timestamp) -> Stored<()> {
        self.execute(
            "INSERT INTO catalogue (season, version, body, published_at) VALUES ($1, $2, $3, $4)",
            &values![catalogue.season, catalogue.version, encode(catalogue), now],
        )?;
        Ok(())
    }

    /// The newest catalogue of `season`.
    pub fn catalogue(&self, season: Season) -> Stored<Option<Catalogue>> {
        let sql = "SELECT body FROM catalogue WHERE season = $1 ORDER BY version DESC LIMIT 1";
        let row = self.row(sql, &values![season])?;
        row.map(|row| body(&row.get::<Vec<u8>>(0)?, "a catalogue")).transpose()
    }

    /// The newest catalogue of each season from `season` on.
    pub fn catalogues_from(&self, season: Season) -> Stored<Vec<Catalogue>> {
        let rows = self.rows(
            "SELECT body FROM catalogue c WHERE season >= $1
             AND version = (SELECT max(version) FROM catalogue WHERE season = c.season) ORDER BY season",
            &values![season],
        )?;
        rows.iter().map(|row| body(&row.get::<Vec<u8>>(0)?, "a catalogue")).collect()
    }

    /// Keeps a version of the offline policy that is told at `position` of the feed of all.
    pub fn add_policy(&self, policy: &Policy, position: u64, now: Timestamp) -> Stored<()> {
        self.execute(
            "INSERT INTO policy (version, position, body, published_at) VALUES ($1, $2, $3, $4)",
            &values![policy.version, position, encode(policy), now],
        )?;
        Ok(())
    }

    /// Every policy there was, the newest last.
    pub fn policies(&self) -> Stored<Vec<PolicyRow>> {
        let rows = self.rows("SELECT body, position, published_at FROM policy ORDER BY version", &[])?;
        let policies = rows.iter().map(|row| {
            let policy = body(&row.get::<Vec<u8>>(0)?, "a policy")?;
            Ok(PolicyRow { policy, position: row.get(1)?, published_at: row.get(2)? })
        });
        policies.collect()
    }

    /// Adds a partner; its id.
    pub fn add_partner(&self, partner: &Partner, now: Timestamp) -> Stored<PartnerId> {
        let row = self.one(
            "INSERT INTO partner (partner_id, name, added_at)
             VALUES ((SELECT max(id) FROM (SELECT coalesce(max(partner_id), 0) + 1 AS id FROM partner
                     UNION ALL SELECT partner_from FROM restored) ids), $1, $2) RETURNING partner_id",
            &values![partner.name.as_str(), now],
        )?;
        let id: PartnerId = row.get(0)?;
        self.add_activities(id, &partner.activities)?;
        Ok(id)
    }

    /// The partner with this id.
    pub fn partner(&self, id: PartnerId) -> Stored<Option<Partner>> {
        let row = self.row("SELECT name FROM partner WHERE partner_id = $1", &values![id])?;
        row.map(|row| Ok(Partner { name: row.get(0)?, activities: self.activities(id)? })).transpose()
    }

    fn activities(&self, partner: PartnerId) -> Stored<Vec<Code>> {
        let sql = "SELECT activity FROM partner_activity WHERE partner_id = $1 ORDER BY activity";
        self.rows(sql, &values![partner])?.iter().map(|row| row.get(0)).collect()
    }

    /// Adds a terminal that may be enrolled; its id.
    pub fn add_terminal(&self, new: &NewTerminal, now: Timestamp) -> Stored<TerminalId> {
        let row = self.one(
            "INSERT INTO terminal (terminal_id, partner_id, replaces, all_entitlements, added_at, code_secret, code_expires_at)
             VALUES ((SELECT max(id) FROM (SELECT coalesce(max(terminal_id), 0) + 1 AS id FROM terminal
                     UNION ALL SELECT terminal_from FROM restored) ids), $1, $2, $3, $4, $5, $6)
             RETURNING terminal_id",
            &values![new.partner, new.replaces, new.all_entitlements, now, new.secret, new.code_expires_at],
        )?;
        row.get(0)
    }

    /// The terminal with this id.
    pub fn terminal(&self, id: TerminalId) -> Stored<Option<TerminalRow>> {
        let sql = format!("SELECT {TERMINAL_COLUMNS} FROM terminal WHERE terminal_id = $1");
        self.row(&sql, &values![id])?.as_ref().map(terminal_row).transpose()
    }

    /// Every terminal.
    pub fn terminals(&self) -> Stored<Vec<TerminalRow>> {
        let sql = format!("SELECT {TERMINAL_COLUMNS} FROM terminal ORDER BY terminal_id");
        self.rows(&sql, &[])?.iter().map(terminal_row).collect()
    }

    /// Takes the keys that a terminal made.
    pub fn enrol(&self, id: TerminalId, keys: &TerminalKeys) -> Stored<()> {
        let changed = self.execute(
            "UPDATE terminal SET entry_key = $2, card_key = $3, enrolled_at = $4
             WHERE terminal_id = $1 AND entry_key IS NULL",
            &values![id, keys.entry.0, keys.card.0, keys.enrolled_at],
        )?;
        if changed == 1 { Ok(()) } else { Err(StoreError::Inconsistent("a terminal enrolled twice")) }
    }

    /// Forgets the codes whose time is over.
    pub fn forget_expired_codes(&self, now: Timestamp) -> Stored<()> {
        self.execute(
            "UPDATE terminal SET code_secret = NULL WHERE code_expires_at < $1 AND code_secret IS NOT NULL",
            &values![now],
        )?;
        Ok(())
    }

    /// The terminal's standing now; a terminal begins as active.
    pub fn standing(&self, terminal: TerminalId) -> Stored<Option<Standing>> {
        let sql = format!("SELECT {STANDING_COLUMNS} WHERE terminal_id = $1 ORDER BY position DESC LIMIT 1");
        self.row(&sql, &values![terminal])?.map(|row| Ok(standing_row(&row)?.standing)).transpose()
    }

    /// Every standing that the terminal has had, in order.
    pub fn standings(&self, terminal: TerminalId) -> Stored<Vec<StandingRow>> {
        let sql = format!("SELECT {STANDING_COLUMNS} WHERE terminal_id = $1 ORDER BY position");
        self.rows(&sql, &values![terminal])?.iter().map(standing_row).collect()
    }

    /// Whether another terminal took the place of any since then.
    pub fn replaced_since(&self, since: Timestamp) -> Stored<bool> {
        let sql = "SELECT changed_at FROM terminal_standing WHERE cause = $1 AND changed_at >= $2 LIMIT 1";
        Ok(self.row(sql, &values![Cause::Replaced.code(), since])?.is_some())
    }

    /// The terminals that may have lost entries: another took their place, or their chain has forked.
    pub fn terminals_with_losses(&self) -> Stored<Vec<TerminalId>> {
        let rows = self.rows(
            "SELECT terminal_id FROM terminal_standing WHERE cause = $1
             UNION SELECT terminal_id FROM branch WHERE branch > 0 ORDER BY terminal_id",
            &values![Cause::Replaced.code()],
        )?;
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// The standing changes now. It takes a position of the terminal's own feed, so that the region knows when the terminal was told.
    pub fn set_standing(
        &self,
        terminal: TerminalId,
        standing: TerminalStanding,
        cause: Cause,
        now: Timestamp,
    ) -> Stored<()> {
        let position = self.take_positions(Audience::One(terminal), 1)?;
        self.execute(
            "INSERT INTO terminal_standing (terminal_id, position, standing, cause, changed_at)
             VALUES ($1, $2, $3, $4, $5)",
            &values![terminal, position, standing_code(standing), cause.code(), now],
        )?;
        Ok(())
    }

    /// Keeps a certificate that was made for a terminal.
    pub fn add_terminal_certificate(&self, certificate: &TerminalCertificate) -> Stored<()> {
        self.execute(
            "INSERT INTO terminal_certificate (terminal_id, season, number, body) VALUES ($1, $2,
             (SELECT coalesce(max(number), 0) + 1 FROM terminal_certificate WHERE terminal_id = $1 AND season = $2), $3)",
            &values![certificate.terminal, certificate.season, certificate.encode()],
        )?;
        Ok(())
    }

    /// Every certificate that was made for a terminal and a season, the newest last.
    pub fn terminal_certificates(&self, terminal: TerminalId, season: Season) -> Stored<Vec<TerminalCertificate>> {
        let rows = self.rows(
            "SELECT body FROM terminal_certificate WHERE terminal_id = $1 AND season = $2 ORDER BY number",
            &values![terminal, season],
        )?;
        let certificates = rows.iter().map(|row| {
            TerminalCertificate::decode(&row.get::<Vec<u8>>(0)?)
                .map_err(|_| StoreError::Inconsistent("a terminal's certificate"))
        });
        certificates.collect()
    }
}

/// Reads [`TERMINAL_COLUMNS`].
fn terminal_row(row: &Row) -> Stored<TerminalRow> {
    let keys = match (row.get(6)?, row.get(7)?, row.get(8)?) {
        (Some(entry), Some(card), Some(enrolled_at)) => {
            Some(TerminalKeys { entry: Ed25519PublicKey(entry), card: PublicKey(card), enrolled_at })
        }
        _ => None,
    };
    Ok(TerminalRow {
        id: row.get(0)?,
        partner: row.get(1)?,
        replaces: row.get(2)?,
        all_entitlements: row.get(3)?,
        code_secret: row.get(4)?,
        code_expires_at: row.get(5)?,
        keys,
    })
}
