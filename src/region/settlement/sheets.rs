//! The tables of a settlement for the accountant: every line, the sums by partner and benefit, and what each partner is paid. Column names are
//! French, because the accountant's programs are. The table of all lines is hashed into the seal: its form is part of what is closed.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::region::Region;
use crate::region::error::RegionError;
use crate::region::store::{StoreError, TotalRow};

use super::csv::{Csv, Field};
use super::days::Day;
use super::{Line, SettlementFile, credit_transfer};

/// What could not be written. Whoever named the file puts its name here.
pub(super) fn unwritten(error: io::Error) -> RegionError {
    RegionError::Io { path: PathBuf::from("-"), error }
}

fn number(of: u64) -> Field<'static> {
    // No count and no amount comes near the end of 63 bits.
    Field::Number(i64::try_from(of).unwrap_or(i64::MAX))
}

/// The table of all lines, line by line.
#[derive(Debug)]
pub struct EntrySheet<'f, W> {
    file: &'f SettlementFile,
    csv: Csv<W>,
}

impl<'f, W: Write> EntrySheet<'f, W> {
    /// A table without lines yet.
    ///
    /// # Errors
    /// What writing says.
    pub fn begin(file: &'f SettlementFile, out: W) -> Result<Self, RegionError> {
        let columns = [
            "reglement",
            "partenaire",
            "terminal",
            "branche",
            "ecriture",
            "empreinte",
            "version_jugement",
            "jour",
            "saison",
            "avantage",
            "regularisation",
            "ventes",
            "quantite",
            "centimes_avant",
            "centimes_apres",
            "centimes",
            "euros",
        ];
        Ok(Self { file, csv: Csv::begin(out, &columns).map_err(unwritten)? })
    }

    /// Writes a line.
    ///
    /// # Errors
    /// What writing says.
    pub fn line(&mut self, line: &Line) -> Result<(), RegionError> {
        let (season, change) = (line.season.to_string(), &line.change);
        let name = self.file.name(line.season, line.slot);
        let row = [
            self.file.settlement.number.into(),
            line.partner.get().into(),
            line.terminal.get().into(),
            change.place.branch.into(),
            number(change.place.sequence.get()),
            Field::Plain(&change.hash.to_string()),
            change.version.into(),
            Field::Plain(&Day::of(line.sold_at).to_string()),
            Field::Plain(&season),
            Field::Plain(&name.code),
            Field::Plain(if line.correction { "oui" } else { "non" }),
            Field::Number(line.sales()),
            Field::Number(line.amount()),
            number(change.before.get()),
            number(change.after.get()),
            line.cents().into(),
            Field::Euros(line.cents()),
        ];
        self.csv.row(&row).map_err(unwritten)
    }

    /// The writer, once every line is written.
    pub fn end(self) -> W {
        self.csv.end()
    }
}

impl Region {
    /// Writes the table of all lines.
    ///
    /// # Errors
    /// As [`Region::settlement_lines`], and what writing says.
    pub fn write_entries(&self, file: &SettlementFile, out: impl Write) -> Result<(), RegionError> {
        let mut sheet = EntrySheet::begin(file, out)?;
        self.settlement_lines(file, None, |line| sheet.line(line))?;
        sheet.end().flush().map_err(unwritten)
    }

    /// Writes what each partner is paid, with the account.
    ///
    /// # Errors
    /// [`SettlementTrouble::Unfinished`](super::trouble::SettlementTrouble::Unfinished), the store's, what writing says.
    pub fn write_payments(&self, file: &SettlementFile, out: impl Write) -> Result<(), RegionError> {
        file.sealed()?;
        let columns = [
            "reglement",
            "partenaire",
            "nom",
            "report_centimes",
            "lignes_centimes",
            "verse_centimes",
            "a_reporter_centimes",
            "verse_euros",
            "titulaire",
            "iban",
            "bic",
            "reference_virement",
            "motif",
        ];
        let mut csv = Csv::begin(out, &columns).map_err(unwritten)?;
        for of in &file.partners {
            let account = self.paid_to(of)?;
            let (holder, iban, bic) = account.as_ref().map_or(("", "", ""), |account| {
                let bic = account.bic.as_ref().map_or("", |bic| bic.as_str());
                (account.holder.as_str(), account.iban.as_str(), bic)
            });
            let reference = account.as_ref().map(|_| credit_transfer::reference(file.settlement.number, of.partner));
            let why_not = match (of.paid.is_zero(), of.rest().get()) {
                (false, _) => "",
                (true, 0) => "solde nul",
                (true, rest) if rest < 0 => "solde en faveur de la région, reporté",
                (true, _) => "compte bancaire inconnu, reporté",
            };
            let row = [
                file.settlement.number.into(),
                of.partner.get().into(),
                Field::Text(&of.name),
                of.carried.into(),
                of.lines.into(),
                number(of.paid.get()),
                of.rest().into(),
                Field::Euros(of.paid.into()),
                Field::Text(holder),
                Field::Plain(iban),
                Field::Plain(bic),
                Field::Plain(reference.as_deref().unwrap_or_default()),
                Field::Plain(why_not),
            ];
            csv.row(&row).map_err(unwritten)?;
        }
        csv.end().flush().map_err(unwritten)
    }
}

/// Writes the sums by partner and benefit.
///
/// # Errors
/// [`SettlementTrouble::Unfinished`](super::trouble::SettlementTrouble::Unfinished), what writing says.
pub fn write_totals(file: &SettlementFile, out: impl Write) -> Result<(), RegionError> {
    file.sealed()?;
    let columns = [
        "reglement",
        "partenaire",
        "nom",
        "saison",
        "avantage",
        "libelle",
        "unite",
        "ventes",
        "quantite",
        "centimes",
        "euros",
        "dont_regularisations_centimes",
    ];
    let mut csv = Csv::begin(out, &columns).map_err(unwritten)?;
    for total in &file.totals {
        let TotalRow { partner, season, slot, sales, amount, cents, corrected } = *total;
        let name = file.name(season, slot);
        let of = file.partners.iter().find(|of| of.partner == partner);
        let of = of.ok_or(StoreError::Inconsistent("a total without its partner"))?;
        let row = [
            file.settlement.number.into(),
            partner.get().into(),
            Field::Text(&of.name),
            Field::Plain(&season.to_string()),
            Field::Plain(&name.code),
            Field::Text(&name.french),
            Field::Plain(match name.unit.as_str() {
                "seat" => "place",
                "cent" => "centime",
                _ => "",
            }),
            Field::Number(sales),
            Field::Number(amount),
            cents.into(),
            Field::Euros(cents),
            corrected.into(),
        ];
        csv.row(&row).map_err(unwritten)?;
    }
    csv.end().flush().map_err(unwritten)
}
