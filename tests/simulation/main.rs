//! A seeded simulation of the whole system on simulated time.
//!
//! Real are: the counter with its machine, its ledger on SQLite, the card's conversation, the virtual cards, the bytes of every message, the
//! region with its store, the payments with their machine and their codec. Simulated are: the cashiers, the hands that hold the cards, the readers, the line,
//! the bank terminals, the clocks, and the order in which all of this happens. One seed gives one history: no decision depends on a signature's bytes, a map's
//! order, the wall clock or a thread.
//!
//! The faults, each with how often it happens and what it is, are in the list below. A run draws for each of them whether it is off,
//! usual or frequent, because faults hide each other. When a run has come to its end, everything is brought home without any fault
//! ([`settle`]), and then everything must hold that is in [`invariants`].
//!
//! `scripts/simulate` runs it: [`many`] says how many seeds, and which.
//!
//! Not modelled: a kernel that loses what it said was synced; that SQLite syncs where `synchronous=FULL` says so, which the ledger's own tests
//! hold it to set, is SQLite's to show; more than one process on one ledger (the lock's own tests).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod books;
mod bureau;
mod cashier;
mod chance;
mod clock;
#[path = "../support/directory.rs"]
mod directory;
mod dishonest;
mod disk;
mod invariants;
mod line;
mod many;
mod market;
mod misfortune;
mod payer;
mod reader;
mod run;
mod settle;
mod shared;
mod template;
mod terminal;
mod tpe;

macro_rules! faults {
    ($($name:ident $rate:literal $meaning:literal,)*) => {
        /// Everything that goes wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Fault {
            $(#[doc = $meaning] $name,)*
        }

        impl Fault {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),*];

            /// How often it usually happens, of ten thousand occasions.
            pub(crate) const fn rate(self) -> u64 {
                match self { $(Self::$name => $rate,)* }
            }

            pub(crate) const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }
        }
    };
}

faults! {
    // At each command to a card; six times as often where it is DEBIT or REVERSE.
    TornBefore 80 "The card is pulled out before it executes the command.",
    TornAfter 80 "The card executes the command and is pulled out before it answers.",
    Lie 60 "The relay executes the command and answers with another status word, without the data.",
    Withheld 40 "The relay does not execute the command and answers with some status word.",
    Garbage 40 "The relay does not execute the command and answers 90 00 with bytes that mean nothing.",
    Stale 40 "The relay executes the command and answers with what it had answered to the same instruction before.",
    Flipped 40 "One bit of the answer is another.",
    ReaderError 40 "The reader gives an error; the command may have been executed.",
    // At each DEBIT and REVERSE.
    Stubborn 100 "From now on the relay executes none of them while this card lies there, and answers with some status word.",
    // At each conversation with a card.
    ReaderBusy 60 "Another program holds the reader.",
    CardReset 60 "Another program reset the card: what was opened is lost.",
    // At each step of a counter; six times as often after DEBIT and REVERSE.
    Killed 25 "The terminal's program is killed between two steps; everything that was written is there.",
    PowerCut 15 "The same, and what was written without being synced is lost: the head file says something older.",
    PowerCutInCommit 15 "The power is cut while a step writes: sectors of what it had not synced yet are there or not.",
    // At each message.
    Lost 1200 "It never arrives.",
    Repeated 800 "It arrives twice, the second time up to days later.",
    Delayed 800 "It arrives minutes to days later, after others that were sent later.",
    Reordered 400 "It arrives right after the next one that is sent, by whomever.",
    Cut 300 "Only its beginning arrives.",
    Corrupted 300 "One bit of it is another.",
    // At each message that reaches the region.
    RegionPowerCut 150 "The power is cut while it commits: sectors of what it had not synced yet are there or not.",
    // At each turn of the simulation.
    RegionRestarts 60 "The region's program is killed and started again.",
    RegionBackedUp 60 "Its store is backed up while it runs.",
    RegionRestored 15 "Its store is lost and its backup of yesterday put back; the desk does again what is on its paper.",
    RegionDown 30 "The region does not answer for a while.",
    ClockStep 20 "Somebody sets a terminal's clock, minutes to days to either side.",
    ClockDrift 20 "A terminal's clock begins to gain or to lose, from seconds a day to more than an hour.",
    LongPause 60 "Hours to days pass.",
    Stopped 20 "A terminal's program is stopped as systemd stops it.",
    ClientGone 100 "The till loses its connection while it waits.",
    DiskFull 15 "A terminal's disk takes nothing more for a while: no entry, no intent, no answer of the region.",
    // At each turn in which a terminal does not run.
    BackedUp 2500 "Somebody copies its directory.",
    Restored 700 "Somebody puts the copy back, with the head file or without.",
    KeysChanged 500 "Its keys are changed: the old one signs the new one, when it starts.",
    Cloned 150 "Somebody puts its disk into a second machine, and both go on.",
    // At each terminal but the first, when the run begins: its lies have a list of their own, in `dishonest`.
    Dishonest 1500 "It lies to the region.",
    // At each payment that reaches the bank terminal (TPE) of a counter, at most one of these.
    TpeAnswerLost 500 "It takes the money, and its answer never comes.",
    TpeRefuses 400 "It refuses.",
    TpeRedButton 400 "Somebody presses the red button: it says so, and says no amount (no CB).",
    TpePartial 500 "It takes a half, and says so.",
    TpePadded 300 "The amount in its answer has twelve digits.",
    TpeSplit 300 "Its answer comes byte by byte.",
    TpeSilent 300 "It takes nothing, and says nothing.",
    TpeCloses 300 "It closes the line after the request, and takes nothing.",
    TpePaysAndCloses 400 "It takes the money, and closes the line without an answer.",
    TpeCut 400 "It takes the money, and closes the line in the middle of its answer.",
    TpeBusy 300 "It has another amount on its screen: it takes no notice, and closes the line after a while.",
    TpeWrongAmount 300 "It takes a euro too much, and says so.",
    TpeGarbage 300 "It takes the money, and answers what is no answer.",
    TpeOtherPayment 200 "It takes the money, and answers about another payment.",
    TpeOldVersion 150 "It does not understand.",
    // At each payment that reaches it, whatever else.
    TpeSlow 800 "A person looks for a card and for a code.",
    // At each attempt to connect to it.
    TpeUnreachable 800 "It is off, or there is no line to it.",
    // At each request to it.
    TpeNotWritten 500 "The line breaks while the request is written: it has it, or not.",
    // At each turn: what people do to cards, and the desk of the region.
    Forged 15 "There is a card with the number of another and the forger's own key, and his own certificate or the other's.",
    ChipCopied 8 "There is a second chip with all that a card has, its key too.",
    Denied 25 "A card is lost: the region denies it, and whoever has it goes on.",
    Corrected 25 "The region grants a card two seats more, of which one is taken for consumed before.",
    KeyRotated 10 "The region has a new key.",
}

use std::rc::Rc;

use clock::TrueTime;
use many::Plan;
use pass::domain::entry::Tender;
use pass::domain::quote::QuoteRequest;
use pass::machine::sale::Command;
use run::{World, play};
use shared::Shared;
use template::Templates;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[test]
fn many_seeds() {
    many::play_many(&Plan::of_environment());
}

#[test]
fn one_seed() {
    let Some(seed) = setting("PASS_SIM_SEED") else { return };
    let templates = Templates::make();
    let story = play(&templates, seed, true);
    assert!(story.wrong.is_empty(), "seed {seed}: {}", story.wrong.join("; "));
}

/// The disk is full when *sent* is to be written: nothing was sent, and the disk says *asked*.
#[test]
fn a_payment_that_only_seems_to_be_in_progress_is_not_shown_as_if_it_were() {
    let templates = Templates::make();
    let template = templates.of(0);
    let shared = Shared::new(0, TrueTime::from(template.beginning), false);
    shared.calm();
    let mut world = World::new(template, &shared);
    world.terminals[0].tpe = Some(Rc::default());
    world.terminals[0].start();
    world.insert(0, 0);
    while world.terminals[0].step() {}
    world.ask(0, Command::Redeem { request: QuoteRequest::default(), tender: Tender::Tpe.into(), confirmed: None });
    while world.terminals[0].step() {
        world.listen(0);
    }
    assert!(world.terminals[0].is_paying());
    world.terminals[0].disk_is_full(true);
    world.pay(0);
    world.terminals[0].disk_is_full(false);
    let states = |world: &World| world.terminals[0].know(|view| view.open_payments().unwrap().len());
    assert_eq!(states(&world), 1, "the disk says that it was asked");
    assert_eq!(world.terminals[0].payer().open().payments, []);
    assert_eq!(states(&world), 0);
}

#[test]
fn the_same_seed_gives_the_same_history() {
    // Each with keys and card numbers of its own: nothing may depend on them.
    let (one, other) = (Templates::make(), Templates::make());
    for seed in 0..12 {
        let (first, second) = (play(&one, seed, false), play(&other, seed, false));
        let differs = first.trace.iter().zip(&second.trace).find(|(first, second)| first != second);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(first.trace.len(), second.trace.len(), "seed {seed}");
    }
}
