/** Stores with a known story, written by SQL as the writer would leave them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Outcome } from '../../src/ledger';
import { openStore, type Store } from '../../src/store/open';

/** A folder that `remove` takes away. */
export function temporaryFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'dupescope-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export interface RunSeed {
  first: number;
  last: number;
  handled?: number;
  uncertainLast?: number;
  at: number;
  lastAt?: number;
  outcome?: Outcome;
  error?: string;
  member?: number;
}

/** Inserts rows; every method answers the row's id. */
export class Seed {
  readonly db: Store;
  private runs = 0;

  constructor(readonly path: string) {
    this.db = openStore(path);
  }

  close(): void {
    this.db.close();
  }

  row(table: string, values: Record<string, string | number | null>): number {
    const names = Object.keys(values);
    const sql = `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map((n) => `@${n}`).join(', ')})`;
    return Number(this.db.prepare(sql).run(values).lastInsertRowid);
  }

  cluster(clusterId: string): number {
    return this.row('cluster', { cluster_id: clusterId });
  }

  topic(cluster: number, name: string, topicId: string | null, at = 0): number {
    return this.row('topic', { cluster, name, topic_id: topicId, first_seen_at: at });
  }

  group(cluster: number, name: string): number {
    return this.row('consumer_group', { cluster, name });
  }

  place(group: number, topic: number, partition: number, totals: Record<string, number> = {}): number {
    return this.row('group_partition', { grp: group, topic, partition, ...totals });
  }

  session(group: number, key: string, at: number, ended?: { at: number; how: string }): number {
    return this.row('session', {
      key,
      journal: `journal-${key}`,
      grp: group,
      host: `host-${key}`,
      pid: 100 + key.length,
      boot_id: 'boot',
      client_id: `client-${key}`,
      version: '0.1.0',
      settings: JSON.stringify({ sessionTimeoutMs: 30_000, handler: 'eachMessage', autoCommit: true }),
      started_at: at,
      last_seen_at: at + 1_000,
      ended_at: ended?.at ?? null,
      ended_how: ended?.how ?? null,
    });
  }

  member(session: number, ref: number, at: number): number {
    return this.row('member', {
      session,
      ref,
      member_id: `member-${session}-${ref}`,
      generation: ref + 1,
      leader: 1,
      joined_at: at,
      assignment: JSON.stringify({ orders: [0, 1] }),
    });
  }

  run(gp: number, session: number, run: RunSeed): number {
    const handled = run.handled ?? run.last + 1;
    return this.row('delivery_run', {
      gp,
      session,
      run: ++this.runs,
      member: run.member ?? null,
      first: run.first,
      last: run.last,
      handled,
      uncertain_last: run.uncertainLast ?? run.last,
      first_at: run.at,
      last_at: run.lastAt ?? run.at + 1_000,
      outcome: run.outcome ?? 'handled',
      error: run.error ?? null,
    });
  }

  redelivery(gp: number, run: number, previous: number, place: RedeliverySeed): number {
    return this.row('redelivery', {
      gp,
      run,
      previous_run: previous,
      first: place.first,
      last: place.last,
      attempt: place.attempt ?? 2,
      doubt: place.doubt ?? 0,
      at: place.at,
      previous_at: place.at - 5_000,
      version: this.nextVersion(),
    });
  }

  nextVersion(): number {
    const row = this.db.prepare('UPDATE change SET version = version + 1 RETURNING version').get();
    return (row as { version: number }).version;
  }
}

export interface RedeliverySeed {
  first: number;
  last: number;
  attempt?: number;
  doubt?: number;
  at: number;
}

/** `orders` is observed: offset 120 of partition 0 is a copy of 20, written by the same producer again. */
function seedTopic(s: Seed, topic: number): void {
  s.row('observed_topic', {
    topic,
    records: 205,
    duplicates: 1,
    id_reuses: 0,
    intentional: 0,
    longest_delay_ms: 90_000,
    sequence_anomalies: 1,
  });
  s.row('sequence_anomaly', {
    topic,
    partition: 0,
    first_offset: 121,
    records: 3,
    producer_id: 9,
    epoch: 0,
    sequence: 30,
    last_sequence: 120,
    last_offset: 120,
    at: BEGIN + 91_000,
    found_at: BEGIN + 92_000,
  });
  s.row('identity_found', { topic, source: 'message-id', records: 200 });
  s.row('identity_found', { topic, source: '', records: 5 });
  for (const partition of [0, 1]) {
    s.row('observer_offset', {
      topic,
      partition,
      next_offset: 200,
      state: partition === 0 ? 'live' : 'catching_up',
      newest_at: BEGIN + 60_000,
      observed_at: BEGIN + 61_000,
    });
  }
  s.row('identity_window', {
    topic,
    first_block: 1,
    tail_block: 1,
    next_ordinal: 200,
    entries: 200,
    oldest_at: BEGIN - 3_600_000,
    horizon_at: BEGIN,
    age_ms: 7_200_000,
    records: 1_000,
    ended_by: 'records',
  });
  const producer = { id: 9, epoch: 0, sequence: 20 };
  const first = { partition: 0, offset: 20, at: BEGIN, producer, transactional: false };
  const again = { ...first, offset: 120, at: BEGIN + 90_000, producer: { ...producer, sequence: 120 } };
  s.row('copy_run', { id: 1, topic, partition: 0, shape: '{}', updated_at: BEGIN });
  s.db
    .prepare(
      `INSERT INTO duplicate (id, topic, kind, hash, identity, source, payload, partition, record_offset, at,
         previous_partition, previous_offset, previous_at, first_partition, first_offset, first_at, copies, delay_ms,
         found_at, run, evidence, cause, certainty, because, advice, settled, version)
       VALUES (1, @topic, 'duplicate', @hash, 'order-20', 'message-id', 1, 0, 120, @at, 0, 20, @first, 0, 20, @first, 2,
         90000, @at, 1, @evidence, 'resent', 'proven', '["seen"]', 'send once', 1, 4)`,
    )
    .run({
      topic,
      hash: Buffer.alloc(16, 0xab),
      at: BEGIN + 90_000,
      first: BEGIN,
      evidence: JSON.stringify({ first, copy: again }),
    });
  s.row('duplicate_total', { topic, kind: 'duplicate', cause: 'resent', records: 1 });
  s.row('duplicate_delay', { topic, bucket: 572, records: 1 });
}

const WATCHED_MEMBERS = JSON.stringify([
  {
    memberId: 'm1',
    instanceId: null,
    clientId: 'audit-app',
    host: '/10.0.0.7',
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 60_000,
    assignment: { orders: [0] },
  },
]);

/** Unix ms of the story's begin: two hours ago, on a whole minute. */
export const BEGIN = Math.floor((Date.now() - 7_200_000) / 60_000) * 60_000;

/**
 * The group `billing` reads `orders` (recreated once) on `c1`. Session `a` is killed in 0..99: 0..49 handled, 50..99
 * in flight, 100..103 uncertain. Session `bb` takes over at 50 and goes to 199, then seeks to 150 and reads on to
 * 199 again. `audit` reads the same without a copy. A group with a name for spreadsheets to trip over reads on `c2`.
 */
export function seedStory(path: string): void {
  const s = new Seed(path);
  const c1 = s.cluster('c1');
  const c2 = s.cluster('c2');
  const old = s.topic(c1, 'orders', 'a'.repeat(32), BEGIN - 1_000_000);
  const orders = s.topic(c1, 'orders', 'b'.repeat(32), BEGIN);
  const other = s.topic(c2, 'orders', null, BEGIN);
  const billing = s.group(c1, 'billing');
  const audit = s.group(c1, 'audit');
  const formula = s.group(c2, '=cmd()');
  const billing2 = s.group(c2, 'billing');

  const past = s.place(billing, old, 0, { deliveries: 10 });
  const p0 = s.place(billing, orders, 0, { deliveries: 300, redeliveries: 104, in_flight: 50, uncertain: 4 });
  const p1 = s.place(billing, orders, 1, { deliveries: 5 });
  const audited = s.place(audit, orders, 0, { deliveries: 200 });
  const odd = s.place(formula, other, 0, { deliveries: 20, redeliveries: 10 });
  s.place(billing2, other, 0, { deliveries: 1 });

  const a = s.session(billing, 'a', BEGIN, { at: BEGIN + 10_000, how: 'died' });
  const b = s.session(billing, 'bb', BEGIN + 10_000);
  const c = s.session(audit, 'ccc', BEGIN);
  const d = s.session(formula, 'dddd', BEGIN);
  const ma = s.member(a, 0, BEGIN);
  const mb = s.member(b, 0, BEGIN + 11_000);

  s.run(past, a, { first: 0, last: 9, at: BEGIN - 500_000 });
  const r1 = s.run(p0, a, {
    first: 0,
    last: 99,
    handled: 50,
    uncertainLast: 103,
    at: BEGIN + 1_000,
    lastAt: BEGIN + 9_000,
    outcome: 'in_flight',
    member: ma,
  });
  const r2 = s.run(p0, b, { first: 50, last: 199, at: BEGIN + 12_000, lastAt: BEGIN + 20_000, member: mb });
  const r3 = s.run(p0, b, {
    first: 150,
    last: 199,
    handled: 180,
    at: BEGIN + 31_000,
    lastAt: BEGIN + 32_000,
    outcome: 'failed',
    error: 'Error: no such account',
    member: mb,
  });
  s.run(p1, b, { first: 0, last: 4, at: BEGIN + 12_000 });
  s.run(audited, c, { first: 0, last: 199, at: BEGIN + 1_000 });
  const odd1 = s.run(odd, d, { first: 0, last: 9, at: BEGIN + 1_000 });
  const odd2 = s.run(odd, d, { first: 0, last: 9, at: BEGIN + 60_000 });

  s.redelivery(p0, r2, r1, { first: 50, last: 99, doubt: 1, at: BEGIN + 12_000 });
  s.redelivery(p0, r2, r1, { first: 100, last: 103, attempt: 1, doubt: 2, at: BEGIN + 12_000 });
  s.redelivery(p0, r3, r2, { first: 150, last: 199, at: BEGIN + 31_000 });
  s.redelivery(odd, odd2, odd1, { first: 0, last: 9, at: BEGIN + 60_000 });

  const now = Date.now();
  const position = {
    next: 200,
    handled: 180,
    committed: 150,
    exposed_since: now - 4_000,
    updated_at: now - 500,
  };
  s.row('position', { gp: p0, session: b, ...position });
  // The dead session's position exposes nothing any more.
  s.row('position', { gp: p0, session: a, ...position, updated_at: BEGIN + 9_000 });
  s.row('position', {
    gp: audited,
    session: c,
    next: 200,
    handled: 200,
    committed: 200,
    exposed_since: 0,
    updated_at: now,
  });

  s.row('commit_point', { gp: p0, at: BEGIN + 5_000, session: a, committed: 50 });
  s.row('commit_point', { gp: p0, at: BEGIN + 20_000, session: b, committed: 200 });
  s.row('commit_point', { gp: p0, at: BEGIN + 30_000, session: b, committed: 150, lowered_from: 200 });
  s.row('seek', { gp: p0, session: b, target: '150', at: BEGIN + 30_000 });

  const minute = BEGIN / 60_000;
  const rollup = (grp: number, topic: number, at: number, deliveries: number, redeliveries: number) =>
    s.row('rollup_minute', { grp, topic, minute: at, deliveries, redeliveries, failed: 0 });
  rollup(billing, orders, minute, 250, 104);
  rollup(billing, orders, minute + 1, 50, 0);
  rollup(billing, orders, minute + 61, 5, 0);
  rollup(audit, orders, minute, 200, 0);
  const facts = { seenBy: 'log', resetTo: null };
  s.row('rewind', {
    gp: p0,
    at: BEGIN + 30_000,
    from_offset: 200,
    to_offset: 150,
    facts: JSON.stringify(facts),
    session: b,
    cause: 'seek',
    certainty: 'proven',
    because: '["seen"]',
    settled: 1,
    incident: 5,
    incident_records: 50,
    version: 4,
  });
  s.row('rewind_total', { gp: p0, cause: 'seek', rewinds: 1 });
  s.row('watched_group', {
    grp: audit,
    protocol: 'classic',
    state: 'live',
    state_before: 'empty',
    generation: 7,
    since: BEGIN,
    members: WATCHED_MEMBERS,
    rebalances: 3,
    updated_at: BEGIN,
  });
  s.row('group_generation', { grp: audit, at: BEGIN, generation: 7, members: WATCHED_MEMBERS });
  s.row('group_generation', { grp: audit, at: Date.now() - 60_000, generation: 8, members: WATCHED_MEMBERS });
  seedTopic(s, orders);
  // The check of the second copy's run (number 4 in its journal) caught 150 to 179 after 11 s; 180 to 199 failed.
  s.row('idempotency_hit', {
    gp: p0,
    session: b,
    run: 4,
    first: 150,
    last: 179,
    at: BEGIN + 31_500,
    window_ms: 10_000,
    version: 4,
  });
  s.db
    .prepare(
      'UPDATE group_partition SET hits = 30, applied_again = 10, failed_again = 64, perhaps_again = 2 WHERE id = ?',
    )
    .run(p0);
  s.row('producer', {
    key: 'producer-1',
    journal: 'j',
    cluster_id: 'c1',
    host: 'host-a',
    pid: 7,
    boot_id: 'boot',
    version: '0.1.0',
    settings: JSON.stringify({
      idempotent: false,
      transactional: false,
      retries: 5,
      maxInFlightRequests: null,
    }),
    started_at: BEGIN,
    last_seen_at: BEGIN + 1_000,
    sends: 10,
    messages: 20,
    failed_attempts: 3,
    unanswered: 2,
    acks: '[1]',
  });

  // Incidents: what the seek brought, what a commit before the handling put at risk, what a stop skipped, a stall.
  const incident = (
    id: number,
    kind: string,
    cause: string,
    at: number,
    records: number,
    partition: number,
  ) => {
    s.row('incident', {
      id,
      kind,
      cause,
      cluster: c1,
      grp: billing,
      first_at: at,
      last_at: at,
      findings: 1,
      records,
      gap_max_ms: 5_000,
      certainty: 'proven',
      because: '["seen"]',
      advice: `advice ${id}`,
      version: 4,
    });
    s.row('incident_place', { incident: id, topic: orders, partition, records });
  };
  incident(1, 'redelivery', 'seek', BEGIN + 31_000, 50, 0);
  s.db.prepare('UPDATE redelivery SET incident = 1, incident_records = 50 WHERE first = 150').run();
  incident(2, 'premature_commit', 'committed_before_handled', BEGIN + 9_000, 2, 0);
  const early = { gp: p0, session: a, at: BEGIN + 9_000, incident: 2, incident_records: 1, version: 4 };
  s.row('premature_commit', { ...early, first: 50, last: 50, outcome: 'in_flight' });
  s.row('premature_commit', { ...early, first: 300, last: 300, outcome: 'failed' });
  incident(5, 'rewind', 'seek', BEGIN + 30_000, 50, 0);
  incident(3, 'skip', 'reset', now - 120_000, 10, 1);
  s.row('skip', {
    gp: p1,
    first: 5,
    last: 14,
    at: now - 120_000,
    cause: 'reset',
    certainty: 'proven',
    because: '["seen"]',
    advice: null,
    incident: 3,
    incident_records: 10,
    version: 4,
  });
  incident(4, 'stalled_commits', 'stalled_commits', now - 1_000, 30, 0);
  s.row('stalled_commit', {
    gp: p0,
    session: b,
    since: now - 90_000,
    seen_at: now - 1_000,
    ended_at: null,
    records: 30,
    incident: 4,
    incident_records: 30,
    version: 4,
  });
  s.db.prepare('UPDATE group_partition SET premature = 2 WHERE id = ?').run(p0);
  s.db.prepare('UPDATE group_partition SET skipped = 10 WHERE id = ?').run(p1);
  const hour = Math.floor(now / 3_600_000);
  s.row('exposure_hour', { gp: p0, hour, of: 'records', bucket: 5, weight: 9_000 });
  s.row('exposure_hour', { gp: p0, hour, of: 'records', bucket: 21, weight: 1_000 });
  s.row('exposure_hour', { gp: p0, hour, of: 'ms', bucket: 40, weight: 10_000 });
  s.row('exposure_peak', { gp: p0, hour, records: 40, ms: 4_000 });
  s.row('dropped_detail', { journal: 'j', seq: 1, at: BEGIN, events: 2, deliveries: 7, reason: 'disk full' });
  s.close();
}
