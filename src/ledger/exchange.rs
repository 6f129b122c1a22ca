//! What the terminal tells the region: the next request, built and signed.

use crate::crypto::sign1_ed25519;
use crate::domain::{CardNumber, RequestId, Timestamp};
use crate::wire::cbor::{self, Opaque};
use crate::wire::cose::{Brought, Content, KEY_CHANGES_MAX, Sign1};
use crate::wire::exchange::{
    ExchangeRequest, Health, PROTOCOL_VERSION, REQUEST_BYTES_MAX, REQUEST_CARDS_MAX, REQUEST_DOUBTS_MAX,
    REQUEST_ENTRIES_MAX,
};

use super::append::Ledger;
use super::error::LedgerError;
use super::view::View;

/// What the envelope of a request and the heads of its arrays have at most, in bytes.
const ENVELOPE_BYTES_MAX: usize = 1024;
/// What stands before each entry in the request's array, in bytes: the head of a byte string of less than 64 KiB.
const ENTRY_HEAD_BYTES: usize = 3;

impl View {
    /// The next exchange request: everything in doubt, and as many entries after the acknowledged head as fit. `now` is
    /// the terminal's clock; `cards` are those whose newest entitlement is asked for, the first [`REQUEST_CARDS_MAX`]
    /// of them.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Damaged`].
    pub fn next_request(
        &self,
        request: RequestId,
        now: Timestamp,
        cards: &[CardNumber],
        health: Health,
    ) -> Result<ExchangeRequest, LedgerError> {
        let in_doubt = self.open_intents()?.into_iter().map(|open| open.intent).take(REQUEST_DOUBTS_MAX).collect();
        let mut request = ExchangeRequest {
            protocol: PROTOCOL_VERSION,
            terminal: self.identity().terminal,
            request,
            time: now,
            feed_position: self.feed_position(),
            head: self.head(),
            entries: Vec::new(),
            in_doubt,
            cards: cards.iter().copied().take(REQUEST_CARDS_MAX).collect(),
            health,
        };
        let changes = self.key_changes(KEY_CHANGES_MAX)?;
        let brought: usize = changes.iter().map(|entry| entry.len() + ENTRY_HEAD_BYTES).sum();
        let others =
            cbor::encode(&request).len() + brought + ENVELOPE_BYTES_MAX + REQUEST_ENTRIES_MAX * ENTRY_HEAD_BYTES;
        let room = REQUEST_BYTES_MAX.saturating_sub(others);
        let entries = self.entries_after(self.acknowledged().sequence, REQUEST_ENTRIES_MAX, room)?;
        request.entries = entries.into_iter().map(|(_, cose)| Opaque(cose)).collect();
        Ok(request)
    }
}

impl Ledger {
    /// The whole signed message of `request`, as it travels. Where the terminal's keys were changed, it brings the entries that say so: a region that has
    /// not heard of it yet, or that was put back from before, knows the key by them.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Damaged`].
    pub fn sign_request(&self, request: &ExchangeRequest) -> Result<Vec<u8>, LedgerError> {
        let message = sign1_ed25519(&self.key, Content::ExchangeRequest, request.terminal, cbor::encode(request));
        let changes = self.view.key_changes(KEY_CHANGES_MAX)?;
        let brought = if changes.is_empty() { Brought::Nothing } else { Brought::KeyChanges(changes) };
        Ok(Sign1 { brought, ..message }.encode())
    }
}
