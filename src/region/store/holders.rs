//! Establishments, holders, persons, orders, grants and declarations. Of a person everything stands in one row, which can be erased.

use super::engine::{Kind, Lock, Table, values};
use super::{Row, StoreError, Stored, Tx};
use crate::domain::catalogue::Code;
use crate::domain::{CardNumber, HolderReference, Season, Timestamp};
use crate::region::holders::life::{DeclarationKind, RefusalReason, Stage};
use crate::region::holders::persons::{Address, Person};
use crate::region::holders::{EstablishmentId, EstablishmentKind, OrderId};

/// An establishment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EstablishmentRow {
    /// Its id.
    pub id: EstablishmentId,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: EstablishmentKind,
    /// Where it is.
    pub city: String,
}

/// A holder, without a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HolderRow {
    /// The reference.
    pub holder: HolderReference,
    /// Where in training.
    pub establishment: EstablishmentId,
    /// What is granted.
    pub profile: Code,
    /// When the studies ended.
    pub ended_at: Option<Timestamp>,
    /// When the person was erased.
    pub erased_at: Option<Timestamp>,
}

/// Who has which reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownPerson {
    /// Of people of one name, which.
    pub number: u32,
    /// The reference.
    pub holder: HolderReference,
    /// When it was ordered last.
    pub season: Season,
}

/// What is to be made in the place of another card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemakeRow {
    /// The denied card.
    pub replaces: CardNumber,
    /// The benefit that pays, as the holder wishes.
    pub fee_from: Option<Code>,
    /// Whether the operator waived it.
    pub fee_waived: bool,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRow {
    /// Its id.
    pub id: OrderId,
    /// The season that it was made in.
    pub season: Season,
    /// Where it is.
    pub stage: Stage,
    /// Why it was refused.
    pub reason: Option<RefusalReason>,
    /// When it was made.
    pub ordered_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// In the place of which card, and what pays.
    pub remake: Option<RemakeRow>,
    /// The card, once it was made.
    pub card: Option<CardNumber>,
}

/// Which orders are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// In this stage.
    pub stage: Option<Stage>,
    /// Of this establishment's holders.
    pub establishment: Option<EstablishmentId>,
    /// After this one.
    pub after: Option<OrderId>,
    /// At most so many.
    pub limit: u32,
}

/// What revalidating a card needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardStanding {
    /// Whose.
    pub holder: HolderReference,
    /// What its holder was granted when it was made.
    pub profile: Code,
    /// When it was made.
    pub issued_at: Option<Timestamp>,
}

const GRANTS: Table = Table {
    name: "season_grant",
    columns: &[("holder", Kind::Blob), ("season", Kind::Integer), ("card", Kind::Integer), ("given_at", Kind::Integer)],
    conflict: "",
};

const HOLDER_COLUMNS: &str = "holder, establishment_id, profile, ended_at, erased_at";
const ORDER_COLUMNS: &str = "o.holder, o.number, o.season, o.stage, o.reason, o.ordered_at, o.changed_at, o.replaces, \
     o.fee_from, o.fee_waived, o.card";

impl Tx<'_> {
    /// Adds an establishment; its id.
    pub fn add_establishment(
        &self,
        name: &str,
        kind: EstablishmentKind,
        city: &str,
        now: Timestamp,
    ) -> Stored<EstablishmentId> {
        let row = self.one(
            "INSERT INTO establishment (establishment_id, name, kind, city, added_at)
             VALUES ((SELECT coalesce(max(establishment_id), 0) + 1 FROM establishment), $1, $2, $3, $4)
             RETURNING establishment_id",
            &values![name, kind.code(), city, now],
        )?;
        row.get(0)
    }

    /// The establishments after `after`, at most `limit`.
    pub fn establishments(&self, after: EstablishmentId, limit: u32) -> Stored<Vec<EstablishmentRow>> {
        let rows = self.rows(
            "SELECT establishment_id, name, kind, city FROM establishment WHERE establishment_id > $1
             ORDER BY establishment_id LIMIT $2",
            &values![after, limit],
        )?;
        rows.iter().map(establishment).collect()
    }

    /// The establishment with this id.
    pub fn establishment(&self, id: EstablishmentId) -> Stored<Option<EstablishmentRow>> {
        let sql = "SELECT establishment_id, name, kind, city FROM establishment WHERE establishment_id = $1";
        self.row(sql, &values![id])?.as_ref().map(establishment).transpose()
    }

    /// Adds a holder.
    pub fn add_holder(&self, holder: &HolderRow, now: Timestamp) -> Stored<()> {
        self.execute(
            "INSERT INTO holder (holder, establishment_id, profile, added_at) VALUES ($1, $2, $3, $4)",
            &values![holder.holder, holder.establishment, &holder.profile, now],
        )?;
        Ok(())
    }

    /// What may change of a holder, as it is in `holder`.
    pub fn update_holder(&self, holder: &HolderRow) -> Stored<()> {
        self.execute(
            "UPDATE holder SET establishment_id = $2, profile = $3, ended_at = $4, erased_at = $5 WHERE holder = $1",
            &values![holder.holder, holder.establishment, &holder.profile, holder.ended_at, holder.erased_at],
        )?;
        Ok(())
    }

    /// The holder with this reference.
    pub fn holder(&self, holder: HolderReference) -> Stored<Option<HolderRow>> {
        let sql = format!("SELECT {HOLDER_COLUMNS} FROM holder WHERE holder = $1");
        self.row(&sql, &values![holder])?.as_ref().map(holder_row).transpose()
    }

    /// Keeps who a holder is, and the hash of the secret.
    pub fn set_person(&self, holder: HolderReference, person: &Person, secret_hash: &[u8; 32]) -> Stored<()> {
        let Address { street, postcode, city } = &person.address;
        self.execute(
            "INSERT INTO holder_person (holder, given_name, family_name, birth_year, mail, street, postcode, city, secret_hash)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (holder) DO UPDATE SET given_name = excluded.given_name, family_name = excluded.family_name,
             birth_year = excluded.birth_year, mail = excluded.mail, street = excluded.street,
             postcode = excluded.postcode, city = excluded.city, secret_hash = excluded.secret_hash",
            &values![
                holder,
                person.given_name.as_str(),
                person.family_name.as_str(),
                u32::from(person.birth_year),
                person.mail.as_str(),
                street.as_str(),
                postcode.as_str(),
                city.as_str(),
                *secret_hash
            ],
        )?;
        Ok(())
    }

    /// Who a holder is; `None` once erased.
    pub fn person(&self, holder: HolderReference) -> Stored<Option<Person>> {
        let row = self.row(
            "SELECT given_name, family_name, birth_year, mail, street, postcode, city FROM holder_person WHERE holder = $1",
            &values![holder],
        )?;
        let read = |row: Row| {
            let year: u32 = row.get(2)?;
            Ok(Person {
                given_name: row.get(0)?,
                family_name: row.get(1)?,
                birth_year: u16::try_from(year).map_err(|_| StoreError::Inconsistent("a year of birth"))?,
                mail: row.get(3)?,
                address: Address { street: row.get(4)?, postcode: row.get(5)?, city: row.get(6)? },
            })
        };
        row.map(read).transpose()
    }

    /// The hash of the holder's secret.
    pub fn secret_hash(&self, holder: HolderReference) -> Stored<Option<[u8; 32]>> {
        let row = self.row("SELECT secret_hash FROM holder_person WHERE holder = $1", &values![holder])?;
        row.map(|row| row.get(0)).transpose()
    }

    /// Erases who a holder is, and the mails that were not sent yet.
    pub fn erase_person(&self, holder: HolderReference) -> Stored<()> {
        self.execute("DELETE FROM holder_person WHERE holder = $1", &values![holder])?;
        self.execute("DELETE FROM mail WHERE holder = $1", &values![holder])?;
        Ok(())
    }

    /// The references that people of this name, year and establishment have.
    pub fn known_persons(&self, person: &[u8; 32]) -> Stored<Vec<KnownPerson>> {
        let sql = "SELECT number, holder, season FROM person_known WHERE person = $1 ORDER BY number";
        let rows = self.rows(sql, &values![*person])?;
        rows.iter()
            .map(|row| Ok(KnownPerson { number: row.get(0)?, holder: row.get(1)?, season: row.get(2)? }))
            .collect()
    }

    /// From now on `known.holder` is the reference of this person, where `before` was it, or nobody.
    pub fn know_person(&self, person: &[u8; 32], known: &KnownPerson, before: Option<HolderReference>) -> Stored<()> {
        let changed = match before {
            Some(before) => self.execute(
                "UPDATE person_known SET holder = $3, season = $4 WHERE person = $1 AND number = $2 AND holder = $5",
                &values![*person, known.number, known.holder, known.season, before],
            )?,
            None => self.execute(
                "INSERT INTO person_known (person, number, holder, season) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                &values![*person, known.number, known.holder, known.season],
            )?,
        };
        // Another program has ordered for the same person at the same moment: that one counts.
        if changed == 1 { Ok(()) } else { self.watched(Err(StoreError::Conflict)) }
    }

    /// Forgets that this person had this reference.
    pub fn forget_person(&self, person: &[u8; 32], holder: HolderReference) -> Stored<()> {
        self.execute("DELETE FROM person_known WHERE person = $1 AND holder = $2", &values![*person, holder])?;
        Ok(())
    }

    /// Forgets the people whose holder was erased in a season before `season`.
    pub fn forget_erased_persons(&self, season: Season) -> Stored<u64> {
        self.execute(
            "DELETE FROM person_known WHERE season < $1
             AND holder IN (SELECT holder FROM holder WHERE erased_at IS NOT NULL)",
            &values![season],
        )
    }

    /// Adds an order, with its first step.
    pub fn add_order(&self, order: &OrderRow, by: &str) -> Stored<()> {
        let remake = order.remake.as_ref();
        self.execute(
            "INSERT INTO card_order (holder, number, season, stage, ordered_at, changed_at, replaces, fee_from, fee_waived)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            &values![
                order.id.holder,
                order.id.number,
                order.season,
                order.stage.code(),
                order.ordered_at,
                order.changed_at,
                remake.map(|remake| remake.replaces),
                remake.and_then(|remake| remake.fee_from.as_ref()),
                remake.is_some_and(|remake| remake.fee_waived)
            ],
        )?;
        self.add_step(order, by)
    }

    /// An order has taken a step: what of it may change is as in `order`.
    pub fn update_order(&self, order: &OrderRow, by: &str) -> Stored<()> {
        let remake = order.remake.as_ref();
        self.execute(
            "UPDATE card_order SET stage = $3, reason = $4, changed_at = $5, card = $6, fee_from = $7, fee_waived = $8
             WHERE holder = $1 AND number = $2",
            &values![
                order.id.holder,
                order.id.number,
                order.stage.code(),
                order.reason.map(RefusalReason::code),
                order.changed_at,
                order.card,
                remake.and_then(|remake| remake.fee_from.as_ref()),
                remake.is_some_and(|remake| remake.fee_waived)
            ],
        )?;
        self.add_step(order, by)
    }

    fn add_step(&self, order: &OrderRow, by: &str) -> Stored<()> {
        self.execute(
            "INSERT INTO order_step (holder, number, step, stage, at, done_by) VALUES ($1, $2,
             (SELECT coalesce(max(step), 0) + 1 FROM order_step WHERE holder = $1 AND number = $2), $3, $4, $5)",
            &values![order.id.holder, order.id.number, order.stage.code(), order.changed_at, by],
        )?;
        Ok(())
    }

    /// The order with this id.
    pub fn order(&self, id: OrderId) -> Stored<Option<OrderRow>> {
        let sql = format!("SELECT {ORDER_COLUMNS} FROM card_order o WHERE o.holder = $1 AND o.number = $2");
        self.row(&sql, &values![id.holder, id.number])?.as_ref().map(order_row).transpose()
    }

    /// Until this transaction ends no other does anything to this holder.
    pub fn lock_holder(&self, holder: HolderReference) -> Stored<()> {
        let sql = format!("SELECT holder FROM holder WHERE holder = $1{}", self.locking(Lock::Wait));
        self.rows(&sql, &values![holder])?;
        Ok(())
    }

    /// The orders of a holder, the newest last.
    pub fn orders_of(&self, holder: HolderReference) -> Stored<Vec<OrderRow>> {
        let sql = format!("SELECT {ORDER_COLUMNS} FROM card_order o WHERE o.holder = $1 ORDER BY o.number");
        self.rows(&sql, &values![holder])?.iter().map(order_row).collect()
    }

    /// The orders that pass `filter`, by id.
    pub fn orders(&self, filter: &OrderFilter) -> Stored<Vec<OrderRow>> {
        let after = filter.after.unwrap_or(OrderId { holder: HolderReference::new([0; 16]), number: 0 });
        let mut sql = format!(
            "SELECT {ORDER_COLUMNS} FROM card_order o JOIN holder h ON h.holder = o.holder
             WHERE (o.holder > $1 OR (o.holder = $1 AND o.number > $2))"
        );
        let mut values = values![after.holder, after.number].to_vec();
        if let Some(stage) = filter.stage {
            values.push(stage.code().into());
            sql.push_str(&format!(" AND o.stage = ${}", values.len()));
        }
        if let Some(establishment) = filter.establishment {
            values.push(establishment.into());
            sql.push_str(&format!(" AND h.establishment_id = ${}", values.len()));
        }
        values.push(filter.limit.into());
        sql.push_str(&format!(" ORDER BY o.holder, o.number LIMIT ${}", values.len()));
        self.rows(&sql, &values)?.iter().map(order_row).collect()
    }

    /// The order that `card` was made for.
    pub fn order_of_card(&self, holder: HolderReference, card: CardNumber) -> Stored<Option<OrderRow>> {
        Ok(self.orders_of(holder)?.into_iter().find(|order| order.card == Some(card)))
    }

    /// Every card whose number was drawn for a holder, the newest last.
    pub fn cards_of(&self, holder: HolderReference) -> Stored<Vec<CardNumber>> {
        let rows = self.rows("SELECT card FROM holder_card WHERE holder = $1 ORDER BY issue", &values![holder])?;
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Whether `card` has signed anything.
    pub fn was_used(&self, card: CardNumber) -> Stored<bool> {
        Ok(self.row("SELECT counter FROM card_record WHERE card = $1 LIMIT 1", &values![card])?.is_some())
    }

    /// Whether a holder was granted a season.
    pub fn is_granted(&self, holder: HolderReference, season: Season) -> Stored<bool> {
        let sql = "SELECT card FROM season_grant WHERE holder = $1 AND season = $2";
        Ok(self.row(sql, &values![holder, season])?.is_some())
    }

    /// A holder is granted a season; `false` when that was so already.
    pub fn grant_season(
        &self,
        holder: HolderReference,
        season: Season,
        card: CardNumber,
        now: Timestamp,
    ) -> Stored<bool> {
        let added = self.execute(
            "INSERT INTO season_grant (holder, season, card, given_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            &values![holder, season, card, now],
        )?;
        Ok(added == 1)
    }

    /// Keeps a declaration.
    pub fn add_declaration(&self, card: CardNumber, kind: DeclarationKind, now: Timestamp) -> Stored<()> {
        self.execute(
            "INSERT INTO declaration (card, number, kind, declared_at) VALUES ($1,
             (SELECT coalesce(max(number), 0) + 1 FROM declaration WHERE card = $1), $2, $3)",
            &values![card, kind.code(), now],
        )?;
        Ok(())
    }

    /// What was declared of a card, the newest last.
    pub fn declarations(&self, card: CardNumber) -> Stored<Vec<(DeclarationKind, Timestamp)>> {
        let rows =
            self.rows("SELECT kind, declared_at FROM declaration WHERE card = $1 ORDER BY number", &values![card])?;
        let kind = |row: &Row| {
            DeclarationKind::of_code(&row.get::<String>(0)?).ok_or(StoreError::Inconsistent("a declaration"))
        };
        rows.iter().map(|row| Ok((kind(row)?, row.get(1)?))).collect()
    }

    /// For each of `cards` the card in its place, if there is one.
    pub fn replacements_of(&self, cards: &[CardNumber]) -> Stored<Vec<Option<CardNumber>>> {
        self.each("SELECT card FROM replacement WHERE replaced = $1", cards, |row| row.get(0))
    }

    /// What is known of each of `cards` when it is to be revalidated.
    pub fn card_standings(&self, cards: &[CardNumber]) -> Stored<Vec<Option<CardStanding>>> {
        self.each("SELECT holder, profile, issued_at FROM card WHERE card = $1", cards, |row| {
            Ok(CardStanding { holder: row.get(0)?, profile: row.get(1)?, issued_at: row.get(2)? })
        })
    }

    /// The newest entitlement of each of `cards`.
    pub fn newest_entitlements(&self, cards: &[CardNumber]) -> Stored<Vec<Option<crate::domain::card::Entitlement>>> {
        let sql = "SELECT body FROM entitlement WHERE card = $1 ORDER BY serial DESC LIMIT 1";
        self.each(sql, cards, super::cards::entitlement)
    }

    /// The terminals that have shown an entry of each of `cards`.
    pub fn terminals_that_saw_each(&self, cards: &[CardNumber]) -> Stored<Vec<Vec<crate::domain::TerminalId>>> {
        let all: Vec<_> = cards.iter().map(|card| values![*card].to_vec()).collect();
        let rows = self.rows_of_each("SELECT terminal_id FROM card_seen WHERE card = $1", &all)?;
        rows.iter().map(|rows| rows.iter().map(|row| row.get(0)).collect()).collect()
    }

    /// Each of `holders`.
    pub fn holders(&self, holders: &[HolderReference]) -> Stored<Vec<Option<HolderRow>>> {
        let sql = format!("SELECT {HOLDER_COLUMNS} FROM holder WHERE holder = $1");
        self.each(&sql, holders, holder_row)
    }

    /// Which of `holders` were granted `season`.
    pub fn are_granted(&self, holders: &[HolderReference], season: Season) -> Stored<Vec<bool>> {
        let all: Vec<_> = holders.iter().map(|holder| values![*holder, season].to_vec()).collect();
        let rows = self.rows_of_each("SELECT card FROM season_grant WHERE holder = $1 AND season = $2", &all)?;
        Ok(rows.iter().map(|rows| !rows.is_empty()).collect())
    }

    /// Holders of `cards`, whom nobody granted `season` yet, are granted it. That nobody did is known to whoever has locked the cards.
    pub fn grant_seasons(
        &self,
        grants: &[(HolderReference, CardNumber)],
        season: Season,
        now: Timestamp,
    ) -> Stored<()> {
        let rows = grants.iter().map(|(holder, card)| values![*holder, season, *card, now].to_vec());
        self.insert(&GRANTS, rows.collect())
    }

    /// From now on these holders have these profiles.
    pub fn set_profiles(&self, changed: &[(HolderReference, CardNumber, Code)]) -> Stored<()> {
        let of_holders: Vec<_> =
            changed.iter().map(|(holder, _, profile)| values![*holder, profile].to_vec()).collect();
        self.rows_of_each("UPDATE holder SET profile = $2 WHERE holder = $1", &of_holders)?;
        let of_cards: Vec<_> = changed.iter().map(|(_, card, profile)| values![*card, profile].to_vec()).collect();
        self.rows_of_each("UPDATE card SET profile = $2 WHERE card = $1", &of_cards)?;
        Ok(())
    }

    /// Asks the same of each, together: the one row, if there is one.
    fn each<K: Copy, T>(&self, sql: &str, of: &[K], read: impl Fn(&Row) -> Stored<T>) -> Stored<Vec<Option<T>>>
    where
        super::Value: From<K>,
    {
        let all: Vec<_> = of.iter().map(|key| values![*key].to_vec()).collect();
        self.rows_of_each(sql, &all)?.iter().map(|rows| rows.first().map(&read).transpose()).collect()
    }
}

fn establishment(row: &Row) -> Stored<EstablishmentRow> {
    let kind = EstablishmentKind::of_code(&row.get::<String>(2)?);
    Ok(EstablishmentRow {
        id: row.get(0)?,
        name: row.get(1)?,
        kind: kind.ok_or(StoreError::Inconsistent("the kind of an establishment"))?,
        city: row.get(3)?,
    })
}

fn holder_row(row: &Row) -> Stored<HolderRow> {
    Ok(HolderRow {
        holder: row.get(0)?,
        establishment: row.get(1)?,
        profile: row.get(2)?,
        ended_at: row.get(3)?,
        erased_at: row.get(4)?,
    })
}

/// Reads [`ORDER_COLUMNS`].
fn order_row(row: &Row) -> Stored<OrderRow> {
    let reason: Option<String> = row.get(4)?;
    let replaces: Option<CardNumber> = row.get(7)?;
    let remake = |replaces| Ok::<_, StoreError>(RemakeRow { replaces, fee_from: row.get(8)?, fee_waived: row.get(9)? });
    Ok(OrderRow {
        id: OrderId { holder: row.get(0)?, number: row.get(1)? },
        season: row.get(2)?,
        stage: Stage::of_code(&row.get::<String>(3)?).ok_or(StoreError::Inconsistent("the stage of an order"))?,
        reason: reason
            .map(|code| RefusalReason::of_code(&code).ok_or(StoreError::Inconsistent("a reason")))
            .transpose()?,
        ordered_at: row.get(5)?,
        changed_at: row.get(6)?,
        remake: replaces.map(remake).transpose()?,
        card: row.get(10)?,
    })
}
