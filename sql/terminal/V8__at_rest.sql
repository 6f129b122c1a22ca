-- What the terminal keeps of the region's answers, beside what it has: certificates of before, and sums.

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

PRAGMA user_version = 8;
