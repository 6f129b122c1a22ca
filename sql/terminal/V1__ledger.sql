-- The ledger of one terminal: its chain of entries, its sales in doubt, the region's receipts, and what the region told
-- it.
--
-- Entries and receipts are never changed and never deleted; triggers see to it. Everything that is signed is kept as
-- the bytes that were signed; the columns beside them are projections, there for queries alone, and `verify` compares
-- them with the bytes. Times are Unix seconds, amounts of money whole euro cents, card numbers the sixteen digits as an
-- integer.

-- 'PASS': what tells this file from every other SQLite file.
PRAGMA application_id = 1346458451;
-- The number of the newest migration: a program that knows only older ones refuses the file.
PRAGMA user_version = 1;

-- Who this terminal is. One row, written when the file is made.
CREATE TABLE identity (
    id              INTEGER PRIMARY KEY CHECK (id = 1),
    terminal        INTEGER NOT NULL CHECK (terminal BETWEEN 0 AND 4294967295),
    partner         INTEGER NOT NULL CHECK (partner BETWEEN 0 AND 4294967295),
    -- The terminal that it takes the place of, after a lost disk.
    replaces        INTEGER CHECK (replaces BETWEEN 0 AND 4294967295),
    -- The root's public key (P-256, uncompressed), pinned.
    root_key        BLOB NOT NULL CHECK (length(root_key) = 65),
    -- The public half of the key that signs entries (Ed25519).
    entry_key       BLOB NOT NULL CHECK (length(entry_key) = 32),
    -- What the first entry names as the entry before.
    chain_beginning BLOB NOT NULL CHECK (length(chain_beginning) = 32),
    -- The region's time of the enrolment.
    enrolled_at     INTEGER NOT NULL CHECK (enrolled_at BETWEEN 0 AND 4294967295)
) STRICT;

-- Certificates of cards that entries and intents name by their hash. This table and the next keep their row numbers: rows
-- of this size in the tree of the key itself would make it deep, and a sale in a long ledger slower than in a short one.
CREATE TABLE card_certificate (
    -- SHA-256 of the bytes.
    hash  BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    bytes BLOB NOT NULL CHECK (length(bytes) = 163)
) STRICT;

-- What was made durable before a card was asked to change its purse. It stays open until an entry says how it ended.
CREATE TABLE intent (
    transaction_id BLOB NOT NULL PRIMARY KEY CHECK (length(transaction_id) = 16),
    card           INTEGER NOT NULL,
    -- The client's request.
    request        BLOB NOT NULL CHECK (length(request) = 16),
    certificate    BLOB NOT NULL REFERENCES card_certificate (hash),
    -- The intent, as deterministic CBOR.
    bytes          BLOB NOT NULL,
    -- The newest entry when it was stored.
    head           INTEGER NOT NULL REFERENCES entry (sequence),
    -- The entry that gave the sale up; the intent stays open all the same, because the card may have done it.
    abandoned_by   INTEGER REFERENCES entry (sequence) CHECK (abandoned_by > head),
    -- The entry that says how it ended.
    settled_by     INTEGER REFERENCES entry (sequence) CHECK (settled_by > coalesce(abandoned_by, head)),
    -- Whether a client was told the end: 0 only for one that came out of a doubt and waits for somebody to hear it.
    delivered      INTEGER NOT NULL DEFAULT 1 CHECK (delivered IN (0, 1))
) STRICT;

-- One open intent a card. It is also the way to the open intent of a request: there are few, and an index of their
-- requests would be one more page to write in both commits of every sale.
CREATE UNIQUE INDEX intent_open ON intent (card) WHERE settled_by IS NULL;
CREATE INDEX intent_undelivered ON intent (card, settled_by) WHERE delivered = 0;

CREATE TRIGGER intent_never_deleted BEFORE DELETE ON intent
BEGIN
    SELECT RAISE(ABORT, 'an intent is never deleted');
END;

CREATE TRIGGER intent_only_ends BEFORE UPDATE ON intent
WHEN (NEW.transaction_id, NEW.card, NEW.request, NEW.certificate, NEW.bytes, NEW.head)
        IS NOT (OLD.transaction_id, OLD.card, OLD.request, OLD.certificate, OLD.bytes, OLD.head)
    OR (OLD.abandoned_by IS NOT NULL AND NEW.abandoned_by IS NOT OLD.abandoned_by)
    OR (OLD.settled_by IS NOT NULL AND NEW.settled_by IS NOT OLD.settled_by)
BEGIN
    SELECT RAISE(ABORT, 'an intent only ends, once');
END;

-- The chain.
CREATE TABLE entry (
    sequence       INTEGER PRIMARY KEY CHECK (sequence > 0),
    -- The hash of the entry before. Unique, so the chain cannot fork in this file; a hash is then unique too, but for
    -- the newest.
    previous       BLOB NOT NULL UNIQUE CHECK (length(previous) = 32),
    -- SHA-256 of the whole COSE bytes.
    hash           BLOB NOT NULL CHECK (length(hash) = 32),
    -- The entry, a COSE_Sign1 by the terminal.
    cose           BLOB NOT NULL CHECK (length(cose) <= 8192),
    kind           TEXT NOT NULL CHECK (kind IN (
                       'debit', 'reversal', 'not-done', 'abandoned', 'undo-request', 'refused', 'card-read', 'event')),
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

CREATE UNIQUE INDEX entry_takes_back ON entry (takes_back) WHERE takes_back IS NOT NULL;
CREATE INDEX entry_time ON entry (time);
-- By card or request, and then by number: `sequence` is the row's own number, which ends every index.
CREATE INDEX entry_card ON entry (card) WHERE card IS NOT NULL;
CREATE INDEX entry_request ON entry (request) WHERE request IS NOT NULL;

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

-- The region's signatures over heads of the chain, all of them, in the order in which they came.
CREATE TABLE receipt (
    number        INTEGER PRIMARY KEY,
    -- The acknowledged head; 0 for the chain's beginning.
    head_sequence INTEGER NOT NULL CHECK (head_sequence >= 0),
    head_hash     BLOB NOT NULL CHECK (length(head_hash) = 32),
    -- The region's time.
    time          INTEGER NOT NULL CHECK (time BETWEEN 0 AND 4294967295),
    -- The request that it answers. One that was sent twice may be answered twice.
    request       BLOB NOT NULL CHECK (length(request) = 16),
    -- The receipt, a COSE_Sign1 by the region.
    cose          BLOB NOT NULL UNIQUE
) STRICT;

CREATE TRIGGER receipt_never_changed BEFORE UPDATE ON receipt
BEGIN
    SELECT RAISE(ABORT, 'a receipt is never changed');
END;

CREATE TRIGGER receipt_never_deleted BEFORE DELETE ON receipt
BEGIN
    SELECT RAISE(ABORT, 'a receipt is never deleted');
END;

-- Where the terminal stands with the region. One row.
CREATE TABLE state (
    id                    INTEGER PRIMARY KEY CHECK (id = 1),
    -- What it has of the feed.
    feed_position         INTEGER NOT NULL CHECK (feed_position >= 0),
    -- When the region made the newest feed page that was applied; 0 before the first.
    deny_list_made        INTEGER NOT NULL CHECK (deny_list_made BETWEEN 0 AND 4294967295),
    -- The region's time in its newest answer.
    last_exchange         INTEGER NOT NULL CHECK (last_exchange BETWEEN 0 AND 4294967295),
    -- The terminal's time in the request of that answer.
    last_request          INTEGER NOT NULL CHECK (last_request BETWEEN 0 AND 4294967295),
    -- 1 active, 2 suspended, 3 retired.
    standing              INTEGER NOT NULL CHECK (standing IN (1, 2, 3)),
    -- The head that the newest answer acknowledges; 0 for the chain's beginning.
    acknowledged_sequence INTEGER NOT NULL CHECK (acknowledged_sequence >= 0),
    -- The trusted time's floor as the newest answer left it, and the newest entry then: a later entry's own time is the
    -- floor after it.
    floor                 INTEGER NOT NULL CHECK (floor BETWEEN 0 AND 4294967295),
    floor_sequence        INTEGER NOT NULL CHECK (floor_sequence >= 0)
) STRICT;

-- Catalogues, every version that was ever in force here, because `worth` was computed with them.
CREATE TABLE catalogue (
    season  INTEGER NOT NULL CHECK (season BETWEEN 0 AND 65535),
    version INTEGER NOT NULL CHECK (version BETWEEN 0 AND 4294967295),
    -- Deterministic CBOR, as in the feed; so in all the tables below.
    bytes   BLOB NOT NULL,
    PRIMARY KEY (season, version)
) STRICT, WITHOUT ROWID;

-- The offline policy of the greatest version.
CREATE TABLE policy (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL CHECK (version BETWEEN 0 AND 4294967295),
    bytes   BLOB NOT NULL
) STRICT;

-- The terminal's partner: name and activities.
CREATE TABLE partner (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    bytes BLOB NOT NULL
) STRICT;

-- Cards that must not be served.
CREATE TABLE denial (
    card  INTEGER PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;

-- Entitlements to be put on cards at their next tap, of the greatest serial of each card.
CREATE TABLE entitlement (
    card   INTEGER PRIMARY KEY,
    serial INTEGER NOT NULL CHECK (serial BETWEEN 0 AND 4294967295),
    -- As the card takes it (card profile).
    bytes  BLOB NOT NULL CHECK (length(bytes) = 211)
) STRICT;

-- The terminal's certificates, the newest of each season.
CREATE TABLE terminal_certificate (
    season    INTEGER PRIMARY KEY CHECK (season BETWEEN 0 AND 65535),
    issued_at INTEGER NOT NULL CHECK (issued_at BETWEEN 0 AND 4294967295),
    -- As cards take it (card profile).
    bytes     BLOB NOT NULL CHECK (length(bytes) = 154)
) STRICT;

-- Region keys, certified by the root. A withdrawn one signs nothing any more, but what it signed before stays on
-- record.
CREATE TABLE region_key (
    serial    INTEGER PRIMARY KEY CHECK (serial BETWEEN 0 AND 4294967295),
    -- As cards take it (card profile). NULL of a key that was withdrawn and is not known.
    bytes     BLOB CHECK (length(bytes) = 134),
    withdrawn INTEGER NOT NULL CHECK (withdrawn IN (0, 1)),
    CHECK (bytes IS NOT NULL OR withdrawn = 1)
) STRICT;

-- Records of cards that the region wants read, counters included.
CREATE TABLE records_wanted (
    card         INTEGER NOT NULL,
    from_counter INTEGER NOT NULL CHECK (from_counter BETWEEN 0 AND 4294967295),
    to_counter   INTEGER NOT NULL CHECK (to_counter BETWEEN from_counter AND 4294967295),
    PRIMARY KEY (card, from_counter, to_counter)
) STRICT, WITHOUT ROWID;

-- What the region says of an entry, of the greatest version.
CREATE TABLE verdict (
    sequence INTEGER PRIMARY KEY CHECK (sequence > 0),
    version  INTEGER NOT NULL CHECK (version BETWEEN 0 AND 4294967295),
    bytes    BLOB NOT NULL
) STRICT;
