//! The verbs and options, as clap reads them: everything is checked here, so that a verb gets only values that can be
//! right.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::super::config::{CONFIG_VARIABLE, Override, listen_address};
use crate::crypto::Ed25519PublicKey;
use crate::domain::cashier::{CashierName, Role};
use crate::domain::catalogue::Code;
use crate::domain::closing::PeriodKind;
use crate::domain::entry::Tender;
use crate::domain::refusal::Language;
use crate::domain::{CardNumber, Cents, PaymentId, RequestId, Timestamp};
use crate::terminal::local_time;
use crate::till::json;

/// Terminal PASS'Région : débite les droits de la carte / PASS'Région terminal: redeems the card's rights
#[derive(Debug, Parser)]
#[command(name = "pass-terminal", version, max_term_width = 100)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

/// Where the options that every verb takes stand in its help: after its own.
const COMMON: usize = 100;

/// What every verb takes.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// Fichier de configuration / Configuration file
    #[arg(long, global = true, display_order = COMMON, value_name = "FILE", env = CONFIG_VARIABLE)]
    pub(super) config: Option<PathBuf>,
    /// Dossier du terminal, prioritaire sur la configuration / The terminal's directory, over the configuration's
    #[arg(long, global = true, display_order = COMMON, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// Une clé de la configuration, prioritaire sur le fichier, comme printer.width=48 / A key of the configuration, over the file
    #[arg(long, global = true, display_order = COMMON, value_name = "KEY=VALUE", value_parser = Override::parse)]
    pub(super) set: Vec<Override>,
    /// Réponse en JSON, pour les programmes / Answer in JSON, for programs
    #[arg(long, global = true, display_order = COMMON)]
    pub(super) json: bool,
    /// Langue des réponses / Language of the answers
    #[arg(long, global = true, display_order = COMMON, value_name = "LANGUAGE", value_parser = language_parser())]
    pub(super) lang: Option<Language>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Fait tourner le terminal / Runs the terminal
    Run {
        /// Une partie du nom du lecteur / A part of the reader's name
        #[arg(long, value_name = "NAME")]
        reader: Option<String>,
        /// Adresse de la page et de l'API sur cette machine, comme 127.0.0.1:8470 / Address of the page and the API on this
        /// machine
        #[arg(long, value_name = "ADDRESS", value_parser = listen_address)]
        listen: Option<SocketAddr>,
        /// Adresse où Prometheus lit les mesures, comme 127.0.0.1:9470 / Address where Prometheus reads the metrics
        #[arg(long, value_name = "ADDRESS", value_parser = listen_address)]
        metrics: Option<SocketAddr>,
    },
    /// Donne l'adresse qui ouvre la page de caisse, une fois / Gives the address that opens the cashier's page, once
    Page,
    /// Relie un logiciel de caisse au terminal / Lets a till program use the terminal
    Till {
        #[command(subcommand)]
        verb: TillVerb,
    },
    /// Inscrit le terminal auprès de la région / Enrols the terminal with the region
    Enrol {
        /// Adresse de la région / The region's address
        #[arg(long, value_name = "URL")]
        region: Option<String>,
        /// Code d'inscription, à usage unique / One-time enrolment code
        #[arg(long, value_name = "CODE")]
        code: String,
    },
    /// Dit ce qu'est la carte posée et ce qu'il en reste / Says what the card is, and what is left on it
    Card {
        /// Attente d'une carte, en secondes / How long to wait for a card, in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = wait_parser())]
        wait: u32,
    },
    /// Débite un droit de la carte, une fois l'argent encaissé / Debits a right of the card, the money being collected
    Redeem(Redeem),
    /// Annule une vente de ce terminal / Undoes a sale of this terminal
    Undo(Undo),
    /// Abandonne la vente en doute d'une carte, l'argent étant rendu / Gives up a card's sale in doubt, the money being
    /// returned
    Abandon {
        /// Les 16 chiffres de la carte ; sans eux, la dernière vente en doute / The 16 digits of the card; without them, the
        /// newest sale in doubt
        #[arg(value_parser = CardNumber::parse)]
        card: Option<CardNumber>,
    },
    /// Montre les écritures, la plus récente d'abord / Shows the entries, newest first
    Journal(Journal),
    /// Dit comment va le terminal / Says how the terminal is
    Status,
    /// Échange maintenant avec la région / Exchanges with the region now
    Sync,
    /// Sans ligne : écrit dans un fichier la demande à porter à la région / Without a line: writes to a file the request
    /// that is carried to the region
    Export {
        /// Fichier à écrire, sur une clé USB par exemple / File to write, on a USB stick for one
        file: PathBuf,
    },
    /// Sans ligne : importe la réponse que la région a faite à un export / Without a line: imports the region's answer to
    /// an export
    Import {
        /// Fichier rapporté de la région / File brought back from the region
        file: PathBuf,
    },
    /// Sauvegarde le journal pendant que le terminal vend / Backs the ledger up while the terminal sells
    ///
    /// La sauvegarde tient en un fichier, lisible par vous seul. Les clés privées n'y sont pas : elle ne peut pas vendre,
    /// et un disque perdu se remplace par un nouveau terminal. /
    /// The backup is one file, for you alone to read. The private keys are not in it: it cannot sell, and a lost disk is
    /// replaced by a new terminal.
    Backup {
        /// Fichier à écrire, hors du dossier du terminal / File to write, outside the terminal's directory
        file: PathBuf,
        /// N'écrit rien : vérifie cette sauvegarde, chaîne et signatures / Writes nothing: checks this backup, chain and
        /// signatures
        #[arg(long)]
        check: bool,
    },
    /// Gère les caissiers et leurs codes / Manages the cashiers and their PINs
    ///
    /// Le premier responsable ajouté met les caissiers en service : vendre demande alors de s'identifier. Un code se tape sans s'afficher, ou vient
    /// de l'entrée standard. /
    /// The first manager who is added switches the cashiers on: from then on one signs in to sell. A PIN is typed without being shown, or
    /// comes from standard input.
    Cashier {
        #[command(subcommand)]
        verb: Cashier,
    },
    /// Clôture la journée, le mois ou l'année / Closes the day, the month or the year
    ///
    /// Le mois et l'année clôturés sont les plus anciens qui ne le sont pas encore. / The month or year that is closed is the oldest that is
    /// not closed yet.
    Close(Close),
    /// Montre les clôtures / Shows the closings
    Closings {
        #[command(subcommand)]
        verb: Closings,
    },
    /// Montre ou réimprime un reçu / Shows a receipt or prints it again
    Receipt {
        #[command(subcommand)]
        verb: Receipt,
    },
    /// S'occupe des paiements sur le TPE / Deals with payments on the bank terminal
    Payment {
        #[command(subcommand)]
        verb: Payment,
    },
    /// Archive une année et vérifie une archive / Archives a year and verifies an archive
    Archive {
        #[command(subcommand)]
        verb: Archive,
    },
    /// Vérifie tout le journal : chaîne et signatures / Verifies the whole ledger: chain and signatures
    Verify {
        /// Vérifie ce reçu, lu dans son code QR / Verifies this receipt, as read from its QR symbol
        #[arg(long, value_name = "CODE")]
        receipt: Option<String>,
        /// Clé publique du terminal, 64 chiffres hexadécimaux ; sans elle, celle du dossier / The terminal's public key, 64
        /// hexadecimal digits; the directory's without it
        #[arg(long, value_name = "KEY", requires = "receipt", value_parser = key)]
        key: Option<Ed25519PublicKey>,
    },
    /// Montre les clés publiques du terminal, ou change ses clés / Shows the terminal's public keys, or changes its keys
    ///
    /// À lancer comme utilisateur du terminal. / To be run as the terminal's user.
    Keys {
        #[command(subcommand)]
        verb: Option<Keys>,
    },
    /// Vérifie la configuration / Checks the configuration
    Validate,
    /// Pose les quelques questions de l'installation et écrit la configuration / Asks the few questions of an installation and writes the
    /// configuration
    ///
    /// Le fichier est celui de --config, sinon /etc/pass-terminal/terminal.toml. Ce qui est donné en option n'est pas demandé ; avec un code, le terminal est
    /// inscrit aussitôt. /
    /// The file is that of --config, /etc/pass-terminal/terminal.toml without it. What is given as an option is not asked; with a code the terminal is
    /// enrolled at once.
    Setup(SetupArgs),
    /// Trouve ce qui ne va pas, et la commande qui le répare / Finds what is wrong, and the command that mends it
    ///
    /// Ne change rien, que le service tourne ou non. Finit par 0 si tout va bien, 1 s'il y a des avertissements, 2 si le terminal ne peut pas vendre. /
    /// Changes nothing, whether the service runs or not. Ends with 0 when all is well, 1 for warnings, 2 when the terminal cannot sell.
    Doctor,
}

#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// Met de nouvelles clés à la place : l'ancienne signe la nouvelle au journal / Puts new keys in their place: the old one signs the
    /// new one in the ledger
    Change,
}

#[derive(Debug, Args)]
pub(super) struct SetupArgs {
    /// Adresse de la région / The region's address
    #[arg(long, value_name = "URL")]
    pub(super) region: Option<String>,
    /// Code d'inscription ; vide : plus tard / Enrolment code; empty: later
    #[arg(long, value_name = "CODE")]
    pub(super) code: Option<String>,
    /// Langue des phrases, fr ou en / Language of the sentences, fr or en
    #[arg(long, value_name = "LANGUAGE")]
    pub(super) language: Option<String>,
    /// Imprimante, tcp:HÔTE:9100 ou un appareil ; vide : aucune / Printer, tcp:HOST:9100 or a device; empty: none
    #[arg(long, value_name = "PRINTER")]
    pub(super) printer: Option<String>,
    /// Remplace le fichier qui est là / Replaces the file that is there
    #[arg(long)]
    pub(super) force: bool,
}

#[derive(Debug, Args)]
pub(super) struct Close {
    /// Période / Period
    #[arg(long, default_value = "day", value_parser = period_parser())]
    pub(super) period: PeriodKind,
    /// Espèces comptées dans le tiroir, fonds de caisse compris / Cash counted in the drawer, float and all
    #[arg(long, value_name = "EUROS", value_parser = Cents::parse)]
    pub(super) cash_counted: Option<Cents>,
    /// Fonds de caisse au début de la journée / What was in the drawer when the day began
    #[arg(long, value_name = "EUROS", value_parser = Cents::parse)]
    pub(super) float: Option<Cents>,
}

/// A public key, as `archive` and `pass-region` write it.
fn key(text: &str) -> Result<Ed25519PublicKey, &'static str> {
    let bytes = hex::decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.map(Ed25519PublicKey).ok_or("a key has 64 hexadecimal digits")
}

#[derive(Debug, Subcommand)]
pub(super) enum Receipt {
    /// Montre un reçu, sans le remettre / Shows a receipt, without handing it out
    Show {
        /// Écriture de la vente ou de l'annulation / The entry of the sale or undo
        entry: u64,
    },
    /// Imprime un reçu : un duplicata, s'il l'a déjà été / Prints a receipt: a duplicate, if it was printed before
    Print {
        /// Écriture de la vente ou de l'annulation / The entry of the sale or undo
        entry: u64,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Payment {
    /// Essaie le TPE, sans demander d'argent / Tries the bank terminal, without asking for money
    Test,
    /// Les paiements en cours ou inconnus, et l'argent à rendre / Payments in progress or unknown, and money to give back
    List,
    /// Dit ce qu'est devenu un paiement inconnu, lu sur le TPE ou son ticket / Says what became of an unknown payment, as read
    /// on the bank terminal or its ticket
    Answer {
        /// Le paiement, comme dans la liste / The payment, as in the list
        #[arg(value_parser = json::payment_id)]
        payment: PaymentId,
        /// Payé ou non payé / Paid or not paid
        answer: Word,
        /// Le montant du ticket, s'il n'est pas celui demandé / The ticket's amount, where it is not what was asked
        #[arg(long, value_name = "EUROS", value_parser = Cents::parse)]
        amount: Option<Cents>,
    },
    /// Rend sur le TPE ce qui y a été payé pour une vente qui n'a pas eu lieu / Gives back on the bank terminal what was paid
    /// for a sale that did not come about
    Refund {
        /// Nom de la demande de la vente / The name of the sale's request
        #[arg(value_parser = json::request_id)]
        id: RequestId,
    },
}

/// The cashier's word about an unknown payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Word {
    /// Payé / Paid
    Paid,
    /// Non payé / Not paid
    NotPaid,
}

#[derive(Debug, Subcommand)]
pub(super) enum Archive {
    /// Écrit l'archive d'une année clôturée / Writes the archive of a closed year
    Create {
        /// L'année / The year
        #[arg(long)]
        year: u16,
        /// Dossier à créer, hors de celui du terminal / Directory to make, outside the terminal's
        directory: PathBuf,
    },
    /// Vérifie une archive, partout et sans le terminal / Verifies an archive, anywhere and without the terminal
    Verify {
        /// Le dossier de l'archive / The archive's directory
        directory: PathBuf,
        /// Clé publique attendue du terminal / The public key that the terminal is known by
        #[arg(long, value_name = "KEY", value_parser = key)]
        key: Option<Ed25519PublicKey>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Closings {
    /// Les plus récentes d'abord / The newest first
    List {
        /// Seulement cette période / Only this period
        #[arg(long, value_parser = period_parser())]
        period: Option<PeriodKind>,
        /// Nombre de clôtures au plus / How many closings at most
        #[arg(long, value_name = "N", default_value_t = 31, value_parser = clap::value_parser!(u32).range(1..=400))]
        limit: u32,
    },
    /// Une clôture en entier / One closing as a whole
    Show {
        /// Écriture de la clôture ; sans elle, la dernière / The closing's entry; the newest without it
        entry: Option<u64>,
        /// Remet un duplicata, qui est noté au journal / Hands out a duplicate, which goes on record
        #[arg(long)]
        duplicate: bool,
    },
}

fn period_parser() -> impl clap::builder::TypedValueParser<Value = PeriodKind> {
    let codes = PossibleValuesParser::new(PeriodKind::ALL.map(PeriodKind::code));
    codes.map(|code| PeriodKind::from_code(&code).unwrap_or(PeriodKind::Day))
}

#[derive(Debug, Subcommand)]
pub(super) enum TillVerb {
    /// Ajoute un logiciel de caisse et donne son jeton, une seule fois / Adds a till program and tells its token, once
    Add {
        /// Son nom : lettres, chiffres, - _ . / Its name: letters, digits, - _ .
        name: String,
    },
    /// Montre les caisses et les pages ouvertes / Shows the tills and the open pages
    List,
    /// Retire une caisse ou une page : son jeton ne sert plus / Removes a till or a page: its token works no longer
    Remove {
        /// Son nom, comme dans la liste / Its name, as in the list
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Cashier {
    /// Ajoute un caissier / Adds a cashier
    Add {
        /// Nom affiché / Name as it is shown
        #[arg(long, value_parser = |text: &str| CashierName::new(text))]
        name: CashierName,
        /// Ce qu'il peut faire / What they may do
        #[arg(long, default_value = "cashier", value_parser = role_parser())]
        role: Role,
    },
    /// Montre les caissiers / Shows the cashiers
    List,
    /// Donne un nouveau code / Gives a new PIN
    Pin {
        /// Numéro du caissier / The cashier's number
        #[arg(value_parser = cashier_parser())]
        cashier: u16,
    },
    /// Désactive un caissier / Disables a cashier
    Disable {
        /// Numéro du caissier / The cashier's number
        #[arg(value_parser = cashier_parser())]
        cashier: u16,
    },
    /// Réactive un caissier / Enables a cashier again
    Enable {
        /// Numéro du caissier / The cashier's number
        #[arg(value_parser = cashier_parser())]
        cashier: u16,
    },
    /// Identifie un caissier pour les commandes suivantes / Signs a cashier in for the next commands
    SignIn {
        /// Numéro du caissier / The cashier's number
        #[arg(value_parser = cashier_parser())]
        cashier: u16,
    },
    /// Met fin à l'identification / Signs out
    SignOut,
}

fn cashier_parser() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..)
}

fn role_parser() -> impl clap::builder::TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::ALL.map(Role::code)).map(|code| Role::from_code(&code).unwrap_or(Role::Cashier))
}

#[derive(Debug, Args)]
pub(super) struct Redeem {
    /// Avantage, si plusieurs conviennent / Benefit, where several match
    #[arg(long, value_name = "BENEFIT", value_parser = |text: &str| Code::new(text))]
    pub(super) benefit: Option<Code>,
    /// Prix de l'achat, comme 23,50 / Price of the purchase, as 23.50
    #[arg(long, value_name = "EUROS", value_parser = Cents::parse)]
    pub(super) price: Option<Cents>,
    /// Nombre de places / Number of seats
    #[arg(long, value_name = "N")]
    pub(super) seats: Option<u32>,
    /// Supplément à la charge du titulaire / Supplement, wholly the holder's
    #[arg(long, value_name = "EUROS", default_value = "0", hide_default_value = true, value_parser = Cents::parse)]
    pub(super) supplement: Cents,
    /// Moyen de paiement / How the holder paid
    #[arg(long, value_name = "TENDER", default_value = "cash", value_parser = tender_parser())]
    pub(super) paid: Tender,
    /// Part déjà encaissée autrement, comme cash=5,00 ; le reste est payé selon --paid / A part that is collected
    /// otherwise, as cash=5.00; the rest is paid by --paid
    #[arg(long, value_name = "TENDER=EUROS", value_parser = part)]
    pub(super) part: Vec<(Tender, Cents)>,
    /// Attente de la carte, en secondes [30, ou la configuration] / How long to wait for the card, in seconds [30, or
    /// the configuration's]
    #[arg(long, value_name = "SECONDS", value_parser = wait_parser())]
    pub(super) wait: Option<u32>,
    /// Nom de la demande : la même demande n'est faite qu'une fois / The request's name: the same request is done once
    #[arg(long, value_parser = json::request_id)]
    pub(super) id: Option<RequestId>,
}

#[derive(Debug, Args)]
pub(super) struct Undo {
    /// Écriture de la vente ; sans elle, la dernière / The sale's entry; the last one without it
    pub(super) entry: Option<u64>,
    /// La carte n'est pas là : la région rendra le droit / The card is not there: the region gives the right back
    #[arg(long)]
    pub(super) without_card: bool,
    /// Attente de la carte, en secondes [30, ou la configuration] / How long to wait for the card, in seconds [30, or
    /// the configuration's]
    #[arg(long, value_name = "SECONDS", value_parser = wait_parser())]
    pub(super) wait: Option<u32>,
    /// Nom de la demande : la même demande n'est faite qu'une fois / The request's name: the same request is done once
    #[arg(long, value_parser = json::request_id)]
    pub(super) id: Option<RequestId>,
}

#[derive(Debug, Args)]
pub(super) struct Journal {
    /// Nombre d'écritures au plus / How many entries at most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) limit: u32,
    /// Seulement les écritures avant celle-ci / Only entries before this one
    #[arg(long, value_name = "ENTRY")]
    pub(super) before: Option<u64>,
    /// Depuis ce jour ou cet instant : 2026-11-22, 2026-11-22T20:00 / Since this day or instant
    #[arg(long, value_name = "TIME", value_parser = local_time::parse)]
    pub(super) since: Option<Timestamp>,
}

fn wait_parser() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(0..=600)
}

fn tender_parser() -> impl clap::builder::TypedValueParser<Value = Tender> {
    PossibleValuesParser::new(Tender::ALL.map(Tender::code)).map(|code| Tender::from_code(&code).unwrap_or_default())
}

/// `cash=5.00`.
fn part(text: &str) -> Result<(Tender, Cents), String> {
    let wrong = || format!("« {text} »: write a tender and euros, as cash=5.00");
    let (tender, euros) = text.split_once('=').ok_or_else(wrong)?;
    let tender = Tender::from_code(tender).ok_or_else(wrong)?;
    let cents = Cents::parse(euros).map_err(|error| error.to_string())?;
    Ok((tender, cents))
}

fn language_parser() -> impl clap::builder::TypedValueParser<Value = Language> {
    PossibleValuesParser::new(["fr", "en"]).map(|code| json::language(&code).unwrap_or_default())
}
