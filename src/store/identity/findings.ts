/**
 * Findings of the identity index: each copy as a row, explained at once and again while its run grows, until that can
 * change no more (`settled`). Then its cause counts into the totals, once.
 */
import {
  bucketOf,
  type CopyRun,
  CopyRuns,
  type DuplicateEvidence,
  type DuplicateKind,
  explainDuplicate,
  type FoundCopy,
  runEvidence,
  type WrittenCopy,
} from '../../identity';
import { CopyTotals } from '../copy-totals';
import { DeliveredDuplicates, type NumberedCopy } from '../delivered-duplicates';
import { Deliveries } from '../deliveries';
import { type IncidentFinding, Incidents } from '../incidents';
import type { Store } from '../open';

/** A run of this length has shown its shape. */
const SETTLED_RUN = 100;
/** What no longer run explains by then is settled, in ms of the observer's clock. */
const SETTLE_MS = 60_000;
const TURN_ROWS = 500;

type Explained = ReturnType<typeof explainDuplicate>;

/** A copy as the index met it. */
export interface Finding {
  kind: DuplicateKind;
  /** 16 bytes. */
  hash: Buffer;
  /** In clear; null where the configuration says so. */
  identity: string | null;
  payload: number;
  copy: FoundCopy;
  previous: WrittenCopy;
  run: CopyRun;
}

interface UnsettledRow {
  id: number;
  topic: number;
  kind: DuplicateKind;
  evidence: string;
  shape: string;
  found_at: number;
  partition: number;
  at: number;
  delay_ms: number;
  cause: string;
  incident: number | null;
}

interface FirstRow {
  partition: number;
  offset: number;
  at: number;
  copies: number;
}

const UNSETTLED = `SELECT d.id, d.topic, d.kind, d.evidence, r.shape, d.found_at, d.partition, d.at, d.delay_ms, d.cause,
  d.incident FROM duplicate d JOIN copy_run r ON r.id = d.run`;

export class Findings {
  private readonly statements;
  private readonly incidents: Incidents;
  private readonly delivered: DeliveredDuplicates;
  private nextRun = 1;

  constructor(private readonly db: Store) {
    this.incidents = new Incidents(db);
    this.delivered = new DeliveredDuplicates(db, new Deliveries(db), new CopyTotals(db));
    this.statements = {
      lastRun: db.prepare<[], number>('SELECT coalesce(max(id), 0) FROM copy_run').pluck(),
      openRuns: db
        .prepare<[number, number], string>(
          `SELECT shape FROM (SELECT id, shape FROM copy_run WHERE topic = ? AND partition = ? ORDER BY id DESC LIMIT 8)
           ORDER BY id`,
        )
        .pluck(),
      run: db.prepare<[number, number, number, string, number]>(
        `INSERT INTO copy_run (id, topic, partition, shape, updated_at) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET shape = excluded.shape, updated_at = excluded.updated_at`,
      ),
      first: db.prepare<[number, number, number], FirstRow>(
        `SELECT first_partition AS partition, first_offset AS "offset", first_at AS at, copies FROM duplicate
         WHERE topic = ? AND partition = ? AND record_offset = ?`,
      ),
      add: db.prepare(
        `INSERT INTO duplicate
           (topic, kind, hash, identity, source, payload, partition, record_offset, at, previous_partition,
            previous_offset, previous_at, first_partition, first_offset, first_at, copies, delay_ms, found_at, run,
            evidence, cause, certainty, because, advice, settled, version)
         VALUES (@topic, @kind, @hash, @identity, @source, @payload, @partition, @offset, @at, @previousPartition,
            @previousOffset, @previousAt, @firstPartition, @firstOffset, @firstAt, @copies, @delayMs, @foundAt, @run,
            @evidence, @cause, @certainty, @because, @advice, @settled, @version)`,
      ),
      ofRun: db.prepare<[number, number], UnsettledRow>(
        `${UNSETTLED} WHERE d.run = ? AND d.settled = 0 LIMIT ?`,
      ),
      // Asked every turn: the index alone.
      due: db.prepare<[number], { found: number }>(
        `SELECT 1 AS found FROM duplicate INDEXED BY duplicate_unsettled
         WHERE settled = 0 AND found_at <= ? LIMIT 1`,
      ),
      unsettled: db.prepare<[number, number], UnsettledRow>(
        `${UNSETTLED} WHERE d.settled = 0 AND d.found_at <= ? LIMIT ?`,
      ),
      explain: db.prepare(
        `UPDATE duplicate SET cause = @cause, certainty = @certainty, because = @because, advice = @advice,
           settled = @settled, incident = @incident, version = @version WHERE id = @id`,
      ),
      total: db.prepare<[number, string, string, number]>(
        `INSERT INTO duplicate_total (topic, kind, cause, records) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET records = records + excluded.records`,
      ),
      delay: db.prepare<[number, number, number]>(
        `INSERT INTO duplicate_delay (topic, bucket, records) VALUES (?, ?, ?)
         ON CONFLICT DO UPDATE SET records = records + excluded.records`,
      ),
      entered: db.prepare<[number, number, string, string, number]>(
        `UPDATE duplicate SET incident = ?
         WHERE version = ? AND kind = ? AND cause = ? AND topic = ? AND incident IS NULL`,
      ),
      clusterOf: db.prepare<[number], number>('SELECT cluster FROM topic WHERE id = ?').pluck(),
      version: db.prepare<[], number>('UPDATE change SET version = version + 1 RETURNING version').pluck(),
    };
  }

  /** The runs of a partition that its next copies may join. */
  openRuns(topic: number, partition: number): CopyRuns {
    this.nextRun = (this.statements.lastRun.get() as number) + 1;
    const shapes = this.statements.openRuns.all(topic, partition);
    return new CopyRuns(shapes.map((shape) => JSON.parse(shape) as CopyRun));
  }

  /** A number that no run has. After `openRuns`, in the same transaction. */
  newRun(): number {
    return this.nextRun++;
  }

  /** Writes what one batch found. Answers the longest delay among its duplicates, in ms. Within a transaction. */
  add(topic: number, findings: readonly Finding[], now: number): number {
    if (findings.length === 0) return 0;
    const version = this.statements.version.get() as number;
    const mark = this.delivered.mark();
    const runs = new Set(findings.map(({ run }) => run));
    for (const run of runs) {
      this.statements.run.run(run.id, topic, run.partition, JSON.stringify(run), now);
      // Those of earlier batches, before this batch's join them.
      for (const row of this.statements.ofRun.all(run.id, TURN_ROWS)) this.again(row, now, version);
    }
    let longestMs = 0;
    const causes = new Map<string, number>();
    const delays = new Map<number, number>();
    const news = new Map<string, { finding: IncidentFinding; kind: DuplicateKind; findings: number }>();
    const copies: NumberedCopy[] = [];
    for (const finding of findings) {
      const { delayMs, settled, explanation, copy } = this.addOne(topic, finding, now, version);
      if (finding.kind === 'duplicate') copies.push(copy);
      const name = `${finding.kind} ${explanation.cause}`;
      if (settled) add(causes, name);
      if (finding.kind !== 'intentional') {
        const { copy, kind } = finding;
        const place = { topic, kind, partition: copy.partition, at: copy.at, delayMs };
        const one = this.incidentFinding(place, explanation);
        const before = news.get(name);
        news.set(name, {
          finding: before === undefined ? one : widened(one, before.finding),
          kind,
          findings: (before?.findings ?? 0) + 1,
        });
      }
      if (finding.kind !== 'duplicate') continue;
      longestMs = Math.max(longestMs, delayMs);
      add(delays, bucketOf(delayMs));
    }
    for (const { finding, kind, findings: many } of news.values()) {
      const incident = this.incidents.enter({ ...finding, records: many }, version, many);
      this.statements.entered.run(incident, version, kind, finding.cause, topic);
    }
    for (const [name, records] of causes) {
      const [kind, cause] = name.split(' ') as [string, string];
      this.statements.total.run(topic, kind, cause, records);
    }
    for (const [bucket, records] of delays) this.statements.delay.run(topic, bucket, records);
    if (copies.length > 0) this.delivered.found(topic, copies, mark);
    return longestMs;
  }

  /** Settles what will not be explained better. Answers how many. Within a transaction of its own. */
  settle(now: number): number {
    const due = now - SETTLE_MS;
    if (this.statements.due.get(due) === undefined) return 0;
    return this.db
      .transaction(() => {
        const rows = this.statements.unsettled.all(due, TURN_ROWS);
        const version = this.statements.version.get() as number;
        for (const row of rows) this.again(row, now, version);
        return rows.length;
      })
      .immediate();
  }

  private addOne(
    topic: number,
    finding: Finding,
    now: number,
    version: number,
  ): { delayMs: number; settled: boolean; explanation: Explained; copy: NumberedCopy } {
    const { kind, copy, previous, run } = finding;
    const known = this.statements.first.get(topic, previous.partition, previous.offset);
    const first = known ?? { ...previous, copies: 1 };
    // The clocks of two producers may differ: the later one counts.
    const delayMs = Math.max(Math.abs(copy.at - first.at), copy.loggedAt - first.at);
    const evidence = inOrder(copy, previous);
    const explanation = explainDuplicate(kind, { ...evidence, run: runEvidence(run) });
    const settled = isSettled(kind, explanation.certainty, run);
    this.statements.add.run({
      topic,
      kind,
      hash: finding.hash,
      identity: finding.identity,
      source: copy.source,
      payload: finding.payload,
      partition: copy.partition,
      offset: copy.offset,
      at: copy.at,
      previousPartition: previous.partition,
      previousOffset: previous.offset,
      previousAt: previous.at,
      firstPartition: first.partition,
      firstOffset: first.offset,
      firstAt: first.at,
      copies: first.copies + 1,
      delayMs,
      foundAt: now,
      run: run.id,
      evidence: JSON.stringify(evidence),
      ...explanation,
      because: JSON.stringify(explanation.because),
      settled: settled ? 1 : 0,
      version,
    });
    const { partition: firstPartition, offset: firstOffset, copies } = first;
    return { delayMs, settled, explanation, copy: { firstPartition, firstOffset, copies: copies + 1 } };
  }

  private again(row: UnsettledRow, now: number, version: number): void {
    const run = JSON.parse(row.shape) as CopyRun;
    const evidence = JSON.parse(row.evidence) as Omit<DuplicateEvidence, 'run'>;
    const explanation = explainDuplicate(row.kind, { ...evidence, run: runEvidence(run) });
    const settled = isSettled(row.kind, explanation.certainty, run) || now - row.found_at >= SETTLE_MS;
    this.statements.explain.run({
      id: row.id,
      incident: this.movedTo(row, explanation, version),
      ...explanation,
      because: JSON.stringify(explanation.because),
      settled: settled ? 1 : 0,
      version,
    });
    if (settled) this.statements.total.run(row.topic, row.kind, explanation.cause, 1);
  }

  /** The incident of its cause now. */
  private movedTo(row: UnsettledRow, explanation: Explained, version: number): number | null {
    if (row.kind === 'intentional' || (row.incident !== null && row.cause === explanation.cause)) {
      return row.incident;
    }
    const place = { topic: row.topic, partition: row.partition };
    if (row.incident !== null) this.incidents.leave(row.incident, place, 1, version);
    const { topic, kind, partition, at, delay_ms: delayMs } = row;
    return this.incidents.enter(
      this.incidentFinding({ topic, kind, partition, at, delayMs }, explanation),
      version,
    );
  }

  private incidentFinding(
    {
      topic,
      kind,
      partition,
      at,
      delayMs,
    }: { topic: number; kind: DuplicateKind; partition: number; at: number; delayMs: number },
    { cause, certainty, because, advice }: Explained,
  ): IncidentFinding {
    return {
      kind: kind === 'id_reuse' ? 'id_reuse' : 'duplicate',
      cause,
      cluster: this.statements.clusterOf.get(topic) as number,
      group: null,
      topicOnly: topic,
      place: { topic, partition },
      firstAt: at,
      lastAt: at,
      records: 1,
      gapMs: delayMs,
      certainty,
      because: JSON.stringify(because),
      advice,
    };
  }
}

function add<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** Later findings of a batch in one incident: their time and gap with the earlier ones'. */
function widened(one: IncidentFinding, before: IncidentFinding): IncidentFinding {
  return {
    ...one,
    firstAt: Math.min(before.firstAt, one.firstAt),
    lastAt: Math.max(before.lastAt, one.lastAt),
    gapMs: Math.max(before.gapMs, one.gapMs),
  };
}

/** A longer run would not change what was found. */
function isSettled(kind: DuplicateKind, certainty: string, run: CopyRun): boolean {
  return kind !== 'duplicate' || certainty === 'proven' || run.records >= SETTLED_RUN;
}

/**
 * Which copy was written first. Within a partition that is the one met first; of two partitions one may have been
 * read ahead of the other, and the times decide.
 */
function inOrder(copy: FoundCopy, previous: WrittenCopy): Omit<DuplicateEvidence, 'run'> {
  if (previous.partition === copy.partition || previous.at <= copy.at) return { first: previous, copy };
  const { partition, offset, at, producer, transactional, edges } = copy;
  return {
    first: { partition, offset, at, producer, transactional, edges: edges ?? null },
    copy: { ...copy, ...previous, loggedAt: previous.at },
  };
}
