//! A code is good for one machine, for a while, and its answer can be lost.

use pass::domain::card::TerminalCertificate;
use pass::domain::{Season, TerminalId};
use pass::region::Refused;
use pass::region::desk::CODE_HOURS;
use pass::wire::code::EnrolmentCode;
use pass::wire::exchange::TerminalStanding;

use super::kit::{EVENING, Machine, SEASON, Terminal, World, code, enrolment_answer, hours};

fn world_with_code() -> (World, EnrolmentCode) {
    let world = World::new();
    let partner = world.region.add_partner("Le Phare (inventé)", vec![code("cinema")], EVENING).unwrap();
    let code = world.region.add_terminal(partner, None, false, CODE_HOURS, EVENING).unwrap();
    (world, code)
}

#[test]
fn a_terminal_gets_everything_that_it_needs_to_sell() {
    let (world, code) = world_with_code();
    let machine = Machine::new();
    let answer = enrolment_answer(&world.region.enrol(&machine.request(&code), hours(1)).unwrap(), &code);
    assert_eq!((answer.terminal, answer.time), (code.terminal, hours(1)));
    let [certificate] = answer.certificates.as_slice() else { panic!("one season") };
    assert_eq!((certificate.season, certificate.slots.get()), (SEASON, 1));
    assert!(certificate.covers(hours(1)) && certificate.covers(hours(1).minus(60)), "a clock may be behind");
    assert!(certificate.not_after.seconds_since(certificate.issued_at) <= TerminalCertificate::LIFE_SECONDS_MAX);
    assert_eq!(certificate.public_key, machine.card.0.public_key());
    assert_eq!(answer.catalogues.len(), 1);
    assert_eq!(answer.policy.offline_hours.hard, 72);
    assert!(!answer.policy.all_entitlements);
}

#[test]
fn the_same_machine_may_ask_again_and_no_other() {
    let (world, code) = world_with_code();
    let (machine, other) = (Machine::new(), Machine::new());
    let first = world.region.enrol(&machine.request(&code), hours(1)).unwrap();
    let again = world.region.enrol(&machine.request(&code), hours(2)).unwrap();
    let (first, again) = (enrolment_answer(&first, &code), enrolment_answer(&again, &code));
    assert_eq!(first.certificates, again.certificates, "a lost answer does not make another certificate");
    assert!(matches!(world.region.enrol(&other.request(&code), hours(2)), Err(Refused::CodeUsed)));
}

#[test]
fn a_wrong_an_unknown_and_an_old_code_are_refused() {
    let (world, code) = world_with_code();
    let machine = Machine::new();
    let wrong = EnrolmentCode { secret: [7; EnrolmentCode::SECRET_BYTES], ..code.clone() };
    let unknown = EnrolmentCode { terminal: TerminalId::new(99), ..code.clone() };
    for code in [wrong, unknown] {
        assert!(matches!(world.region.enrol(&machine.request(&code), EVENING), Err(Refused::CodeRefused)));
    }
    assert!(matches!(world.region.enrol(b"no message", EVENING), Err(Refused::Malformed)));
    assert!(matches!(world.region.enrol(&[0; 5000], EVENING), Err(Refused::TooLarge)));
    let late = hours(CODE_HOURS).plus(1);
    assert!(matches!(world.region.enrol(&machine.request(&code), late), Err(Refused::CodeExpired)));
    assert!(world.region.enrol(&machine.request(&code), hours(CODE_HOURS)).is_ok(), "to the last second");
}

#[test]
fn a_terminal_that_replaces_another_retires_it_and_its_chain_stays_open() {
    let world = World::new();
    let mut old = world.terminal("cinema");
    let partner = old.enrolment.partner_id;
    old.write_start(EVENING);
    old.exchange(&world.region, EVENING);
    let code = world.region.add_terminal(partner, Some(old.id), false, CODE_HOURS, hours(1)).unwrap();
    old.exchange(&world.region, hours(1));
    assert_eq!(old.standing, TerminalStanding::Active, "until the new one is there");
    let new = Terminal::enrol(&world.region, &code, hours(2)).unwrap();
    assert_eq!(new.enrolment.replaces, Some(old.id));
    old.write_start(hours(2));
    let heard = old.exchange(&world.region, hours(3));
    assert_eq!(old.standing, TerminalStanding::Retired);
    assert_eq!(heard.head(), old.head(), "late entries are taken");
}

#[test]
fn in_may_a_terminal_is_given_the_next_season_too() {
    let world = World::new();
    let file = pass::region::config::CatalogueFile::parse(pass::region::config::SHIPPED_CATALOGUE).unwrap();
    let next = SEASON.next();
    world.region.publish_catalogue("next", &file, next, EVENING).unwrap();
    let mut terminal = world.terminal("cinema");
    let seasons = |terminal: &Terminal| terminal.certificates.iter().map(|of| of.season).collect::<Vec<Season>>();
    assert_eq!(seasons(&terminal), [SEASON]);
    terminal.exchange(&world.region, next.begins().minus(20 * 86_400));
    assert!(seasons(&terminal).contains(&next));
}
