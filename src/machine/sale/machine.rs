//! The machine itself: phases, and what each event does in each.

use std::time::Duration;

use crate::domain::card::{Entitlement, SignedRecord};
use crate::domain::catalogue::BenefitName;
use crate::domain::entry::{Body, Intent};
use crate::domain::refusal::Refusal;
use crate::domain::{CardNumber, CashierId, Counter, RequestId, Sequence, Timestamp};

use super::plan::{Step, Tried, plan};
use super::types::*;

mod serve;
mod settle;

use serve::undo_intent;

/// How long a card that could not be spoken to is left before it is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(300);
/// After so many failures with one card the cashier is told.
const FAILURES_SHOWN: u8 = 4;
/// How often a command is sent to a card that proves each time that it did not do it.
const SENT_MAX: u8 = 3;

/// The client that waits for an answer.
#[derive(Clone, Debug)]
struct Waiting {
    request: ClientRequest,
    deadline: Duration,
    /// Whether the ledger was asked what became of this request: before that nobody knows that nothing did.
    looked_up: LookedUp,
    /// Its intent, once that is durable: from then on it is in doubt until the card proves how it ended.
    begun: Option<Begun>,
}

/// How far a request is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum LookedUp {
    No,
    Asked,
    Known,
}

/// A change of a purse that was begun.
#[derive(Clone, Debug)]
struct Begun {
    intent: Intent,
    /// How often the command was sent.
    sent: u8,
    /// To tell the client.
    benefit: Option<BenefitName>,
    /// When this terminal had served the card before.
    served_before: Option<(Sequence, Timestamp)>,
}

impl Begun {
    /// An intent that was begun by an earlier request.
    const fn found(intent: Intent) -> Self {
        Self { intent, sent: 1, benefit: None, served_before: None }
    }
}

/// Where the machine stands. A phase that waits for the end of an action takes no other event than that end and the card's leaving.
#[derive(Clone, Debug)]
enum Phase {
    /// No card.
    Empty,
    /// Being opened.
    Opening,
    /// The ledger is being looked up.
    LookingUp(Option<Box<Presented>>),
    /// The card is asked about an intent.
    Settling(Box<Presented>, Box<OpenIntent>, Option<Refusal>),
    /// Records are being read.
    Reading(Box<Presented>, ReadFor),
    /// Something is being written.
    Storing(Option<Box<Presented>>, Box<AfterStore>),
    /// The purse is being changed.
    Changing(Box<Presented>, Box<Begun>),
    /// The card can be served.
    Ready(Box<Presented>),
    /// The card cannot be served.
    TurnedAway(Option<Box<Presented>>, Refused),
    /// There is a card, and it could not be spoken to.
    Lost { retry_at: Duration },
}

/// Why records are read.
#[derive(Clone, Debug)]
enum ReadFor {
    Wanted,
    /// Whether this debit was taken back.
    LookBack(UndoTarget),
    NextSeason(Box<Entitlement>),
}

/// What follows when something is durable.
#[derive(Clone, Debug)]
enum AfterStore {
    /// An intent: the card is asked.
    Change(Begun),
    /// The entry of a change that the card did.
    Done { begun: Begun, proof: SignedRecord, abandoned: bool },
    /// The entry that says that the card did not, and what the client is told.
    NotDone(Intent, Refusal),
    /// The request to the region to give a right back.
    UndoRequested(Undone),
    /// An abandonment.
    Abandoned { card: CardNumber },
    /// Records on record: look up again.
    Recorded,
    /// The season's end on record: the entitlement follows.
    SeasonEnd(Box<Entitlement>),
    /// A refusal on record.
    Refusal(Refused),
}

/// One counter's sale. See the [module](super) for what always holds.
#[derive(Debug)]
pub struct SaleMachine {
    phase: Phase,
    card_present: bool,
    /// Whether the card's session can still change the purse; else the card is opened again first.
    fresh: bool,
    tried: Tried,
    failures: u8,
    client: Option<Waiting>,
    /// Why the card in the reader cannot be served, while a client's request is looked up that may need no card any more.
    set_aside: Option<Refused>,
}

impl Default for SaleMachine {
    fn default() -> Self {
        Self {
            phase: Phase::Empty,
            card_present: false,
            fresh: false,
            tried: Tried::default(),
            failures: 0,
            client: None,
            set_aside: None,
        }
    }
}

impl SaleMachine {
    /// Whether a client waits for its answer: the next one is told [`Refusal::Busy`].
    pub const fn busy(&self) -> bool {
        self.client.is_some()
    }

    /// Tells the machine what happened; what to do about it, in order.
    pub fn on_event(&mut self, now: Now, event: Event) -> Vec<Action> {
        match event {
            Event::CardPresent => {
                self.card_present = true;
                self.tried = Tried::default();
                self.failures = 0;
                self.open()
            }
            Event::CardGone => self.card_gone(),
            Event::Client(request) => self.client_asks(now, *request),
            Event::ClientGone => {
                self.client = None;
                Vec::new()
            }
            Event::Tick => self.tick(now),
            Event::Opened(presented) => {
                self.fresh = true;
                self.look_up(Some(presented))
            }
            Event::NotOpened(failure) => self.not_opened(now, failure),
            Event::Facts(facts) => self.looked_up(facts),
            Event::Settled(settlement) => self.settled(now, settlement),
            Event::Changed(change) => self.changed(now, change),
            Event::RecordsRead(records) => self.records_read(records),
            Event::Stored(entry) => self.stored(now, entry),
            Event::NotStored => self.not_stored(),
            Event::Outdated => self.outdated(),
        }
    }

    fn open(&mut self) -> Vec<Action> {
        self.phase = Phase::Opening;
        vec![Action::Show(View::Reading), Action::Open]
    }

    fn look_up(&mut self, presented: Option<Box<Presented>>) -> Vec<Action> {
        let client = self.client.as_mut().map(|waiting| {
            waiting.looked_up = waiting.looked_up.max(LookedUp::Asked);
            waiting.request.clone()
        });
        let card = presented.as_ref().map(|presented| presented.card);
        self.phase = Phase::LookingUp(presented);
        vec![Action::LookUp { card, client }]
    }

    /// What an intent was decided by is not what is known any more: it is decided anew.
    fn outdated(&mut self) -> Vec<Action> {
        match std::mem::replace(&mut self.phase, Phase::Empty) {
            Phase::Storing(presented, _) => self.look_up(presented),
            // The card left meanwhile: nothing was begun.
            other => {
                self.phase = other;
                Vec::new()
            }
        }
    }

    fn card_gone(&mut self) -> Vec<Action> {
        self.card_present = false;
        self.set_aside = None;
        self.phase = Phase::Empty;
        let mut actions = vec![Action::Show(self.view_without_card())];
        if self.client.as_ref().is_some_and(|waiting| waiting.looked_up != LookedUp::Known) {
            // It may have been carried out before, and wait for no card.
            actions.extend(self.look_up(None));
        }
        actions
    }

    fn view_without_card(&self) -> View {
        match self.client.as_ref().and_then(|waiting| waiting.begun.as_ref()) {
            Some(Begun { intent, .. }) => {
                let (collected, tender) = intent.money();
                View::InDoubt { card: intent.card, collected, tender: tender.moving(collected) }
            }
            None => View::Idle,
        }
    }

    fn client_asks(&mut self, now: Now, request: ClientRequest) -> Vec<Action> {
        let deadline = now.since_start.saturating_add(request.wait);
        self.client = Some(Waiting { request, deadline, looked_up: LookedUp::No, begun: None });
        match std::mem::replace(&mut self.phase, Phase::Empty) {
            Phase::Empty => self.look_up(None),
            Phase::Ready(presented) | Phase::TurnedAway(Some(presented), _) => self.look_up(Some(presented)),
            // What needs no card is done whatever lies there.
            Phase::TurnedAway(None, _) if self.client_needs_no_card() => self.look_up(None),
            // Opened again: the terminal may have learnt since what it lacked, as a newer certificate. What is not genuine stays so.
            Phase::TurnedAway(None, refused) if self.card_present && refused.refusal != Refusal::CardNotGenuine => {
                self.open()
            }
            Phase::TurnedAway(None, refused) => {
                self.set_aside = Some(refused);
                self.look_up(None)
            }
            // The end of the action, or the next try, finds the client waiting.
            other => {
                self.phase = other;
                Vec::new()
            }
        }
    }

    /// Who asks.
    fn cashier(&self) -> Option<CashierId> {
        self.client.as_ref().and_then(|waiting| waiting.request.cashier)
    }

    fn client_needs_no_card(&self) -> bool {
        self.client.as_ref().is_some_and(|waiting| match waiting.request.command {
            Command::Abandon { .. } | Command::Undo { without_card: true, .. } => true,
            Command::Undo { without_card: false, .. } | Command::Quote(_) | Command::Redeem { .. } => false,
        })
    }

    fn tick(&mut self, now: Now) -> Vec<Action> {
        let mut actions = self.patience_over(now);
        if let Phase::Lost { retry_at } = self.phase
            && self.card_present
            && now.since_start >= retry_at
        {
            self.phase = Phase::Opening;
            actions.push(Action::Open);
        }
        actions
    }

    /// The client has waited as long as it said.
    fn patience_over(&mut self, now: Now) -> Vec<Action> {
        let Some(waiting) = self.client.as_ref().filter(|waiting| waiting.deadline <= now.since_start) else {
            return Vec::new();
        };
        let refusal = match (&self.phase, &waiting.begun) {
            (_, Some(_)) => Refusal::SaleInDoubt,
            (Phase::Lost { .. }, None) => Refusal::Busy,
            (_, None) => Refusal::CardRemoved,
        };
        let card = waiting.begun.as_ref().map(|begun| begun.intent.card);
        self.reply(Outcome::Refused(Refused { card, ..Refused::because(refusal) }))
    }

    fn reply(&mut self, outcome: Outcome) -> Vec<Action> {
        match (self.client.take(), outcome) {
            // It may have been granted before: nobody is told that it was refused who has not been looked up.
            (Some(Waiting { looked_up: LookedUp::No | LookedUp::Asked, begun: None, .. }), Outcome::Refused(_)) => {
                vec![Action::Reply(Outcome::Refused(Refused::because(Refusal::Busy)))]
            }
            (Some(_), outcome) => vec![Action::Reply(outcome)],
            (None, _) => Vec::new(),
        }
    }

    fn not_opened(&mut self, now: Now, failure: OpenFailure) -> Vec<Action> {
        match failure {
            OpenFailure::Unreadable if self.failures >= FAILURES_SHOWN => {
                self.turn_away(None, Refused::because(Refusal::CardUnreadable))
            }
            OpenFailure::Gone | OpenFailure::Reader | OpenFailure::Unreadable => self.lost(now),
            OpenFailure::Refused { refusal, record } => {
                let refused = Refused::because(refusal);
                match record {
                    Some(body) => self.store(None, *body, None, AfterStore::Refusal(refused)),
                    None => self.turn_away(None, refused),
                }
            }
        }
    }

    fn lost(&mut self, now: Now) -> Vec<Action> {
        self.failures = self.failures.saturating_add(1);
        self.phase = Phase::Lost { retry_at: now.since_start + RETRY_AFTER };
        let view = if self.failures >= FAILURES_SHOWN {
            View::TurnedAway(Refused::because(Refusal::Busy), None)
        } else {
            self.view_without_card()
        };
        vec![Action::Show(view)]
    }

    /// The card cannot be served. A client whose sale is in doubt goes on waiting: the right card may still come.
    fn turn_away(&mut self, presented: Option<Box<Presented>>, refused: Refused) -> Vec<Action> {
        let card = presented.as_deref().map(|presented| card_view(presented, None));
        let mut actions = vec![Action::Show(View::TurnedAway(refused.clone(), card))];
        if self.client.as_ref().is_some_and(|waiting| waiting.looked_up != LookedUp::Known) {
            // What it asks for may have been done before, whatever lies there now.
            self.set_aside = presented.is_none().then_some(refused);
            actions.extend(self.look_up(presented));
            return actions;
        }
        self.phase = Phase::TurnedAway(presented, refused.clone());
        if self.client.as_ref().is_some_and(|waiting| waiting.begun.is_none()) {
            actions.extend(self.reply(Outcome::Refused(refused)));
        }
        actions
    }

    fn store(
        &mut self,
        presented: Option<Box<Presented>>,
        body: Body,
        settles: Option<&Intent>,
        after: AfterStore,
    ) -> Vec<Action> {
        self.phase = Phase::Storing(presented, Box::new(after));
        // A request to the region is its client's; a card that is turned away is nobody's deed.
        let by = if matches!(body, Body::UndoRequest(_)) { self.cashier() } else { None };
        vec![Action::Append { body: Box::new(body), settles: settles.map(|intent| intent.transaction), by }]
    }

    // --- The loop: looked up, one step, looked up again. ---

    fn looked_up(&mut self, facts: Box<Facts>) -> Vec<Action> {
        let Phase::LookingUp(presented) = std::mem::replace(&mut self.phase, Phase::Empty) else { return Vec::new() };
        match self.client.as_mut().map(|waiting| &mut waiting.looked_up) {
            // The client came while this was looked up for nobody, or for another.
            Some(LookedUp::No) => return self.look_up(presented),
            Some(looked_up) => *looked_up = LookedUp::Known,
            None => (),
        }
        let set_aside = self.set_aside.take();
        if let Some(Known::Ended { outcome, untold }) = &facts.known
            && self.client.as_ref().is_some_and(|waiting| waiting.begun.is_none())
        {
            // Told here, it is not handed out once more to the next client that asks for the same.
            let mut actions: Vec<Action> = untold.map(Action::MarkDelivered).into_iter().collect();
            actions.extend(self.reply(Outcome::clone(outcome)));
            actions.extend(match set_aside {
                Some(refused) => self.turn_away(presented, refused),
                None => self.rest(presented, &facts),
            });
            return actions;
        }
        // What was begun is finished by whoever is there.
        if let (Some(refusal), None) = (facts.forbidden, &facts.known)
            && self.client.as_ref().is_some_and(|waiting| waiting.begun.is_none())
        {
            let mut actions = self.reply(Outcome::Refused(Refused::because(refusal)));
            actions.extend(self.settle_down(presented));
            return actions;
        }
        if let Some(waiting) = &mut self.client {
            if let Some(Known::InDoubt(intent)) = &facts.known {
                waiting.begun.get_or_insert_with(|| Begun::found(Intent::clone(intent)));
            }
            if let Command::Abandon { .. } = waiting.request.command {
                return self.abandon(presented, &facts);
            }
        }
        let presented = match (presented, set_aside) {
            (Some(presented), _) => presented,
            (None, Some(refused)) => return self.turn_away(None, refused),
            (None, None) => return self.without_card(&facts),
        };
        let step = plan(&presented, &facts, self.tried);
        if !self.fresh && (self.client.is_some() || step.needs_fresh_card()) {
            return self.open();
        }
        match step {
            Step::Settle(open, unserved) => {
                self.tried.settle = true;
                let action = Action::Settle(Box::new(open.intent.clone()));
                self.phase = Phase::Settling(presented, Box::new(open), unserved);
                vec![action]
            }
            Step::Read(from) => {
                self.tried.read = true;
                self.phase = Phase::Reading(presented, ReadFor::Wanted);
                vec![Action::ReadRecords(from)]
            }
            Step::LookBack(target) => {
                self.tried.look_back = true;
                self.phase = Phase::Reading(presented, ReadFor::LookBack(target));
                vec![Action::ReadRecords(target.record.counter)]
            }
            Step::TakeBack(target) => {
                self.tried.take_back = true;
                let request = RequestId::new(*facts.transaction.as_bytes());
                let intent = undo_intent(&presented, &facts, &target, (request, None));
                self.begin(presented, &facts, intent)
            }
            Step::Block(signature) => {
                self.tried.block = true;
                self.phase = Phase::Opening;
                vec![Action::Block(signature)]
            }
            Step::PutNextSeason(entitlement) => {
                self.tried.put = true;
                self.phase = Phase::Reading(presented, ReadFor::NextSeason(Box::new(entitlement)));
                vec![Action::ReadRecords(Counter::new(1))]
            }
            Step::Put(entitlement) => {
                self.tried.put = true;
                self.phase = Phase::Opening;
                vec![Action::PutEntitlement(Box::new(entitlement))]
            }
            Step::TurnAway(refused, record) => self.turned_away(presented, &facts, refused, record),
            Step::Serve => self.serve(presented, &facts),
        }
    }

    /// The client's answer was given: show what lies in the reader.
    fn rest(&mut self, presented: Option<Box<Presented>>, facts: &Facts) -> Vec<Action> {
        match presented {
            None => {
                self.phase = Phase::Empty;
                vec![Action::Show(self.view_without_card())]
            }
            Some(presented) => {
                let view = View::Ready(card_view(&presented, Some(facts)));
                self.phase = Phase::Ready(presented);
                vec![Action::Show(view)]
            }
        }
    }

    fn turned_away(
        &mut self,
        presented: Box<Presented>,
        facts: &Facts,
        refused: Refused,
        record: Option<Body>,
    ) -> Vec<Action> {
        // Decision 7: a card that cannot take a debit back lets the region do it.
        if let (Some(target), Refusal::CardDenied | Refusal::CardBlocked | Refusal::NotRevalidated) =
            (facts.undo, refused.refusal)
            && target.record.card == presented.card
        {
            return self.ask_region(Some(presented), &target);
        }
        match record {
            Some(body) => {
                self.tried.record = true;
                self.store(Some(presented), body, None, AfterStore::Refusal(refused))
            }
            None => self.turn_away(Some(presented), refused),
        }
    }

    /// No card in the reader: what can be done without one, else the client waits.
    fn without_card(&mut self, facts: &Facts) -> Vec<Action> {
        // What is in doubt is not refused: its card may still come, and have done it.
        let Some(waiting) = self.client.as_ref().filter(|waiting| waiting.begun.is_none()) else { return Vec::new() };
        match &waiting.request.command {
            Command::Quote(_) | Command::Redeem { .. } => match facts.gate {
                // What no card can change is said at once.
                Some(gate) => self.reply(Outcome::Refused(Refused::because(gate))),
                None => Vec::new(),
            },
            Command::Undo { without_card, .. } => match facts.undo {
                None => self.reply(Outcome::Refused(Refused::because(Refusal::NothingToUndo))),
                Some(target) if *without_card => self.ask_region(None, &target),
                Some(_) => Vec::new(),
            },
            // Taken care of before.
            Command::Abandon { .. } => Vec::new(),
        }
    }
}

/// What is shown of a card; the balance only where its facts are known.
fn card_view(presented: &Presented, facts: Option<&Facts>) -> CardView {
    let context = facts.and_then(|facts| facts.quoting(presented));
    let balance = context.iter().flat_map(|context| context.balance()).map(|line| BalanceView {
        benefit: line.benefit.code.clone(),
        label: line.benefit.name().label,
        unit: line.benefit.unit,
        granted: line.granted,
        left: line.left,
        here: line.here,
    });
    CardView {
        card: presented.card,
        season: presented.entitlement.as_ref().map(|entitlement| entitlement.season),
        entitlement_serial: presented.state.entitlement_serial.get(),
        counter: presented.state.counter,
        blocked: presented.blocked(),
        balance: balance.collect(),
        served: facts.and_then(|facts| facts.last_served),
    }
}
