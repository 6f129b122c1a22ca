//! The life of a card as one story, from the order to the erasure of its holder; then its turnings, one by one (R2 to R9, R11).

use pass::domain::entry::Body;
use pass::domain::refusal::DenialReason;
use pass::domain::verdict::Verdict;
use pass::domain::{CardNumber, HolderReference, Season, Timestamp};
use pass::region::RegionError;
use pass::region::config::{CatalogueFile, SHIPPED_CATALOGUE};
use pass::region::holders::life::{RefusalReason, Stage};
use pass::region::holders::mails::MailStage;
use pass::region::holders::orders::NewOrder;
use pass::region::holders::persons::{Address, Move, Person};
use pass::region::holders::revalidation::{LineTrouble, Tally};
use pass::region::holders::{Acting, EstablishmentId, EstablishmentKind, HolderTrouble, OrderId};
use pass::region::replacement::Fee;
use pass::region::store::OrderFilter;

use super::kit::{BOOKS, CINEMA, Card, EVENING, SCHOOL_BOOKS, SEASON, World, code, hours};

/// 1 June of the season after, and a day.
const NEXT_JUNE: Timestamp = Timestamp::new(1_811_800_800 + 86_400);

fn desk() -> Acting {
    Acting::desk()
}

fn of(establishment: EstablishmentId) -> Acting {
    Acting { by: "secretary".to_owned(), establishment: Some(establishment) }
}

fn establishment(world: &World) -> EstablishmentId {
    world.region.add_establishment("Lycée inventé", EstablishmentKind::Lycee, "Lyon", EVENING).unwrap()
}

pub(crate) fn somebody(name: &str, establishment: EstablishmentId) -> NewOrder {
    let address =
        Address { street: "1 rue inventée".to_owned(), postcode: "69002".to_owned(), city: "Lyon".to_owned() };
    let ascii: String = name.chars().filter(char::is_ascii).collect();
    let mail = format!("{}@exemple.test", ascii.to_lowercase());
    let (given_name, family_name) = (name.to_owned(), "Essai".to_owned());
    let person = Person { given_name, family_name, birth_year: 2009, mail, address };
    NewOrder { person, profile: code("lycee"), establishment, namesake: false }
}

/// The mails that wait for a holder: which, and what is particular to them.
fn mails(world: &World, holder: HolderReference) -> Vec<(String, String)> {
    let due = world.region.store().read(|tx| tx.mails_due(Timestamp::new(u32::MAX), 1000)).unwrap();
    let of_holder = due.into_iter().filter(|mail| mail.holder == holder);
    let mut mails: Vec<_> = of_holder.map(|mail| (mail.template.code().to_owned(), mail.data)).collect();
    mails.sort();
    mails
}

fn told(world: &World, holder: HolderReference) -> Vec<String> {
    mails(world, holder).into_iter().map(|(template, _)| template).collect()
}

/// The secret that a mail brings.
fn secret(world: &World, holder: HolderReference) -> String {
    let mails = mails(world, holder);
    let data = mails.iter().rfind(|(template, _)| ["ordered", "secret"].contains(&template.as_str())).unwrap();
    let data: serde_json::Value = serde_json::from_str(&data.1).unwrap();
    data["secret"].as_str().unwrap().to_owned()
}

fn stage(world: &World, order: OrderId, now: Timestamp) -> Stage {
    world.region.order(order, &desk(), now).unwrap().view.stage
}

fn make(world: &World, order: OrderId, now: Timestamp) -> Result<(Card, CardNumber), RegionError> {
    let mut card = Card::blank();
    let number = world.region.issue_ordered(&mut card.reader, order, now)?;
    card.is(number);
    Ok((card, number))
}

/// An order of somebody, validated, and the card that was made for it.
fn made(world: &World, name: &str, establishment: EstablishmentId) -> (OrderId, Card, CardNumber) {
    let order = world.region.place_order(&somebody(name, establishment), &desk(), EVENING).unwrap();
    world.region.validate_order(order, &of(establishment), EVENING).unwrap();
    let (card, number) = make(world, order, EVENING).unwrap();
    (order, card, number)
}

fn next_catalogue(world: &World) -> Season {
    let catalogue = CatalogueFile::parse(SHIPPED_CATALOGUE).unwrap();
    world.region.publish_catalogue("catalogue", &catalogue, SEASON.next(), EVENING).unwrap().season
}

fn revalidate(
    world: &World,
    list: &str,
    season: Season,
    acting: &Acting,
    now: Timestamp,
) -> (Tally, Vec<(u64, LineTrouble)>) {
    let mut bad = Vec::new();
    let report = |line, trouble| {
        bad.push((line, trouble));
        Ok(())
    };
    let tally = world.region.revalidate_list(list.as_bytes(), season, acting, || now, report).unwrap();
    (tally, bad)
}

fn trouble<T: std::fmt::Debug>(result: Result<T, RegionError>) -> HolderTrouble {
    match result {
        Err(RegionError::Holder(trouble)) => trouble,
        other => panic!("{other:?}"),
    }
}

#[test]
fn from_the_order_to_the_erasure() {
    let world = World::new();
    let (region, lycee) = (&world.region, establishment(&world));
    let (mut cinema, mut shop) = (world.terminal("cinema"), world.terminal("bookshop"));
    let order = region.place_order(&somebody("Zoé", lycee), &desk(), EVENING).unwrap();
    let holder = order.holder;
    assert_eq!((stage(&world, order, EVENING), told(&world, holder)), (Stage::Ordered, vec!["ordered".to_owned()]));
    let secret = secret(&world, holder);
    region.validate_order(order, &of(lycee), hours(1)).unwrap();
    let (mut card, old) = make(&world, order, hours(2)).unwrap();
    assert_eq!(stage(&world, order, hours(2)), Stage::Personalised);
    region.order_sent(order, &desk(), hours(3)).unwrap();
    assert_eq!(told(&world, holder), ["ordered", "personalised", "sent", "validated"]);
    assert_eq!(stage(&world, order, hours(3)), Stage::Sent);
    // Two seats and a book, at two counters; a third debit that will be reported late.
    cinema.sell(&mut card, CINEMA, 1, hours(4));
    cinema.sell(&mut card, CINEMA, 1, hours(4));
    cinema.exchange(region, hours(5));
    shop.sell(&mut card, BOOKS, 150, hours(5));
    assert_eq!(stage(&world, order, hours(6)), Stage::InUse);
    // Lost: the holder lets the school books pay.
    let fee = Fee::From("school-books".to_owned());
    let declared = region.declare_card(old, DenialReason::Lost, &fee, &desk(), hours(6)).unwrap();
    let remake = declared.remake.unwrap().unwrap();
    assert_eq!((stage(&world, order, hours(6)), stage(&world, remake, hours(6))), (Stage::Denied, Stage::Validated));
    let (_new_card, new) = make(&world, remake, hours(7)).unwrap();
    assert_eq!(
        (stage(&world, order, hours(7)), stage(&world, remake, hours(7))),
        (Stage::Replaced, Stage::Personalised)
    );
    let opening = |slot| world.rights(new).opening.get(slot);
    assert_eq!((opening(CINEMA), opening(BOOKS), opening(SCHOOL_BOOKS)), (2, 0, 500));
    // The bookshop had no line: what it sold is paid, and charged to the new card.
    shop.exchange(region, hours(8));
    assert_eq!(world.last_verdict(&shop), Verdict::Payable);
    assert_eq!((opening(CINEMA), opening(BOOKS), opening(SCHOOL_BOOKS)), (2, 150, 500));
    region.order_sent(remake, &desk(), hours(8)).unwrap();
    // The next season.
    let season = next_catalogue(&world);
    assert_eq!(stage(&world, remake, NEXT_JUNE), Stage::Lapsed);
    let list = format!("card\n{}\n", old.digits());
    let (tally, _) = revalidate(&world, &list, season, &of(lycee), hours(9));
    assert_eq!((tally.done, tally.bad), (1, 0), "the old card's number stands for the new one");
    assert_eq!(stage(&world, remake, NEXT_JUNE), Stage::InUse);
    let rights = world.rights(new);
    assert_eq!((rights.season, rights.granted.get(CINEMA), rights.opening.get(CINEMA)), (season, 5, 0));
    // The balance, as the holder sees it.
    let balance = region.balance_with_secret(new, &secret).unwrap().unwrap();
    assert_eq!((balance.card, balance.season, balance.denied), (new, Some(season), None));
    let moved: Vec<_> = balance
        .movements
        .iter()
        .map(|m| (m.benefit.as_ref().unwrap().code.as_str(), m.amount, m.partner.as_str()))
        .collect();
    let partner = "Le Phare (inventé)";
    assert_eq!(moved, [("cinema", 1, partner), ("cinema", 1, partner), ("leisure-books", 150, partner)]);
    assert_eq!(balance.known_until, Some(hours(5)), "the cinema has not exchanged since");
    assert!(region.balance_with_secret(new, "0000-0000-0000-0000-0000").unwrap().is_none());
    // Erased: nothing of the person is left, everything else goes on.
    let before = (world.verdicts(&cinema), world.verdicts(&shop), world.rights(new));
    region.erase_holder(holder, &desk(), hours(10)).unwrap();
    let file = region.holder_file(holder, &desk(), hours(10)).unwrap();
    assert_eq!((file.person, file.holder.erased_at), (None, Some(hours(10))));
    assert_eq!(told(&world, holder), [""; 0]);
    assert!(region.balance_with_secret(new, &secret).unwrap().is_none());
    cinema.write_start(hours(11));
    cinema.exchange(region, hours(11));
    assert_eq!(before, (world.verdicts(&cinema)[..2].to_vec(), world.verdicts(&shop), world.rights(new)));
    assert_eq!(region.balance(holder, &desk()).unwrap().movements.len(), 3);
    // And no way to a second grant.
    assert_eq!(
        trouble(region.place_order(&somebody("zoé", lycee), &desk(), hours(12))),
        HolderTrouble::GrantedAlready(SEASON)
    );
    let later = region.place_order(&somebody("Zoé", lycee), &desk(), NEXT_JUNE);
    assert_eq!(trouble(later), HolderTrouble::GrantedAlready(season));
}

#[test]
fn nobody_orders_twice_and_a_refused_order_is_corrected() {
    let world = World::new();
    let (region, lycee) = (&world.region, establishment(&world));
    let order = region.place_order(&somebody("Anaïs", lycee), &desk(), EVENING).unwrap();
    assert_eq!(
        trouble(region.place_order(&somebody("ANAÏS", lycee), &desk(), EVENING)),
        HolderTrouble::OrderedAlready(order)
    );
    let namesake = NewOrder { namesake: true, ..somebody("Anaïs", lycee) };
    assert_ne!(region.place_order(&namesake, &desk(), EVENING).unwrap().holder, order.holder);
    region.refuse_order(order, RefusalReason::WrongProfile, &of(lycee), hours(1)).unwrap();
    assert_eq!(
        trouble(make(&world, order, hours(1)).map(|(_, number)| number)),
        HolderTrouble::NotNow { stage: Stage::Refused, step: pass::region::holders::life::Step::Personalise }
    );
    assert!(mails(&world, order.holder).iter().any(|(_, data)| data.contains("le profil")));
    // The namesake is the one who is known last: the first is known by the order.
    let listed = region
        .orders(&OrderFilter { stage: Some(Stage::Refused), limit: 10, ..OrderFilter::default() }, &desk(), EVENING)
        .unwrap();
    assert_eq!(listed.iter().map(|listed| listed.view.order.id).collect::<Vec<_>>(), [order]);
    let other = establishment(&world);
    let first = region.place_order(&somebody("Léo", other), &desk(), EVENING).unwrap();
    region.refuse_order(first, RefusalReason::WrongDetails, &of(other), hours(1)).unwrap();
    assert_eq!(region.place_order(&somebody("Léo", other), &desk(), hours(2)).unwrap(), first);
    assert_eq!(stage(&world, first, hours(2)), Stage::Ordered);
    let bad = NewOrder { profile: code("retraite"), ..somebody("Max", lycee) };
    assert!(matches!(region.place_order(&bad, &desk(), EVENING), Err(RegionError::NoProfile { .. })));
}

#[test]
fn an_establishment_sees_and_validates_its_own_alone() {
    let world = World::new();
    let (region, ours, theirs) = (&world.region, establishment(&world), establishment(&world));
    let order = region.place_order(&somebody("Inès", theirs), &desk(), EVENING).unwrap();
    let us = of(ours);
    assert_eq!(trouble(region.validate_order(order, &us, EVENING)), HolderTrouble::NoOrder(order));
    assert_eq!(trouble(region.holder_file(order.holder, &us, EVENING)), HolderTrouble::NoHolder(order.holder));
    assert_eq!(trouble(region.end_studies(order.holder, &us, EVENING)), HolderTrouble::NoHolder(order.holder));
    let all = OrderFilter { limit: 10, ..OrderFilter::default() };
    assert_eq!(region.orders(&all, &us, EVENING).unwrap().len(), 0);
    assert_eq!(region.orders(&OrderFilter { establishment: Some(theirs), ..all }, &us, EVENING).unwrap().len(), 0);
    assert_eq!(region.orders(&all, &of(theirs), EVENING).unwrap().len(), 1);
}

#[test]
fn a_step_that_is_repeated_changes_nothing() {
    let world = World::new();
    let (region, lycee) = (&world.region, establishment(&world));
    let (order, _, number) = made(&world, "Jules", lycee);
    region.order_sent(order, &desk(), hours(1)).unwrap();
    region.order_sent(order, &desk(), hours(2)).unwrap();
    let lost = |fee: &Fee| region.declare_card(number, DenialReason::Lost, fee, &desk(), hours(3)).unwrap();
    let first = lost(&Fee::MostLeft);
    let again = lost(&Fee::Waived);
    assert_eq!(first.denial, again.denial);
    let remake = first.remake.unwrap().unwrap();
    assert_eq!(again.remake.unwrap(), Some(remake));
    assert_eq!(told(&world, order.holder), ["declared", "ordered", "personalised", "sent", "validated"]);
    let (_, new) = make(&world, remake, hours(4)).unwrap();
    assert_eq!(world.rights(new).opening, pass::domain::Amounts::ZERO, "the fee that was said last counts");
    assert!(make(&world, remake, hours(4)).is_err());
}

#[test]
fn a_loss_is_denied_whoever_pays_and_the_operator_waives_where_nobody_can() {
    let world = World::new();
    let (region, lycee) = (&world.region, establishment(&world));
    let (order, _, number) = made(&world, "Lina", lycee);
    let poor = ["leisure-books=301", "sport-licence=2501", "school-books=10000"];
    let opening = poor.map(|text| pass::region::desk::Correction::parse(text).unwrap()).to_vec();
    let corrections = pass::region::desk::Corrections { granted: Vec::new(), opening };
    region.entitle_card(number, None, &corrections, hours(1)).unwrap();
    let lost = |fee: &Fee| region.declare_card(number, DenialReason::Stolen, fee, &desk(), hours(2)).unwrap();
    assert!(matches!(lost(&Fee::MostLeft).remake, Err(RegionError::FeeNotLeft(None))));
    assert!(region.card_file(number).unwrap().denial.is_some());
    assert_eq!(stage(&world, order, hours(2)), Stage::Denied);
    let remake = lost(&Fee::Waived).remake.unwrap().unwrap();
    make(&world, remake, hours(3)).unwrap();
    let found = region.found_card(number, hours(4)).unwrap();
    assert!(found.denied, "a denial is final");
    region.found_card(number, hours(5)).unwrap();
    assert_eq!(told(&world, order.holder).iter().filter(|template| *template == "found").count(), 1);
}

#[test]
fn a_chip_that_broke_in_the_making_is_made_anew_for_the_same_order() {
    use pass::virtual_card::{CardInReader, CardMemory, Effect, Fault, Faulty, InProcess, MemoryStorage, VirtualCard};
    use pass::wire::apdu::Protocol;
    let world = World::new();
    let lycee = establishment(&world);
    let order = world.region.place_order(&somebody("Noé", lycee), &desk(), EVENING).unwrap();
    world.region.validate_order(order, &desk(), EVENING).unwrap();
    let card = VirtualCard::new(CardMemory::BLANK, MemoryStorage::new(CardMemory::BLANK)).unwrap();
    let faulty = Faulty::new(CardInReader::new(card, Protocol::T1), vec![Fault::nth(4, Effect::LeaveAfter)]);
    let torn = world.region.issue_ordered(&mut InProcess::new(faulty, Protocol::T1), order, EVENING);
    assert!(matches!(torn, Err(RegionError::Card(_))), "{torn:?}");
    let (_, number) = make(&world, order, hours(1)).unwrap();
    let file = world.region.card_file(number).unwrap();
    assert_eq!((file.card.holder, file.card.issue.get()), (order.holder, 2));
    assert_eq!(world.rights(number).opening, pass::domain::Amounts::ZERO, "without a fee");
    assert_eq!(stage(&world, order, hours(1)), Stage::Personalised);
}

#[test]
fn studies_that_end_are_revalidated_no_more_until_somebody_takes_the_holder_in() {
    let world = World::new();
    let (region, lycee, cfa) = (&world.region, establishment(&world), establishment(&world));
    let (order, _, number) = made(&world, "Tom", lycee);
    region.end_studies(order.holder, &of(lycee), hours(1)).unwrap();
    let season = next_catalogue(&world);
    let list = format!("card;profile\n{};apprenti\n", number.digits());
    assert_eq!(revalidate(&world, &list, season, &desk(), hours(2)).1, [(2, LineTrouble::Ended)]);
    let lost = region.declare_card(number, DenialReason::Lost, &Fee::MostLeft, &desk(), hours(2)).unwrap();
    assert!(matches!(lost.remake, Err(RegionError::Holder(HolderTrouble::Ended))));
    let to = Move { establishment: Some(cfa), ..Move::default() };
    region.move_holder(order.holder, &to, &desk(), hours(3)).unwrap();
    assert_eq!(revalidate(&world, &list, season, &of(lycee), hours(4)).1, [(2, LineTrouble::NotYours)]);
    assert_eq!(revalidate(&world, &list, season, &of(cfa), hours(4)).0.done, 1);
    assert_eq!(region.holder_file(order.holder, &desk(), hours(4)).unwrap().holder.profile, code("apprenti"));
    let granted = world.rights(number).granted;
    assert_eq!((granted.get(CINEMA), granted.as_array()[4]), (5, 40_000));
    // The person is known in the new place, and in the old one no more.
    assert_eq!(
        trouble(region.place_order(&somebody("Tom", cfa), &desk(), hours(5))),
        HolderTrouble::OrderedAlready(order)
    );
    assert_ne!(region.place_order(&somebody("Tom", lycee), &desk(), hours(5)).unwrap().holder, order.holder);
}

#[test]
fn a_holder_that_moves_and_a_secret_that_is_lost() {
    let world = World::new();
    let (region, lycee) = (&world.region, establishment(&world));
    let (order, _, number) = made(&world, "Eva", lycee);
    let first = secret(&world, order.holder);
    let address =
        Address { street: "2 quai inventé".to_owned(), postcode: "38000".to_owned(), city: "Grenoble".to_owned() };
    let to = Move { address: Some(address.clone()), mail: Some("eva2@exemple.test".to_owned()), establishment: None };
    region.move_holder(order.holder, &to, &desk(), hours(1)).unwrap();
    let person = region.holder_file(order.holder, &desk(), hours(1)).unwrap().person.unwrap();
    assert_eq!((person.address, person.mail.as_str()), (address, "eva2@exemple.test"));
    let bad = Move { mail: Some("nowhere".to_owned()), ..Move::default() };
    assert_eq!(trouble(region.move_holder(order.holder, &bad, &desk(), hours(1))), HolderTrouble::Field("mail"));
    region.renew_secret(order.holder, &desk(), hours(2)).unwrap();
    assert!(region.balance_with_secret(number, &first).unwrap().is_none());
    assert!(region.balance_with_secret(number, &secret(&world, order.holder)).unwrap().is_some());
}

#[test]
fn a_list_is_done_line_by_line_and_once() {
    let world = World::new();
    let lycee = establishment(&world);
    let season = next_catalogue(&world);
    let (order, _, first) = made(&world, "Ada", lycee);
    // A card that was made without an order has a holder all the same.
    let second = world.card().number();
    let stranger = CardNumber::from_account(925_000_000_000_123).unwrap().digits();
    let list = format!(
        "card;profile\n{};\n1234;lycee\n{};lycee\n{stranger};\n{};retraite\n{};\n\n{}\n",
        first.digits(),
        second.digits(),
        world.card().number().digits(),
        first.digits(),
        "x;y;z"
    );
    let expected =
        [(3, LineTrouble::Digits), (5, LineTrouble::NoCard), (6, LineTrouble::Profile), (9, LineTrouble::Shape)];
    let (tally, mut bad) = revalidate(&world, &list, season, &desk(), hours(1));
    bad.sort_unstable();
    assert_eq!((tally, bad.as_slice()), (Tally { lines: 7, done: 2, already: 1, bad: 4 }, expected.as_slice()));
    let rights = (world.rights(first), world.rights(second));
    let (tally, _) = revalidate(&world, &list, season, &desk(), hours(2));
    assert_eq!((tally.done, tally.already), (0, 3), "what was done is found done");
    assert_eq!(rights, (world.rights(first), world.rights(second)));
    assert_eq!(told(&world, order.holder).iter().filter(|template| *template == "revalidated").count(), 1);
    let over = world.region.revalidate(&[], Season::new(2025), &desk(), EVENING);
    assert_eq!(trouble(over), HolderTrouble::NotASeason(Season::new(2025)));
}

#[test]
fn a_revalidated_card_is_told_to_the_terminals_that_saw_it() {
    let world = World::new();
    let season = next_catalogue(&world);
    let (mut cinema, mut elsewhere) = (world.terminal("cinema"), world.terminal("cinema"));
    let mut card = world.card();
    cinema.sell(&mut card, CINEMA, 1, hours(1));
    cinema.exchange(&world.region, hours(1));
    elsewhere.exchange(&world.region, hours(1));
    revalidate(&world, &format!("card\n{}\n", card.number().digits()), season, &desk(), hours(2));
    let heard = cinema.exchange(&world.region, NEXT_JUNE).entitlements();
    assert_eq!(heard, [world.rights(card.number())]);
    assert_eq!(elsewhere.exchange(&world.region, hours(3)).entitlements(), []);
    cinema.put(&mut card, heard[0], NEXT_JUNE);
    let debit = cinema.debit(&mut card, CINEMA, 1, NEXT_JUNE);
    cinema.write(Body::Debit(debit), NEXT_JUNE);
    cinema.exchange(&world.region, NEXT_JUNE);
    assert_eq!(world.last_verdict(&cinema), Verdict::Payable);
}

#[test]
fn a_mail_is_given_to_one_sender_alone() {
    let world = World::new();
    let lycee = establishment(&world);
    world.region.place_order(&somebody("Lou", lycee), &desk(), EVENING).unwrap();
    let store = world.region.store();
    let mail = store.read(|tx| tx.mails_due(EVENING, 10)).unwrap().pop().unwrap();
    let take = || store.write(|tx| tx.take_mail(&mail)).unwrap();
    assert_eq!((take(), take()), (true, false));
    assert_eq!(store.read(|tx| tx.mails_due(hours(1000), 10)).unwrap().len(), 0, "nor later");
    store.write(|tx| tx.settle_mail(&mail, MailStage::Queued, hours(1))).unwrap();
    assert_eq!(store.read(|tx| tx.mails_due(EVENING, 10)).unwrap().len(), 0);
    assert_eq!(store.read(|tx| tx.mails_due(hours(1), 10)).unwrap().len(), 1);
    assert!(take());
    store.write(|tx| tx.settle_mail(&mail, MailStage::Sent, hours(2))).unwrap();
    let counts = store.read(|tx| tx.mail_counts()).unwrap();
    assert_eq!(counts.iter().map(|count| (count.stage, count.count)).collect::<Vec<_>>(), [(MailStage::Sent, 1)]);
}
