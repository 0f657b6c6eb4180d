/** What the ledger says of the groups: its runs and its redeliveries, each with the processes that it names. */
import type { RunRow } from '../../src/demo/compare';
import type { Cause, Certainty } from '../../src/ledger';
import { DEFAULT_RETENTION } from '../../src/store/retention';
import { Writer } from '../../src/store/writer';
import { query } from '../support/ledger';

export interface FoundRedelivery {
  group: string;
  topic: string;
  partition: number;
  first: number;
  last: number;
  attempt: number;
  /** 0: certain; 1: a copy was in flight at a kill; 2: one may not have taken place. */
  doubt: number;
  at: number;
  cause: Cause;
  certainty: Certainty;
  because: string;
  /** Name of the process that got the copy, as its client id tells it. */
  worker: string;
}

/** Records that the ledger says were committed before they were handled, or passed over. */
export interface FoundLoss {
  kind: 'premature_commit' | 'skip';
  group: string;
  topic: string;
  partition: number;
  first: number;
  last: number;
}

export interface LedgerSide {
  runs: RunRow[];
  found: FoundRedelivery[];
  losses: FoundLoss[];
}

/** Takes in what the dead left, and explains everything as it will stand when a minute has passed. */
export function finish(store: string): void {
  const writer = new Writer({ storePath: store, ownJournal: null, retention: DEFAULT_RETENTION });
  try {
    writer.sweep(true);
    const unsettled = () =>
      query<{ n: number }>(store, 'SELECT count(*) AS n FROM redelivery WHERE settled = 0')[0]?.n ?? 0;
    // Once at least: records that were passed over are looked for then, too.
    let [before, left] = [Infinity, unsettled()];
    do {
      before = left;
      writer.settle(Date.now() + 120_000);
      left = unsettled();
    } while (left > 0 && left < before);
  } finally {
    writer.close();
  }
}

const PLACE = `JOIN group_partition gp ON gp.id = d.gp JOIN consumer_group g ON g.id = gp.grp
  JOIN topic t ON t.id = gp.topic JOIN session s ON s.id = d.session`;

/** @param lifeOf the name that the truth has for a topic, by its id */
export function readLedger(
  store: string,
  lifeOf: (name: string, topicId: string | null) => string,
): LedgerSide {
  type Named<Row> = Row & { topicId: string | null };
  const named = <Row extends { topic: string }>({ topicId, ...row }: Named<Row>): Row =>
    ({ ...row, topic: lifeOf(row.topic, topicId) }) as unknown as Row;
  const runs = query<Named<RunRow>>(
    store,
    `SELECT g.name AS "group", t.name AS topic, t.topic_id AS topicId, gp.partition, d.first, d.last, d.handled,
            d.uncertain_last AS uncertainLast, d.outcome
     FROM delivery_run d ${PLACE}`,
  );
  const found = query<Named<FoundRedelivery>>(
    store,
    `SELECT g.name AS "group", t.name AS topic, t.topic_id AS topicId, gp.partition, r.first, r.last, r.attempt,
            r.doubt, r.at, r.cause, r.certainty, r.because, coalesce(s.client_id, '?') AS worker
     FROM redelivery r JOIN delivery_run d ON d.id = r.run ${PLACE} ORDER BY r.at, r.id`,
  );
  const place = PLACE.replace(/ JOIN session.*$/, '');
  const losses = query<Named<FoundLoss>>(
    store,
    `SELECT d.kind, g.name AS "group", t.name AS topic, t.topic_id AS topicId, gp.partition, d.first, d.last
     FROM (SELECT 'skip' AS kind, gp, first, last FROM skip
           UNION ALL SELECT 'premature_commit', gp, first, last FROM premature_commit) d ${place}`,
  );
  return {
    runs: runs.map(named<RunRow>),
    found: found.map(named<FoundRedelivery>),
    losses: losses.map(named<FoundLoss>),
  };
}

/** What came of the copies that a group was given. */
export interface CopiesAccount {
  redeliveries: number;
  duplicates: number;
  hits: number;
  again: number;
  failed: number;
  perhaps: number;
}

/** All partitions of a group together. */
export function accountOf(store: string, group: string): CopiesAccount {
  const [row] = query<CopiesAccount>(
    store,
    `SELECT coalesce(sum(gp.redeliveries), 0) AS redeliveries, coalesce(sum(gp.duplicates_delivered), 0) AS duplicates,
       coalesce(sum(gp.hits), 0) AS hits, coalesce(sum(gp.applied_again), 0) AS again,
       coalesce(sum(gp.failed_again), 0) AS failed, coalesce(sum(gp.perhaps_again), 0) AS perhaps
     FROM group_partition gp JOIN consumer_group g ON g.id = gp.grp WHERE g.name = ?`,
    group,
  );
  return row as CopiesAccount;
}

/** What the store says was dropped for want of room. */
export function droppedIn(store: string): { events: number; deliveries: number } {
  const sql =
    'SELECT coalesce(sum(events), 0) AS events, coalesce(sum(deliveries), 0) AS deliveries FROM dropped_detail';
  return query<{ events: number; deliveries: number }>(store, sql)[0] as {
    events: number;
    deliveries: number;
  };
}
