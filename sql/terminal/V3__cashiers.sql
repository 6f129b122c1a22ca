-- The cashiers of this terminal. Not in the chain: names and PINs are nobody's business but the counter's. The chain says that a cashier
-- was added, changed or locked out, by number.

CREATE TABLE cashier (
    -- Their number in entries. Never given again.
    id       INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 65535),
    -- As screens and receipts show it.
    name     TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 40),
    role     TEXT NOT NULL CHECK (role IN ('cashier', 'manager')),
    -- The PIN's hash with its salt and costs, as a PHC string (Argon2id).
    pin      TEXT NOT NULL CHECK (pin LIKE '$argon2id$%'),
    -- May not sign in any more.
    disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    -- Wrong PINs since the last right one. An attempt counts before it is looked at.
    failures INTEGER NOT NULL DEFAULT 0 CHECK (failures BETWEEN 0 AND 4294967295),
    -- Until when no attempt is looked at.
    until    INTEGER NOT NULL DEFAULT 0 CHECK (until BETWEEN 0 AND 4294967295)
) STRICT;

CREATE TRIGGER cashier_never_deleted BEFORE DELETE ON cashier
BEGIN
    SELECT RAISE(ABORT, 'a cashier is disabled, never deleted: entries name them');
END;

PRAGMA user_version = 3;
