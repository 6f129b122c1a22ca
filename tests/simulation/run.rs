//! One run: a world that goes on by turns, and what came of it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use pass::domain::CardNumber;
use pass::machine::sale::{Command, Outcome};
use pass::wire::apdu::Protocol;
use tempfile::TempDir;

use crate::Fault;
use crate::books::Till;
use crate::bureau::Bureau;
use crate::clock::TrueTime;
use crate::directory::directory;
use crate::dishonest::Lie;
use crate::line::{Line, Message};
use crate::misfortune::Misfortunes;
use crate::reader::{Card, Nature};
use crate::shared::Shared;
use crate::template::{Template, Templates};
use crate::terminal::{Taken, Terminal};

/// Everything.
pub(crate) struct World {
    pub(crate) shared: Rc<Shared>,
    pub(crate) terminals: Vec<Terminal>,
    pub(crate) tills: Vec<Till>,
    pub(crate) cards: Vec<Card>,
    pub(crate) line: Line,
    pub(crate) bureau: Rc<RefCell<Bureau>>,
    exchanges: u64,
    pub(crate) misfortunes: Misfortunes,
    wrong: Vec<String>,
    pub(crate) home: TempDir,
}

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Story {
    pub(crate) seed: u64,
    pub(crate) trace: Vec<String>,
    /// How often each fault happened.
    pub(crate) faults: Vec<u64>,
    /// How often each lie was told, and how often it was found.
    pub(crate) lies: BTreeMap<Lie, (u64, u64)>,
    pub(crate) sales: u64,
    pub(crate) entries: u64,
    pub(crate) exchanges: u64,
    /// What should not be; nothing in a good run.
    pub(crate) wrong: Vec<String>,
}

/// Plays one seed.
pub(crate) fn play(templates: &Templates, seed: u64, live: bool) -> Story {
    let template = templates.of(seed);
    let shared = Shared::new(seed, TrueTime::from(template.beginning), live);
    let played = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(template, &shared);
        world.live();
        world.settle();
        world.check();
        let (sales, entries) = world.sales_and_entries();
        (sales, entries, world.exchanges, std::mem::take(&mut world.wrong))
    }));
    let (sales, entries, exchanges, wrong) = played.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        (0, 0, 0, vec![format!("panic: {}", text.unwrap_or_default())])
    });
    for wrong in &wrong {
        shared.say(|| format!("WRONG: {wrong}"));
    }
    Story {
        seed,
        trace: shared.trace(),
        faults: shared.counts(),
        lies: shared.lies(),
        sales,
        entries,
        exchanges,
        wrong,
    }
}

impl World {
    pub(crate) fn new(template: &Template, shared: &Rc<Shared>) -> Self {
        let home = directory();
        let bureau = Bureau::new(&template.region(), home.path().join("region"), shared);
        let bureau = Rc::new(RefCell::new(bureau));
        let (terminals, cards) = shared.draw(|chance| (chance.between(2, 4), chance.between(1, 5)));
        let mut terminals: Vec<Terminal> = (0..terminals as usize)
            .map(|t| {
                let place = home.path().join(format!("terminal-{t}"));
                let (name, disk) = (format!("T{t}"), template.terminal(t));
                Terminal::new(name, template.terminals[t], &disk, place, shared, &bureau)
            })
            .collect();
        // The first one is honest: somebody must be.
        for terminal in &mut terminals[1..] {
            if shared.strikes(Fault::Dishonest) {
                terminal.turn_dishonest(shared.draw(|chance| Lie::ALL[chance.index(Lie::ALL.len())]));
            }
        }
        for terminal in &mut terminals {
            if shared.draw(|chance| !chance.one_in(3)) {
                terminal.tpe = Some(Rc::default());
            }
        }
        let cards = template.cards[..cards as usize].iter().enumerate().map(|(c, (number, memory))| {
            let protocol = if c % 2 == 0 { Protocol::T1 } else { Protocol::T0 };
            Card::new(format!("c{c}"), *number, memory.clone(), protocol)
        });
        Self {
            shared: Rc::clone(shared),
            tills: vec![Till::default(); terminals.len()],
            terminals,
            cards: cards.collect(),
            line: Line::new(shared),
            bureau,
            exchanges: 0,
            misfortunes: Misfortunes::default(),
            wrong: Vec::new(),
            home,
        }
    }

    /// Something that should not be.
    pub(crate) fn wrong(&mut self, text: String) {
        self.shared.say(|| format!("wrong: {text}"));
        self.wrong.push(text);
    }

    /// The part with faults.
    fn live(&mut self) {
        let (least, most) = self.shared.draw(|chance| chance.weighted(&[(3, (60, 200)), (1, (200, 500))]));
        for turn in 0..self.shared.draw(|chance| chance.between(least, most)) {
            self.shared.time.pass(self.shared.draw(|chance| chance.between(10, 2_000)));
            self.around();
            while let Some(message) = self.line.arrived() {
                self.deliver(message);
            }
            let t = self.shared.draw(|chance| chance.index(self.terminals.len()));
            if self.terminals[t].is_running() && (turn == 0 || self.shared.draw(|chance| chance.one_in(12))) {
                self.exchange(t);
            }
            self.at_counter(t);
            if !self.wrong.is_empty() {
                return;
            }
        }
    }

    /// Terminal `t` sends a request.
    pub(crate) fn exchange(&mut self, t: usize) {
        self.exchanges += 1;
        let name = self.exchanges;
        let (bureau, id) = (Rc::clone(&self.bureau), self.terminals[t].id);
        let bytes = self.terminals[t].ask_region(name, |lie| bureau.borrow().loot(lie, id));
        self.shared.say(|| format!("{} sends request {name}", self.terminals[t].name));
        self.line.send(Message::Request { from: t, name, bytes });
    }

    /// A message arrives.
    pub(crate) fn deliver(&mut self, message: Message) {
        match message {
            Message::Request { from, name, bytes } => match self.bureau.borrow_mut().answer(&bytes) {
                Some(bytes) => {
                    self.shared.say(|| format!("region answers request {name}"));
                    self.line.send(Message::Answer { to: from, name, bytes });
                }
                None => self.shared.say(|| format!("region does not answer request {name}")),
            },
            Message::Answer { to, name, bytes } => {
                if !self.terminals[to].is_running() {
                    return self.shared.say(|| format!("{} is not there for answer {name}", self.terminals[to].name));
                }
                let taken = self.terminals[to].hear_region(name, bytes);
                self.shared.say(|| format!("{} takes answer {name}: {taken:?}", self.terminals[to].name));
                if taken == Some(Taken::Again) {
                    self.exchange(to);
                }
            }
        }
    }

    /// The card's name in the trace.
    pub(crate) fn card_name(&self, number: CardNumber) -> String {
        let known = self.cards.iter().find(|card| card.number == number && card.nature == Nature::Genuine);
        known.map_or_else(|| "a card that is not here".to_owned(), |card| card.name.clone())
    }

    pub(crate) fn describe(&self, command: &Command) -> String {
        match command {
            Command::Quote(request) => format!("quote {request:?}"),
            Command::Redeem { request, confirmed, tender } => {
                format!("redeem {request:?} {tender:?}{}", if confirmed.is_some() { ", confirmed" } else { "" })
            }
            Command::Undo { entry, without_card } => {
                format!("undo {entry:?}{}", if *without_card { " without card" } else { "" })
            }
            Command::Abandon { card } => format!("abandon {:?}", card.map(|card| self.card_name(card))),
        }
    }

    pub(crate) fn describe_outcome(&self, outcome: &Outcome) -> String {
        match outcome {
            Outcome::Granted(granted) => format!(
                "granted: entry {}, {} debited {}, left {}{}",
                granted.entry,
                self.card_name(granted.card),
                granted.debited,
                granted.left,
                if granted.repeated { ", repeated" } else { "" }
            ),
            Outcome::Refused(refused) => {
                format!("refused: {} {:?}", refused.refusal.code(), refused.card.map(|card| self.card_name(card)))
            }
            Outcome::Quoted(card, quote) => format!("{} would take {}", self.card_name(card.card), quote.amount),
            Outcome::Undone(undone) => format!("undone: entry {} takes back {}", undone.entry, undone.debit),
            Outcome::UndoRequested(undone) => {
                format!("undo requested: entry {} takes back {}", undone.entry, undone.debit)
            }
            Outcome::Abandoned { entry, card } => format!("abandoned: entry {entry}, {}", self.card_name(*card)),
        }
    }
}
