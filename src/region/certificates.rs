//! The certificates of terminals: one per season, short-lived, renewed by the feed long before they end.

use crate::domain::card::{PublicKey, TerminalCertificate};
use crate::domain::purse::Slots;
use crate::domain::{KeySerial, Season, Timestamp};
use crate::wire::exchange::TerminalStanding;
use crate::wire::feed::Item;

use super::error::RegionError;
use super::signing::{Signer, draft_certificate};
use super::store::{Audience, TerminalRow, Tx};

/// A certificate is renewed at the first exchange after so long: two more months of nights without a line still leave it good.
pub const RENEWAL_SECONDS: u32 = 15 * 86_400;

/// A certificate begins a little before it is made, for terminals whose clock is behind.
pub const BACKDATING_SECONDS: u32 = 300;

/// How long before a season a terminal is given its certificate for it: from 1 May on.
pub const NEXT_SEASON_SECONDS: u32 = 31 * 86_400;

/// The seasons that a terminal needs certificates for, now.
pub fn seasons(now: Timestamp) -> impl Iterator<Item = Season> {
    let season = Season::at(now);
    let next = (now.plus(NEXT_SEASON_SECONDS) >= season.ends()).then(|| season.next());
    [Some(season), next].into_iter().flatten()
}

/// Whether a terminal whose newest certificate of a season is `newest` needs another: `key` signs now, `slots` are its partner's, and `card_key` is what
/// cards are to check of it.
pub fn needs_renewal(
    newest: Option<&TerminalCertificate>,
    key: KeySerial,
    slots: Slots,
    card_key: &PublicKey,
    now: Timestamp,
) -> bool {
    newest.is_none_or(|newest| {
        newest.key_serial != key
            || newest.slots != slots
            || newest.public_key != *card_key
            || now.seconds_since(newest.issued_at) > RENEWAL_SECONDS
    })
}

/// The terminal's certificates for the seasons of `now` that have a catalogue; those that are due are made and told.
///
/// # Errors
/// The store's, or that nothing could be signed.
pub fn renew(
    tx: &Tx<'_>,
    signer: &Signer,
    terminal: &TerminalRow,
    public_key: PublicKey,
    now: Timestamp,
) -> Result<Vec<TerminalCertificate>, RegionError> {
    let standing = tx.standing(terminal.id)?.map_or(TerminalStanding::Active, |standing| standing.standing);
    let partner = tx.partner(terminal.partner)?.ok_or(RegionError::NoPartner(terminal.partner))?;
    let mut certificates = Vec::new();
    for season in seasons(now) {
        let Some(catalogue) = tx.catalogue(season)? else { continue };
        let slots = catalogue.slots_for(&partner.activities);
        let newest = tx.terminal_certificates(terminal.id, season)?.pop();
        // A terminal that may not sell is given nothing new: what it has runs out.
        let due = standing == TerminalStanding::Active
            && needs_renewal(newest.as_ref(), signer.serial(), slots, &public_key, now);
        if due {
            let issued_at = now.minus(BACKDATING_SECONDS);
            let draft = draft_certificate(terminal, public_key, season, slots, issued_at);
            let certificate = signer.terminal_certificate(draft)?;
            tx.add_terminal_certificate(&certificate)?;
            let told = Item::TerminalCertificate(certificate);
            tx.tell(Audience::One(terminal.id), &told, signer.serial().get())?;
            certificates.push(certificate);
        } else {
            certificates.extend(newest);
        }
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::card::Signature;
    use crate::domain::{PartnerId, TerminalId};

    fn certificate(issued_at: Timestamp) -> TerminalCertificate {
        TerminalCertificate {
            key_serial: KeySerial::new(1),
            terminal: TerminalId::new(1),
            partner: PartnerId::new(1),
            season: Season::new(2026),
            slots: Slots::new(1),
            issued_at,
            not_after: issued_at.plus(TerminalCertificate::LIFE_SECONDS_MAX),
            public_key: PublicKey([4; 65]),
            signature: Signature([0; 64]),
        }
    }

    #[test]
    fn a_certificate_is_renewed_by_age_keys_and_slots() {
        let made = Timestamp::new(1_800_000_000);
        let newest = certificate(made);
        let day = |days: u32| made.plus(days * 86_400);
        let (same, other) = (PublicKey([4; 65]), PublicKey([5; 65]));
        let table = [
            (None, 1, 1, same, day(0), true),
            (Some(&newest), 1, 1, same, day(15), false),
            (Some(&newest), 1, 1, same, day(16), true),
            (Some(&newest), 2, 1, same, day(0), true),
            (Some(&newest), 1, 3, same, day(0), true),
            (Some(&newest), 1, 1, other, day(0), true),
        ];
        for (newest, key, slots, card_key, now, due) in table {
            assert_eq!(needs_renewal(newest, KeySerial::new(key), Slots::new(slots), &card_key, now), due);
        }
    }

    #[test]
    fn the_next_season_is_prepared_in_may() {
        let end = Season::new(2026).ends();
        let seasons_at = |now| seasons(now).map(Season::get).collect::<Vec<_>>();
        assert_eq!(seasons_at(end.minus(NEXT_SEASON_SECONDS + 1)), [2026]);
        assert_eq!(seasons_at(end.minus(NEXT_SEASON_SECONDS)), [2026, 2027]);
        assert_eq!(seasons_at(end), [2027]);
    }
}
