//! One exchange with a terminal: entries in, receipt, verdicts and everything else that is new out.
//!
//! What one request brings to the evidence is one transaction, about that terminal alone, and the receipt is made inside it: what is acknowledged is
//! committed before the answer leaves, and a request that is played again, because its answer was lost, finds everything done and is acknowledged
//! the same. What follows for cards is settled then ([`accounts`](super::accounts)), here or in the server's own time; the answer tells what is
//! settled by the time that it is written.

use std::collections::BTreeSet;

use crate::crypto::verify_sign1_ed25519;
use crate::domain::card::Entitlement;
use crate::domain::entry::Intent;
use crate::domain::{CardNumber, TerminalId, Timestamp};
use crate::wire::cbor::{Opaque, decode};
use crate::wire::cose::{Algorithm, Content, Sign1};
use crate::wire::exchange::{
    ExchangeAnswer, ExchangeRequest, PROTOCOL_VERSION, REQUEST_BYTES_MAX, REQUEST_CARDS_MAX, REQUEST_DOUBTS_MAX,
    REQUEST_ENTRIES_MAX, Receipt, TerminalStanding,
};
use crate::wire::feed::Item;

use super::bench::Bench;
use super::certificates::renew;
use super::error::RegionError;
use super::feed::{Pages, catch_up, pages};
use super::intake::{Halt, Incoming, Intake, Taken, read_entries};
use super::message::Refused;
use super::rights::newest;
use super::shared_pages::SharedPages;
use super::signing::Signer;
use super::store::{Audience, ExchangeRow, Standing, StoreError, TerminalKeys, TerminalRow, Tx};
use super::succession::Signers;
use super::{Judging, Region};

/// A request that its terminal has signed.
struct Request {
    terminal: TerminalRow,
    keys: TerminalKeys,
    message: ExchangeRequest,
    entries: Vec<Incoming>,
    halt: Option<Halt>,
}

impl Region {
    /// Answers an exchange request: `body` is the whole `COSE_Sign1`, and so is the answer.
    ///
    /// # Errors
    /// [`Refused`]; nothing was changed then.
    pub fn exchange(&self, body: &[u8], now: Timestamp) -> Result<Vec<u8>, Refused> {
        let request = self.authentic(body)?;
        let (taken, receipt) = self.store().write(|tx| take(tx, &*self.signer(tx)?, &request, now))?;
        self.metrics().took(request.message.entries.len(), &taken);
        let in_doubt: BTreeSet<CardNumber> = request.message.in_doubt.iter().map(|doubt| doubt.card).collect();
        if !in_doubt.is_empty() {
            // What is missing of their records is asked for now: a card keeps a record only for so long.
            self.store().write(|tx| {
                tx.lock_cards(&in_doubt)?;
                let signer = self.signer(tx)?;
                let mut bench = Bench::new(tx, &signer, now);
                let mut made_here = in_doubt.iter().filter_map(|card| tx.card(*card).transpose());
                made_here.try_for_each(|card| bench.judge_card(card?.card))
            })?;
        }
        if self.judging == Judging::AtOnce
            && let Err(error) = self.settle_accounts(Some(request.terminal.id), now)
        {
            // The entries are committed; the next exchange finds what is left.
            tracing::error!(%error, terminal = %request.terminal.id, "accounts could not be settled");
        }
        let (answer, signer) = self.store().write(|tx| {
            let signer = self.signer(tx)?;
            let answer = answer(tx, &signer, &self.shared_pages, &request, taken, Opaque(receipt.clone()), now)?;
            Ok::<_, RegionError>((answer, signer))
        })?;
        tracing::info!(
            terminal = %answer.terminal,
            request = %answer.request,
            entries = request.entries.len(),
            new = taken.new,
            acknowledged = %taken.head.sequence,
            halt = taken.halt.map(Halt::code),
            forked = taken.forked,
            pages = answer.pages.len(),
            more = answer.more,
            "exchange"
        );
        Ok(signer.message(Content::ExchangeAnswer, &answer)?)
    }

    fn authentic(&self, body: &[u8]) -> Result<Request, Refused> {
        if body.len() > REQUEST_BYTES_MAX {
            return Err(Refused::TooLarge);
        }
        let envelope =
            Sign1::decode(body, Algorithm::EdDsa, Content::ExchangeRequest).map_err(|_| Refused::Malformed)?;
        let id = TerminalId::new(envelope.key);
        let found = self.store().read(|tx| {
            let Some(terminal) = tx.terminal(id)? else { return Ok(None) };
            let Some(keys) = terminal.keys else { return Ok(None) };
            Ok::<_, StoreError>(Some((Signers::of(tx, id, keys, &envelope)?, terminal, keys)))
        })?;
        let (signers, terminal, keys) = found.ok_or(Refused::NotAuthentic)?;
        if !verify_sign1_ed25519(&envelope, &signers.now) {
            return Err(Refused::NotAuthentic);
        }
        let message: ExchangeRequest = decode(&envelope.payload).map_err(|_| Refused::Malformed)?;
        if message.protocol != PROTOCOL_VERSION {
            return Err(Refused::Protocol(message.protocol));
        }
        let positions = [message.feed_position, message.head.sequence.get()];
        if message.terminal != id || positions.into_iter().any(|number| i64::try_from(number).is_err()) {
            return Err(Refused::Malformed);
        }
        if message.entries.len() > REQUEST_ENTRIES_MAX
            || message.cards.len() > REQUEST_CARDS_MAX
            || message.in_doubt.len() > REQUEST_DOUBTS_MAX
        {
            return Err(Refused::TooLarge);
        }
        let (entries, halt) = read_entries(id, &signers.entries, &message.entries);
        Ok(Request { terminal, keys, message, entries, halt })
    }
}

/// Keeps what the request brings, and makes the receipt of it.
fn take(tx: &Tx<'_>, signer: &Signer, request: &Request, now: Timestamp) -> Result<(Taken, Vec<u8>), RegionError> {
    let Request { terminal, keys, message, entries, halt } = request;
    catch_up(tx, terminal, message.feed_position)?;
    let intake = Intake::open(tx, terminal.id, keys, now)?;
    let taken = intake.take(entries, *halt, message.head, &message.in_doubt)?;
    renew(tx, signer, terminal, taken.card_key, now)?;
    let receipt = Receipt { terminal: terminal.id, head: taken.head, time: now, request: message.request };
    let receipt = signer.message(Content::Receipt, &receipt)?;
    tx.add_receipt(terminal.id, taken.head.sequence, &receipt)?;
    let exchange = ExchangeRow {
        terminal: terminal.id,
        request: message.request,
        terminal_time: message.time,
        head: message.head,
        feed_position: message.feed_position,
        acked: taken.head.sequence,
        health: &message.health,
    };
    tx.add_exchange(&exchange, now)?;
    Ok((taken, receipt))
}

fn answer(
    tx: &Tx<'_>,
    signer: &Signer,
    shared: &SharedPages,
    request: &Request,
    taken: Taken,
    receipt: Opaque,
    now: Timestamp,
) -> Result<ExchangeAnswer, RegionError> {
    let Request { terminal, message, .. } = request;
    for doubt in &message.in_doubt {
        tell_what_ends(tx, signer, terminal.id, doubt)?;
    }
    let known = tx.standing(terminal.id)?;
    let standing = known.map_or(TerminalStanding::Active, |standing| standing.standing);
    let entitlements = match standing {
        TerminalStanding::Active => asked_for(tx, signer, &message.cards, now)?,
        TerminalStanding::Suspended | TerminalStanding::Retired => Vec::new(),
    };
    // A stolen disk learns nothing more: no card number, no denial, no verdict.
    let pages = match known.and_then(Standing::revoked_since) {
        None => pages(tx, signer, shared, terminal, message.feed_position, now)?,
        Some(_) => Pages { pages: Vec::new(), more: false, to: message.feed_position },
    };
    // What was halted will not go better at once.
    let more_entries = taken.halt.is_none() && !taken.forked && taken.head.sequence < message.head.sequence;
    Ok(ExchangeAnswer {
        protocol: PROTOCOL_VERSION,
        terminal: terminal.id,
        request: message.request,
        time: now,
        receipt,
        pages: pages.pages,
        more: pages.more || more_entries,
        standing,
        entitlements,
    })
}

/// The record that a doubt is about, where another terminal has brought it: whatever it says, the doubt is over.
fn tell_what_ends(tx: &Tx<'_>, signer: &Signer, terminal: TerminalId, doubt: &Intent) -> Result<(), RegionError> {
    let counter = doubt.counter_before.next();
    let known = tx.records(doubt.card)?.into_iter().find(|(signed, _)| Some(signed.record.counter) == counter);
    if let Some((signed, _)) = known {
        tx.tell(Audience::One(terminal), &Item::Record(signed), signer.serial().get())?;
    }
    Ok(())
}

fn asked_for(
    tx: &Tx<'_>,
    signer: &Signer,
    cards: &[CardNumber],
    now: Timestamp,
) -> Result<Vec<Entitlement>, RegionError> {
    let made = cards.iter().map(|card| newest(tx, signer, *card, now));
    made.filter_map(Result::transpose).collect()
}
