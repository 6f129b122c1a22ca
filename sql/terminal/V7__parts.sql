-- Money that is paid in parts, and money that the bank terminal took and no sale has earned.

-- What each tender has of an entry's money, where it was paid or is given back in parts. The entry's own tender is NULL then.
CREATE TABLE part (
    entry  INTEGER NOT NULL REFERENCES entry (sequence),
    tender TEXT NOT NULL CHECK (tender IN ('cash', 'card', 'cheque', 'other', 'tpe')),
    -- Of what is collected or returned; nothing of a debit whose sale had been given up.
    cents  INTEGER NOT NULL CHECK (cents >= 0),
    PRIMARY KEY (entry, tender)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER part_of_the_newest BEFORE INSERT ON part
WHEN NEW.entry IS NOT (SELECT max(sequence) FROM entry)
BEGIN
    SELECT RAISE(ABORT, 'a part is written with its entry');
END;

CREATE TRIGGER part_never_changed BEFORE UPDATE ON part
BEGIN
    SELECT RAISE(ABORT, 'a part is never changed');
END;

CREATE TRIGGER part_never_deleted BEFORE DELETE ON part
BEGIN
    SELECT RAISE(ABORT, 'a part is never deleted');
END;

-- Sales of which the bank terminal surely has more of the holder's money than they have earned: it is to be given back, or the sale goes on.
-- It follows from payments and entries; `verify` computes it again.
CREATE TABLE held (
    -- The request of the sale.
    request BLOB PRIMARY KEY CHECK (length(request) = 16),
    cents   INTEGER NOT NULL CHECK (cents > 0),
    -- Since when, by the terminal's trusted time.
    since   INTEGER NOT NULL CHECK (since BETWEEN 0 AND 4294967295)
) STRICT, WITHOUT ROWID;

INSERT INTO held (request, cents, since)
SELECT request, cents, time FROM (
    SELECT request, max(time) AS time,
        sum(CASE way WHEN 'charge' THEN amount ELSE -amount END) - coalesce((
            SELECT sum(entry.collected) FROM entry
            WHERE entry.request = payment.request AND entry.kind = 'debit' AND entry.tender = 'tpe'
            AND NOT EXISTS (SELECT 1 FROM entry AS undo WHERE undo.takes_back = entry.sequence)), 0) AS cents
    FROM payment
    WHERE state = 'approved'
    AND NOT EXISTS (
        SELECT 1 FROM payment AS open
        WHERE open.request = payment.request AND open.state IN ('asked', 'sent', 'unknown'))
    AND NOT EXISTS (
        SELECT 1 FROM intent
        WHERE intent.request = payment.request AND settled_by IS NULL AND abandoned_by IS NULL)
    GROUP BY request
) WHERE cents > 0;

PRAGMA user_version = 7;
