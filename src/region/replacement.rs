//! A card in the place of one that was lost, stolen or broken (R6): which card may be replaced, and what the new one begins with.
//!
//! What always holds: only a denied card is replaced, and once; the new card is of the same holder and profile, with the next issue number; the fee
//! is taken once, however often the making is torn off.
//!
//! What the old card's last debits charge afterwards is in [`rights`](super::rights::carry), how the chip is told in [`mod@super::issue`].

use crate::domain::catalogue::{Benefit, Catalogue, Code, Unit};
use crate::domain::purse::left;
use crate::domain::refusal::DenialReason;
use crate::domain::{Amounts, CardNumber, Cents, Season, Slot, Timestamp};

use super::bench::Bench;
use super::desk::{benefit_called, deny, made_card};
use super::error::RegionError;
use super::rights::{Rights, entitle};
use super::signing::Signer;
use super::store::{CardRow, ReplacementRow, StoreError, Tx};

/// What the holder is charged for a card in the place of another: 5 EUR, from a benefit that is still available (R6).
pub const REPLACEMENT_FEE_CENTS: u32 = 500;

/// Which benefit the fee is taken from (decision 12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fee {
    /// The euro benefit with the most left; of two, the first in the catalogue.
    MostLeft,
    /// The euro benefit with this code, as the holder wishes.
    From(String),
    /// None: the operator waives it.
    Waived,
}

/// A card that was made in the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// The new card.
    pub card: CardNumber,
    /// The card that was asked to be replaced.
    pub replaces: CardNumber,
    /// The benefit that the fee was taken from; `None` when it was waived.
    pub fee_from: Option<Code>,
    /// The fee; 0 when it was waived.
    pub fee: Cents,
}

/// What a card in another's place begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beginning {
    rights: Rights,
    /// What the old card has consumed: a part of the opening.
    consumed: Amounts,
    fee_from: Option<Code>,
}

/// The card whose place is to be taken for `old`: itself, or, when a card in its place was begun and never finished, that one. A chip may have
/// been given all its rights before it was torn off, so it must not work beside the one that is made now: it is replaced in its turn.
///
/// # Errors
/// [`RegionError::NoCard`], [`RegionError::NotDenied`], [`RegionError::ReplacedAlready`], the store's.
pub fn to_replace(tx: &Tx<'_>, old: CardNumber) -> Result<CardRow, RegionError> {
    let mut row = made_card(tx, old)?;
    if tx.denial(old)?.is_none() {
        return Err(RegionError::NotDenied(old));
    }
    while let Some(next) = tx.replacement_of(row.card)? {
        row = made_card(tx, next.card)?;
        if row.issued_at.is_some() {
            return Err(RegionError::ReplacedAlready { card: old, by: row.card });
        }
    }
    Ok(row)
}

/// What the card in the place of `before` begins with: granted as that one, and charged what that one was charged, what it has consumed, and the
/// fee.
///
/// # Errors
/// [`RegionError::NotRevalidated`], [`RegionError::NoCatalogue`], [`RegionError::NoBenefit`], [`RegionError::FeeInSeats`],
/// [`RegionError::FeeNotLeft`], the store's.
pub fn beginning(
    tx: &Tx<'_>,
    signer: &Signer,
    before: CardNumber,
    fee: &Fee,
    now: Timestamp,
) -> Result<Beginning, RegionError> {
    let season = Season::at(now);
    let catalogue = tx.catalogue(season)?.ok_or(RegionError::NoCatalogue(season))?;
    let present = tx.newest_entitlement_of(before, season)?;
    let present = present.ok_or(RegionError::NotRevalidated { card: before, season })?;
    let consumed = Bench::new(tx, signer, now).consumed(before, season)?;
    let charge = |rights: Rights, slot| rights.charging(slot, i64::from(consumed.get(slot)));
    let rights = Slot::all().fold(Rights::of(&present), charge);
    Ok(match fee_benefit(&catalogue, &rights, fee)? {
        Some(benefit) => Beginning {
            rights: rights.charging(benefit.slot, i64::from(REPLACEMENT_FEE_CENTS)),
            consumed,
            fee_from: Some(benefit.code.clone()),
        },
        None => Beginning { rights, consumed, fee_from: None },
    })
}

/// The benefit that the fee is taken from; `None` when it is waived.
fn fee_benefit<'c>(catalogue: &'c Catalogue, rights: &Rights, fee: &Fee) -> Result<Option<&'c Benefit>, RegionError> {
    let remains = |benefit: &Benefit| left(rights.granted.get(benefit.slot), rights.opening.get(benefit.slot), 0);
    let in_euros = |benefit: &Benefit| match benefit.unit {
        Unit::Cent => true,
        Unit::Seat { .. } => false,
    };
    let (chosen, named) = match fee {
        Fee::Waived => return Ok(None),
        Fee::From(named) => {
            let benefit = benefit_called(catalogue, named)?;
            if !in_euros(benefit) {
                return Err(RegionError::FeeInSeats(benefit.code.clone()));
            }
            (Some(benefit), Some(&benefit.code))
        }
        // Of equals the last is the greatest: from the end, that is the first in the catalogue.
        Fee::MostLeft => {
            let benefits = catalogue.benefits.iter().rev().filter(|benefit| in_euros(benefit));
            (benefits.max_by_key(|benefit| remains(benefit)), None)
        }
    };
    let chosen = chosen.filter(|benefit| remains(benefit) >= REPLACEMENT_FEE_CENTS);
    chosen.map(Some).ok_or_else(|| RegionError::FeeNotLeft(named.cloned()))
}

/// Puts `new` in the place of `old`: keeps that, and gives it its rights. What `old` has for a season that is yet to come goes over as it is.
///
/// # Errors
/// As [`to_replace`] and [`beginning`].
pub fn grant(
    tx: &Tx<'_>,
    signer: &Signer,
    new: CardNumber,
    old: CardNumber,
    fee: &Fee,
    now: Timestamp,
) -> Result<(), RegionError> {
    let before = to_replace(tx, old)?.card;
    if before != old {
        deny(tx, signer, before, DenialReason::Broken, now)?;
    }
    let Beginning { rights, consumed, fee_from } = beginning(tx, signer, before, due(fee, before, old), now)?;
    let first = entitle(tx, signer, new, &rights, now)?;
    let fee = fee_from.as_ref().map_or(Cents::ZERO, |_| Cents::from_u32(REPLACEMENT_FEE_CENTS));
    tx.add_replacement(&ReplacementRow { replaced: before, card: new, season: rights.season, fee_from, fee })?;
    for slot in Slot::all().filter(|slot| consumed.get(*slot) > 0) {
        tx.add_carried(before, &first, slot, i64::from(consumed.get(slot)))?;
    }
    if let Some(later) = tx.newest_entitlement(before)?.filter(|newest| newest.season > rights.season) {
        entitle(tx, signer, new, &Rights::of(&later), now)?;
    }
    Ok(())
}

/// The fee that is due when `before` is replaced for `old`: a card in the place of `old` that was torn off has been charged it.
pub fn due(fee: &Fee, before: CardNumber, old: CardNumber) -> &Fee {
    if before == old { fee } else { &Fee::Waived }
}

/// What was made: `card`, in the place of `old`.
///
/// # Errors
/// The store's.
pub fn made(tx: &Tx<'_>, card: CardNumber, old: CardNumber) -> Result<Replacement, RegionError> {
    let first = tx.replacement_of(old)?.ok_or(StoreError::Inconsistent("a replaced card"))?;
    Ok(Replacement { card, replaces: old, fee_from: first.fee_from, fee: first.fee })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalogue::tests::{catalogue, code};

    /// Cinema in seats, books, a licence: granted 5, 800, 3000.
    fn fee_with(opening: [u32; 3], fee: &Fee) -> Result<Option<Code>, RegionError> {
        let catalogue = catalogue();
        let rights =
            Rights { season: catalogue.season, granted: catalogue.granted_to(&code("lycee")), opening: Amounts::ZERO };
        let rights = (0..)
            .zip(opening)
            .fold(rights, |rights, (slot, charged)| rights.charging(Slot::new(slot).unwrap(), i64::from(charged)));
        Ok(fee_benefit(&catalogue, &rights, fee)?.map(|benefit| benefit.code.clone()))
    }

    #[test]
    fn the_fee_is_taken_where_it_was_named_or_where_the_most_is_left() {
        let named = |benefit: &str| Fee::From(benefit.to_owned());
        let table = [
            ([0, 0, 0], Fee::MostLeft, Some("sport-licence")),
            ([0, 0, 2300], Fee::MostLeft, Some("leisure-books")),
            ([0, 0, 2200], Fee::MostLeft, Some("leisure-books")),
            ([0, 0, 2199], Fee::MostLeft, Some("sport-licence")),
            ([0, 300, 3000], Fee::MostLeft, Some("leisure-books")),
            ([0, 0, 0], named("leisure-books"), Some("leisure-books")),
            ([0, 300, 0], named("leisure-books"), Some("leisure-books")),
            ([0, 0, 0], Fee::Waived, None),
            ([5, 800, 3000], Fee::Waived, None),
        ];
        for (opening, fee, expected) in table {
            assert_eq!(fee_with(opening, &fee).unwrap(), expected.map(code), "{opening:?} {fee:?}");
        }
    }

    #[test]
    fn a_fee_that_is_nowhere_left_is_refused() {
        let named = |benefit: &str| Fee::From(benefit.to_owned());
        let books = Some(code("leisure-books"));
        assert!(matches!(fee_with([0, 301, 2501], &Fee::MostLeft), Err(RegionError::FeeNotLeft(None))));
        assert!(
            matches!(fee_with([0, 301, 0], &named("leisure-books")), Err(RegionError::FeeNotLeft(of)) if of == books)
        );
        assert!(matches!(fee_with([0, 900, 0], &named("leisure-books")), Err(RegionError::FeeNotLeft(_))));
        assert!(matches!(fee_with([0, 0, 0], &named("cinema")), Err(RegionError::FeeInSeats(_))));
        assert!(matches!(fee_with([0, 0, 0], &named("opera")), Err(RegionError::NoBenefit { .. })));
    }
}
