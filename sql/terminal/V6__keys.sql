-- New keys of the terminal, and the version of its program that the region wants.

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

PRAGMA user_version = 6;
