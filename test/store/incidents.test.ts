import { join } from 'node:path';
import fc from 'fast-check';
import { INCIDENT_GAP_MS } from '../../src/ledger';
import { type IncidentFinding, Incidents } from '../../src/store/incidents';
import { openStore, type Store } from '../../src/store/open';
import { testFolder } from '../support/folder';

const folder = testFolder('incidents');
const db: Store = openStore(join(folder, 'incidents.db'));
afterAll(() => db.close());
db.exec(`INSERT INTO cluster VALUES (1, 'c'); INSERT INTO consumer_group VALUES (1, 1, 'g'), (2, 1, 'h');
         INSERT INTO topic (id, cluster, name, first_seen_at) VALUES (1, 1, 't', 0)`);

interface Given {
  at: number;
  length: number;
  cause: 'seek' | 'reset';
  group: 1 | 2;
  partition: number;
  records: number;
  leaves: boolean;
}

const given: fc.Arbitrary<Given> = fc.record({
  at: fc.integer({ min: 0, max: 40 }).map((n) => n * (INCIDENT_GAP_MS / 4)),
  length: fc.integer({ min: 0, max: 3 }).map((n) => n * (INCIDENT_GAP_MS / 4)),
  cause: fc.constantFrom('seek' as const, 'reset' as const),
  group: fc.constantFrom(1 as const, 2 as const),
  partition: fc.integer({ min: 0, max: 2 }),
  records: fc.integer({ min: 1, max: 5 }),
  leaves: fc.boolean(),
});

function findingOf({ at, length, cause, group, partition, records }: Given): IncidentFinding {
  return {
    kind: 'redelivery',
    cause,
    cluster: 1,
    group,
    topicOnly: null,
    place: { topic: 1, partition },
    firstAt: at,
    lastAt: at + length,
    records,
    gapMs: records,
    certainty: 'proven',
    because: '[]',
    advice: null,
  };
}

/** The connected stretches of time, one after the other. */
function expected(findings: readonly Given[]): string[] {
  const found: string[] = [];
  for (const key of ['1 seek', '1 reset', '2 seek', '2 reset']) {
    const mine = findings
      .filter(({ group, cause }) => `${group} ${cause}` === key)
      .sort((a, b) => a.at - b.at);
    const open: { from: number; to: number; findings: number; records: number }[] = [];
    for (const { at, length, records } of mine) {
      const last = open.at(-1);
      if (last === undefined || at > last.to + INCIDENT_GAP_MS) {
        open.push({ from: at, to: at + length, findings: 1, records });
        continue;
      }
      last.to = Math.max(last.to, at + length);
      last.findings++;
      last.records += records;
    }
    for (const one of open) found.push(`${key} ${one.from}..${one.to} ${one.findings} ${one.records}`);
  }
  return found.sort();
}

function stored(): string[] {
  const rows = db.prepare('SELECT * FROM incident').all() as Record<string, number | string>[];
  return rows.map((r) => `${r.grp} ${r.cause} ${r.first_at}..${r.last_at} ${r.findings} ${r.records}`).sort();
}

/** Where each finding stands is written down where findings are: a table of premature commits serves. */
function run(findings: readonly Given[], check: (enter: () => void, leave: () => void) => void): void {
  const incidents = new Incidents(db);
  db.transaction(() => {
    const rows = findings.map((finding) => ({ finding, incident: -1, id: 0 }));
    const stand = db.prepare('SELECT incident FROM skip WHERE id = ?').pluck();
    const enter = () => {
      rows.forEach((row, i) => {
        row.id = i + 1;
        row.incident = incidents.enter(findingOf(row.finding), i);
        db.prepare(
          `INSERT INTO skip (id, gp, first, last, at, cause, certainty, because, incident, version)
           VALUES (?, ?, ?, 0, 0, '', '', '', ?, 0)`,
        ).run(row.id, 1, i, row.incident);
      });
    };
    const leave = () => {
      for (const row of rows.filter(({ finding }) => finding.leaves)) {
        incidents.leave(stand.get(row.id) as number, findingOf(row.finding).place, row.finding.records, 99);
      }
    };
    try {
      check(enter, leave);
    } finally {
      for (const table of ['skip', 'incident_place', 'incident']) db.exec(`DELETE FROM ${table}`);
    }
  })();
}

beforeAll(() => db.pragma('foreign_keys = OFF'));

test('incidents do not depend on the order in which findings become known', () => {
  fc.assert(
    fc.property(fc.array(given, { maxLength: 9 }), (findings) => {
      run(findings, (enter) => {
        enter();
        expect(stored()).toEqual(expected(findings));
        const places = db.prepare('SELECT coalesce(sum(records), 0) FROM incident_place').pluck().get();
        expect(places).toBe(findings.reduce((sum, { records }) => sum + records, 0));
      });
    }),
    { numRuns: 300 },
  );
});

test('what left is counted no more, and an incident without findings is gone', () => {
  fc.assert(
    fc.property(fc.array(given, { maxLength: 9 }), (findings) => {
      run(findings, (enter, leave) => {
        enter();
        leave();
        const staying = findings.filter(({ leaves }) => !leaves);
        const total = db
          .prepare('SELECT sum(findings) AS findings, sum(records) AS records FROM incident')
          .get();
        expect(total).toEqual({
          findings: staying.length || null,
          records: staying.reduce((sum, { records }) => sum + records, 0) || null,
        });
        expect(db.prepare('SELECT count(*) FROM incident WHERE findings <= 0').pluck().get()).toBe(0);
        const places = db.prepare('SELECT coalesce(sum(records), 0) FROM incident_place').pluck().get();
        expect(places).toBe(staying.reduce((sum, { records }) => sum + records, 0));
      });
    }),
    { numRuns: 200 },
  );
});
