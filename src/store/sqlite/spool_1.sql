-- Posts on their way to a verdict. Payloads are sealed; nothing here is in clear but sizes and counts.
-- `turn` is the order of handing out; `starts` counts hand-outs that were neither acknowledged nor refused.

CREATE TABLE post (
    seq            INTEGER PRIMARY KEY AUTOINCREMENT,
    key            BLOB NOT NULL UNIQUE,
    turn           INTEGER NOT NULL,
    bytes          INTEGER NOT NULL,
    starts         INTEGER NOT NULL DEFAULT 0,
    refusals       INTEGER NOT NULL DEFAULT 0,
    quarantined_at INTEGER,
    reason         TEXT,
    file           TEXT,
    payload        BLOB
);
CREATE INDEX post_turn ON post (turn) WHERE quarantined_at IS NULL;
CREATE INDEX post_quarantined ON post (quarantined_at) WHERE quarantined_at IS NOT NULL;
