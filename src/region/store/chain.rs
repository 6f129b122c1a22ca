//! Chains: branches, entries, what a terminal knew when it wrote them, exchanges, receipts, sales in doubt.

use std::collections::BTreeMap;

use super::engine::{Kind, Lock, Table, values};
use super::{Row, Stored, Tx};
use crate::crypto::Ed25519PublicKey;
use crate::domain::card::PublicKey;
use crate::domain::{CardNumber, Cents, EntryHash, RequestId, Sequence, TerminalId, Timestamp, TransactionId};
use crate::wire::exchange::{Head, Health};
use crate::wire::feed::Position;

/// Which branch of a terminal's chain; 0 is the first.
pub type BranchNumber = u32;

/// A branch of a terminal's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Its number.
    pub number: BranchNumber,
    /// The branch that it leaves.
    pub parent: Option<BranchNumber>,
    /// The last sequence that it shares with its parent; 0 for the first branch.
    pub fork_sequence: Sequence,
    /// Its end.
    pub head: Head,
    /// Whether its entries are judged by what they say.
    pub settled: bool,
    /// Where a join on another branch ended it.
    pub closed: Option<Sequence>,
}

/// Where a known entry stands in its terminal's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Its branch.
    pub branch: BranchNumber,
    /// Its sequence.
    pub sequence: Sequence,
}

/// Which entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryKey {
    /// Whose chain.
    pub terminal: TerminalId,
    /// Where.
    pub place: Place,
}

/// A branch with entries that the cards' side has not dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Whose chain.
    pub terminal: TerminalId,
    /// Which branch.
    pub branch: BranchNumber,
    /// The last entry that was dealt with.
    pub noted: Sequence,
}

/// What a terminal had when it wrote an entry, as the log of exchanges proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Knowledge {
    /// The feed position that it had confirmed.
    pub position: Position,
    /// When the region had last heard of it, as far as anybody can know.
    pub at: Timestamp,
    /// Entries that waited then.
    pub waiting_entries: u64,
    /// What these were worth by their own word.
    pub waiting_cents: Cents,
}

impl Knowledge {
    /// This, of a store that was put back from a backup at `restored_at`. It may have forgotten an exchange up to then, which cleared what waited: that is
    /// not held against the terminal.
    #[must_use]
    pub fn unless_forgotten(self, restored_at: Timestamp) -> Self {
        if self.at >= restored_at {
            return self;
        }
        Self { at: restored_at, waiting_entries: 0, waiting_cents: Cents::ZERO, ..self }
    }
}

/// An entry to be kept.
#[derive(Clone, Copy, Debug)]
pub struct NewEntry<'a> {
    /// Which.
    pub key: EntryKey,
    /// SHA-256 of `cose`.
    pub hash: EntryHash,
    /// The entry before.
    pub previous: EntryHash,
    /// The entry as it was signed.
    pub cose: &'a [u8],
    /// The kind's code.
    pub kind: &'a str,
    /// The card that it is about.
    pub card: Option<CardNumber>,
    /// What a debit is worth by its own word.
    pub worth: Cents,
    /// What the terminal had.
    pub knowledge: Knowledge,
}

/// An entry that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntry {
    /// Which.
    pub key: EntryKey,
    /// The entry as it was signed.
    pub cose: Vec<u8>,
    /// What the terminal had.
    pub knowledge: Knowledge,
    /// When it came.
    pub received_at: Timestamp,
}

/// An entry that put new keys in the place of a terminal's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// Where the entry stands.
    pub place: Place,
    /// The keys from the next entry on.
    pub entry: Ed25519PublicKey,
    /// What cards are to check.
    pub card: PublicKey,
}

/// An exchange that took place.
#[derive(Clone, Debug)]
pub struct ExchangeRow<'a> {
    /// Who.
    pub terminal: TerminalId,
    /// The request's name.
    pub request: RequestId,
    /// The terminal's clock.
    pub terminal_time: Timestamp,
    /// The end of its chain.
    pub head: Head,
    /// What it had of the feed.
    pub feed_position: Position,
    /// What it was told to be committed.
    pub acked: Sequence,
    /// How it is.
    pub health: &'a Health,
}

const ENTRIES: Table = Table {
    name: "entry",
    columns: &[
        ("terminal_id", Kind::Integer),
        ("branch", Kind::Integer),
        ("sequence", Kind::Integer),
        ("hash", Kind::Blob),
        ("previous", Kind::Blob),
        ("cose", Kind::Blob),
        ("received_at", Kind::Integer),
        ("kind", Kind::Text),
        ("card", Kind::Integer),
        ("worth_cents", Kind::Integer),
        ("known_position", Kind::Integer),
        ("known_at", Kind::Integer),
        ("waiting_entries", Kind::Integer),
        ("waiting_cents", Kind::Integer),
    ],
    conflict: "",
};

/// The columns that [`stored_entry`] reads.
pub(super) const ENTRY_COLUMNS: &str =
    "terminal_id, branch, sequence, cose, received_at, known_position, known_at, waiting_entries, waiting_cents";

/// How many exchanges are looked at together, from the newest back.
const EXCHANGES_AT_ONCE: i64 = 16;

impl Tx<'_> {
    /// The chain of `terminal` begins.
    pub fn open_chain(&self, terminal: TerminalId, beginning: EntryHash) -> Stored<()> {
        let head = Head { sequence: Sequence::new(0), hash: beginning };
        let number = 0;
        self.add_branch(
            terminal,
            &Branch { number, parent: None, fork_sequence: head.sequence, head, settled: true, closed: None },
        )
    }

    /// A new branch, without entries yet.
    pub fn add_branch(&self, terminal: TerminalId, branch: &Branch) -> Stored<()> {
        self.execute(
            "INSERT INTO branch (terminal_id, branch, parent, fork_sequence, head_sequence, head_hash, settled, closed_sequence)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            &values![
                terminal,
                branch.number,
                branch.parent,
                branch.fork_sequence,
                branch.head.sequence,
                branch.head.hash,
                branch.settled,
                branch.closed
            ],
        )?;
        self.execute(
            "INSERT INTO noted (terminal_id, branch, sequence) VALUES ($1, $2, $3)",
            &values![terminal, branch.number, branch.fork_sequence],
        )?;
        Ok(())
    }

    /// Head, settlement and end of a branch are now as in `branch`.
    pub fn update_branch(&self, terminal: TerminalId, branch: &Branch) -> Stored<()> {
        self.execute(
            "UPDATE branch SET head_sequence = $3, head_hash = $4, settled = $5, closed_sequence = $6
             WHERE terminal_id = $1 AND branch = $2",
            &values![terminal, branch.number, branch.head.sequence, branch.head.hash, branch.settled, branch.closed],
        )?;
        Ok(())
    }

    /// Every branch of `terminal`, in order; none before its enrolment.
    pub fn branches(&self, terminal: TerminalId) -> Stored<Vec<Branch>> {
        let rows = self.rows(
            "SELECT branch, parent, fork_sequence, head_sequence, head_hash, settled, closed_sequence FROM branch
             WHERE terminal_id = $1 ORDER BY branch",
            &values![terminal],
        )?;
        let branches = rows.iter().map(|row| {
            Ok(Branch {
                number: row.get(0)?,
                parent: row.get(1)?,
                fork_sequence: row.get(2)?,
                head: Head { sequence: row.get(3)?, hash: row.get(4)? },
                settled: row.get(5)?,
                closed: row.get(6)?,
            })
        });
        branches.collect()
    }

    /// Keeps a change of keys.
    pub fn add_key_change(&self, terminal: TerminalId, change: &KeyChange) -> Stored<()> {
        self.execute(
            "INSERT INTO key_change (terminal_id, branch, sequence, entry_key, card_key) VALUES ($1, $2, $3, $4, $5)",
            &values![terminal, change.place.branch, change.place.sequence, change.entry.0, change.card.0],
        )?;
        Ok(())
    }

    /// Every change of keys in the chain of `terminal`, on whatever branch, by growing sequence.
    pub fn key_changes(&self, terminal: TerminalId) -> Stored<Vec<KeyChange>> {
        let rows = self.rows(
            "SELECT branch, sequence, entry_key, card_key FROM key_change WHERE terminal_id = $1 ORDER BY sequence, branch",
            &values![terminal],
        )?;
        let changes = rows.iter().map(|row| {
            Ok(KeyChange {
                place: Place { branch: row.get(0)?, sequence: row.get(1)? },
                entry: Ed25519PublicKey(row.get(2)?),
                card: PublicKey(row.get(3)?),
            })
        });
        changes.collect()
    }

    /// The branch whose head is acknowledged.
    pub fn live_branch(&self, terminal: TerminalId) -> Stored<BranchNumber> {
        self.one("SELECT live_branch FROM terminal WHERE terminal_id = $1", &values![terminal])?.get(0)
    }

    /// The branch whose head is acknowledged. Until this transaction ends no other takes entries of the terminal.
    pub fn lock_chain(&self, terminal: TerminalId) -> Stored<BranchNumber> {
        let sql = format!("SELECT live_branch FROM terminal WHERE terminal_id = $1{}", self.locking(Lock::Wait));
        self.one(&sql, &values![terminal])?.get(0)
    }

    /// From now on the head of `branch` is acknowledged.
    pub fn set_live_branch(&self, terminal: TerminalId, branch: BranchNumber) -> Stored<()> {
        self.execute("UPDATE terminal SET live_branch = $2 WHERE terminal_id = $1", &values![terminal, branch])?;
        Ok(())
    }

    /// Where the entry with this hash stands.
    pub fn place_of(&self, terminal: TerminalId, hash: EntryHash) -> Stored<Option<Place>> {
        let sql = "SELECT branch, sequence FROM entry WHERE terminal_id = $1 AND hash = $2";
        let row = self.row(sql, &values![terminal, hash])?;
        row.map(|row| Ok(Place { branch: row.get(0)?, sequence: row.get(1)? })).transpose()
    }

    /// Keeps entries.
    pub fn add_entries(&self, entries: &[NewEntry<'_>], now: Timestamp) -> Stored<()> {
        let rows = entries.iter().map(|entry| {
            values![
                entry.key.terminal,
                entry.key.place.branch,
                entry.key.place.sequence,
                entry.hash,
                entry.previous,
                entry.cose,
                now,
                entry.kind,
                entry.card,
                entry.worth,
                entry.knowledge.position,
                entry.knowledge.at,
                entry.knowledge.waiting_entries,
                entry.knowledge.waiting_cents,
            ]
            .to_vec()
        });
        self.insert(&ENTRIES, rows.collect())
    }

    /// The branches of `terminal`, or of any, whose entries the cards' side has not all dealt with, up to `limit`. They are this transaction's until it ends; those
    /// that another one has are left out.
    pub fn take_pending(&self, terminal: Option<TerminalId>, limit: u32) -> Stored<Vec<Pending>> {
        let (from, to) = terminal.map_or((0, u32::MAX), |terminal| (terminal.get(), terminal.get()));
        let sql = format!(
            "SELECT n.terminal_id, n.branch, n.sequence FROM noted n
             WHERE n.terminal_id BETWEEN $1 AND $2 AND n.sequence < (SELECT b.head_sequence FROM branch b
                   WHERE b.terminal_id = n.terminal_id AND b.branch = n.branch)
             ORDER BY n.terminal_id, n.branch LIMIT $3{}",
            self.locking(Lock::Skip)
        );
        let rows = self.rows(&sql, &values![from, to, limit])?;
        let pending =
            rows.iter().map(|row| Ok(Pending { terminal: row.get(0)?, branch: row.get(1)?, noted: row.get(2)? }));
        pending.collect()
    }

    /// How many entries the cards' side has not dealt with.
    pub fn unjudged_entries(&self) -> Stored<u64> {
        let row = self.row(
            "SELECT CAST(coalesce(sum(b.head_sequence - n.sequence), 0) AS BIGINT) FROM noted n
             JOIN branch b ON b.terminal_id = n.terminal_id AND b.branch = n.branch
             WHERE b.head_sequence > n.sequence",
            &[],
        )?;
        row.map_or(Ok(0), |row| row.get(0))
    }

    /// The cards' side has dealt with this branch up to `sequence`, and not beyond.
    pub fn set_noted(&self, terminal: TerminalId, branch: BranchNumber, sequence: Sequence) -> Stored<()> {
        self.execute(
            "UPDATE noted SET sequence = $3 WHERE terminal_id = $1 AND branch = $2",
            &values![terminal, branch, sequence],
        )?;
        Ok(())
    }

    /// The entries about `card`, in the order of arrival.
    pub fn entries_about(&self, card: CardNumber) -> Stored<Vec<StoredEntry>> {
        let places = self.rows(
            "SELECT terminal_id, branch, sequence FROM card_entry WHERE card = $1
             ORDER BY received_at, terminal_id, branch, sequence",
            &values![card],
        )?;
        let sql = format!("SELECT {ENTRY_COLUMNS} FROM entry WHERE terminal_id = $1 AND branch = $2 AND sequence = $3");
        let each: Vec<_> = places.into_iter().map(|row| row.0).collect();
        self.rows_of_each(&sql, &each)?.iter().flatten().map(stored_entry).collect()
    }

    /// The entries of a branch from `from` on, in order, up to `limit`.
    pub fn entries_of_branch(
        &self,
        terminal: TerminalId,
        branch: BranchNumber,
        from: Sequence,
        limit: u32,
    ) -> Stored<Vec<StoredEntry>> {
        let sql = format!(
            "SELECT {ENTRY_COLUMNS} FROM entry WHERE terminal_id = $1 AND branch = $2 AND sequence >= $3
             ORDER BY sequence LIMIT $4"
        );
        self.rows(&sql, &values![terminal, branch, from, limit])?.iter().map(stored_entry).collect()
    }

    /// The cards that the entries of a terminal are about.
    pub fn cards_of_terminal(&self, terminal: TerminalId) -> Stored<Vec<CardNumber>> {
        let sql = "SELECT DISTINCT card FROM entry WHERE terminal_id = $1 AND card IS NOT NULL ORDER BY card";
        self.rows(sql, &values![terminal])?.iter().map(|row| row.get(0)).collect()
    }

    /// What the exchanges whose head lies before `sequence` prove that a terminal may have had when it wrote that entry: what it had confirmed of the
    /// feed at the latest head, and when it was answered last, whatever head it had asked with. `on_line` says whether a head lies on
    /// the line of the entry. A request that was slow, or came twice, was answered when it came: the terminal may have had that answer.
    pub fn known_before(
        &self,
        terminal: TerminalId,
        sequence: Sequence,
        on_line: impl Fn(&Place) -> bool,
    ) -> Stored<Option<KnownExchange>> {
        let furthest = "head_sequence DESC, feed_position DESC";
        let Some(furthest) = self.first_exchange(furthest, terminal, sequence, &on_line)? else { return Ok(None) };
        let newest = self.first_exchange("number DESC", terminal, sequence, &on_line)?;
        Ok(newest.map(|newest| KnownExchange { position: furthest.position, ..newest }))
    }

    /// The first exchange in this order whose head is on the line.
    fn first_exchange(
        &self,
        order: &str,
        terminal: TerminalId,
        sequence: Sequence,
        on_line: &impl Fn(&Place) -> bool,
    ) -> Stored<Option<KnownExchange>> {
        let sql = format!(
            "SELECT head_sequence, head_hash, feed_position, received_at, acked_sequence FROM exchange
             WHERE terminal_id = $1 AND head_sequence < $2 ORDER BY {order} LIMIT $3 OFFSET $4"
        );
        let mut seen: i64 = 0;
        loop {
            let rows = self.rows(&sql, &values![terminal, sequence, EXCHANGES_AT_ONCE, seen])?;
            if rows.is_empty() {
                return Ok(None);
            }
            seen += EXCHANGES_AT_ONCE;
            for row in rows {
                let head = Head { sequence: row.get(0)?, hash: row.get(1)? };
                let before = match self.place_of(terminal, head.hash)? {
                    Some(place) => on_line(&place),
                    None => head.sequence.get() == 0,
                };
                if before {
                    return Ok(Some(KnownExchange { position: row.get(2)?, at: row.get(3)?, acked: row.get(4)? }));
                }
            }
        }
    }

    /// The first sequence from `sequence` on with which the chain of `terminal` ended at an exchange.
    pub fn next_exchange_head(&self, terminal: TerminalId, sequence: Sequence) -> Stored<Option<Sequence>> {
        let sql = "SELECT min(head_sequence) FROM exchange WHERE terminal_id = $1 AND head_sequence >= $2";
        self.one(sql, &values![terminal, sequence])?.get(0)
    }

    /// What the entries of a branch between `after` and `before`, both excluded, are worth by their own word.
    pub fn worth_between(
        &self,
        terminal: TerminalId,
        branch: BranchNumber,
        after: Sequence,
        before: Sequence,
    ) -> Stored<Cents> {
        let row = self.one(
            "SELECT CAST(coalesce(sum(worth_cents), 0) AS BIGINT) FROM entry
             WHERE terminal_id = $1 AND branch = $2 AND sequence > $3 AND sequence < $4",
            &values![terminal, branch, after, before],
        )?;
        Ok(Cents::new(row.get(0)?).unwrap_or(Cents::MAX))
    }

    /// Keeps an exchange, once for each request id: of one that is played again, when it was answered last.
    pub fn add_exchange(&self, exchange: &ExchangeRow<'_>, now: Timestamp) -> Stored<()> {
        self.execute(
            "INSERT INTO exchange (terminal_id, number, request_id, received_at, terminal_time, head_sequence, head_hash,
                                   feed_position, acked_sequence, version, disk_free)
             VALUES ($1, (SELECT coalesce(max(number), 0) + 1 FROM exchange WHERE terminal_id = $1), $2, $3, $4, $5, $6, $7, $8,
                     $9, $10)
             ON CONFLICT (terminal_id, request_id) DO UPDATE
             SET number = excluded.number, received_at = excluded.received_at, acked_sequence = excluded.acked_sequence",
            &values![
                exchange.terminal,
                exchange.request,
                now,
                exchange.terminal_time,
                exchange.head.sequence,
                exchange.head.hash,
                exchange.feed_position,
                exchange.acked,
                exchange.health.version.as_str(),
                // A disk of eight exabytes is free enough.
                exchange.health.disk_free_bytes,
            ],
        )?;
        Ok(())
    }

    /// When the region last heard of `terminal`, and which version it had then, as it says itself.
    pub fn last_heard(&self, terminal: TerminalId) -> Stored<Option<(Timestamp, String)>> {
        let sql = "SELECT received_at, version FROM exchange WHERE terminal_id = $1 ORDER BY number DESC LIMIT 1";
        self.row(sql, &values![terminal])?.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
    }

    /// Keeps a receipt that was signed.
    pub fn add_receipt(&self, terminal: TerminalId, sequence: Sequence, cose: &[u8]) -> Stored<()> {
        self.execute(
            "INSERT INTO receipt (terminal_id, number, sequence, cose) VALUES ($1,
             (SELECT coalesce(max(number), 0) + 1 FROM receipt WHERE terminal_id = $1), $2, $3)",
            &values![terminal, sequence, cose],
        )?;
        Ok(())
    }

    /// Keeps that a terminal reports a sale or an undo to be in doubt; the first report counts. Whether this is it.
    pub fn add_doubt(
        &self,
        terminal: TerminalId,
        transaction: TransactionId,
        card: CardNumber,
        knowledge: &Knowledge,
        now: Timestamp,
    ) -> Stored<bool> {
        let added = self.execute(
            "INSERT INTO doubt (terminal_id, transaction_id, card, known_position, known_at, waiting_entries, waiting_cents, reported_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (terminal_id, transaction_id) DO NOTHING",
            &values![
                terminal,
                transaction,
                card,
                knowledge.position,
                knowledge.at,
                knowledge.waiting_entries,
                knowledge.waiting_cents,
                now
            ],
        )?;
        Ok(added == 1)
    }

    /// The sales of `card` that were ever reported to be in doubt: what the terminal had when it first did.
    pub fn doubts_about(&self, card: CardNumber) -> Stored<Doubts> {
        let rows = self.rows(
            "SELECT terminal_id, transaction_id, known_position, known_at, waiting_entries, waiting_cents FROM doubt
             WHERE card = $1",
            &values![card],
        )?;
        rows.iter().map(|row| Ok(((row.get(0)?, row.get(1)?), knowledge(row, 2)?))).collect()
    }
}

/// The doubts about a card, by the terminal and its name for the sale.
pub type Doubts = BTreeMap<(TerminalId, TransactionId), Knowledge>;

/// What exchanges prove of their terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownExchange {
    /// The feed position that the terminal had confirmed.
    pub position: Position,
    /// When it was answered last.
    pub at: Timestamp,
    /// What it was told then to be committed.
    pub acked: Sequence,
}

fn knowledge(row: &Row, first: usize) -> Stored<Knowledge> {
    Ok(Knowledge {
        position: row.get(first)?,
        at: row.get(first + 1)?,
        waiting_entries: row.get(first + 2)?,
        waiting_cents: row.get(first + 3)?,
    })
}

/// Reads [`ENTRY_COLUMNS`].
pub(super) fn stored_entry(row: &Row) -> Stored<StoredEntry> {
    Ok(StoredEntry {
        key: EntryKey { terminal: row.get(0)?, place: Place { branch: row.get(1)?, sequence: row.get(2)? } },
        cose: row.get(3)?,
        received_at: row.get(4)?,
        knowledge: knowledge(row, 5)?,
    })
}
