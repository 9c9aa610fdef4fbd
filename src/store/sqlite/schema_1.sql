-- Times are microseconds since 1970, UTC. Alerts and documents are JSON of model types: masked, never in clear.

CREATE TABLE seen (
    post     TEXT NOT NULL PRIMARY KEY,
    revision BLOB NOT NULL,
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX seen_last_at ON seen (last_at);

CREATE TABLE cursor (
    site  TEXT NOT NULL,
    part  TEXT NOT NULL,
    bytes BLOB NOT NULL,
    at    INTEGER NOT NULL,
    PRIMARY KEY (site, part)
) WITHOUT ROWID;

CREATE TABLE incident (
    number     INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    state      TEXT NOT NULL,
    revision   INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    alert      TEXT NOT NULL,
    documents  TEXT NOT NULL
);
CREATE INDEX incident_updated_at ON incident (updated_at);

-- By what a later document finds its incident. kind: 0 post, 1 hash of a document, 2 thread.
CREATE TABLE incident_link (
    kind     INTEGER NOT NULL,
    key      TEXT NOT NULL,
    incident INTEGER NOT NULL REFERENCES incident ON DELETE CASCADE,
    PRIMARY KEY (kind, key, incident)
) WITHOUT ROWID;
CREATE INDEX incident_link_incident ON incident_link (incident);

-- The records of one system in an incident: 12 bytes each (number, kinds; big-endian), ascending by number.
CREATE TABLE incident_records (
    incident INTEGER NOT NULL REFERENCES incident ON DELETE CASCADE,
    system   TEXT NOT NULL,
    count    INTEGER NOT NULL,
    by_kind  TEXT NOT NULL,
    records  BLOB NOT NULL,
    PRIMARY KEY (incident, system)
);
CREATE INDEX incident_records_system ON incident_records (system, count);

-- Each record of the incidents that hold few, so that they are found without reading them all.
CREATE TABLE incident_mark (
    system   TEXT NOT NULL,
    record   INTEGER NOT NULL,
    incident INTEGER NOT NULL REFERENCES incident ON DELETE CASCADE,
    PRIMARY KEY (system, record, incident)
) WITHOUT ROWID;
CREATE INDEX incident_mark_incident ON incident_mark (incident, system);

-- The alert as it was at each revision that was put into the outbox.
CREATE TABLE told (
    incident INTEGER NOT NULL REFERENCES incident ON DELETE CASCADE,
    revision INTEGER NOT NULL,
    alert    TEXT NOT NULL,
    PRIMARY KEY (incident, revision)
) WITHOUT ROWID;

-- state: 0 pending, 1 delivered, 2 dead, 3 dropped.
CREATE TABLE outbox (
    incident   INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    channel    TEXT NOT NULL,
    change     TEXT NOT NULL,
    state      INTEGER NOT NULL DEFAULT 0,
    attempts   INTEGER NOT NULL DEFAULT 0,
    due        INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    settled_at INTEGER,
    reason     TEXT,
    reference  TEXT,
    PRIMARY KEY (incident, channel, revision),
    FOREIGN KEY (incident, revision) REFERENCES told ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX outbox_pending ON outbox (channel, due) WHERE state = 0;
CREATE INDEX outbox_dead ON outbox (incident) WHERE state = 2;
