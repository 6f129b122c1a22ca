//! Practice: sales that touch no real card and no real book.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use pass::domain::receipt::{Copy, Worth};
use pass::domain::{CardNumber, RequestId};
use pass::ledger::{LedgerThread, View as LedgerView, verify};
use pass::machine::sale::{ClientRequest, Event, Outcome, View};
use pass::terminal::counter::{Audience, Counter};
use pass::terminal::receipts::receipt;
use pass::terminal::training::{self, TRAINING};

use crate::counter::{Shop, redemption};
use crate::world::{EVENING, Region, TestClock};

#[derive(Clone, Default)]
struct Ear(Rc<RefCell<Vec<Outcome>>>);

impl Audience for Ear {
    fn show(&mut self, _: View) {}

    fn reply(&mut self, outcome: Outcome) {
        self.0.borrow_mut().push(outcome);
    }

    fn appended(&mut self) {}

    fn ask_region(&mut self, _: CardNumber) -> bool {
        false
    }
}

#[test]
fn what_is_practised_is_in_no_book_and_its_receipts_say_so() {
    let region = Region::new();
    let shop = Shop::open(&region, 7, "cinema");
    let data = shop.directory.path().to_owned();
    let real = LedgerView::open(&data).unwrap();
    let head = real.head();
    // Again and again, each time from the beginning.
    for _ in 0..2 {
        let training::Training { ledger, keys, mut reader } = training::begin(&data, &real, EVENING).unwrap();
        assert_ne!(ledger.view().identity().entry_key, real.identity().entry_key);
        assert_eq!(ledger.view().identity().terminal, TRAINING);
        reader.lay().unwrap();
        let (thread, ear) = (LedgerThread::spawn(ledger).unwrap(), Ear::default());
        let (handle, clock) = (thread.handle(), TestClock::at(EVENING));
        let generation = Arc::new(AtomicU64::new(0));
        let mut counter = Counter::new(handle, reader, ear.clone(), Arc::new(keys), clock, generation).unwrap();
        counter.on(Event::CardPresent);
        let id = RequestId::new([1; 16]);
        let wait = Duration::from_secs(10);
        counter.on(Event::Client(ClientRequest { id, command: redemption(None), wait, cashier: None }));
        let Some(Outcome::Granted(granted)) = ear.0.borrow_mut().pop() else { panic!("granted") };
        assert_eq!(granted.left, 4);
        drop(counter);
        thread.stop().unwrap();

        let practised = LedgerView::open(&data.join("training")).unwrap();
        let made = receipt(&practised, granted.entry, Copy::Original).unwrap();
        assert_eq!(made.worth, Worth::Training);
        verify(&data.join("training"), None, |_, _| ()).unwrap();
    }
    assert_eq!(LedgerView::open(&data).unwrap().head(), head, "the real book has nothing of it");
}
