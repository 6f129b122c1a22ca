//! A terminal is enrolled: it proves that it has the code, the region takes its keys.
//!
//! A code is good for one machine. The same machine may ask again, because an answer can be lost: the same keys get the same kind of
//! answer, as long as the code's time lasts. Other keys are refused, whoever brings them.

use crate::crypto::{Ed25519PublicKey, chain_beginning_hash, enrolment_key, mac0, verify_mac0};
use crate::domain::{Season, TerminalId, Timestamp};
use crate::wire::cbor::{decode, encode};
use crate::wire::code::EnrolmentCode;
use crate::wire::cose::{Content, Mac0};
use crate::wire::exchange::{EnrolmentAnswer, EnrolmentRequest, PROTOCOL_VERSION, TerminalStanding};

use super::Region;
use super::bench::Bench;
use super::certificates::renew;
use super::error::RegionError;
use super::message::Refused;
use super::signing::Signer;
use super::store::{Cause, StoreError, TerminalKeys, TerminalRow, Tx};

/// The largest enrolment request, in bytes; it has some 250.
pub const ENROLMENT_BYTES_MAX: usize = 4096;

impl Region {
    /// Answers an enrolment request: `body` is the whole `COSE_Mac0`, and so is the answer.
    ///
    /// # Errors
    /// [`Refused`]; nothing was changed then.
    pub fn enrol(&self, body: &[u8], now: Timestamp) -> Result<Vec<u8>, Refused> {
        if body.len() > ENROLMENT_BYTES_MAX {
            return Err(Refused::TooLarge);
        }
        let envelope = Mac0::decode(body, Content::EnrolmentRequest).map_err(|_| Refused::Malformed)?;
        let id = TerminalId::new(envelope.key);
        self.store().write(|tx| {
            let terminal = tx.terminal(id)?.ok_or(Refused::CodeRefused)?;
            let secret = terminal.code_secret.ok_or(Refused::CodeRefused)?;
            let key = enrolment_key(&EnrolmentCode { terminal: id, secret })?;
            if !verify_mac0(&envelope, &key) {
                return Err(Refused::CodeRefused);
            }
            if now > terminal.code_expires_at {
                return Err(Refused::CodeExpired);
            }
            let request: EnrolmentRequest = decode(&envelope.payload).map_err(|_| Refused::Malformed)?;
            if request.protocol != PROTOCOL_VERSION {
                return Err(Refused::Protocol(request.protocol));
            }
            if request.terminal != id {
                return Err(Refused::Malformed);
            }
            let signer = self.signer(tx)?;
            let keys = take_keys(tx, &signer, &terminal, &request, now)?;
            let answer = self.enrolment_answer(tx, &signer, &terminal, &keys, now)?;
            tracing::info!(terminal = %id, partner = %terminal.partner, "enrolled");
            Ok(mac0(&key, Content::EnrolmentAnswer, id, encode(&answer)).encode())
        })
    }

    fn enrolment_answer(
        &self,
        tx: &Tx<'_>,
        signer: &Signer,
        terminal: &TerminalRow,
        keys: &TerminalKeys,
        now: Timestamp,
    ) -> Result<EnrolmentAnswer, RegionError> {
        let certificates = renew(tx, signer, terminal, keys.card, now)?;
        if certificates.is_empty() {
            return Err(RegionError::NoCatalogue(Season::at(now)));
        }
        let policies = tx.policies()?;
        let mut policy = policies.last().ok_or(StoreError::Inconsistent("no offline policy"))?.policy;
        policy.all_entitlements = terminal.all_entitlements;
        Ok(EnrolmentAnswer {
            protocol: PROTOCOL_VERSION,
            terminal: terminal.id,
            partner_id: terminal.partner,
            partner: tx.partner(terminal.partner)?.ok_or(RegionError::NoPartner(terminal.partner))?,
            replaces: terminal.replaces,
            time: now,
            root_key: tx.root_key()?.ok_or(StoreError::Inconsistent("no root key"))?,
            region_keys: tx.region_keys()?,
            certificates,
            catalogues: tx.catalogues_from(Season::at(now))?,
            policy,
        })
    }
}

/// Takes the keys of a terminal that enrols for the first time; those of one that asks again must be the same.
fn take_keys(
    tx: &Tx<'_>,
    signer: &Signer,
    terminal: &TerminalRow,
    request: &EnrolmentRequest,
    now: Timestamp,
) -> Result<TerminalKeys, Refused> {
    let entry = Ed25519PublicKey(request.entry_key);
    if let Some(keys) = terminal.keys {
        let same = keys.entry == entry && keys.card == request.card_key;
        return if same { Ok(keys) } else { Err(Refused::CodeUsed) };
    }
    let keys = TerminalKeys { entry, card: request.card_key, enrolled_at: now };
    tx.enrol(terminal.id, &keys)?;
    tx.open_chain(terminal.id, chain_beginning_hash(terminal.id, &entry))?;
    if let Some(old) = terminal.replaces {
        retire(tx, signer, old, Cause::Replaced, now)?;
    }
    Ok(keys)
}

/// Another terminal takes the place of `old`, or its keys are revoked, which a replacement does not undo. Its chain stays open for what may still
/// come of it, and the records that died with its disk are asked for from now on.
pub(super) fn retire(
    tx: &Tx<'_>,
    signer: &Signer,
    old: TerminalId,
    cause: Cause,
    now: Timestamp,
) -> Result<(), RegionError> {
    let retired = tx.standing(old)?.filter(|standing| standing.standing == TerminalStanding::Retired);
    if retired.is_some_and(|retired| retired.cause == cause || retired.cause == Cause::Revoked) {
        return Ok(());
    }
    tx.set_standing(old, TerminalStanding::Retired, cause, now)?;
    let mut bench = Bench::new(tx, signer, now);
    for card in tx.cards_of_terminal(old)? {
        bench.judge_card(card)?;
    }
    Ok(())
}
