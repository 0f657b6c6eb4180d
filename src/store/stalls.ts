/**
 * Stalled commits: a living consumer handles on and nothing of it is committed. Open from STALLED_MS of exposure on
 * (longer where the consumer is set to commit less often), until the commit comes or the session ends.
 */
import { type CommitSettings, STALLED_MS, stalledLimitOf, stalledWhy } from '../ledger';
import type { Incidents } from './incidents';
import type { Store } from './open';

interface StalledRow {
  gp: number;
  session: number;
  grp: number;
  topic: number;
  partition: number;
  cluster: number;
  since: number;
  records: number;
  settings: string;
  client: string | null;
  host: string;
  pid: number;
}

interface OpenRow {
  id: number;
  gp: number;
  session: number;
  since: number;
  records: number;
  incident: number | null;
}

export class Stalls {
  private readonly statements;

  constructor(
    db: Store,
    private readonly incidents: Incidents,
  ) {
    this.statements = {
      exposed: db.prepare<[number], StalledRow>(
        `SELECT p.gp, p.session, gp.grp, gp.topic, gp.partition, t.cluster, p.exposed_since AS since,
                p.handled - max(0, p.committed) AS records, s.settings, s.client_id AS client, s.host, s.pid
         FROM session s INDEXED BY session_living
         CROSS JOIN position p INDEXED BY position_by_session ON p.session = s.id
         JOIN group_partition gp ON gp.id = p.gp JOIN topic t ON t.id = gp.topic
         WHERE s.ended_at IS NULL AND p.exposed_since > 0 AND p.exposed_since <= ? AND p.handled > p.committed
           -- Another member has the partition by now: what this one handled is delivered again, not stalled.
           AND NOT EXISTS (SELECT 1 FROM position o WHERE o.gp = p.gp AND o.updated_at > p.updated_at)`,
      ),
      open: db.prepare<[], OpenRow>(
        `SELECT id, gp, session, since, records, incident FROM stalled_commit
         WHERE ended_at IS NULL AND session IS NOT NULL`,
      ),
      add: db.prepare(
        `INSERT INTO stalled_commit (gp, session, since, seen_at, records, incident, incident_records, version)
         VALUES (@gp, @session, @since, @now, @records, @incident, @records, @version)
         ON CONFLICT DO NOTHING`,
      ),
      grow: db.prepare(
        `UPDATE stalled_commit SET seen_at = @now, records = @records, incident_records = @records, version = @version
         WHERE id = @id`,
      ),
      close: db.prepare<[number, number, number]>(
        'UPDATE stalled_commit SET ended_at = ?, version = ? WHERE id = ?',
      ),
    };
  }

  check(now: number, version: number): void {
    const open = new Map(
      this.statements.open.all().map((row) => [`${row.session} ${row.gp} ${row.since}`, row]),
    );
    for (const row of this.statements.exposed.all(now - STALLED_MS)) {
      if (now - row.since < limitOf(row.settings)) continue;
      const key = `${row.session} ${row.gp} ${row.since}`;
      const known = open.get(key);
      open.delete(key);
      if (known === undefined) this.begin(row, now, version);
      else this.grow(known, row, now, version);
    }
    for (const row of open.values()) this.statements.close.run(now, version, row.id);
  }

  private begin(row: StalledRow, now: number, version: number): void {
    const incident = this.incidents.enter(findingOf(row, now), version);
    const { gp, session, since, records } = row;
    this.statements.add.run({ gp, session, since, records, incident, now, version });
  }

  private grow(known: OpenRow, row: StalledRow, now: number, version: number): void {
    const more = Math.max(0, row.records - known.records);
    if (known.incident !== null) {
      this.incidents.grown(known.incident, findingOf(row, now), more, version);
    }
    this.statements.grow.run({ id: known.id, records: known.records + more, now, version });
  }
}

function findingOf(row: StalledRow, now: number) {
  const why = stalledWhy(row, row, JSON.parse(row.settings) as CommitSettings);
  return {
    ...why,
    kind: 'stalled_commits' as const,
    cluster: row.cluster,
    group: row.grp,
    topicOnly: null,
    place: row,
    firstAt: row.since,
    lastAt: now,
    records: row.records,
    gapMs: now - row.since,
    because: JSON.stringify(why.because),
  };
}

function limitOf(settings: string): number {
  return stalledLimitOf(JSON.parse(settings) as CommitSettings);
}
