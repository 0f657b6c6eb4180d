/** The ledger's runs, as they stand in the store: the side of the comparison that nobody has summed up. */
import { openReader } from '../store/open';
import type { RunRow } from './compare';

export function readRuns(storePath: string): RunRow[] {
  const db = openReader(storePath);
  try {
    return db
      .prepare<[], RunRow>(
        `SELECT g.name AS "group", t.name AS topic, gp.partition, d.first, d.last, d.handled,
                d.uncertain_last AS uncertainLast, d.outcome
         FROM delivery_run d
         JOIN group_partition gp ON gp.id = d.gp
         JOIN consumer_group g ON g.id = gp.grp
         JOIN topic t ON t.id = gp.topic`,
      )
      .all();
  } finally {
    db.close();
  }
}
