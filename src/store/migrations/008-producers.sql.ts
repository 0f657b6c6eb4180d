/** Producers of instrumented processes: their settings, as far as they decide about duplicates and loss, and counts. */
export const up = `
CREATE TABLE producer (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  journal TEXT NOT NULL,
  -- Null: the broker did not tell its cluster's id in time.
  cluster_id TEXT,
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  boot_id TEXT NOT NULL,
  version TEXT NOT NULL,
  settings TEXT NOT NULL,
  started_at REAL NOT NULL,
  last_seen_at REAL NOT NULL,
  sends INTEGER NOT NULL DEFAULT 0,
  messages INTEGER NOT NULL DEFAULT 0,
  -- Messages that were given an id.
  stamped INTEGER NOT NULL DEFAULT 0,
  -- Attempts of sends that failed, retried or not; those of them that may have been written all the same.
  failed_attempts INTEGER NOT NULL DEFAULT 0,
  unanswered INTEGER NOT NULL DEFAULT 0,
  failed_sends INTEGER NOT NULL DEFAULT 0,
  -- The values of acks that were used, as a JSON list.
  acks TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE INDEX producer_by_time ON producer(last_seen_at);
`;
