//! The command line about holders, orders, establishments, operators and lists.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::args::Data;

#[derive(Subcommand)]
pub(super) enum HolderVerb {
    /// Commande une carte pour quelqu'un / Orders a card for somebody
    Order(NewHolder),
    /// Montre un titulaire et ses commandes / Shows a holder and the orders
    Show(OneHolder),
    /// Montre le solde d'un titulaire / Shows the balance of a holder
    Balance(OneHolder),
    /// Change l'adresse, le courriel ou l'établissement / Changes address, mail or establishment
    Move {
        #[command(flatten)]
        one: OneHolder,
        /// Numéro et rue / Number and street
        #[arg(long, requires_all = ["postcode", "city"])]
        street: Option<String>,
        /// Code postal / Postcode
        #[arg(long, requires = "street")]
        postcode: Option<String>,
        /// Ville / Town
        #[arg(long, requires = "street")]
        city: Option<String>,
        /// Adresse électronique / Mail address
        #[arg(long)]
        mail: Option<String>,
        /// Nouvel établissement / New establishment
        #[arg(long, value_name = "ID")]
        establishment: Option<u32>,
    },
    /// Fin des études : plus rien n'est revalidé / End of the studies: nothing is revalidated any more
    End(OneHolder),
    /// Envoie un nouveau code secret / Sends a new secret
    Secret(OneHolder),
    /// Efface nom, adresse et courriels / Erases name, address and mails
    Erase(OneHolder),
}

#[derive(Args)]
pub(super) struct OneHolder {
    #[command(flatten)]
    pub(super) data: Data,
    /// Référence du titulaire / Reference of the holder
    pub(super) holder: String,
}

#[derive(Args)]
pub(super) struct NewHolder {
    #[command(flatten)]
    pub(super) data: Data,
    /// Prénom / Given name
    #[arg(long)]
    pub(super) given_name: String,
    /// Nom / Family name
    #[arg(long)]
    pub(super) family_name: String,
    /// Année de naissance / Year of birth
    #[arg(long, value_name = "YEAR")]
    pub(super) birth_year: u16,
    /// Adresse électronique / Mail address
    #[arg(long)]
    pub(super) mail: String,
    /// Numéro et rue / Number and street
    #[arg(long)]
    pub(super) street: String,
    /// Code postal / Postcode
    #[arg(long)]
    pub(super) postcode: String,
    /// Ville / Town
    #[arg(long)]
    pub(super) city: String,
    /// Profil / Profile
    #[arg(long, default_value = "lycee")]
    pub(super) profile: String,
    /// Établissement / Establishment
    #[arg(long, value_name = "ID")]
    pub(super) establishment: u32,
    /// C'est un homonyme, une autre personne / It is a namesake, another person
    #[arg(long)]
    pub(super) namesake: bool,
}

#[derive(Subcommand)]
pub(super) enum OrderVerb {
    /// Liste les commandes / Lists the orders
    List {
        #[command(flatten)]
        data: Data,
        /// Étape / Stage
        #[arg(long)]
        stage: Option<String>,
        /// Établissement / Establishment
        #[arg(long, value_name = "ID")]
        establishment: Option<u32>,
    },
    /// L'établissement valide / The establishment validates
    Validate(OneOrder),
    /// L'établissement refuse / The establishment refuses
    Refuse {
        #[command(flatten)]
        one: OneOrder,
        /// Motif : not-enrolled, wrong-profile, wrong-details, duplicate / Reason: the same
        #[arg(long)]
        reason: String,
    },
    /// La carte est partie / The card was put in the post
    Sent(OneOrder),
}

#[derive(Args)]
pub(super) struct OneOrder {
    #[command(flatten)]
    pub(super) data: Data,
    /// Numéro de la commande / Id of the order
    pub(super) order: String,
}

#[derive(Subcommand)]
pub(super) enum EstablishmentVerb {
    /// Ajoute un établissement / Adds an establishment
    Add {
        #[command(flatten)]
        data: Data,
        /// Son nom / Its name
        #[arg(long)]
        name: String,
        /// lycee, cfa, mission-locale, ime, health-social
        #[arg(long)]
        kind: String,
        /// Sa ville / Its town
        #[arg(long)]
        city: String,
    },
    /// Liste les établissements / Lists the establishments
    List {
        #[command(flatten)]
        data: Data,
    },
}

#[derive(Subcommand)]
pub(super) enum OperatorVerb {
    /// Ajoute un opérateur ; son jeton n'est montré qu'une fois / Adds an operator; the token is shown once
    Add {
        #[command(flatten)]
        data: Data,
        /// Qui / Who
        #[arg(long)]
        name: String,
        /// establishment, desk, partner-desk, auditor
        #[arg(long)]
        role: String,
        /// Établissement, pour ce rôle / Establishment, for that role
        #[arg(long, value_name = "ID")]
        establishment: Option<u32>,
    },
    /// Liste les opérateurs / Lists the operators
    List {
        #[command(flatten)]
        data: Data,
    },
    /// Retire un jeton / Revokes a token
    Revoke {
        #[command(flatten)]
        data: Data,
        /// Identifiant de l'opérateur / Id of the operator
        id: String,
    },
}

#[derive(Args)]
pub(super) struct Revalidate {
    #[command(flatten)]
    pub(super) data: Data,
    /// La liste : CSV, colonnes card et profile / The list: CSV, columns card and profile
    pub(super) list: PathBuf,
    /// Saison, l'année de son 1er juin / Season, the year of its 1 June
    #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(u16).range(1976..2106))]
    pub(super) season: u16,
    /// Seulement les cartes de cet établissement / Only cards of this establishment
    #[arg(long, value_name = "ID")]
    pub(super) establishment: Option<u32>,
}

#[derive(Args)]
pub(super) struct Declare {
    #[command(flatten)]
    pub(super) data: Data,
    /// Numéro de la carte / Number of the card
    pub(super) card: String,
    /// Avantage qui paie la nouvelle carte (sinon le mieux garni) / Benefit that pays the new card (that with the most left otherwise)
    #[arg(long, value_name = "BENEFIT")]
    pub(super) fee_from: Option<String>,
    /// Renonce aux frais / Waives the fee
    #[arg(long, conflicts_with = "fee_from")]
    pub(super) waive_fee: bool,
}
