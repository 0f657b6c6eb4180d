/**
 * Stalled commits seen from outside too (no session), how many commits a group makes, batches and records that could not
 * be used, and rewinds of topics made again, which deliver nothing again.
 */
export const up = `
CREATE TABLE stalled_commit_2 (
  id INTEGER PRIMARY KEY,
  gp INTEGER NOT NULL REFERENCES group_partition(id),
  -- The instrumented consumer; null: seen from outside.
  session INTEGER REFERENCES session(id),
  -- Who has the partition, as the group's coordinator knows it; null: a session tells.
  client_id TEXT,
  host TEXT,
  since REAL NOT NULL,
  seen_at REAL NOT NULL,
  ended_at REAL,
  records INTEGER NOT NULL,
  incident INTEGER,
  incident_records INTEGER NOT NULL DEFAULT 0,
  version INTEGER NOT NULL,
  UNIQUE (session, gp, since)
) STRICT;
INSERT INTO stalled_commit_2 (id, gp, session, since, seen_at, ended_at, records, incident, incident_records, version)
  SELECT id, gp, session, since, seen_at, ended_at, records, incident, incident_records, version FROM stalled_commit;
DROP TABLE stalled_commit;
ALTER TABLE stalled_commit_2 RENAME TO stalled_commit;
CREATE INDEX stalled_open ON stalled_commit(session, gp) WHERE ended_at IS NULL;
CREATE INDEX stalled_by_time ON stalled_commit(since, id);
CREATE INDEX stalled_by_incident ON stalled_commit(incident) WHERE incident IS NOT NULL;
CREATE UNIQUE INDEX stalled_outside ON stalled_commit(gp, since) WHERE session IS NULL;

-- Commits as read from outside, of groups; only grows.
CREATE TABLE commit_total (
  grp INTEGER PRIMARY KEY REFERENCES consumer_group(id),
  commits INTEGER NOT NULL
) STRICT;
INSERT INTO commit_total SELECT gp.grp, sum(o.commits) FROM watched_offset o JOIN group_partition gp ON gp.id = o.gp
  GROUP BY gp.grp;
-- Of the last hour: what a rate is told from.
CREATE TABLE commit_minute (
  grp INTEGER NOT NULL REFERENCES consumer_group(id),
  minute INTEGER NOT NULL,
  commits INTEGER NOT NULL,
  PRIMARY KEY (grp, minute)
) STRICT, WITHOUT ROWID;
CREATE INDEX commit_minute_by_time ON commit_minute(minute);

-- What observers passed over, as they cannot read it, or it was gone before they came: only grows. topic: '' for
-- the groups' log.
CREATE TABLE unread (
  cluster INTEGER NOT NULL REFERENCES cluster(id),
  observer TEXT NOT NULL CHECK (observer IN ('groups', 'topics')),
  topic TEXT NOT NULL,
  what TEXT NOT NULL,
  count INTEGER NOT NULL,
  last_at REAL NOT NULL,
  PRIMARY KEY (cluster, observer, topic, what)
) STRICT, WITHOUT ROWID;

DROP VIEW v_rewinds;
CREATE VIEW v_rewinds AS
SELECT r.id, r.at / 1000.0 AS time, c.cluster_id AS cluster, g.name AS "group", t.name AS topic, gp.partition,
       r.from_offset, r.to_offset,
       -- Of a topic made again nothing is delivered twice.
       CASE WHEN r.cause = 'topic_recreated' THEN 0 ELSE max(0, r.from_offset - max(0, r.to_offset)) END AS records,
       r.cause, r.certainty, (r.recovered_at - r.at) / 1000.0 AS recovered_seconds,
       r.facts IS NOT NULL AS watched, r.session IS NOT NULL AS instrumented
FROM rewind r
JOIN group_partition gp ON gp.id = r.gp
JOIN consumer_group g ON g.id = gp.grp
JOIN topic t ON t.id = gp.topic
JOIN cluster c ON c.id = t.cluster;
`;
