-- Payments on the bank terminal, and a tender of their own among the entries: the table is made anew for it, as in V4.

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
    tender         TEXT CHECK (tender IN ('cash', 'card', 'cheque', 'other', 'tpe')),
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

-- A payment on the bank terminal (TPE): durable before the bank terminal hears of it, and at each step.
CREATE TABLE payment (
    -- Chosen by this terminal; the bank terminal is told it.
    id          BLOB PRIMARY KEY CHECK (length(id) = 16),
    -- The request of the sale that it is for.
    request     BLOB NOT NULL CHECK (length(request) = 16),
    -- From the holder, or back.
    way         TEXT NOT NULL CHECK (way IN ('charge', 'refund')),
    -- What is asked, in cents.
    asked       INTEGER NOT NULL CHECK (asked > 0),
    -- When, by the terminal's trusted time.
    time        INTEGER NOT NULL CHECK (time BETWEEN 0 AND 4294967295),
    -- Who, where cashiers sign in.
    cashier     INTEGER REFERENCES cashier (id),
    -- Nothing written; perhaps written; money moved; surely none moved; nobody knows.
    state       TEXT NOT NULL CHECK (state IN ('asked', 'sent', 'approved', 'refused', 'unknown')),
    -- What moved, in cents: what the bank terminal or the cashier says, which may not be what was asked.
    amount      INTEGER CHECK (amount > 0),
    -- Who says so, why not, or why nobody knows: a code.
    why         TEXT,
    -- The entry that says that it is unknown, and the one that says how it ended.
    unknown_by  INTEGER REFERENCES entry (sequence),
    ended_by    INTEGER REFERENCES entry (sequence),
    CHECK ((state = 'approved') = (amount IS NOT NULL)),
    CHECK ((state IN ('asked', 'sent')) = (why IS NULL)),
    CHECK (state <> 'unknown' OR unknown_by IS NOT NULL AND ended_by IS NULL),
    CHECK (state <> 'approved' OR ended_by IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE INDEX payment_request ON payment (request);
-- What is not at rest, or waits for the cashier's word: very few.
CREATE INDEX payment_open ON payment (state) WHERE state IN ('asked', 'sent', 'unknown');
CREATE INDEX payment_unknown ON payment (unknown_by) WHERE unknown_by IS NOT NULL;

-- One payment is in flight at a time.
CREATE TRIGGER payment_one_in_flight BEFORE INSERT ON payment
WHEN NEW.state <> 'asked' OR EXISTS (SELECT 1 FROM payment WHERE state IN ('asked', 'sent'))
BEGIN
    SELECT RAISE(ABORT, 'one payment is in flight at a time');
END;

-- Forward only: what was sent is never asked again, what has ended stays so.
CREATE TRIGGER payment_forward BEFORE UPDATE ON payment
WHEN NEW.id IS NOT OLD.id OR NEW.request IS NOT OLD.request OR NEW.way IS NOT OLD.way OR NEW.asked IS NOT OLD.asked
    OR NEW.time IS NOT OLD.time OR NEW.cashier IS NOT OLD.cashier
    OR (OLD.unknown_by IS NOT NULL AND NEW.unknown_by IS NOT OLD.unknown_by)
    OR NOT (OLD.state = 'asked' AND NEW.state IN ('sent', 'refused')
        OR OLD.state = 'sent' AND NEW.state IN ('approved', 'refused', 'unknown')
        OR OLD.state = 'unknown' AND NEW.state IN ('approved', 'refused'))
BEGIN
    SELECT RAISE(ABORT, 'a payment goes forward only');
END;

CREATE TRIGGER payment_never_deleted BEFORE DELETE ON payment
BEGIN
    SELECT RAISE(ABORT, 'a payment is never deleted');
END;

PRAGMA user_version = 5;
