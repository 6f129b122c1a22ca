-- When the store was put back from a backup. What was given out between the backup and then is not known here, but terminals and cards have it: every
-- number that has to grow goes on above anything that can have been given.

CREATE TABLE restored (
    number        INTEGER PRIMARY KEY,
    restored_at   INTEGER NOT NULL,
    -- Ids below these may be a machine's, or a partner's, of which this store lost the memory.
    terminal_from INTEGER NOT NULL,
    partner_from  INTEGER NOT NULL
) STRICT;
CREATE TRIGGER restored_is_kept BEFORE DELETE ON restored BEGIN SELECT RAISE(ABORT, 'a restoration is kept'); END;
CREATE TRIGGER restored_is_final BEFORE UPDATE ON restored BEGIN SELECT RAISE(ABORT, 'a restoration does not change'); END;

PRAGMA user_version = 2;
