//! The command line of `pass-region`. Help is French and English, as the sentences are.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::super::desk::CODE_HOURS;
use super::super::error::RegionError;
use super::super::settlement::days::Day;
use super::super::store::Location;
use super::super::{Region, embedded};
use super::life_args;
use super::settle_args::{EntryVerb, PartnerChange, SettleVerb};
use crate::domain::refusal::{DenialReason, Language};
use crate::domain::version::Version;

/// La région PASS : échanges avec les terminaux, guichet, cartes / The region of the PASS: exchanges, desk, cards
#[derive(Parser)]
#[command(name = "pass-region", version, max_term_width = 110)]
pub(super) struct Cli {
    /// Langue des phrases / Language of the sentences
    #[arg(long, global = true, value_enum, default_value_t = Lang::Fr)]
    pub(super) lang: Lang,
    /// Réponse en JSON, pour les programmes / Answer in JSON, for programs
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Lang {
    /// Français
    Fr,
    /// English
    En,
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::Fr => Self::French,
            Lang::En => Self::English,
        }
    }
}

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Crée la région : clés, base, catalogue / Makes the region: keys, store, catalogue
    Init(Init),
    /// Répond aux terminaux / Answers the terminals
    Serve(Serve),
    /// Vérifie des fichiers : réglages, catalogue, politique / Checks files: settings, catalogue, policy
    Validate(Validate),
    /// Partenaires / Partners
    Partner {
        #[command(subcommand)]
        verb: PartnerVerb,
    },
    /// Terminaux / Terminals
    Terminal {
        #[command(subcommand)]
        verb: TerminalVerb,
    },
    /// Cartes / Cards
    Card {
        #[command(subcommand)]
        verb: CardVerb,
    },
    /// Titulaires / Holders
    Holder {
        #[command(subcommand)]
        verb: life_args::HolderVerb,
    },
    /// Commandes de cartes / Orders of cards
    Order {
        #[command(subcommand)]
        verb: life_args::OrderVerb,
    },
    /// Établissements / Establishments
    Establishment {
        #[command(subcommand)]
        verb: life_args::EstablishmentVerb,
    },
    /// Opérateurs de l'API du guichet / Operators of the desk's API
    Operator {
        #[command(subcommand)]
        verb: life_args::OperatorVerb,
    },
    /// Courriels : combien attendent, sont partis, sont en doute / Mails: how many wait, have gone, are in doubt
    Mails {
        #[command(flatten)]
        data: Data,
    },
    /// Revalide les cartes d'une liste CSV / Revalidates the cards of a CSV list
    Revalidate(life_args::Revalidate),
    /// Clés de la région / Region keys
    Key {
        #[command(subcommand)]
        verb: KeyVerb,
    },
    /// Catalogues des saisons / Catalogues of the seasons
    Catalogue {
        #[command(subcommand)]
        verb: PublishVerb,
    },
    /// Politique hors ligne / Offline policy
    Policy {
        #[command(subcommand)]
        verb: PublishVerb,
    },
    /// Règlements des partenaires / Settlements of the partners
    Settle {
        #[command(subcommand)]
        verb: SettleVerb,
    },
    /// Une écriture : jugements et règlements / One entry: verdicts and settlements
    Entry {
        #[command(subcommand)]
        verb: EntryVerb,
    },
    /// Écritures reçues, avec leur jugement / Entries received, with their verdicts
    Entries(Entries),
    /// Répond à une demande apportée dans un fichier / Answers a request that was brought in a file
    Answer(Answer),
    /// Sauvegarde la base pendant que la région répond ; sans les clés, à garder à part / Backs the store up while the region
    /// answers; without the keys, which are kept apart
    Backup(Backup),
    /// Remet une sauvegarde à la place d'une base perdue / Puts a backup in the place of a lost store
    Restore(Restore),
}

/// Where the region is.
#[derive(Args)]
pub(super) struct Data {
    /// Dossier de la région / Directory of the region
    #[arg(long, value_name = "DIR", env = "PASS_REGION_DATA")]
    pub(super) data: PathBuf,
    /// Base : sqlite:FICHIER ou postgres://... (sinon un fichier du dossier) / Store: sqlite:FILE or postgres://... (a file of the directory otherwise)
    #[arg(long, value_name = "STORE", env = "PASS_REGION_STORE", hide_env_values = true)]
    pub(super) store: Option<String>,
}

impl Data {
    /// Where its store is.
    pub(super) fn location(&self) -> Result<Location, RegionError> {
        Ok(match &self.store {
            Some(text) => Location::parse(text)?,
            None => embedded(&self.data),
        })
    }

    /// Opens the region.
    pub(super) fn open(&self) -> Result<Region, RegionError> {
        Region::open_on(&self.data, &self.location()?)
    }
}

#[derive(Args)]
pub(super) struct Init {
    #[command(flatten)]
    pub(super) data: Data,
    /// Catalogue (sinon celui qui est livré) / Catalogue (the shipped one otherwise)
    #[arg(long, value_name = "FILE")]
    pub(super) catalogue: Option<PathBuf>,
    /// Saison, l'année de son 1er juin (sinon la présente) / Season, the year of its 1 June (the present one otherwise)
    #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(u16).range(1976..2106))]
    pub(super) season: Option<u16>,
}

#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    pub(super) data: Data,
    /// Adresse et port ; port 0 : un port libre / Address and port; port 0: a free one
    #[arg(long, value_name = "ADDR:PORT", required_unless_present = "config", env = "PASS_REGION_LISTEN")]
    pub(super) listen: Option<String>,
    /// Réglages : API du guichet, courriels / Settings: the desk's API, mails
    #[arg(long, value_name = "FILE", env = "PASS_REGION_CONFIG")]
    pub(super) config: Option<PathBuf>,
    /// Certificat TLS et sa chaîne, PEM / TLS certificate and its chain, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key", env = "PASS_REGION_TLS_CERT")]
    pub(super) tls_cert: Option<PathBuf>,
    /// Clé privée TLS, PEM / TLS private key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert", env = "PASS_REGION_TLS_KEY")]
    pub(super) tls_key: Option<PathBuf>,
    /// Adresse et port où Prometheus lit /metrics, sans TLS / Address and port where Prometheus reads /metrics, without TLS
    #[arg(long, value_name = "ADDR:PORT", env = "PASS_REGION_METRICS")]
    pub(super) metrics: Option<String>,
}

#[derive(Args)]
#[group(required = true, multiple = true)]
pub(super) struct Validate {
    /// Réglages du serveur / Settings of the server
    #[arg(long, value_name = "FILE", env = "PASS_REGION_CONFIG")]
    pub(super) config: Option<PathBuf>,
    /// Catalogue / Catalogue
    #[arg(long, value_name = "FILE")]
    pub(super) catalogue: Option<PathBuf>,
    /// Politique hors ligne / Offline policy
    #[arg(long, value_name = "FILE")]
    pub(super) policy: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(super) enum PartnerVerb {
    /// Ajoute un partenaire / Adds a partner
    Add {
        #[command(flatten)]
        data: Data,
        /// Son nom / Its name
        #[arg(long)]
        name: String,
        /// Ses activités : cinema, bookshop... / Its activities: cinema, bookshop...
        #[arg(long, required = true, num_args = 1..)]
        activity: Vec<String>,
    },
    /// Liste les partenaires / Lists the partners
    List {
        #[command(flatten)]
        data: Data,
        /// La liste publique, pour un tableur / The public list, for a spreadsheet
        #[arg(long)]
        csv: bool,
    },
    #[command(flatten)]
    Change(PartnerChange),
}

#[derive(Subcommand)]
pub(super) enum TerminalVerb {
    /// Ajoute un terminal et donne son code d'inscription / Adds a terminal and gives its enrolment code
    Add {
        #[command(flatten)]
        data: Data,
        /// Numéro du partenaire / Id of the partner
        #[arg(long, value_name = "ID")]
        partner: u32,
        /// Terminal que celui-ci remplace, disque perdu / Terminal that this one replaces, disk lost
        #[arg(long, value_name = "ID")]
        replaces: Option<u32>,
        /// Durée du code, en heures / Life of the code, in hours
        #[arg(long, value_name = "HOURS", default_value_t = CODE_HOURS)]
        valid_hours: u32,
        /// Reçoit les droits de toutes les cartes / Is sent the entitlements of all cards
        #[arg(long)]
        all_entitlements: bool,
    },
    /// Suspend un terminal / Suspends a terminal
    Suspend(OneTerminal),
    /// Rétablit un terminal / Lets a terminal sell again
    Resume(OneTerminal),
    /// Révoque les clés d'un terminal volé, définitivement / Revokes the keys of a stolen terminal, for good
    Revoke(OneTerminal),
    /// Dit à tous les terminaux quelle version ils doivent avoir, et pour quand / Tells all terminals which version they must have, and by when
    RequireVersion {
        #[command(flatten)]
        data: Data,
        /// La version, comme 0.2.0 / The version, as 0.2.0
        #[arg(value_parser = version)]
        version: Version,
        /// Dernier jour sans elle, AAAA-MM-JJ / The last day without it, YYYY-MM-DD
        #[arg(long, value_name = "DAY", value_parser = super::settle_args::day)]
        by: Day,
    },
    /// Montre un terminal : état, version, clés publiques / Shows a terminal: standing, version, public keys
    Show(OneTerminal),
    /// Liste les terminaux / Lists the terminals
    List {
        #[command(flatten)]
        data: Data,
        /// Seulement ceux dont la version est trop ancienne / Only those whose version is too old
        #[arg(long)]
        behind: bool,
    },
}

fn version(text: &str) -> Result<Version, &'static str> {
    Version::parse(text).ok_or("a version is three numbers with dots between, as 0.2.0")
}

#[derive(Args)]
pub(super) struct OneTerminal {
    #[command(flatten)]
    pub(super) data: Data,
    /// Numéro du terminal / Id of the terminal
    #[arg(value_name = "ID", required_unless_present = "terminal")]
    pub(super) id: Option<u32>,
    /// Le même / The same
    #[arg(long, value_name = "ID", conflicts_with = "id")]
    pub(super) terminal: Option<u32>,
}

#[derive(Subcommand)]
pub(super) enum CardVerb {
    /// Fait la carte vierge qui est dans le lecteur / Makes the blank card in the reader
    Issue {
        #[command(flatten)]
        data: Data,
        /// Nom du lecteur, comme PC/SC le donne / Name of the reader, as PC/SC gives it
        #[arg(long, value_name = "NAME")]
        reader: String,
        /// Commande pour laquelle la carte est faite / Order that the card is made for
        #[arg(long, value_name = "ORDER", conflicts_with_all = ["profile", "replaces"])]
        order: Option<String>,
        /// Profil du titulaire / Profile of the holder
        #[arg(long, default_value = "lycee", conflicts_with = "replaces")]
        profile: String,
        /// Carte en opposition que celle-ci remplace / Denied card that this one replaces
        #[arg(long, value_name = "CARD")]
        replaces: Option<String>,
        /// Avantage qui paie les frais (sinon le mieux garni) / Benefit that pays the fee (that with the most left otherwise)
        #[arg(long, value_name = "BENEFIT", requires = "replaces")]
        fee_from: Option<String>,
        /// Renonce aux frais / Waives the fee
        #[arg(long, requires = "replaces", conflicts_with = "fee_from")]
        waive_fee: bool,
        /// Secondes pendant lesquelles la carte est attendue / Seconds for which the card is waited for
        #[arg(long, value_name = "SECONDS", default_value_t = 5)]
        wait: u32,
    },
    /// Met une carte en opposition, définitivement / Denies a card, for good
    Deny {
        #[command(flatten)]
        data: Data,
        /// Numéro de la carte / Number of the card
        card: String,
        /// Motif / Reason
        #[arg(long, value_enum)]
        reason: Reason,
    },
    /// Déclare une carte perdue / Declares a card lost
    Lost(life_args::Declare),
    /// Déclare une carte volée / Declares a card stolen
    Stolen(life_args::Declare),
    /// Déclare une carte cassée / Declares a card broken
    Broken(life_args::Declare),
    /// Déclare une carte retrouvée / Declares a card found
    Found {
        #[command(flatten)]
        data: Data,
        /// Numéro de la carte / Number of the card
        card: String,
    },
    /// Donne de nouveaux droits : revalidation, correction / Gives new rights: revalidation, correction
    Entitle {
        #[command(flatten)]
        data: Data,
        /// Numéro de la carte / Number of the card
        card: String,
        /// Saison, l'année de son 1er juin (sinon la présente) / Season, the year of its 1 June (the present one otherwise)
        #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(u16).range(1976..2106))]
        season: Option<u16>,
        /// Accordé : places ou centimes, ou euros avec décimales / Granted: seats or cents, or euros with decimals
        #[arg(long, value_name = "BENEFIT=AMOUNT", num_args = 1..)]
        grant: Vec<String>,
        /// Déjà consommé ou imputé / Consumed before or charged
        #[arg(long, value_name = "BENEFIT=AMOUNT", num_args = 1..)]
        opening: Vec<String>,
    },
    /// Montre une carte : droits, consommation, mouvements / Shows a card: rights, consumption, records
    Show {
        #[command(flatten)]
        data: Data,
        /// Numéro de la carte / Number of the card
        card: String,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Reason {
    /// Perdue / Lost
    Lost,
    /// Volée / Stolen
    Stolen,
    /// Cassée / Broken
    Broken,
}

impl From<Reason> for DenialReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Lost => Self::Lost,
            Reason::Stolen => Self::Stolen,
            Reason::Broken => Self::Broken,
        }
    }
}

#[derive(Subcommand)]
pub(super) enum KeyVerb {
    /// Nouvelle clé de la région, certifiée par la racine / New region key, certified by the root
    Rotate(Rotate),
}

#[derive(Args)]
pub(super) struct Rotate {
    #[command(flatten)]
    pub(super) data: Data,
    /// Clé racine, si elle n'est plus dans le dossier / Root key, when it is not in the directory any more
    #[arg(long, value_name = "FILE")]
    pub(super) root_key: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(super) enum PublishVerb {
    /// Publie un fichier / Publishes a file
    Publish(Publish),
}

impl PublishVerb {
    pub(super) fn publish(self) -> Publish {
        match self {
            Self::Publish(publish) => publish,
        }
    }
}

#[derive(Args)]
pub(super) struct Publish {
    #[command(flatten)]
    pub(super) data: Data,
    /// Le fichier / The file
    pub(super) file: PathBuf,
    /// Saison d'un catalogue qui n'en nomme pas / Season of a catalogue that names none
    #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(u16).range(1976..2106))]
    pub(super) season: Option<u16>,
}

#[derive(Args)]
pub(super) struct Entries {
    #[command(flatten)]
    pub(super) data: Data,
    /// D'un seul terminal / Of one terminal
    #[arg(long, value_name = "ID")]
    pub(super) terminal: Option<u32>,
}

#[derive(Args)]
pub(super) struct Answer {
    #[command(flatten)]
    pub(super) data: Data,
    /// La demande d'un terminal / A terminal's request
    pub(super) request: PathBuf,
    /// Où écrire la réponse / Where to write the answer
    pub(super) answer: PathBuf,
}

#[derive(Args)]
pub(super) struct Backup {
    /// Dossier de la région / Directory of the region
    #[arg(long, value_name = "DIR", env = "PASS_REGION_DATA", required_unless_present = "check")]
    pub(super) data: Option<PathBuf>,
    /// Base, comme ailleurs / Store, as elsewhere
    #[arg(long, value_name = "STORE", env = "PASS_REGION_STORE", hide_env_values = true)]
    pub(super) store: Option<String>,
    /// Fichier à écrire / File to write
    pub(super) file: PathBuf,
    /// N'écrit rien : vérifie cette sauvegarde / Writes nothing: checks this backup
    #[arg(long)]
    pub(super) check: bool,
}

#[derive(Args)]
pub(super) struct Restore {
    #[command(flatten)]
    pub(super) data: Data,
    /// La sauvegarde ; sans elle, la base vient d'être remise par pg_restore / The backup; without it, pg_restore has put the store back
    pub(super) file: Option<PathBuf>,
}
