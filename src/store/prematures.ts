/** Premature commits: told by the process itself, or derived where it died with a record in hand. */
import { prematureWhy, records } from '../ledger';
import type { Incidents } from './incidents';
import type { Store } from './open';

export interface PrematureFact {
  first: number;
  last: number;
  /** Of the commit, unix ms. */
  at: number;
  outcome: 'failed' | 'unresolved' | 'in_flight';
}

interface PlaceRow {
  grp: number;
  topic: number;
  partition: number;
  cluster: number;
  client: string | null;
  host: string;
  pid: number;
}

export class Prematures {
  private readonly statements;

  constructor(
    db: Store,
    private readonly incidents: Incidents,
  ) {
    this.statements = {
      place: db.prepare<[number, number], PlaceRow>(
        `SELECT gp.grp, gp.topic, gp.partition, t.cluster, s.client_id AS client, s.host, s.pid
         FROM group_partition gp JOIN topic t ON t.id = gp.topic JOIN session s ON s.id = ? WHERE gp.id = ?`,
      ),
      add: db.prepare(
        `INSERT OR IGNORE INTO premature_commit (gp, session, first, last, at, outcome, version)
         VALUES (@gp, @session, @first, @last, @at, @outcome, @version)`,
      ),
      enter: db.prepare<[number, number, number]>(
        'UPDATE premature_commit SET incident = ?, incident_records = ? WHERE id = ?',
      ),
      total: db.prepare<[number, number]>(
        'UPDATE group_partition SET premature = premature + ? WHERE id = ?',
      ),
    };
  }

  note(gp: number, session: number, fact: PrematureFact, version: number): void {
    const added = this.statements.add.run({ gp, session, ...fact, version });
    const place = this.statements.place.get(session, gp);
    if (added.changes === 0 || place === undefined) return;
    const why = prematureWhy(place, fact);
    const incident = this.incidents.enter(
      {
        ...why,
        kind: 'premature_commit',
        cluster: place.cluster,
        group: place.grp,
        topicOnly: null,
        place,
        firstAt: fact.at,
        lastAt: fact.at,
        records: records(fact),
        gapMs: 0,
        because: JSON.stringify(why.because),
      },
      version,
    );
    this.statements.enter.run(incident, records(fact), Number(added.lastInsertRowid));
    this.statements.total.run(records(fact), gp);
  }
}
