//! Random histories: whatever happens in whatever order, the ledger stays whole, and a restart changes nothing.

use proptest::prelude::*;

use super::fixture::*;
use crate::domain::entry::{Body, Entry, Learnt};
use crate::domain::*;
use crate::ledger::*;

const CARDS: usize = 3;

/// What happens next. A number names one of the cards.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A sale is begun; the card may do it or not.
    Begin(usize, bool),
    /// The doubt about the card, if there is one, is settled as it was.
    Settle(usize),
    /// The cashier gives up.
    Abandon(usize),
    /// The card's newest debit is taken back.
    Undo(usize),
    /// The daemon starts again.
    Restart,
    /// The region acknowledges everything.
    Exchange,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let card = 0..CARDS;
    let step = prop_oneof![
        4 => (card.clone(), any::<bool>()).prop_map(|(card, done)| Step::Begin(card, done)),
        4 => card.clone().prop_map(Step::Settle),
        1 => card.clone().prop_map(Step::Abandon),
        2 => card.prop_map(Step::Undo),
        1 => Just(Step::Restart),
        1 => Just(Step::Exchange),
    ];
    prop::collection::vec(step, 1..40)
}

/// What the world knows beside the ledger: what the cards did, and what the terminal is owed.
struct History {
    world: World,
    ledger: Option<Ledger>,
    cards: Vec<Card>,
    /// The record that each card made for its open intent.
    made: Vec<Option<card::SignedRecord>>,
    names: u8,
    waiting: i64,
}

impl History {
    fn new() -> Self {
        let (mut world, ledger) = World::new();
        let cards = (0..CARDS).map(|_| world.card()).collect();
        Self { world, ledger: Some(ledger), cards, made: vec![None; CARDS], names: 0, waiting: 0 }
    }

    fn ledger(&mut self) -> &mut Ledger {
        self.ledger.as_mut().unwrap()
    }

    fn begin(&mut self, card: usize, intent: &entry::Intent, done: bool) {
        let certificate = self.cards[card].certificate;
        self.ledger().store_intent(intent, &certificate).unwrap();
        self.made[card] = done.then(|| self.cards[card].does(intent));
    }

    fn step(&mut self, step: Step) {
        self.names += 1;
        let name = self.names;
        match step {
            Step::Begin(card, done) if self.open(card).is_none() && self.cards[card].left() > 0 => {
                let intent = self.cards[card].intent(name);
                self.begin(card, &intent, done);
            }
            Step::Settle(card) => self.settle(card),
            Step::Abandon(card) => {
                if let Some(open) = self.open(card) {
                    let abandoned = self.ledger().abandon(open.intent.transaction, NOW, None);
                    let sale = matches!(open.intent.purpose, entry::Purpose::Sale { .. });
                    assert_eq!(abandoned.is_ok(), sale && open.abandoned_by.is_none());
                }
            }
            Step::Undo(card) if self.open(card).is_none() => {
                let number = self.cards[card].number();
                let debit = self.ledger().view().last_debit_of(number).unwrap();
                if let Some(StoredEntry { head, entry: Entry { body: Body::Debit(debit), .. } }) = debit
                    && !self.ledger().view().is_undone(head.sequence).unwrap()
                {
                    let intent = self.cards[card].undo(name, head.sequence, debit.proof.record.counter.get());
                    self.begin(card, &intent, true);
                }
            }
            Step::Begin(..) | Step::Undo(_) => (),
            Step::Restart => {
                let before = snapshot(self.ledger());
                self.ledger = None;
                self.ledger = Some(self.world.open());
                assert_eq!(snapshot(self.ledger()), before);
            }
            Step::Exchange => {
                let ledger = self.ledger.as_mut().unwrap();
                let request = request(ledger, name);
                let bytes = self.world.region.answer(&request, NOW, ledger.view().head(), &[]);
                let answer = verify_answer(&bytes, ledger.view().trusted_keys(), &request).unwrap();
                ledger.apply_answer(&answer, NOW).unwrap();
                self.waiting = 0;
            }
        }
    }

    fn open(&mut self, card: usize) -> Option<OpenIntent> {
        let number = self.cards[card].number();
        self.ledger().view().open_intent(number).unwrap()
    }

    fn settle(&mut self, card: usize) {
        let Some(OpenIntent { intent, abandoned_by }) = self.open(card) else { return };
        let given_up = abandoned_by.is_some();
        let body = match self.made[card].take() {
            Some(record) => done(&intent, record, Learnt::FromRecords, given_up),
            None => not_done(&intent, given_up),
        };
        self.waiting += match &body {
            Body::Debit(_) if !given_up => 450,
            Body::Reversal(reversal) => {
                let taken = self.ledger().view().entry(reversal.debit).unwrap().unwrap().entry.body;
                if matches!(taken, Body::Debit(debit) if debit.abandoned) { 0 } else { -450 }
            }
            _ => 0,
        };
        self.ledger().settle(intent.transaction, NOW, body.clone()).unwrap();
        let again = self.ledger().settle(intent.transaction, NOW, body);
        assert_eq!(again, Err(LedgerError::IntentEnded(intent.transaction)));
    }
}

/// Everything that a restart must find again.
fn snapshot(ledger: &Ledger) -> impl PartialEq + std::fmt::Debug + use<> {
    let view = ledger.view();
    let journal = view.journal(Sequence::FIRST..=view.head().sequence, u32::MAX).unwrap();
    let totals = view.totals(Timestamp::EPOCH, NOW.plus(1)).unwrap();
    ((view.head(), view.floor(), view.exposure(), view.acknowledged()), view.open_intents().unwrap(), journal, totals)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_history_stays_whole(steps in steps()) {
        let mut history = History::new();
        for step in steps {
            history.step(step);
            let waiting = history.waiting.max(0);
            let exposure = history.ledger().view().exposure();
            prop_assert_eq!(exposure.waiting_cents.get(), u64::try_from(waiting).unwrap());
        }
        let checked = verify(history.world.dir.path(), None, |_, _| ()).unwrap();
        prop_assert_eq!(checked.head, history.ledger().view().head());
    }
}
