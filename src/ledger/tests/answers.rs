//! What the region answers.

use super::fixture::*;
use crate::domain::refusal::DenialReason;
use crate::ledger::*;
use crate::wire::feed::{Denial, Item};

#[test]
fn an_answer_is_applied_once() {
    let (mut world, mut ledger) = World::new();
    let mut card = world.card();
    let head = sell(&mut ledger, &mut card, 1);
    let request = request(&ledger, 9);
    assert_eq!(request.entries.len(), 2);
    let denial = Denial { card: card.number(), reason: DenialReason::Lost, denied_at: NOW, block: None };
    let page = world.region.page(0, 5, NOW, &[card.number()]);
    let page = with_items(page, vec![Item::Denial(denial)]);
    let bytes = world.region.answer(&request, NOW.plus(2), head, &[(1, page)]);
    let answer = verify_answer(&bytes, ledger.view().trusted_keys(), &request).unwrap();
    let applied = ledger.apply_answer(&answer, NOW.plus(3)).unwrap();
    assert_eq!((applied.acknowledged, applied.feed_position, applied.clock_step), (head, 5, None));
    assert_eq!(ledger.view().denial(card.number()).unwrap(), Some(denial));
    assert_eq!(ledger.view().exposure().waiting_entries, 0);
    let before = (ledger.view().head(), ledger.view().floor(), ledger.view().exposure());
    ledger.apply_answer(&answer, NOW.plus(3)).unwrap();
    assert_eq!((ledger.view().head(), ledger.view().floor(), ledger.view().exposure()), before);
}
