/**
 * Idempotency hits: deliveries that the consumer's own check recognised and did not apply. `run` is the number of the
 * delivery run in its journal. The totals of `group_partition` answer, with the redeliveries that stand there already:
 *
 *     hits + applied_again + failed_again + (in a handler now) = redeliveries + duplicates_delivered
 *
 * They grow as deliveries come one after the other. A delivery that is learnt late, or ends while another of the same
 * record goes on, may show a failure, or a duplicate (which is what a hit on a first delivery tells), to be something
 * else; `hits` and `applied_again` never go down.
 */
export const up = `
CREATE TABLE idempotency_hit (
  gp INTEGER NOT NULL REFERENCES group_partition(id),
  session INTEGER NOT NULL REFERENCES session(id),
  run INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  at REAL NOT NULL,
  -- How long after the first copy the latest of them came, and what the check remembers; null where it did not say.
  age_ms REAL,
  window_ms REAL,
  version INTEGER NOT NULL,
  PRIMARY KEY (session, run, first)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_hit_by_place ON idempotency_hit(gp, first);
CREATE INDEX idempotency_hit_by_time ON idempotency_hit(at);

ALTER TABLE group_partition ADD COLUMN hits INTEGER NOT NULL DEFAULT 0;
ALTER TABLE group_partition ADD COLUMN applied_again INTEGER NOT NULL DEFAULT 0;
ALTER TABLE group_partition ADD COLUMN failed_again INTEGER NOT NULL DEFAULT 0;
ALTER TABLE group_partition ADD COLUMN duplicates_delivered INTEGER NOT NULL DEFAULT 0;
`;
