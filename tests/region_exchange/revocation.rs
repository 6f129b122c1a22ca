//! A terminal's disk is stolen, and the desk revokes its keys: from then on it is worth nothing to whoever has it.

use pass::domain::card::TerminalCertificate;
use pass::domain::verdict::{Contest, Verdict};
use pass::ledger::{VerifiedAnswer, verify_answer};
use pass::region::RegionError;
use pass::region::desk::CODE_HOURS;
use pass::wire::exchange::TerminalStanding;

use crate::kit::{CINEMA, Terminal, World, hours};

fn ask(world: &World, disk: &Terminal, hour: u32) -> VerifiedAnswer {
    let request = disk.request(hours(hour));
    let answer = world.region.exchange(&disk.message(&request), hours(hour)).unwrap();
    verify_answer(&answer, &disk.keys, &request).unwrap()
}

const NOT_PAID: Verdict = Verdict::Contested(Contest::TerminalSuspended);

#[test]
fn a_stolen_disk_is_worth_nothing_once_its_keys_are_revoked() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    let mut card = world.card();
    terminal.sell(&mut card, CINEMA, 1, hours(1));
    terminal.exchange(&world.region, hours(1));
    let mut thief = terminal.clone();
    world.region.revoke_terminal(terminal.id, hours(2)).unwrap();

    // The clock set back to before the theft, never having heard of it: it is kept, acknowledged and not paid.
    thief.sell(&mut card, CINEMA, 1, hours(1));
    thief.asks_for = vec![card.number()];
    let answer = ask(&world, &thief, 3);
    assert_eq!(answer.receipt().head, thief.head());
    let verdicts: Vec<_> = world.verdicts(&terminal).iter().map(|verdict| (verdict.1, verdict.2)).collect();
    assert_eq!(verdicts, [(Verdict::Payable, 400), (NOT_PAID, 0)], "what came before the theft is paid");
    // It learns nothing: that it is retired, and no more.
    let answer = answer.answer();
    assert_eq!((answer.standing, answer.more), (TerminalStanding::Retired, false));
    assert!(answer.pages.is_empty() && answer.entitlements.is_empty());
}

#[test]
fn revoked_keys_get_no_certificate_and_nobody_brings_them_back() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    world.region.revoke_terminal(terminal.id, hours(1)).unwrap();
    world.region.revoke_terminal(terminal.id, hours(2)).unwrap();
    assert!(matches!(world.region.resume_terminal(terminal.id, hours(2)), Err(RegionError::Retired(_))));
    // Another machine takes its place; its keys stay revoked.
    let partner = terminal.enrolment.partner_id;
    let code = world.region.add_terminal(partner, Some(terminal.id), false, CODE_HOURS, hours(3)).unwrap();
    let next = Terminal::enrol(&world.region, &code, hours(3)).unwrap();
    terminal.write_start(hours(4));
    assert!(ask(&world, &terminal, 4).answer().pages.is_empty());
    // A month later the living terminal has a new certificate. The stolen one has those that it had, none of them longer than 45 days.
    let month = 24 * 31;
    ask(&world, &terminal, month);
    ask(&world, &next, month);
    let certificates = |of: &Terminal| {
        let read: Result<Vec<TerminalCertificate>, RegionError> =
            world.region.store().read(|tx| Ok(tx.terminal_certificates(of.id, of.certificates[0].season)?));
        read.unwrap()
    };
    assert_eq!((certificates(&terminal).len(), certificates(&next).len()), (1, 2));
    let end = certificates(&terminal)[0].not_after;
    assert!(end.seconds_since(hours(1)) <= TerminalCertificate::LIFE_SECONDS_MAX);
}

#[test]
fn a_replaced_terminals_disk_can_be_stolen_too() {
    let world = World::new();
    let mut old = world.terminal("cinema");
    let mut card = world.card();
    let code = world.region.add_terminal(old.enrolment.partner_id, Some(old.id), false, CODE_HOURS, hours(1)).unwrap();
    Terminal::enrol(&world.region, &code, hours(1)).unwrap();
    old.sell(&mut card, CINEMA, 1, hours(1));
    ask(&world, &old, 2);
    assert_eq!(world.last_verdict(&old), Verdict::Payable, "its last sales came by file");
    world.region.revoke_terminal(old.id, hours(3)).unwrap();
    old.sell(&mut card, CINEMA, 1, hours(1));
    ask(&world, &old, 4);
    assert_eq!(world.last_verdict(&old), NOT_PAID);
}
