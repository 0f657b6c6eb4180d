/**
 * For people's SQL and dashboards: views on every kind of finding, and totals that retention does not lower.
 *
 * Times of a view are unix seconds. `at_ms` is the same time in ms and the one to filter and sort by: it is a column
 * of the table, so an index answers. `place` (a partition as a group reads it, see v_places) and `topic_id` do the
 * same for names: the latest of few names among millions are found by v_redelivery_times, v_hit_times and
 * v_duplicate_times, which join nothing.
 */
export const up = `
CREATE TABLE dropped_total (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  deliveries INTEGER NOT NULL
) STRICT;
INSERT INTO dropped_total SELECT 1, coalesce(sum(deliveries), 0) FROM dropped_detail;
CREATE TRIGGER dropped_counted AFTER INSERT ON dropped_detail BEGIN
  UPDATE dropped_total SET deliveries = deliveries + NEW.deliveries;
END;

-- Of groups that are watched, and of those that were deleted long ago and may come back.
CREATE TABLE rebalance_total (
  grp INTEGER PRIMARY KEY REFERENCES consumer_group(id),
  rebalances INTEGER NOT NULL
) STRICT;
INSERT INTO rebalance_total SELECT grp, rebalances FROM watched_group;
CREATE TRIGGER rebalances_counted AFTER UPDATE OF rebalances ON watched_group
WHEN NEW.rebalances > OLD.rebalances BEGIN
  UPDATE rebalance_total SET rebalances = rebalances + NEW.rebalances - OLD.rebalances WHERE grp = NEW.grp;
END;
CREATE TRIGGER rebalances_begun AFTER INSERT ON watched_group BEGIN
  INSERT INTO rebalance_total VALUES (NEW.grp, NEW.rebalances)
    ON CONFLICT DO UPDATE SET rebalances = rebalances + excluded.rebalances;
END;

CREATE INDEX idempotency_hit_by_gp_time ON idempotency_hit(gp, at);

CREATE VIEW v_places AS
SELECT gp.id AS place, c.cluster_id AS cluster, g.name AS "group", t.name AS topic, gp.partition
FROM group_partition gp
JOIN consumer_group g ON g.id = gp.grp
JOIN topic t ON t.id = gp.topic
JOIN cluster c ON c.id = t.cluster;

CREATE VIEW v_topics AS
SELECT t.id AS topic_id, c.cluster_id AS cluster, t.name AS topic,
       EXISTS (SELECT 1 FROM observed_topic o WHERE o.topic = t.id) AS observed
FROM topic t JOIN cluster c ON c.id = t.cluster;

CREATE VIEW v_redelivery_times AS
SELECT id, gp AS place, at AS at_ms, first AS first_offset, last AS last_offset FROM redelivery;
CREATE VIEW v_hit_times AS
SELECT session, run, first AS first_offset, gp AS place, at AS at_ms FROM idempotency_hit;
CREATE VIEW v_duplicate_times AS SELECT id, topic AS topic_id, found_at AS at_ms FROM duplicate;

DROP VIEW v_incidents;
CREATE VIEW v_incidents AS
SELECT i.id, i.kind, i.cause, i.certainty, c.cluster_id AS cluster, g.name AS "group", t.name AS topic,
       i.first_at / 1000.0 AS first_time, i.last_at / 1000.0 AS last_time, i.findings, i.records,
       i.gap_max_ms / 1000.0 AS gap_max_seconds, i.because, i.advice, i.last_at AS at_ms
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
       r.cause, r.certainty, r.because, r.advice, r.incident, r.gp AS place, r.at AS at_ms
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

DROP VIEW v_duplicates;
CREATE VIEW v_duplicates AS
SELECT d.id, d.found_at / 1000.0 AS time, c.cluster_id AS cluster, t.name AS topic, d.kind,
       d.partition, d.record_offset AS "offset", d.at / 1000.0 AS record_time,
       d.previous_partition, d.previous_offset, d.previous_at / 1000.0 AS previous_record_time,
       d.first_partition, d.first_offset, d.first_at / 1000.0 AS first_record_time,
       d.copies, d.delay_ms / 1000.0 AS delay_seconds, d.identity, lower(hex(d.hash)) AS identity_hash,
       d.source AS identity_source, d.cause, d.certainty, d.advice, d.because, d.incident,
       d.topic AS topic_id, d.found_at AS at_ms
FROM duplicate d
JOIN topic t ON t.id = d.topic
JOIN cluster c ON c.id = t.cluster;

CREATE VIEW v_hits AS
SELECT h.at / 1000.0 AS time, c.cluster_id AS cluster, g.name AS "group", t.name AS topic, gp.partition,
       h.first AS first_offset, h.last AS last_offset, h.last - h.first + 1 AS records,
       h.age_ms / 1000.0 AS age_seconds, h.window_ms / 1000.0 AS window_seconds, s.host, s.pid, s.client_id,
       h.gp AS place, h.at AS at_ms, h.session, h.run
FROM idempotency_hit h
JOIN group_partition gp ON gp.id = h.gp
JOIN consumer_group g ON g.id = gp.grp
JOIN topic t ON t.id = gp.topic
JOIN cluster c ON c.id = t.cluster
JOIN session s ON s.id = h.session;

-- Stretches of records that one session was handed; first_offset and place are what to look one record up by.
CREATE VIEW v_deliveries AS
SELECT d.first_at / 1000.0 AS time, d.last_at / 1000.0 AS last_time, c.cluster_id AS cluster, g.name AS "group",
       t.name AS topic, gp.partition, d.first AS first_offset, d.last AS last_offset,
       d.handled AS handled_below, d.outcome, d.error, s.host, s.pid, s.client_id, m.member_id, m.generation,
       d.gp AS place, d.first_at AS at_ms
FROM delivery_run d
JOIN group_partition gp ON gp.id = d.gp
JOIN consumer_group g ON g.id = gp.grp
JOIN topic t ON t.id = gp.topic
JOIN cluster c ON c.id = t.cluster
JOIN session s ON s.id = d.session
LEFT JOIN member m ON m.id = d.member;

CREATE VIEW v_losses AS
SELECT 'premature_commit' AS kind, f.at / 1000.0 AS time, f.gp AS place, f.first AS first_offset, f.last AS last_offset,
       f.last - f.first + 1 AS records, f.outcome AS why, f.incident, f.at AS at_ms
FROM premature_commit f
UNION ALL
SELECT 'skip', f.at / 1000.0, f.gp, f.first, f.last, f.last - f.first + 1, f.cause, f.incident, f.at FROM skip f;
`;
