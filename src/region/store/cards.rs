//! Cards, entitlements, denials, and what cards have signed.

use std::collections::BTreeSet;

use super::chain::{EntryKey, StoredEntry};
use super::engine::{Kind, Lock, Table, values};
use super::{Row, StoreError, Stored, Tx};
use crate::domain::card::{CardCertificate, Entitlement, Record, Signature, SignedRecord};
use crate::domain::catalogue::Code;
use crate::domain::refusal::DenialReason;
use crate::domain::{
    CardNumber, EntitlementSerial, HolderReference, IssueNumber, Season, TerminalId, Timestamp, TransactionId,
};
use crate::wire::feed::RecordsWanted;

/// A card, from the moment its number is reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardRow {
    /// Its number.
    pub card: CardNumber,
    /// Whose.
    pub holder: HolderReference,
    /// Which of the holder's cards.
    pub issue: IssueNumber,
    /// What the holder is granted.
    pub profile: Code,
    /// Its certificate, from the moment before the card is given it.
    pub certificate: Option<CardCertificate>,
    /// When it had everything and was checked.
    pub issued_at: Option<Timestamp>,
    /// The greatest entitlement serial that it is known to hold.
    pub holds: EntitlementSerial,
}

/// A denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DenialRow {
    /// The card.
    pub card: CardNumber,
    /// Why.
    pub reason: DenialReason,
    /// When.
    pub denied_at: Timestamp,
    /// A terminal had it once it has confirmed this position of the feed of all.
    pub position: u64,
}

const RECORDS: Table = Table {
    name: "card_record",
    columns: &[
        ("card", Kind::Integer),
        ("counter", Kind::Integer),
        ("record", Kind::Blob),
        ("signature", Kind::Blob),
        ("learnt_at", Kind::Integer),
    ],
    conflict: "ON CONFLICT DO NOTHING",
};

const ENTITLEMENTS: Table = Table {
    name: "entitlement",
    columns: &[
        ("card", Kind::Integer),
        ("serial", Kind::Integer),
        ("season", Kind::Integer),
        ("body", Kind::Blob),
        ("made_at", Kind::Integer),
    ],
    conflict: "",
};

const ENTRIES_ABOUT: Table = Table {
    name: "card_entry",
    columns: &[
        ("card", Kind::Integer),
        ("terminal_id", Kind::Integer),
        ("branch", Kind::Integer),
        ("sequence", Kind::Integer),
        ("received_at", Kind::Integer),
    ],
    conflict: "ON CONFLICT DO NOTHING",
};

impl Tx<'_> {
    /// Reserves a number; `false` when a card has it already.
    pub fn reserve_card(&self, card: &CardRow, now: Timestamp) -> Stored<bool> {
        let added = self.execute(
            "INSERT INTO card (card, holder, issue, profile, reserved_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (card) DO NOTHING",
            &values![card.card, card.holder, card.issue, &card.profile, now],
        )?;
        if added == 1 {
            self.execute(
                "INSERT INTO holder_card (holder, issue, card) VALUES ($1, $2, $3)",
                &values![card.holder, card.issue, card.card],
            )?;
        }
        Ok(added == 1)
    }

    /// Keeps the certificate that the card is about to be given, with the SHA-256 of its bytes.
    pub fn set_card_certificate(&self, certificate: &CardCertificate, hash: &[u8; 32]) -> Stored<()> {
        let changed = self.execute(
            "UPDATE card SET certificate = $2, certificate_hash = $3 WHERE card = $1 AND certificate IS NULL",
            &values![certificate.card, certificate.encode(), *hash],
        )?;
        if changed == 1 { Ok(()) } else { Err(StoreError::Inconsistent("a card certified twice")) }
    }

    /// The card has everything.
    pub fn confirm_card(&self, card: CardNumber, now: Timestamp) -> Stored<()> {
        self.execute("UPDATE card SET issued_at = $2 WHERE card = $1 AND issued_at IS NULL", &values![card, now])?;
        Ok(())
    }

    /// The card with this number.
    pub fn card(&self, card: CardNumber) -> Stored<Option<CardRow>> {
        let row = self.row(
            "SELECT holder, issue, profile, certificate, issued_at, holds_serial FROM card WHERE card = $1",
            &values![card],
        )?;
        let Some(row) = row else { return Ok(None) };
        let certificate = row.get::<Option<Vec<u8>>>(3)?.map(|bytes| CardCertificate::decode(&bytes)).transpose();
        Ok(Some(CardRow {
            card,
            holder: row.get(0)?,
            issue: row.get(1)?,
            profile: row.get(2)?,
            certificate: certificate.map_err(|_| StoreError::Inconsistent("a card's certificate"))?,
            issued_at: row.get(4)?,
            holds: row.get(5)?,
        }))
    }

    /// Until this transaction ends no other judges these cards. They are taken in the order in which everybody takes them, so that nobody waits for each other.
    pub fn lock_cards(&self, cards: &BTreeSet<CardNumber>) -> Stored<()> {
        let sql = format!("SELECT card FROM card WHERE card = $1{}", self.locking(Lock::Wait));
        let each: Vec<_> = cards.iter().map(|card| values![*card].to_vec()).collect();
        self.rows_of_each(&sql, &each)?;
        Ok(())
    }

    /// The card is known to hold the entitlement with this serial.
    pub fn card_holds(&self, card: CardNumber, serial: EntitlementSerial) -> Stored<()> {
        self.execute(
            "UPDATE card SET holds_serial = $2 WHERE card = $1 AND holds_serial < $2",
            &values![card, serial],
        )?;
        Ok(())
    }

    /// Keeps an entitlement.
    pub fn add_entitlement(&self, entitlement: &Entitlement, now: Timestamp) -> Stored<()> {
        self.execute(
            "INSERT INTO entitlement (card, serial, season, body, made_at) VALUES ($1, $2, $3, $4, $5)",
            &values![entitlement.card, entitlement.serial, entitlement.season, entitlement.encode(), now],
        )?;
        Ok(())
    }

    /// Keeps many entitlements.
    pub fn add_entitlements(&self, entitlements: &[Entitlement], now: Timestamp) -> Stored<()> {
        let rows = entitlements.iter().map(|entitlement| {
            let Entitlement { card, serial, season, .. } = *entitlement;
            values![card, serial, season, entitlement.encode(), now].to_vec()
        });
        self.insert(&ENTITLEMENTS, rows.collect())
    }

    /// Every entitlement of `card`, the newest last.
    pub fn entitlements(&self, card: CardNumber) -> Stored<Vec<Entitlement>> {
        let rows = self.rows("SELECT body FROM entitlement WHERE card = $1 ORDER BY serial", &values![card])?;
        rows.iter().map(entitlement).collect()
    }

    /// The newest entitlement of `card`.
    pub fn newest_entitlement(&self, card: CardNumber) -> Stored<Option<Entitlement>> {
        let sql = "SELECT body FROM entitlement WHERE card = $1 ORDER BY serial DESC LIMIT 1";
        self.row(sql, &values![card])?.as_ref().map(entitlement).transpose()
    }

    /// The newest entitlement of `card` for `season`.
    pub fn newest_entitlement_of(&self, card: CardNumber, season: Season) -> Stored<Option<Entitlement>> {
        Ok(self.entitlements(card)?.into_iter().rfind(|entitlement| entitlement.season == season))
    }

    /// Cards of whose newest entitlement terminals were told, as of every one but the first, and that are not known to hold it.
    pub fn cards_with_entitlement_under_way(&self) -> Stored<Vec<CardNumber>> {
        let rows = self.rows(
            "SELECT c.card FROM card c JOIN (SELECT card, max(serial) AS serial FROM entitlement GROUP BY card) newest
                    ON newest.card = c.card
             WHERE c.holds_serial < newest.serial AND newest.serial > 1 ORDER BY c.card",
            &[],
        )?;
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Denies a card from `position` on.
    pub fn add_denial(&self, denial: &DenialRow) -> Stored<()> {
        self.execute(
            "INSERT INTO denial (card, reason, denied_at, position) VALUES ($1, $2, $3, $4)",
            &values![denial.card, denial.reason.code(), denial.denied_at, denial.position],
        )?;
        Ok(())
    }

    /// The denial of `card`.
    pub fn denial(&self, card: CardNumber) -> Stored<Option<DenialRow>> {
        let sql = "SELECT card, reason, denied_at, position FROM denial WHERE card = $1";
        self.row(sql, &values![card])?.as_ref().map(denial).transpose()
    }

    /// The whole deny list, in the order of the cards' numbers.
    pub fn denials(&self) -> Stored<Vec<DenialRow>> {
        let rows = self.rows("SELECT card, reason, denied_at, position FROM denial ORDER BY card", &[])?;
        rows.iter().map(denial).collect()
    }

    /// The denied cards that whoever has `position` of the feed of all knows, in growing order: the first `limit` after `card`.
    pub fn denied_at(&self, position: u64, card: Option<CardNumber>, limit: u32) -> Stored<Vec<CardNumber>> {
        let sql = "SELECT card FROM denial WHERE position <= $1 AND card > $2 ORDER BY card LIMIT $3";
        let rows = self.rows(sql, &values![position, card.map_or(0, CardNumber::get), limit])?;
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Keeps records whose signatures hold.
    pub fn add_records(&self, records: &[SignedRecord], now: Timestamp) -> Stored<()> {
        let rows = records.iter().map(|signed| {
            let record = &signed.record;
            values![record.card, record.counter, record.encode(), signed.signature.0, now].to_vec()
        });
        self.insert(&RECORDS, rows.collect())
    }

    /// The cards that have signed a record for `terminal`. Every record is looked at: it is for the desk, and for a lost disk.
    pub fn cards_with_records_of(&self, terminal: TerminalId) -> Stored<Vec<CardNumber>> {
        // The terminal stands in the bytes 28 to 31 of a record (card profile), which SQL counts from 1.
        let sql = "SELECT DISTINCT card FROM card_record WHERE substr(record, 29, 4) = $1 ORDER BY card";
        self.rows(sql, &values![terminal.get().to_be_bytes()])?.iter().map(|row| row.get(0)).collect()
    }

    /// Every record that `card` is known to have signed, by counter, with the time the region learnt it.
    pub fn records(&self, card: CardNumber) -> Stored<Vec<(SignedRecord, Timestamp)>> {
        let rows = self.rows(
            "SELECT record, signature, learnt_at FROM card_record WHERE card = $1 ORDER BY counter, learnt_at, record",
            &values![card],
        )?;
        let records = rows.iter().map(|row| {
            let record = Record::decode(&row.get::<Vec<u8>>(0)?);
            let record = record.map_err(|_| StoreError::Inconsistent("a card's record"))?;
            Ok((SignedRecord { record, signature: Signature(row.get(1)?) }, row.get(2)?))
        });
        records.collect()
    }

    /// Keeps that these entries are about these cards.
    pub fn add_entries_about(&self, entries: &[(CardNumber, &StoredEntry)]) -> Stored<()> {
        let rows = entries.iter().map(|(card, entry)| {
            let EntryKey { terminal, place } = entry.key;
            values![*card, terminal, place.branch, place.sequence, entry.received_at].to_vec()
        });
        self.insert(&ENTRIES_ABOUT, rows.collect())
    }

    /// `terminal` has shown an entry of `card`; `true` for the first one.
    pub fn see_card(&self, card: CardNumber, terminal: TerminalId) -> Stored<bool> {
        let added = self.execute(
            "INSERT INTO card_seen (card, terminal_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            &values![card, terminal],
        )?;
        Ok(added == 1)
    }

    /// The terminals that have shown an entry of `card`.
    pub fn terminals_that_saw(&self, card: CardNumber) -> Stored<Vec<TerminalId>> {
        let sql = "SELECT terminal_id FROM card_seen WHERE card = $1 ORDER BY terminal_id";
        self.rows(sql, &values![card])?.iter().map(|row| row.get(0)).collect()
    }

    /// Keeps that a sale was given up.
    pub fn add_abandoned(&self, terminal: TerminalId, transaction: TransactionId, card: CardNumber) -> Stored<()> {
        self.execute(
            "INSERT INTO abandoned (terminal_id, transaction_id, card) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            &values![terminal, transaction, card],
        )?;
        Ok(())
    }

    /// The sales with `card` that were given up.
    pub fn abandoned(&self, card: CardNumber) -> Stored<Vec<(TerminalId, TransactionId)>> {
        let sql =
            "SELECT terminal_id, transaction_id FROM abandoned WHERE card = $1 ORDER BY terminal_id, transaction_id";
        self.rows(sql, &values![card])?.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
    }

    /// The range of records of `card` that is being asked for.
    pub fn records_wanted(&self, card: CardNumber) -> Stored<Option<RecordsWanted>> {
        let row = self.row("SELECT from_counter, to_counter FROM records_wanted WHERE card = $1", &values![card])?;
        row.map(|row| Ok(RecordsWanted { card, from: row.get(0)?, to: row.get(1)? })).transpose()
    }

    /// From now on this range is asked for.
    pub fn want_records(&self, wanted: &RecordsWanted) -> Stored<()> {
        self.execute(
            "INSERT INTO records_wanted (card, from_counter, to_counter) VALUES ($1, $2, $3)
             ON CONFLICT (card) DO UPDATE SET from_counter = excluded.from_counter, to_counter = excluded.to_counter",
            &values![wanted.card, wanted.from, wanted.to],
        )?;
        Ok(())
    }

    /// Nothing of `card` is asked for any more.
    pub fn want_no_records(&self, card: CardNumber) -> Stored<()> {
        self.execute("DELETE FROM records_wanted WHERE card = $1", &values![card])?;
        Ok(())
    }
}

pub(super) fn entitlement(row: &Row) -> Stored<Entitlement> {
    Entitlement::decode(&row.get::<Vec<u8>>(0)?).map_err(|_| StoreError::Inconsistent("an entitlement"))
}

fn denial(row: &Row) -> Stored<DenialRow> {
    let code: String = row.get(1)?;
    let reason = [DenialReason::Lost, DenialReason::Stolen, DenialReason::Broken];
    let reason = reason.into_iter().find(|reason| reason.code() == code);
    Ok(DenialRow {
        card: row.get(0)?,
        reason: reason.ok_or(StoreError::Inconsistent("the reason of a denial"))?,
        denied_at: row.get(2)?,
        position: row.get(3)?,
    })
}
