//! Mails that wait to be sent. One that was given to a sender is given to no other.

use super::engine::{Kind, Table, values};
use super::{Row, StoreError, Stored, Tx};
use crate::domain::{HolderReference, Timestamp};
use crate::region::holders::mails::{MailStage, Template};

/// A mail, as it waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailRow {
    /// To whom.
    pub holder: HolderReference,
    /// Its id, which its Message-ID is made of.
    pub id: [u8; 16],
    /// Which text.
    pub template: Template,
    /// What the text needs, as JSON.
    pub data: String,
    /// How often it was tried.
    pub tries: u32,
}

/// How many mails are in a stage, and since when the oldest waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailCount {
    /// Where they are.
    pub stage: MailStage,
    /// How many.
    pub count: u64,
    /// When the first of them was queued.
    pub oldest: Timestamp,
}

const MAILS: Table = Table {
    name: "mail",
    columns: &[
        ("holder", Kind::Blob),
        ("mail_id", Kind::Blob),
        ("template", Kind::Text),
        ("data", Kind::Text),
        ("stage", Kind::Text),
        ("queued_at", Kind::Integer),
        ("due_at", Kind::Integer),
        ("tries", Kind::Integer),
    ],
    conflict: "",
};

impl Tx<'_> {
    /// Queues mails.
    pub fn queue_mails(&self, mails: &[MailRow], now: Timestamp) -> Stored<()> {
        let rows = mails.iter().map(|mail| {
            let queued = MailStage::Queued.code();
            values![mail.holder, mail.id, mail.template.code(), mail.data.as_str(), queued, now, now, mail.tries]
                .to_vec()
        });
        self.insert(&MAILS, rows.collect())
    }

    /// Mails that are due, the first first.
    pub fn mails_due(&self, now: Timestamp, limit: u32) -> Stored<Vec<MailRow>> {
        let rows = self.rows(
            "SELECT holder, mail_id, template, data, tries FROM mail WHERE stage = 'queued' AND due_at <= $1
             ORDER BY due_at LIMIT $2",
            &values![now, limit],
        )?;
        rows.iter().map(mail).collect()
    }

    /// Takes a mail to send it; `false` when another has taken it.
    pub fn take_mail(&self, mail: &MailRow) -> Stored<bool> {
        let taken = self.execute(
            "UPDATE mail SET stage = 'sending', tries = tries + 1 WHERE holder = $1 AND mail_id = $2 AND stage = 'queued'",
            &values![mail.holder, mail.id],
        )?;
        Ok(taken == 1)
    }

    /// What became of a mail that was taken. One that is to be sent again is due at `due`; of one that ended the data are forgotten.
    pub fn settle_mail(&self, mail: &MailRow, stage: MailStage, due: Timestamp) -> Stored<()> {
        let data = if stage == MailStage::Queued { mail.data.as_str() } else { "" };
        self.execute(
            "UPDATE mail SET stage = $3, due_at = $4, data = $5 WHERE holder = $1 AND mail_id = $2 AND stage = 'sending'",
            &values![mail.holder, mail.id, stage.code(), due, data],
        )?;
        Ok(())
    }

    /// How many mails are where.
    pub fn mail_counts(&self) -> Stored<Vec<MailCount>> {
        let rows = self.rows("SELECT stage, count(*), min(queued_at) FROM mail GROUP BY stage ORDER BY stage", &[])?;
        let counts = rows.iter().map(|row| {
            let stage = MailStage::of_code(&row.get::<String>(0)?);
            let stage = stage.ok_or(StoreError::Inconsistent("the stage of a mail"))?;
            Ok(MailCount { stage, count: row.get(1)?, oldest: row.get(2)? })
        });
        counts.collect()
    }
}

fn mail(row: &Row) -> Stored<MailRow> {
    let template = Template::of_code(&row.get::<String>(2)?);
    Ok(MailRow {
        holder: row.get(0)?,
        id: row.get(1)?,
        template: template.ok_or(StoreError::Inconsistent("the template of a mail"))?,
        data: row.get(3)?,
        tries: row.get(4)?,
    })
}
