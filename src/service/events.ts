/**
 * GET /v1/events: server-sent events of new redeliveries and of incidents as they open and grow, at least once.
 *
 * A stream's life: open (a `ready` event carries the change where it begins) -> following (each change is read from
 * the store by the index, in pages, and written as fast as the client takes it; nothing is queued in memory) ->
 * closed (the client went away, or took nothing for STALLED_MS). `id` is the number of the change and stands on the
 * last event of a change, so that a client that comes back with Last-Event-ID gets a change that it saw a part of
 * once more, whole. A redelivery or incident that grows is sent again with the same `id` in its data. Incidents follow
 * when the redeliveries up to a change are written, and move no id.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Request, Response } from 'express';
import { DupescopeError, fail } from '../errors';
import {
  changeVersion,
  dataVersion,
  type IncidentRow,
  incidentsAfter,
  type RedeliveryRow,
  redeliveriesAfter,
} from '../store/queries';
import { incidentShape, redeliveryShape } from './answers';
import { readQuery, searchOf } from './parameters';
import type { StoreAccess } from './store-access';

const POLL_MS = 100;
const HEARTBEAT_MS = 15_000;
const STALLED_MS = 60_000;
const STREAMS_MAX = 64;
const PAGE_ROWS = 200;

interface Place {
  version: number;
  id: number;
}

/** Behind every row of a change. */
const ALL_ROWS = Number.MAX_SAFE_INTEGER;

export class EventStreams {
  private readonly open = new Set<AbortController>();

  constructor(
    private readonly store: StoreAccess,
    private readonly heartbeatMs = HEARTBEAT_MS,
  ) {}

  /** Answers until the client goes away or `closeAll`. Throws before the first byte only. */
  async serve(request: Request, response: Response): Promise<void> {
    const query = readQuery(['group', 'topic', 'after'], searchOf(request.url));
    const asked = lastEventId(request) ?? query.after;
    if (this.open.size >= STREAMS_MAX) {
      fail(
        'too-many-streams',
        `${STREAMS_MAX} event streams are open, more are not served. Close one, or ask /v1/redeliveries.`,
      );
    }
    const current = this.store.read(changeVersion);
    const gone = new AbortController();
    this.open.add(gone);
    response.once('close', () => gone.abort());
    try {
      response.status(200).set({
        'Content-Type': 'text/event-stream; charset=utf-8',
        'Cache-Control': 'no-store',
        'X-Accel-Buffering': 'no',
      });
      // A change above ours is of another store: everything in this one is new then.
      const begin = asked === undefined ? current : asked > current ? 0 : asked;
      response.write(`retry: 2000\nid: ${begin}\nevent: ready\ndata: {"change":${begin}}\n\n`);
      const wanted = (row: RedeliveryRow) =>
        (query.group === undefined || row.group === query.group) &&
        (query.topic === undefined || row.topic === query.topic);
      const wantsIncident = (row: IncidentRow) =>
        (query.group === undefined || row.group === query.group) &&
        (query.topic === undefined || (JSON.parse(row.topics) as string[]).includes(query.topic));
      await this.follow(response, begin, wanted, wantsIncident, gone.signal);
    } finally {
      this.open.delete(gone);
      response.end();
    }
  }

  closeAll(): void {
    for (const stream of this.open) stream.abort();
  }

  private async follow(
    response: Response,
    begin: number,
    wanted: (row: RedeliveryRow) => boolean,
    wantsIncident: (row: IncidentRow) => boolean,
    gone: AbortSignal,
  ): Promise<void> {
    let place: Place = { version: begin, id: ALL_ROWS };
    let incidents: Place = place;
    let seen = '';
    let quietMs = 0;
    while (!gone.aborted) {
      const turn = this.attempt(place, seen);
      if (turn !== null && turn.current < place.version) {
        place = { version: 0, id: ALL_ROWS };
        incidents = place;
        continue;
      }
      const rows = turn?.rows ?? [];
      // A full page may have more behind it; otherwise the store is left alone until it changes.
      const isMore = rows.length === PAGE_ROWS;
      const text = rows.map((row, i) => eventOf(row, isLastOfChange(rows, i, isMore), wanted(row))).join('');
      const changed = turn === null || isMore ? [] : this.incidentsAfter(incidents, turn.current);
      const more = changed.filter(wantsIncident).map(incidentEvent).join('');
      const lastIncident = changed.at(-1);
      if (lastIncident !== undefined) incidents = { version: lastIncident.version, id: lastIncident.id };
      const last = rows.at(-1);
      if (last !== undefined) place = { version: last.version, id: last.id };
      seen = turn === null || isMore || changed.length === PAGE_ROWS ? '' : turn.seen;
      quietMs = text + more === '' ? quietMs + POLL_MS : 0;
      const beat = quietMs >= this.heartbeatMs ? ': still here\n\n' : '';
      if (beat !== '') quietMs = 0;
      if (!(await written(response, text + more + beat, gone))) return;
      if (!isMore) await sleep(POLL_MS, undefined, { signal: gone }).catch(() => undefined);
    }
  }

  private incidentsAfter(place: Place, upTo: number): IncidentRow[] {
    if (upTo <= place.version) return [];
    try {
      return this.store.read((db) => incidentsAfter(db, place, upTo, PAGE_ROWS));
    } catch (error) {
      if (error instanceof DupescopeError) return [];
      throw error;
    }
  }

  /** null: the store cannot be read now; the stream waits. No rows where nothing was committed since `seen`. */
  private attempt(
    place: Place,
    seen: string,
  ): { current: number; seen: string; rows: RedeliveryRow[] } | null {
    try {
      return this.store.read((db) => {
        const now = `${this.store.connections}:${dataVersion(db)}`;
        if (now === seen) return { current: place.version, seen, rows: [] };
        return { current: changeVersion(db), seen: now, rows: redeliveriesAfter(db, place, PAGE_ROWS) };
      });
    } catch (error) {
      if (error instanceof DupescopeError) return null;
      throw error;
    }
  }
}

/** The last row of a full page may have brothers on the next one. */
function isLastOfChange(rows: readonly RedeliveryRow[], index: number, isMore: boolean): boolean {
  const next = rows[index + 1];
  return next === undefined ? !isMore : next.version !== rows[index]?.version;
}

/** An id without data moves a client's Last-Event-ID and shows it nothing. */
function eventOf(row: RedeliveryRow, isLast: boolean, isWanted: boolean): string {
  const id = isLast ? `id: ${row.version}\n` : '';
  if (!isWanted) return isLast ? `${id}\n` : '';
  return `${id}event: redelivery\ndata: ${JSON.stringify(redeliveryShape(row))}\n\n`;
}

function incidentEvent(row: IncidentRow): string {
  return `event: incident\ndata: ${JSON.stringify(incidentShape(row, Date.now()))}\n\n`;
}

/** False when the client is gone or takes nothing any more. */
async function written(response: Response, text: string, gone: AbortSignal): Promise<boolean> {
  if (text === '' || response.write(text)) return true;
  try {
    await once(response, 'drain', { signal: AbortSignal.any([gone, AbortSignal.timeout(STALLED_MS)]) });
    return true;
  } catch {
    response.destroy();
    return false;
  }
}

function lastEventId(request: Request): number | undefined {
  const text = request.headers['last-event-id'];
  if (typeof text !== 'string' || text === '') return undefined;
  if (!/^\d{1,15}$/.test(text)) {
    fail('bad-parameter', 'Last-Event-ID must be the id of an earlier event: a whole number.');
  }
  return Number(text);
}
