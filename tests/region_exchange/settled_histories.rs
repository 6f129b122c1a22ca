//! Random histories of sales, verdicts that change, and settlements: whatever happens in whatever order, every partner is settled exactly what its entries
//! are worth, and what was closed stays as it is.

use std::collections::BTreeMap;

use pass::crypto::entry_hash;
use pass::domain::entry::{Body, Debit};
use pass::domain::verdict::{Contest, Verdict};
use pass::domain::{Balance, Cents, PartnerId, Timestamp};
use pass::region::partners::account;
use pass::region::settlement::days::Day;
use pass::region::store::{EntryKey, Knowledge, NewEntry, NewVerdict, Place, StoreError};
use proptest::prelude::*;

use super::kit::{CINEMA, EVENING, Terminal, World, hours};

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A terminal sells, and the region judges: so much is payable.
    Sale { terminal: usize, payable: u32 },
    /// An entry is judged again.
    Judge { entry: usize, payable: u32 },
    /// A partner says where it is to be paid.
    Bank { terminal: usize },
    /// A day goes by.
    Night,
    /// The accounts are closed until yesterday.
    Close,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let payable = prop_oneof![Just(0_u32), Just(400), Just(450), 1..2000_u32];
    let event = prop_oneof![
        4 => (0..3_usize, payable.clone()).prop_map(|(terminal, payable)| Event::Sale { terminal, payable }),
        3 => (0..40_usize, payable).prop_map(|(entry, payable)| Event::Judge { entry, payable }),
        1 => (0..3_usize).prop_map(|terminal| Event::Bank { terminal }),
        2 => Just(Event::Night),
        2 => Just(Event::Close),
    ];
    proptest::collection::vec(event, 1..60)
}

/// An entry and what the region said of it last.
#[derive(Clone, Copy, Debug)]
struct Known {
    key: EntryKey,
    partner: PartnerId,
    received_at: Timestamp,
    payable: u32,
}

struct History {
    world: World,
    terminals: Vec<Terminal>,
    debit: Debit,
    entries: Vec<Known>,
    now: Timestamp,
    closed_until: Timestamp,
    /// The hash of every settlement, as it was closed.
    hashes: Vec<[u8; 32]>,
    paid: BTreeMap<PartnerId, u64>,
}

impl History {
    fn new() -> Self {
        let world = World::new();
        // Two terminals of one partner, and one of another.
        let first = world.terminal("cinema");
        let code = world.region.add_terminal(first.enrolment.partner_id, None, false, 48, EVENING).unwrap();
        let second = Terminal::enrol(&world.region, &code, EVENING).unwrap();
        let terminals = vec![world.terminal("cinema"), first, second];
        let debit = terminals[0].debit(&mut world.card(), CINEMA, 1, hours(1));
        Self {
            world,
            terminals,
            debit,
            entries: Vec::new(),
            now: hours(1),
            closed_until: Timestamp::EPOCH,
            hashes: Vec::new(),
            paid: BTreeMap::new(),
        }
    }

    fn happen(&mut self, event: Event) {
        self.now = self.now.plus(60);
        match event {
            Event::Sale { terminal, payable } => self.sell(terminal, payable),
            Event::Judge { entry, payable } => {
                let Some(known) = self.entries.get_mut(entry) else { return };
                known.payable = payable;
                let known = *known;
                self.judge(known);
            }
            Event::Bank { terminal } => {
                let paid_to = account("Le Phare", "BE68539007547034", None).unwrap();
                let partner = self.terminals[terminal].enrolment.partner_id;
                self.world.region.set_bank(partner, &paid_to, self.now).unwrap();
            }
            Event::Night => self.now = self.now.plus(86_400),
            Event::Close => self.close(),
        }
    }

    /// An entry as it would be after an exchange: the store is told at once, because settlement asks no more than what is there.
    fn sell(&mut self, terminal: usize, payable: u32) {
        let terminal = &mut self.terminals[terminal];
        let previous = terminal.head().hash;
        let sequence = terminal.write(Body::Debit(self.debit.clone()), self.now);
        let cose = terminal.chain.last().unwrap();
        let key = EntryKey { terminal: terminal.id, place: Place { branch: 0, sequence } };
        let new = NewEntry {
            key,
            hash: entry_hash(cose),
            previous,
            cose,
            kind: "debit",
            card: None,
            worth: Cents::ZERO,
            knowledge: Knowledge { position: 0, at: EVENING, waiting_entries: 0, waiting_cents: Cents::ZERO },
        };
        let now = self.now;
        let kept: Result<(), StoreError> = self.world.region.store().write(|tx| tx.add_entries(&[new], now));
        kept.unwrap();
        let known = Known { key, partner: terminal.enrolment.partner_id, received_at: now, payable };
        self.entries.push(known);
        self.judge(known);
    }

    fn judge(&self, known: Known) {
        let verdict = if known.payable == 0 { Verdict::Contested(Contest::TakenBack) } else { Verdict::Payable };
        let new = NewVerdict { entry: known.key, verdict, payable: Cents::from_u32(known.payable) };
        let given: Result<_, StoreError> = self.world.region.store().write(|tx| tx.add_verdicts(&[new], self.now));
        given.unwrap();
    }

    fn close(&mut self) {
        let until = Day::of(self.now.minus(86_400));
        if until.ends_at() <= self.closed_until {
            return;
        }
        let file = self.world.region.close_settlement(until, self.now).unwrap();
        self.closed_until = until.ends_at();
        self.hashes.push(file.seal.unwrap().entries_sha256);
        for of in &file.partners {
            *self.paid.entry(of.partner).or_default() += of.paid.get();
        }
        self.check();
    }

    /// Nothing twice, nothing forgotten, nothing altered.
    fn check(&self) {
        let mut worth: BTreeMap<PartnerId, i64> = BTreeMap::new();
        for known in self.entries.iter().filter(|known| known.received_at < self.closed_until) {
            *worth.entry(known.partner).or_default() += i64::from(known.payable);
        }
        let mut settled: BTreeMap<PartnerId, i64> = BTreeMap::new();
        let mut rest: BTreeMap<PartnerId, i64> = BTreeMap::new();
        for (index, hash) in self.hashes.iter().enumerate() {
            let file = self.world.region.verify_settlement(index as u32 + 1).unwrap();
            assert_eq!(file.seal.unwrap().entries_sha256, *hash);
            rest.clear();
            for of in &file.partners {
                *settled.entry(of.partner).or_default() += of.lines.get();
                rest.insert(of.partner, of.rest().get());
            }
            let by_benefit: Balance = file.totals.iter().map(|total| total.cents).sum();
            assert_eq!(by_benefit, file.seal.unwrap().cents);
        }
        for terminal in &self.terminals {
            let partner = terminal.enrolment.partner_id;
            let of = |sums: &BTreeMap<PartnerId, i64>| sums.get(&partner).copied().unwrap_or_default();
            assert_eq!(of(&settled), of(&worth), "settled is what is payable");
            let paid = i64::try_from(self.paid.get(&partner).copied().unwrap_or_default()).unwrap();
            assert_eq!(paid + of(&rest), of(&worth), "what is not paid is carried over");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn over_all_settlements_a_partner_is_settled_what_its_entries_are_worth(events in events()) {
        let mut history = History::new();
        events.into_iter().for_each(|event| history.happen(event));
        history.happen(Event::Night);
        history.happen(Event::Close);
        history.check();
    }
}
