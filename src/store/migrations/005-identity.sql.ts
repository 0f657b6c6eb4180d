/**
 * Duplicates: what the topic observer finds, and what it needs in order to find it. Everything of one turn (log,
 * findings, offsets) is written in one transaction. The index's tags and rows live in memory; their snapshot is a file
 * beside the store, not a table: 75 MB at 10M identities would go through the write-ahead log each time.
 *
 * `identity_log` holds the identities in blobs of 250, in the order in which they came, a topic's apart from
 * another's. `identity_window` is where a topic's part of it begins and ends, and how far back it reaches.
 */
export const up = `
-- One row. seed: key of the hashes. turn: number of the last turn written; a reader of the log that counts another one
-- is not alone.
CREATE TABLE identity_state (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  seed BLOB NOT NULL,
  turn INTEGER NOT NULL,
  next_block INTEGER NOT NULL
) STRICT;
INSERT INTO identity_state VALUES (1, randomblob(16), 0, 1);

CREATE TABLE identity_log (
  block INTEGER PRIMARY KEY,
  topic INTEGER NOT NULL,
  entries BLOB NOT NULL
) STRICT;

-- first_block: the oldest that is kept. ended_by: which limit took the last entry that was given up.
CREATE TABLE identity_window (
  topic INTEGER PRIMARY KEY REFERENCES topic(id),
  first_block INTEGER NOT NULL,
  tail_block INTEGER NOT NULL,
  next_ordinal INTEGER NOT NULL,
  entries INTEGER NOT NULL,
  oldest_at REAL NOT NULL,
  horizon_at REAL NOT NULL,
  age_ms REAL NOT NULL,
  records INTEGER NOT NULL,
  ended_by TEXT CHECK (ended_by IN ('age', 'records', 'memory'))
) STRICT;

-- Totals of an observed topic; they only grow. What a topic's copies were found to be counts at once, why they were
-- written (duplicate_total) once that is settled.
CREATE TABLE observed_topic (
  topic INTEGER PRIMARY KEY REFERENCES topic(id),
  records INTEGER NOT NULL DEFAULT 0,
  duplicates INTEGER NOT NULL DEFAULT 0,
  id_reuses INTEGER NOT NULL DEFAULT 0,
  intentional INTEGER NOT NULL DEFAULT 0,
  longest_delay_ms REAL NOT NULL DEFAULT 0
) STRICT;

-- source '': records without an identity.
CREATE TABLE identity_found (
  topic INTEGER NOT NULL REFERENCES topic(id),
  source TEXT NOT NULL,
  records INTEGER NOT NULL,
  PRIMARY KEY (topic, source)
) STRICT, WITHOUT ROWID;

-- newest_at: the newest record time seen, never after the clock.
CREATE TABLE observer_offset (
  topic INTEGER NOT NULL REFERENCES topic(id),
  partition INTEGER NOT NULL,
  next_offset INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('catching_up', 'live')),
  newest_at REAL NOT NULL,
  observed_at REAL NOT NULL,
  PRIMARY KEY (topic, partition)
) STRICT, WITHOUT ROWID;

-- Offsets read so far, as disjoint ranges: a record that is read again is no finding, however long ago that was.
CREATE TABLE observed_range (
  topic INTEGER NOT NULL REFERENCES topic(id),
  partition INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  PRIMARY KEY (topic, partition, first)
) STRICT, WITHOUT ROWID;

-- Copies that follow each other as their originals did. shape: CopyRun as JSON.
CREATE TABLE copy_run (
  id INTEGER PRIMARY KEY,
  topic INTEGER NOT NULL REFERENCES topic(id),
  partition INTEGER NOT NULL,
  shape TEXT NOT NULL,
  updated_at REAL NOT NULL
) STRICT;
CREATE INDEX copy_run_by_place ON copy_run(topic, partition, id);
CREATE INDEX copy_run_by_time ON copy_run(updated_at);

-- The copy's place and time, and those of the copy before it and of the first one known. evidence: both copies as
-- JSON, without the run. Kind, place and count never change; cause and what belongs to it may until settled.
CREATE TABLE duplicate (
  id INTEGER PRIMARY KEY,
  topic INTEGER NOT NULL REFERENCES topic(id),
  kind TEXT NOT NULL CHECK (kind IN ('duplicate', 'id_reuse', 'intentional')),
  hash BLOB NOT NULL,
  identity TEXT,
  source TEXT NOT NULL,
  payload INTEGER NOT NULL,
  partition INTEGER NOT NULL,
  record_offset INTEGER NOT NULL,
  at REAL NOT NULL,
  previous_partition INTEGER NOT NULL,
  previous_offset INTEGER NOT NULL,
  previous_at REAL NOT NULL,
  first_partition INTEGER NOT NULL,
  first_offset INTEGER NOT NULL,
  first_at REAL NOT NULL,
  copies INTEGER NOT NULL,
  delay_ms REAL NOT NULL,
  found_at REAL NOT NULL,
  run INTEGER NOT NULL REFERENCES copy_run(id),
  evidence TEXT NOT NULL,
  cause TEXT NOT NULL,
  certainty TEXT NOT NULL,
  because TEXT NOT NULL,
  advice TEXT,
  settled INTEGER NOT NULL,
  version INTEGER NOT NULL,
  UNIQUE (topic, partition, record_offset)
) STRICT;
CREATE INDEX duplicate_by_hash ON duplicate(hash, id);
CREATE INDEX duplicate_by_time ON duplicate(found_at, id);
CREATE INDEX duplicate_by_topic_time ON duplicate(topic, found_at, id);
CREATE INDEX duplicate_by_cause ON duplicate(cause, found_at, id);
CREATE INDEX duplicate_by_version ON duplicate(version);
CREATE INDEX duplicate_by_first ON duplicate(topic, first_partition, first_offset);
CREATE INDEX duplicate_unsettled ON duplicate(found_at) WHERE settled = 0;
CREATE INDEX duplicate_unsettled_by_run ON duplicate(run) WHERE settled = 0;

CREATE TABLE duplicate_total (
  topic INTEGER NOT NULL REFERENCES topic(id),
  kind TEXT NOT NULL,
  cause TEXT NOT NULL,
  records INTEGER NOT NULL,
  PRIMARY KEY (topic, kind, cause)
) STRICT, WITHOUT ROWID;

-- Time to duplicate; buckets as identity/delay.ts numbers them.
CREATE TABLE duplicate_delay (
  topic INTEGER NOT NULL REFERENCES topic(id),
  bucket INTEGER NOT NULL,
  records INTEGER NOT NULL,
  PRIMARY KEY (topic, bucket)
) STRICT, WITHOUT ROWID;

CREATE VIEW v_duplicates AS
SELECT d.id, d.found_at / 1000.0 AS time, c.cluster_id AS cluster, t.name AS topic, d.kind,
       d.partition, d.record_offset AS "offset", d.at / 1000.0 AS record_time,
       d.previous_partition, d.previous_offset, d.previous_at / 1000.0 AS previous_record_time,
       d.first_partition, d.first_offset, d.first_at / 1000.0 AS first_record_time,
       d.copies, d.delay_ms / 1000.0 AS delay_seconds, d.identity, lower(hex(d.hash)) AS identity_hash,
       d.source AS identity_source, d.cause, d.certainty, d.advice
FROM duplicate d
JOIN topic t ON t.id = d.topic
JOIN cluster c ON c.id = t.cluster;
`;
