//! What an answer of the region changes: all of it in one transaction, or nothing.
//!
//! Positions, versions and serials only grow: what is older than what is there is passed over, so an answer that comes
//! twice, or late, changes nothing.

use rusqlite::Connection;

use crate::crypto::Sha256;
use crate::domain::card::SignedRecord;
use crate::domain::entry::{Body, TechnicalEvent};
use crate::domain::{KeySerial, Sequence, Timestamp};
use crate::wire::exchange::{Head, Receipt, TerminalStanding};
use crate::wire::feed::{FeedPage, Item, Position};

use super::answer::{VerifiedAnswer, VerifiedPage};
use super::append::{Draft, Ledger};
use super::at_rest;
use super::error::LedgerError;
use super::facts::{Facts, State, standing_number};
use super::feed_tables::{
    keep_catalogue, keep_denial, keep_entitlement, keep_partner, keep_policy, keep_region_key, keep_required_version,
    keep_terminal_certificate, keep_verdict, keep_wanted, withdraw_key,
};
use super::head_file::Behind;

/// How far the region's answer may move the trusted time without a clock-step entry, in seconds.
pub const CLOCK_STEP_SECONDS: u32 = 300;

/// Why an answer was not applied. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The region acknowledges an entry that this ledger does not have: it is an old copy, or there is another branch.
    /// The ledger counts as behind from now on ([`View::behind`](super::View::behind)), also after a restart, until
    /// [`Ledger::join`].
    #[error("the region acknowledges entry {}, which this ledger does not have", .0.sequence)]
    UnknownHead(Head),
    /// Pages are missing between what the terminal has and what came.
    #[error("the feed goes on from position {from}, and the terminal has position {position}")]
    Gap {
        /// Where the page begins.
        from: Position,
        /// What the terminal has.
        position: Position,
    },
    /// The deny list is not the region's once the page is applied, or something that was read since was not as the region had sent it.
    #[error("the deny list at position {0} is not the region's: see Ledger::forget_feed")]
    DenyList(Position),
    /// The ledger did not take it.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<rusqlite::Error> for ApplyError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Ledger(error.into())
    }
}

/// What an answer changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// What the region acknowledges.
    pub acknowledged: Head,
    /// What the terminal now has of the feed.
    pub feed_position: Position,
    /// Whether another exchange at once would bring or take more.
    pub more: bool,
    /// The clock-step entry, where the trusted time was moved by more than [`CLOCK_STEP_SECONDS`].
    pub clock_step: Option<Head>,
    /// The entry that joins the branches, where the ledger was an old copy and may go on.
    pub joined: Option<Head>,
}

impl Ledger {
    /// Applies an answer of the region. `now` is the terminal's clock. Where the ledger was behind and the region knows
    /// nothing that it lacks, the branches are joined.
    ///
    /// # Errors
    /// [`ApplyError`].
    pub fn apply_answer(&mut self, verified: &VerifiedAnswer, now: Timestamp) -> Result<Applied, ApplyError> {
        let acknowledged = verified.receipt.head;
        if !self.view.has(acknowledged)? {
            self.fell_behind(acknowledged);
            return Err(ApplyError::UnknownHead(acknowledged));
        }
        if self.view.changed_at_rest.get() {
            return Err(ApplyError::DenyList(self.view.feed_position()));
        }
        let behind = self.view.behind;
        let applied = self.write(|draft| {
            let clock_step = draft.take(verified, now)?;
            // What the region said is in force, and these are the first entries that say so.
            draft.fresh = Some(Facts::load(draft.connection)?);
            let clock_step =
                clock_step.map(|step| draft.append(draft.tip.floor, Body::Event(step), None)).transpose()?;
            let joined = behind.map(|behind| draft.append(draft.tip.floor, Body::Event(joined(behind.other)), None));
            let joined = joined.transpose()?;
            for signed in records_in(&verified.pages) {
                draft.settle_by_record(signed, draft.tip.floor)?;
            }
            let feed_position = draft.facts().state.feed_position;
            Ok::<_, ApplyError>(Applied { acknowledged, feed_position, more: verified.answer.more, clock_step, joined })
        })?;
        if applied.joined.is_some() {
            self.caught_up();
        }
        Ok(applied)
    }

    /// Goes on after an old copy was restored: an entry names the head of the other branch, and the ledger is no longer
    /// behind. That head is named once. Where the region was told so and still does not follow, it has lost what it
    /// acknowledged here: the next request begins half way back, and what is sent twice is a success.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn join(&mut self, now: Timestamp, other: Head) -> Result<Head, LedgerError> {
        let newest = self.view.entry(self.view.head().sequence)?.map(|stored| stored.entry.body);
        let was_told = matches!(newest, Some(Body::Event(TechnicalEvent::Joined { .. })));
        let is_named = newest == Some(Body::Event(joined(other)));
        let acknowledged = self.view.acknowledged().sequence.get();
        let head = self.write(|draft| {
            if was_told {
                set_acknowledged(draft.connection, Sequence::new(acknowledged / 2))?;
                draft.fresh = Some(Facts::load(draft.connection)?);
            }
            if is_named { Ok(draft.tip.head) } else { draft.append(now, Body::Event(joined(other)), None) }
        })?;
        self.caught_up();
        Ok(head)
    }

    /// Forgets the deny list, entitlements that were changed on the disk, and the position in the feed, so that the region sends the feed from the beginning. Until
    /// then the deny list counts as never made, and the policy refuses to sell with it. For a deny list that is not the
    /// region's ([`ApplyError::DenyList`]).
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn forget_feed(&mut self) -> Result<(), LedgerError> {
        self.write(|draft| {
            at_rest::forget(draft.connection)?;
            let state = State { feed_position: 0, deny_list_made: Timestamp::EPOCH, ..draft.facts().state };
            write_state(draft.connection, &state)?;
            draft.fresh = Some(Facts::load(draft.connection)?);
            Ok::<_, LedgerError>(())
        })?;
        self.view.changed_at_rest.set(false);
        Ok(())
    }

    /// The head file keeps naming the other head, so that a restart finds the ledger behind again.
    fn fell_behind(&mut self, other: Head) {
        self.view.behind = Some(Behind { other });
        // In memory it is known all the same, and the region will say it again.
        let _lagging = self.head_file.write(other);
    }

    fn caught_up(&mut self) {
        self.view.behind = None;
        // It may lag; it then names the other branch, and the next start asks the region again.
        let _lagging = self.head_file.write(self.view.head());
    }
}

fn joined(other: Head) -> TechnicalEvent {
    TechnicalEvent::Joined { other_sequence: other.sequence, other_hash: other.hash }
}

/// A retired terminal never comes back.
fn standing_after(before: TerminalStanding, now: TerminalStanding) -> TerminalStanding {
    match before {
        TerminalStanding::Retired => TerminalStanding::Retired,
        TerminalStanding::Active | TerminalStanding::Suspended => now,
    }
}

/// The floor that a fresh answer leaves (decision 10). The true time lies between the region's time and that time plus
/// what our own clock says has passed since the request: an answer that was carried by file for two days does not move
/// the floor back by two days. What lies within the tolerance stays as it is, so that the times of entries only grow
/// but for a clock step.
fn floor_after(floor: Timestamp, verified: &VerifiedAnswer, now: Timestamp) -> Timestamp {
    let earliest = verified.answer.time;
    let latest = earliest.plus(now.seconds_since(verified.request_time));
    if floor.seconds_since(latest) > CLOCK_STEP_SECONDS { latest } else { floor.max(earliest) }
}

/// Whether the floor moved back, or on past everything that the terminal held for possible, by more than the tolerance.
fn is_step(before: Timestamp, after: Timestamp, now: Timestamp) -> bool {
    after < before || after.seconds_since(before.max(now)) > CLOCK_STEP_SECONDS
}

impl Draft<'_> {
    /// Writes down all that an answer says; the clock step that it makes.
    fn take(&mut self, verified: &VerifiedAnswer, now: Timestamp) -> Result<Option<TechnicalEvent>, ApplyError> {
        self.keep_receipt(&verified.receipt, &verified.answer.receipt.0)?;
        let mut state = self.facts().state;
        for page in &verified.pages {
            apply_page(self.connection, &mut state, page)?;
        }
        for entitlement in &verified.answer.entitlements {
            keep_entitlement(self.connection, entitlement)?;
        }
        let mut clock_step = None;
        if self.is_newest(verified) {
            state.last_exchange = verified.answer.time;
            state.last_request = verified.request_time;
            state.standing = standing_after(state.standing, verified.answer.standing);
            set_acknowledged(self.connection, verified.receipt.head.sequence)?;
            let (from, to) = (self.tip.floor, floor_after(self.tip.floor, verified, now));
            self.move_floor(to)?;
            clock_step = is_step(from, to, now).then_some(TechnicalEvent::ClockStep { from, to });
        }
        write_state(self.connection, &state)?;
        Ok(clock_step)
    }

    /// Whether an answer is newer than the newest that was applied, by the region's time or by that of our own
    /// requests: either clock may once have been wrong.
    fn is_newest(&self, verified: &VerifiedAnswer) -> bool {
        let state = &self.facts().state;
        verified.answer.time >= state.last_exchange || verified.request_time > state.last_request
    }

    fn keep_receipt(&self, receipt: &Receipt, cose: &[u8]) -> Result<(), LedgerError> {
        let sql = "INSERT INTO receipt (head_sequence, head_hash, time, request, cose) VALUES (?1, ?2, ?3, ?4, ?5) \
                   ON CONFLICT (cose) DO NOTHING";
        let (head, request) = (receipt.head, receipt.request.as_bytes());
        let row = (head.sequence.get(), head.hash.as_bytes(), receipt.time.get(), request, cose);
        self.connection.prepare_cached(sql)?.execute(row)?;
        Ok(())
    }

    fn move_floor(&mut self, floor: Timestamp) -> Result<(), LedgerError> {
        let sql = "UPDATE state SET floor = ?1, floor_sequence = ?2";
        self.connection.prepare_cached(sql)?.execute((floor.get(), self.tip.head.sequence.get()))?;
        self.tip.floor = floor;
        Ok(())
    }
}

fn set_acknowledged(connection: &Connection, sequence: Sequence) -> Result<(), LedgerError> {
    connection.prepare_cached("UPDATE state SET acknowledged_sequence = ?1")?.execute([sequence.get()])?;
    Ok(())
}

fn write_state(connection: &Connection, state: &State) -> Result<(), LedgerError> {
    let sql = "UPDATE state SET feed_position = ?1, deny_list_made = ?2, last_exchange = ?3, last_request = ?4, \
               standing = ?5";
    connection.prepare_cached(sql)?.execute((
        state.feed_position,
        state.deny_list_made.get(),
        state.last_exchange.get(),
        state.last_request.get(),
        standing_number(state.standing),
    ))?;
    Ok(())
}

/// The records that the region knows of cards whose debits here are in doubt.
fn records_in(pages: &[VerifiedPage]) -> impl Iterator<Item = &SignedRecord> {
    pages.iter().flat_map(|verified| &verified.page.items).filter_map(|item| match item {
        Item::Record(signed) => Some(signed),
        Item::Catalogue(_)
        | Item::Policy(_)
        | Item::Denial(_)
        | Item::Entitlement(_)
        | Item::TerminalCertificate(_)
        | Item::KeyCertificate(_)
        | Item::RecordsWanted(_)
        | Item::Verdict(_)
        | Item::KeyWithdrawn(_)
        | Item::Partner(_)
        | Item::RequiredVersion(_) => None,
    })
}

/// Applies a page that leads on from where the terminal is; passes over one that it has, also an empty one from before. A page that begins earlier
/// and leads further has the newest of everything in between, so it may be taken too: an answer that was carried by hand may have been overtaken.
fn apply_page(connection: &Connection, state: &mut State, verified: &VerifiedPage) -> Result<(), ApplyError> {
    let page = &verified.page;
    let position = state.feed_position;
    if page.from != position && page.to <= position {
        return Ok(());
    }
    if page.from > position {
        return Err(ApplyError::Gap { from: page.from, position });
    }
    for item in &page.items {
        apply_item(connection, item, verified.signer)?;
    }
    check_deny_list(connection, page)?;
    state.feed_position = page.to;
    // A stale copy of the feed does not make the list look older than it is, nor fresher.
    state.deny_list_made = state.deny_list_made.max(page.made_at);
    Ok(())
}

/// The deny list is the region's: as many cards, and these.
fn check_deny_list(connection: &Connection, page: &FeedPage) -> Result<(), ApplyError> {
    let mut statement = connection.prepare_cached("SELECT card FROM denial ORDER BY card")?;
    let mut rows = statement.query([])?;
    let (mut count, mut sum) = (0, Sha256::new());
    while let Some(row) = rows.next()? {
        count += 1;
        sum.update(&row.get::<_, u64>(0)?.to_be_bytes());
    }
    if count == page.denied_count && sum.finish() == page.denied_digest {
        Ok(())
    } else {
        Err(ApplyError::DenyList(page.to))
    }
}

fn apply_item(connection: &Connection, item: &Item, signer: KeySerial) -> Result<(), LedgerError> {
    match item {
        Item::Catalogue(catalogue) => keep_catalogue(connection, catalogue),
        Item::Policy(policy) => keep_policy(connection, policy),
        Item::Denial(denial) => keep_denial(connection, denial),
        Item::Entitlement(entitlement) => keep_entitlement(connection, entitlement),
        Item::TerminalCertificate(certificate) => keep_terminal_certificate(connection, certificate),
        Item::KeyCertificate(certificate) => keep_region_key(connection, certificate),
        Item::RecordsWanted(wanted) => keep_wanted(connection, wanted),
        Item::Verdict(verdict) => keep_verdict(connection, verdict),
        Item::KeyWithdrawn(withdrawn) if withdrawn.serial < signer => withdraw_key(connection, withdrawn.serial),
        // A key does not withdraw itself, nor a newer one: whoever stole it would.
        Item::KeyWithdrawn(_) => Ok(()),
        Item::Partner(partner) => keep_partner(connection, partner),
        Item::RequiredVersion(required) => keep_required_version(connection, required),
        // It ends a doubt, once all pages are applied.
        Item::Record(_) => Ok(()),
    }
}
