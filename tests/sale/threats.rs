//! People who want more than they have, at counters that have no line.

use pass::crypto::P256Key;
use pass::domain::card::{CardCertificate, Entitlement};
use pass::domain::refusal::Refusal;
use pass::machine::sale::Outcome;
use pass::virtual_card::{CardMemory, IssuedMemory, MemoryStorage, PrivateKey};

use crate::counter::{Shop, consumed};
use crate::world::{CINEMA, Region, issued};

fn refused(outcome: &Outcome) -> Refusal {
    match outcome {
        Outcome::Refused(refused) => refused.refusal,
        other => panic!("{other:?}"),
    }
}

fn card_of(memory: IssuedMemory) -> MemoryStorage {
    MemoryStorage::new(CardMemory::Issued(Box::new(memory)))
}

#[test]
fn five_seats_are_five_at_two_cinemas_that_never_hear_of_each_other() {
    let region = Region::new();
    let (mut here, mut there) = (Shop::open(&region, 1, "cinema"), Shop::open(&region, 2, "cinema"));
    let card = region.card(1);
    for seat in 0..5 {
        let shop = if seat % 2 == 0 { &mut here } else { &mut there };
        shop.tap(&card);
        assert!(matches!(shop.redeem(None), Outcome::Granted(_)), "seat {seat}");
        shop.take_away();
    }
    for shop in [&mut here, &mut there] {
        shop.tap(&card);
        assert_eq!(refused(&shop.redeem(None)), Refusal::NothingLeft);
    }
    assert_eq!(consumed(&card, CINEMA), 5);
}

#[test]
fn a_copied_number_is_no_card() {
    let region = Region::new();
    let mut shop = Shop::open(&region, 1, "cinema");
    let real = issued(&region.card(1));
    let (key, pkcs8) = P256Key::generate().unwrap();
    let mine = PrivateKey::new(pkcs8);
    // The real certificate, which anybody can read, over a chip without its key; and a certificate of one's own making.
    let copied = card_of(IssuedMemory { key: mine.clone(), ..real.clone() });
    let forged = CardCertificate { public_key: key.public_key(), ..real.certificate };
    let forged = CardCertificate { signature: key.sign(&forged.signed_bytes()).unwrap(), ..forged };
    let made_up = card_of(IssuedMemory { key: mine, certificate: forged, ..real });
    for card in [copied, made_up] {
        shop.tap(&card);
        assert_eq!(refused(&shop.redeem(None)), Refusal::CardNotGenuine);
        shop.take_away();
        assert_eq!(consumed(&card, CINEMA), 0);
    }
    assert_eq!(shop.kinds(), ["refused", "refused"], "both are on record");
}

#[test]
fn a_grant_of_ones_own_making_is_no_right() {
    let region = Region::new();
    let mut shop = Shop::open(&region, 1, "cinema");
    let real = issued(&region.card(1));
    let rights = real.entitlement.unwrap();
    let richer = Entitlement { granted: rights.granted.with(CINEMA, 500), ..rights };
    // A chip that its holder has opened: it shows what was written into it.
    let card = card_of(IssuedMemory { entitlement: Some(richer), ..real });
    shop.tap(&card);
    assert_eq!(refused(&shop.redeem(None)), Refusal::CardNotGenuine);
    assert_eq!(shop.cash(), 0);
}
