//! The whole way of a right: from a blank chip to a payable entry, over T=1 and T=0.

use serde_json::{Value, json};

use crate::kit::{Books, HERE, PASS_CARD, Running, THERE, World, agree, amount_of};

/// Those fields of `answer` that `expected` has; others may be there.
#[track_caller]
fn assert_fields(answer: &Value, expected: &Value) {
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&answer[field], value, "{field} of {answer:#}");
    }
}

#[test]
fn from_a_blank_chip_to_a_payable_entry() {
    let world = World::new();
    let region = world.region();
    let card = world.card(&region);
    let cinema = world.counter(&region, "Cinéma Le Phare (inventé)", "cinema", HERE);
    let bookshop = world.counter(&region, "Librairie des Quais (inventée)", "bookshop", THERE);

    let lying = card.lay(&world, HERE);
    let seat = cinema.redeem(&[]).exits(0).json();
    assert_fields(
        &seat,
        &json!({
            "outcome": "granted", "card": card.masked(), "benefit": "cinema", "debited": 1, "unit": "seat",
            "due_cents": 100, "collected_cents": 100, "left": 4,
        }),
    );
    let entry = seat["entry"].as_u64().unwrap();
    drop(lying);

    let lying = card.lay(&world, THERE);
    let book = bookshop.redeem(&["--price", "23.50", "--paid", "card"]).exits(0).json();
    assert_fields(
        &book,
        &json!({
            "outcome": "granted", "card": card.masked(), "benefit": "leisure-books", "debited": 800, "unit": "cent",
            "due_cents": 1550, "collected_cents": 1550, "left": 0, "tender": "card",
        }),
    );
    let nothing_left = bookshop.redeem(&["--price", "23.50"]).exits(3).json();
    assert_fields(&nothing_left, &json!({ "outcome": "refused", "refusal": "nothing-left", "due_cents": 2350 }));
    assert!(nothing_left["message"].as_str().is_some_and(|message| message.contains("reste rien")));
    let undone = bookshop.undo(&[]).exits(0).json();
    assert_fields(
        &undone,
        &json!({ "outcome": "undone", "debit": book["entry"], "returned_cents": 1550, "tender": "card" }),
    );
    assert_eq!(bookshop.undo(&[]).exits(3).text("refusal"), "nothing-to-undo");
    drop(lying);

    let _lying = card.lay(&world, HERE);
    cinema.card();
    for counter in [&cinema, &bookshop] {
        assert_eq!(counter.sync()["error"], Value::Null);
    }
    let books = region.entries(bookshop.id);
    let of_kind = |kind: &str| books.iter().find(|entry| entry["kind"] == kind).unwrap();
    assert_eq!(of_kind("debit")["payable_cents"], 0, "what was undone is not paid");
    assert_eq!(of_kind("reversal")["returned_cents"], 1550);
    let seats = region.entries(cinema.id);
    let debit = seats.iter().find(|theirs| theirs["sequence"] == entry).unwrap();
    assert_fields(debit, &json!({ "kind": "debit", "verdict": "payable", "payable_cents": 400, "branch": 0 }));

    // The verdict comes back down to the counter.
    cinema.sync();
    let journal = cinema.journal();
    let sold = journal.iter().find(|ours| ours["entry"] == entry).unwrap();
    assert_fields(sold, &json!({ "kind": "debit", "acknowledged": true, "verdict": "payable", "tender": "cash" }));
    for counter in [&cinema, &bookshop] {
        let verified = counter.ask(&["verify", "--json"]).exits(0).json();
        assert_fields(&verified, &json!({ "verified": true, "entries": counter.journal().len() }));
    }
    let seen = cinema.inspect();
    assert_eq!(amount_of(&seen["slots"], "cinema", "consumed"), 1);
    assert_eq!(amount_of(&seen["slots"], "leisure-books", "consumed"), 0);
    assert_fields(&seen, &json!({ "genuine": true, "status": "in-use", "card": card.masked(), "counter": 3 }));
    assert_eq!(amount_of(&region.show(&card.number)["rights"], "cinema", "left"), 4);
}

#[test]
fn five_seats_and_no_sixth() {
    let world = World::new();
    let region = world.region();
    let card = world.card(&region);
    let cinema = world.counter(&region, "Cinéma Le Phare (inventé)", "cinema", HERE);
    let _lying = card.lay(&world, HERE);
    for left in (0..5).rev() {
        assert_eq!(cinema.redeem(&[]).exits(0).json()["left"], left);
    }
    let sixth = cinema.redeem(&[]).exits(3);
    assert_eq!(sixth.text("refusal"), "nothing-left");
    assert_eq!(agree(&region, &cinema, &card), Books { consumed: 5, cash: 500 });
    assert_eq!(
        cinema.ask(&["redeem"]).exits(3).out.lines().next(),
        Some("REFUSÉ - Il ne reste rien de cet avantage sur la carte.")
    );
    let english = cinema.ask(&["redeem", "--lang", "en"]).exits(3);
    assert_eq!(english.out.lines().next(), Some("REFUSED - Nothing is left of this benefit on the card."));
}

#[test]
fn the_same_over_t0_from_the_blank_chip() {
    let world = World::new();
    let region = world.region();
    let file = world.stage().place("card.json");
    let serve = |reader: usize| {
        let mut command = world.stage().command(PASS_CARD);
        let port = format!("127.0.0.1:{}", world.pcscd.vpcd_port(reader));
        let mut card = Running::start(world.stage(), command.arg("serve").arg(&file).args(["--t0", "--vpcd", &port]));
        card.await_line(|line| (line == "ready").then_some(()));
        card
    };
    let cinema = world.counter(&region, "Cinéma Le Phare (inventé)", "cinema", HERE);
    let at_bureau = serve(THERE);
    let number = region.issue(&world.pcscd.reader_name(THERE), "apprenti");
    at_bureau.stop().exits(0);

    let _lying = serve(HERE);
    let seat = cinema.redeem(&[]).exits(0).json();
    assert_fields(&seat, &json!({ "outcome": "granted", "due_cents": 100, "left": 4 }));
    assert_eq!(cinema.undo(&[]).exits(0).json()["returned_cents"], 100);
    assert_eq!(cinema.redeem(&[]).exits(0).json()["left"], 4);
    cinema.sync();
    let seen = cinema.inspect();
    assert_eq!((amount_of(&seen["slots"], "cinema", "consumed"), &seen["counter"]), (1, &json!(3)));
    assert_eq!(seen["card_number"].as_str(), Some(number.as_str()));
    assert_eq!(amount_of(&region.show(&number)["rights"], "cinema", "consumed"), 1);
}
