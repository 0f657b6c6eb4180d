/** The sequences of idempotent producers, across identities and for records without one. */
export const up = `
-- Where each producer stood last in a partition; the latest of them, see identity/sequences.ts.
CREATE TABLE observed_producer (
  topic INTEGER NOT NULL REFERENCES topic(id),
  partition INTEGER NOT NULL,
  producer_id INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  last_sequence INTEGER NOT NULL,
  last_offset INTEGER NOT NULL,
  PRIMARY KEY (topic, partition, producer_id)
) STRICT, WITHOUT ROWID;

-- A record batch whose sequences its producer had used before in the same epoch. last_sequence, last_offset: where the
-- producer stood before it.
CREATE TABLE sequence_anomaly (
  id INTEGER PRIMARY KEY,
  topic INTEGER NOT NULL REFERENCES topic(id),
  partition INTEGER NOT NULL,
  first_offset INTEGER NOT NULL,
  records INTEGER NOT NULL,
  producer_id INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  last_sequence INTEGER NOT NULL,
  last_offset INTEGER NOT NULL,
  at REAL NOT NULL,
  found_at REAL NOT NULL,
  UNIQUE (topic, partition, first_offset)
) STRICT;
CREATE INDEX sequence_anomaly_by_topic ON sequence_anomaly(topic, id);
CREATE INDEX sequence_anomaly_by_time ON sequence_anomaly(found_at);

-- Only grows.
ALTER TABLE observed_topic ADD COLUMN sequence_anomalies INTEGER NOT NULL DEFAULT 0;
`;
