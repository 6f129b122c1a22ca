//! The command line about money: what changes about partners, settlements, and why an entry was paid.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::super::error::RegionError;
use super::super::settlement::days::Day;
use super::super::settlement::trouble::SettlementTrouble;
use super::args::Data;

/// A day that somebody typed.
pub(super) fn day(text: &str) -> Result<Day, RegionError> {
    Ok(Day::parse(text).ok_or_else(|| SettlementTrouble::NotADay(text.to_owned()))?)
}

#[derive(Subcommand)]
pub(super) enum PartnerChange {
    /// Change les activités ; les certificats suivent au prochain échange / Changes the activities; certificates follow with the next exchange
    SetActivities {
        #[command(flatten)]
        of: OnePartner,
        /// Ses activités : cinema, bookshop... / Its activities: cinema, bookshop...
        #[arg(long, required = true, num_args = 1..)]
        activity: Vec<String>,
    },
    /// Change la ville de la liste publique / Changes the city in the public list
    SetCity {
        #[command(flatten)]
        of: OnePartner,
        /// La ville (sinon aucune) / The city (none otherwise)
        #[arg(long)]
        city: Option<String>,
    },
    /// Donne le compte qui est payé / Gives the account that is paid to
    SetBank {
        #[command(flatten)]
        of: OnePartner,
        #[command(flatten)]
        account: AccountArgs,
    },
    /// Suspend un partenaire et tous ses terminaux / Suspends a partner and all its terminals
    Suspend(OnePartner),
    /// Rétablit un partenaire / Lets a partner sell again
    Resume(OnePartner),
    /// Montre un partenaire / Shows a partner
    Show(OnePartner),
}

#[derive(Args)]
pub(super) struct OnePartner {
    #[command(flatten)]
    pub(super) data: Data,
    /// Numéro du partenaire / Id of the partner
    #[arg(value_name = "ID")]
    pub(super) id: u32,
}

#[derive(Args)]
pub(super) struct AccountArgs {
    /// Titulaire du compte / Holder of the account
    #[arg(long, value_name = "NAME")]
    pub(super) holder: String,
    /// IBAN, avec ou sans espaces / IBAN, with or without spaces
    #[arg(long)]
    pub(super) iban: String,
    /// BIC, s'il est connu / BIC, where it is known
    #[arg(long)]
    pub(super) bic: Option<String>,
}

#[derive(Subcommand)]
pub(super) enum SettleVerb {
    /// Arrête les comptes à un jour passé / Closes the accounts at a day that has passed
    Close {
        #[command(flatten)]
        data: Data,
        /// Dernier jour, heure de Paris : 2026-11-30 / Last day, Paris time: 2026-11-30
        #[arg(long, value_name = "DATE")]
        until: String,
    },
    /// Liste les règlements / Lists the settlements
    List {
        #[command(flatten)]
        data: Data,
    },
    /// Montre un règlement, partenaire par partenaire / Shows a settlement, partner by partner
    Show(OneSettlement),
    /// Refait un règlement depuis les preuves et compare / Makes a settlement again from the evidence and compares
    Verify(OneSettlement),
    /// Écrit les fichiers : comptable, banque, relevés / Writes the files: accountant, bank, statements
    Export {
        #[command(flatten)]
        of: OneSettlement,
        /// Dossier où écrire / Directory to write to
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
        /// Jour d'exécution des virements (sinon le jour ouvré suivant) / Day of the transfers (the next weekday otherwise)
        #[arg(long, value_name = "DATE")]
        execute: Option<String>,
    },
    /// Donne le compte qui paie / Gives the account that pays
    Payer {
        #[command(flatten)]
        data: Data,
        #[command(flatten)]
        account: AccountArgs,
    },
}

#[derive(Args)]
pub(super) struct OneSettlement {
    #[command(flatten)]
    pub(super) data: Data,
    /// Numéro du règlement / Number of the settlement
    #[arg(value_name = "NUMBER")]
    pub(super) number: u32,
}

#[derive(Subcommand)]
pub(super) enum EntryVerb {
    /// Pourquoi une écriture est payée ou non / Why an entry is paid or not
    Show {
        #[command(flatten)]
        data: Data,
        /// Numéro du terminal / Id of the terminal
        terminal: u32,
        /// Numéro de l'écriture / Number of the entry
        sequence: u64,
    },
}
