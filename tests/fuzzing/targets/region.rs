//! A terminal without scruples against the real region: what it keeps was signed by that terminal, what it pays is on a card, once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, Mutex};

use pass::crypto::entry_hash;
use pass::domain::card::SignedRecord;
use pass::domain::entry::{Abandoned, Body, Entry, Learnt, TechnicalEvent, UndoRequest};
use pass::domain::verdict::Verdict;
use pass::domain::{CardNumber, Cents, Counter, EntryHash, RequestId, Sequence, TransactionId};
use pass::ledger::verify_answer;
use pass::region::{Region, RegionError};
use pass::wire::cbor::encode;
use pass::wire::cose::{Algorithm, Content, Sign1};
use pass::wire::entry::{decode_entry, encode_entry};
use pass::wire::exchange::TerminalStanding;
use tempfile::TempDir;

use super::Script;
use super::directory::{copy, directory};
use super::region_kit::{CINEMA, SEASON, Terminal, World, hours};

/// A region, two terminals of two cinemas, and what really happened on their cards.
struct Template {
    directory: TempDir,
    terminals: [Terminal; 2],
    /// What the first terminal has to tell.
    bodies: Vec<Body>,
    /// What the cards signed, by number and counter.
    truth: BTreeMap<(CardNumber, Counter), SignedRecord>,
}

static TEMPLATE: LazyLock<Mutex<Template>> = LazyLock::new(|| Mutex::new(Template::make()));

impl Template {
    fn make() -> Self {
        let world = World::new();
        let terminals = [world.terminal("cinema"), world.terminal("cinema")];
        let (mut first, mut second) = (world.card(), world.card());
        let mut bodies = Vec::new();
        let mut truth = BTreeMap::new();
        let mut happened = |signed: &SignedRecord| truth.insert((signed.record.card, signed.record.counter), *signed);
        for (number, hour) in [(0, 1), (0, 2), (1, 3), (0, 4)] {
            let card = if number == 0 { &mut first } else { &mut second };
            let debit = terminals[0].debit(card, CINEMA, 1, hours(hour));
            happened(&debit.proof);
            bodies.push(Body::Debit(debit));
        }
        let Body::Debit(last) = bodies[3].clone() else { panic!("a debit") };
        let reversal = terminals[0].reverse(&mut first, (Sequence::new(4), last.proof), hours(5));
        happened(&reversal.proof);
        bodies.push(Body::Reversal(reversal));
        // Somebody else's sale, which this terminal has read off the card.
        let other = terminals[1].debit(&mut second, CINEMA, 1, hours(6));
        happened(&other.proof);
        bodies.push(Body::CardRead(terminals[0].read(&mut second, 1, hours(7))));
        bodies.push(Body::Debit(other.clone()));
        bodies.push(Body::UndoRequest(UndoRequest {
            card: last.proof.record.card,
            debit: Sequence::new(1),
            debit_counter: Counter::new(1),
            returned: Cents::ZERO,
            tender: last.sale.tender,
            request: RequestId::new([3; 16]),
        }));
        bodies.push(Body::Abandoned(Abandoned {
            card: last.proof.record.card,
            transaction: TransactionId::new([5; 16]),
            counter_before: Counter::new(3),
            slot: CINEMA,
            season: SEASON,
            amount: 1,
            returned: Cents::ZERO,
            tender: last.sale.tender,
            request: RequestId::new([4; 16]),
        }));
        bodies.push(Body::Event(TechnicalEvent::Stopped));
        // Invented: more than the card gave, and more than was paid.
        let mut invented = last;
        invented.proof.record.amount = 5;
        invented.learnt = Learnt::FromRecords;
        bodies.push(Body::Debit(invented));
        let directory = directory();
        copy(world.directory.path(), directory.path());
        Self { directory, terminals, bodies, truth }
    }
}

/// What was sent, and what the region has said so far.
struct Attack<'t> {
    template: &'t Template,
    region: Region,
    terminals: [Terminal; 2],
    signed: BTreeSet<EntryHash>,
    kept: Vec<Vec<u8>>,
    hour: u32,
}

impl Attack<'_> {
    fn entry(&mut self, which: usize, entry: &Entry, script: &mut Script<'_>, damaged: bool) {
        let mut payload = encode_entry(entry);
        if damaged {
            script.damage(&mut payload);
        }
        let cose = self.terminals[which].sign(payload);
        self.signed.insert(entry_hash(&cose));
        self.terminals[which].chain.push(cose);
    }

    /// One step of the script.
    fn step(&mut self, script: &mut Script<'_>) {
        let what = script.byte();
        let which = usize::from(what >> 7);
        self.hour += 1;
        let now = hours(8 + self.hour);
        match what & 0x0F {
            0..=5 => {
                let body = self.template.bodies[usize::from(script.byte()) % self.template.bodies.len()].clone();
                let mut entry = self.terminals[which].draft(body, now.minus(u32::from(script.byte()) * 60));
                if what & 0x10 != 0 {
                    entry.sequence = Sequence::new(u64::from(script.byte()));
                }
                self.entry(which, &entry, script, what & 0x20 != 0);
            }
            // Entries hidden, doubled, altered, exchanged.
            6 => drop(self.terminals[which].chain.pop()),
            7 => {
                let again = self.terminals[which].chain.last().cloned();
                self.terminals[which].chain.extend(again);
            }
            8 => {
                if let Some(last) = self.terminals[which].chain.last_mut() {
                    script.damage(last);
                }
            }
            9 => self.terminals[which].chain.reverse(),
            10 => self.raw(script),
            11 => self.terminals[which].acknowledged.sequence = Sequence::new(0),
            _ => self.exchange(which, script, what & 0x40 != 0),
        }
    }

    fn raw(&mut self, script: &mut Script<'_>) {
        let bytes = script.string();
        assert!(self.region.exchange(bytes, hours(9)).is_err(), "a request that nobody signed is answered");
        assert!(self.region.enrol(bytes, hours(9)).is_err(), "an enrolment without the code is answered");
    }

    fn exchange(&mut self, which: usize, script: &mut Script<'_>, damaged: bool) {
        let terminal = &self.terminals[which];
        let mut request = terminal.request(hours(8 + self.hour));
        request.feed_position = u64::from(script.byte());
        request.cards =
            self.template.truth.keys().map(|(card, _)| *card).take(usize::from(script.byte() % 3)).collect();
        let mut payload = encode(&request);
        if damaged {
            script.damage(&mut payload);
        }
        let message = terminal.message_of(payload.clone());
        let answered = self.region.exchange(&message, hours(9 + self.hour));
        if let Ok(answer) = answered {
            let request = pass::wire::cbor::decode(&payload).expect("what is answered was understood");
            let verified = verify_answer(&answer, &terminal.keys, &request).expect("every answer is signed");
            let head = verified.receipt().head;
            let known = self.signed.contains(&head.hash) || head.sequence == Sequence::new(0);
            assert!(known, "an entry is acknowledged that the terminal never signed");
            self.terminals[which].acknowledged = head;
        }
        self.check();
    }

    /// What must hold of the books after every exchange.
    fn check(&mut self) {
        let mut paid = BTreeMap::new();
        let mut cose = Vec::new();
        let listed: Result<(), RegionError> = self.region.store().read(|tx| {
            tx.list_entries(None, |listing| {
                let bytes = &listing.entry.cose;
                assert!(self.signed.contains(&entry_hash(bytes)), "an entry is kept that its terminal never signed");
                cose.push(bytes.clone());
                let Some(judged) = listing.judged.filter(|judged| judged.payable > Cents::ZERO) else { return Ok(()) };
                assert_eq!(judged.verdict, Verdict::Payable);
                let envelope = Sign1::decode(bytes, Algorithm::EdDsa, Content::Entry).expect("a kept entry");
                let Ok(Entry { body: Body::Debit(debit), .. }) = decode_entry(&envelope.payload) else {
                    panic!("something is paid that is no debit");
                };
                let record = debit.proof.record;
                let true_record = self.template.truth.get(&(record.card, record.counter));
                assert_eq!(true_record.map(|signed| signed.record), Some(record), "what is paid is on the card");
                assert_eq!(record.terminal, listing.entry.terminal, "and to the terminal that the card names");
                let twice = paid.insert((record.card, record.counter), judged.payable);
                assert_eq!(twice, None, "once");
                Ok(())
            })
        });
        listed.unwrap();
        assert_eq!(cose[..self.kept.len()], self.kept, "no entry that was kept is lost or altered");
        self.kept = cose;
    }
}

/// Requests of two enrolled terminals that do what they like with their chains.
pub(crate) fn hostile_terminal(bytes: &[u8]) {
    let template = TEMPLATE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let place = directory();
    copy(template.directory.path(), place.path());
    let region = Region::open(&place.path().join("region")).unwrap();
    let terminals = template.terminals.clone();
    let (signed, kept) = (BTreeSet::new(), Vec::new());
    let mut attack = Attack { template: &template, region, terminals, signed, kept, hour: 0 };
    let mut script = Script(bytes);
    for _ in 0..48 {
        if script.is_over() {
            break;
        }
        attack.step(&mut script);
    }
    let standing = attack.region.terminals().unwrap();
    assert!(standing.iter().all(|file| file.standing.is_none_or(|is| is.standing != TerminalStanding::Retired)));
}
