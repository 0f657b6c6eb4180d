/**
 * Stalled commits as the group watcher sees them, beside those that instrumented consumers show (`stalls`): one row from
 * the first telling to the last. What its watcher has not told of for long is over, or not known any more.
 */
import { type WatchedStall, watchedStallWhy } from '../ledger';
import type { IncidentFinding, Incidents } from './incidents';
import type { Store } from './open';

/** The watcher tells every 30 s what goes on. */
const SILENT_MS = 120_000;

interface OpenRow {
  id: number;
  records: number;
  incident: number | null;
}

export class WatchedStalls {
  private readonly statements;

  constructor(
    db: Store,
    private readonly incidents: Incidents,
  ) {
    this.statements = {
      open: db.prepare<[number], OpenRow>(
        `SELECT id, records, incident FROM stalled_commit WHERE gp = ? AND session IS NULL AND ended_at IS NULL`,
      ),
      place: db.prepare<[number], { grp: number; topic: number; partition: number; cluster: number }>(
        `SELECT p.grp, p.topic, p.partition, t.cluster FROM group_partition p JOIN topic t ON t.id = p.topic
         WHERE p.id = ?`,
      ),
      toldBySession: db.prepare<[number], { one: 1 }>(
        `SELECT 1 AS one FROM stalled_commit WHERE gp = ? AND session IS NOT NULL AND ended_at IS NULL`,
      ),
      add: db.prepare(
        `INSERT INTO stalled_commit (gp, client_id, host, since, seen_at, records, incident, incident_records, version)
         VALUES (@gp, @clientId, @host, @since, @at, @records, @incident, @records, @version)
         ON CONFLICT DO NOTHING`,
      ),
      known: db.prepare<[number, number], { id: number }>(
        'SELECT id FROM stalled_commit WHERE gp = ? AND since = ? AND session IS NULL',
      ),
      grow: db.prepare(
        `UPDATE stalled_commit SET seen_at = @at, ended_at = NULL, records = @records, incident_records = @records,
           version = @version WHERE id = @id`,
      ),
      close: db.prepare<[number, number, number]>(
        'UPDATE stalled_commit SET ended_at = ?, version = ? WHERE id = ?',
      ),
      closeSilent: db.prepare<[number, number]>(
        `UPDATE stalled_commit SET ended_at = seen_at, version = ?
         WHERE session IS NULL AND ended_at IS NULL AND seen_at < ?`,
      ),
    };
  }

  /** Within a transaction of the caller's; told again, nothing changes. */
  apply(gp: number, stall: WatchedStall, version: number): void {
    const s = this.statements;
    const known = s.open.get(gp);
    // The consumer's own word says more.
    if (stall.endedAt !== null || s.toldBySession.get(gp) !== undefined) {
      if (known !== undefined) s.close.run(stall.endedAt ?? stall.at, version, known.id);
    } else if (known !== undefined) this.grow(known, gp, stall, version);
    else this.begin(gp, stall, version);
  }

  check(now: number, version: number): void {
    this.statements.closeSilent.run(version, now - SILENT_MS);
  }

  private begin(gp: number, stall: WatchedStall, version: number): void {
    const s = this.statements;
    const { since, at, records, owner } = stall;
    const before = s.known.get(gp, since);
    if (before !== undefined) {
      // Its watcher was started anew, and finds it again.
      s.grow.run({ id: before.id, at, records, version });
      return;
    }
    const incident = this.incidents.enter(this.findingOf(gp, stall), version);
    s.add.run({ gp, ...owner, since, at, records, incident, version });
  }

  private grow(known: OpenRow, gp: number, stall: WatchedStall, version: number): void {
    const more = Math.max(0, stall.records - known.records);
    if (known.incident !== null) {
      this.incidents.grown(known.incident, this.findingOf(gp, stall), more, version);
    }
    const records = known.records + more;
    this.statements.grow.run({ id: known.id, at: stall.at, records, version });
  }

  private findingOf(gp: number, stall: WatchedStall): IncidentFinding {
    const place = this.statements.place.get(gp);
    if (place === undefined) throw new Error(`There is no place ${gp}`);
    const { since, at, records, owner } = stall;
    const why = watchedStallWhy({ client: owner.clientId, host: owner.host }, stall, stall);
    return {
      ...why,
      kind: 'stalled_commits',
      cluster: place.cluster,
      group: place.grp,
      topicOnly: null,
      place,
      firstAt: since,
      lastAt: at,
      records,
      gapMs: at - since,
      because: JSON.stringify(why.because),
    };
  }
}
