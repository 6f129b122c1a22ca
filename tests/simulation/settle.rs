//! The end of a run, without any fault: every doubt gets its card back, every terminal its line.

use pass::domain::CardNumber;
use pass::domain::entry::Body;
use pass::machine::sale::Event;

use crate::run::World;
use crate::terminal::Taken;

/// More rounds than any history needs.
const ROUNDS_MAX: u32 = 8;

impl World<'_> {
    pub(crate) fn settle(&mut self) {
        self.shared.say(|| "--- all is brought home ---".to_owned());
        self.shared.calm();
        if !self.bureau.is_running() {
            self.bureau.start();
        }
        for t in 0..self.terminals.len() {
            self.terminals[t].clock.correct();
            if !self.terminals[t].is_running() {
                self.terminals[t].start();
            }
            self.finish(t);
            self.take_away(t);
            self.finish(t);
        }
        // What is still on its way arrives, in its order.
        for message in self.line.rest() {
            self.deliver(message);
        }
        for _ in 0..ROUNDS_MAX {
            for t in 0..self.terminals.len() {
                self.exchange_all(t);
            }
            let visits: Vec<_> = (0..self.terminals.len()).flat_map(|t| self.cards_wanted_at(t)).collect();
            if visits.is_empty() {
                return;
            }
            for (t, card) in visits {
                self.visit(t, card);
            }
        }
        self.wrong("it does not settle".to_owned());
    }

    /// Everything that is begun comes to its end: the client's patience, and the tries with a card that did not answer.
    fn finish(&mut self, t: usize) {
        let mut quiet = 0;
        while quiet < 3 {
            while self.terminals[t].step() {
                self.listen(t);
            }
            quiet += u32::from(!self.terminals[t].is_busy());
            self.shared.time.pass(1001);
            self.terminals[t].begin(Event::Tick);
        }
        while self.terminals[t].step() {}
    }

    /// Exchanges until there is nothing more.
    fn exchange_all(&mut self, t: usize) {
        self.terminals[t].forget_requests();
        for _ in 0..20 {
            self.exchange(t);
            let mut last = None;
            for _ in 0..2 {
                self.shared.time.pass(2_000);
                while let Some(message) = self.line.arrived() {
                    last = self.deliver_at_once(message);
                }
            }
            if last == Some(Taken::Applied { more: false }) {
                let waiting = self.terminals[t].know(|view| view.exposure().waiting_entries);
                if waiting == 0 {
                    return;
                }
            }
        }
        self.wrong(format!("{} does not come to the end of its exchanges", self.terminals[t].name));
    }

    fn deliver_at_once(&mut self, message: crate::line::Message) -> Option<Taken> {
        use crate::line::Message;
        match message {
            Message::Answer { to, name, bytes } => {
                let taken = self.terminals[to].hear_region(name, bytes);
                self.shared.say(|| format!("{} takes answer {name}: {taken:?}", self.terminals[to].name));
                taken
            }
            Message::Request { .. } => {
                self.deliver(message);
                None
            }
        }
    }

    /// The cards that terminal `t` would do something with.
    fn cards_wanted_at(&self, t: usize) -> Vec<(usize, CardNumber)> {
        let numbers: Vec<CardNumber> = self.cards.iter().map(|card| card.number).collect();
        let mut wanted: Vec<CardNumber> = self.terminals[t].know(move |view| {
            let open = view.open_intents().unwrap();
            let mut wanted: Vec<_> = open.into_iter().map(|open| open.intent.card).collect();
            wanted.extend(numbers.into_iter().filter(|card| !view.records_wanted(*card).unwrap().is_empty()));
            wanted
        });
        let memories: Vec<_> = self.cards.iter().map(|card| (card.number, card.memory())).collect();
        let abandoned = self.terminals[t].know(move |view| {
            let newest: Vec<_> = memories
                .into_iter()
                .filter_map(|(card, memory)| Some((view.last_debit_of(card).unwrap()?, memory)))
                .collect();
            let stuck = newest.into_iter().filter(|(stored, _)| {
                let Body::Debit(debit) = &stored.entry.body else { return false };
                debit.abandoned && !view.is_undone(stored.head.sequence).unwrap()
            });
            stuck.map(|(_, memory)| memory.certificate.card).collect::<Vec<_>>()
        });
        wanted.extend(abandoned);
        wanted.sort();
        wanted.dedup();
        wanted.into_iter().map(|card| (t, card)).collect()
    }

    /// The card lies in the reader for a while.
    fn visit(&mut self, t: usize, number: CardNumber) {
        let c = self.cards.iter().position(|card| card.number == number).unwrap();
        self.insert(t, c);
        self.finish(t);
        self.take_away(t);
        self.finish(t);
    }
}
