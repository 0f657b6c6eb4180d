/**
 * Groups watched from outside: what they have committed, their generations, where the watcher stands; and rewinds,
 * whoever saw them: one row each, also where the watcher and an instrumented consumer both did.
 */
export const up = `
CREATE TABLE watched_group (
  grp INTEGER PRIMARY KEY REFERENCES consumer_group(id),
  protocol TEXT,
  state TEXT NOT NULL CHECK (state IN ('unknown','empty','live')),
  state_before TEXT NOT NULL,
  generation INTEGER,
  since REAL NOT NULL,
  -- JSON, as WatchedMember
  members TEXT NOT NULL,
  gone_at REAL,
  -- Only grows.
  rebalances INTEGER NOT NULL DEFAULT 0,
  updated_at REAL NOT NULL
) STRICT;

CREATE TABLE group_generation (
  grp INTEGER NOT NULL REFERENCES consumer_group(id),
  at REAL NOT NULL,
  generation INTEGER NOT NULL,
  members TEXT NOT NULL,
  PRIMARY KEY (grp, at, generation)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_generation_by_time ON group_generation(at);

CREATE TABLE watched_offset (
  gp INTEGER PRIMARY KEY REFERENCES group_partition(id),
  -- The last one, also when it was taken away (gone_at); null: never.
  committed INTEGER,
  at REAL NOT NULL,
  metadata TEXT NOT NULL,
  leader_epoch INTEGER,
  gone_at REAL,
  idle_ms REAL,
  -- JSON, as StoredReset
  reset TEXT,
  commits INTEGER NOT NULL DEFAULT 0,
  source_partition INTEGER NOT NULL,
  source_offset INTEGER NOT NULL
) STRICT;

CREATE TABLE watcher_position (
  cluster INTEGER NOT NULL REFERENCES cluster(id),
  partition INTEGER NOT NULL,
  next INTEGER NOT NULL,
  resume INTEGER NOT NULL,
  PRIMARY KEY (cluster, partition)
) STRICT, WITHOUT ROWID;

CREATE TABLE lag_point (
  gp INTEGER NOT NULL REFERENCES group_partition(id),
  at REAL NOT NULL,
  committed INTEGER NOT NULL,
  log_end INTEGER NOT NULL,
  PRIMARY KEY (gp, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX lag_point_by_time ON lag_point(at);

CREATE TABLE rewind (
  id INTEGER PRIMARY KEY,
  gp INTEGER NOT NULL REFERENCES group_partition(id),
  at REAL NOT NULL,
  from_offset INTEGER NOT NULL,
  to_offset INTEGER NOT NULL,
  -- Seen by the watcher: its facts (JSON, as RewindFacts), and the record of the offsets log where one was read.
  facts TEXT,
  source_partition INTEGER,
  source_offset INTEGER,
  -- When the group committed there again, and when it had come back to from_offset.
  next_at REAL,
  recovered_at REAL,
  -- Told by the instrumented consumer that committed it.
  session INTEGER REFERENCES session(id),
  cause TEXT NOT NULL DEFAULT 'unknown',
  certainty TEXT NOT NULL DEFAULT 'unknown',
  because TEXT NOT NULL DEFAULT '[]',
  advice TEXT,
  settled INTEGER NOT NULL DEFAULT 0,
  explained_at REAL NOT NULL DEFAULT 0,
  version INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX rewind_by_source ON rewind(gp, source_partition, source_offset) WHERE source_offset IS NOT NULL;
CREATE INDEX rewind_by_time ON rewind(at, id);
CREATE INDEX rewind_by_gp_time ON rewind(gp, at);
CREATE INDEX rewind_by_cause ON rewind(cause, at, id);
CREATE INDEX rewind_by_version ON rewind(version);
CREATE INDEX rewind_unsettled ON rewind(explained_at) WHERE settled = 0;

-- Counted once the cause is settled; only grows.
CREATE TABLE rewind_total (
  gp INTEGER NOT NULL REFERENCES group_partition(id),
  cause TEXT NOT NULL,
  rewinds INTEGER NOT NULL,
  PRIMARY KEY (gp, cause)
) STRICT, WITHOUT ROWID;

INSERT INTO rewind (gp, at, from_offset, to_offset, session, version)
  SELECT gp, at, lowered_from, committed, session, (SELECT version FROM change)
  FROM commit_point WHERE lowered_from IS NOT NULL;

CREATE VIEW v_rewinds AS
SELECT r.id, r.at / 1000.0 AS time, c.cluster_id AS cluster, g.name AS "group", t.name AS topic, gp.partition,
       r.from_offset, r.to_offset, r.from_offset - r.to_offset AS records, r.cause, r.certainty,
       (r.recovered_at - r.at) / 1000.0 AS recovered_seconds,
       r.facts IS NOT NULL AS watched, r.session IS NOT NULL AS instrumented
FROM rewind r
JOIN group_partition gp ON gp.id = r.gp
JOIN consumer_group g ON g.id = gp.grp
JOIN topic t ON t.id = gp.topic
JOIN cluster c ON c.id = t.cluster;
`;
