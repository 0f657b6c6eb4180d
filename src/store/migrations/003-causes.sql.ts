/**
 * Causes. A redelivery is explained as soon as it is found and again while that may still get better (`settled` 0);
 * what is settled counts into `cause_total`, which only grows: late facts count from the moment they are known.
 */
export const up = `
ALTER TABLE member ADD COLUMN announced INTEGER NOT NULL DEFAULT 1;
ALTER TABLE member ADD COLUMN silent_ms REAL NOT NULL DEFAULT 0;

ALTER TABLE redelivery ADD COLUMN cause TEXT NOT NULL DEFAULT 'unknown';
ALTER TABLE redelivery ADD COLUMN certainty TEXT NOT NULL DEFAULT 'unknown';
ALTER TABLE redelivery ADD COLUMN because TEXT NOT NULL DEFAULT '[]';
ALTER TABLE redelivery ADD COLUMN advice TEXT;
ALTER TABLE redelivery ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE redelivery ADD COLUMN counted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE redelivery ADD COLUMN explained_at REAL NOT NULL DEFAULT 0;
CREATE INDEX redelivery_unsettled ON redelivery(explained_at) WHERE settled = 0;
CREATE INDEX redelivery_by_cause ON redelivery(cause, at, id);

CREATE TABLE partition_start (
  gp INTEGER NOT NULL REFERENCES group_partition(id),
  session INTEGER NOT NULL REFERENCES session(id),
  at REAL NOT NULL,
  committed INTEGER,
  log_start INTEGER,
  PRIMARY KEY (gp, session, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX partition_start_by_time ON partition_start(at);

CREATE TABLE commit_problem (
  session INTEGER NOT NULL REFERENCES session(id),
  at REAL NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('short', 'failed')),
  -- 0 and -1 for failed commits, which tell no place.
  gp INTEGER NOT NULL,
  next_offset INTEGER NOT NULL,
  reason TEXT,
  PRIMARY KEY (session, at, kind, gp, next_offset)
) STRICT, WITHOUT ROWID;
CREATE INDEX commit_problem_by_time ON commit_problem(at);

CREATE TABLE cause_total (
  gp INTEGER NOT NULL REFERENCES group_partition(id),
  cause TEXT NOT NULL,
  records INTEGER NOT NULL,
  PRIMARY KEY (gp, cause)
) STRICT, WITHOUT ROWID;
`;
