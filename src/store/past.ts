/** What a new owner of a partition asks: what was delivered there before, from its first record on. */
import { type RecordOutcome, RUN_RECORDS_MAX, segmentsOf } from '../ledger';
import type { Store } from './open';
import { type OtherSessions, otherSessions } from './other-sessions';
import type { Tables } from './tables';

export interface PastQuestion {
  clusterId: string;
  group: string;
  topic: string;
  topicId: string | null;
  partition: number;
  from: number;
  /** Id of the asker's journal, where others of the group may be on other hosts. */
  journal?: string;
}

/** A stretch that was delivered before, and its latest delivery. */
export interface PastStretch {
  first: number;
  last: number;
  /** How often it was delivered for certain. */
  deliveries: number;
  previous: PastDelivery;
}

export interface PastDelivery {
  session: string;
  host: string;
  pid: number;
  clientId: string | null;
  memberId: string | null;
  generation: number | null;
  /** Unix ms; of the run that it belongs to. */
  at: number;
  outcome: RecordOutcome;
}

export interface PartitionPast extends OtherSessions {
  stretches: PastStretch[];
  /** More stretches than these are known; deliveries beyond the last one are not told. */
  cut: boolean;
}

/** So many stretches are told at most: a new owner needs what it will deliver soon. */
const STRETCHES_MAX = 256;

/** @param heardAt when a journal was last read or reported, unix ms */
export function pastOf(
  db: Store,
  tables: Tables,
  question: PastQuestion,
  heardAt: (journal: string) => number,
): PartitionPast {
  const now = Date.now();
  const { gp, group } = db
    .transaction(() => {
      const cluster = tables.dimensions.cluster(question.clusterId);
      const group = tables.dimensions.group(cluster, question.group);
      const topic = tables.dimensions.topic(cluster, question.topic, question.topicId, now);
      return { gp: tables.dimensions.groupPartition(group, topic, question.partition), group };
    })
    .immediate();
  const elsewhere =
    question.journal === undefined
      ? { others: 0, silent: 0 }
      : otherSessions(db, group, question.journal, heardAt, now);
  const end = lastCovered(db, gp);
  if (end < question.from) return { stretches: [], cut: false, ...elsewhere };
  // Not the whole past after a reset to the earliest: what lies within reach of the first record, twice over.
  const to = Math.min(end, question.from + 2 * RUN_RECORDS_MAX);
  const runs = tables.runs.overlapping(gp, question.from, to);
  const segments = segmentsOf(runs, question.from, to).slice(0, STRETCHES_MAX);
  const stretches = segments.map((segment): PastStretch => {
    const latest = segment.copies.findLast((copy) => copy.doubt < 2) ?? segment.copies.at(-1);
    const run = (latest as (typeof segment.copies)[number]).run;
    const outcome: RecordOutcome =
      latest?.doubt === 2 ? 'uncertain' : segment.last < run.handled ? 'handled' : run.outcome;
    return {
      first: segment.first,
      last: segment.last,
      deliveries: segment.copies.filter((copy) => copy.doubt < 2).length,
      previous: { ...deliverer(db, run.id), at: run.lastAt, outcome },
    };
  });
  const told = stretches.at(-1)?.last ?? to;
  return { stretches, cut: told < end, ...elsewhere };
}

function lastCovered(db: Store, gp: number): number {
  const row = db
    .prepare<[number], { end: number | null }>(
      'SELECT max(last) AS end FROM (SELECT last FROM coverage WHERE gp = ? ORDER BY first DESC LIMIT 1)',
    )
    .get(gp);
  const uncertain = db
    .prepare<[number], { end: number | null }>(
      'SELECT max(uncertain_last) AS end FROM delivery_run INDEXED BY delivery_run_uncertain WHERE uncertain_last > last AND gp = ?',
    )
    .get(gp);
  return Math.max(row?.end ?? -1, uncertain?.end ?? -1);
}

function deliverer(db: Store, run: number): Omit<PastDelivery, 'at' | 'outcome'> {
  return db
    .prepare<[number], Omit<PastDelivery, 'at' | 'outcome'>>(
      `SELECT s.key AS session, s.host, s.pid, s.client_id AS clientId, m.member_id AS memberId, m.generation
       FROM delivery_run d JOIN session s ON s.id = d.session LEFT JOIN member m ON m.id = d.member
       WHERE d.id = ?`,
    )
    .get(run) as Omit<PastDelivery, 'at' | 'outcome'>;
}
