//! Partners are paid: settlements that are closed once, corrected by the next, and made again to the byte; the files for the accountant, the bank and
//! the partner; what an auditor is told.

use std::process::Command;

use pass::domain::entry::Body;
use pass::domain::verdict::{Contest, Verdict};
use pass::domain::{Balance, PartnerId, Sequence, Timestamp};
use pass::region::RegionError;
use pass::region::partners::account;
use pass::region::settlement::days::Day;
use pass::region::settlement::trouble::SettlementTrouble;
use pass::region::settlement::{Line, SettlementFile, sheets};
use pass::region::store::{PartnerSettlement, SettledTerminal, StoreError};

use super::kit::{BOOKS, CINEMA, EVENING, Terminal, World, hours};

/// Accounts that are nobody's.
const FRENCH: &str = "FR76 3000 6000 0112 3456 7890 189";
const BELGIAN: &str = "BE68 5390 0754 7034";

/// The day of [`EVENING`] and those after it; the first ends in Paris between [`hours`] 4 and 5.
fn day(after: u32) -> Day {
    Day::of(hours(24 * after))
}

/// Closes the settlement until `day(after)` in the night after it.
fn close(world: &World, after: u32) -> SettlementFile {
    world.region.close_settlement(day(after), hours(24 * after + 5)).unwrap()
}

fn partner(terminal: &Terminal) -> PartnerId {
    terminal.enrolment.partner_id
}

fn with_bank(world: &World, terminal: &Terminal) {
    let paid_to = account("Cinéma Le Phare & Cie", FRENCH, Some("AGRIFRPP")).unwrap();
    world.region.set_bank(partner(terminal), &paid_to, EVENING).unwrap();
}

fn of<'f>(file: &'f SettlementFile, terminal: &Terminal) -> &'f PartnerSettlement {
    file.partners.iter().find(|of| of.partner == partner(terminal)).unwrap()
}

/// Carried, lines, paid, rest, in cents.
fn account_of(file: &SettlementFile, terminal: &Terminal) -> (i64, i64, u64, i64) {
    let of = of(file, terminal);
    (of.carried.get(), of.lines.get(), of.paid.get(), of.rest().get())
}

fn lines(world: &World, file: &SettlementFile) -> Vec<Line> {
    let mut lines = Vec::new();
    world
        .region
        .settlement_lines(file, None, |line| {
            lines.push(*line);
            Ok(())
        })
        .unwrap();
    lines
}

/// Every file of a settlement, one after the other.
fn bytes(world: &World, file: &SettlementFile) -> Vec<u8> {
    let mut bytes = Vec::new();
    sheets::write_totals(file, &mut bytes).unwrap();
    world.region.write_payments(file, &mut bytes).unwrap();
    world.region.write_entries(file, &mut bytes).unwrap();
    for of in &file.partners {
        world.region.write_statement(file, of.partner, &mut bytes).unwrap();
    }
    world.region.write_credit_transfer(file, None, &mut bytes).unwrap();
    bytes
}

fn trouble<T: std::fmt::Debug>(result: Result<T, RegionError>) -> SettlementTrouble {
    match result {
        Err(RegionError::Settlement(trouble)) => trouble,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_partner_is_paid_for_what_is_payable_and_for_nothing_else() {
    let world = World::new();
    let (mut cinema, mut shop) = (world.terminal("cinema"), world.terminal("bookshop"));
    with_bank(&world, &cinema);
    let mut card = world.card();
    cinema.sell(&mut card, CINEMA, 2, hours(1));
    shop.sell(&mut card, BOOKS, 650, hours(1));
    // Written twice: one of the two is contested.
    let again = cinema.debit(&mut card, CINEMA, 1, hours(2));
    cinema.write(Body::Debit(again.clone()), hours(2));
    cinema.write(Body::Debit(again), hours(2));
    cinema.write_start(hours(2));
    cinema.exchange(&world.region, hours(3));
    shop.exchange(&world.region, hours(3));
    let file = close(&world, 0);
    assert_eq!((file.settlement.number, file.settlement.until.as_str()), (1, "2026-11-28"));
    assert_eq!(account_of(&file, &cinema), (0, 1200, 1200, 0));
    assert_eq!(account_of(&file, &shop), (0, 650, 0, 650), "nobody knows where to pay it to: it is carried over");
    let paid = |terminal: &Terminal| world.region.settlements_of(partner(terminal), 10).unwrap();
    assert_eq!(paid(&cinema), [(1, of(&file, &cinema).clone())]);
    assert_eq!(paid(&shop), [(1, of(&file, &shop).clone())]);
    let totals: Vec<_> = file.totals.iter().map(|of| (of.slot, of.sales, of.amount, of.cents.get())).collect();
    assert_eq!(totals, [(CINEMA, 2, 3, 1200), (BOOKS, 1, 650, 650)]);
    let seal = file.seal.unwrap();
    assert_eq!((seal.lines, seal.cents.get(), seal.paid.get()), (3, 1850, 1200));
    let traced: Vec<_> = lines(&world, &file)
        .iter()
        .map(|line| (line.terminal, line.change.place.sequence.get(), line.change.version, line.cents().get()))
        .collect();
    assert_eq!(traced, [(cinema.id, 1, 1, 800), (cinema.id, 2, 1, 400), (shop.id, 1, 1, 650)]);
    // With an account the shop is paid what was left.
    with_bank(&world, &shop);
    let next = close(&world, 1);
    assert_eq!(account_of(&next, &shop), (650, 0, 650, 0));
    assert!(next.partners.iter().all(|of| of.partner != partner(&cinema)), "of the cinema there is nothing new");
}

#[test]
fn what_is_taken_back_after_it_was_paid_is_taken_off_the_next_settlement() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    with_bank(&world, &terminal);
    let mut card = world.card();
    let debit = terminal.sell(&mut card, CINEMA, 2, hours(1));
    terminal.exchange(&world.region, hours(2));
    let first = close(&world, 0);
    assert_eq!(account_of(&first, &terminal), (0, 800, 800, 0));
    let reversal = terminal.reverse(&mut card, debit, hours(10));
    terminal.write(Body::Reversal(reversal), hours(10));
    terminal.exchange(&world.region, hours(11));
    let second = close(&world, 1);
    assert_eq!(account_of(&second, &terminal), (0, -800, 0, -800), "nobody is asked for money");
    let [line] = lines(&world, &second)[..] else { panic!("one line") };
    assert!(line.correction);
    assert_eq!((line.sales(), line.amount(), line.change.version), (-1, -2, 2));
    assert_eq!(second.totals[0].corrected.get(), -800);
    terminal.sell(&mut card, CINEMA, 3, hours(30));
    terminal.exchange(&world.region, hours(31));
    let third = close(&world, 2);
    assert_eq!(account_of(&third, &terminal), (-800, 1200, 400, 0));
    let story = &world.region.entry_stories(terminal.id, Sequence::new(1)).unwrap()[0];
    let verdicts: Vec<_> = story.versions.iter().map(|row| (row.judged.version, row.judged.verdict)).collect();
    assert_eq!(verdicts, [(1, Verdict::Payable), (2, Verdict::Contested(Contest::TakenBack))]);
    let settled: Vec<_> = story.settled.iter().map(|(of, line)| (of.number, line.change.after.get())).collect();
    assert_eq!(settled, [(1, 800), (2, 0)]);
    for number in 1..=3 {
        world.region.verify_settlement(number).unwrap();
    }
}

#[test]
fn what_comes_after_the_day_waits_and_what_becomes_payable_is_a_correction() {
    let world = World::new();
    let (mut cheat, mut honest) = (world.terminal("cinema"), world.terminal("cinema"));
    with_bank(&world, &cheat);
    let mut card = world.card();
    cheat.sell(&mut card, CINEMA, 1, hours(1));
    let second = cheat.sell(&mut card, CINEMA, 1, hours(1));
    let hidden = cheat.reverse(&mut card, second, hours(2));
    cheat.sell(&mut card, CINEMA, 1, hours(2));
    // The reversal is kept back: both debits before it are contested.
    cheat.exchange(&world.region, hours(3));
    assert_eq!(world.verdicts(&cheat).iter().map(|of| of.2).collect::<Vec<_>>(), [0, 0, 400]);
    // A sale of the same evening that arrives after midnight.
    honest.sell(&mut card, CINEMA, 1, hours(4));
    honest.exchange(&world.region, hours(5));
    let first = close(&world, 0);
    assert_eq!(account_of(&first, &cheat).1, 400);
    assert!(first.partners.iter().all(|of| of.partner != partner(&honest)), "the region had not heard of it that day");
    cheat.write(Body::Reversal(hidden), hours(10));
    cheat.exchange(&world.region, hours(10));
    let next = close(&world, 1);
    assert_eq!(account_of(&next, &cheat).1, 400);
    let paid: Vec<_> = lines(&world, &next).iter().map(|line| (line.terminal, line.correction)).collect();
    assert_eq!(paid, [(cheat.id, true), (honest.id, false)]);
}

#[test]
fn days_are_closed_in_order_and_only_when_they_are_over() {
    let world = World::new();
    let (early, late) = (day(0), day(1));
    let close = |until: Day, now: Timestamp| world.region.close_settlement(until, now);
    let not_over = SettlementTrouble::NotOver(early.to_string());
    assert_eq!(trouble(close(early, early.ends_at().minus(1))), not_over);
    assert_eq!(close(late, late.ends_at()).unwrap().settlement.number, 1);
    for until in [early, late] {
        let closed = SettlementTrouble::NotLater { until: until.to_string(), newest: late.to_string() };
        assert_eq!(trouble(close(until, hours(72))), closed);
    }
    assert_eq!(trouble(world.region.settlement(2)), SettlementTrouble::None(2));
    assert_eq!(close(day(2), hours(80)).unwrap().settlement.number, 2);
    let file = world.region.settlement(2).unwrap();
    let nothing = SettlementTrouble::NothingToPay(2);
    let payer = account("Région inventée", BELGIAN, None).unwrap();
    assert_eq!(trouble(world.region.write_credit_transfer(&file, None, Vec::new())), SettlementTrouble::NoPayer);
    world.region.set_payer(&payer, hours(81)).unwrap();
    assert_eq!(trouble(world.region.write_credit_transfer(&file, None, Vec::new())), nothing);
    let not_in = SettlementTrouble::NotInIt { partner: 1, number: 2 };
    assert_eq!(trouble(world.region.write_statement(&file, PartnerId::new(1), Vec::new())), not_in);
}

#[test]
fn a_closing_that_was_interrupted_is_taken_up_and_nothing_is_settled_twice() {
    let world = World::new();
    let mut terminals = [world.terminal("cinema"), world.terminal("cinema"), world.terminal("cinema")];
    let mut card = world.card();
    for terminal in &mut terminals {
        terminal.sell(&mut card, CINEMA, 1, hours(1));
        terminal.exchange(&world.region, hours(2));
    }
    // One that began, dealt with a terminal of which there was nothing yet, and died.
    let row = pass::region::store::SettlementRow {
        number: 1,
        until: day(0).to_string(),
        ends_at: day(0).ends_at(),
        begun_at: hours(5),
    };
    let begun: Result<(), StoreError> = world.region.store().write(|tx| {
        tx.begin_settlement(&row)?;
        let (terminal, partner) = (terminals[1].id, partner(&terminals[1]));
        tx.add_settled_terminal(1, &SettledTerminal { terminal, partner, lines: 0 })
    });
    begun.unwrap();
    let unfinished = SettlementTrouble::Unfinished { number: 1, until: day(0).to_string() };
    assert_eq!(trouble(world.region.close_settlement(day(1), hours(48))), unfinished);
    let open = world.region.settlement(1).unwrap();
    assert_eq!(trouble(open.sealed().copied()), unfinished);
    assert_eq!(trouble(world.region.verify_settlement(1)), unfinished);
    let file = close(&world, 0);
    assert_eq!(file.seal.unwrap().lines, 2);
    world.region.verify_settlement(1).unwrap();
    // What that one passed over is not forgotten.
    assert_eq!(close(&world, 1).seal.unwrap().lines, 1);
    assert_eq!(close(&world, 2).seal.unwrap().lines, 0);
}

#[test]
fn two_programs_that_close_the_same_day_close_it_once() {
    let world = World::new();
    let mut terminals: Vec<_> = (0..4).map(|_| world.terminal("cinema")).collect();
    let mut cards: Vec<_> = (0..4).map(|_| world.card()).collect();
    for (terminal, card) in terminals.iter_mut().zip(&mut cards) {
        terminal.sell(card, CINEMA, 1, hours(1));
        terminal.exchange(&world.region, hours(2));
    }
    let other = world.opened_again();
    std::thread::scope(|scope| {
        let closings = [&world.region, &other].map(|region| {
            scope.spawn(move || match region.close_settlement(day(0), hours(5)) {
                Ok(_) => (),
                // It was closed before this one began.
                Err(RegionError::Settlement(SettlementTrouble::NotLater { .. })) => (),
                Err(error) => panic!("{error:?}"),
            })
        });
        closings.into_iter().for_each(|closing| closing.join().unwrap());
    });
    let file = world.region.verify_settlement(1).unwrap();
    assert_eq!((file.seal.unwrap().lines, file.seal.unwrap().cents.get()), (4, 1600));
    assert_eq!(world.region.settlements().unwrap().len(), 1);
}

#[test]
fn a_closed_settlement_gives_the_same_bytes_for_ever_and_the_bank_takes_them() {
    let world = World::new();
    let (mut cinema, mut shop) = (world.terminal("cinema"), world.terminal("bookshop"));
    with_bank(&world, &cinema);
    world.region.set_bank(partner(&shop), &account("L'Œuvre <Été>", BELGIAN, None).unwrap(), EVENING).unwrap();
    world.region.set_payer(&account("Région Auvergne-Rhône-Alpes (inventée)", FRENCH, None).unwrap(), EVENING).unwrap();
    let mut card = world.card();
    let debit = cinema.sell(&mut card, CINEMA, 2, hours(1));
    shop.sell(&mut card, BOOKS, 799, hours(1));
    cinema.exchange(&world.region, hours(2));
    shop.exchange(&world.region, hours(2));
    let file = close(&world, 0);
    let first = bytes(&world, &file);
    // Everything that can change changes.
    with_bank(&world, &shop);
    world.region.set_payer(&account("Autre", BELGIAN, None).unwrap(), hours(9)).unwrap();
    let reversal = cinema.reverse(&mut card, debit, hours(10));
    cinema.write(Body::Reversal(reversal), hours(10));
    cinema.exchange(&world.region, hours(10));
    close(&world, 1);
    let again = world.opened_again().verify_settlement(1).unwrap();
    assert!(bytes(&world, &again) == first, "the files of a closed settlement do not change");

    let mut xml = Vec::new();
    world.region.write_credit_transfer(&again, None, &mut xml).unwrap();
    let path = world.directory.path().join("transfers.xml");
    std::fs::write(&path, &xml).unwrap();
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemas/pain.001.001.09.xsd");
    let checked = Command::new("xmllint").args(["--noout", "--schema", schema]).arg(&path).output();
    let checked = checked.expect("install libxml2-utils (scripts/setup does)");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let xml = String::from_utf8(xml).unwrap();
    for part in [
        "<NbOfTxs>2</NbOfTxs>",
        "<CtrlSum>15.99</CtrlSum>",
        "<InstdAmt Ccy=\"EUR\">8.00</InstdAmt>",
        "<InstdAmt Ccy=\"EUR\">7.99</InstdAmt>",
        "<EndToEndId>PASS-R1-P1</EndToEndId>",
        "<Nm>Cinema Le Phare + Cie</Nm>",
        "<Nm>L'OEuvre Ete</Nm>",
        "<IBAN>BE68539007547034</IBAN>",
        "<BICFI>AGRIFRPP</BICFI>",
        "<Dt>2026-11-30</Dt>",
        "<CreDtTm>2026-11-29T00:40:00+01:00</CreDtTm>",
    ] {
        assert!(xml.replace("&apos;", "'").contains(part), "{part} in\n{xml}");
    }
}

#[test]
fn the_files_say_what_was_sold_where_and_nothing_of_who_bought_it() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    with_bank(&world, &terminal);
    let mut card = world.card();
    let (_, record) = terminal.sell(&mut card, CINEMA, 2, hours(1));
    terminal.exchange(&world.region, hours(2));
    let file = close(&world, 0);
    let mut entries = Vec::new();
    world.region.write_entries(&file, &mut entries).unwrap();
    let seal = file.seal.unwrap();
    assert_eq!(pass::crypto::sha256(&entries), seal.entries_sha256, "the hash in the seal is that of the file");
    let text = String::from_utf8(entries).unwrap();
    let row = text.lines().nth(1).unwrap();
    assert!(
        row.starts_with("1;1;1;0;1;") && row.ends_with(";1;2026-11-28;2026-2027;cinema;non;1;2;0;800;800;8,00"),
        "{row}"
    );
    let mut statement = Vec::new();
    world.region.write_statement(&file, partner(&terminal), &mut statement).unwrap();
    let statement = String::from_utf8(statement).unwrap();
    assert!(statement.contains("28/11/2026") && statement.contains("8,00") && statement.contains("2\u{a0}places"));
    for private in [record.record.card.digits(), "FR7630006000011234567890189".to_owned()] {
        assert!(!statement.contains(&private) && !text.contains(&private));
    }
    assert!(!statement.contains("://") && !statement.contains("src="), "nothing is asked of anybody");
}

#[test]
fn a_stranger_is_told_that_there_is_no_such_entry() {
    let world = World::new();
    let terminal = world.terminal("cinema");
    let story = world.region.entry_stories(terminal.id, Sequence::new(1));
    assert_eq!(trouble(story), SettlementTrouble::NoEntry { terminal: terminal.id.get(), sequence: 1 });
}

#[test]
fn what_is_owed_is_never_more_than_nothing_for_a_partner_without_sales() {
    let world = World::new();
    let terminal = world.terminal("cinema");
    with_bank(&world, &terminal);
    let file = close(&world, 0);
    assert!(file.partners.is_empty() && file.totals.is_empty());
    assert_eq!((file.seal.unwrap().cents, file.seal.unwrap().lines), (Balance::ZERO, 0));
    world.region.verify_settlement(1).unwrap();
}
