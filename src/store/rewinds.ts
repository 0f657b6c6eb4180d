/**
 * Rewinds: one row each, whoever saw it first. The watcher reads the commit in the offsets log, the instrumented
 * consumer gets its answer; the two meet by place, offset and time. Causes are explained when one is found, and again
 * while later records may tell better (see `ledger/rewind-cause`).
 */
import {
  explainRewind,
  mayChange,
  type RewindEvidence,
  type RewindExplanation,
  type RewindFollowed,
  type RewindFound,
  rewoundRecords,
  SIBLINGS_MS,
} from '../ledger';
import { AGAIN_MS, isNamed, SETTLE_MS } from './explaining';
import type { IncidentFinding, Incidents, Standing } from './incidents';
import type { Store } from './open';

/** The clocks of a broker and of a consumer's host, and the way of a report, may differ by so much. */
const SAME_MS = 30_000;
const TURN_ROWS = 500;
/** To be explained anew at once. When a settled one was is the order in which they are handed on. */
const AGAIN = 'explained_at = CASE settled WHEN 1 THEN explained_at ELSE 0 END';

interface RewindRow extends Standing {
  id: number;
  gp: number;
  grp: number;
  cluster: number;
  at: number;
  from: number;
  to: number;
  facts: string | null;
  nextAt: number | null;
  sessionName: string | null;
}

export class Rewinds {
  private readonly statements;

  constructor(
    private readonly db: Store,
    private readonly incidents: Incidents,
    private readonly nextVersion: () => number,
  ) {
    this.statements = {
      known: db.prepare<[number, number, number], { id: number }>(
        'SELECT id FROM rewind WHERE gp = ? AND source_partition = ? AND source_offset = ?',
      ),
      // The instrumented consumer tells a reset by kafkajs as the -1 or -2 that it committed. What kafkajs commits at a
      // seek it does not see: it tells the next commit, which is higher.
      toldBySession: db.prepare<
        { gp: number; at: number; from: number; to: number; resetTo: number | null },
        { id: number }
      >(
        `SELECT id FROM rewind WHERE gp = @gp AND at BETWEEN @at - ${SAME_MS} AND @at + ${SAME_MS}
           AND facts IS NULL AND (to_offset IN (@to, @resetTo) OR from_offset = @from AND to_offset > @to)
         ORDER BY to_offset NOT IN (@to, @resetTo), abs(at - @at) LIMIT 1`,
      ),
      seenByWatcher: db.prepare<{ gp: number; at: number; from: number; to: number }, { id: number }>(
        `SELECT id FROM rewind WHERE gp = @gp AND at BETWEEN @at - ${SAME_MS} AND @at + ${SAME_MS} AND session IS NULL
           AND (to_offset = @to OR facts ->> 'resetTo' = @to OR from_offset = @from AND to_offset < @to)
         ORDER BY to_offset <> @to, abs(at - @at) LIMIT 1`,
      ),
      add: db.prepare(
        `INSERT INTO rewind (gp, at, from_offset, to_offset, facts, source_partition, source_offset, session, version)
         VALUES (@gp, @at, @from, @to, @facts, @sourcePartition, @sourceOffset, @session, @version)`,
      ),
      joinWatcher: db.prepare(
        `UPDATE rewind SET at = @at, from_offset = @from, to_offset = @to, facts = @facts,
           source_partition = @sourcePartition, source_offset = @sourceOffset, version = @version, ${AGAIN}
         WHERE id = @id`,
      ),
      joinSession: db.prepare<[number, number, number]>(
        `UPDATE rewind SET session = ?, version = ?, ${AGAIN} WHERE id = ?`,
      ),
      // Asked every turn: the index alone.
      due: db.prepare<[number], { found: number }>(
        `SELECT 1 AS found FROM rewind INDEXED BY rewind_unsettled
         WHERE settled = 0 AND explained_at <= ? LIMIT 1`,
      ),
      unsettled: db.prepare<[number, number], RewindRow>(
        `SELECT r.id, r.gp, p.grp, p.topic, p.partition, t.cluster, r.cause, r.certainty, r.incident,
                r.incident_records AS incidentRecords, r.at, r.from_offset AS "from", r.to_offset AS "to", r.facts, r.next_at AS nextAt,
                coalesce(s.client_id, 'a consumer') || ' on ' || s.host || ' (pid ' || s.pid || ')' AS sessionName
         FROM rewind r INDEXED BY rewind_unsettled JOIN group_partition p ON p.id = r.gp
         JOIN topic t ON t.id = p.topic
         LEFT JOIN session s ON s.id = r.session
         WHERE r.settled = 0 AND r.explained_at <= ? ORDER BY r.explained_at, r.id LIMIT ?`,
      ),
      together: db.prepare<[number, number, number], { places: number }>(
        `SELECT count(DISTINCT r.gp) AS places FROM group_partition p JOIN rewind r ON r.gp = p.id
         WHERE p.grp = ? AND r.at BETWEEN ? AND ?`,
      ),
      emptied: db.prepare<[number, number], { at: number }>(
        `SELECT at FROM group_generation WHERE grp = ? AND at >= ? AND members = '[]' ORDER BY at LIMIT 1`,
      ),
      followed: db.prepare<[number, number | null, number, number, number]>(
        `UPDATE rewind SET next_at = coalesce(next_at, ?), recovered_at = ?
         WHERE gp = ? AND source_partition = ? AND source_offset = ?`,
      ),
      seek: db.prepare<[number, number, number], { target: string; name: string }>(
        `SELECT k.target, coalesce(s.client_id, 'a consumer') || ' on ' || s.host || ' (pid ' || s.pid || ')' AS name
         FROM seek k JOIN session s ON s.id = k.session
         WHERE k.gp = ? AND k.at BETWEEN ? AND ? ORDER BY k.at DESC LIMIT 1`,
      ),
      update: db.prepare(
        `UPDATE rewind SET cause = @cause, certainty = @certainty, because = @because, advice = @advice,
           settled = @settled, explained_at = @now, incident = @incident, incident_records = @incidentRecords
         WHERE id = @id`,
      ),
      total: db.prepare<[number, string]>(
        `INSERT INTO rewind_total (gp, cause, rewinds) VALUES (?, ?, 1)
         ON CONFLICT DO UPDATE SET rewinds = rewinds + 1`,
      ),
    };
  }

  /** The watcher's. Within a transaction of the caller's; told again, nothing changes. */
  watched(gp: number, found: RewindFound, version: number): void {
    const { at, from, to, source } = found;
    const s = this.statements;
    if (source !== null && s.known.get(gp, source.partition, source.offset) !== undefined) return;
    const row = {
      gp,
      at,
      from,
      to,
      facts: JSON.stringify(found.facts),
      sourcePartition: source?.partition ?? null,
      sourceOffset: source?.offset ?? null,
      version,
    };
    const told = s.toldBySession.get({ gp, at, from, to, resetTo: found.facts.resetTo });
    if (told === undefined) s.add.run({ ...row, session: null });
    else {
      const { gp: _gp, ...news } = row;
      s.joinWatcher.run({ ...news, id: told.id });
    }
  }

  /** An instrumented consumer's, told once by its journal. Within a transaction of the caller's. */
  told(
    gp: number,
    session: number,
    { at, from, to }: { at: number; from: number; to: number },
    version: number,
  ): void {
    const s = this.statements;
    const seen = s.seenByWatcher.get({ gp, at, from, to });
    if (seen !== undefined) {
      s.joinSession.run(session, version, seen.id);
      return;
    }
    const nothing = { facts: null, sourcePartition: null, sourceOffset: null };
    s.add.run({ gp, at, from, to, session, version, ...nothing });
  }

  /** What became of one that the watcher saw. */
  followed(gp: number, { source, nextAt, recoveredAt }: RewindFollowed): void {
    this.statements.followed.run(nextAt, recoveredAt, gp, source.partition, source.offset);
  }

  /** Explains what is not settled. Answers how many were looked at. Within a transaction of its own. */
  settle(now: number): number {
    const due = now - AGAIN_MS;
    if (this.statements.due.get(due) === undefined) return 0;
    return this.db
      .transaction(() => {
        const rows = this.statements.unsettled.all(due, TURN_ROWS);
        let change = 0;
        const version = () => {
          change ||= this.nextVersion();
          return change;
        };
        for (const row of rows) this.settleOne(row, version, now);
        return rows.length;
      })
      .immediate();
  }

  private settleOne(row: RewindRow, version: () => number, now: number): void {
    const evidence = this.gather(row);
    const explanation = explainRewind(evidence);
    const { cause, certainty, because, advice } = explanation;
    const ageMs = now - row.at;
    const settled = ageMs > SETTLE_MS || !mayChange(evidence, explanation);
    if (settled) this.statements.total.run(row.gp, cause);
    const finding = isNamed(cause, settled, ageMs) ? findingOf(row, explanation) : null;
    const incident = this.incidents.explained(row, finding, version);
    this.statements.update.run({
      id: row.id,
      now,
      cause,
      certainty,
      because: JSON.stringify(because),
      advice,
      settled: settled ? 1 : 0,
      incident,
      incidentRecords: finding?.records ?? 0,
    });
  }

  private gather(row: RewindRow): RewindEvidence {
    const { gp, grp, at } = row;
    const s = this.statements;
    const facts = row.facts === null ? null : (JSON.parse(row.facts) as RewindFound['facts']);
    const emptied = facts?.state === 'live' ? s.emptied.get(grp, at) : undefined;
    return {
      at,
      from: row.from,
      to: row.to,
      facts,
      together: s.together.get(grp, at - SIBLINGS_MS, at + SIBLINGS_MS)?.places ?? 1,
      emptyAgainAt: emptied?.at ?? null,
      wentOn: row.nextAt !== null && row.nextAt < (emptied?.at ?? Number.POSITIVE_INFINITY),
      seek: s.seek.get(gp, at - SIBLINGS_MS, at + SIBLINGS_MS) ?? null,
      session: row.sessionName,
    };
  }
}

function findingOf(
  row: RewindRow,
  { cause, certainty, because, advice }: RewindExplanation,
): IncidentFinding {
  return {
    kind: 'rewind',
    cause,
    cluster: row.cluster,
    group: row.grp,
    topicOnly: null,
    place: row,
    firstAt: row.at,
    lastAt: row.at,
    records: rewoundRecords(cause, row.from, row.to),
    gapMs: 0,
    certainty,
    because: JSON.stringify(because),
    advice,
  };
}
