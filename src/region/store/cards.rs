//! Cards, entitlements, denials, and what cards have signed.

use rusqlite::{OptionalExtension, Row, named_params};

use super::chain::EntryId;
use super::rows::Column;
use super::{StoreError, Stored, Tx};
use crate::domain::card::{CardCertificate, Entitlement, Record, Signature, SignedRecord};
use crate::domain::catalogue::Code;
use crate::domain::refusal::DenialReason;
use crate::domain::{
    CardNumber, EntitlementSerial, HolderReference, IssueNumber, Season, TerminalId, Timestamp, TransactionId,
};
use crate::wire::feed::{Position, RecordsWanted};

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
    /// A terminal had it once it has confirmed this position.
    pub position: Position,
}

impl Tx<'_> {
    /// Reserves a number; `false` when a card has it already.
    pub fn reserve_card(&self, card: &CardRow, now: Timestamp) -> Stored<bool> {
        let mut sql = self.sql(
            "INSERT INTO card (card, holder, issue, profile, reserved_at) VALUES (:card, :holder, :issue, :profile, :now)
             ON CONFLICT (card) DO NOTHING",
        )?;
        let added = sql.execute(named_params! {
            ":card": Column(card.card),
            ":holder": Column(card.holder),
            ":issue": Column(card.issue),
            ":profile": Column(&card.profile),
            ":now": Column(now),
        })?;
        Ok(added == 1)
    }

    /// Keeps the certificate that the card is about to be given, with the SHA-256 of its bytes.
    pub fn set_card_certificate(&self, certificate: &CardCertificate, hash: &[u8; 32]) -> Stored<()> {
        let mut sql = self.sql(
            "UPDATE card SET certificate = :certificate, certificate_hash = :hash WHERE card = :card AND certificate IS NULL",
        )?;
        let changed = sql.execute(named_params! {
            ":certificate": certificate.encode(),
            ":hash": hash,
            ":card": Column(certificate.card),
        })?;
        if changed == 1 { Ok(()) } else { Err(StoreError::Inconsistent("a card certified twice")) }
    }

    /// The card has everything.
    pub fn confirm_card(&self, card: CardNumber, now: Timestamp) -> Stored<()> {
        let mut sql = self.sql("UPDATE card SET issued_at = :now WHERE card = :card AND issued_at IS NULL")?;
        sql.execute(named_params! { ":now": Column(now), ":card": Column(card) })?;
        Ok(())
    }

    /// The card with this number.
    pub fn card(&self, card: CardNumber) -> Stored<Option<CardRow>> {
        let mut sql = self.sql("SELECT * FROM card WHERE card = :card")?;
        let row = sql.query_row(named_params! { ":card": Column(card) }, |row| {
            let certificate: Option<Vec<u8>> = row.get("certificate")?;
            let made = CardRow {
                card,
                holder: row.get::<_, Column<_>>("holder")?.0,
                issue: row.get::<_, Column<_>>("issue")?.0,
                profile: row.get::<_, Column<_>>("profile")?.0,
                certificate: None,
                issued_at: row.get::<_, Option<Column<_>>>("issued_at")?.map(|column| column.0),
                holds: row.get::<_, Column<_>>("holds_serial")?.0,
            };
            Ok((made, certificate))
        });
        let Some((made, certificate)) = row.optional()? else { return Ok(None) };
        let certificate = certificate.map(|bytes| CardCertificate::decode(&bytes)).transpose();
        let certificate = certificate.map_err(|_| StoreError::Inconsistent("a card's certificate"))?;
        Ok(Some(CardRow { certificate, ..made }))
    }

    /// The card is known to hold the entitlement with this serial.
    pub fn card_holds(&self, card: CardNumber, serial: EntitlementSerial) -> Stored<()> {
        let mut sql =
            self.sql("UPDATE card SET holds_serial = :serial WHERE card = :card AND holds_serial < :serial")?;
        sql.execute(named_params! { ":serial": Column(serial), ":card": Column(card) })?;
        Ok(())
    }

    /// Keeps an entitlement.
    pub fn add_entitlement(&self, entitlement: &Entitlement, now: Timestamp) -> Stored<()> {
        let mut sql = self.sql(
            "INSERT INTO entitlement (card, serial, season, body, made_at) VALUES (:card, :serial, :season, :body, :now)",
        )?;
        sql.execute(named_params! {
            ":card": Column(entitlement.card),
            ":serial": Column(entitlement.serial),
            ":season": Column(entitlement.season),
            ":body": entitlement.encode(),
            ":now": Column(now),
        })?;
        Ok(())
    }

    /// Every entitlement of `card`, the newest last.
    pub fn entitlements(&self, card: CardNumber) -> Stored<Vec<Entitlement>> {
        let mut sql = self.sql("SELECT body FROM entitlement WHERE card = :card ORDER BY serial")?;
        let bodies = sql.query_map(named_params! { ":card": Column(card) }, |row| row.get::<_, Vec<u8>>(0))?;
        let made = bodies.map(|body| entitlement(&body?));
        made.collect()
    }

    /// The newest entitlement of `card`.
    pub fn newest_entitlement(&self, card: CardNumber) -> Stored<Option<Entitlement>> {
        let mut sql = self.sql("SELECT body FROM entitlement WHERE card = :card ORDER BY serial DESC LIMIT 1")?;
        let body = sql.query_row(named_params! { ":card": Column(card) }, |row| row.get::<_, Vec<u8>>(0));
        body.optional()?.map(|body| entitlement(&body)).transpose()
    }

    /// The newest entitlement of `card` for `season`.
    pub fn newest_entitlement_of(&self, card: CardNumber, season: Season) -> Stored<Option<Entitlement>> {
        Ok(self.entitlements(card)?.into_iter().rfind(|entitlement| entitlement.season == season))
    }

    /// Cards of whose newest entitlement terminals were told, and that are not known to hold it.
    pub fn cards_with_entitlement_under_way(&self) -> Stored<Vec<CardNumber>> {
        let mut sql = self.sql(
            "SELECT DISTINCT card FROM card c JOIN feed_item ON subject = 'entitlement/' || printf('%016d', card)
             WHERE holds_serial < (SELECT max(serial) FROM entitlement WHERE card = c.card) ORDER BY card",
        )?;
        let rows = sql.query_map([], |row| row.get::<_, Column<_>>(0))?;
        rows.map(|card| Ok(card?.0)).collect()
    }

    /// Denies a card from `position` on.
    pub fn add_denial(&self, denial: &DenialRow) -> Stored<()> {
        let mut sql =
            self.sql("INSERT INTO denial (card, reason, denied_at, position) VALUES (:card, :reason, :at, :position)")?;
        sql.execute(named_params! {
            ":card": Column(denial.card),
            ":reason": denial.reason.code(),
            ":at": Column(denial.denied_at),
            ":position": Column(denial.position),
        })?;
        Ok(())
    }

    /// The denial of `card`.
    pub fn denial(&self, card: CardNumber) -> Stored<Option<DenialRow>> {
        let mut sql = self.sql("SELECT * FROM denial WHERE card = :card")?;
        let row = sql.query_row(named_params! { ":card": Column(card) }, |row| Ok(denial(row)));
        row.optional()?.transpose()
    }

    /// The whole deny list, in the order of the cards' numbers.
    pub fn denials(&self) -> Stored<Vec<DenialRow>> {
        let mut sql = self.sql("SELECT * FROM denial ORDER BY card")?;
        let rows = sql.query_map([], |row| Ok(denial(row)))?;
        rows.map(|row| row?).collect()
    }

    /// The denied cards that whoever has `position` knows, in growing order.
    pub fn denied_at(&self, position: Position) -> Stored<Vec<CardNumber>> {
        let mut sql = self.sql("SELECT card FROM denial WHERE position <= :position ORDER BY card")?;
        let rows = sql.query_map(named_params! { ":position": Column(position) }, |row| row.get::<_, Column<_>>(0))?;
        rows.map(|card| Ok(card?.0)).collect()
    }

    /// Keeps a record whose signature holds; whoever brings it first counts as its source.
    pub fn add_record(&self, signed: &SignedRecord, entry: EntryId, now: Timestamp) -> Stored<()> {
        let mut sql = self.sql(
            "INSERT INTO card_record (card, counter, record, signature, entry_id, learnt_at)
             VALUES (:card, :counter, :record, :signature, :entry, :now) ON CONFLICT DO NOTHING",
        )?;
        sql.execute(named_params! {
            ":card": Column(signed.record.card),
            ":counter": Column(signed.record.counter),
            ":record": signed.record.encode(),
            ":signature": signed.signature.0,
            ":entry": entry.0,
            ":now": Column(now),
        })?;
        Ok(())
    }

    /// The cards that have signed a record for `terminal`. Every record is looked at: it is for the desk, and for a lost disk.
    pub fn cards_with_records_of(&self, terminal: TerminalId) -> Stored<Vec<CardNumber>> {
        // The terminal stands in the bytes 28 to 31 of a record (card profile), which SQLite counts from 1.
        let mut sql =
            self.sql("SELECT DISTINCT card FROM card_record WHERE substr(record, 29, 4) = :terminal ORDER BY card")?;
        let rows = sql
            .query_map(named_params! { ":terminal": terminal.get().to_be_bytes() }, |row| row.get::<_, Column<_>>(0))?;
        rows.map(|card| Ok(card?.0)).collect()
    }

    /// Every record that `card` is known to have signed, by counter, with the time the region learnt it.
    pub fn records(&self, card: CardNumber) -> Stored<Vec<(SignedRecord, Timestamp)>> {
        let mut sql = self.sql(
            "SELECT record, signature, learnt_at FROM card_record WHERE card = :card ORDER BY counter, learnt_at, entry_id",
        )?;
        let rows = sql.query_map(named_params! { ":card": Column(card) }, |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, [u8; 64]>(1)?, row.get::<_, Column<_>>(2)?.0))
        })?;
        let records = rows.map(|row| {
            let (record, signature, learnt_at) = row?;
            let record = Record::decode(&record).map_err(|_| StoreError::Inconsistent("a card's record"))?;
            Ok((SignedRecord { record, signature: Signature(signature) }, learnt_at))
        });
        records.collect()
    }

    /// `terminal` has shown an entry of `card`; `true` for the first one.
    pub fn see_card(&self, card: CardNumber, terminal: TerminalId) -> Stored<bool> {
        let mut sql =
            self.sql("INSERT INTO card_seen (card, terminal_id) VALUES (:card, :terminal) ON CONFLICT DO NOTHING")?;
        let added = sql.execute(named_params! { ":card": Column(card), ":terminal": Column(terminal) })?;
        Ok(added == 1)
    }

    /// The terminals that have shown an entry of `card`.
    pub fn terminals_that_saw(&self, card: CardNumber) -> Stored<Vec<TerminalId>> {
        let mut sql = self.sql("SELECT terminal_id FROM card_seen WHERE card = :card ORDER BY terminal_id")?;
        let rows = sql.query_map(named_params! { ":card": Column(card) }, |row| row.get::<_, Column<_>>(0))?;
        rows.map(|terminal| Ok(terminal?.0)).collect()
    }

    /// Keeps that a sale was given up.
    pub fn add_abandoned(&self, terminal: TerminalId, transaction: TransactionId, card: CardNumber) -> Stored<()> {
        let mut sql = self.sql(
            "INSERT INTO abandoned (terminal_id, transaction_id, card) VALUES (:terminal, :transaction, :card)
             ON CONFLICT DO NOTHING",
        )?;
        sql.execute(named_params! {
            ":terminal": Column(terminal), ":transaction": Column(transaction), ":card": Column(card),
        })?;
        Ok(())
    }

    /// The sales with `card` that were given up.
    pub fn abandoned(&self, card: CardNumber) -> Stored<Vec<(TerminalId, TransactionId)>> {
        let mut sql = self.sql("SELECT terminal_id, transaction_id FROM abandoned WHERE card = :card")?;
        let rows = sql.query_map(named_params! { ":card": Column(card) }, |row| {
            Ok((row.get::<_, Column<_>>(0)?.0, row.get::<_, Column<_>>(1)?.0))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The range of records of `card` that is being asked for.
    pub fn records_wanted(&self, card: CardNumber) -> Stored<Option<RecordsWanted>> {
        let mut sql = self.sql("SELECT from_counter, to_counter FROM records_wanted WHERE card = :card")?;
        let row = sql.query_row(named_params! { ":card": Column(card) }, |row| {
            Ok(RecordsWanted { card, from: row.get::<_, Column<_>>(0)?.0, to: row.get::<_, Column<_>>(1)?.0 })
        });
        Ok(row.optional()?)
    }

    /// From now on this range is asked for.
    pub fn want_records(&self, wanted: &RecordsWanted) -> Stored<()> {
        let mut sql = self.sql(
            "INSERT INTO records_wanted (card, from_counter, to_counter) VALUES (:card, :from, :to)
             ON CONFLICT (card) DO UPDATE SET from_counter = :from, to_counter = :to",
        )?;
        sql.execute(named_params! {
            ":card": Column(wanted.card), ":from": Column(wanted.from), ":to": Column(wanted.to),
        })?;
        Ok(())
    }

    /// Nothing of `card` is asked for any more.
    pub fn want_no_records(&self, card: CardNumber) -> Stored<()> {
        let mut sql = self.sql("DELETE FROM records_wanted WHERE card = :card")?;
        sql.execute(named_params! { ":card": Column(card) })?;
        Ok(())
    }
}

fn entitlement(bytes: &[u8]) -> Stored<Entitlement> {
    Entitlement::decode(bytes).map_err(|_| StoreError::Inconsistent("an entitlement"))
}

fn denial(row: &Row<'_>) -> Stored<DenialRow> {
    let code: String = row.get("reason")?;
    let reason = [DenialReason::Lost, DenialReason::Stolen, DenialReason::Broken];
    let reason = reason.into_iter().find(|reason| reason.code() == code);
    Ok(DenialRow {
        card: row.get::<_, Column<_>>("card")?.0,
        reason: reason.ok_or(StoreError::Inconsistent("the reason of a denial"))?,
        denied_at: row.get::<_, Column<_>>("denied_at")?.0,
        position: row.get::<_, Column<_>>("position")?.0,
    })
}
