/** Offsets that transactions commit (sendOffsets), and what that makes of deliveries. */
export const up = `
-- Deliveries whose run ended them unhandled, and that a committed transaction has covered: they were handled. \`run\` is
-- the number of the delivery run in its journal.
CREATE TABLE covered_delivery (
  gp INTEGER NOT NULL REFERENCES group_partition(id),
  session INTEGER NOT NULL REFERENCES session(id),
  run INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  at REAL NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (session, run, first)
) STRICT, WITHOUT ROWID;
CREATE INDEX covered_delivery_by_place ON covered_delivery(gp, first);
CREATE INDEX covered_delivery_by_time ON covered_delivery(at);

-- Commits that were sent and whose answer nobody has seen. took_place: null while that is not known.
CREATE TABLE commit_promise (
  gp INTEGER NOT NULL REFERENCES group_partition(id),
  session INTEGER NOT NULL REFERENCES session(id),
  next_offset INTEGER NOT NULL,
  from_offset INTEGER NOT NULL,
  at REAL NOT NULL,
  took_place INTEGER,
  PRIMARY KEY (gp, session, next_offset)
) STRICT, WITHOUT ROWID;
CREATE INDEX commit_promise_by_time ON commit_promise(at);

-- Of failed_again: in flight when the process died, and so perhaps applied again.
ALTER TABLE group_partition ADD COLUMN perhaps_again INTEGER NOT NULL DEFAULT 0;

-- Few groups have any.
CREATE INDEX session_transactional ON session(grp) WHERE json_extract(settings, '$.transactional') = 'seen';
`;
