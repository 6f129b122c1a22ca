-- The region's embedded store.
--
-- Instants are Unix seconds; amounts are in the unit of their slot (euro cents or seats); hashes are SHA-256; "body" columns hold the
-- bytes of the wire, exactly as they were signed. Entries, records, verdicts, receipts and certificates are evidence: they are
-- inserted and never changed, and triggers at the end say so. The tables are those of `sql/region/postgres`, and the same statements run on
-- both. There every table has a column that it can be spread by, which is in all of its keys: evidence and what a terminal is told by the
-- terminal (`terminal_id`, `audience`), rights and consumption by the card. Hence no sequences and no keys across the two.

-- One row: the region exists from this row on.
CREATE TABLE region (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    root_key   BLOB    NOT NULL CHECK (length(root_key) = 65),
    created_at INTEGER NOT NULL
) STRICT;

-- Region keys; the private halves are files. The greatest serial signs.
CREATE TABLE region_key (
    serial       INTEGER PRIMARY KEY,
    body         BLOB    NOT NULL CHECK (length(body) = 134),
    made_at      INTEGER NOT NULL
) STRICT;

-- Every version of each season's catalogue; the greatest counts.
CREATE TABLE catalogue (
    season       INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    body         BLOB    NOT NULL,
    published_at INTEGER NOT NULL,
    PRIMARY KEY (season, version)
) STRICT;

-- Every version of the offline policy; a terminal knows those whose position it has confirmed.
CREATE TABLE policy (
    version      INTEGER PRIMARY KEY,
    position     INTEGER NOT NULL,
    body         BLOB    NOT NULL,
    published_at INTEGER NOT NULL
) STRICT;

CREATE TABLE partner (
    partner_id   INTEGER PRIMARY KEY,
    name         TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    -- For the public list.
    city         TEXT    CHECK (length(city) BETWEEN 1 AND 100),
    -- Since when all its terminals are suspended; NULL for a partner that may sell.
    suspended_at INTEGER,
    added_at     INTEGER NOT NULL
) STRICT;

CREATE TABLE partner_activity (
    partner_id INTEGER NOT NULL REFERENCES partner,
    activity   TEXT    NOT NULL,
    PRIMARY KEY (partner_id, activity)
) STRICT;

CREATE TABLE terminal (
    terminal_id      INTEGER PRIMARY KEY CHECK (terminal_id BETWEEN 1 AND 4294967295),
    partner_id       INTEGER NOT NULL REFERENCES partner,
    -- The terminal that this one takes the place of, after a lost disk.
    replaces         INTEGER REFERENCES terminal,
    -- Whether it holds the entitlements of all cards, or of those that it has seen.
    all_entitlements INTEGER NOT NULL CHECK (all_entitlements IN (0, 1)),
    added_at         INTEGER NOT NULL,
    -- The one-time code's secret, until the code's time is over; an answer that was lost is asked for again with it.
    code_secret      BLOB    CHECK (length(code_secret) = 17),
    code_expires_at  INTEGER NOT NULL,
    -- The keys that the terminal made, from its enrolment on; never changed.
    entry_key        BLOB    CHECK (length(entry_key) = 32),
    card_key         BLOB    CHECK (length(card_key) = 65),
    enrolled_at      INTEGER,
    -- The branch of its chain whose head the region acknowledges.
    live_branch      INTEGER NOT NULL DEFAULT 0,
    CHECK ((entry_key IS NULL) = (card_key IS NULL) AND (entry_key IS NULL) = (enrolled_at IS NULL))
) STRICT;

-- Every change of a terminal's standing. It holds from the moment it is written; the terminal was told once it has confirmed the position in its
-- own feed.
CREATE TABLE terminal_standing (
    terminal_id INTEGER NOT NULL REFERENCES terminal,
    position    INTEGER NOT NULL,
    standing    TEXT    NOT NULL CHECK (standing IN ('active', 'suspended', 'retired')),
    -- For the desk: 'desk', 'fork', 'replaced', 'revoked', 'partner'.
    cause       TEXT    NOT NULL,
    changed_at  INTEGER NOT NULL,
    PRIMARY KEY (terminal_id, position)
) STRICT;

CREATE TABLE terminal_certificate (
    terminal_id INTEGER NOT NULL REFERENCES terminal,
    season      INTEGER NOT NULL,
    -- 1, 2, 3... within the terminal and season; the greatest is the newest.
    number      INTEGER NOT NULL,
    body        BLOB    NOT NULL CHECK (length(body) = 154),
    PRIMARY KEY (terminal_id, season, number)
) STRICT;

-- The chain of a terminal is a line as long as nothing goes wrong: branch 0. A disk that was restored from a copy makes another branch.
CREATE TABLE branch (
    terminal_id     INTEGER NOT NULL REFERENCES terminal,
    branch          INTEGER NOT NULL,
    -- Where it leaves its parent: the last sequence that both have. Branch 0 has no parent and begins at the chain's beginning.
    parent          INTEGER,
    fork_sequence   INTEGER NOT NULL,
    head_sequence   INTEGER NOT NULL,
    head_hash       BLOB    NOT NULL CHECK (length(head_hash) = 32),
    -- Whether its entries are judged by what they say: branch 0, a branch that was joined, one that the desk has looked at.
    settled         INTEGER NOT NULL CHECK (settled IN (0, 1)),
    -- Where a join on another branch ended it: what comes after is a second machine.
    closed_sequence INTEGER,
    PRIMARY KEY (terminal_id, branch)
) STRICT;

-- Every authentic entry, as it was signed.
CREATE TABLE entry (
    terminal_id      INTEGER NOT NULL,
    branch           INTEGER NOT NULL,
    sequence         INTEGER NOT NULL CHECK (sequence >= 1),
    hash             BLOB    NOT NULL CHECK (length(hash) = 32),
    previous         BLOB    NOT NULL CHECK (length(previous) = 32),
    cose             BLOB    NOT NULL,
    received_at      INTEGER NOT NULL,
    -- The kind's code; 'unreadable' for what this program cannot decode.
    kind             TEXT    NOT NULL,
    -- The card that it is about.
    card             INTEGER,
    -- What a debit is worth to the partner by its own word, in cents; the verdict says whether it is paid.
    worth_cents      INTEGER NOT NULL,
    -- What the terminal had when it wrote the entry, as the region's own log of exchanges proves it: the feed position that it had
    -- confirmed, the time of that exchange, the sequence acknowledged then, and what waited since.
    known_position   INTEGER NOT NULL,
    known_at         INTEGER NOT NULL,
    waiting_entries  INTEGER NOT NULL,
    waiting_cents    INTEGER NOT NULL,
    PRIMARY KEY (terminal_id, branch, sequence),
    UNIQUE (terminal_id, hash),
    FOREIGN KEY (terminal_id, branch) REFERENCES branch
) STRICT;

-- How far the cards' side has dealt with a branch: what its entries say of cards is noted, and the cards are judged, after the exchange that brought them.
-- To have entries looked at again, it is set back.
CREATE TABLE noted (
    terminal_id INTEGER NOT NULL,
    branch      INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    PRIMARY KEY (terminal_id, branch),
    FOREIGN KEY (terminal_id, branch) REFERENCES branch
) STRICT;

-- What the region says of an entry; the greatest version counts. Versions grow with the sequence, over all branches, because a terminal knows
-- an entry by its sequence.
CREATE TABLE verdict (
    terminal_id   INTEGER NOT NULL,
    sequence      INTEGER NOT NULL,
    version       INTEGER NOT NULL CHECK (version >= 1),
    branch        INTEGER NOT NULL,
    -- NULL for payable, 0 for recorded, else the reason's number.
    contest       INTEGER,
    payable_cents INTEGER NOT NULL CHECK (payable_cents >= 0),
    judged_at     INTEGER NOT NULL,
    PRIMARY KEY (terminal_id, sequence, version),
    FOREIGN KEY (terminal_id, branch, sequence) REFERENCES entry
) STRICT;

-- Every exchange, once per request id: what the terminal said that it had, and what it was answered.
CREATE TABLE exchange (
    terminal_id    INTEGER NOT NULL REFERENCES terminal,
    -- 1, 2, 3... within the terminal.
    number         INTEGER NOT NULL,
    request_id     BLOB    NOT NULL CHECK (length(request_id) = 16),
    received_at    INTEGER NOT NULL,
    terminal_time  INTEGER NOT NULL,
    head_sequence  INTEGER NOT NULL,
    head_hash      BLOB    NOT NULL CHECK (length(head_hash) = 32),
    feed_position  INTEGER NOT NULL,
    acked_sequence INTEGER NOT NULL,
    version        TEXT    NOT NULL,
    disk_free      INTEGER NOT NULL,
    PRIMARY KEY (terminal_id, number),
    UNIQUE (terminal_id, request_id)
) STRICT;
CREATE INDEX exchange_by_head ON exchange (terminal_id, head_sequence, feed_position);

-- Receipts, as they were signed.
CREATE TABLE receipt (
    terminal_id INTEGER NOT NULL REFERENCES terminal,
    number      INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    cose        BLOB    NOT NULL,
    PRIMARY KEY (terminal_id, number)
) STRICT;

-- Sales and undos that a terminal reported to be in doubt, with what it had when it first did: a debit that turns out done later is judged by this.
CREATE TABLE doubt (
    terminal_id     INTEGER NOT NULL REFERENCES terminal,
    transaction_id  BLOB    NOT NULL CHECK (length(transaction_id) = 16),
    card            INTEGER NOT NULL,
    known_position  INTEGER NOT NULL,
    known_at        INTEGER NOT NULL,
    waiting_entries INTEGER NOT NULL,
    waiting_cents   INTEGER NOT NULL,
    reported_at     INTEGER NOT NULL,
    PRIMARY KEY (terminal_id, transaction_id)
) STRICT;

CREATE INDEX doubt_by_card ON doubt (card);

-- Cards. The row is there before the card is told its number.
CREATE TABLE card (
    card             INTEGER PRIMARY KEY,
    holder           BLOB    NOT NULL CHECK (length(holder) = 16),
    issue            INTEGER NOT NULL CHECK (issue BETWEEN 1 AND 255),
    profile          TEXT    NOT NULL,
    reserved_at      INTEGER NOT NULL,
    -- Its certificate and the SHA-256 of it, from the moment before the card is given it.
    certificate      BLOB    CHECK (length(certificate) = 163),
    certificate_hash BLOB    CHECK (length(certificate_hash) = 32),
    -- When the card had everything and was checked.
    issued_at        INTEGER,
    -- The greatest entitlement serial that the card is known to hold.
    holds_serial     INTEGER NOT NULL DEFAULT 0,
    -- The card in whose place it is (R6).
    replaces         INTEGER CHECK (replaces <> card)
) STRICT;

-- Which of a holder's cards has which number: one number an issue.
CREATE TABLE holder_card (
    holder BLOB    NOT NULL CHECK (length(holder) = 16),
    issue  INTEGER NOT NULL,
    card   INTEGER NOT NULL,
    PRIMARY KEY (holder, issue)
) STRICT;

CREATE TABLE entitlement (
    card    INTEGER NOT NULL REFERENCES card,
    serial  INTEGER NOT NULL,
    season  INTEGER NOT NULL,
    body    BLOB    NOT NULL CHECK (length(body) = 211),
    made_at INTEGER NOT NULL,
    PRIMARY KEY (card, serial)
) STRICT;

-- A card in the place of another (R6), from the moment before it is given its certificate. A card is replaced at most once.
CREATE TABLE replacement (
    replaced  INTEGER PRIMARY KEY REFERENCES card,
    card      INTEGER NOT NULL CHECK (card <> replaced),
    -- The season whose consumption the new card takes over.
    season    INTEGER NOT NULL,
    -- The code of the benefit that the fee was taken from; NULL when it was waived, or taken when the making was begun before.
    fee_from  TEXT,
    fee_cents INTEGER NOT NULL CHECK (fee_cents >= 0 AND (fee_from IS NULL) = (fee_cents = 0))
) STRICT;

-- What replaced cards have consumed, as it was charged to the newest card in their line, with the entitlement that charges it. The sum
-- over a replaced card's slot is what was carried over so far. A card's first entitlement charges what was known when it was made, later ones
-- what came late.
CREATE TABLE carried (
    replaced INTEGER NOT NULL,
    card     INTEGER NOT NULL,
    serial   INTEGER NOT NULL,
    slot     INTEGER NOT NULL CHECK (slot BETWEEN 0 AND 15),
    -- Less than 0: given back.
    amount   INTEGER NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (card, serial, replaced, slot),
    FOREIGN KEY (card, serial) REFERENCES entitlement
) STRICT;
CREATE INDEX carried_by_replaced ON carried (replaced, slot);

-- The deny list. Denials are final.
CREATE TABLE denial (
    card      INTEGER PRIMARY KEY REFERENCES card,
    reason    TEXT    NOT NULL CHECK (reason IN ('lost', 'stolen', 'broken')),
    denied_at INTEGER NOT NULL,
    -- A terminal had it once it has confirmed this position.
    position  INTEGER NOT NULL UNIQUE
) STRICT;

-- What cards have signed, whoever brought it. Two rows for one counter: the card was cloned.
CREATE TABLE card_record (
    card        INTEGER NOT NULL REFERENCES card,
    counter     INTEGER NOT NULL CHECK (counter >= 1),
    record      BLOB    NOT NULL CHECK (length(record) = 52),
    signature   BLOB    NOT NULL CHECK (length(signature) = 64),
    learnt_at   INTEGER NOT NULL,
    PRIMARY KEY (card, counter, record)
) STRICT;

-- Where the entries about a card are, in the order in which they came.
CREATE TABLE card_entry (
    card        INTEGER NOT NULL,
    terminal_id INTEGER NOT NULL,
    branch      INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (card, received_at, terminal_id, branch, sequence)
) STRICT;

-- Which terminals have shown an entry of a card: they are sent its entitlements and the records wanted of it.
CREATE TABLE card_seen (
    card        INTEGER NOT NULL,
    terminal_id INTEGER NOT NULL,
    PRIMARY KEY (card, terminal_id)
) STRICT;

-- Sales that a cashier gave up: never payable.
CREATE TABLE abandoned (
    terminal_id    INTEGER NOT NULL,
    transaction_id BLOB    NOT NULL CHECK (length(transaction_id) = 16),
    card           INTEGER NOT NULL,
    PRIMARY KEY (card, terminal_id, transaction_id)
) STRICT;

-- Debits that the region was asked to take back, with the entitlement that gave the right back.
CREATE TABLE undone (
    card               INTEGER NOT NULL REFERENCES card,
    counter            INTEGER NOT NULL,
    -- NULL when the season was over or nothing could be given back.
    entitlement_serial INTEGER,
    PRIMARY KEY (card, counter)
) STRICT;

-- The records that are being asked for, one range a card.
CREATE TABLE records_wanted (
    card         INTEGER PRIMARY KEY REFERENCES card,
    from_counter INTEGER NOT NULL,
    to_counter   INTEGER NOT NULL
) STRICT;

-- When the store was put back from a backup. What was given out between the backup and then is not known here, but terminals and cards have it: every
-- number that has to grow goes on above anything that can have been given.
CREATE TABLE restored (
    number        INTEGER PRIMARY KEY,
    restored_at   INTEGER NOT NULL,
    -- Ids below these may be a machine's, or a partner's, of which this store lost the memory.
    terminal_from INTEGER NOT NULL,
    partner_from  INTEGER NOT NULL
) STRICT;

-- The newest position of each feed: that of all terminals (audience 0), and each terminal's own. Taking a position is changing the row, so that positions are
-- committed in their order.
CREATE TABLE feed_head (
    audience INTEGER PRIMARY KEY CHECK (audience >= 0),
    position INTEGER NOT NULL CHECK (position >= 0),
    -- Another one each time that a position is given: where it is the same, so is everything that this feed tells, also in a copy that was put back.
    mark     TEXT    NOT NULL
) STRICT;
INSERT INTO feed_head (audience, position, mark) VALUES (0, 0, '');

-- The feed as it has to be told to somebody who knows nothing: what is superseded is gone. Denials are never superseded.
CREATE TABLE feed_item (
    -- 0: every terminal; -1: those that hold all entitlements, with positions of feed 0; else this terminal.
    audience INTEGER NOT NULL CHECK (audience >= -1),
    position INTEGER NOT NULL,
    -- What it is about; a newer item of the same audience and subject takes its place.
    subject  TEXT    NOT NULL,
    body     BLOB    NOT NULL,
    PRIMARY KEY (audience, position),
    UNIQUE (audience, subject)
) STRICT;

-- The life of a holder's cards (R2 to R11). Who a holder is stands in `holder_person` alone: everything else knows the reference, and goes on when that row is erased.

CREATE TABLE establishment (
    establishment_id INTEGER PRIMARY KEY,
    name             TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    kind             TEXT    NOT NULL,
    city             TEXT    NOT NULL CHECK (length(city) BETWEEN 1 AND 100),
    added_at         INTEGER NOT NULL
) STRICT;

CREATE TABLE holder (
    holder           BLOB    PRIMARY KEY CHECK (length(holder) = 16),
    establishment_id INTEGER NOT NULL REFERENCES establishment,
    profile          TEXT    NOT NULL,
    added_at         INTEGER NOT NULL,
    -- When the studies ended: nothing is revalidated any more.
    ended_at         INTEGER,
    erased_at        INTEGER
) STRICT;

-- Personal data, nowhere else in this store. Of the birth the year is enough.
CREATE TABLE holder_person (
    holder      BLOB    PRIMARY KEY CHECK (length(holder) = 16),
    given_name  TEXT    NOT NULL,
    family_name TEXT    NOT NULL,
    birth_year  INTEGER NOT NULL,
    mail        TEXT    NOT NULL,
    street      TEXT    NOT NULL,
    postcode    TEXT    NOT NULL,
    city        TEXT    NOT NULL,
    -- SHA-256 of the secret with which the holder looks the balance up.
    secret_hash BLOB    NOT NULL CHECK (length(secret_hash) = 32)
) STRICT;

-- Which person has which reference, by a SHA-256 of name, year of birth and establishment: nobody orders twice. Of an erased holder it stays until
-- the season is over, so that an erasure is no way to a second grant.
CREATE TABLE person_known (
    person BLOB    NOT NULL CHECK (length(person) = 32),
    -- 1, 2...: people of one name and year in one establishment.
    number INTEGER NOT NULL,
    holder BLOB    NOT NULL CHECK (length(holder) = 16),
    season INTEGER NOT NULL,
    PRIMARY KEY (person, number)
) STRICT;

-- One row for each card that a holder ordered, or that is to be made in the place of another.
CREATE TABLE card_order (
    holder     BLOB    NOT NULL REFERENCES holder,
    -- 1, 2, 3... within the holder.
    number     INTEGER NOT NULL,
    season     INTEGER NOT NULL,
    stage      TEXT    NOT NULL CHECK (stage IN ('ordered', 'refused', 'validated', 'withdrawn', 'personalised', 'sent', 'denied', 'replaced')),
    -- Why it was refused: a code, no free text.
    reason     TEXT,
    ordered_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    -- The card in whose place this one is to be, and what pays the fee: a benefit's code, NULL for the one with the most left.
    replaces   INTEGER,
    fee_from   TEXT,
    fee_waived INTEGER NOT NULL CHECK (fee_waived IN (0, 1)),
    -- The card, once it was made.
    card       INTEGER,
    PRIMARY KEY (holder, number)
) STRICT;
CREATE INDEX card_order_by_stage ON card_order (stage, holder, number);

-- Every step of an order, and who did it: 'desk', or an operator's id.
CREATE TABLE order_step (
    holder  BLOB    NOT NULL,
    number  INTEGER NOT NULL,
    step    INTEGER NOT NULL,
    stage   TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    done_by TEXT    NOT NULL,
    PRIMARY KEY (holder, number, step),
    FOREIGN KEY (holder, number) REFERENCES card_order
) STRICT;

-- A holder is granted the benefits of a season once (R3): this key says so.
CREATE TABLE season_grant (
    holder   BLOB    NOT NULL CHECK (length(holder) = 16),
    season   INTEGER NOT NULL,
    card     INTEGER NOT NULL,
    given_at INTEGER NOT NULL,
    PRIMARY KEY (holder, season)
) STRICT;

-- What was declared of a card: 'lost', 'stolen', 'broken', 'found'.
CREATE TABLE declaration (
    card        INTEGER NOT NULL REFERENCES card,
    number      INTEGER NOT NULL,
    kind        TEXT    NOT NULL CHECK (kind IN ('lost', 'stolen', 'broken', 'found')),
    declared_at INTEGER NOT NULL,
    PRIMARY KEY (card, number)
) STRICT;

-- Mails (R7), queued with the step that they tell of. Its address is read when it goes. One that is 'sending' was given to a sender, and is never given to
-- another: whether it arrived is known to that one alone.
CREATE TABLE mail (
    holder    BLOB    NOT NULL CHECK (length(holder) = 16),
    mail_id   BLOB    NOT NULL CHECK (length(mail_id) = 16),
    template  TEXT    NOT NULL,
    -- What the text needs, as JSON; emptied when the mail has gone.
    data      TEXT    NOT NULL,
    stage     TEXT    NOT NULL CHECK (stage IN ('queued', 'sending', 'sent', 'refused', 'given-up')),
    queued_at INTEGER NOT NULL,
    due_at    INTEGER NOT NULL,
    tries     INTEGER NOT NULL,
    PRIMARY KEY (holder, mail_id)
) STRICT;
CREATE INDEX mail_by_due ON mail (stage, due_at);

-- Who may use the desk's API. Of a token only the SHA-256 is kept.
CREATE TABLE operator (
    token_hash       BLOB    PRIMARY KEY CHECK (length(token_hash) = 32),
    name             TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    role             TEXT    NOT NULL CHECK (role IN ('establishment', 'desk', 'partner-desk', 'auditor')),
    -- Of which establishment, for that role alone.
    establishment_id INTEGER REFERENCES establishment,
    added_at         INTEGER NOT NULL,
    revoked_at       INTEGER,
    CHECK ((role = 'establishment') = (establishment_id IS NOT NULL))
) STRICT;

-- The account that a partner is paid to. The greatest version counts; a settlement names the one that it paid to.
CREATE TABLE partner_bank (
    partner_id INTEGER NOT NULL REFERENCES partner,
    version    INTEGER NOT NULL CHECK (version >= 1),
    holder     TEXT    NOT NULL CHECK (length(holder) BETWEEN 1 AND 70),
    iban       TEXT    NOT NULL CHECK (length(iban) BETWEEN 15 AND 34),
    bic        TEXT    CHECK (length(bic) IN (8, 11)),
    set_at     INTEGER NOT NULL,
    PRIMARY KEY (partner_id, version)
) STRICT;

-- The account that the region pays from. The greatest version counts.
CREATE TABLE payer (
    version INTEGER PRIMARY KEY CHECK (version >= 1),
    holder  TEXT    NOT NULL CHECK (length(holder) BETWEEN 1 AND 70),
    iban    TEXT    NOT NULL CHECK (length(iban) BETWEEN 15 AND 34),
    bic     TEXT    CHECK (length(bic) IN (8, 11)),
    set_at  INTEGER NOT NULL
) STRICT;

-- Settlements: 1, 2, 3... One is begun, then every terminal is settled in a transaction of its own, then it is sealed. Evidence, all of it.
CREATE TABLE settlement (
    number   INTEGER PRIMARY KEY CHECK (number >= 1),
    -- Its last day (Europe/Paris), as 2026-11-30, and the first instant after it.
    until    TEXT    NOT NULL CHECK (length(until) = 10),
    ends_at  INTEGER NOT NULL,
    begun_at INTEGER NOT NULL
) STRICT;

-- How benefits were called when the settlement was begun.
CREATE TABLE settlement_benefit (
    number   INTEGER NOT NULL REFERENCES settlement,
    season   INTEGER NOT NULL,
    slot     INTEGER NOT NULL,
    code     TEXT    NOT NULL,
    label_fr TEXT    NOT NULL,
    label_en TEXT    NOT NULL,
    -- 'seat' or 'cent'.
    unit     TEXT    NOT NULL,
    PRIMARY KEY (number, season, slot)
) STRICT;

-- A terminal is settled when its row is here, with its lines.
CREATE TABLE settlement_terminal (
    terminal_id INTEGER NOT NULL REFERENCES terminal,
    number      INTEGER NOT NULL REFERENCES settlement,
    partner_id  INTEGER NOT NULL,
    lines       INTEGER NOT NULL CHECK (lines >= 0),
    PRIMARY KEY (terminal_id, number)
) STRICT;

-- What an entry is worth otherwise than the settlement before said, and the verdict that says so. The first line of an entry begins at 0; what
-- was settled of it altogether is the newest line's after_cents.
CREATE TABLE settlement_line (
    terminal_id  INTEGER NOT NULL,
    number       INTEGER NOT NULL REFERENCES settlement,
    sequence     INTEGER NOT NULL,
    branch       INTEGER NOT NULL,
    hash         BLOB    NOT NULL CHECK (length(hash) = 32),
    version      INTEGER NOT NULL,
    before_cents INTEGER NOT NULL CHECK (before_cents >= 0),
    after_cents  INTEGER NOT NULL CHECK (after_cents >= 0 AND after_cents <> before_cents),
    PRIMARY KEY (terminal_id, number, sequence, branch),
    FOREIGN KEY (terminal_id, branch, sequence) REFERENCES entry,
    FOREIGN KEY (terminal_id, sequence, version) REFERENCES verdict
) STRICT;
CREATE INDEX settlement_line_by_entry ON settlement_line (terminal_id, sequence, branch, number);

-- The sum of a partner's lines, benefit by benefit.
CREATE TABLE settlement_total (
    partner_id      INTEGER NOT NULL REFERENCES partner,
    number          INTEGER NOT NULL REFERENCES settlement,
    season          INTEGER NOT NULL,
    slot            INTEGER NOT NULL,
    -- Sales and what they debited, in the unit of the benefit; less than 0 where more was taken back.
    sales           INTEGER NOT NULL,
    amount          INTEGER NOT NULL,
    cents           INTEGER NOT NULL,
    -- What of cents corrects an earlier period.
    corrected_cents INTEGER NOT NULL,
    PRIMARY KEY (partner_id, number, season, slot)
) STRICT;

-- What a partner is paid: carried over from the settlement before, this one's lines, and what of both is paid. The rest is carried over.
CREATE TABLE settlement_partner (
    partner_id    INTEGER NOT NULL REFERENCES partner,
    number        INTEGER NOT NULL REFERENCES settlement,
    name          TEXT    NOT NULL,
    carried_cents INTEGER NOT NULL,
    lines_cents   INTEGER NOT NULL,
    paid_cents    INTEGER NOT NULL CHECK (paid_cents >= 0 AND (paid_cents = 0) = (bank_version IS NULL)),
    bank_version  INTEGER,
    PRIMARY KEY (partner_id, number)
) STRICT;

-- A settlement is closed when its row is here.
CREATE TABLE settlement_seal (
    number         INTEGER PRIMARY KEY REFERENCES settlement,
    sealed_at      INTEGER NOT NULL,
    lines          INTEGER NOT NULL,
    cents          INTEGER NOT NULL,
    paid_cents     INTEGER NOT NULL,
    -- SHA-256 of the file of all lines, as it is exported.
    entries_sha256 BLOB    NOT NULL CHECK (length(entries_sha256) = 32)
) STRICT;

CREATE TRIGGER region_key_is_kept BEFORE DELETE ON region_key BEGIN SELECT RAISE(ABORT, 'region keys are kept'); END;
CREATE TRIGGER entry_is_kept BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'entries are kept'); END;
CREATE TRIGGER entry_is_final BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'entries do not change'); END;
CREATE TRIGGER verdict_is_kept BEFORE DELETE ON verdict BEGIN SELECT RAISE(ABORT, 'verdicts are kept'); END;
CREATE TRIGGER verdict_is_final BEFORE UPDATE ON verdict BEGIN SELECT RAISE(ABORT, 'a changed verdict is a new version'); END;
CREATE TRIGGER receipt_is_kept BEFORE DELETE ON receipt BEGIN SELECT RAISE(ABORT, 'receipts are kept'); END;
CREATE TRIGGER receipt_is_final BEFORE UPDATE ON receipt BEGIN SELECT RAISE(ABORT, 'receipts do not change'); END;
CREATE TRIGGER card_record_is_kept BEFORE DELETE ON card_record BEGIN SELECT RAISE(ABORT, 'records are kept'); END;
CREATE TRIGGER card_record_is_final BEFORE UPDATE ON card_record BEGIN SELECT RAISE(ABORT, 'records do not change'); END;
CREATE TRIGGER denial_is_kept BEFORE DELETE ON denial BEGIN SELECT RAISE(ABORT, 'denials are final'); END;
CREATE TRIGGER denial_is_final BEFORE UPDATE ON denial BEGIN SELECT RAISE(ABORT, 'denials are final'); END;
CREATE TRIGGER entitlement_is_kept BEFORE DELETE ON entitlement BEGIN SELECT RAISE(ABORT, 'entitlements are kept'); END;
CREATE TRIGGER entitlement_is_final BEFORE UPDATE ON entitlement BEGIN SELECT RAISE(ABORT, 'a changed entitlement is a new serial'); END;
CREATE TRIGGER replacement_is_kept BEFORE DELETE ON replacement BEGIN SELECT RAISE(ABORT, 'replacements are kept'); END;
CREATE TRIGGER replacement_is_final BEFORE UPDATE ON replacement BEGIN SELECT RAISE(ABORT, 'replacements are final'); END;
CREATE TRIGGER carried_is_kept BEFORE DELETE ON carried BEGIN SELECT RAISE(ABORT, 'what was charged is kept'); END;
CREATE TRIGGER carried_is_final BEFORE UPDATE ON carried BEGIN SELECT RAISE(ABORT, 'a changed charge is a new entitlement'); END;
CREATE TRIGGER restored_is_kept BEFORE DELETE ON restored BEGIN SELECT RAISE(ABORT, 'a restoration is kept'); END;
CREATE TRIGGER restored_is_final BEFORE UPDATE ON restored BEGIN SELECT RAISE(ABORT, 'a restoration does not change'); END;
CREATE TRIGGER season_grant_is_kept BEFORE DELETE ON season_grant BEGIN SELECT RAISE(ABORT, 'grants are kept'); END;
CREATE TRIGGER season_grant_is_final BEFORE UPDATE ON season_grant BEGIN SELECT RAISE(ABORT, 'a season is granted once'); END;
CREATE TRIGGER partner_bank_is_kept BEFORE DELETE ON partner_bank BEGIN SELECT RAISE(ABORT, 'accounts are kept'); END;
CREATE TRIGGER partner_bank_is_final BEFORE UPDATE ON partner_bank BEGIN SELECT RAISE(ABORT, 'a changed account is a new version'); END;
CREATE TRIGGER payer_is_kept BEFORE DELETE ON payer BEGIN SELECT RAISE(ABORT, 'accounts are kept'); END;
CREATE TRIGGER payer_is_final BEFORE UPDATE ON payer BEGIN SELECT RAISE(ABORT, 'a changed account is a new version'); END;
CREATE TRIGGER settlement_is_kept BEFORE DELETE ON settlement BEGIN SELECT RAISE(ABORT, 'settlements are kept'); END;
CREATE TRIGGER settlement_is_final BEFORE UPDATE ON settlement BEGIN SELECT RAISE(ABORT, 'a correction is in the next settlement'); END;
CREATE TRIGGER settlement_benefit_is_kept BEFORE DELETE ON settlement_benefit BEGIN SELECT RAISE(ABORT, 'settlements are kept'); END;
CREATE TRIGGER settlement_benefit_is_final BEFORE UPDATE ON settlement_benefit BEGIN SELECT RAISE(ABORT, 'a correction is in the next settlement'); END;
CREATE TRIGGER settlement_terminal_is_kept BEFORE DELETE ON settlement_terminal BEGIN SELECT RAISE(ABORT, 'settlements are kept'); END;
CREATE TRIGGER settlement_terminal_is_final BEFORE UPDATE ON settlement_terminal BEGIN SELECT RAISE(ABORT, 'a correction is in the next settlement'); END;
CREATE TRIGGER settlement_line_is_kept BEFORE DELETE ON settlement_line BEGIN SELECT RAISE(ABORT, 'settlements are kept'); END;
CREATE TRIGGER settlement_line_is_final BEFORE UPDATE ON settlement_line BEGIN SELECT RAISE(ABORT, 'a correction is in the next settlement'); END;
CREATE TRIGGER settlement_total_is_kept BEFORE DELETE ON settlement_total BEGIN SELECT RAISE(ABORT, 'settlements are kept'); END;
CREATE TRIGGER settlement_total_is_final BEFORE UPDATE ON settlement_total BEGIN SELECT RAISE(ABORT, 'a correction is in the next settlement'); END;
CREATE TRIGGER settlement_partner_is_kept BEFORE DELETE ON settlement_partner BEGIN SELECT RAISE(ABORT, 'settlements are kept'); END;
CREATE TRIGGER settlement_partner_is_final BEFORE UPDATE ON settlement_partner BEGIN SELECT RAISE(ABORT, 'a correction is in the next settlement'); END;
CREATE TRIGGER settlement_seal_is_kept BEFORE DELETE ON settlement_seal BEGIN SELECT RAISE(ABORT, 'settlements are kept'); END;
CREATE TRIGGER settlement_seal_is_final BEFORE UPDATE ON settlement_seal BEGIN SELECT RAISE(ABORT, 'a correction is in the next settlement'); END;

PRAGMA user_version = 1;
