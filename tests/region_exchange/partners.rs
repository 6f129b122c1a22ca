//! Partners change: activities, suspension, and the list that everybody may read (R10).

use pass::domain::verdict::{Contest, Verdict};
use pass::region::RegionError;
use pass::region::partners::PartnerTrouble;
use pass::region::store::Cause;
use pass::wire::exchange::TerminalStanding;
use pass::wire::feed::Item;

use super::kit::{BOOKS, CINEMA, EVENING, World, code, hours};

fn listed(world: &World) -> serde_json::Value {
    serde_json::from_slice(&world.region.public_list().unwrap().json).unwrap()
}

#[test]
fn new_activities_are_certified_with_the_next_exchange() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    let partner = terminal.enrolment.partner_id;
    world.region.set_activities(partner, &[code("bookshop")]).unwrap();
    let heard = terminal.exchange(&world.region, hours(1));
    let certified = heard.items.iter().find_map(|item| match item {
        Item::TerminalCertificate(certificate) => Some(certificate.slots),
        _ => None,
    });
    let slots = certified.unwrap();
    assert!(slots.contains(BOOKS) && !slots.contains(CINEMA));
    assert_eq!(listed(&world)["partners"][0]["activities"], serde_json::json!(["bookshop"]));
    let nobody = world.region.set_activities(pass::domain::PartnerId::new(9), &[]);
    assert!(matches!(nobody, Err(RegionError::NoPartner(_))));
}

#[test]
fn a_suspended_partner_sells_nowhere_and_what_had_its_own_reason_stays() {
    let world = World::new();
    let mut first = world.terminal("cinema");
    let partner = first.enrolment.partner_id;
    let code = |world: &World| world.region.add_terminal(partner, None, false, 48, EVENING);
    let mut second = super::kit::Terminal::enrol(&world.region, &code(&world).unwrap(), EVENING).unwrap();
    let third = super::kit::Terminal::enrol(&world.region, &code(&world).unwrap(), EVENING).unwrap();
    world.region.suspend_terminal(second.id, hours(1)).unwrap();
    world.region.suspend_partner(partner, hours(1)).unwrap();
    world.region.suspend_partner(partner, hours(2)).unwrap();
    first.exchange(&world.region, hours(2));
    second.exchange(&world.region, hours(2));
    assert_eq!((first.standing, second.standing), (TerminalStanding::Suspended, TerminalStanding::Suspended));
    // It knows, and sells all the same.
    first.exchange(&world.region, hours(3));
    let mut card = world.card();
    first.sell(&mut card, CINEMA, 1, hours(3));
    first.exchange(&world.region, hours(3));
    assert_eq!(world.last_verdict(&first), Verdict::Contested(Contest::TerminalSuspended));
    for refused in [world.region.resume_terminal(first.id, hours(3)), code(&world).map(drop)] {
        let Err(RegionError::Partner(PartnerTrouble::Suspended(id))) = refused else { panic!("{refused:?}") };
        assert_eq!(id, partner);
    }
    assert_eq!(listed(&world)["partners"], serde_json::json!([]));
    // One that the desk suspends meanwhile has a reason of its own.
    world.region.suspend_terminal(third.id, hours(3)).unwrap();
    world.region.resume_partner(partner, hours(4)).unwrap();
    first.exchange(&world.region, hours(4));
    second.exchange(&world.region, hours(4));
    assert_eq!((first.standing, second.standing), (TerminalStanding::Active, TerminalStanding::Suspended));
    let causes: Vec<_> =
        world.region.terminals().unwrap().iter().map(|file| file.standing.map(|is| (is.standing, is.cause))).collect();
    let by_desk = |standing| Some((standing, Cause::Desk));
    assert_eq!(
        causes,
        [by_desk(TerminalStanding::Active), by_desk(TerminalStanding::Suspended), by_desk(TerminalStanding::Suspended)]
    );
}

#[test]
fn the_list_tells_names_cities_and_activities_and_changes_its_tag_with_them() {
    let world = World::new();
    let region = &world.region;
    let id = region.add_partner("=Ciné; Le Phare", vec![code("bookshop"), code("cinema")], EVENING).unwrap();
    let before = region.public_list().unwrap();
    region.set_city(id, Some(" Saint-Étienne ")).unwrap();
    let after = region.public_list().unwrap();
    assert_ne!(before.digest, after.digest);
    assert_eq!(after.digest, world.opened_again().public_list().unwrap().digest);
    let expected = serde_json::json!({
        "partners": [{
            "partner_id": id.get(), "name": "=Ciné; Le Phare", "city": "Saint-Étienne", "activities": ["bookshop", "cinema"],
        }],
        "complete": true,
    });
    assert_eq!(listed(&world), expected);
    let csv = String::from_utf8(after.csv).unwrap();
    let rows = "\u{feff}partenaire;nom;ville;activites\r\n1;\"'=Ciné; Le Phare\";Saint-Étienne;bookshop cinema\r\n";
    assert_eq!(csv, rows);
    assert!(matches!(region.set_city(id, Some("")), Err(RegionError::Partner(PartnerTrouble::City))));
}
