//! Entitlements: what a card is granted, made anew with each correction and each late charge, and told to the terminals that see the card.

use crate::domain::card::Entitlement;
use crate::domain::{Amounts, CardNumber, EntitlementSerial, Season, Slot, TerminalId, Timestamp};
use crate::wire::feed::Item;

use super::error::RegionError;
use super::signing::Signer;
use super::store::{Audience, ReplacementRow, Tx};

/// What an entitlement grants, before it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// For which season.
    pub season: Season,
    /// Granted, one per slot.
    pub granted: Amounts,
    /// Consumed before the card took part, or charged to it, one per slot.
    pub opening: Amounts,
}

impl Rights {
    /// What `entitlement` grants.
    pub fn of(entitlement: &Entitlement) -> Self {
        Self { season: entitlement.season, granted: entitlement.granted, opening: entitlement.opening }
    }

    /// The same with `amount` more left in `slot`: charged less, and where nothing was charged, granted more.
    #[must_use]
    pub fn giving_back(self, slot: Slot, amount: u32) -> Self {
        let charged = self.opening.get(slot);
        let less = charged.min(amount);
        let granted = self.granted.get(slot).saturating_add(amount - less);
        Self { granted: self.granted.with(slot, granted), opening: self.opening.with(slot, charged - less), ..self }
    }

    /// The same with `amount` more charged in `slot`, also beyond what is granted; an amount below 0 is charged less, as far as anything was.
    #[must_use]
    pub fn charging(self, slot: Slot, amount: i64) -> Self {
        let charged = i64::from(self.opening.get(slot)).saturating_add(amount).max(0);
        Self { opening: self.opening.with(slot, u32::try_from(charged).unwrap_or(u32::MAX)), ..self }
    }
}

/// Makes the next entitlement of `card`, keeps it and tells it.
///
/// # Errors
/// [`RegionError::SeasonOver`] for an earlier season than the newest one's, [`RegionError::NoSerialLeft`], the store's.
pub fn entitle(
    tx: &Tx<'_>,
    signer: &Signer,
    card: CardNumber,
    rights: &Rights,
    now: Timestamp,
) -> Result<Entitlement, RegionError> {
    let newest = tx.newest_entitlement(card)?;
    if let Some(newest) = newest.as_ref().filter(|newest| newest.season > rights.season) {
        return Err(RegionError::SeasonOver { asked: rights.season, has: newest.season });
    }
    // The card may hold a serial that a store which was put back has forgotten; its first one is always the first.
    let serial = match newest {
        Some(newest) => newest.serial.get().checked_add(1).ok_or(RegionError::NoSerialLeft)?.max(tx.number_floor()?),
        None => 1,
    };
    let serial = EntitlementSerial::new(serial);
    let entitlement = signer.entitlement(card, rights.season, serial, rights.granted, rights.opening)?;
    tx.add_entitlement(&entitlement, now)?;
    for terminal in tx.terminals_that_saw(card)? {
        tell(tx, signer, Audience::One(terminal), &entitlement)?;
    }
    tell(tx, signer, Audience::HoldersOfAll, &entitlement)?;
    Ok(entitlement)
}

/// Charges the newest card in the line of a replaced one with what that has `consumed` beyond what was carried over before, or gives back what it
/// has consumed less (decision 12). That card, when anything changed. When its season is over there is nothing to charge.
///
/// # Errors
/// As [`entitle`].
pub fn carry(
    tx: &Tx<'_>,
    signer: &Signer,
    replacement: &ReplacementRow,
    consumed: &Amounts,
    now: Timestamp,
) -> Result<Option<CardNumber>, RegionError> {
    let mut differences = Vec::new();
    for slot in Slot::all() {
        let difference = i64::from(consumed.get(slot)).saturating_sub(tx.carried(replacement.replaced, slot)?);
        if difference != 0 {
            differences.push((slot, difference));
        }
    }
    let card = tx.newest_in_line(replacement.card)?;
    let newest = tx.newest_entitlement(card)?.filter(|newest| newest.season == replacement.season);
    let Some(newest) = newest.filter(|_| !differences.is_empty()) else { return Ok(None) };
    let charge = |rights: Rights, (slot, difference): &(Slot, i64)| rights.charging(*slot, *difference);
    let rights = differences.iter().fold(Rights::of(&newest), charge);
    let made = entitle(tx, signer, card, &rights, now)?;
    for (slot, difference) in differences {
        tx.add_carried(replacement.replaced, &made, slot, difference)?;
    }
    Ok(Some(card))
}

/// The first entitlement of a card is on it from the beginning: there is nothing to be carried.
fn tell(tx: &Tx<'_>, signer: &Signer, audience: Audience, entitlement: &Entitlement) -> Result<(), RegionError> {
    if entitlement.serial.get() > 1 {
        tx.tell(audience, &Item::Entitlement(*entitlement), signer.serial().get())?;
    }
    Ok(())
}

/// `terminal` shows `card` for the first time: it is told what the card does not have yet.
///
/// # Errors
/// The store's.
pub fn tell_newcomer(
    tx: &Tx<'_>,
    signer: &Signer,
    card: CardNumber,
    terminal: TerminalId,
    now: Timestamp,
) -> Result<(), RegionError> {
    let holds = tx.card(card)?.map_or(EntitlementSerial::new(0), |card| card.holds);
    if let Some(newest) = newest(tx, signer, card, now)?.filter(|newest| newest.serial > holds) {
        tell(tx, signer, Audience::One(terminal), &newest)?;
    }
    if let Some(wanted) = tx.records_wanted(card)? {
        tx.tell(Audience::One(terminal), &Item::RecordsWanted(wanted), signer.serial().get())?;
    }
    Ok(())
}

/// The newest entitlement of `card`, in a form that the card takes: one that another key has signed, and that the card does not have
/// yet, is made anew, because a card that holds the newer key refuses it (card profile, `69 87`).
///
/// # Errors
/// As [`entitle`].
pub fn newest(
    tx: &Tx<'_>,
    signer: &Signer,
    card: CardNumber,
    now: Timestamp,
) -> Result<Option<Entitlement>, RegionError> {
    let Some(newest) = tx.newest_entitlement(card)? else { return Ok(None) };
    let holds = tx.card(card)?.map_or(EntitlementSerial::new(0), |card| card.holds);
    if newest.key_serial == signer.serial() || newest.serial.get() == 1 || newest.serial <= holds {
        return Ok(Some(newest));
    }
    entitle(tx, signer, card, &Rights::of(&newest), now).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_is_given_back_by_charging_less_and_then_granting_more() {
        let slot = Slot::new(1).unwrap();
        let rights = |granted, opening| Rights {
            season: Season::new(2026),
            granted: Amounts::ZERO.with(slot, granted),
            opening: Amounts::ZERO.with(slot, opening),
        };
        let table = [(800, 0, 300, 1100, 0), (800, 500, 300, 800, 200), (800, 100, 300, 1000, 0)];
        for (granted, opening, back, granted_after, opening_after) in table {
            assert_eq!(rights(granted, opening).giving_back(slot, back), rights(granted_after, opening_after));
        }
    }

    #[test]
    fn a_charge_may_overdraw_and_is_never_below_zero() {
        let slot = Slot::new(1).unwrap();
        let rights = |opening| Rights {
            season: Season::new(2026),
            granted: Amounts::ZERO.with(slot, 800),
            opening: Amounts::ZERO.with(slot, opening),
        };
        let table = [(0, 300, 300), (500, 600, 1100), (500, -300, 200), (100, -300, 0), (1, i64::MAX, u32::MAX)];
        for (opening, amount, opening_after) in table {
            assert_eq!(rights(opening).charging(slot, amount), rights(opening_after));
        }
    }
}
