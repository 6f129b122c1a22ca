-- The keys that terminals have put in the place of those of their enrolment: each by an entry of its chain, which the key before has signed.
CREATE TABLE key_change (
    terminal_id BIGINT NOT NULL,
    -- Where the entry stands. The key signs what follows it, on its branch and on those that leave it later.
    branch      BIGINT NOT NULL,
    sequence    BIGINT NOT NULL,
    entry_key   BYTEA NOT NULL CHECK (length(entry_key) = 32),
    card_key    BYTEA NOT NULL CHECK (length(card_key) = 65),
    PRIMARY KEY (terminal_id, branch, sequence),
    FOREIGN KEY (terminal_id, branch) REFERENCES branch
);
