/**
 * Keeps incidents in step with their findings. A finding enters the incident that it belongs together with (the
 * ledger's rule), joins two where it bridges them, and leaves when its cause turns out to be another. Times of an
 * incident only widen: one that a finding left may be a little longer than what is left in it.
 */
import { belongTogether, INCIDENT_GAP_MS, type IncidentKind } from '../ledger';
import type { Store } from './open';

export interface IncidentFinding {
  kind: IncidentKind;
  cause: string;
  cluster: number;
  /** Null: of a topic. */
  group: number | null;
  /** Null: of a group. */
  topicOnly: number | null;
  place: { topic: number; partition: number };
  firstAt: number;
  lastAt: number;
  records: number;
  gapMs: number;
  certainty: string;
  /** JSON array of texts. */
  because: string;
  advice: string | null;
}

/** Where a finding stands by what was known of it last. */
export interface Standing {
  incident: number | null;
  /** Counted in that incident. */
  incidentRecords: number;
  cause: string;
  certainty: string;
  topic: number;
  partition: number;
}

interface IncidentRow {
  id: number;
  firstAt: number;
  lastAt: number;
}

/** Tables whose rows say in which incident they stand. */
const FINDING_TABLES = [
  'redelivery',
  'premature_commit',
  'skip',
  'stalled_commit',
  'rewind',
  'duplicate',
] as const;

export class Incidents {
  private readonly statements;

  constructor(db: Store) {
    this.statements = {
      near: db.prepare<[string, string, number | null, number | null, number, number], IncidentRow>(
        `SELECT id, first_at AS firstAt, last_at AS lastAt FROM incident
         WHERE kind = ? AND cause = ? AND grp IS ? AND topic IS ? AND last_at >= ? AND first_at <= ? ORDER BY id`,
      ),
      insert: db.prepare(
        `INSERT INTO incident (kind, cause, cluster, grp, topic, first_at, last_at, findings, records, gap_max_ms,
           certainty, because, advice, version)
         VALUES (@kind, @cause, @cluster, @group, @topicOnly, @firstAt, @lastAt, 0, 0, 0, @certainty, @because,
           @advice, @version)`,
      ),
      grow: db.prepare(
        `UPDATE incident SET first_at = min(first_at, @firstAt), last_at = max(last_at, @lastAt),
           findings = findings + @findings, records = records + @records, gap_max_ms = max(gap_max_ms, @gapMs),
           certainty = @certainty, because = @because, advice = coalesce(@advice, advice), version = @version
         WHERE id = @id`,
      ),
      place: db.prepare<[number, number, number, number]>(
        `INSERT INTO incident_place (incident, topic, partition, records) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET records = records + excluded.records`,
      ),
      shrink: db.prepare<[number, number, number, number]>(
        'UPDATE incident SET findings = findings - ?, records = records - ?, version = ? WHERE id = ?',
      ),
      emptyPlaces: db.prepare<[number]>('DELETE FROM incident_place WHERE incident = ? AND records <= 0'),
      dropPlaces: db.prepare<[number]>(
        'DELETE FROM incident_place WHERE incident = (SELECT id FROM incident WHERE id = ? AND findings <= 0)',
      ),
      dropEmpty: db.prepare<[number]>('DELETE FROM incident WHERE id = ? AND findings <= 0'),
      absorb: db.prepare<{ into: number; from: number }>(
        `UPDATE incident SET
           first_at = min(first_at, (SELECT first_at FROM incident WHERE id = @from)),
           last_at = max(last_at, (SELECT last_at FROM incident WHERE id = @from)),
           findings = findings + (SELECT findings FROM incident WHERE id = @from),
           records = records + (SELECT records FROM incident WHERE id = @from),
           gap_max_ms = max(gap_max_ms, (SELECT gap_max_ms FROM incident WHERE id = @from))
         WHERE id = @into`,
      ),
      absorbPlaces: db.prepare<{ into: number; from: number }>(
        `INSERT INTO incident_place (incident, topic, partition, records)
         SELECT @into, topic, partition, records FROM incident_place WHERE incident = @from
         ON CONFLICT DO UPDATE SET records = records + excluded.records`,
      ),
      forgetPlaces: db.prepare<[number]>('DELETE FROM incident_place WHERE incident = ?'),
      forget: db.prepare<[number]>('DELETE FROM incident WHERE id = ?'),
      moveFindings: FINDING_TABLES.map((table) =>
        db.prepare<[number, number]>(`UPDATE ${table} SET incident = ? WHERE incident = ?`),
      ),
    };
  }

  /**
   * Puts new findings into their incident, which is made where there is none. Answers the incident.
   * @param findings so many at once, of one place and time; `records` is of all of them
   */
  enter(finding: IncidentFinding, version: number, findings = 1): number {
    const id = this.incidentFor(finding, version);
    this.statements.grow.run({ ...finding, id, findings, version });
    this.statements.place.run(id, finding.place.topic, finding.place.partition, finding.records);
    return id;
  }

  /** The finding has more records, or other words. It stays in its incident, unless that has been put away. */
  grown(id: number, finding: IncidentFinding, more: number, version: number): void {
    this.statements.grow.run({ ...finding, id, findings: 0, records: more, version });
    this.statements.place.run(id, finding.place.topic, finding.place.partition, more);
  }

  /**
   * A finding was explained anew: it stays where it is, grows there, or moves to the incident of its new cause.
   * Answers its incident; null: it belongs in none.
   * @param version of the change, asked for only where there is one
   */
  explained(stood: Standing, finding: IncidentFinding | null, version: () => number): number | null {
    if (finding !== null && stood.incident !== null && stood.cause === finding.cause) {
      const more = finding.records - stood.incidentRecords;
      if (more !== 0 || stood.certainty !== finding.certainty)
        this.grown(stood.incident, finding, more, version());
      return stood.incident;
    }
    if (stood.incident !== null) this.leave(stood.incident, stood, stood.incidentRecords, version());
    return finding === null ? null : this.enter(finding, version());
  }

  /** The finding is no more, or belongs elsewhere. An incident without findings goes. */
  leave(id: number, place: { topic: number; partition: number }, records: number, version: number): void {
    this.statements.shrink.run(1, records, version, id);
    this.statements.place.run(id, place.topic, place.partition, -records);
    this.statements.emptyPlaces.run(id);
    this.statements.dropPlaces.run(id);
    this.statements.dropEmpty.run(id);
  }

  private incidentFor(finding: IncidentFinding, version: number): number {
    const { kind, cause, group, topicOnly, firstAt, lastAt } = finding;
    const near = this.statements.near
      .all(kind, cause, group, topicOnly, firstAt - INCIDENT_GAP_MS, lastAt + INCIDENT_GAP_MS)
      .filter((incident) => belongTogether(incident, finding));
    const [oldest, ...others] = near;
    if (oldest === undefined) {
      return Number(this.statements.insert.run({ ...finding, version }).lastInsertRowid);
    }
    for (const other of others) this.join(oldest.id, other.id);
    return oldest.id;
  }

  private join(into: number, from: number): void {
    const { statements } = this;
    statements.absorb.run({ into, from });
    statements.absorbPlaces.run({ into, from });
    for (const move of statements.moveFindings) move.run(into, from);
    statements.forgetPlaces.run(from);
    statements.forget.run(from);
  }
}
