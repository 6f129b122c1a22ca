//! Everything that a region key signs.

use crate::crypto::{CryptoError, P256Key, sign1_es256};
use crate::domain::card::{CardCertificate, Entitlement, KeyCertificate, PublicKey, Signature, TerminalCertificate};
use crate::domain::{
    Amounts, CardNumber, EntitlementSerial, HolderReference, IssueNumber, KeySerial, Season, Timestamp,
};
use crate::wire::card::block_bytes;
use crate::wire::cbor::{Cbor, encode};
use crate::wire::cose::Content;

use super::store::TerminalRow;

/// What stands in a signature's place while the bytes to sign are put together.
const UNSIGNED: Signature = Signature([0; 64]);

/// The region key in use, with its certificate.
#[derive(Debug)]
pub struct Signer {
    key: P256Key,
    certificate: KeyCertificate,
}

/// What a card certificate says, before it is signed.
#[derive(Clone, Copy, Debug)]
pub struct CardIdentity {
    /// Its number.
    pub card: CardNumber,
    /// Which of the holder's cards.
    pub issue: IssueNumber,
    /// Whose.
    pub holder: HolderReference,
    /// The key that the card made.
    pub public_key: PublicKey,
}

/// The root certifies a region key.
///
/// # Errors
/// [`CryptoError::NoRandomness`].
pub fn certify(root: &P256Key, serial: KeySerial, key: &P256Key) -> Result<KeyCertificate, CryptoError> {
    let mut certificate = KeyCertificate { serial, public_key: key.public_key(), signature: UNSIGNED };
    certificate.signature = root.sign(&certificate.signed_bytes())?;
    Ok(certificate)
}

impl Signer {
    /// Signs with `key`, which `certificate` names.
    pub fn new(key: P256Key, certificate: KeyCertificate) -> Self {
        Self { key, certificate }
    }

    /// The key's serial.
    pub fn serial(&self) -> KeySerial {
        self.certificate.serial
    }

    /// The key's certificate.
    pub fn certificate(&self) -> &KeyCertificate {
        &self.certificate
    }

    /// Certifies a card.
    ///
    /// # Errors
    /// [`CryptoError::NoRandomness`], as for all of these.
    pub fn card_certificate(&self, of: &CardIdentity, now: Timestamp) -> Result<CardCertificate, CryptoError> {
        let mut certificate = CardCertificate {
            key_serial: self.serial(),
            card: of.card,
            issue: of.issue,
            holder: of.holder,
            issued_at: now,
            public_key: of.public_key,
            signature: UNSIGNED,
        };
        certificate.signature = self.key.sign(&certificate.signed_bytes())?;
        Ok(certificate)
    }

    /// Grants.
    ///
    /// # Errors
    /// [`CryptoError::NoRandomness`].
    pub fn entitlement(
        &self,
        card: CardNumber,
        season: Season,
        serial: EntitlementSerial,
        granted: Amounts,
        opening: Amounts,
    ) -> Result<Entitlement, CryptoError> {
        let key_serial = self.serial();
        let mut entitlement = Entitlement { key_serial, card, season, serial, granted, opening, signature: UNSIGNED };
        entitlement.signature = self.key.sign(&entitlement.signed_bytes())?;
        Ok(entitlement)
    }

    /// Signs a terminal's certificate: `draft` with this key's serial.
    ///
    /// # Errors
    /// [`CryptoError::NoRandomness`].
    pub fn terminal_certificate(&self, draft: TerminalCertificate) -> Result<TerminalCertificate, CryptoError> {
        let mut certificate = TerminalCertificate { key_serial: self.serial(), ..draft };
        certificate.signature = self.key.sign(&certificate.signed_bytes())?;
        Ok(certificate)
    }

    /// Blocks a card for good.
    ///
    /// # Errors
    /// [`CryptoError::NoRandomness`].
    pub fn block(&self, card: CardNumber) -> Result<Signature, CryptoError> {
        self.key.sign(&block_bytes(card))
    }

    /// A signed message of the region, with the certificate of its key.
    ///
    /// # Errors
    /// [`CryptoError::NoRandomness`].
    pub fn message<T: Cbor>(&self, content: Content, of: &T) -> Result<Vec<u8>, CryptoError> {
        let certificate = Some(self.certificate.encode().to_vec());
        Ok(sign1_es256(&self.key, content, self.serial().get(), certificate, encode(of))?.encode())
    }
}

/// A certificate for `terminal`, all but signed.
pub fn draft_certificate(
    terminal: &TerminalRow,
    public_key: PublicKey,
    season: Season,
    slots: crate::domain::purse::Slots,
    issued_at: Timestamp,
) -> TerminalCertificate {
    TerminalCertificate {
        key_serial: KeySerial::new(0),
        terminal: terminal.id,
        partner: terminal.partner,
        season,
        slots,
        issued_at,
        not_after: issued_at.plus(TerminalCertificate::LIFE_SECONDS_MAX),
        public_key,
        signature: UNSIGNED,
    }
}
