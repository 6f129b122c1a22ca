//! Cards without chips, put into a region's store as a bureau would have.

#![allow(dead_code, reason = "every measurement uses another part of it")]

use pass::crypto::sha256;
use pass::domain::card::{Entitlement, Signature};
use pass::domain::catalogue::Code;
use pass::domain::{
    Amounts, CardNumber, EntitlementSerial, HolderReference, IssueNumber, KeySerial, Season, Timestamp,
};
use pass::region::Region;
use pass::region::holders::EstablishmentKind;
use pass::region::store::{CardRow, HolderRow, StoreError};

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
