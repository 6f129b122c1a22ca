//! One exchange with a terminal: entries in, receipt, verdicts and everything else that is new out.
//!
//! Everything that one request brings is one transaction, and the receipt is made inside it: what is acknowledged is committed before the
//! answer leaves, and a request that is played again, because its answer was lost, finds everything done and is acknowledged the same.

use crate::crypto::verify_sign1_ed25519;
use crate::domain::card::Entitlement;
use crate::domain::{CardNumber, Timestamp};
use crate::wire::cbor::{Opaque, decode};
use crate::wire::cose::{Algorithm, Content, Sign1};
use crate::wire::exchange::{
    ExchangeAnswer, ExchangeRequest, PROTOCOL_VERSION, REQUEST_BYTES_MAX, REQUEST_CARDS_MAX, REQUEST_DOUBTS_MAX,
    REQUEST_ENTRIES_MAX, Receipt, TerminalStanding,
};

use super::Region;
use super::certificates::renew;
use super::error::RegionError;
use super::feed::{Pages, catch_up, pages};
use super::intake::{Halt, Incoming, Intake, Taken, read_entries};
use super::message::Refused;
use super::rights::newest;
use super::signing::Signer;
use super::store::{ExchangeRow, Standing, TerminalKeys, TerminalRow, Tx};

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
        let (answer, signer, taken) = self.store().write(|tx| {
            let signer = self.signer(tx)?;
            let (answer, taken) = answer(tx, &signer, &request, now)?;
            Ok::<_, RegionError>((answer, signer, taken))
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
        let id = crate::domain::TerminalId::new(envelope.key);
        let terminal = self.store().read(|tx| tx.terminal(id))?.ok_or(Refused::NotAuthentic)?;
        let keys = terminal.keys.ok_or(Refused::NotAuthentic)?;
        if !verify_sign1_ed25519(&envelope, &keys.entry) {
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
        let (entries, halt) = read_entries(id, &keys.entry, &message.entries);
        Ok(Request { terminal, keys, message, entries, halt })
    }
}

fn answer(
    tx: &Tx<'_>,
    signer: &Signer,
    request: &Request,
    now: Timestamp,
) -> Result<(ExchangeAnswer, Taken), RegionError> {
    let Request { terminal, keys, message, entries, halt } = request;
    catch_up(tx, terminal, message.feed_position)?;
    let intake = Intake::open(tx, signer, terminal.id, keys, now)?;
    let taken = intake.take(entries, *halt, message.head, &message.in_doubt)?;
    renew(tx, signer, terminal, keys.card, now)?;
    let known = tx.standing(terminal.id)?;
    let standing = known.map_or(TerminalStanding::Active, |standing| standing.standing);
    let entitlements = match standing {
        TerminalStanding::Active => asked_for(tx, signer, &message.cards, now)?,
        TerminalStanding::Suspended | TerminalStanding::Retired => Vec::new(),
    };
    let receipt = Receipt { terminal: terminal.id, head: taken.head, time: now, request: message.request };
    let receipt = signer.message(Content::Receipt, &receipt)?;
    tx.add_receipt(terminal.id, taken.head.sequence, &receipt)?;
    tx.add_exchange(
        &ExchangeRow {
            terminal: terminal.id,
            request: message.request,
            terminal_time: message.time,
            head: message.head,
            feed_position: message.feed_position,
            acked: taken.head.sequence,
            health: &message.health,
        },
        now,
    )?;
    // A stolen disk learns nothing more: no card number, no denial, no verdict.
    let pages = match known.and_then(Standing::revoked_since) {
        None => pages(tx, signer, terminal, message.feed_position, now)?,
        Some(_) => Pages { pages: Vec::new(), more: false, to: message.feed_position },
    };
    // What was halted will not go better at once.
    let more_entries = taken.halt.is_none() && !taken.forked && taken.head.sequence < message.head.sequence;
    let answer = ExchangeAnswer {
        protocol: PROTOCOL_VERSION,
        terminal: terminal.id,
        request: message.request,
        time: now,
        receipt: Opaque(receipt),
        pages: pages.pages,
        more: pages.more || more_entries,
        standing,
        entitlements,
    };
    Ok((answer, taken))
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
