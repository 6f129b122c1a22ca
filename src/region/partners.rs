//! The desk's side of partners: what changes about them, their suspension, the accounts that money goes to and comes from, and the public list
//! of those that take the PASS (R10).

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use crate::crypto::sha256;
use crate::domain::catalogue::{Code, NotACode};
use crate::domain::{PartnerId, TerminalId, Timestamp};
use crate::wire::exchange::TerminalStanding;

use super::Region;
use super::bank::{Account, Bic, HOLDER_CHARS_MAX, Iban, NotAnIban};
use super::error::RegionError;
use super::settlement::Csv;
use super::settlement::credit_transfer::sepa;
use super::store::{AccountRow, Cause, PartnerRow, PartnerSettlement, Tx};

/// The most partners that are listed, at the desk and in public: several times the cinemas and bookshops of the country.
pub const PARTNERS_LISTED_MAX: u32 = 20_000;

/// The longest name of a city.
const CITY_CHARS_MAX: usize = 100;

/// Why something about a partner was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartnerTrouble {
    /// A city has 1 to 100 characters.
    City,
    /// The partner is suspended: its terminals are, and it is given no other.
    Suspended(PartnerId),
    /// Not an IBAN.
    Iban(NotAnIban),
    /// Not a BIC.
    Bic,
    /// The name of an account's holder has 1 to 70 characters, with letters that banks write.
    Holder,
}

impl PartnerTrouble {
    pub(super) fn french(self) -> String {
        match self {
            Self::City => format!("Une ville a un nom de 1 à {CITY_CHARS_MAX} caractères : corrigez --city."),
            Self::Suspended(id) => {
                format!("Le partenaire {id} est suspendu : rétablissez-le d'abord (partner resume {id}).")
            }
            Self::Iban(NotAnIban::Form) => {
                "Ce n'est pas un IBAN : recopiez-le du RIB, 27 caractères pour la France.".to_owned()
            }
            Self::Iban(NotAnIban::Country) => {
                "Cet IBAN est d'un pays qu'un virement SEPA n'atteint pas : demandez un autre compte.".to_owned()
            }
            Self::Iban(NotAnIban::CheckDigits) => {
                "L'IBAN a un caractère faux (clé de contrôle) : comparez-le au RIB.".to_owned()
            }
            Self::Bic => "Un BIC a 8 ou 11 lettres et chiffres : recopiez-le du RIB, ou omettez-le.".to_owned(),
            Self::Holder => {
                format!("Le titulaire a un nom de 1 à {HOLDER_CHARS_MAX} lettres latines : corrigez --holder.")
            }
        }
    }

    pub(super) fn english(self) -> String {
        match self {
            Self::City => format!("A city has a name of 1 to {CITY_CHARS_MAX} characters: correct --city."),
            Self::Suspended(id) => format!("Partner {id} is suspended: resume it first (partner resume {id})."),
            Self::Iban(NotAnIban::Form) => {
                "That is not an IBAN: copy it from the bank's paper, 27 characters for France.".to_owned()
            }
            Self::Iban(NotAnIban::Country) => {
                "The IBAN is of a country that a SEPA transfer does not reach: ask for another account.".to_owned()
            }
            Self::Iban(NotAnIban::CheckDigits) => {
                "The IBAN has a wrong character (check digits): compare it with the bank's paper.".to_owned()
            }
            Self::Bic => {
                "A BIC has 8 or 11 letters and digits: copy it from the bank's paper, or leave it out.".to_owned()
            }
            Self::Holder => {
                format!("The holder has a name of 1 to {HOLDER_CHARS_MAX} Latin letters: correct --holder.")
            }
        }
    }
}

/// An account, as somebody typed it.
///
/// # Errors
/// [`PartnerTrouble::Iban`], [`PartnerTrouble::Bic`], [`PartnerTrouble::Holder`].
pub fn account(holder: &str, iban: &str, bic: Option<&str>) -> Result<Account, RegionError> {
    let holder = holder.trim().to_owned();
    let readable = !sepa(&holder, HOLDER_CHARS_MAX).is_empty();
    if !readable || holder.chars().count() > HOLDER_CHARS_MAX {
        return Err(PartnerTrouble::Holder.into());
    }
    let iban = Iban::parse(iban).map_err(PartnerTrouble::Iban)?;
    let bic = bic.map(|bic| Bic::parse(bic).ok_or(PartnerTrouble::Bic)).transpose()?;
    Ok(Account { holder, iban, bic })
}

/// The activities that somebody typed, each once, in alphabetical order.
///
/// # Errors
/// [`RegionError::NotACode`].
pub fn activities(typed: &[String]) -> Result<Vec<Code>, RegionError> {
    let codes: Result<BTreeSet<Code>, NotACode> = typed.iter().map(Code::new).collect();
    Ok(codes?.into_iter().collect())
}

/// Everything that the desk can see of a partner.
#[derive(Clone, Debug)]
pub struct PartnerFile {
    /// The partner.
    pub row: PartnerRow,
    /// Its terminals.
    pub terminals: Vec<TerminalId>,
    /// The account that it is paid to.
    pub bank: Option<AccountRow>,
}

fn known(tx: &Tx<'_>, id: PartnerId) -> Result<(), RegionError> {
    tx.partner(id)?.map(drop).ok_or(RegionError::NoPartner(id))
}

/// That `partner` is not suspended.
///
/// # Errors
/// [`PartnerTrouble::Suspended`], the store's.
pub(super) fn not_suspended(tx: &Tx<'_>, partner: PartnerId) -> Result<(), RegionError> {
    match tx.lock_partner(partner)? {
        Some(_) => Err(PartnerTrouble::Suspended(partner).into()),
        None => Ok(()),
    }
}

impl Region {
    /// Everything of a partner.
    ///
    /// # Errors
    /// [`RegionError::NoPartner`], the store's.
    pub fn partner_file(&self, id: PartnerId) -> Result<PartnerFile, RegionError> {
        self.store().read(|tx| {
            let row = tx.partner_row(id)?.ok_or(RegionError::NoPartner(id))?;
            Ok(PartnerFile { row, terminals: tx.terminals_of(id)?, bank: tx.bank(id, None)? })
        })
    }

    /// Changes a partner's activities. The certificates of its terminals follow with each one's next exchange; until then a terminal sells what
    /// it was certified for.
    ///
    /// # Errors
    /// [`RegionError::NoPartner`], the store's.
    pub fn set_activities(&self, id: PartnerId, activities: &[Code]) -> Result<(), RegionError> {
        self.store().write(|tx| {
            known(tx, id)?;
            Ok(tx.set_activities(id, activities)?)
        })
    }

    /// Where people find the partner; `None` when nobody is to be told.
    ///
    /// # Errors
    /// [`RegionError::NoPartner`], [`PartnerTrouble::City`], the store's.
    pub fn set_city(&self, id: PartnerId, city: Option<&str>) -> Result<(), RegionError> {
        let city = city.map(str::trim);
        if city.is_some_and(|city| !(1..=CITY_CHARS_MAX).contains(&city.chars().count())) {
            return Err(PartnerTrouble::City.into());
        }
        self.store().write(|tx| {
            known(tx, id)?;
            Ok(tx.set_city(id, city)?)
        })
    }

    /// Suspends a partner: every terminal that may sell is suspended, and told with its next exchange. It is listed in public no more. What is payable is paid.
    ///
    /// # Errors
    /// [`RegionError::NoPartner`], the store's.
    pub fn suspend_partner(&self, id: PartnerId, now: Timestamp) -> Result<(), RegionError> {
        self.store().write(|tx| {
            known(tx, id)?;
            if tx.lock_partner(id)?.is_some() {
                return Ok(());
            }
            tx.set_suspended(id, Some(now))?;
            for terminal in tx.terminals_of(id)? {
                let is = tx.standing(terminal)?.map_or(TerminalStanding::Active, |standing| standing.standing);
                if is == TerminalStanding::Active {
                    tx.set_standing(terminal, TerminalStanding::Suspended, Cause::Partner, now)?;
                }
            }
            Ok(())
        })
    }

    /// Lets a partner sell again: those of its terminals that were suspended with it. What was suspended for a reason of its own stays so.
    ///
    /// # Errors
    /// [`RegionError::NoPartner`], the store's.
    pub fn resume_partner(&self, id: PartnerId, now: Timestamp) -> Result<(), RegionError> {
        self.store().write(|tx| {
            known(tx, id)?;
            tx.lock_partner(id)?;
            tx.set_suspended(id, None)?;
            for terminal in tx.terminals_of(id)? {
                if tx.standing(terminal)?.is_some_and(|standing| standing.cause == Cause::Partner) {
                    tx.set_standing(terminal, TerminalStanding::Active, Cause::Desk, now)?;
                }
            }
            Ok(())
        })
    }

    /// What the newest closed settlements paid a partner, each with its number, the newest first; at most `limit`.
    ///
    /// # Errors
    /// The store's.
    pub fn settlements_of(&self, id: PartnerId, limit: u32) -> Result<Vec<(u32, PartnerSettlement)>, RegionError> {
        Ok(self.store().read(|tx| tx.settlements_of(id, limit))?)
    }

    /// The partner is paid to this account from the next settlement on.
    ///
    /// # Errors
    /// [`RegionError::NoPartner`], the store's.
    pub fn set_bank(&self, id: PartnerId, account: &Account, now: Timestamp) -> Result<u32, RegionError> {
        self.store().write(|tx| {
            known(tx, id)?;
            Ok(tx.set_bank(id, account, now)?)
        })
    }

    /// The region pays from this account.
    ///
    /// # Errors
    /// The store's.
    pub fn set_payer(&self, account: &Account, now: Timestamp) -> Result<u32, RegionError> {
        Ok(self.store().write(|tx| tx.set_payer(account, now))?)
    }

    /// The public list (R10): partners that are not suspended.
    ///
    /// # Errors
    /// The store's.
    pub fn public_list(&self) -> Result<PublicList, RegionError> {
        let partners = self.store().read(|tx| tx.partners(PartnerId::new(0), PARTNERS_LISTED_MAX + 1))?;
        Ok(PublicList::of(&partners))
    }
}

/// The partners that cards are taken at.
#[derive(Serialize, ToSchema)]
pub(super) struct PublicListJson {
    partners: Vec<ListedPartner>,
    /// Whether these are all; a list is cut after 20,000.
    complete: bool,
}

/// One of them.
#[derive(Serialize, ToSchema)]
struct ListedPartner {
    partner_id: u32,
    name: String,
    city: Option<String>,
    /// What it offers: codes of the catalogue.
    activities: Vec<String>,
}

/// The public list in both its forms. The same partners are the same bytes.
#[derive(Clone, Debug)]
pub struct PublicList {
    /// A `PublicListJson`.
    pub json: Vec<u8>,
    /// The same for spreadsheets.
    pub csv: Vec<u8>,
    /// Changes when the list does.
    pub digest: String,
}

impl PublicList {
    fn of(partners: &[PartnerRow]) -> Self {
        let complete = partners.len() <= PARTNERS_LISTED_MAX as usize;
        let listed = || {
            let first = partners.iter().take(PARTNERS_LISTED_MAX as usize);
            first.filter(|row| row.suspended_at.is_none())
        };
        let of = |row: &PartnerRow| ListedPartner {
            partner_id: row.id.get(),
            name: row.partner.name.clone(),
            city: row.city.clone(),
            activities: row.partner.activities.iter().map(|activity| activity.as_str().to_owned()).collect(),
        };
        let list = PublicListJson { partners: listed().map(of).collect(), complete };
        // Text, numbers and lists are always JSON.
        let json = serde_json::to_vec(&list).unwrap_or_default();
        let digest = hex::encode(&sha256(&json)[..16]);
        Self { csv: table(listed()), json, digest }
    }
}

fn table<'p>(partners: impl Iterator<Item = &'p PartnerRow>) -> Vec<u8> {
    use super::settlement::Field;
    let write = |mut csv: Csv<Vec<u8>>| {
        for row in partners {
            let activities = row.partner.activities.iter().map(Code::as_str).collect::<Vec<_>>().join(" ");
            let (name, city) = (row.partner.name.as_str(), row.city.as_deref().unwrap_or_default());
            csv.row(&[row.id.get().into(), Field::Text(name), Field::Text(city), Field::Plain(&activities)])?;
        }
        Ok(csv.end())
    };
    let written: std::io::Result<Vec<u8>> =
        Csv::begin(Vec::new(), &["partenaire", "nom", "ville", "activites"]).and_then(write);
    // Memory takes whatever is written to it.
    written.unwrap_or_default()
}
