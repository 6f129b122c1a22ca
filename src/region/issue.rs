//! Making a card: a blank one is told its keys, its number and its first rights (card profile, *Issuing*).
//!
//! The card's row, certificate and entitlement are durable before the card is told. So a card that is pulled out in the middle is either blank still,
//! and gets another number, or it has its certificate, and the next `card issue` gives it the rest. That holds for a new holder's card and for one in
//! the place of another; what the latter begins with is in [`replacement`](super::replacement).

use crate::card::{ExchangeError, Le, exchange};
use crate::crypto::{random, sha256};
use crate::domain::card::{CardCertificate, Entitlement, PublicKey};
use crate::domain::catalogue::Code;
use crate::domain::{CardNumber, EntitlementSerial, HolderReference, IssueNumber, Season, Timestamp};
use crate::wire::apdu::{Answer, StatusWord, Transport};
use crate::wire::card::{Command, SelectAnswer};

use super::Region;
use super::desk::{check_profile, rights_of_profile};
use super::error::RegionError;
use super::replacement::{Fee, Replacement, beginning, due, grant, made, to_replace};
use super::rights::entitle;
use super::signing::{CardIdentity, Signer};
use super::store::{CardRow, StoreError, Tx};

/// What every card number begins with.
const NUMBER_PREFIX: u64 = 9250;
/// How many of the 15 digits before the check digit follow the prefix.
const NUMBER_RANGE: u64 = 100_000_000_000;
/// How often a number is drawn that another card has, before something must be wrong.
const NUMBER_TRIES: u32 = 16;

/// Why a card could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardTrouble {
    /// No reader has this name.
    NoReader(String),
    /// The reader or PC/SC failed.
    Reader(String),
    /// There is no card in the reader.
    NoCard,
    /// The card left the reader, or the reader stopped carrying commands.
    Gone,
    /// A PASS that was made already.
    NotBlank(Option<CardNumber>),
    /// Not a PASS card at all.
    Foreign,
    /// The card refused a command.
    Refused {
        /// Which.
        command: &'static str,
        /// What it answered.
        status: StatusWord,
    },
    /// The card answered something that cannot be.
    Wrong(&'static str),
}

impl CardTrouble {
    pub(super) fn french(&self) -> String {
        match self {
            Self::NoReader(name) => format!("Il n'y a pas de lecteur « {name} » : branchez-le, ou corrigez --reader."),
            Self::Reader(why) => format!("Le lecteur ne répond pas ({why}) : vérifiez pcscd et le branchement."),
            Self::NoCard => "Il n'y a pas de carte dans le lecteur : posez une carte vierge.".to_owned(),
            Self::Gone => "La carte a été retirée trop tôt : reposez-la et recommencez, rien n'est perdu.".to_owned(),
            Self::NotBlank(Some(card)) => format!("Cette carte est déjà faite ({card}) : posez une carte vierge."),
            Self::NotBlank(None) => "Cette carte est déjà faite : posez une carte vierge.".to_owned(),
            Self::Foreign => "Cette carte n'est pas une carte PASS vierge : posez-en une.".to_owned(),
            Self::Refused { command, status } => {
                format!("La carte refuse {command} ({status}) : mettez-la de côté et prenez-en une autre.")
            }
            Self::Wrong(what) => {
                format!("La carte répond de travers ({what}) : mettez-la de côté et prenez-en une autre.")
            }
        }
    }

    pub(super) fn english(&self) -> String {
        match self {
            Self::NoReader(name) => format!("There is no reader \"{name}\": connect it, or correct --reader."),
            Self::Reader(why) => format!("The reader does not answer ({why}): check pcscd and the connection."),
            Self::NoCard => "There is no card in the reader: put a blank one on it.".to_owned(),
            Self::Gone => "The card left too early: put it back and start again, nothing is lost.".to_owned(),
            Self::NotBlank(Some(card)) => format!("This card is made already ({card}): put a blank one on the reader."),
            Self::NotBlank(None) => "This card is made already: put a blank one on the reader.".to_owned(),
            Self::Foreign => "This is not a blank PASS card: put one on the reader.".to_owned(),
            Self::Refused { command, status } => {
                format!("The card refuses {command} ({status}): put it aside and take another.")
            }
            Self::Wrong(what) => format!("The card answers wrongly ({what}): put it aside and take another."),
        }
    }
}

impl From<ExchangeError> for CardTrouble {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Transport(_) => Self::Gone,
            ExchangeError::Malformed => Self::Wrong("an answer that is none"),
        }
    }
}

/// Sends a command and gives its data.
fn run(card: &mut dyn Transport, command: &Command) -> Result<Vec<u8>, CardTrouble> {
    let le = Le::of(card.protocol());
    let Answer { data, status } = exchange(card, command, le)?;
    let command = command.instruction().name();
    if status == StatusWord::DONE { Ok(data) } else { Err(CardTrouble::Refused { command, status }) }
}

fn select(card: &mut dyn Transport) -> Result<SelectAnswer, CardTrouble> {
    match run(card, &Command::Select) {
        Ok(data) => SelectAnswer::decode(&data).map_err(|_| CardTrouble::Foreign),
        Err(CardTrouble::Refused { .. }) => Err(CardTrouble::Foreign),
        Err(other) => Err(other),
    }
}

/// Whether the card at the other end of `card` has nothing yet.
pub(super) fn is_blank(card: &mut dyn Transport) -> Result<bool, CardTrouble> {
    Ok(matches!(select(card)?, SelectAnswer::Blank))
}

fn read_certificate(card: &mut dyn Transport) -> Result<CardCertificate, CardTrouble> {
    let bytes = run(card, &Command::ReadCertificate)?;
    CardCertificate::decode(&bytes).map_err(|_| CardTrouble::Wrong("its certificate"))
}

impl Region {
    /// Makes the blank card at the other end of `card`, for a new holder of `profile`, with the rights of the present season. A card
    /// that was pulled out before it had its rights is finished.
    ///
    /// # Errors
    /// [`RegionError::NoCatalogue`], [`RegionError::NoProfile`], [`RegionError::Card`], and what keys and store say.
    pub fn issue_card(
        &self,
        card: &mut dyn Transport,
        profile: &Code,
        now: Timestamp,
    ) -> Result<CardNumber, RegionError> {
        let season = Season::at(now);
        self.store().read(|tx| check_profile(tx, profile, season))?;
        let holder = HolderReference::new(random()?);
        let certificate = self.make_first(card, holder, profile, now, |tx, signer, number| {
            let catalogue = tx.catalogue(season)?.ok_or(RegionError::NoCatalogue(season))?;
            entitle(tx, signer, number, &rights_of_profile(&catalogue, profile), now).map(drop)
        })?;
        self.finish(card, &certificate, now, |_| Ok(()))?;
        Ok(certificate.card)
    }

    /// The certificate of the blank card at the other end of `card`, which becomes the first of `holder` with the rights that `grant` gives it; or of one that
    /// was pulled out before it had them.
    pub(super) fn make_first(
        &self,
        card: &mut dyn Transport,
        holder: HolderReference,
        profile: &Code,
        now: Timestamp,
        grant: impl Fn(&Tx<'_>, &Signer, CardNumber) -> Result<(), RegionError>,
    ) -> Result<CardCertificate, RegionError> {
        match select(card)? {
            SelectAnswer::Blank => {
                let number = self.reserve_number(holder, IssueNumber::new(1), profile, now)?;
                self.certify_card(card, number, now, |tx, signer| grant(tx, signer, number))
            }
            SelectAnswer::Issued(_) => self.unfinished(card),
        }
    }

    /// Makes the blank card at the other end of `card` in the place of `old`, for the same holder and profile, with what is left of the rights
    /// (R6, decision 12). A card that was pulled out before it had its rights is finished; when another blank one is put in its place, the unfinished
    /// one is denied, replaced in its turn, and the fee is not taken again.
    ///
    /// # Errors
    /// [`RegionError::NotDenied`], [`RegionError::ReplacedAlready`], what [`beginning`] says, [`RegionError::Card`], and what keys and store
    /// say.
    pub fn replace_card(
        &self,
        card: &mut dyn Transport,
        old: CardNumber,
        fee: &Fee,
        now: Timestamp,
    ) -> Result<Replacement, RegionError> {
        self.replace_card_and(card, old, fee, now, |_, _| Ok(()))
    }

    /// As [`Region::replace_card`], and `also` in the transaction in which the card has everything.
    pub(super) fn replace_card_and(
        &self,
        card: &mut dyn Transport,
        old: CardNumber,
        fee: &Fee,
        now: Timestamp,
        also: impl Fn(&Tx<'_>, CardNumber) -> Result<(), RegionError>,
    ) -> Result<Replacement, RegionError> {
        let before = self.store().read(|tx| to_replace(tx, old))?;
        let certificate = match select(card)? {
            SelectAnswer::Blank => {
                // Whatever is refused is refused before the card is touched.
                self.store()
                    .read(|tx| beginning(tx, &*self.signer(tx)?, before.card, due(fee, before.card, old), now))?;
                let issue =
                    before.issue.get().checked_add(1).ok_or(StoreError::Inconsistent("no issue number left"))?;
                let number = self.reserve_number(before.holder, IssueNumber::new(issue), &before.profile, now)?;
                self.certify_card(card, number, now, |tx, signer| grant(tx, signer, number, old, fee, now))?
            }
            SelectAnswer::Issued(_) => {
                let certificate = self.unfinished(card)?;
                if before.card == old || before.card != certificate.card {
                    return Err(CardTrouble::NotBlank(Some(certificate.card)).into());
                }
                certificate
            }
        };
        self.finish(card, &certificate, now, |tx| also(tx, certificate.card))?;
        self.store().read(|tx| made(tx, certificate.card, old))
    }

    /// Gives a card that has its certificate its first rights, and checks it; `also` is done in the transaction that says so.
    pub(super) fn finish(
        &self,
        card: &mut dyn Transport,
        certificate: &CardCertificate,
        now: Timestamp,
        also: impl Fn(&Tx<'_>) -> Result<(), RegionError>,
    ) -> Result<(), RegionError> {
        let entitlement = self.first_entitlement(certificate.card)?;
        match run(card, &Command::PutEntitlement(entitlement)) {
            // The card has it already: it was pulled out after that.
            Err(CardTrouble::Refused { status: StatusWord::OUT_OF_SEASON, .. }) => (),
            other => drop(other?),
        }
        if read_certificate(card)? != *certificate {
            return Err(CardTrouble::Wrong("another certificate than it was given").into());
        }
        self.store().write(|tx| {
            tx.card_holds(certificate.card, entitlement.serial)?;
            tx.confirm_card(certificate.card, now)?;
            also(tx)
        })
    }

    /// Gives a blank card its key, this number and its certificate, once `grant` has given the number its rights.
    fn certify_card(
        &self,
        card: &mut dyn Transport,
        number: CardNumber,
        now: Timestamp,
        grant: impl Fn(&Tx<'_>, &Signer) -> Result<(), RegionError>,
    ) -> Result<CardCertificate, RegionError> {
        let public_key = run(card, &Command::GenerateKey)?;
        let public_key = PublicKey(public_key.try_into().map_err(|_| CardTrouble::Wrong("its key"))?);
        let (certificate, root, region_key) = self.store().write(|tx| {
            let row = tx.card(number)?.ok_or(RegionError::NoCard(number))?;
            let signer = self.signer(tx)?;
            let identity = CardIdentity { card: number, issue: row.issue, holder: row.holder, public_key };
            let certificate = signer.card_certificate(&identity, now)?;
            tx.set_card_certificate(&certificate, &sha256(&certificate.encode()))?;
            grant(tx, &signer)?;
            let root = tx.root_key()?.ok_or(StoreError::Inconsistent("no root key"))?;
            Ok::<_, RegionError>((certificate, root, *signer.certificate()))
        })?;
        run(card, &Command::StoreKey { root, region_key })?;
        run(card, &Command::StoreCertificate(certificate))?;
        select(card)?;
        Ok(certificate)
    }

    /// Draws a number for this issue of the holder's cards, or finds the one that was drawn for it and that no card was certified with.
    fn reserve_number(
        &self,
        holder: HolderReference,
        issue: IssueNumber,
        profile: &Code,
        now: Timestamp,
    ) -> Result<CardNumber, RegionError> {
        if let Some(number) = self.store().read(|tx| tx.reserved_number(holder, issue))? {
            return Ok(number);
        }
        for _ in 0..NUMBER_TRIES {
            let drawn = u64::from_be_bytes(random()?) % NUMBER_RANGE;
            let number = CardNumber::from_account(NUMBER_PREFIX * NUMBER_RANGE + drawn);
            let number = number.ok_or(StoreError::Inconsistent("a card number of another length"))?;
            let row = CardRow {
                card: number,
                holder,
                issue,
                profile: profile.clone(),
                certificate: None,
                issued_at: None,
                holds: EntitlementSerial::new(0),
            };
            if self.store().write(|tx| tx.reserve_card(&row, now))? {
                return Ok(number);
            }
        }
        Err(StoreError::Inconsistent("no free card number").into())
    }

    /// The certificate of a card that was pulled out in the middle; every other card that is not blank is refused, also one that was given up
    /// meanwhile.
    fn unfinished(&self, card: &mut dyn Transport) -> Result<CardCertificate, RegionError> {
        let certificate = read_certificate(card)?;
        let (row, denial) =
            self.store().read(|tx| Ok::<_, StoreError>((tx.card(certificate.card)?, tx.denial(certificate.card)?)))?;
        match row {
            Some(row) if row.certificate == Some(certificate) && row.issued_at.is_none() && denial.is_none() => {
                Ok(certificate)
            }
            _ => Err(CardTrouble::NotBlank(Some(certificate.card)).into()),
        }
    }

    /// The first entitlement of a card that is being made: the same key has signed it as the card's certificate, and its season has begun. Terminals
    /// bring the card what was made after it.
    fn first_entitlement(&self, card: CardNumber) -> Result<Entitlement, RegionError> {
        let first = self.store().read(|tx| tx.entitlements(card))?.into_iter().next();
        Ok(first.ok_or(StoreError::Inconsistent("a card without entitlement"))?)
    }
}
