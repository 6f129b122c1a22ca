//! Why the desk or the server could not do something: one flat list, a sentence in two languages that says what and what to do,
//! and the exit code (sysexits.h). The inner causes keep their detail; nothing personal is in any of them.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::config::ConfigError;
use super::holders::HolderTrouble;
use super::holders::post::MailTrouble;
use super::issue::CardTrouble;
use super::keys::KeyError;
use super::partners::PartnerTrouble;
use super::replacement::REPLACEMENT_FEE_CENTS;
use super::settlement::trouble::SettlementTrouble;
use super::store::StoreError;
use crate::crypto::CryptoError;
use crate::domain::catalogue::{Code, NotACode};
use crate::domain::ids::NotACardNumber;
use crate::domain::refusal::Language;
use crate::domain::{CardNumber, Cents, PartnerId, Season, TerminalId};
use crate::packing::PackError;

/// Why something was not done.
#[derive(Debug)]
pub enum RegionError {
    /// There is no region in this directory.
    NotARegion(PathBuf),
    /// There is one already.
    AlreadyThere(PathBuf),
    /// A directory or file could not be made.
    CannotCreate {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file that was named is not there.
    NoFile(PathBuf),
    /// A file could not be read or written.
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A configuration file is wrong.
    Config {
        /// Which.
        file: String,
        /// Where and why.
        error: ConfigError,
    },
    /// The keys.
    Key(KeyError),
    /// The store.
    Store(StoreError),
    /// No signature could be made.
    Crypto(CryptoError),
    /// A page of the feed could not be packed.
    Packing(PackError),
    /// A root key that did not certify this region.
    OtherRoot(PathBuf),
    /// No partner has this id.
    NoPartner(PartnerId),
    /// A partner needs a name of 1 to 200 characters.
    PartnerName,
    /// No terminal has this id.
    NoTerminal(TerminalId),
    /// A terminal that is replaced must be of the same partner.
    OtherPartner(TerminalId),
    /// A terminal whose place another one took stays retired.
    Retired(TerminalId),
    /// The code's life is not between an hour and thirty days.
    CodeLife,
    /// There is no catalogue for this season.
    NoCatalogue(Season),
    /// The catalogue grants this profile nothing.
    NoProfile {
        /// The profile.
        profile: Code,
        /// Those that there are.
        known: Vec<Code>,
    },
    /// The catalogue has no such benefit.
    NoBenefit {
        /// What was asked for.
        benefit: String,
        /// Those that there are.
        known: Vec<Code>,
    },
    /// Not `BENEFIT=AMOUNT`, or not in the unit of the benefit.
    NotAnAmount(String),
    /// Not a card number.
    NotACardNumber(NotACardNumber),
    /// Not a code: of an activity, a profile.
    NotACode(String),
    /// No card has this number.
    NoCard(CardNumber),
    /// An entitlement of an earlier season than the card has would be refused by the card.
    SeasonOver {
        /// What was asked for.
        asked: Season,
        /// What the card has.
        has: Season,
    },
    /// Only a denied card is replaced (R6).
    NotDenied(CardNumber),
    /// A card is replaced at most once.
    ReplacedAlready {
        /// Which.
        card: CardNumber,
        /// The card in its place.
        by: CardNumber,
    },
    /// A card without rights of the present season has none to hand over (R2).
    NotRevalidated {
        /// Which.
        card: CardNumber,
        /// The present season.
        season: Season,
    },
    /// The fee for a replacement is taken in euros, not in seats.
    FeeInSeats(Code),
    /// The benefit that was named, or no euro benefit at all, has the fee for a replacement left (decision 12).
    FeeNotLeft(Option<Code>),
    /// Every serial was used.
    NoSerialLeft,
    /// Something about a partner.
    Partner(PartnerTrouble),
    /// A settlement.
    Settlement(SettlementTrouble),
    /// The card in the reader.
    Card(CardTrouble),
    /// Mails cannot be sent with these settings.
    Mail(MailTrouble),
    /// A holder, an order, an operator.
    Holder(HolderTrouble),
    /// The address cannot be listened on.
    Listen {
        /// Which.
        address: String,
        /// Why.
        error: io::Error,
    },
    /// The TLS certificate or key cannot be used.
    Tls(io::Error),
    /// The message of a terminal, brought in a file, is refused.
    Message(String),
    /// The system gave no thread or no signal.
    System(io::Error),
}

/// The exit codes of sysexits.h.
mod exit {
    pub(super) const USAGE: u8 = 64;
    pub(super) const DATA: u8 = 65;
    pub(super) const NO_INPUT: u8 = 66;
    pub(super) const UNAVAILABLE: u8 = 69;
    pub(super) const SOFTWARE: u8 = 70;
    pub(super) const CANNOT_CREATE: u8 = 73;
    pub(super) const IO: u8 = 74;
    pub(super) const AGAIN_LATER: u8 = 75;
    pub(super) const CONFIG: u8 = 78;
}

impl RegionError {
    /// The exit code of a program that ends with this.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::NotARegion(_) | Self::NoFile(_) => exit::NO_INPUT,
            Self::AlreadyThere(_) | Self::CannotCreate { .. } => exit::CANNOT_CREATE,
            Self::Io { .. } | Self::Key(KeyError::Io { .. }) => exit::IO,
            Self::Config { .. }
            | Self::Tls(_)
            | Self::Mail(_)
            | Self::OtherRoot(_)
            | Self::Key(KeyError::Damaged { .. }) => exit::CONFIG,
            Self::Store(error) => match error {
                StoreError::Missing(_) => exit::NO_INPUT,
                StoreError::Create { .. } => exit::CANNOT_CREATE,
                StoreError::NotABackup(_) | StoreError::Damaged { .. } => exit::DATA,
                StoreError::OnServer => exit::USAGE,
                StoreError::Newer { .. } | StoreError::OldLibrary(_) | StoreError::Address(_) => exit::CONFIG,
                StoreError::Busy | StoreError::Conflict => exit::AGAIN_LATER,
                StoreError::Migration(_) | StoreError::Sqlite(_) | StoreError::Postgres(_) => exit::IO,
                StoreError::Inconsistent(_) => exit::SOFTWARE,
            },
            Self::Crypto(_) | Self::Packing(_) | Self::Key(KeyError::Crypto(_)) | Self::System(_) => exit::SOFTWARE,
            Self::Settlement(SettlementTrouble::Differs(_)) => exit::SOFTWARE,
            Self::Settlement(SettlementTrouble::NoPayer) => exit::CONFIG,
            Self::NoPartner(_)
            | Self::PartnerName
            | Self::NoTerminal(_)
            | Self::OtherPartner(_)
            | Self::Retired(_)
            | Self::CodeLife
            | Self::NoCatalogue(_)
            | Self::NoProfile { .. }
            | Self::NoBenefit { .. }
            | Self::NotAnAmount(_)
            | Self::NotACardNumber(_)
            | Self::NotACode(_)
            | Self::NoCard(_)
            | Self::SeasonOver { .. }
            | Self::NotDenied(_)
            | Self::ReplacedAlready { .. }
            | Self::NotRevalidated { .. }
            | Self::FeeInSeats(_)
            | Self::FeeNotLeft(_)
            | Self::NoSerialLeft
            | Self::Holder(_)
            | Self::Partner(_)
            | Self::Settlement(_)
            | Self::Message(_) => exit::DATA,
            Self::Card(trouble) => match trouble {
                CardTrouble::NoReader(_) | CardTrouble::Reader(_) => exit::UNAVAILABLE,
                CardTrouble::NoCard => exit::NO_INPUT,
                CardTrouble::NotBlank(_) | CardTrouble::Foreign => exit::DATA,
                CardTrouble::Gone | CardTrouble::Refused { .. } | CardTrouble::Wrong(_) => exit::IO,
            },
            Self::Listen { .. } => exit::UNAVAILABLE,
        }
    }

    /// What is the matter and what to do, in one sentence.
    pub fn sentence(&self, language: Language) -> String {
        match language {
            Language::French => self.french(),
            Language::English => self.english(),
        }
    }

    fn french(&self) -> String {
        match self {
            Self::NotARegion(path) => {
                format!("Il n'y a pas de région dans {} : créez-la avec « pass-region init ».", path.display())
            }
            Self::AlreadyThere(path) => {
                format!("{} contient déjà une région : rien n'a été touché, prenez un autre dossier.", path.display())
            }
            Self::CannotCreate { path, error } => {
                format!("{} ne peut pas être créé ({error}) : vérifiez le chemin et les droits.", path.display())
            }
            Self::NoFile(path) => format!("Le fichier {} n'existe pas : vérifiez le chemin.", path.display()),
            Self::Io { path, error } => format!("{} ne peut pas être lu ou écrit : {error}.", path.display()),
            Self::Config { file, error } => match error.line {
                Some(line) => format!("{file}, ligne {line} : {} ; corrigez le fichier.", error.what),
                None => format!("{file} : {} ; corrigez le fichier.", error.what),
            },
            Self::Key(KeyError::Io { path, error }) => {
                format!("La clé {} ne peut pas être lue ou écrite ({error}) : remettez-la en place.", path.display())
            }
            Self::Key(KeyError::Damaged { path }) => {
                format!(
                    "{} n'est pas une clé privée P-256 : remettez le bon fichier, de la sauvegarde.",
                    path.display()
                )
            }
            Self::Key(KeyError::Crypto(error)) | Self::Crypto(error) => format!("Rien n'a pu être signé : {error}."),
            Self::Packing(error) => format!("Une page du flux n'a pas pu être préparée : {error}."),
            Self::Store(StoreError::Address(what)) => {
                format!("L'adresse de la base ne peut pas être lue ({what}) : corrigez --store.")
            }
            Self::Store(StoreError::OnServer) => {
                "La base est sur PostgreSQL : sauvegardez-la avec pg_dump ; après pg_restore, lancez « pass-region restore » sans fichier.".to_owned()
            }
            Self::Store(StoreError::NotABackup(path)) => {
                format!("{} n'est pas une sauvegarde de région : vérifiez le nom, rien n'a changé.", path.display())
            }
            Self::Store(StoreError::Damaged { path, what }) => {
                format!("La sauvegarde {} est abîmée ({what}) : prenez-en une autre.", path.display())
            }
            Self::Store(StoreError::Create { path, error }) => {
                format!("{} n'est pas écrit, et rien n'est perdu : {error}.", path.display())
            }
            Self::Store(error) => format!("La base de la région fait défaut : {error}."),
            Self::OtherRoot(path) => {
                format!("{} n'est pas la clé racine de cette région : donnez la bonne avec --root-key.", path.display())
            }
            Self::NoPartner(id) => format!("Il n'y a pas de partenaire {id} : voyez « pass-region partner list »."),
            Self::PartnerName => "Un partenaire a un nom de 1 à 200 caractères : donnez-le avec --name.".to_owned(),
            Self::NoTerminal(id) => format!("Il n'y a pas de terminal {id} : voyez « pass-region terminal list »."),
            Self::OtherPartner(id) => {
                format!("Le terminal {id} est d'un autre partenaire : un terminal ne remplace qu'un des siens.")
            }
            Self::Retired(id) => format!("Le terminal {id} a été remplacé : il ne sert plus, ajoutez-en un autre."),
            Self::CodeLife => "Un code d'inscription vaut de 1 à 720 heures : corrigez --valid-hours.".to_owned(),
            Self::NoCatalogue(season) => format!(
                "Il n'y a pas de catalogue pour la saison {season} : publiez-le avec « pass-region catalogue publish »."
            ),
            Self::NoProfile { profile, known } => {
                format!("Le catalogue ne connaît pas le profil « {profile} » : choisissez parmi {}.", list(known))
            }
            Self::NoBenefit { benefit, known } => {
                format!("Le catalogue ne connaît pas l'avantage « {benefit} » : choisissez parmi {}.", list(known))
            }
            Self::NotAnAmount(text) => format!(
                "« {text} » n'est pas AVANTAGE=MONTANT : des places ou des centimes entiers (cinema=5), ou des euros (leisure-books=8,00)."
            ),
            Self::NotACardNumber(NotACardNumber::Digits) => {
                "Un numéro de carte a 16 chiffres : recopiez-les de la carte.".to_owned()
            }
            Self::NotACardNumber(NotACardNumber::CheckDigit) => {
                "Le numéro de carte a un chiffre faux : comparez-le avec la carte.".to_owned()
            }
            Self::NotACode(text) => {
                format!(
                    "« {text} » n'est pas un code : 1 à 32 de a-z, 0-9 et -, une lettre d'abord (cinema, lycee-pro)."
                )
            }
            Self::NoCard(card) => format!("La région n'a pas fait de carte {card} : vérifiez les 16 chiffres."),
            Self::SeasonOver { asked, has } => {
                format!("La carte a déjà des droits pour {has} : elle n'en accepte plus pour {asked}.")
            }
            Self::NotDenied(card) => {
                format!("La carte {card} n'est pas en opposition : mettez-la d'abord en opposition (card deny).")
            }
            Self::ReplacedAlready { card, by } => {
                format!(
                    "La carte {card} est déjà remplacée par la carte {by} : si elle a un défaut, remplacez celle-ci."
                )
            }
            Self::NotRevalidated { card, season } => {
                format!("La carte {card} n'a pas de droits pour {season} : donnez-les-lui d'abord (card entitle).")
            }
            Self::FeeInSeats(code) => {
                format!("« {code} » se compte en places : prenez les frais sur un avantage en euros (--fee-from).")
            }
            Self::FeeNotLeft(Some(code)) => format!(
                "Il ne reste pas {} EUR de « {code} » : prenez les frais sur un autre avantage, ou renoncez-y (--waive-fee).",
                Cents::from_u32(REPLACEMENT_FEE_CENTS)
            ),
            Self::FeeNotLeft(None) => format!(
                "Il ne reste {} EUR d'aucun avantage en euros : renoncez aux frais avec --waive-fee.",
                Cents::from_u32(REPLACEMENT_FEE_CENTS)
            ),
            Self::NoSerialLeft => "Cette carte a épuisé ses numéros de droits : remplacez-la.".to_owned(),
            Self::Partner(trouble) => trouble.french(),
            Self::Settlement(trouble) => trouble.french(),
            Self::Card(trouble) => trouble.french(),
            Self::Mail(trouble) => format!("Les courriels ne peuvent pas partir ainsi ({trouble}) : corrigez [mail]."),
            Self::Holder(trouble) => trouble.sentence(Language::French),
            Self::Listen { address, error } => {
                format!("On ne peut pas écouter sur {address} ({error}) : vérifiez l'adresse, ou libérez le port.")
            }
            Self::Tls(error) => {
                format!(
                    "Le certificat TLS ou sa clé ne convient pas ({error}) : donnez des fichiers PEM qui vont ensemble."
                )
            }
            Self::Message(why) => format!("Le message est refusé : {why}."),
            Self::System(error) => format!("Le système refuse un fil ou un signal : {error}."),
        }
    }

    fn english(&self) -> String {
        match self {
            Self::NotARegion(path) => {
                format!("There is no region in {}: make one with \"pass-region init\".", path.display())
            }
            Self::AlreadyThere(path) => {
                format!("{} holds a region already: nothing was touched, take another directory.", path.display())
            }
            Self::CannotCreate { path, error } => {
                format!("{} cannot be made ({error}): check the path and its permissions.", path.display())
            }
            Self::NoFile(path) => format!("The file {} does not exist: check the path.", path.display()),
            Self::Io { path, error } => format!("{} cannot be read or written: {error}.", path.display()),
            Self::Config { file, error } => match error.line {
                Some(line) => format!("{file}, line {line}: {}; correct the file.", error.what),
                None => format!("{file}: {}; correct the file.", error.what),
            },
            Self::Key(KeyError::Io { path, error }) => {
                format!("The key {} cannot be read or written ({error}): put it back in its place.", path.display())
            }
            Self::Key(KeyError::Damaged { path }) => {
                format!("{} is no P-256 private key: put the right file there, from the backup.", path.display())
            }
            Self::Key(KeyError::Crypto(error)) | Self::Crypto(error) => format!("Nothing could be signed: {error}."),
            Self::Packing(error) => format!("A page of the feed could not be made ready: {error}."),
            Self::Store(StoreError::Address(what)) => {
                format!("The address of the store cannot be read ({what}): correct --store.")
            }
            Self::Store(StoreError::OnServer) => {
                "The store is on PostgreSQL: back it up with pg_dump; after pg_restore, run \"pass-region restore\" without a file.".to_owned()
            }
            Self::Store(StoreError::NotABackup(path)) => {
                format!("{} is no backup of a region: check the name, nothing has changed.", path.display())
            }
            Self::Store(StoreError::Damaged { path, what }) => {
                format!("The backup {} is damaged ({what}): take another.", path.display())
            }
            Self::Store(StoreError::Create { path, error }) => {
                format!("{} is not written, and nothing is lost: {error}.", path.display())
            }
            Self::Store(error) => format!("The region's store failed: {error}."),
            Self::OtherRoot(path) => {
                format!("{} is not the root key of this region: give the right one with --root-key.", path.display())
            }
            Self::NoPartner(id) => format!("There is no partner {id}: see \"pass-region partner list\"."),
            Self::PartnerName => "A partner has a name of 1 to 200 characters: give it with --name.".to_owned(),
            Self::NoTerminal(id) => format!("There is no terminal {id}: see \"pass-region terminal list\"."),
            Self::OtherPartner(id) => {
                format!("Terminal {id} is another partner's: a terminal takes the place of one of its own partner.")
            }
            Self::Retired(id) => format!("Terminal {id} was replaced and stays retired: add another."),
            Self::CodeLife => "An enrolment code is good for 1 to 720 hours: correct --valid-hours.".to_owned(),
            Self::NoCatalogue(season) => {
                format!("There is no catalogue for season {season}: publish it with \"pass-region catalogue publish\".")
            }
            Self::NoProfile { profile, known } => {
                format!("The catalogue has no profile \"{profile}\": choose one of {}.", list(known))
            }
            Self::NoBenefit { benefit, known } => {
                format!("The catalogue has no benefit \"{benefit}\": choose one of {}.", list(known))
            }
            Self::NotAnAmount(text) => format!(
                "\"{text}\" is not BENEFIT=AMOUNT: whole seats or cents (cinema=5), or euros (leisure-books=8.00)."
            ),
            Self::NotACardNumber(NotACardNumber::Digits) => {
                "A card number has 16 digits: copy them from the card.".to_owned()
            }
            Self::NotACardNumber(NotACardNumber::CheckDigit) => {
                "The card number has a wrong digit: compare it with the card.".to_owned()
            }
            Self::NotACode(text) => {
                format!("\"{text}\" is no code: 1 to 32 of a-z, 0-9 and -, a letter first (cinema, lycee-pro).")
            }
            Self::NoCard(card) => format!("The region has made no card {card}: check the 16 digits."),
            Self::SeasonOver { asked, has } => {
                format!("The card has rights for {has} already: it takes none for {asked} any more.")
            }
            Self::NotDenied(card) => format!("Card {card} is not denied: deny it first (card deny)."),
            Self::ReplacedAlready { card, by } => {
                format!("Card {card} is replaced by card {by} already: if that one is faulty, replace that.")
            }
            Self::NotRevalidated { card, season } => {
                format!("Card {card} has no rights for {season}: give it those first (card entitle).")
            }
            Self::FeeInSeats(code) => {
                format!("\"{code}\" is counted in seats: take the fee from a benefit in euros (--fee-from).")
            }
            Self::FeeNotLeft(Some(code)) => format!(
                "There are no {} EUR left of \"{code}\": take the fee from another benefit, or waive it (--waive-fee).",
                Cents::from_u32(REPLACEMENT_FEE_CENTS)
            ),
            Self::FeeNotLeft(None) => format!(
                "There are {} EUR left of no euro benefit: waive the fee with --waive-fee.",
                Cents::from_u32(REPLACEMENT_FEE_CENTS)
            ),
            Self::NoSerialLeft => "This card has used up its entitlement serials: replace it.".to_owned(),
            Self::Partner(trouble) => trouble.english(),
            Self::Settlement(trouble) => trouble.english(),
            Self::Card(trouble) => trouble.english(),
            Self::Mail(trouble) => format!("Mails cannot be sent like this ({trouble}): correct [mail]."),
            Self::Holder(trouble) => trouble.sentence(Language::English),
            Self::Listen { address, error } => {
                format!("{address} cannot be listened on ({error}): check the address, or free the port.")
            }
            Self::Tls(error) => {
                format!("The TLS certificate or its key will not do ({error}): give PEM files that belong together.")
            }
            Self::Message(why) => format!("The message is refused: {why}."),
            Self::System(error) => format!("The system refuses a thread or a signal: {error}."),
        }
    }
}

fn list(codes: &[Code]) -> String {
    codes.iter().map(Code::as_str).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for RegionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.english())
    }
}

impl std::error::Error for RegionError {}

impl From<StoreError> for RegionError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<KeyError> for RegionError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

impl From<CryptoError> for RegionError {
    fn from(error: CryptoError) -> Self {
        Self::Crypto(error)
    }
}

impl From<PackError> for RegionError {
    fn from(error: PackError) -> Self {
        Self::Packing(error)
    }
}

impl From<NotACardNumber> for RegionError {
    fn from(error: NotACardNumber) -> Self {
        Self::NotACardNumber(error)
    }
}

impl From<NotACode> for RegionError {
    fn from(error: NotACode) -> Self {
        Self::NotACode(error.text())
    }
}

impl From<CardTrouble> for RegionError {
    fn from(trouble: CardTrouble) -> Self {
        Self::Card(trouble)
    }
}

impl From<HolderTrouble> for RegionError {
    fn from(trouble: HolderTrouble) -> Self {
        Self::Holder(trouble)
    }
}

impl From<PartnerTrouble> for RegionError {
    fn from(trouble: PartnerTrouble) -> Self {
        Self::Partner(trouble)
    }
}

impl From<SettlementTrouble> for RegionError {
    fn from(trouble: SettlementTrouble) -> Self {
        Self::Settlement(trouble)
    }
}
