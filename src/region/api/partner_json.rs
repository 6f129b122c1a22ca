//! What programs are told of a partner: the desk's API and `pass-region partner --json` say the same.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::catalogue::Code;
use crate::region::partners::PartnerFile;
use crate::region::store::{PartnerRow, PartnerSettlement};

/// A partner.
#[derive(Serialize, ToSchema)]
pub(in crate::region) struct PartnerJson {
    partner_id: u32,
    name: String,
    activities: Vec<String>,
    city: Option<String>,
    /// Since when all its terminals are suspended.
    suspended_at: Option<String>,
}

/// Everything of a partner.
#[derive(Serialize, ToSchema)]
pub(in crate::region) struct PartnerFileJson {
    #[serde(flatten)]
    partner: PartnerJson,
    /// Its terminals.
    terminals: Vec<u32>,
    /// The account that it is paid to, masked; without one nothing is paid.
    iban: Option<String>,
    /// The holder of that account; not for auditors, who are shown no names.
    account_holder: Option<String>,
    /// What it was paid by the newest settlements, the newest first, at most 200.
    settlements: Vec<PaidJson>,
}

/// What a settlement paid a partner.
#[derive(Serialize, ToSchema)]
pub(in crate::region) struct PaidJson {
    settlement: u32,
    /// What was left over from the settlement before, in cents.
    carried_cents: i64,
    /// Its lines, in cents.
    lines_cents: i64,
    /// What was paid, in cents.
    paid_cents: u64,
    /// What is carried over to the next, in cents.
    rest_cents: i64,
}

impl From<PartnerRow> for PartnerJson {
    fn from(row: PartnerRow) -> Self {
        Self {
            partner_id: row.id.get(),
            name: row.partner.name,
            activities: row.partner.activities.iter().map(Code::to_string).collect(),
            city: row.city,
            suspended_at: row.suspended_at.map(|at| at.to_string()),
        }
    }
}

impl PaidJson {
    fn new((settlement, of): &(u32, PartnerSettlement)) -> Self {
        Self {
            settlement: *settlement,
            carried_cents: of.carried.get(),
            lines_cents: of.lines.get(),
            paid_cents: of.paid.get(),
            rest_cents: of.rest().get(),
        }
    }
}

impl PartnerFileJson {
    pub(in crate::region) fn new(file: PartnerFile, paid: &[(u32, PartnerSettlement)]) -> Self {
        let account = file.bank.map(|bank| bank.account);
        Self {
            iban: account.as_ref().map(|account| account.iban.masked()),
            account_holder: account.map(|account| account.holder),
            terminals: file.terminals.iter().map(|terminal| terminal.get()).collect(),
            settlements: paid.iter().map(PaidJson::new).collect(),
            partner: file.row.into(),
        }
    }

    /// The same for whoever is shown no names of people.
    pub(super) fn without_names(self) -> Self {
        Self { account_holder: None, ..self }
    }
}
