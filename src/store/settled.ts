/**
 * Findings in the order in which they were settled, each handed on once: how far each stream has come stands in the
 * store. What may still be explained otherwise waits until it is settled; a premature commit or a skip is told as it is
 * found. Copies that follow each other as their originals did are one finding.
 */
import { openStore, type Store } from './open';
import {
  changeVersion,
  type DuplicateRow,
  duplicateById,
  type PrematureRow,
  prematureById,
  type RedeliveryRow,
  type RewindRow,
  redeliveryById,
  rewindById,
  type SkipRow,
  skipById,
} from './queries';

/** The service's main thread waits no longer than this for another writer, in ms. */
const WAIT_MS = 200;
/** What another writer has explained becomes visible when it commits: so long after at the latest. */
const VISIBLE_AFTER_MS = 2_000;
/** So many copies are read for each one that may be handed on: runs make few of many. */
const COPIES_FOR_ONE = 10;
/** So many copies of a run are named. */
const COPIES_NAMED = 32;

/** Where a copy stands, and the copy before it. */
export interface CopyPlace {
  partition: number;
  offset: number;
  previousPartition: number;
  previousOffset: number;
}

export type SettledFinding =
  | { kind: 'redelivery'; row: RedeliveryRow }
  /** @param row the first of the run; `places` are the first ones, of `copies` */
  | { kind: 'duplicate' | 'id_reuse'; row: DuplicateRow; copies: number; last: number; places: CopyPlace[] }
  | { kind: 'rewind'; row: RewindRow }
  | { kind: 'premature_commit'; row: PrematureRow }
  | { kind: 'skip'; row: SkipRow };

/** A point of a stream: the time (unix ms) or version of the last one handed on, and its id. */
interface Mark {
  point: number;
  id: number;
}

export interface SettledPage {
  findings: SettledFinding[];
  /** There may be more right now. */
  full: boolean;
  /** They were handed on. */
  done: () => void;
}

interface Stream {
  name: string;
  /** What its points are. Times of several writers come into sight a little out of order; versions do not. */
  points: 'times' | 'versions';
  read(
    db: Store,
    after: Mark,
    upTo: number,
    limit: number,
  ): { findings: SettledFinding[]; last: Mark | null; full: boolean };
}

const STREAMS: readonly Stream[] = [
  rowsOf(
    'redelivery',
    'times',
    'redelivery INDEXED BY redelivery_settled',
    'explained_at',
    'settled = 1',
    (db, id) => found('redelivery', redeliveryById(db, id)),
  ),
  { name: 'duplicate', points: 'versions', read: readCopies },
  rowsOf('rewind', 'times', 'rewind INDEXED BY rewind_settled', 'explained_at', 'settled = 1', (db, id) =>
    found('rewind', rewindById(db, id)),
  ),
  rowsOf(
    'premature_commit',
    'versions',
    'premature_commit INDEXED BY premature_by_version',
    'version',
    'true',
    (db, id) => found('premature_commit', prematureById(db, id)),
  ),
  rowsOf('skip', 'versions', 'skip INDEXED BY skip_by_version', 'version', 'true', (db, id) =>
    found('skip', skipById(db, id)),
  ),
];

export class Settled {
  private readonly db: Store;

  /** Throws the store's errors. */
  constructor(path: string, now: number) {
    this.db = openStore(path);
    this.db.pragma(`busy_timeout = ${WAIT_MS}`);
    // What was settled before anyone asked is history.
    const begin = this.db.prepare('INSERT OR IGNORE INTO finding_span_mark VALUES (?, ?, 0)');
    for (const { name, points } of STREAMS)
      begin.run(name, this.upTo(points, now) + (points === 'times' ? 0 : 1));
  }

  /** The next ones behind the mark of each stream, `limit` at most of each. */
  *next(limit: number, now: number): Generator<SettledPage> {
    for (const { name, points, read } of STREAMS) {
      const after = this.db
        .prepare<[string], Mark>('SELECT point, id FROM finding_span_mark WHERE stream = ?')
        .get(name) as Mark;
      const { findings, last, full } = read(this.db, after, this.upTo(points, now), limit);
      if (last === null) continue;
      yield { findings, full, done: () => this.move(name, last) };
    }
  }

  close(): void {
    this.db.close();
  }

  private upTo(points: Stream['points'], now: number): number {
    return points === 'times' ? now - VISIBLE_AFTER_MS : changeVersion(this.db);
  }

  private move(stream: string, { point, id }: Mark): void {
    this.db.prepare('UPDATE finding_span_mark SET point = ?, id = ? WHERE stream = ?').run(point, id, stream);
  }
}

function found<Kind extends string, Row>(kind: Kind, row: Row | undefined): { kind: Kind; row: Row } | null {
  return row === undefined ? null : { kind, row };
}

/** A finding a row; null where it is gone: derived anew under another id, taken back, or past its retention. */
function rowsOf(
  name: string,
  points: Stream['points'],
  table: string,
  point: string,
  condition: string,
  load: (db: Store, id: number) => SettledFinding | null,
): Stream {
  const sql = `SELECT ${point} AS point, id FROM ${table}
    WHERE ${condition} AND (${point}, id) > (?, ?) AND ${point} <= ? ORDER BY ${point}, id LIMIT ?`;
  return {
    name,
    points,
    read(db, after, upTo, limit) {
      const keys = db
        .prepare<[number, number, number, number], Mark>(sql)
        .all(after.point, after.id, upTo, limit);
      const findings = keys.map(({ id }) => load(db, id)).filter((one) => one !== null);
      return { findings, last: keys.at(-1) ?? null, full: keys.length === limit };
    },
  };
}

interface CopyRow extends Mark, CopyPlace {
  kind: 'duplicate' | 'id_reuse' | 'intentional';
  /** What makes copies one finding. */
  same: string;
}

const COPIES = `
  SELECT version AS point, id, kind, partition, record_offset AS "offset", previous_partition AS previousPartition,
         previous_offset AS previousOffset, run || ' ' || kind || ' ' || cause || ' ' || certainty || ' ' || coalesce(incident, '') AS same
  FROM duplicate INDEXED BY duplicate_settled
  WHERE settled = 1 AND (version, id) > (?, ?) AND version <= ? ORDER BY version, id LIMIT ?`;

function readCopies(db: Store, after: Mark, upTo: number, limit: number): ReturnType<Stream['read']> {
  const wanted = COPIES_FOR_ONE * limit;
  const rows = db
    .prepare<[number, number, number, number], CopyRow>(COPIES)
    .all(after.point, after.id, upTo, wanted);
  const runs = new Map<string, CopyRow[]>();
  let last: Mark | null = null;
  for (const row of rows) {
    let run = runs.get(row.same);
    // Copies that their owner means to be there are no findings.
    if (run === undefined && row.kind !== 'intentional') {
      if (runs.size >= limit) break;
      run = [];
      runs.set(row.same, run);
    }
    run?.push(row);
    last = row;
  }
  const findings = [...runs.values()].map((run) => copiesFound(db, run)).filter((one) => one !== null);
  return { findings, last, full: rows.length === wanted || last !== rows.at(-1) };
}

function copiesFound(db: Store, run: readonly CopyRow[]): SettledFinding | null {
  const row = duplicateById(db, (run[0] as CopyRow).id);
  if (row === undefined) return null;
  return {
    kind: row.kind === 'id_reuse' ? 'id_reuse' : 'duplicate',
    row,
    copies: run.length,
    last: Math.max(...run.map(({ offset }) => offset)),
    places: run.slice(0, COPIES_NAMED),
  };
}
