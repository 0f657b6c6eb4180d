/**
 * Findings beyond redelivery, and incidents: what a person is told about. Counts of an incident follow its findings:
 * each row knows by how many records it stands in which incident, and whoever changes or drops it settles up.
 */
export const up = `
ALTER TABLE partition_start ADD COLUMN log_end INTEGER;
ALTER TABLE partition_start ADD COLUMN compacted INTEGER;
ALTER TABLE seek ADD COLUMN over_first INTEGER;
ALTER TABLE seek ADD COLUMN over_last INTEGER;
CREATE INDEX seek_over ON seek(gp, over_first) WHERE over_first IS NOT NULL;

ALTER TABLE group_partition ADD COLUMN premature INTEGER NOT NULL DEFAULT 0;
ALTER TABLE group_partition ADD COLUMN skipped INTEGER NOT NULL DEFAULT 0;

-- grp or topic is null: an incident is of a group, or of a topic (duplicates). cause is the kind's own word.
-- Ids are never given again: people keep links to them.
CREATE TABLE incident (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  cause TEXT NOT NULL,
  cluster INTEGER NOT NULL REFERENCES cluster(id),
  grp INTEGER REFERENCES consumer_group(id),
  topic INTEGER REFERENCES topic(id),
  first_at REAL NOT NULL,
  last_at REAL NOT NULL,
  findings INTEGER NOT NULL,
  records INTEGER NOT NULL,
  gap_max_ms REAL NOT NULL,
  certainty TEXT NOT NULL,
  because TEXT NOT NULL,
  advice TEXT,
  version INTEGER NOT NULL
) STRICT;
CREATE INDEX incident_by_kind ON incident(kind, cause, grp, topic, last_at);
CREATE INDEX incident_by_time ON incident(last_at, id);
CREATE INDEX incident_by_group ON incident(grp, last_at);
CREATE INDEX incident_by_version ON incident(version);

CREATE TABLE incident_place (
  incident INTEGER NOT NULL REFERENCES incident(id),
  topic INTEGER NOT NULL REFERENCES topic(id),
  partition INTEGER NOT NULL,
  records INTEGER NOT NULL,
  PRIMARY KEY (incident, topic, partition)
) STRICT, WITHOUT ROWID;

ALTER TABLE redelivery ADD COLUMN incident INTEGER;
ALTER TABLE redelivery ADD COLUMN incident_records INTEGER NOT NULL DEFAULT 0;
CREATE INDEX redelivery_by_incident ON redelivery(incident, at, id) WHERE incident IS NOT NULL;

CREATE TABLE premature_commit (
  id INTEGER PRIMARY KEY,
  gp INTEGER NOT NULL REFERENCES group_partition(id),
  session INTEGER NOT NULL REFERENCES session(id),
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  at REAL NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('failed', 'unresolved', 'in_flight')),
  incident INTEGER,
  incident_records INTEGER NOT NULL DEFAULT 0,
  version INTEGER NOT NULL,
  UNIQUE (session, gp, first, at)
) STRICT;
CREATE INDEX premature_by_time ON premature_commit(at, id);
CREATE INDEX premature_by_place ON premature_commit(gp, at);
CREATE INDEX premature_by_incident ON premature_commit(incident) WHERE incident IS NOT NULL;

CREATE TABLE skip (
  id INTEGER PRIMARY KEY,
  gp INTEGER NOT NULL REFERENCES group_partition(id),
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  -- Of the commit behind it.
  at REAL NOT NULL,
  cause TEXT NOT NULL,
  certainty TEXT NOT NULL,
  because TEXT NOT NULL,
  advice TEXT,
  incident INTEGER,
  incident_records INTEGER NOT NULL DEFAULT 0,
  version INTEGER NOT NULL,
  UNIQUE (gp, first)
) STRICT;
CREATE INDEX skip_by_time ON skip(at, id);
CREATE INDEX skip_by_incident ON skip(incident) WHERE incident IS NOT NULL;

CREATE TABLE stalled_commit (
  id INTEGER PRIMARY KEY,
  gp INTEGER NOT NULL REFERENCES group_partition(id),
  session INTEGER NOT NULL REFERENCES session(id),
  since REAL NOT NULL,
  seen_at REAL NOT NULL,
  ended_at REAL,
  records INTEGER NOT NULL,
  incident INTEGER,
  incident_records INTEGER NOT NULL DEFAULT 0,
  version INTEGER NOT NULL,
  UNIQUE (session, gp, since)
) STRICT;
CREATE INDEX stalled_open ON stalled_commit(session, gp) WHERE ended_at IS NULL;
CREATE INDEX stalled_by_time ON stalled_commit(since, id);
CREATE INDEX stalled_by_incident ON stalled_commit(incident) WHERE incident IS NOT NULL;

-- How long the exposure was how large: ms of time in each bucket of records, and of age (see ledger/exposure).
CREATE TABLE exposure_hour (
  gp INTEGER NOT NULL REFERENCES group_partition(id),
  hour INTEGER NOT NULL,
  of TEXT NOT NULL CHECK (of IN ('records', 'ms')),
  bucket INTEGER NOT NULL,
  weight REAL NOT NULL,
  PRIMARY KEY (gp, hour, of, bucket)
) STRICT, WITHOUT ROWID;
CREATE TABLE exposure_peak (
  gp INTEGER NOT NULL REFERENCES group_partition(id),
  hour INTEGER NOT NULL,
  records INTEGER NOT NULL,
  ms REAL NOT NULL,
  PRIMARY KEY (gp, hour)
) STRICT, WITHOUT ROWID;

-- Work that one of the processes on this store does at a time, by name.
CREATE TABLE chore (name TEXT PRIMARY KEY, at REAL NOT NULL) STRICT, WITHOUT ROWID;

CREATE VIEW v_incidents AS
SELECT i.id, i.kind, i.cause, i.certainty, c.cluster_id AS cluster, g.name AS "group", t.name AS topic,
       i.first_at / 1000.0 AS first_time, i.last_at / 1000.0 AS last_time, i.findings, i.records,
       i.gap_max_ms / 1000.0 AS gap_max_seconds, i.because, i.advice
FROM incident i JOIN cluster c ON c.id = i.cluster
LEFT JOIN consumer_group g ON g.id = i.grp
LEFT JOIN topic t ON t.id = i.topic;

DROP VIEW v_redeliveries;
CREATE VIEW v_redeliveries AS
SELECT r.id, r.at / 1000.0 AS time, c.cluster_id AS cluster, g.name AS "group", t.name AS topic,
       gp.partition, r.first AS first_offset, r.last AS last_offset, r.last - r.first + 1 AS records,
       r.attempt, r.doubt = 0 AS certain, (r.at - r.previous_at) / 1000.0 AS gap_seconds,
       s.host, s.pid, s.client_id, m.member_id, m.generation, d.outcome,
       r.previous_at / 1000.0 AS previous_time, ps.host AS previous_host, ps.pid AS previous_pid,
       pm.member_id AS previous_member_id, pm.generation AS previous_generation, p.outcome AS previous_outcome,
       r.cause, r.certainty, r.because, r.advice, r.incident
FROM redelivery r
JOIN group_partition gp ON gp.id = r.gp
JOIN consumer_group g ON g.id = gp.grp
JOIN topic t ON t.id = gp.topic
JOIN cluster c ON c.id = t.cluster
JOIN delivery_run d ON d.id = r.run
JOIN session s ON s.id = d.session
LEFT JOIN member m ON m.id = d.member
JOIN delivery_run p ON p.id = r.previous_run
JOIN session ps ON ps.id = p.session
LEFT JOIN member pm ON pm.id = p.member;
`;
