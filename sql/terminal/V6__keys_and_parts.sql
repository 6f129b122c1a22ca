-- Four things that schema 5 does not have: other keys of the terminal, the version that the region wants, money that is paid in parts or held, and sums over what the region has sent.

-- The keys that were put in the place of the first, which is in `identity`. Each follows from the entry that says so; `verify` holds it against it.
CREATE TABLE entry_key (
    -- The entry that says so, signed by the key before. This key signs from the next entry on.
    changed_by INTEGER PRIMARY KEY REFERENCES entry (sequence),
    -- The public half of the key that signs entries (Ed25519).
    entry_key  BLOB NOT NULL UNIQUE CHECK (length(entry_key) = 32),
    -- Of the key that cards check, once a certificate names it (P-256, uncompressed).
    card_key   BLOB NOT NULL CHECK (length(card_key) = 65)
) STRICT;

CREATE TRIGGER entry_key_never_changed BEFORE UPDATE ON entry_key
BEGIN
    SELECT RAISE(ABORT, 'a change of keys is never changed');
END;

CREATE TRIGGER entry_key_never_deleted BEFORE DELETE ON entry_key
BEGIN
    SELECT RAISE(ABORT, 'a change of keys is never deleted');
END;

-- The version that terminals must have, as the region last said. At most one row.
CREATE TABLE required_version (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    -- The feed's item, as deterministic CBOR.
    bytes BLOB NOT NULL
) STRICT;

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

-- The terminal's certificates under former region keys, the newest of each season and key. A card that was blocked before the region had a new key takes no
-- other key, and can be read with one of these alone.
CREATE TABLE former_certificate (
    season     INTEGER NOT NULL CHECK (season BETWEEN 0 AND 65535),
    key_serial INTEGER NOT NULL CHECK (key_serial BETWEEN 0 AND 4294967295),
    -- As cards take it (card profile).
    bytes      BLOB NOT NULL CHECK (length(bytes) = 154),
    PRIMARY KEY (season, key_serial)
) STRICT, WITHOUT ROWID;

-- A sum over each row that the region has sent and that a sale is decided with (catalogue, policy, partner, denial, entitlement): a bit that flips in such a row, a row that is gone
-- and one that nobody has sent are noticed, and the feed is asked for again.
CREATE TABLE feed_sum (
    -- The table that the row is in.
    part TEXT NOT NULL CHECK (part IN ('catalogue', 'policy', 'partner', 'denial', 'entitlement')),
    -- The row's key there: card, season and version, or 1.
    key  INTEGER NOT NULL,
    -- The first 8 bytes of SHA-256 over part, key and the row's bytes.
    sum  BLOB NOT NULL CHECK (length(sum) = 8),
    PRIMARY KEY (part, key)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 6;
