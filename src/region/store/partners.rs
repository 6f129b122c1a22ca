//! What changes about partners: activities, city, suspension; and the accounts that they are paid to, and that the region pays from, of which every
//! version is kept.

use std::collections::BTreeMap;

use super::engine::{Value, values};
use super::{PartnerRow, Row, StoreError, Stored, Tx};
use crate::domain::catalogue::Code;
use crate::domain::{PartnerId, TerminalId, Timestamp};
use crate::region::bank::{Account, Bic, Iban};
use crate::wire::feed::Partner;

/// An account, as it was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// 1, 2, 3... for its owner.
    pub version: u32,
    /// The account.
    pub account: Account,
    /// Since when it is this one.
    pub set_at: Timestamp,
}

const ACCOUNT_COLUMNS: &str = "version, holder, iban, bic, set_at";

/// Reads [`ACCOUNT_COLUMNS`].
fn account_row(row: &Row) -> Stored<AccountRow> {
    let iban = Iban::parse(&row.get::<String>(2)?).map_err(|_| StoreError::Inconsistent("an account"))?;
    let bic = row.get::<Option<String>>(3)?;
    let bic = bic.map(|bic| Bic::parse(&bic).ok_or(StoreError::Inconsistent("a bank"))).transpose()?;
    let account = Account { holder: row.get(1)?, iban, bic };
    Ok(AccountRow { version: row.get(0)?, account, set_at: row.get(4)? })
}

fn bic_column(account: &Account) -> Option<&str> {
    account.bic.as_ref().map(Bic::as_str)
}

impl Tx<'_> {
    /// Up to `limit` partners after `after`, in the order of their ids.
    pub fn partners(&self, after: PartnerId, limit: u32) -> Stored<Vec<PartnerRow>> {
        let sql = "SELECT partner_id, name, city, suspended_at FROM partner WHERE partner_id > $1 ORDER BY partner_id LIMIT $2";
        let rows = self.rows(sql, &values![after, limit])?;
        let Some(last) = rows.last() else { return Ok(Vec::new()) };
        let last: PartnerId = last.get(0)?;
        let sql = "SELECT partner_id, activity FROM partner_activity WHERE partner_id > $1 AND partner_id <= $2
                   ORDER BY activity";
        let activities = self.rows(sql, &values![after, last])?;
        let mut by_partner: BTreeMap<PartnerId, Vec<Code>> = BTreeMap::new();
        for row in &activities {
            by_partner.entry(row.get(0)?).or_default().push(row.get(1)?);
        }
        let partners = rows.iter().map(|row| {
            let id = row.get(0)?;
            let partner = Partner { name: row.get(1)?, activities: by_partner.remove(&id).unwrap_or_default() };
            Ok(PartnerRow { id, partner, city: row.get(2)?, suspended_at: row.get(3)? })
        });
        partners.collect()
    }

    /// The partner as the desk sees it.
    pub fn partner_row(&self, id: PartnerId) -> Stored<Option<PartnerRow>> {
        let Some(partner) = self.partner(id)? else { return Ok(None) };
        let row = self.one("SELECT city, suspended_at FROM partner WHERE partner_id = $1", &values![id])?;
        Ok(Some(PartnerRow { id, partner, city: row.get(0)?, suspended_at: row.get(1)? }))
    }

    /// Since when all terminals of the partner are suspended. Until this transaction ends no other changes it.
    pub fn lock_partner(&self, id: PartnerId) -> Stored<Option<Timestamp>> {
        let sql = format!("SELECT suspended_at FROM partner WHERE partner_id = $1{}", self.locking(super::Lock::Wait));
        self.one(&sql, &values![id])?.get(0)
    }

    /// The partner is suspended since then, or not at all.
    pub fn set_suspended(&self, id: PartnerId, since: Option<Timestamp>) -> Stored<()> {
        self.execute("UPDATE partner SET suspended_at = $2 WHERE partner_id = $1", &values![id, since])?;
        Ok(())
    }

    /// Where people find the partner.
    pub fn set_city(&self, id: PartnerId, city: Option<&str>) -> Stored<()> {
        self.execute("UPDATE partner SET city = $2 WHERE partner_id = $1", &values![id, city])?;
        Ok(())
    }

    pub(super) fn add_activities(&self, id: PartnerId, activities: &[Code]) -> Stored<()> {
        for activity in activities {
            let sql = "INSERT INTO partner_activity (partner_id, activity) VALUES ($1, $2)";
            self.execute(sql, &values![id, activity])?;
        }
        Ok(())
    }

    /// From now on these are its activities.
    pub fn set_activities(&self, id: PartnerId, activities: &[Code]) -> Stored<()> {
        self.execute("DELETE FROM partner_activity WHERE partner_id = $1", &values![id])?;
        self.add_activities(id, activities)
    }

    /// The terminals of a partner.
    pub fn terminals_of(&self, id: PartnerId) -> Stored<Vec<TerminalId>> {
        let sql = "SELECT terminal_id FROM terminal WHERE partner_id = $1 ORDER BY terminal_id";
        self.rows(sql, &values![id])?.iter().map(|row| row.get(0)).collect()
    }

    /// The partner is paid to this account from now on; its version.
    pub fn set_bank(&self, id: PartnerId, account: &Account, now: Timestamp) -> Stored<u32> {
        let row = self.one(
            "INSERT INTO partner_bank (partner_id, version, holder, iban, bic, set_at) VALUES ($1,
             (SELECT coalesce(max(version), 0) + 1 FROM partner_bank WHERE partner_id = $1), $2, $3, $4, $5)
             RETURNING version",
            &values![id, account.holder.as_str(), account.iban.as_str(), bic_column(account), now],
        )?;
        row.get(0)
    }

    /// The account that the partner is paid to: this version of it, or the newest.
    pub fn bank(&self, id: PartnerId, version: Option<u32>) -> Stored<Option<AccountRow>> {
        let sql = format!(
            "SELECT {ACCOUNT_COLUMNS} FROM partner_bank WHERE partner_id = $1 AND version <= $2
             ORDER BY version DESC LIMIT 1"
        );
        self.row(&sql, &values![id, version.unwrap_or(u32::MAX)])?.as_ref().map(account_row).transpose()
    }

    /// The region pays from this account from now on; its version.
    pub fn set_payer(&self, account: &Account, now: Timestamp) -> Stored<u32> {
        let row = self.one(
            "INSERT INTO payer (version, holder, iban, bic, set_at)
             VALUES ((SELECT coalesce(max(version), 0) + 1 FROM payer), $1, $2, $3, $4) RETURNING version",
            &values![account.holder.as_str(), account.iban.as_str(), bic_column(account), now],
        )?;
        row.get(0)
    }

    /// The account that the region paid from at `time`, or the first that it had afterwards.
    pub fn payer_at(&self, time: Timestamp) -> Stored<Option<AccountRow>> {
        let first = |condition: &str, values: &[Value]| {
            let sql = format!("SELECT {ACCOUNT_COLUMNS} FROM payer {condition} LIMIT 1");
            self.row(&sql, values)?.as_ref().map(account_row).transpose()
        };
        match first("WHERE set_at <= $1 ORDER BY version DESC", &values![time])? {
            Some(account) => Ok(Some(account)),
            None => first("ORDER BY version", &[]),
        }
    }
}
