//! Terminals whose keys were changed: what the region takes of them, and of whoever has the old ones.

use pass::domain::Sequence;
use pass::domain::entry::{Body, TechnicalEvent};
use pass::domain::verdict::Verdict;
use pass::region::Refused;
use pass::succession::prove;
use pass::wire::exchange::TerminalStanding;
use pass::wire::feed::Item;

use super::kit::{CINEMA, Heard, Machine, Terminal, World, hours};

fn certified(heard: &Heard) -> Vec<[u8; 65]> {
    let key = |item: &Item| match item {
        Item::TerminalCertificate(certificate) => Some(certificate.public_key.0),
        _ => None,
    };
    heard.items.iter().filter_map(key).collect()
}

fn refused(terminal: &Terminal, world: &World, now: u32) -> bool {
    let message = terminal.message(&terminal.request(hours(now)));
    matches!(world.region.exchange(&message, hours(now)), Err(Refused::NotAuthentic))
}

#[test]
fn the_old_key_signs_the_new_ones_and_the_region_certifies_what_cards_check() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    let mut card = world.card();
    let (before, _) = terminal.sell(&mut card, CINEMA, 1, hours(1));
    let machine = Machine::new();
    terminal.change_keys(&machine, hours(2));
    let (between, _) = terminal.sell(&mut card, CINEMA, 1, hours(3));
    let heard = terminal.exchange(&world.region, hours(4));
    assert_eq!(certified(&heard), [machine.card.0.public_key().0]);
    let (after, _) = terminal.sell(&mut card, CINEMA, 1, hours(5));
    let mut told = heard.verdicts();
    told.extend(terminal.exchange(&world.region, hours(6)).verdicts());
    for sequence in [before, between, after] {
        let verdict = told.iter().rfind(|(of, _, _)| *of == sequence.get()).map(|(_, _, verdict)| *verdict);
        assert_eq!(verdict, Some(Verdict::Payable), "{sequence}");
    }
    assert!(certified(&terminal.exchange(&world.region, hours(7))).is_empty(), "once is enough");
    assert_eq!(terminal.acknowledged.sequence.get() as usize, terminal.chain.len());
}

#[test]
fn keys_can_be_changed_again_before_the_region_has_heard_of_it() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    terminal.change_keys(&Machine::new(), hours(1));
    terminal.write_start(hours(1));
    let newest = Machine::new();
    terminal.change_keys(&newest, hours(2));
    terminal.write_start(hours(2));
    let heard = terminal.exchange(&world.region, hours(3));
    assert_eq!(heard.head().sequence, Sequence::new(4));
    assert_eq!(certified(&heard), [newest.card.0.public_key().0]);
}

#[test]
fn a_key_that_was_changed_opens_nothing_any_more() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    terminal.write_start(hours(1));
    terminal.exchange(&world.region, hours(1));
    // Somebody copies the disk before the keys are changed.
    let mut thief = terminal.clone();
    terminal.change_keys(&Machine::new(), hours(2));
    terminal.exchange(&world.region, hours(2));
    thief.write_start(hours(3));
    assert!(refused(&thief, &world, 3));
    thief.change_keys(&Machine::new(), hours(4));
    assert!(refused(&thief, &world, 4), "the old key names no other successor");
    terminal.write_start(hours(5));
    assert_eq!(terminal.exchange(&world.region, hours(5)).head(), terminal.head());
    assert_eq!(terminal.standing, TerminalStanding::Active);
}

#[test]
fn entries_are_signed_by_the_key_of_their_place() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    let old = terminal.clone();
    let change = terminal.change_keys(&Machine::new(), hours(1));
    // The next entry, signed with the old key all the same.
    let stale = old.sign(pass::wire::entry::encode_entry(
        &terminal.draft(Body::Event(TechnicalEvent::Started { version: "0.1.0".to_owned() }), hours(1)),
    ));
    terminal.chain.push(stale);
    let heard = terminal.exchange(&world.region, hours(2));
    assert_eq!(heard.head().sequence, change, "what follows is not taken");
}

#[test]
fn keys_that_have_not_signed_their_place_are_not_the_terminals() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    let (machine, head) = (Machine::new(), terminal.head());
    let mut keys = prove(terminal.id, head.sequence.next(), head.hash, &machine.entry.0, &machine.card.0).unwrap();
    keys.card_proof.0[0] ^= 1;
    terminal.change_keys_to(keys, &machine, hours(1));
    assert!(refused(&terminal, &world, 1));
}

#[test]
fn an_old_copy_takes_the_new_keys_up_again_on_its_own_branch() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    let mut card = world.card();
    terminal.write_start(hours(1));
    terminal.exchange(&world.region, hours(1));
    let mut copy = terminal.clone();
    let machine = Machine::new();
    terminal.change_keys(&machine, hours(2));
    terminal.sell(&mut card, CINEMA, 1, hours(2));
    terminal.exchange(&world.region, hours(2));
    // The ledger is put back from before; the key files are where they were.
    copy.certificates.clone_from(&terminal.certificates);
    copy.change_keys(&machine, hours(3));
    let heard = copy.exchange(&world.region, hours(3));
    assert_eq!(heard.head(), terminal.head(), "the region has what the copy has lost");
    copy.write(
        Body::Event(TechnicalEvent::Joined {
            other_sequence: terminal.head().sequence,
            other_hash: terminal.head().hash,
        }),
        hours(3),
    );
    let (debit, _) = copy.sell(&mut card, CINEMA, 1, hours(4));
    let heard = copy.exchange(&world.region, hours(4));
    assert_eq!((heard.head(), copy.standing), (copy.head(), TerminalStanding::Active));
    assert!(heard.verdicts().iter().any(|told| matches!(told, (of, _, Verdict::Payable) if *of == debit.get())));
}
