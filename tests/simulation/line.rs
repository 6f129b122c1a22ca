//! The line between terminals and region.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::Fault;
use crate::shared::Shared;

/// Something under way.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    /// To the region.
    Request { from: usize, name: u64, bytes: Vec<u8> },
    /// To a terminal.
    Answer { to: usize, name: u64, bytes: Vec<u8> },
}

impl Message {
    fn bytes(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Request { bytes, .. } | Self::Answer { bytes, .. } => bytes,
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Request { name, .. } => format!("request {name}"),
            Self::Answer { name, .. } => format!("answer {name}"),
        }
    }
}

/// What is under way, by when it arrives.
pub(crate) struct Line {
    under_way: BTreeMap<(u64, u64), Message>,
    sent: u64,
    /// It arrives right after the next one that is sent.
    overtaken: Option<Message>,
    shared: Rc<Shared>,
}

impl Line {
    pub(crate) fn new(shared: &Rc<Shared>) -> Self {
        Self { under_way: BTreeMap::new(), sent: 0, overtaken: None, shared: Rc::clone(shared) }
    }

    pub(crate) fn send(&mut self, mut message: Message) {
        let shared = Rc::clone(&self.shared);
        let say = |what: &str, message: &Message| shared.say(|| format!("line: {} {what}", message.describe()));
        if shared.strikes(Fault::Lost) {
            return say("is lost", &message);
        }
        if shared.strikes(Fault::Repeated) {
            let later = shared.draw(|chance| chance.weighted(&[(3, 5_000), (2, 3_600_000), (1, 200_000_000)]));
            let late = shared.draw(|chance| chance.between(1, later));
            say(&format!("is repeated in {late} ms"), &message);
            self.put(late, message.clone());
        }
        if shared.strikes(Fault::Cut) {
            let kept = shared.draw(|chance| chance.index(message.bytes().len()));
            say("is cut", &message);
            message.bytes().truncate(kept);
        } else if shared.strikes(Fault::Corrupted) {
            let length = message.bytes().len();
            let (byte, bit) = shared.draw(|chance| (chance.index(length), chance.below(8)));
            say("is corrupted", &message);
            message.bytes()[byte] ^= 1 << bit;
        }
        let mut delay = shared.draw(|chance| chance.between(20, 1500));
        if shared.strikes(Fault::Delayed) {
            let most = shared.draw(|chance| chance.weighted(&[(3, 600_000), (2, 36_000_000), (1, 200_000_000)]));
            delay = shared.draw(|chance| chance.between(2_000, most));
            say(&format!("takes {delay} ms"), &message);
        }
        let overtaken = self.overtaken.take();
        if overtaken.is_none() && shared.strikes(Fault::Reordered) {
            say("waits for the next one to overtake it", &message);
            self.overtaken = Some(message);
            return;
        }
        self.put(delay, message);
        if let Some(message) = overtaken {
            self.put(delay, message);
        }
    }

    fn put(&mut self, delay: u64, message: Message) {
        self.sent += 1;
        self.under_way.insert((self.shared.time.since_beginning_ms() + delay, self.sent), message);
    }

    /// The next that has arrived.
    pub(crate) fn arrived(&mut self) -> Option<Message> {
        let entry = self.under_way.first_entry()?;
        (entry.key().0 <= self.shared.time.since_beginning_ms()).then(|| entry.remove())
    }

    /// Everything that is still under way, in its order.
    pub(crate) fn rest(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.under_way).into_values().chain(self.overtaken.take()).collect()
    }
}
