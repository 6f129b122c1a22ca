//! Cards: what a young person holds, in a reader or not, and hands that pull it at the worst moment.

use std::rc::Rc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use pass::domain::Slot;
use pass::virtual_card::applet::Applet;
use pass::virtual_card::{CardInReader, CardMemory, Fault, Faulty, IssuedMemory, MemoryStorage, VirtualCard};
use pass::wire::apdu::Protocol;
use pass::wire::card::Instruction;

use super::{Stage, World};
use crate::support::{DEADLINE, InsertedCard};

/// pcscd looks for the card about every 0.4 s. A card that leaves in the middle of a command and is back before the next look can stay
/// unseen, so nobody's hand is faster than this.
const AWAY_MIN: Duration = Duration::from_millis(700);

/// A card on a reader. Dropping it takes it off.
pub(crate) struct Laid {
    inserted: Option<InsertedCard>,
    reader: usize,
    stage: Rc<Stage>,
}

impl Laid {
    /// Lays something down that need not be a PASS.
    pub(crate) fn down(world: &World, reader: usize, applet: impl Applet + Send + 'static) -> Self {
        let stage = Rc::clone(world.stage());
        if let Some(pulled) = stage.pulled.borrow().get(&reader) {
            thread::sleep(AWAY_MIN.saturating_sub(pulled.elapsed()));
        }
        Self { inserted: Some(InsertedCard::insert(world.pcscd.vpcd_port(reader), applet)), reader, stage }
    }

    /// Waits until it is off the reader without having been taken off.
    pub(crate) fn left(mut self) {
        self.inserted.take().expect("it lies there").left();
    }
}

impl Drop for Laid {
    fn drop(&mut self) {
        self.inserted = None;
        self.stage.pulled.borrow_mut().insert(self.reader, Instant::now());
    }
}

/// A card and what lasts in it, also while it is in nobody's reader.
pub(crate) struct Card {
    memory: MemoryStorage,
    /// Its 16 digits; empty while it is blank.
    pub(crate) number: String,
}

impl Card {
    pub(crate) fn blank() -> Self {
        Self { memory: MemoryStorage::new(CardMemory::BLANK), number: String::new() }
    }

    fn in_reader(&self) -> CardInReader {
        CardInReader::new(VirtualCard::new(self.memory.load(), self.memory.clone()).unwrap(), Protocol::T1)
    }

    /// Lays it on a reader.
    pub(crate) fn lay(&self, world: &World, reader: usize) -> Laid {
        Laid::down(world, reader, self.in_reader())
    }

    /// Lays it on a reader, to misbehave by this plan.
    pub(crate) fn lay_faulty(&self, world: &World, reader: usize, plan: Vec<Fault>) -> Laid {
        Laid::down(world, reader, Faulty::new(self.in_reader(), plan))
    }

    /// Lays it on a reader, to stand still at the first `instruction`.
    pub(crate) fn lay_to_stop(
        &self,
        world: &World,
        reader: usize,
        instruction: Instruction,
        moment: Moment,
    ) -> StoppedCard {
        let ((tell, reached), (decide, decided)) = (mpsc::channel(), mpsc::channel());
        let stopping = Stopping { card: self.in_reader(), instruction, moment: Some(moment), reached: tell, decided };
        StoppedCard { reached, decide, _laid: Laid::down(world, reader, stopping) }
    }

    /// What is in its lasting memory.
    pub(crate) fn memory(&self) -> IssuedMemory {
        match self.memory.load() {
            CardMemory::Issued(issued) => *issued,
            CardMemory::Blank(_) => panic!("a blank card"),
        }
    }

    /// Cinema seats that it counts as consumed.
    pub(crate) fn seats_consumed(&self) -> u64 {
        self.memory().consumed.get(Slot::new(0).unwrap()).into()
    }

    /// Makes it another card than it was: for stories about a past that no program can make now.
    pub(crate) fn forge(&mut self, change: impl FnOnce(&mut IssuedMemory)) {
        let mut memory = self.memory();
        change(&mut memory);
        self.memory = MemoryStorage::new(CardMemory::Issued(Box::new(memory)));
    }

    /// The number as cashiers see it.
    pub(crate) fn masked(&self) -> String {
        format!("{} .... .... {}", &self.number[..4], &self.number[12..])
    }
}

/// The moment of a command at which a card stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// It came, and nothing was done.
    Arrived,
    /// It was done, and nothing was answered.
    Done,
    /// It was done and answered; the card does not stand still.
    Answered,
}

/// What a card that stands still does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// What it would have done.
    GoOn,
    /// It is pulled.
    Leave,
}

/// A card in a reader that stands still, or will.
pub(crate) struct StoppedCard {
    reached: Receiver<()>,
    decide: Sender<Next>,
    _laid: Laid,
}

impl StoppedCard {
    /// Waits until it stands still.
    #[track_caller]
    pub(crate) fn reached(&self) {
        self.reached.recv_timeout(DEADLINE).expect("the command comes");
    }

    /// Lets it do the rest of the command.
    pub(crate) fn go_on(&self) {
        self.decide.send(Next::GoOn).expect("a card");
    }

    /// Pulls it.
    pub(crate) fn leave(&self) {
        self.decide.send(Next::Leave).expect("a card");
    }
}

struct Stopping {
    card: CardInReader,
    instruction: Instruction,
    /// Nothing once it stood still.
    moment: Option<Moment>,
    reached: Sender<()>,
    decided: Receiver<Next>,
}

impl Stopping {
    /// Tells that it stands still; whether it goes on. When nobody waits any more it is pulled.
    fn stand_still(&self) -> bool {
        self.reached.send(()).is_ok() && self.decided.recv() == Ok(Next::GoOn)
    }
}

impl Applet for Stopping {
    fn atr(&self) -> Vec<u8> {
        self.card.atr()
    }

    fn power_on(&mut self) {
        self.card.power_on();
    }

    fn power_off(&mut self) {
        self.card.power_off();
    }

    fn transmit(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        let moment = self.moment.filter(|_| command.starts_with(&self.instruction.bytes()));
        if moment.is_some() {
            self.moment = None;
        }
        match moment {
            Some(Moment::Arrived) => {
                if self.stand_still() {
                    self.card.transmit(command)
                } else {
                    None
                }
            }
            Some(Moment::Done) => {
                let answer = self.card.transmit(command);
                if self.stand_still() { answer } else { None }
            }
            Some(Moment::Answered) => {
                let answer = self.card.transmit(command);
                // Whoever waits kills somebody; the answer is on its way by then.
                let _ = self.reached.send(());
                answer
            }
            None => self.card.transmit(command),
        }
    }
}
