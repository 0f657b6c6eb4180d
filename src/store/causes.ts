/**
 * Explains redeliveries: gathers what is known of the two copies and asks the ledger's rules. Done when one is found
 * and again while it is not settled, because the telling evidence may come late: a stopped process comes back and
 * finds itself thrown out, a killed one's journal is found.
 */
import { type Explanation, explain, type RedeliveryEvidence } from '../ledger';
import { AGAIN_MS, isNamed, SETTLE_MS } from './explaining';
import type { IncidentFinding, Incidents } from './incidents';
import type { Store } from './open';
import { RedeliveryFacts, type UnsettledRow } from './redelivery-facts';

/** So many are looked at in one turn. */
const TURN_ROWS = 300;

export class Causes {
  private readonly statements;
  private readonly facts: RedeliveryFacts;

  constructor(
    private readonly db: Store,
    private readonly incidents: Incidents,
    private readonly nextVersion: () => number,
  ) {
    this.facts = new RedeliveryFacts(db);
    this.statements = {
      update: db.prepare(
        `UPDATE redelivery SET cause = @cause, certainty = @certainty, because = @because, advice = @advice,
           settled = @settled, counted = max(counted, @counted), explained_at = @now, incident = @incident,
           incident_records = @incidentRecords WHERE id = @id`,
      ),
      total: db.prepare<[number, string, number]>(
        `INSERT INTO cause_total (gp, cause, records) VALUES (?, ?, ?)
         ON CONFLICT DO UPDATE SET records = records + excluded.records`,
      ),
    };
  }

  /** Explains what is not settled. Answers how many were looked at. Within a transaction of its own. */
  settle(now: number): number {
    const due = now - AGAIN_MS;
    if (!this.facts.isDue(due)) return 0;
    this.facts.begin();
    // Read within the transaction: another process's writer may have been here.
    return this.db
      .transaction(() => {
        const rows = this.facts.unsettled(due, TURN_ROWS);
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

  private settleOne(row: UnsettledRow, version: () => number, now: number): void {
    const evidence = this.facts.of(row);
    const explained = explain(evidence);
    const { cause, certainty, because, advice } = explained;
    const grown = evidence.copy.outcome !== 'open';
    const ageMs = now - evidence.copy.lastAt;
    // A rebalance may turn out to be a member that was thrown out, once that comes back and says so.
    const sure = certainty === 'proven' && cause !== 'rebalance_before_commit';
    const settled = ageMs > SETTLE_MS || (sure && grown);
    const records = row.doubt < 2 ? row.last - row.first + 1 : 0;
    if (settled && records > row.counted) this.statements.total.run(row.gp, cause, records - row.counted);
    const finding =
      row.doubt < 2 && isNamed(cause, settled, ageMs) ? findingOf(row, evidence, explained) : null;
    const incident = this.incidents.explained(row, finding, version);
    this.statements.update.run({
      incident,
      incidentRecords: finding?.records ?? 0,
      id: row.id,
      now,
      cause,
      certainty,
      because: JSON.stringify(because),
      advice,
      settled: settled ? 1 : 0,
      counted: settled ? records : 0,
    });
  }
}

function findingOf(
  row: UnsettledRow,
  { copy }: RedeliveryEvidence,
  { cause, certainty, because, advice }: Explanation,
): IncidentFinding {
  return {
    kind: 'redelivery',
    cause,
    cluster: row.cluster,
    group: row.grp,
    topicOnly: null,
    place: row,
    firstAt: row.at,
    lastAt: Math.max(row.at, copy.lastAt),
    records: row.last - row.first + 1,
    gapMs: Math.max(0, row.at - row.previous_at),
    certainty,
    because: JSON.stringify(because),
    advice,
  };
}
