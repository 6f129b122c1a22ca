//! Chains: branches, entries, what a terminal knew when it wrote them, exchanges, receipts, sales in doubt.

use rusqlite::{OptionalExtension, Row, named_params};

use super::rows::Column;
use super::{Stored, Tx};
use crate::domain::{CardNumber, Cents, EntryHash, RequestId, Sequence, TerminalId, Timestamp, TransactionId};
use crate::wire::exchange::{Head, Health};
use crate::wire::feed::Position;

/// An entry's number at the region, in the order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub(super) i64);

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

/// Where a known entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its branch.
    pub branch: BranchNumber,
    /// Its sequence.
    pub sequence: Sequence,
}

/// What a terminal had when it wrote an entry, as the log of exchanges proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Knowledge {
    /// The feed position that it had confirmed.
    pub position: Position,
    /// When the region had last heard of it.
    pub at: Timestamp,
    /// Entries that waited then.
    pub waiting_entries: u64,
    /// What these were worth by their own word.
    pub waiting_cents: Cents,
}

/// An entry to be kept.
#[derive(Clone, Copy, Debug)]
pub struct NewEntry<'a> {
    /// Whose chain.
    pub terminal: TerminalId,
    /// Which branch.
    pub branch: BranchNumber,
    /// Its place.
    pub sequence: Sequence,
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
    /// Its number.
    pub id: EntryId,
    /// Whose chain.
    pub terminal: TerminalId,
    /// Where.
    pub place: Place,
    /// The entry as it was signed.
    pub cose: Vec<u8>,
    /// What the terminal had.
    pub knowledge: Knowledge,
    /// When it came.
    pub received_at: Timestamp,
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
        let mut sql = self.sql(
            "INSERT INTO branch (terminal_id, branch, parent, fork_sequence, head_sequence, head_hash, settled, closed_sequence)
             VALUES (:terminal, :branch, :parent, :fork, :sequence, :hash, :settled, :closed)",
        )?;
        sql.execute(named_params! {
            ":terminal": Column(terminal),
            ":branch": branch.number,
            ":parent": branch.parent,
            ":fork": Column(branch.fork_sequence),
            ":sequence": Column(branch.head.sequence),
            ":hash": Column(branch.head.hash),
            ":settled": branch.settled,
            ":closed": branch.closed.map(Column),
        })?;
        Ok(())
    }

    /// Head, settlement and end of a branch are now as in `branch`.
    pub fn update_branch(&self, terminal: TerminalId, branch: &Branch) -> Stored<()> {
        let mut sql = self.sql(
            "UPDATE branch SET head_sequence = :sequence, head_hash = :hash, settled = :settled, closed_sequence = :closed
             WHERE terminal_id = :terminal AND branch = :branch",
        )?;
        sql.execute(named_params! {
            ":terminal": Column(terminal),
            ":branch": branch.number,
            ":sequence": Column(branch.head.sequence),
            ":hash": Column(branch.head.hash),
            ":settled": branch.settled,
            ":closed": branch.closed.map(Column),
        })?;
        Ok(())
    }

    /// Every branch of `terminal`, in order; none before its enrolment.
    pub fn branches(&self, terminal: TerminalId) -> Stored<Vec<Branch>> {
        let mut sql = self.sql("SELECT * FROM branch WHERE terminal_id = :terminal ORDER BY branch")?;
        let rows = sql.query_map(named_params! { ":terminal": Column(terminal) }, |row| {
            Ok(Branch {
                number: row.get("branch")?,
                parent: row.get("parent")?,
                fork_sequence: row.get::<_, Column<_>>("fork_sequence")?.0,
                head: Head {
                    sequence: row.get::<_, Column<_>>("head_sequence")?.0,
                    hash: row.get::<_, Column<_>>("head_hash")?.0,
                },
                settled: row.get("settled")?,
                closed: row.get::<_, Option<Column<_>>>("closed_sequence")?.map(|column| column.0),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The branch whose head is acknowledged.
    pub fn live_branch(&self, terminal: TerminalId) -> Stored<BranchNumber> {
        let mut sql = self.sql("SELECT live_branch FROM terminal WHERE terminal_id = :terminal")?;
        Ok(sql.query_row(named_params! { ":terminal": Column(terminal) }, |row| row.get(0))?)
    }

    /// From now on the head of `branch` is acknowledged.
    pub fn set_live_branch(&self, terminal: TerminalId, branch: BranchNumber) -> Stored<()> {
        let mut sql = self.sql("UPDATE terminal SET live_branch = :branch WHERE terminal_id = :terminal")?;
        sql.execute(named_params! { ":terminal": Column(terminal), ":branch": branch })?;
        Ok(())
    }

    /// Where the entry with this hash stands.
    pub fn place_of(&self, terminal: TerminalId, hash: EntryHash) -> Stored<Option<Place>> {
        let mut sql = self.sql("SELECT branch, sequence FROM entry WHERE terminal_id = :terminal AND hash = :hash")?;
        let parameters = named_params! { ":terminal": Column(terminal), ":hash": Column(hash) };
        let place =
            sql.query_row(parameters, |row| Ok(Place { branch: row.get(0)?, sequence: row.get::<_, Column<_>>(1)?.0 }));
        Ok(place.optional()?)
    }

    /// Keeps an entry.
    pub fn add_entry(&self, entry: &NewEntry<'_>, now: Timestamp) -> Stored<EntryId> {
        let mut sql = self.sql(
            "INSERT INTO entry (terminal_id, branch, sequence, hash, previous, cose, received_at, kind, card, worth_cents,
                                known_position, known_at, waiting_entries, waiting_cents)
             VALUES (:terminal, :branch, :sequence, :hash, :previous, :cose, :now, :kind, :card, :worth,
                     :position, :at, :entries, :cents)
             RETURNING entry_id",
        )?;
        let parameters = named_params! {
            ":terminal": Column(entry.terminal),
            ":branch": entry.branch,
            ":sequence": Column(entry.sequence),
            ":hash": Column(entry.hash),
            ":previous": Column(entry.previous),
            ":cose": entry.cose,
            ":now": Column(now),
            ":kind": entry.kind,
            ":card": entry.card.map(Column),
            ":worth": Column(entry.worth),
            ":position": Column(entry.knowledge.position),
            ":at": Column(entry.knowledge.at),
            ":entries": Column(entry.knowledge.waiting_entries),
            ":cents": Column(entry.knowledge.waiting_cents),
        };
        Ok(sql.query_row(parameters, |row| row.get(0).map(EntryId))?)
    }

    /// The entries about `card`, in the order of arrival.
    pub fn entries_about(&self, card: CardNumber) -> Stored<Vec<StoredEntry>> {
        let mut sql = self.sql("SELECT * FROM entry WHERE card = :card ORDER BY entry_id")?;
        let rows = sql.query_map(named_params! { ":card": Column(card) }, stored_entry)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The entries of a branch from `from` on, in order.
    pub fn entries_of_branch(
        &self,
        terminal: TerminalId,
        branch: BranchNumber,
        from: Sequence,
    ) -> Stored<Vec<StoredEntry>> {
        let mut sql = self.sql(
            "SELECT * FROM entry WHERE terminal_id = :terminal AND branch = :branch AND sequence >= :from ORDER BY sequence",
        )?;
        let parameters = named_params! { ":terminal": Column(terminal), ":branch": branch, ":from": Column(from) };
        let rows = sql.query_map(parameters, stored_entry)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The cards that the entries of a terminal are about.
    pub fn cards_of_terminal(&self, terminal: TerminalId) -> Stored<Vec<CardNumber>> {
        let mut sql = self.sql("SELECT card FROM card_seen WHERE terminal_id = :terminal ORDER BY card")?;
        let rows = sql.query_map(named_params! { ":terminal": Column(terminal) }, |row| row.get::<_, Column<_>>(0))?;
        rows.map(|card| Ok(card?.0)).collect()
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
        let columns = "SELECT head_sequence, head_hash, feed_position, received_at, acked_sequence FROM exchange
             WHERE terminal_id = :terminal AND head_sequence < :sequence";
        let furthest = format!("{columns} ORDER BY head_sequence DESC, feed_position DESC");
        let newest = format!("{columns} ORDER BY number DESC");
        let Some(furthest) = self.first_exchange(&furthest, terminal, sequence, &on_line)? else { return Ok(None) };
        let newest = self.first_exchange(&newest, terminal, sequence, &on_line)?;
        Ok(newest.map(|newest| KnownExchange { position: furthest.position, ..newest }))
    }

    /// The first exchange that `sql` gives whose head is on the line.
    fn first_exchange(
        &self,
        sql: &str,
        terminal: TerminalId,
        sequence: Sequence,
        on_line: &impl Fn(&Place) -> bool,
    ) -> Stored<Option<KnownExchange>> {
        let mut sql = self.sql(sql)?;
        let mut rows = sql.query(named_params! { ":terminal": Column(terminal), ":sequence": Column(sequence) })?;
        while let Some(row) = rows.next()? {
            let head = Head { sequence: row.get::<_, Column<_>>(0)?.0, hash: row.get::<_, Column<_>>(1)?.0 };
            let before = match self.place_of(terminal, head.hash)? {
                Some(place) => on_line(&place),
                None => head.sequence.get() == 0,
            };
            if before {
                return Ok(Some(KnownExchange {
                    position: row.get::<_, Column<_>>(2)?.0,
                    at: row.get::<_, Column<_>>(3)?.0,
                    acked: row.get::<_, Column<_>>(4)?.0,
                }));
            }
        }
        Ok(None)
    }

    /// What the entries of a branch between `after` and `before`, both excluded, are worth by their own word.
    pub fn worth_between(
        &self,
        terminal: TerminalId,
        branch: BranchNumber,
        after: Sequence,
        before: Sequence,
    ) -> Stored<Cents> {
        let mut sql = self.sql(
            "SELECT min(coalesce(sum(worth_cents), 0), :max) FROM entry
             WHERE terminal_id = :terminal AND branch = :branch AND sequence > :after AND sequence < :before",
        )?;
        let parameters = named_params! {
            ":max": Column(Cents::MAX),
            ":terminal": Column(terminal),
            ":branch": branch,
            ":after": Column(after),
            ":before": Column(before),
        };
        Ok(sql.query_row(parameters, |row| row.get::<_, Column<_>>(0))?.0)
    }

    /// Keeps an exchange, once for each request id: of one that is played again, when it was answered last.
    pub fn add_exchange(&self, exchange: &ExchangeRow<'_>, now: Timestamp) -> Stored<()> {
        let mut sql = self.sql(
            "INSERT INTO exchange (terminal_id, number, request_id, received_at, terminal_time, head_sequence, head_hash,
                                   feed_position, acked_sequence, version, disk_free)
             VALUES (:terminal, (SELECT coalesce(max(number), 0) + 1 FROM exchange WHERE terminal_id = :terminal), :request,
                     :now, :time, :sequence, :hash, :position, :acked, :version, :disk)
             ON CONFLICT (terminal_id, request_id) DO UPDATE
             SET number = excluded.number, received_at = excluded.received_at, acked_sequence = excluded.acked_sequence",
        )?;
        sql.execute(named_params! {
            ":terminal": Column(exchange.terminal),
            ":request": Column(exchange.request),
            ":now": Column(now),
            ":time": Column(exchange.terminal_time),
            ":sequence": Column(exchange.head.sequence),
            ":hash": Column(exchange.head.hash),
            ":position": Column(exchange.feed_position),
            ":acked": Column(exchange.acked),
            ":version": exchange.health.version,
            // A disk of eight exabytes is free enough.
            ":disk": i64::try_from(exchange.health.disk_free_bytes).unwrap_or(i64::MAX),
        })?;
        Ok(())
    }

    /// When the region last heard of `terminal`.
    pub fn last_heard(&self, terminal: TerminalId) -> Stored<Option<Timestamp>> {
        let mut sql = self.sql("SELECT max(received_at) FROM exchange WHERE terminal_id = :terminal")?;
        let at =
            sql.query_row(named_params! { ":terminal": Column(terminal) }, |row| row.get::<_, Option<Column<_>>>(0));
        Ok(at?.map(|column| column.0))
    }

    /// Keeps a receipt that was signed.
    pub fn add_receipt(&self, terminal: TerminalId, sequence: Sequence, cose: &[u8]) -> Stored<()> {
        let mut sql = self.sql(
            "INSERT INTO receipt (terminal_id, number, sequence, cose) VALUES (:terminal,
             (SELECT coalesce(max(number), 0) + 1 FROM receipt WHERE terminal_id = :terminal), :sequence, :cose)",
        )?;
        sql.execute(named_params! { ":terminal": Column(terminal), ":sequence": Column(sequence), ":cose": cose })?;
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
        let mut sql = self.sql(
            "INSERT INTO doubt (terminal_id, transaction_id, card, known_position, known_at, waiting_entries, waiting_cents, reported_at)
             VALUES (:terminal, :transaction, :card, :position, :at, :entries, :cents, :now)
             ON CONFLICT (terminal_id, transaction_id) DO NOTHING",
        )?;
        let added = sql.execute(named_params! {
            ":terminal": Column(terminal),
            ":transaction": Column(transaction),
            ":card": Column(card),
            ":position": Column(knowledge.position),
            ":at": Column(knowledge.at),
            ":entries": Column(knowledge.waiting_entries),
            ":cents": Column(knowledge.waiting_cents),
            ":now": Column(now),
        })?;
        Ok(added == 1)
    }

    /// Whether a sale or an undo of `card` was reported to be in doubt, and no entry has ended it.
    pub fn is_in_doubt(&self, card: CardNumber, ended: impl Fn(TerminalId, TransactionId) -> bool) -> Stored<bool> {
        let mut sql = self.sql("SELECT terminal_id, transaction_id FROM doubt WHERE card = :card")?;
        let rows = sql.query_map(named_params! { ":card": Column(card) }, |row| {
            Ok((row.get::<_, Column<_>>(0)?.0, row.get::<_, Column<_>>(1)?.0))
        })?;
        for row in rows {
            let (terminal, transaction) = row?;
            if !ended(terminal, transaction) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What a terminal had when it first reported this transaction to be in doubt.
    pub fn doubt(&self, terminal: TerminalId, transaction: TransactionId) -> Stored<Option<Knowledge>> {
        let mut sql = self.sql(
            "SELECT known_position, known_at, waiting_entries, waiting_cents FROM doubt
             WHERE terminal_id = :terminal AND transaction_id = :transaction",
        )?;
        let parameters = named_params! { ":terminal": Column(terminal), ":transaction": Column(transaction) };
        Ok(sql.query_row(parameters, knowledge).optional()?)
    }
}

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

fn knowledge(row: &Row<'_>) -> rusqlite::Result<Knowledge> {
    Ok(Knowledge {
        position: row.get::<_, Column<_>>("known_position")?.0,
        at: row.get::<_, Column<_>>("known_at")?.0,
        waiting_entries: row.get::<_, Column<_>>("waiting_entries")?.0,
        waiting_cents: row.get::<_, Column<_>>("waiting_cents")?.0,
    })
}

pub(super) fn stored_entry(row: &Row<'_>) -> rusqlite::Result<StoredEntry> {
    Ok(StoredEntry {
        id: row.get("entry_id").map(EntryId)?,
        terminal: row.get::<_, Column<_>>("terminal_id")?.0,
        place: Place { branch: row.get("branch")?, sequence: row.get::<_, Column<_>>("sequence")?.0 },
        cose: row.get("cose")?,
        knowledge: knowledge(row)?,
        received_at: row.get::<_, Column<_>>("received_at")?.0,
    })
}
