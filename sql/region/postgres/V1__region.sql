-- The region's store on PostgreSQL.
--
-- Instants are Unix seconds; amounts are in the unit of their slot (euro cents or seats); hashes are SHA-256; "body" columns hold the
-- bytes of the wire, exactly as they were signed. Entries, records, verdicts, receipts and certificates are evidence: they are
-- inserted and never changed, and triggers at the end say so. The tables are those of `sql/region/sqlite`, and the same statements run on
-- both.
--
-- Ready to be spread over machines by an engine of this family: no sequences; every table has a column that it can be spread by, which is in all of
-- its keys: `terminal_id` (in the feed: `audience`) for evidence and what a terminal is told, `card` (`replaced`, `holder`) for rights and
-- consumption; the rest is small and is kept everywhere. An exchange writes to one terminal's tables alone; the cards' side follows in
-- transactions of its own (`noted`). How to spread it: docs/region.md.

-- One row: the region exists from this row on.
CREATE TABLE region (
    id         BIGINT PRIMARY KEY CHECK (id = 1),
    root_key   BYTEA   NOT NULL CHECK (length(root_key) = 65),
    created_at BIGINT NOT NULL
);

-- Region keys; the private halves are files. The greatest serial signs.
CREATE TABLE region_key (
    serial       BIGINT PRIMARY KEY,
    body         BYTEA   NOT NULL CHECK (length(body) = 134),
    made_at      BIGINT NOT NULL
);

-- Every version of each season's catalogue; the greatest counts.
CREATE TABLE catalogue (
    season       BIGINT NOT NULL,
    version      BIGINT NOT NULL,
    body         BYTEA   NOT NULL,
    published_at BIGINT NOT NULL,
    PRIMARY KEY (season, version)
);

-- Every version of the offline policy; a terminal knows those whose position it has confirmed.
CREATE TABLE policy (
    version      BIGINT PRIMARY KEY,
    position     BIGINT NOT NULL,
    body         BYTEA   NOT NULL,
    published_at BIGINT NOT NULL
);

CREATE TABLE partner (
    partner_id   BIGINT PRIMARY KEY,
    name         TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    -- For the public list.
    city         TEXT    CHECK (length(city) BETWEEN 1 AND 100),
    -- Since when all its terminals are suspended; NULL for a partner that may sell.
    suspended_at BIGINT,
    added_at     BIGINT NOT NULL
);

CREATE TABLE partner_activity (
    partner_id BIGINT NOT NULL REFERENCES partner,
    activity   TEXT    NOT NULL,
    PRIMARY KEY (partner_id, activity)
);

CREATE TABLE terminal (
    terminal_id      BIGINT PRIMARY KEY CHECK (terminal_id BETWEEN 1 AND 4294967295),
    partner_id       BIGINT NOT NULL REFERENCES partner,
    -- The terminal that this one takes the place of, after a lost disk.
    replaces         BIGINT REFERENCES terminal,
    -- Whether it holds the entitlements of all cards, or of those that it has seen.
    all_entitlements BIGINT NOT NULL CHECK (all_entitlements IN (0, 1)),
    added_at         BIGINT NOT NULL,
    -- The one-time code's secret, until the code's time is over; an answer that was lost is asked for again with it.
    code_secret      BYTEA   CHECK (length(code_secret) = 17),
    code_expires_at  BIGINT NOT NULL,
    -- The keys that the terminal made, from its enrolment on; never changed.
    entry_key        BYTEA   CHECK (length(entry_key) = 32),
    card_key         BYTEA   CHECK (length(card_key) = 65),
    enrolled_at      BIGINT,
    -- The branch of its chain whose head the region acknowledges.
    live_branch      BIGINT NOT NULL DEFAULT 0,
    CHECK ((entry_key IS NULL) = (card_key IS NULL) AND (entry_key IS NULL) = (enrolled_at IS NULL))
);

-- Every change of a terminal's standing. It holds from the moment it is written; the terminal was told once it has confirmed the position in its
-- own feed.
CREATE TABLE terminal_standing (
    terminal_id BIGINT NOT NULL REFERENCES terminal,
    position    BIGINT NOT NULL,
    standing    TEXT    NOT NULL CHECK (standing IN ('active', 'suspended', 'retired')),
    -- For the desk: 'desk', 'fork', 'replaced', 'revoked', 'partner'.
    cause       TEXT    NOT NULL,
    changed_at  BIGINT NOT NULL,
    PRIMARY KEY (terminal_id, position)
);

CREATE TABLE terminal_certificate (
    terminal_id BIGINT NOT NULL REFERENCES terminal,
    season      BIGINT NOT NULL,
    -- 1, 2, 3... within the terminal and season; the greatest is the newest.
    number      BIGINT NOT NULL,
    body        BYTEA   NOT NULL CHECK (length(body) = 154),
    PRIMARY KEY (terminal_id, season, number)
);

-- The chain of a terminal is a line as long as nothing goes wrong: branch 0. A disk that was restored from a copy makes another branch.
CREATE TABLE branch (
    terminal_id     BIGINT NOT NULL REFERENCES terminal,
    branch          BIGINT NOT NULL,
    -- Where it leaves its parent: the last sequence that both have. Branch 0 has no parent and begins at the chain's beginning.
    parent          BIGINT,
    fork_sequence   BIGINT NOT NULL,
    head_sequence   BIGINT NOT NULL,
    head_hash       BYTEA   NOT NULL CHECK (length(head_hash) = 32),
    -- Whether its entries are judged by what they say: branch 0, a branch that was joined, one that the desk has looked at.
    settled         BIGINT NOT NULL CHECK (settled IN (0, 1)),
    -- Where a join on another branch ended it: what comes after is a second machine.
    closed_sequence BIGINT,
    PRIMARY KEY (terminal_id, branch)
);

-- Every authentic entry, as it was signed.
CREATE TABLE entry (
    terminal_id      BIGINT NOT NULL,
    branch           BIGINT NOT NULL,
    sequence         BIGINT NOT NULL CHECK (sequence >= 1),
    hash             BYTEA   NOT NULL CHECK (length(hash) = 32),
    previous         BYTEA   NOT NULL CHECK (length(previous) = 32),
    cose             BYTEA   NOT NULL,
    received_at      BIGINT NOT NULL,
    -- The kind's code; 'unreadable' for what this program cannot decode.
    kind             TEXT    NOT NULL,
    -- The card that it is about.
    card             BIGINT,
    -- What a debit is worth to the partner by its own word, in cents; the verdict says whether it is paid.
    worth_cents      BIGINT NOT NULL,
    -- What the terminal had when it wrote the entry, as the region's own log of exchanges proves it: the feed position that it had
    -- confirmed, the time of that exchange, the sequence acknowledged then, and what waited since.
    known_position   BIGINT NOT NULL,
    known_at         BIGINT NOT NULL,
    waiting_entries  BIGINT NOT NULL,
    waiting_cents    BIGINT NOT NULL,
    PRIMARY KEY (terminal_id, branch, sequence),
    UNIQUE (terminal_id, hash),
    FOREIGN KEY (terminal_id, branch) REFERENCES branch
);

-- How far the cards' side has dealt with a branch: what its entries say of cards is noted, and the cards are judged, after the exchange that brought them.
-- To have entries looked at again, it is set back.
CREATE TABLE noted (
    terminal_id BIGINT NOT NULL,
    branch      BIGINT NOT NULL,
    sequence    BIGINT NOT NULL,
    PRIMARY KEY (terminal_id, branch),
    FOREIGN KEY (terminal_id, branch) REFERENCES branch
);

-- What the region says of an entry; the greatest version counts. Versions grow with the sequence, over all branches, because a terminal knows
-- an entry by its sequence.
CREATE TABLE verdict (
    terminal_id   BIGINT NOT NULL,
    sequence      BIGINT NOT NULL,
    version       BIGINT NOT NULL CHECK (version >= 1),
    branch        BIGINT NOT NULL,
    -- NULL for payable, 0 for recorded, else the reason's number.
    contest       BIGINT,
    payable_cents BIGINT NOT NULL CHECK (payable_cents >= 0),
    judged_at     BIGINT NOT NULL,
    PRIMARY KEY (terminal_id, sequence, version),
    FOREIGN KEY (terminal_id, branch, sequence) REFERENCES entry
);

-- Every exchange, once per request id: what the terminal said that it had, and what it was answered.
CREATE TABLE exchange (
    terminal_id    BIGINT NOT NULL REFERENCES terminal,
    -- 1, 2, 3... within the terminal.
    number         BIGINT NOT NULL,
    request_id     BYTEA   NOT NULL CHECK (length(request_id) = 16),
    received_at    BIGINT NOT NULL,
    terminal_time  BIGINT NOT NULL,
    head_sequence  BIGINT NOT NULL,
    head_hash      BYTEA   NOT NULL CHECK (length(head_hash) = 32),
    feed_position  BIGINT NOT NULL,
    acked_sequence BIGINT NOT NULL,
    version        TEXT    NOT NULL,
    disk_free      BIGINT NOT NULL,
    PRIMARY KEY (terminal_id, number),
    UNIQUE (terminal_id, request_id)
);
CREATE INDEX exchange_by_head ON exchange (terminal_id, head_sequence, feed_position);

-- Receipts, as they were signed.
CREATE TABLE receipt (
    terminal_id BIGINT NOT NULL REFERENCES terminal,
    number      BIGINT NOT NULL,
    sequence    BIGINT NOT NULL,
    cose        BYTEA   NOT NULL,
    PRIMARY KEY (terminal_id, number)
);

-- Sales and undos that a terminal reported to be in doubt, with what it had when it first did: a debit that turns out done later is judged by this.
CREATE TABLE doubt (
    terminal_id     BIGINT NOT NULL REFERENCES terminal,
    transaction_id  BYTEA   NOT NULL CHECK (length(transaction_id) = 16),
    card            BIGINT NOT NULL,
    known_position  BIGINT NOT NULL,
    known_at        BIGINT NOT NULL,
    waiting_entries BIGINT NOT NULL,
    waiting_cents   BIGINT NOT NULL,
    reported_at     BIGINT NOT NULL,
    PRIMARY KEY (terminal_id, transaction_id)
);

CREATE INDEX doubt_by_card ON doubt (card);

-- Cards. The row is there before the card is told its number.
CREATE TABLE card (
    card             BIGINT PRIMARY KEY,
    holder           BYTEA   NOT NULL CHECK (length(holder) = 16),
    issue            BIGINT NOT NULL CHECK (issue BETWEEN 1 AND 255),
    profile          TEXT    NOT NULL,
    reserved_at      BIGINT NOT NULL,
    -- Its certificate and the SHA-256 of it, from the moment before the card is given it.
    certificate      BYTEA   CHECK (length(certificate) = 163),
    certificate_hash BYTEA   CHECK (length(certificate_hash) = 32),
    -- When the card had everything and was checked.
    issued_at        BIGINT,
    -- The greatest entitlement serial that the card is known to hold.
    holds_serial     BIGINT NOT NULL DEFAULT 0,
    -- The card in whose place it is (R6).
    replaces         BIGINT CHECK (replaces <> card)
);

-- Which of a holder's cards has which number: one number an issue.
CREATE TABLE holder_card (
    holder BYTEA   NOT NULL CHECK (length(holder) = 16),
    issue  BIGINT NOT NULL,
    card   BIGINT NOT NULL,
    PRIMARY KEY (holder, issue)
);

CREATE TABLE entitlement (
    card    BIGINT NOT NULL REFERENCES card,
    serial  BIGINT NOT NULL,
    season  BIGINT NOT NULL,
    body    BYTEA   NOT NULL CHECK (length(body) = 211),
    made_at BIGINT NOT NULL,
    PRIMARY KEY (card, serial)
);

-- A card in the place of another (R6), from the moment before it is given its certificate. A card is replaced at most once.
CREATE TABLE replacement (
    replaced  BIGINT PRIMARY KEY REFERENCES card,
    card      BIGINT NOT NULL CHECK (card <> replaced),
    -- The season whose consumption the new card takes over.
    season    BIGINT NOT NULL,
    -- The code of the benefit that the fee was taken from; NULL when it was waived, or taken when the making was begun before.
    fee_from  TEXT,
    fee_cents BIGINT NOT NULL CHECK (fee_cents >= 0 AND (fee_from IS NULL) = (fee_cents = 0))
);

-- What replaced cards have consumed, as it was charged to the newest card in their line, with the entitlement that charges it. The sum
-- over a replaced card's slot is what was carried over so far. A card's first entitlement charges what was known when it was made, later ones
-- what came late.
CREATE TABLE carried (
    replaced BIGINT NOT NULL,
    card     BIGINT NOT NULL,
    serial   BIGINT NOT NULL,
    slot     BIGINT NOT NULL CHECK (slot BETWEEN 0 AND 15),
    -- Less than 0: given back.
    amount   BIGINT NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (card, serial, replaced, slot),
    FOREIGN KEY (card, serial) REFERENCES entitlement
);
CREATE INDEX carried_by_replaced ON carried (replaced, slot);

-- The deny list. Denials are final.
CREATE TABLE denial (
    card      BIGINT PRIMARY KEY REFERENCES card,
    reason    TEXT    NOT NULL CHECK (reason IN ('lost', 'stolen', 'broken')),
    denied_at BIGINT NOT NULL,
    -- A terminal had it once it has confirmed this position.
    position  BIGINT NOT NULL UNIQUE
);

-- What cards have signed, whoever brought it. Two rows for one counter: the card was cloned.
CREATE TABLE card_record (
    card        BIGINT NOT NULL REFERENCES card,
    counter     BIGINT NOT NULL CHECK (counter >= 1),
    record      BYTEA   NOT NULL CHECK (length(record) = 52),
    signature   BYTEA   NOT NULL CHECK (length(signature) = 64),
    learnt_at   BIGINT NOT NULL,
    PRIMARY KEY (card, counter, record)
);

-- Where the entries about a card are, in the order in which they came.
CREATE TABLE card_entry (
    card        BIGINT NOT NULL,
    terminal_id BIGINT NOT NULL,
    branch      BIGINT NOT NULL,
    sequence    BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (card, received_at, terminal_id, branch, sequence)
);

-- Which terminals have shown an entry of a card: they are sent its entitlements and the records wanted of it.
CREATE TABLE card_seen (
    card        BIGINT NOT NULL,
    terminal_id BIGINT NOT NULL,
    PRIMARY KEY (card, terminal_id)
);

-- Sales that a cashier gave up: never payable.
CREATE TABLE abandoned (
    terminal_id    BIGINT NOT NULL,
    transaction_id BYTEA   NOT NULL CHECK (length(transaction_id) = 16),
    card           BIGINT NOT NULL,
    PRIMARY KEY (card, terminal_id, transaction_id)
);

-- Debits that the region was asked to take back, with the entitlement that gave the right back.
CREATE TABLE undone (
    card               BIGINT NOT NULL REFERENCES card,
    counter            BIGINT NOT NULL,
    -- NULL when the season was over or nothing could be given back.
    entitlement_serial BIGINT,
    PRIMARY KEY (card, counter)
);

-- The records that are being asked for, one range a card.
CREATE TABLE records_wanted (
    card         BIGINT PRIMARY KEY REFERENCES card,
    from_counter BIGINT NOT NULL,
    to_counter   BIGINT NOT NULL
);

-- When the store was put back from a backup. What was given out between the backup and then is not known here, but terminals and cards have it: every
-- number that has to grow goes on above anything that can have been given.
CREATE TABLE restored (
    number        BIGINT PRIMARY KEY,
    restored_at   BIGINT NOT NULL,
    -- Ids below these may be a machine's, or a partner's, of which this store lost the memory.
    terminal_from BIGINT NOT NULL,
    partner_from  BIGINT NOT NULL
);

-- The newest position of each feed: that of all terminals (audience 0), and each terminal's own. Taking a position is changing the row, so that positions are
-- committed in their order.
CREATE TABLE feed_head (
    audience BIGINT PRIMARY KEY CHECK (audience >= 0),
    position BIGINT NOT NULL CHECK (position >= 0),
    -- Another one each time that a position is given: where it is the same, so is everything that this feed tells, also in a copy that was put back.
    mark     TEXT   NOT NULL
);
INSERT INTO feed_head (audience, position, mark) VALUES (0, 0, '');

-- The feed as it has to be told to somebody who knows nothing: what is superseded is gone. Denials are never superseded.
CREATE TABLE feed_item (
    -- 0: every terminal; -1: those that hold all entitlements, with positions of feed 0; else this terminal.
    audience BIGINT NOT NULL CHECK (audience >= -1),
    position BIGINT NOT NULL,
    -- What it is about; a newer item of the same audience and subject takes its place.
    subject  TEXT    NOT NULL,
    body     BYTEA   NOT NULL,
    PRIMARY KEY (audience, position),
    UNIQUE (audience, subject)
);

-- The life of a holder's cards (R2 to R11). Who a holder is stands in `holder_person` alone: everything else knows the reference, and goes on when that row is erased.

CREATE TABLE establishment (
    establishment_id BIGINT PRIMARY KEY,
    name             TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    kind             TEXT    NOT NULL,
    city             TEXT    NOT NULL CHECK (length(city) BETWEEN 1 AND 100),
    added_at         BIGINT NOT NULL
);

CREATE TABLE holder (
    holder           BYTEA   PRIMARY KEY CHECK (length(holder) = 16),
    establishment_id BIGINT NOT NULL REFERENCES establishment,
    profile          TEXT    NOT NULL,
    added_at         BIGINT NOT NULL,
    -- When the studies ended: nothing is revalidated any more.
    ended_at         BIGINT,
    erased_at        BIGINT
);

-- Personal data, nowhere else in this store. Of the birth the year is enough.
CREATE TABLE holder_person (
    holder      BYTEA   PRIMARY KEY CHECK (length(holder) = 16),
    given_name  TEXT    NOT NULL,
    family_name TEXT    NOT NULL,
    birth_year  BIGINT NOT NULL,
    mail        TEXT    NOT NULL,
    street      TEXT    NOT NULL,
    postcode    TEXT    NOT NULL,
    city        TEXT    NOT NULL,
    -- SHA-256 of the secret with which the holder looks the balance up.
    secret_hash BYTEA   NOT NULL CHECK (length(secret_hash) = 32)
);

-- Which person has which reference, by a SHA-256 of name, year of birth and establishment: nobody orders twice. Of an erased holder it stays until
-- the season is over, so that an erasure is no way to a second grant.
CREATE TABLE person_known (
    person BYTEA   NOT NULL CHECK (length(person) = 32),
    -- 1, 2...: people of one name and year in one establishment.
    number BIGINT NOT NULL,
    holder BYTEA   NOT NULL CHECK (length(holder) = 16),
    season BIGINT NOT NULL,
    PRIMARY KEY (person, number)
);

-- One row for each card that a holder ordered, or that is to be made in the place of another.
CREATE TABLE card_order (
    holder     BYTEA   NOT NULL REFERENCES holder,
    -- 1, 2, 3... within the holder.
    number     BIGINT NOT NULL,
    season     BIGINT NOT NULL,
    stage      TEXT    NOT NULL CHECK (stage IN ('ordered', 'refused', 'validated', 'withdrawn', 'personalised', 'sent', 'denied', 'replaced')),
    -- Why it was refused: a code, no free text.
    reason     TEXT,
    ordered_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    -- The card in whose place this one is to be, and what pays the fee: a benefit's code, NULL for the one with the most left.
    replaces   BIGINT,
    fee_from   TEXT,
    fee_waived BIGINT NOT NULL CHECK (fee_waived IN (0, 1)),
    -- The card, once it was made.
    card       BIGINT,
    PRIMARY KEY (holder, number)
);
CREATE INDEX card_order_by_stage ON card_order (stage, holder, number);

-- Every step of an order, and who did it: 'desk', or an operator's id.
CREATE TABLE order_step (
    holder  BYTEA   NOT NULL,
    number  BIGINT NOT NULL,
    step    BIGINT NOT NULL,
    stage   TEXT    NOT NULL,
    at      BIGINT NOT NULL,
    done_by TEXT    NOT NULL,
    PRIMARY KEY (holder, number, step),
    FOREIGN KEY (holder, number) REFERENCES card_order
);

-- A holder is granted the benefits of a season once (R3): this key says so.
CREATE TABLE season_grant (
    holder   BYTEA   NOT NULL CHECK (length(holder) = 16),
    season   BIGINT NOT NULL,
    card     BIGINT NOT NULL,
    given_at BIGINT NOT NULL,
    PRIMARY KEY (holder, season)
);

-- What was declared of a card: 'lost', 'stolen', 'broken', 'found'.
CREATE TABLE declaration (
    card        BIGINT NOT NULL REFERENCES card,
    number      BIGINT NOT NULL,
    kind        TEXT    NOT NULL CHECK (kind IN ('lost', 'stolen', 'broken', 'found')),
    declared_at BIGINT NOT NULL,
    PRIMARY KEY (card, number)
);

-- Mails (R7), queued with the step that they tell of. Its address is read when it goes. One that is 'sending' was given to a sender, and is never given to
-- another: whether it arrived is known to that one alone.
CREATE TABLE mail (
    holder    BYTEA   NOT NULL CHECK (length(holder) = 16),
    mail_id   BYTEA   NOT NULL CHECK (length(mail_id) = 16),
    template  TEXT    NOT NULL,
    -- What the text needs, as JSON; emptied when the mail has gone.
    data      TEXT    NOT NULL,
    stage     TEXT    NOT NULL CHECK (stage IN ('queued', 'sending', 'sent', 'refused', 'given-up')),
    queued_at BIGINT NOT NULL,
    due_at    BIGINT NOT NULL,
    tries     BIGINT NOT NULL,
    PRIMARY KEY (holder, mail_id)
);
CREATE INDEX mail_by_due ON mail (stage, due_at);

-- Who may use the desk's API. Of a token only the SHA-256 is kept.
CREATE TABLE operator (
    token_hash       BYTEA   PRIMARY KEY CHECK (length(token_hash) = 32),
    name             TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    role             TEXT    NOT NULL CHECK (role IN ('establishment', 'desk', 'partner-desk', 'auditor')),
    -- Of which establishment, for that role alone.
    establishment_id BIGINT REFERENCES establishment,
    added_at         BIGINT NOT NULL,
    revoked_at       BIGINT,
    CHECK ((role = 'establishment') = (establishment_id IS NOT NULL))
);

-- The account that a partner is paid to. The greatest version counts; a settlement names the one that it paid to.
CREATE TABLE partner_bank (
    partner_id BIGINT NOT NULL REFERENCES partner,
    version    BIGINT NOT NULL CHECK (version >= 1),
    holder     TEXT    NOT NULL CHECK (length(holder) BETWEEN 1 AND 70),
    iban       TEXT    NOT NULL CHECK (length(iban) BETWEEN 15 AND 34),
    bic        TEXT    CHECK (length(bic) IN (8, 11)),
    set_at     BIGINT NOT NULL,
    PRIMARY KEY (partner_id, version)
);

-- The account that the region pays from. The greatest version counts.
CREATE TABLE payer (
    version BIGINT PRIMARY KEY CHECK (version >= 1),
    holder  TEXT    NOT NULL CHECK (length(holder) BETWEEN 1 AND 70),
    iban    TEXT    NOT NULL CHECK (length(iban) BETWEEN 15 AND 34),
    bic     TEXT    CHECK (length(bic) IN (8, 11)),
    set_at  BIGINT NOT NULL
);

-- Settlements: 1, 2, 3... One is begun, then every terminal is settled in a transaction of its own, then it is sealed. Evidence, all of it.
CREATE TABLE settlement (
    number   BIGINT PRIMARY KEY CHECK (number >= 1),
    -- Its last day (Europe/Paris), as 2026-11-30, and the first instant after it.
    until    TEXT    NOT NULL CHECK (length(until) = 10),
    ends_at  BIGINT NOT NULL,
    begun_at BIGINT NOT NULL
);

-- How benefits were called when the settlement was begun.
CREATE TABLE settlement_benefit (
    number   BIGINT NOT NULL REFERENCES settlement,
    season   BIGINT NOT NULL,
    slot     BIGINT NOT NULL,
    code     TEXT    NOT NULL,
    label_fr TEXT    NOT NULL,
    label_en TEXT    NOT NULL,
    -- 'seat' or 'cent'.
    unit     TEXT    NOT NULL,
    PRIMARY KEY (number, season, slot)
);

-- A terminal is settled when its row is here, with its lines.
CREATE TABLE settlement_terminal (
    terminal_id BIGINT NOT NULL REFERENCES terminal,
    number      BIGINT NOT NULL REFERENCES settlement,
    partner_id  BIGINT NOT NULL,
    lines       BIGINT NOT NULL CHECK (lines >= 0),
    PRIMARY KEY (terminal_id, number)
);

-- What an entry is worth otherwise than the settlement before said, and the verdict that says so. The first line of an entry begins at 0; what
-- was settled of it altogether is the newest line's after_cents.
CREATE TABLE settlement_line (
    terminal_id  BIGINT NOT NULL,
    number       BIGINT NOT NULL REFERENCES settlement,
    sequence     BIGINT NOT NULL,
    branch       BIGINT NOT NULL,
    hash         BYTEA    NOT NULL CHECK (length(hash) = 32),
    version      BIGINT NOT NULL,
    before_cents BIGINT NOT NULL CHECK (before_cents >= 0),
    after_cents  BIGINT NOT NULL CHECK (after_cents >= 0 AND after_cents <> before_cents),
    PRIMARY KEY (terminal_id, number, sequence, branch),
    FOREIGN KEY (terminal_id, branch, sequence) REFERENCES entry,
    FOREIGN KEY (terminal_id, sequence, version) REFERENCES verdict
);
CREATE INDEX settlement_line_by_entry ON settlement_line (terminal_id, sequence, branch, number);

-- The sum of a partner's lines, benefit by benefit.
CREATE TABLE settlement_total (
    partner_id      BIGINT NOT NULL REFERENCES partner,
    number          BIGINT NOT NULL REFERENCES settlement,
    season          BIGINT NOT NULL,
    slot            BIGINT NOT NULL,
    -- Sales and what they debited, in the unit of the benefit; less than 0 where more was taken back.
    sales           BIGINT NOT NULL,
    amount          BIGINT NOT NULL,
    cents           BIGINT NOT NULL,
    -- What of cents corrects an earlier period.
    corrected_cents BIGINT NOT NULL,
    PRIMARY KEY (partner_id, number, season, slot)
);

-- What a partner is paid: carried over from the settlement before, this one's lines, and what of both is paid. The rest is carried over.
CREATE TABLE settlement_partner (
    partner_id    BIGINT NOT NULL REFERENCES partner,
    number        BIGINT NOT NULL REFERENCES settlement,
    name          TEXT    NOT NULL,
    carried_cents BIGINT NOT NULL,
    lines_cents   BIGINT NOT NULL,
    paid_cents    BIGINT NOT NULL CHECK (paid_cents >= 0 AND (paid_cents = 0) = (bank_version IS NULL)),
    bank_version  BIGINT,
    PRIMARY KEY (partner_id, number)
);

-- A settlement is closed when its row is here.
CREATE TABLE settlement_seal (
    number         BIGINT PRIMARY KEY REFERENCES settlement,
    sealed_at      BIGINT NOT NULL,
    lines          BIGINT NOT NULL,
    cents          BIGINT NOT NULL,
    paid_cents     BIGINT NOT NULL,
    -- SHA-256 of the file of all lines, as it is exported.
    entries_sha256 BYTEA    NOT NULL CHECK (length(entries_sha256) = 32)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0]; END $$;
CREATE TRIGGER region_key_is_kept BEFORE DELETE ON region_key FOR EACH ROW EXECUTE FUNCTION refuse_change('region keys are kept');
CREATE TRIGGER entry_is_kept BEFORE DELETE ON entry FOR EACH ROW EXECUTE FUNCTION refuse_change('entries are kept');
CREATE TRIGGER entry_is_final BEFORE UPDATE ON entry FOR EACH ROW EXECUTE FUNCTION refuse_change('entries do not change');
CREATE TRIGGER verdict_is_kept BEFORE DELETE ON verdict FOR EACH ROW EXECUTE FUNCTION refuse_change('verdicts are kept');
CREATE TRIGGER verdict_is_final BEFORE UPDATE ON verdict FOR EACH ROW EXECUTE FUNCTION refuse_change('a changed verdict is a new version');
CREATE TRIGGER receipt_is_kept BEFORE DELETE ON receipt FOR EACH ROW EXECUTE FUNCTION refuse_change('receipts are kept');
CREATE TRIGGER receipt_is_final BEFORE UPDATE ON receipt FOR EACH ROW EXECUTE FUNCTION refuse_change('receipts do not change');
CREATE TRIGGER card_record_is_kept BEFORE DELETE ON card_record FOR EACH ROW EXECUTE FUNCTION refuse_change('records are kept');
CREATE TRIGGER card_record_is_final BEFORE UPDATE ON card_record FOR EACH ROW EXECUTE FUNCTION refuse_change('records do not change');
CREATE TRIGGER denial_is_kept BEFORE DELETE ON denial FOR EACH ROW EXECUTE FUNCTION refuse_change('denials are final');
CREATE TRIGGER denial_is_final BEFORE UPDATE ON denial FOR EACH ROW EXECUTE FUNCTION refuse_change('denials are final');
CREATE TRIGGER entitlement_is_kept BEFORE DELETE ON entitlement FOR EACH ROW EXECUTE FUNCTION refuse_change('entitlements are kept');
CREATE TRIGGER entitlement_is_final BEFORE UPDATE ON entitlement FOR EACH ROW EXECUTE FUNCTION refuse_change('a changed entitlement is a new serial');
CREATE TRIGGER replacement_is_kept BEFORE DELETE ON replacement FOR EACH ROW EXECUTE FUNCTION refuse_change('replacements are kept');
CREATE TRIGGER replacement_is_final BEFORE UPDATE ON replacement FOR EACH ROW EXECUTE FUNCTION refuse_change('replacements are final');
CREATE TRIGGER carried_is_kept BEFORE DELETE ON carried FOR EACH ROW EXECUTE FUNCTION refuse_change('what was charged is kept');
CREATE TRIGGER carried_is_final BEFORE UPDATE ON carried FOR EACH ROW EXECUTE FUNCTION refuse_change('a changed charge is a new entitlement');
CREATE TRIGGER restored_is_kept BEFORE DELETE ON restored FOR EACH ROW EXECUTE FUNCTION refuse_change('a restoration is kept');
CREATE TRIGGER restored_is_final BEFORE UPDATE ON restored FOR EACH ROW EXECUTE FUNCTION refuse_change('a restoration does not change');
CREATE TRIGGER season_grant_is_kept BEFORE DELETE ON season_grant FOR EACH ROW EXECUTE FUNCTION refuse_change('grants are kept');
CREATE TRIGGER season_grant_is_final BEFORE UPDATE ON season_grant FOR EACH ROW EXECUTE FUNCTION refuse_change('a season is granted once');
CREATE TRIGGER partner_bank_is_kept BEFORE DELETE ON partner_bank FOR EACH ROW EXECUTE FUNCTION refuse_change('accounts are kept');
CREATE TRIGGER partner_bank_is_final BEFORE UPDATE ON partner_bank FOR EACH ROW EXECUTE FUNCTION refuse_change('a changed account is a new version');
CREATE TRIGGER payer_is_kept BEFORE DELETE ON payer FOR EACH ROW EXECUTE FUNCTION refuse_change('accounts are kept');
CREATE TRIGGER payer_is_final BEFORE UPDATE ON payer FOR EACH ROW EXECUTE FUNCTION refuse_change('a changed account is a new version');
CREATE TRIGGER settlement_is_kept BEFORE DELETE ON settlement FOR EACH ROW EXECUTE FUNCTION refuse_change('settlements are kept');
CREATE TRIGGER settlement_is_final BEFORE UPDATE ON settlement FOR EACH ROW EXECUTE FUNCTION refuse_change('a correction is in the next settlement');
CREATE TRIGGER settlement_benefit_is_kept BEFORE DELETE ON settlement_benefit FOR EACH ROW EXECUTE FUNCTION refuse_change('settlements are kept');
CREATE TRIGGER settlement_benefit_is_final BEFORE UPDATE ON settlement_benefit FOR EACH ROW EXECUTE FUNCTION refuse_change('a correction is in the next settlement');
CREATE TRIGGER settlement_terminal_is_kept BEFORE DELETE ON settlement_terminal FOR EACH ROW EXECUTE FUNCTION refuse_change('settlements are kept');
CREATE TRIGGER settlement_terminal_is_final BEFORE UPDATE ON settlement_terminal FOR EACH ROW EXECUTE FUNCTION refuse_change('a correction is in the next settlement');
CREATE TRIGGER settlement_line_is_kept BEFORE DELETE ON settlement_line FOR EACH ROW EXECUTE FUNCTION refuse_change('settlements are kept');
CREATE TRIGGER settlement_line_is_final BEFORE UPDATE ON settlement_line FOR EACH ROW EXECUTE FUNCTION refuse_change('a correction is in the next settlement');
CREATE TRIGGER settlement_total_is_kept BEFORE DELETE ON settlement_total FOR EACH ROW EXECUTE FUNCTION refuse_change('settlements are kept');
CREATE TRIGGER settlement_total_is_final BEFORE UPDATE ON settlement_total FOR EACH ROW EXECUTE FUNCTION refuse_change('a correction is in the next settlement');
CREATE TRIGGER settlement_partner_is_kept BEFORE DELETE ON settlement_partner FOR EACH ROW EXECUTE FUNCTION refuse_change('settlements are kept');
CREATE TRIGGER settlement_partner_is_final BEFORE UPDATE ON settlement_partner FOR EACH ROW EXECUTE FUNCTION refuse_change('a correction is in the next settlement');
CREATE TRIGGER settlement_seal_is_kept BEFORE DELETE ON settlement_seal FOR EACH ROW EXECUTE FUNCTION refuse_change('settlements are kept');
CREATE TRIGGER settlement_seal_is_final BEFORE UPDATE ON settlement_seal FOR EACH ROW EXECUTE FUNCTION refuse_change('a correction is in the next settlement');
