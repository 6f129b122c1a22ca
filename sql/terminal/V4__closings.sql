-- Closings are entries: their kind joins the list. SQLite cannot change a CHECK, so the table is made anew and every row of it copied as it
-- is; a program that stops in the middle finds the old one. References to the table are not followed meanwhile (`schema`).

CREATE TABLE entry_of_now (
    sequence       INTEGER PRIMARY KEY CHECK (sequence > 0),
    -- The hash of the entry before. Unique, so the chain cannot fork in this file; a hash is then unique too, but for
    -- the newest.
    previous       BLOB NOT NULL UNIQUE CHECK (length(previous) = 32),
    -- SHA-256 of the whole COSE bytes.
    hash           BLOB NOT NULL CHECK (length(hash) = 32),
    -- The entry, a COSE_Sign1 by the terminal.
    cose           BLOB NOT NULL CHECK (length(cose) <= 8192),
    kind           TEXT NOT NULL CHECK (kind IN (
                       'debit', 'reversal', 'not-done', 'abandoned', 'undo-request', 'refused', 'card-read', 'closing',
                       'event')),
    -- The terminal's trusted time.
    time           INTEGER NOT NULL CHECK (time BETWEEN 0 AND 4294967295),
    card           INTEGER,
    -- The card certificate that the entry names.
    certificate    BLOB REFERENCES card_certificate (hash),
    -- The intent that the entry ends or gives up.
    transaction_id BLOB REFERENCES intent (transaction_id),
    request        BLOB CHECK (length(request) = 16),
    -- Of a card's record (debit, reversal): where, how much, what was consumed after, and the card's counter.
    season         INTEGER CHECK (season BETWEEN 0 AND 65535),
    slot           INTEGER CHECK (slot BETWEEN 0 AND 15),
    amount         INTEGER CHECK (amount BETWEEN 0 AND 4294967295),
    consumed       INTEGER CHECK (consumed BETWEEN 0 AND 4294967295),
    counter        INTEGER CHECK (counter BETWEEN 0 AND 4294967295),
    -- The benefit's code, of a debit.
    benefit        TEXT,
    -- The debit that is taken back, by a reversal or by a request to the region: once.
    takes_back     INTEGER REFERENCES entry (sequence),
    -- What a debit keeps of the holder's money.
    collected      INTEGER CHECK (collected >= 0),
    -- What is given back to the holder.
    returned       INTEGER CHECK (returned >= 0),
    tender         TEXT CHECK (tender IN ('cash', 'card', 'cheque', 'other')),
    -- What the entry changes in what the region owes the partner, by the catalogue that the terminal had; negative when
    -- a debit is taken back.
    worth          INTEGER NOT NULL,
    -- The sum of `worth` from the first entry to this one, so that what waits between two entries is one subtraction.
    worth_total    INTEGER NOT NULL,
    CHECK ((kind IN ('debit', 'reversal')) = (counter IS NOT NULL AND slot IS NOT NULL AND amount IS NOT NULL)),
    CHECK ((kind IN ('debit', 'reversal', 'not-done', 'abandoned')) = (transaction_id IS NOT NULL)),
    CHECK ((kind IN ('reversal', 'undo-request')) = (takes_back IS NOT NULL))
) STRICT;

INSERT INTO entry_of_now SELECT * FROM entry ORDER BY sequence;
DROP TABLE entry;
ALTER TABLE entry_of_now RENAME TO entry;

CREATE UNIQUE INDEX entry_takes_back ON entry (takes_back) WHERE takes_back IS NOT NULL;
CREATE INDEX entry_time ON entry (time);
-- By card or request, and then by number: `sequence` is the row's own number, which ends every index.
CREATE INDEX entry_card ON entry (card) WHERE card IS NOT NULL;
CREATE INDEX entry_request ON entry (request) WHERE request IS NOT NULL;
-- Some four hundred a year.
CREATE INDEX entry_closing ON entry (kind) WHERE kind = 'closing';

-- An entry follows the newest, by number and by hash.
CREATE TRIGGER entry_follows BEFORE INSERT ON entry
WHEN NEW.sequence IS NOT 1 + coalesce((SELECT max(sequence) FROM entry), 0)
    OR NEW.previous IS NOT coalesce(
        (SELECT hash FROM entry WHERE sequence = NEW.sequence - 1), (SELECT chain_beginning FROM identity))
BEGIN
    SELECT RAISE(ABORT, 'an entry follows the newest');
END;

CREATE TRIGGER entry_never_changed BEFORE UPDATE ON entry
BEGIN
    SELECT RAISE(ABORT, 'an entry is never changed');
END;

CREATE TRIGGER entry_never_deleted BEFORE DELETE ON entry
BEGIN
    SELECT RAISE(ABORT, 'an entry is never deleted');
END;

-- What was handed out on paper, and how many duplicates of it; each of those is an entry.
CREATE TABLE printed (
    entry      INTEGER PRIMARY KEY REFERENCES entry (sequence),
    duplicates INTEGER NOT NULL CHECK (duplicates BETWEEN 0 AND 4294967295)
) STRICT;

PRAGMA user_version = 4;
