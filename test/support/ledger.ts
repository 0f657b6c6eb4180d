/** Reading a store in tests: what it says of one group, record by record. */
import { openDatabase } from '../../src/sqlite';

interface RunRow {
  topic: string;
  topicId: string | null;
  partition: number;
  first: number;
  last: number;
  handled: number;
  uncertain_last: number;
  outcome: string;
}

export interface LedgerCounts {
  /** Deliveries that are certain, by `topic partition offset`. */
  certain: Map<string, number>;
  /** The same with those in flight at a kill and the uncertain ones. */
  possible: Map<string, number>;
  inFlight: number;
  uncertain: number;
}

export function query<T>(store: string, sql: string, ...parameters: unknown[]): T[] {
  const db = openDatabase(store, { readonly: true });
  try {
    return db.prepare(sql).all(...parameters) as T[];
  } finally {
    db.close();
  }
}

export function ledgerOf(store: string, group: string): LedgerCounts {
  const rows = query<RunRow>(
    store,
    `SELECT t.name AS topic, t.topic_id AS topicId, gp.partition, d.first, d.last, d.handled, d.uncertain_last, d.outcome
     FROM delivery_run d JOIN group_partition gp ON gp.id = d.gp JOIN topic t ON t.id = gp.topic
     JOIN consumer_group g ON g.id = gp.grp WHERE g.name = ?`,
    group,
  );
  const counts: LedgerCounts = { certain: new Map(), possible: new Map(), inFlight: 0, uncertain: 0 };
  const add = (map: Map<string, number>, key: string) => map.set(key, (map.get(key) ?? 0) + 1);
  for (const run of rows) {
    for (let offset = run.first; offset <= run.uncertain_last; offset++) {
      const key = `${run.topic} ${run.partition} ${offset}`;
      add(counts.possible, key);
      if (offset > run.last) counts.uncertain++;
      else if (run.outcome === 'in_flight' && offset >= run.handled) counts.inFlight++;
      else add(counts.certain, key);
    }
  }
  return counts;
}

/** Lines of ground-truth files as counts, by `topic partition offset`. */
export function truthOf(texts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of texts.join('').split('\n')) {
    if (line !== '') counts.set(line, (counts.get(line) ?? 0) + 1);
  }
  return counts;
}

/** Records on which the ledger is wrong: truth outside of [certain..possible]. */
export function wrongAnswers(ledger: LedgerCounts, truth: Map<string, number>): string[] {
  const wrong: string[] = [];
  for (const key of new Set([...truth.keys(), ...ledger.possible.keys()])) {
    const count = truth.get(key) ?? 0;
    const [low, high] = [ledger.certain.get(key) ?? 0, ledger.possible.get(key) ?? 0];
    if (count < low || count > high) wrong.push(`${key}: truth ${count}, ledger ${low}..${high}`);
  }
  return wrong;
}
