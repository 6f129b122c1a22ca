//! Cards without chips, put into a region's store as a bureau would have, and denied as the desk would.

#![allow(dead_code, reason = "every suite uses another part of it")]

use pass::crypto::sha256;
use pass::domain::card::{Entitlement, Signature};
use pass::domain::catalogue::Code;
use pass::domain::refusal::DenialReason;
use pass::domain::{
    Amounts, CardNumber, EntitlementSerial, HolderReference, IssueNumber, KeySerial, Season, Timestamp,
};
use pass::region::Region;
use pass::region::holders::EstablishmentKind;
use pass::region::store::{Audience, CardRow, DenialRow, HolderRow, StoreError};
use pass::wire::feed::{Denial, Item};

/// Puts so many cards with their holders into the store, with an entitlement for `season`.
pub(crate) fn fill(region: &Region, cards: u64, season: Season, now: Timestamp) -> Vec<CardNumber> {
    let establishment = region.add_establishment("Lycée inventé", EstablishmentKind::Lycee, "Lyon", now).unwrap();
    let profile = Code::new("lycee").unwrap();
    let numbers: Vec<CardNumber> =
        (0..cards).map(|card| CardNumber::from_account(925_000_000_000_000 + card).unwrap()).collect();
    for numbers in numbers.chunks(1000) {
        let filled: Result<(), StoreError> = region.store().write(|tx| {
            let mut first = Vec::new();
            for card in numbers {
                let hash = sha256(&card.get().to_be_bytes());
                let holder = HolderReference::new(hash[..16].try_into().unwrap());
                let (issue, holds) = (IssueNumber::new(1), EntitlementSerial::new(1));
                let (profile, certificate, issued_at) = (profile.clone(), None, None);
                let row = HolderRow { holder, establishment, profile, ended_at: None, erased_at: None };
                tx.add_holder(&row, now)?;
                let row = CardRow { card: *card, holder, issue, profile: row.profile, certificate, issued_at, holds };
                tx.reserve_card(&row, now)?;
                tx.confirm_card(*card, now)?;
                first.push(entitlement(*card, season, 1, Signature([0; 64])));
            }
            tx.add_entitlements(&first, now)
        });
        filled.unwrap();
    }
    numbers
}

/// Denies these cards, a thousand in a transaction. Their block signatures are none, and no shorter to pack than if they were.
pub(crate) fn deny(region: &Region, cards: &[CardNumber], now: Timestamp) {
    let denial = |card: &CardNumber| Denial {
        card: *card,
        reason: DenialReason::Lost,
        denied_at: now,
        block: Some(noise(*card)),
    };
    for cards in cards.chunks(1000) {
        let denials: Vec<Denial> = cards.iter().map(denial).collect();
        let items: Vec<Item> = denials.iter().copied().map(Item::Denial).collect();
        let denied: Result<(), StoreError> = region.store().write(|tx| {
            let first = tx.tell_all(Audience::Everyone, &items, 1)? + 1 - items.len() as u64;
            for (position, Denial { card, reason, denied_at, .. }) in (first..).zip(&denials) {
                tx.add_denial(&DenialRow { card: *card, reason: *reason, denied_at: *denied_at, position })?;
            }
            Ok(())
        });
        denied.unwrap();
    }
}

/// Sixty-four bytes that look like chance.
pub(crate) fn noise(card: CardNumber) -> Signature {
    let hash = sha256(&card.get().to_be_bytes());
    Signature([hash, sha256(&hash)].concat().try_into().unwrap())
}

/// An entitlement that nobody looks at.
pub(crate) fn entitlement(card: CardNumber, season: Season, serial: u32, signature: Signature) -> Entitlement {
    Entitlement {
        key_serial: KeySerial::new(1),
        card,
        season,
        serial: EntitlementSerial::new(serial),
        granted: Amounts::ZERO,
        opening: Amounts::ZERO,
        signature,
    }
}
