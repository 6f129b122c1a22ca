//! Settlements: what was settled of which entry, when, and to whom it was paid. Everything here is evidence: added, never changed.

use super::chain::{EntryKey, Place};
use super::engine::{Kind, Lock, Table, values};
use super::judgement::{Judged, judged};
use super::{Row, Stored, Tx};
use crate::domain::catalogue::Benefit;
use crate::domain::{Balance, Cents, EntryHash, PartnerId, Season, Sequence, Slot, TerminalId, Timestamp};

/// A settlement that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementRow {
    /// 1, 2, 3...
    pub number: u32,
    /// Its last day in Europe/Paris, as `2026-11-30`.
    pub until: String,
    /// The first instant after it.
    pub ends_at: Timestamp,
    /// When it was begun.
    pub begun_at: Timestamp,
}

/// That a settlement is closed, and what it comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealRow {
    /// When.
    pub sealed_at: Timestamp,
    /// How many lines it has.
    pub lines: u64,
    /// The sum of its lines.
    pub cents: Balance,
    /// What is paid.
    pub paid: Cents,
    /// SHA-256 of the file of all lines.
    pub entries_sha256: [u8; 32],
}

/// An entry that is worth otherwise than was settled of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsettled {
    /// Where it stands.
    pub place: Place,
    /// SHA-256 of it.
    pub hash: EntryHash,
    /// Its newest verdict's version.
    pub version: u32,
    /// What was settled of it.
    pub before: Cents,
    /// What that verdict says.
    pub after: Cents,
}

/// A line to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewLine {
    /// Of which terminal's entry.
    pub terminal: TerminalId,
    /// In which settlement.
    pub number: u32,
    /// What changed.
    pub change: Unsettled,
}

/// A line with the evidence that it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettledLine {
    /// What was settled.
    pub change: Unsettled,
    /// The entry as it was signed.
    pub cose: Vec<u8>,
    /// When the region took it.
    pub received_at: Timestamp,
    /// What the verdict of that version says.
    pub judged: Cents,
    /// What earlier settlements say of the entry.
    pub settled_before: Cents,
}

/// A terminal that a settlement has lines of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettledTerminal {
    /// The terminal.
    pub terminal: TerminalId,
    /// Its partner.
    pub partner: PartnerId,
    /// How many lines.
    pub lines: u64,
}

/// The sum of a partner's lines of one benefit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TotalRow {
    /// Whose.
    pub partner: PartnerId,
    /// The benefit's season.
    pub season: Season,
    /// Its slot.
    pub slot: Slot,
    /// Sales, less those that were taken off.
    pub sales: i64,
    /// What these debited, in the unit of the benefit.
    pub amount: i64,
    /// What they are worth.
    pub cents: Balance,
    /// What of it corrects an earlier period.
    pub corrected: Balance,
}

/// What a partner is paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartnerSettlement {
    /// Who.
    pub partner: PartnerId,
    /// What it was called.
    pub name: String,
    /// What was left over from the settlement before.
    pub carried: Balance,
    /// This one's lines.
    pub lines: Balance,
    /// What is paid.
    pub paid: Cents,
    /// The version of the account that it is paid to; `None` when nothing is paid.
    pub bank_version: Option<u32>,
}

impl PartnerSettlement {
    /// What is carried over to the next settlement.
    pub fn rest(&self) -> Balance {
        self.carried.plus(self.lines).minus(self.paid.into())
    }
}

/// A version of an entry's verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionRow {
    /// The branch of the entry.
    pub branch: u32,
    /// The verdict.
    pub judged: Judged,
    /// When it was given.
    pub judged_at: Timestamp,
}

/// A line of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryLine {
    /// In which settlement.
    pub number: u32,
    /// What changed.
    pub change: Unsettled,
}

const LINES: Table = Table {
    name: "settlement_line",
    columns: &[
        ("terminal_id", Kind::Integer),
        ("number", Kind::Integer),
        ("sequence", Kind::Integer),
        ("branch", Kind::Integer),
        ("hash", Kind::Blob),
        ("version", Kind::Integer),
        ("before_cents", Kind::Integer),
        ("after_cents", Kind::Integer),
    ],
    conflict: "",
};

const TOTALS: Table = Table {
    name: "settlement_total",
    columns: &[
        ("partner_id", Kind::Integer),
        ("number", Kind::Integer),
        ("season", Kind::Integer),
        ("slot", Kind::Integer),
        ("sales", Kind::Integer),
        ("amount", Kind::Integer),
        ("cents", Kind::Integer),
        ("corrected_cents", Kind::Integer),
    ],
    conflict: "",
};

const PARTNERS: Table = Table {
    name: "settlement_partner",
    columns: &[
        ("partner_id", Kind::Integer),
        ("number", Kind::Integer),
        ("name", Kind::Text),
        ("carried_cents", Kind::Integer),
        ("lines_cents", Kind::Integer),
        ("paid_cents", Kind::Integer),
        ("bank_version", Kind::Integer),
    ],
    conflict: "",
};

/// The columns that [`change`] reads first.
const CHANGE_COLUMNS: &str = "l.branch, l.sequence, l.hash, l.version, l.before_cents, l.after_cents";

fn change(row: &Row) -> Stored<Unsettled> {
    Ok(Unsettled {
        place: Place { branch: row.get(0)?, sequence: row.get(1)? },
        hash: row.get(2)?,
        version: row.get(3)?,
        before: row.get(4)?,
        after: row.get(5)?,
    })
}

fn settlement(row: &Row) -> Stored<SettlementRow> {
    Ok(SettlementRow { number: row.get(0)?, until: row.get(1)?, ends_at: row.get(2)?, begun_at: row.get(3)? })
}

fn partner_settlement(row: &Row) -> Stored<PartnerSettlement> {
    Ok(PartnerSettlement {
        partner: row.get(0)?,
        name: row.get(1)?,
        carried: row.get(2)?,
        lines: row.get(3)?,
        paid: row.get(4)?,
        bank_version: row.get(5)?,
    })
}

impl Tx<'_> {
    /// Until this transaction ends no other begins, continues or seals a settlement.
    pub fn lock_settlements(&self) -> Stored<()> {
        self.one(&format!("SELECT id FROM region WHERE id = 1{}", self.locking(Lock::Wait)), &[])?;
        Ok(())
    }

    /// Every settlement, in order.
    pub fn settlements(&self) -> Stored<Vec<SettlementRow>> {
        let sql = "SELECT number, until, ends_at, begun_at FROM settlement ORDER BY number";
        self.rows(sql, &[])?.iter().map(settlement).collect()
    }

    /// The settlement with this number, or the newest below it.
    pub fn settlement_up_to(&self, number: u32) -> Stored<Option<SettlementRow>> {
        let sql =
            "SELECT number, until, ends_at, begun_at FROM settlement WHERE number <= $1 ORDER BY number DESC LIMIT 1";
        self.row(sql, &values![number])?.as_ref().map(settlement).transpose()
    }

    /// A settlement begins.
    pub fn begin_settlement(&self, row: &SettlementRow) -> Stored<()> {
        self.execute(
            "INSERT INTO settlement (number, until, ends_at, begun_at) VALUES ($1, $2, $3, $4)",
            &values![row.number, row.until.as_str(), row.ends_at, row.begun_at],
        )?;
        Ok(())
    }

    /// How a benefit is called in a settlement.
    pub fn name_benefit(&self, number: u32, season: Season, benefit: &Benefit) -> Stored<()> {
        let (slot, unit) = (benefit.slot, benefit.unit.code());
        let (code, french, english) = (&benefit.code, benefit.label_fr.as_str(), benefit.label_en.as_str());
        self.execute(
            "INSERT INTO settlement_benefit (number, season, slot, code, label_fr, label_en, unit)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            &values![number, season, slot, code, french, english, unit],
        )?;
        Ok(())
    }

    /// How benefits are called in a settlement: season, slot, code, French, English, unit.
    pub fn benefit_names(&self, number: u32) -> Stored<Vec<(Season, Slot, [String; 4])>> {
        let rows = self.rows(
            "SELECT season, slot, code, label_fr, label_en, unit FROM settlement_benefit WHERE number = $1
             ORDER BY season, slot",
            &values![number],
        )?;
        let names =
            rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?, [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?])));
        names.collect()
    }

    /// The terminals that a settlement has still to deal with, with their partners.
    pub fn terminals_to_settle(&self, number: u32) -> Stored<Vec<(TerminalId, PartnerId)>> {
        let rows = self.rows(
            "SELECT t.terminal_id, t.partner_id FROM terminal t WHERE NOT EXISTS (SELECT 1 FROM settlement_terminal s
                   WHERE s.terminal_id = t.terminal_id AND s.number = $1)
             ORDER BY t.terminal_id",
            &values![number],
        )?;
        rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
    }

    /// Whether a settlement has dealt with a terminal.
    pub fn is_terminal_settled(&self, terminal: TerminalId, number: u32) -> Stored<bool> {
        let sql = "SELECT lines FROM settlement_terminal WHERE terminal_id = $1 AND number = $2";
        Ok(self.row(sql, &values![terminal, number])?.is_some())
    }

    /// The greatest sequence of `terminal` that was judged; 0 when none was.
    pub fn newest_judged(&self, terminal: TerminalId) -> Stored<Sequence> {
        self.one("SELECT coalesce(max(sequence), 0) FROM verdict WHERE terminal_id = $1", &values![terminal])?.get(0)
    }

    /// The entries of `terminal` after `from` and up to `to` that are worth otherwise than was settled of them, by their newest verdicts, in the order of
    /// their sequence. An entry of which nothing is settled must have come before `ends_at`.
    pub fn unsettled(
        &self,
        terminal: TerminalId,
        from: Sequence,
        to: Sequence,
        ends_at: Timestamp,
    ) -> Stored<Vec<Unsettled>> {
        let sql = format!(
            "SELECT {CHANGE_COLUMNS} FROM (
               SELECT v.branch, v.sequence, e.hash, v.version, v.payable_cents AS after_cents, e.received_at,
                      coalesce((SELECT s.after_cents FROM settlement_line s WHERE s.terminal_id = v.terminal_id
                                AND s.sequence = v.sequence AND s.branch = v.branch
                                ORDER BY s.number DESC LIMIT 1), 0) AS before_cents
               FROM verdict v JOIN entry e
                    ON e.terminal_id = v.terminal_id AND e.branch = v.branch AND e.sequence = v.sequence
               WHERE v.terminal_id = $1 AND v.sequence > $2 AND v.sequence <= $3
                     AND v.version = (SELECT max(w.version) FROM verdict w WHERE w.terminal_id = v.terminal_id
                                      AND w.sequence = v.sequence AND w.branch = v.branch)) l
             WHERE l.before_cents <> l.after_cents AND (l.before_cents > 0 OR l.received_at < $4)
             ORDER BY l.sequence, l.branch"
        );
        self.rows(&sql, &values![terminal, from, to, ends_at])?.iter().map(change).collect()
    }

    /// Keeps lines.
    pub fn add_lines(&self, lines: &[NewLine]) -> Stored<()> {
        let rows = lines.iter().map(|line| {
            let NewLine { terminal, number, change } = line;
            let Place { branch, sequence } = change.place;
            values![*terminal, *number, sequence, branch, change.hash, change.version, change.before, change.after]
                .to_vec()
        });
        self.insert(&LINES, rows.collect())
    }

    /// A settlement has dealt with a terminal.
    pub fn add_settled_terminal(&self, number: u32, settled: &SettledTerminal) -> Stored<()> {
        self.execute(
            "INSERT INTO settlement_terminal (terminal_id, number, partner_id, lines) VALUES ($1, $2, $3, $4)",
            &values![settled.terminal, number, settled.partner, settled.lines],
        )?;
        Ok(())
    }

    /// The terminals that a settlement has lines of.
    pub fn settled_terminals(&self, number: u32) -> Stored<Vec<SettledTerminal>> {
        let rows = self.rows(
            "SELECT terminal_id, partner_id, lines FROM settlement_terminal WHERE number = $1 AND lines > 0
             ORDER BY terminal_id",
            &values![number],
        )?;
        let settled = rows
            .iter()
            .map(|row| Ok(SettledTerminal { terminal: row.get(0)?, partner: row.get(1)?, lines: row.get(2)? }));
        settled.collect()
    }

    /// The lines of `terminal` in a settlement, after `after`, in the order of their sequence, up to `limit`.
    pub fn settled_lines(
        &self,
        terminal: TerminalId,
        number: u32,
        after: Place,
        limit: u32,
    ) -> Stored<Vec<SettledLine>> {
        let sql = format!(
            "SELECT {CHANGE_COLUMNS}, e.cose, e.received_at, v.payable_cents,
                    coalesce((SELECT s.after_cents FROM settlement_line s WHERE s.terminal_id = l.terminal_id
                              AND s.sequence = l.sequence AND s.branch = l.branch AND s.number < l.number
                              ORDER BY s.number DESC LIMIT 1), 0)
             FROM settlement_line l
             JOIN entry e ON e.terminal_id = l.terminal_id AND e.branch = l.branch AND e.sequence = l.sequence
             JOIN verdict v ON v.terminal_id = l.terminal_id AND v.sequence = l.sequence AND v.version = l.version
             WHERE l.terminal_id = $1 AND l.number = $2 AND l.sequence >= $3 AND (l.sequence > $3 OR l.branch > $4)
             ORDER BY l.sequence, l.branch LIMIT $5"
        );
        let rows = self.rows(&sql, &values![terminal, number, after.sequence, after.branch, limit])?;
        let lines = rows.iter().map(|row| {
            Ok(SettledLine {
                change: change(row)?,
                cose: row.get(6)?,
                received_at: row.get(7)?,
                judged: row.get(8)?,
                settled_before: row.get(9)?,
            })
        });
        lines.collect()
    }

    /// Keeps the totals of a settlement.
    pub fn add_totals(&self, number: u32, totals: &[TotalRow]) -> Stored<()> {
        let rows = totals.iter().map(|of| {
            values![of.partner, number, of.season, of.slot, of.sales, of.amount, of.cents, of.corrected].to_vec()
        });
        self.insert(&TOTALS, rows.collect())
    }

    /// The totals of a settlement.
    pub fn totals(&self, number: u32) -> Stored<Vec<TotalRow>> {
        let rows = self.rows(
            "SELECT partner_id, season, slot, sales, amount, cents, corrected_cents FROM settlement_total
             WHERE number = $1 ORDER BY partner_id, season, slot",
            &values![number],
        )?;
        let totals = rows.iter().map(|row| {
            Ok(TotalRow {
                partner: row.get(0)?,
                season: row.get(1)?,
                slot: row.get(2)?,
                sales: row.get(3)?,
                amount: row.get(4)?,
                cents: row.get(5)?,
                corrected: row.get(6)?,
            })
        });
        totals.collect()
    }

    /// Keeps what partners are paid.
    pub fn add_partner_settlements(&self, number: u32, partners: &[PartnerSettlement]) -> Stored<()> {
        let rows = partners.iter().map(|of| {
            values![of.partner, number, of.name.as_str(), of.carried, of.lines, of.paid, of.bank_version].to_vec()
        });
        self.insert(&PARTNERS, rows.collect())
    }

    /// What partners are paid, in the order of their ids.
    pub fn partner_settlements(&self, number: u32) -> Stored<Vec<PartnerSettlement>> {
        let rows = self.rows(
            "SELECT partner_id, name, carried_cents, lines_cents, paid_cents, bank_version FROM settlement_partner
             WHERE number = $1 ORDER BY partner_id",
            &values![number],
        )?;
        rows.iter().map(partner_settlement).collect()
    }

    /// What the newest closed settlements paid `partner`, each with its number, the newest first; at most `limit`.
    pub fn settlements_of(&self, partner: PartnerId, limit: u32) -> Stored<Vec<(u32, PartnerSettlement)>> {
        let rows = self.rows(
            "SELECT partner_id, name, carried_cents, lines_cents, paid_cents, bank_version, number FROM settlement_partner
             WHERE partner_id = $1 AND number IN (SELECT number FROM settlement_seal) ORDER BY number DESC LIMIT $2",
            &values![partner, limit],
        )?;
        rows.iter().map(|row| Ok((row.get(6)?, partner_settlement(row)?))).collect()
    }

    /// A settlement is closed.
    pub fn seal(&self, number: u32, seal: &SealRow) -> Stored<()> {
        self.execute(
            "INSERT INTO settlement_seal (number, sealed_at, lines, cents, paid_cents, entries_sha256)
             VALUES ($1, $2, $3, $4, $5, $6)",
            &values![number, seal.sealed_at, seal.lines, seal.cents, seal.paid, seal.entries_sha256],
        )?;
        Ok(())
    }

    /// What a settlement comes to, once it is closed.
    pub fn sealed(&self, number: u32) -> Stored<Option<SealRow>> {
        let sql = "SELECT sealed_at, lines, cents, paid_cents, entries_sha256 FROM settlement_seal WHERE number = $1";
        let seal = |row: Row| {
            Ok(SealRow {
                sealed_at: row.get(0)?,
                lines: row.get(1)?,
                cents: row.get(2)?,
                paid: row.get(3)?,
                entries_sha256: row.get(4)?,
            })
        };
        self.row(sql, &values![number])?.map(seal).transpose()
    }

    /// Where the entries of `terminal` with this sequence stand: one on each branch that has it.
    pub fn entries_at(&self, terminal: TerminalId, sequence: Sequence) -> Stored<Vec<EntryKey>> {
        let sql = "SELECT branch FROM entry WHERE terminal_id = $1 AND sequence = $2 ORDER BY branch";
        let rows = self.rows(sql, &values![terminal, sequence])?;
        rows.iter().map(|row| Ok(EntryKey { terminal, place: Place { branch: row.get(0)?, sequence } })).collect()
    }

    /// Every version of the verdicts on this sequence of `terminal`, on whatever branch, in order.
    pub fn verdict_versions(&self, terminal: TerminalId, sequence: Sequence) -> Stored<Vec<VersionRow>> {
        let rows = self.rows(
            "SELECT version, contest, payable_cents, branch, judged_at FROM verdict
             WHERE terminal_id = $1 AND sequence = $2 ORDER BY version",
            &values![terminal, sequence],
        )?;
        let versions =
            rows.iter().map(|row| Ok(VersionRow { branch: row.get(3)?, judged: judged(row)?, judged_at: row.get(4)? }));
        versions.collect()
    }

    /// Every line of this sequence of `terminal`, in the order of the settlements.
    pub fn lines_of_entry(&self, terminal: TerminalId, sequence: Sequence) -> Stored<Vec<EntryLine>> {
        let sql = format!(
            "SELECT {CHANGE_COLUMNS}, l.number FROM settlement_line l WHERE l.terminal_id = $1 AND l.sequence = $2
             ORDER BY l.number, l.branch"
        );
        let rows = self.rows(&sql, &values![terminal, sequence])?;
        rows.iter().map(|row| Ok(EntryLine { number: row.get(6)?, change: change(row)? })).collect()
    }
}
