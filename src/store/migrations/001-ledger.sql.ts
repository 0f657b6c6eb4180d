/**
 * The ledger's tables. Times are unix milliseconds (REAL) in tables and unix seconds in views; offsets are
 * inclusive, `handled` and `committed` are the next offset, as in Kafka.
 *
 * `group_partition` is the dimension that everything hangs on: one partition of one topic (by topic id) as one
 * group reads it. Its totals only grow: they are the counters of /metrics.
 */
export const up = `
CREATE TABLE cluster (
  id INTEGER PRIMARY KEY,
  cluster_id TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE topic (
  id INTEGER PRIMARY KEY,
  cluster INTEGER NOT NULL REFERENCES cluster(id),
  name TEXT NOT NULL,
  topic_id TEXT,
  first_seen_at REAL NOT NULL
) STRICT;
CREATE UNIQUE INDEX topic_by_name ON topic(cluster, name, topic_id);

CREATE TABLE consumer_group (
  id INTEGER PRIMARY KEY,
  cluster INTEGER NOT NULL REFERENCES cluster(id),
  name TEXT NOT NULL,
  UNIQUE (cluster, name)
) STRICT;

CREATE TABLE group_partition (
  id INTEGER PRIMARY KEY,
  grp INTEGER NOT NULL REFERENCES consumer_group(id),
  topic INTEGER NOT NULL REFERENCES topic(id),
  partition INTEGER NOT NULL,
  deliveries INTEGER NOT NULL DEFAULT 0,
  redeliveries INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  in_flight INTEGER NOT NULL DEFAULT 0,
  uncertain INTEGER NOT NULL DEFAULT 0,
  UNIQUE (grp, topic, partition)
) STRICT;
CREATE INDEX group_partition_by_topic ON group_partition(topic, partition);

CREATE TABLE session (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  journal TEXT NOT NULL,
  grp INTEGER NOT NULL REFERENCES consumer_group(id),
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  boot_id TEXT NOT NULL,
  client_id TEXT,
  version TEXT NOT NULL,
  settings TEXT NOT NULL,
  started_at REAL NOT NULL,
  last_seen_at REAL NOT NULL,
  ended_at REAL,
  ended_how TEXT,
  ended_error TEXT
) STRICT;
CREATE INDEX session_by_group ON session(grp, started_at);

CREATE TABLE member (
  id INTEGER PRIMARY KEY,
  session INTEGER NOT NULL REFERENCES session(id),
  ref INTEGER NOT NULL,
  member_id TEXT NOT NULL,
  generation INTEGER,
  leader INTEGER NOT NULL,
  joined_at REAL NOT NULL,
  left_at REAL,
  assignment TEXT NOT NULL,
  UNIQUE (session, ref)
) STRICT;

CREATE TABLE delivery_run (
  id INTEGER PRIMARY KEY,
  gp INTEGER NOT NULL REFERENCES group_partition(id),
  session INTEGER NOT NULL REFERENCES session(id),
  run INTEGER NOT NULL,
  member INTEGER REFERENCES member(id),
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  handled INTEGER NOT NULL,
  uncertain_last INTEGER NOT NULL,
  first_at REAL NOT NULL,
  last_at REAL NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('open','handled','failed','unresolved','in_flight')),
  error TEXT,
  UNIQUE (session, run)
) STRICT;
CREATE INDEX delivery_run_by_first ON delivery_run(gp, first);
CREATE INDEX delivery_run_by_time ON delivery_run(last_at);
CREATE INDEX delivery_run_by_gp_time ON delivery_run(gp, first_at);
-- Few rows: what a kill left uncertain.
CREATE INDEX delivery_run_uncertain ON delivery_run(gp, first) WHERE uncertain_last > last;

CREATE TABLE coverage (
  gp INTEGER NOT NULL REFERENCES group_partition(id),
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  deliveries INTEGER NOT NULL,
  PRIMARY KEY (gp, first)
) STRICT, WITHOUT ROWID;

-- One row a stretch of records and attempt. doubt: 0 certain; 1 one of the two copies was in flight when its
-- process died; 2 one of the two may not have been handed over at all.
CREATE TABLE redelivery (
  id INTEGER PRIMARY KEY,
  gp INTEGER NOT NULL REFERENCES group_partition(id),
  run INTEGER NOT NULL REFERENCES delivery_run(id),
  previous_run INTEGER NOT NULL REFERENCES delivery_run(id),
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  doubt INTEGER NOT NULL,
  at REAL NOT NULL,
  previous_at REAL NOT NULL,
  version INTEGER NOT NULL
) STRICT;
CREATE INDEX redelivery_by_place ON redelivery(gp, first);
CREATE INDEX redelivery_by_time ON redelivery(at, id);
CREATE INDEX redelivery_by_version ON redelivery(version);
CREATE INDEX redelivery_by_run ON redelivery(run);
CREATE INDEX redelivery_by_previous ON redelivery(previous_run);

CREATE TABLE position (
  gp INTEGER NOT NULL REFERENCES group_partition(id),
  session INTEGER NOT NULL REFERENCES session(id),
  next INTEGER NOT NULL,
  handled INTEGER NOT NULL,
  committed INTEGER NOT NULL,
  exposed_since REAL NOT NULL,
  updated_at REAL NOT NULL,
  PRIMARY KEY (gp, session)
) STRICT, WITHOUT ROWID;

CREATE TABLE commit_point (
  gp INTEGER NOT NULL REFERENCES group_partition(id),
  at REAL NOT NULL,
  session INTEGER NOT NULL REFERENCES session(id),
  committed INTEGER NOT NULL,
  lowered_from INTEGER,
  PRIMARY KEY (gp, at, session)
) STRICT, WITHOUT ROWID;

CREATE INDEX commit_point_by_time ON commit_point(at);

CREATE TABLE seek (
  id INTEGER PRIMARY KEY,
  gp INTEGER NOT NULL REFERENCES group_partition(id),
  session INTEGER NOT NULL REFERENCES session(id),
  target TEXT NOT NULL,
  at REAL NOT NULL
) STRICT;
CREATE INDEX seek_by_place ON seek(gp, at);

CREATE TABLE rollup_minute (
  grp INTEGER NOT NULL REFERENCES consumer_group(id),
  topic INTEGER NOT NULL REFERENCES topic(id),
  minute INTEGER NOT NULL,
  deliveries INTEGER NOT NULL DEFAULT 0,
  redeliveries INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (minute, grp, topic)
) STRICT, WITHOUT ROWID;

CREATE TABLE applied_journal (
  journal TEXT PRIMARY KEY,
  seq INTEGER NOT NULL,
  closed INTEGER NOT NULL DEFAULT 0,
  at REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE dropped_detail (
  journal TEXT NOT NULL,
  seq INTEGER NOT NULL,
  at REAL NOT NULL,
  events INTEGER NOT NULL,
  deliveries INTEGER NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (journal, seq)
) STRICT, WITHOUT ROWID;

-- One row: the number of the last change, for readers that follow (server-sent events).
CREATE TABLE change (only INTEGER PRIMARY KEY CHECK (only = 1), version INTEGER NOT NULL) STRICT;
INSERT INTO change VALUES (1, 0);

CREATE VIEW v_redeliveries AS
SELECT r.id, r.at / 1000.0 AS time, c.cluster_id AS cluster, g.name AS "group", t.name AS topic,
       gp.partition, r.first AS first_offset, r.last AS last_offset, r.last - r.first + 1 AS records,
       r.attempt, r.doubt = 0 AS certain, (r.at - r.previous_at) / 1000.0 AS gap_seconds,
       s.host, s.pid, s.client_id, m.member_id, m.generation, d.outcome,
       r.previous_at / 1000.0 AS previous_time, ps.host AS previous_host, ps.pid AS previous_pid,
       pm.member_id AS previous_member_id, pm.generation AS previous_generation, p.outcome AS previous_outcome
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

CREATE VIEW v_groups AS
SELECT c.cluster_id AS cluster, g.name AS "group", t.name AS topic, gp.partition,
       gp.deliveries, gp.redeliveries, gp.failed, gp.in_flight, gp.uncertain
FROM group_partition gp
JOIN consumer_group g ON g.id = gp.grp
JOIN topic t ON t.id = gp.topic
JOIN cluster c ON c.id = t.cluster;

CREATE VIEW v_exposure AS
SELECT c.cluster_id AS cluster, g.name AS "group", t.name AS topic, gp.partition, s.host, s.pid, s.client_id,
       CASE WHEN p.exposed_since > 0 THEN p.handled - p.committed ELSE 0 END AS exposure_records,
       p.exposed_since / 1000.0 AS exposed_since, p.committed, p.handled, p.updated_at / 1000.0 AS time
FROM position p
JOIN session s ON s.id = p.session AND s.ended_at IS NULL
JOIN group_partition gp ON gp.id = p.gp
JOIN consumer_group g ON g.id = gp.grp
JOIN topic t ON t.id = gp.topic
JOIN cluster c ON c.id = t.cluster;

-- What readers follow: pages of findings of one place, the few findings in doubt, the few living sessions, the
-- few commits that went down.
CREATE INDEX redelivery_by_gp_time ON redelivery(gp, at);
CREATE INDEX redelivery_doubtful_by_time ON redelivery(at) WHERE doubt > 0;
CREATE INDEX redelivery_doubtful_by_gp_time ON redelivery(gp, at) WHERE doubt > 0;
CREATE INDEX session_living ON session(grp) WHERE ended_at IS NULL;
CREATE INDEX position_by_session ON position(session);
CREATE INDEX commit_point_lowered ON commit_point(gp, at) WHERE lowered_from IS NOT NULL;
`;
