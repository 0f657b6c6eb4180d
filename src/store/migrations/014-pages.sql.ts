/**
 * Indexes in the order of the pages of duplicates, hits and incidents, for each filter that may leave nearly everything
 * out; and ends of watched partitions over time (see `log_ends`).
 */
export const up = `
CREATE INDEX idempotency_hit_by_place_time ON idempotency_hit(gp, at, session, run, first);

CREATE INDEX duplicate_by_kind ON duplicate(kind, found_at, id);
CREATE INDEX duplicate_by_topic_kind ON duplicate(topic, kind, found_at, id);
CREATE INDEX duplicate_by_topic_cause ON duplicate(topic, cause, found_at, id);
CREATE INDEX duplicate_by_topic_partition ON duplicate(topic, partition, found_at, id);

CREATE INDEX incident_by_kind_time ON incident(kind, last_at, id);

-- Where the log of a partition ended at which time, thinned: how old a record is that was not committed is told by
-- proportion between two of them, at once after a restart too. at: the last of them. ends: JSON, pairs of offset and
-- time (unix ms), as WatchedEnds.
CREATE TABLE log_ends (
  cluster INTEGER NOT NULL REFERENCES cluster(id),
  topic TEXT NOT NULL,
  partition INTEGER NOT NULL,
  at REAL NOT NULL,
  ends TEXT NOT NULL,
  PRIMARY KEY (cluster, topic, partition)
) STRICT, WITHOUT ROWID;
CREATE INDEX log_ends_by_time ON log_ends(at);
`;
