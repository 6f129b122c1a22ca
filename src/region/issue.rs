//! Making a card: a blank one is told its keys, its number and its first rights (card profile, *Issuing*).
//!
//! The card's row, certificate and entitlement are durable before the card is told. So a card that is pulled out in the middle is either blank still,
//! and gets another number, or it has its certificate, and the next `card issue` gives it the rest.

use crate::card::{ExchangeError, Le, exchange};
use crate::crypto::{random, sha256};
use crate::domain::card::{CardCertificate, Entitlement, PublicKey};
use crate::domain::catalogue::Code;
use crate::domain::{CardNumber, EntitlementSerial, HolderReference, IssueNumber, Season, Timestamp};
use crate::wire::apdu::{Answer, StatusWord, Transport};
use crate::wire::card::{Command, SelectAnswer};

use super::Region;
use super::desk::rights_of_profile;
use super::error::RegionError;
use super::rights::entitle;
use super::signing::CardIdentity;
use super::store::{CardRow, StoreError};

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
        self.check_profile(profile, now)?;
        let certificate = match select(card)? {
            SelectAnswer::Blank => self.certify_card(card, profile, now)?,
            SelectAnswer::Issued(_) => self.unfinished(card)?,
        };
        let entitlement = self.first_entitlement(certificate.card)?;
        match run(card, &Command::PutEntitlement(entitlement)) {
            // The card has it already: it was pulled out after that.
            Err(CardTrouble::Refused { status: StatusWord::OUT_OF_SEASON, .. }) => (),
            other => drop(other?),
        }
        if read_certificate(card)? != certificate {
            return Err(CardTrouble::Wrong("another certificate than it was given").into());
        }
        self.store().write(|tx| {
            tx.card_holds(certificate.card, entitlement.serial)?;
            tx.confirm_card(certificate.card, now)
        })?;
        Ok(certificate.card)
    }

    fn check_profile(&self, profile: &Code, now: Timestamp) -> Result<(), RegionError> {
        let season = Season::at(now);
        let catalogue = self.catalogue(season)?.ok_or(RegionError::NoCatalogue(season))?;
        let known = catalogue.profiles();
        if known.contains(&profile) {
            return Ok(());
        }
        Err(RegionError::NoProfile { profile: profile.clone(), known: known.into_iter().cloned().collect() })
    }

    /// Gives a blank card its key, its number and its certificate.
    fn certify_card(
        &self,
        card: &mut dyn Transport,
        profile: &Code,
        now: Timestamp,
    ) -> Result<CardCertificate, RegionError> {
        let number = self.reserve_number(profile, now)?;
        let public_key = run(card, &Command::GenerateKey)?;
        let public_key = PublicKey(public_key.try_into().map_err(|_| CardTrouble::Wrong("its key"))?);
        let (certificate, root, region_key) = self.store().write(|tx| {
            let row = tx.card(number)?.ok_or(RegionError::NoCard(number))?;
            let signer = self.signer(tx)?;
            let identity = CardIdentity { card: number, issue: row.issue, holder: row.holder, public_key };
            let certificate = signer.card_certificate(&identity, now)?;
            tx.set_card_certificate(&certificate, &sha256(&certificate.encode()))?;
            let catalogue = tx.catalogue(Season::at(now))?.ok_or(RegionError::NoCatalogue(Season::at(now)))?;
            entitle(tx, &signer, number, &rights_of_profile(&catalogue, profile), now)?;
            let root = tx.root_key()?.ok_or(StoreError::Inconsistent("no root key"))?;
            Ok::<_, RegionError>((certificate, root, *signer.certificate()))
        })?;
        run(card, &Command::StoreKey { root, region_key })?;
        run(card, &Command::StoreCertificate(certificate))?;
        select(card)?;
        Ok(certificate)
    }

    fn reserve_number(&self, profile: &Code, now: Timestamp) -> Result<CardNumber, RegionError> {
        let holder = HolderReference::new(random()?);
        for _ in 0..NUMBER_TRIES {
            let drawn = u64::from_be_bytes(random()?) % NUMBER_RANGE;
            let number = CardNumber::from_account(NUMBER_PREFIX * NUMBER_RANGE + drawn);
            let number = number.ok_or(StoreError::Inconsistent("a card number of another length"))?;
            let row = CardRow {
                card: number,
                holder,
                issue: IssueNumber::new(1),
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

    /// The certificate of a card that was pulled out in the middle; every other card that is not blank is refused.
    fn unfinished(&self, card: &mut dyn Transport) -> Result<CardCertificate, RegionError> {
        let certificate = read_certificate(card)?;
        let row = self.store().read(|tx| tx.card(certificate.card))?;
        match row {
            Some(row) if row.certificate == Some(certificate) && row.issued_at.is_none() => Ok(certificate),
            _ => Err(CardTrouble::NotBlank(Some(certificate.card)).into()),
        }
    }

    /// The newest entitlement of a card that is being made.
    fn first_entitlement(&self, card: CardNumber) -> Result<Entitlement, RegionError> {
        let entitlement = self.store().read(|tx| tx.newest_entitlement(card))?;
        Ok(entitlement.ok_or(StoreError::Inconsistent("a card without entitlement"))?)
    }
}
