-- Requests that went into a file, for a counter without a line: an answer that somebody brings in a file is taken when it
-- is to one of these.

CREATE TABLE export (
    number  INTEGER PRIMARY KEY,
    request BLOB NOT NULL UNIQUE CHECK (length(request) = 16),
    -- The terminal's time in the request.
    time    INTEGER NOT NULL CHECK (time BETWEEN 0 AND 4294967295)
) STRICT;

PRAGMA user_version = 2;
