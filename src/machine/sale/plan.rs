//! The one next step with a card, from what it proves and what the ledger knows. A pure function; the precedence of refusals is
//! that of [`Refusal`].

use crate::domain::card::{Entitlement, Signature};
use crate::domain::entry::{Body, RefusedCard};
use crate::domain::refusal::Refusal;
use crate::domain::{Counter, Season, Timestamp};

use super::types::{Facts, OpenIntent, Presented, Refused, UndoTarget};

/// What was tried already while the card lies in the reader, so that a card that does not do as it is told is not asked for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// Settling its intent.
    pub settle: bool,
    /// Reading the records that the region wants.
    pub read: bool,
    /// Reading whether an abandoned debit was taken back already.
    pub look_back: bool,
    /// Taking an abandoned debit back.
    pub take_back: bool,
    /// Blocking it.
    pub block: bool,
    /// Giving it an entitlement.
    pub put: bool,
    /// Putting its refusal on record.
    pub record: bool,
}

/// The next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask the card what became of an intent; and why it may not be asked for the same once more, where it may not.
    Settle(OpenIntent, Option<Refusal>),
    /// Read the records that the region wants, from this counter.
    Read(Counter),
    /// Read whether an abandoned debit was taken back already.
    LookBack(UndoTarget),
    /// Take an abandoned debit back.
    TakeBack(UndoTarget),
    /// Block the chip.
    Block(Signature),
    /// Put the season's last state on record, then give the entitlement.
    PutNextSeason(Entitlement),
    /// Give the entitlement.
    Put(Entitlement),
    /// The card cannot be served. What goes on record, once.
    TurnAway(Refused, Option<Body>),
    /// The card can be served.
    Serve,
}

impl Step {
    /// Whether it needs a card that was not asked to change since it was opened: what was opened before a DEBIT says nothing of its end.
    pub const fn needs_fresh_card(&self) -> bool {
        match self {
            Self::Settle(..)
            | Self::Read(_)
            | Self::LookBack(_)
            | Self::TakeBack(_)
            | Self::Block(_)
            | Self::PutNextSeason(_)
            | Self::Put(_) => true,
            Self::TurnAway(..) | Self::Serve => false,
        }
    }
}

/// What to do next with `presented`.
pub fn plan(presented: &Presented, facts: &Facts, tried: Tried) -> Step {
    // First the doubt: nothing else is done with a card before it is settled, also on a suspended or expired terminal (decision 5).
    if let Some(open) = &facts.intent {
        if !tried.settle {
            return Step::Settle(open.clone(), unserved(presented, facts, None));
        }
        return turn_away(presented, facts, tried, Some(Refusal::SaleInDoubt));
    }
    if let (Some((from, _)), false) = (facts.records_wanted, tried.read) {
        return Step::Read(from);
    }
    if let (Some(target), false) = (facts.abandoned_debit, tried.take_back)
        && facts.gate.is_none()
        && can_take_back(presented, facts, &target)
    {
        // A ledger that was put back to an old copy does not know what it gave back since, and the card does not do it twice: to ask it would leave an
        // entry at every tap.
        return if tried.look_back { Step::TakeBack(target) } else { Step::LookBack(target) };
    }
    if let (Some((_, Some(block))), false) = (facts.denial, tried.block)
        && !presented.blocked()
    {
        return Step::Block(block);
    }
    if let (Some(entitlement), false) = (facts.entitlement, tried.put)
        && may_put(presented, facts, &entitlement)
    {
        let next_season = entitlement.season > presented.state.season && presented.entitlement.is_some();
        return if next_season { Step::PutNextSeason(entitlement) } else { Step::Put(entitlement) };
    }
    turn_away(presented, facts, tried, None)
}

/// How many records a card keeps, and with them the debits that it can take back (card profile, REVERSE).
const RECORDS_KEPT: u32 = 16;

/// Whether the card would do it: one that is in use, in the season of the debit, which is now, and that still has its record. To ask another one would
/// leave an entry at every tap.
fn can_take_back(presented: &Presented, facts: &Facts, target: &UndoTarget) -> bool {
    let kept = presented.state.counter.get().saturating_sub(target.record.counter.get()) < RECORDS_KEPT;
    let in_season = presented.state.season == facts.season && target.record.season == facts.season;
    kept && in_season && !presented.blocked()
}

/// Decision 14: from its season's first instant by trusted time, on a card that is in use and not denied.
fn may_put(presented: &Presented, facts: &Facts, entitlement: &Entitlement) -> bool {
    facts.gate != Some(Refusal::ClockUntrusted)
        && facts.denial.is_none()
        && !presented.blocked()
        && entitlement.serial > presented.state.entitlement_serial
        && entitlement.season <= facts.season
        && entitlement.season >= presented.state.season
}

/// The first of the reasons that the card cannot be served, or [`Step::Serve`].
fn turn_away(presented: &Presented, facts: &Facts, tried: Tried, doubt: Option<Refusal>) -> Step {
    let Some(refusal) = unserved(presented, facts, doubt) else { return Step::Serve };
    let record = (facts.denial.is_some() && !tried.record).then(|| {
        Body::Refused(RefusedCard { card: Some(presented.card), refusal: Refusal::CardDenied, certificate: Vec::new() })
    });
    let denial = facts.denial.map(|(reason, _)| reason);
    Step::TurnAway(Refused { denial, card: Some(presented.card), ..Refused::because(refusal) }, record)
}

/// Why the card cannot be served, the first of the reasons.
fn unserved(presented: &Presented, facts: &Facts, doubt: Option<Refusal>) -> Option<Refusal> {
    let denied = facts.denial.map(|_| Refusal::CardDenied);
    let blocked = presented.blocked().then_some(Refusal::CardBlocked);
    let season = season_refusal(presented, facts.season);
    [facts.gate, doubt, denied, blocked, season].into_iter().flatten().min()
}

/// R2: usable in its season alone.
fn season_refusal(presented: &Presented, now: Season) -> Option<Refusal> {
    match &presented.entitlement {
        None => Some(Refusal::NotYetValid),
        Some(entitlement) if entitlement.season < now => Some(Refusal::NotRevalidated),
        Some(entitlement) if entitlement.season > now => Some(Refusal::NotYetValid),
        Some(_) => None,
    }
}

/// What a terminal knows of itself before any card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalFacts {
    /// An old copy of the ledger was restored, and the region has not been heard since.
    pub behind: bool,
    /// The region suspended or retired it.
    pub suspended: bool,
    /// It has a certificate for the season that covers the clock's time, and that season's catalogue.
    pub certified: bool,
    /// The day has been open for too long.
    pub overdue: bool,
    /// The clock.
    pub clock: Timestamp,
    /// The newest instant that is known to have passed.
    pub floor: Timestamp,
}

/// How far the clock may lie behind the floor: two clocks that are set by hand differ by this much.
pub const CLOCK_TOLERANCE_SECONDS: u32 = 120;

/// What keeps a terminal from selling at all.
pub fn gate(terminal: &TerminalFacts) -> Option<Refusal> {
    let clock_behind = terminal.floor.seconds_since(terminal.clock) > CLOCK_TOLERANCE_SECONDS;
    [
        (terminal.behind, Refusal::LedgerBehind),
        (terminal.suspended, Refusal::TerminalSuspended),
        // A wrong clock makes every certificate look expired, so it is the reason to give.
        (!terminal.certified && !clock_behind, Refusal::TerminalExpired),
        (clock_behind, Refusal::ClockUntrusted),
        (terminal.overdue, Refusal::ClosingNeeded),
    ]
    .into_iter()
    .find_map(|(holds, refusal)| holds.then_some(refusal))
}
