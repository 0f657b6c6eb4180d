/** A store in which every list has several pages: more groups, findings and incidents than one answer holds. */
import { Seed } from '../service/seed';

export const GROUPS = 230;
/** Of each kind, in one incident of that kind. */
export const FINDINGS = 130;
export const REDELIVERIES = 250;
/** Minutes in which each quiet group got a record: as points of a series, more than one answer holds. */
export const MINUTES = 100;
/** Incidents that are later than all that lost records. */
export const LATER = 210;
/** Its name is the last of all, and it is the only one with findings. */
export const WORST = 'zz-worst';
export const INCIDENTS = {
  redelivery: 1,
  rewind: 2,
  premature_commit: 3,
  skip: 4,
  stalled_commits: 5,
  duplicate: 6,
} as const;

export function seedMany(path: string): void {
  const now = Date.now();
  const s = new Seed(path);
  const cluster = s.cluster('c1');
  const topic = s.topic(cluster, 'orders', null, now - 1_000_000);
  s.db.transaction(() => {
    for (let i = 0; i < GROUPS - 1; i++) {
      const quiet = s.group(cluster, `group-${String(i).padStart(3, '0')}`);
      s.place(quiet, topic, 0, { deliveries: 10 + i });
      for (let ago = 1; ago <= MINUTES; ago++) {
        const minute = Math.floor(now / 60_000) - ago;
        s.row('rollup_minute', { grp: quiet, topic, minute, deliveries: 1, redeliveries: 0, failed: 0 });
      }
    }
    const group = s.group(cluster, WORST);
    const gp = s.place(group, topic, 0, {
      deliveries: 1_000,
      redeliveries: REDELIVERIES,
      hits: FINDINGS,
      applied_again: REDELIVERIES - FINDINGS,
      premature: FINDINGS,
      skipped: FINDINGS,
    });
    const session = s.session(group, 'a', now - 3_000_000);
    const first = s.run(gp, session, { first: 0, last: 999, at: now - 2_000_000 });
    const again = s.run(gp, session, { first: 0, last: REDELIVERIES - 1, at: now - 1_000_000 });
    for (const [kind, id] of Object.entries(INCIDENTS)) {
      const isOfTopic = kind === 'duplicate';
      const records = kind === 'redelivery' ? REDELIVERIES : FINDINGS;
      s.row('incident', {
        id,
        kind,
        cause: { redelivery: 'seek', rewind: 'reset', skip: 'reset', duplicate: 'resent' }[kind] ?? kind,
        cluster,
        grp: isOfTopic ? null : group,
        topic: isOfTopic ? topic : null,
        first_at: now - 1_000_000,
        last_at: now - 1_000,
        findings: records,
        records,
        gap_max_ms: 1_000,
        certainty: 'proven',
        because: '["seen"]',
        advice: null,
        version: id,
      });
      s.row('incident_place', { incident: id, topic, partition: 0, records });
    }
    for (let i = 0; i < LATER; i++) {
      s.row('incident', {
        id: 1_000 + i,
        kind: 'rewind',
        cause: 'reset',
        cluster,
        grp: group,
        topic: null,
        first_at: now - 500,
        last_at: now - 500,
        findings: 1,
        records: 1,
        gap_max_ms: 0,
        certainty: 'proven',
        because: '["seen"]',
        advice: null,
        version: 7,
      });
    }
    for (let i = 0; i < REDELIVERIES; i++) {
      s.redelivery(gp, again, first, { first: i, last: i, at: now - 1_000_000 + i * 100 });
    }
    s.db.prepare('UPDATE redelivery SET incident = ?, incident_records = 1').run(INCIDENTS.redelivery);
    s.row('copy_run', { id: 1, topic, partition: 0, shape: '{}', updated_at: now });
    s.row('observed_topic', { topic, records: 1_000, duplicates: FINDINGS });
    s.row('observer_offset', {
      topic,
      partition: 0,
      next_offset: 1_000,
      state: 'live',
      newest_at: now,
      observed_at: now,
    });
    for (let i = 0; i < FINDINGS; i++)
      seedFindings(s, { gp, session, topic, i, at: now - 900_000 + i * 1_000 });
    const minute = Math.floor(now / 60_000) - 10;
    const counts = { deliveries: 1_000, redeliveries: REDELIVERIES, failed: 0 };
    s.row('rollup_minute', { grp: group, topic, minute, ...counts });
  })();
  s.close();
}

function seedFindings(
  s: Seed,
  { gp, session, topic, i, at }: { gp: number; session: number; topic: number; i: number; at: number },
): void {
  const why = { certainty: 'proven', because: '["seen"]', version: 7 };
  const within = (incident: number) => ({ incident, incident_records: 1, version: 7 });
  s.row('rewind', {
    gp,
    at,
    from_offset: i + 10,
    to_offset: i,
    session,
    cause: 'reset',
    settled: 1,
    ...why,
    ...within(INCIDENTS.rewind),
  });
  s.row('premature_commit', {
    gp,
    session,
    first: i,
    last: i,
    at,
    outcome: 'failed',
    ...within(INCIDENTS.premature_commit),
  });
  s.row('skip', { gp, first: i, last: i, at, cause: 'reset', ...why, ...within(INCIDENTS.skip) });
  s.row('stalled_commit', {
    gp,
    session,
    since: at,
    seen_at: at + 500,
    ended_at: at + 900,
    records: 1,
    ...within(INCIDENTS.stalled_commits),
  });
  s.row('idempotency_hit', { gp, session, run: 2, first: i, last: i, at, window_ms: 10_000, version: 7 });
  const mark = { partition: 0, offset: i, at: at - 5_000, producer: null, transactional: false };
  s.db
    .prepare(
      `INSERT INTO duplicate (topic, kind, hash, identity, source, payload, partition, record_offset, at,
         previous_partition, previous_offset, previous_at, first_partition, first_offset, first_at, copies, delay_ms,
         found_at, run, evidence, cause, certainty, because, settled, version, incident)
       VALUES (@topic, 'duplicate', zeroblob(16), @identity, 'key', 1, 0, @copy, @at, 0, @i, @before, 0, @i, @before, 2,
         5000, @at, 1, @evidence, 'resent', 'proven', '["seen"]', 1, 7, @incident)`,
    )
    .run({
      topic,
      identity: `order-${i}`,
      copy: 500 + i,
      i,
      at,
      before: at - 5_000,
      evidence: JSON.stringify({ first: mark, copy: { ...mark, offset: 500 + i, at } }),
      incident: INCIDENTS.duplicate,
    });
}
