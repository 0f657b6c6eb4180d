/** Rows for what is told once: sessions, members, positions, commits, seeks, losses. */
import type {
  MemberJoined,
  PartitionStart,
  Position,
  ProducerSent,
  ProducerStarted,
  SeekCalled,
  SessionEnded,
  SessionStarted,
} from '../ledger';
import type { Store } from './open';

/** Ordinary commits are kept at most this often, a partition and session. Lowered ones are all kept. */
const COMMIT_POINT_MS = 10_000;

export class Facts {
  private readonly statements;

  constructor(db: Store) {
    this.statements = {
      session: db.prepare(
        `INSERT INTO session
           (key, journal, grp, host, pid, boot_id, version, settings, started_at, last_seen_at)
         VALUES (@key, @journal, @group, @host, @pid, @bootId, @version, @settings, @at, @at)
         ON CONFLICT (key) DO UPDATE SET grp = excluded.grp RETURNING id`,
      ),
      settings: db.prepare<[string, number]>(
        'UPDATE session SET settings = json_patch(settings, ?), ended_at = NULL, ended_how = NULL WHERE id = ?',
      ),
      seen: db.prepare<[number, number]>(
        'UPDATE session SET last_seen_at = max(last_seen_at, ?) WHERE id = ?',
      ),
      // A segment's head repeats the last join: one from before the end revives nobody.
      alive: db.prepare<[string | null, number, number]>(
        `UPDATE session SET client_id = ?, ended_at = NULL, ended_how = NULL, ended_error = NULL
         WHERE id = ? AND (ended_at IS NULL OR ended_at < ?)`,
      ),
      end: db.prepare<[number, string, string | null, number]>(
        'UPDATE session SET ended_at = ?, ended_how = ?, ended_error = ? WHERE id = ?',
      ),
      // What nobody could explain while nothing was heard of that session.
      explainAgain: db.prepare<[number]>(
        `UPDATE redelivery SET settled = 0, explained_at = 0 WHERE id IN (
           SELECT r.id FROM session s CROSS JOIN redelivery r INDEXED BY redelivery_by_cause
           JOIN delivery_run d ON d.id = r.previous_run
           WHERE s.id = ? AND r.cause = 'unknown' AND r.at >= s.started_at AND r.settled = 1 AND d.session = s.id)`,
      ),
      member: db.prepare(
        `INSERT INTO member (session, ref, member_id, leader, joined_at, assignment, announced, silent_ms)
         VALUES (@session, @ref, @memberId, @leader, @at, @assignment, @announced, @silentMs)
         ON CONFLICT (session, ref) DO UPDATE SET ref = ref RETURNING id`,
      ),
      left: db.prepare<[number, number, number]>(
        'UPDATE member SET left_at = ? WHERE session = ? AND left_at IS NULL AND id <> ?',
      ),
      // What the session had committed as its earlier member, exactly: points are thinned otherwise.
      commitsSoFar: db.prepare<[number, number]>(
        `INSERT OR IGNORE INTO commit_point (gp, at, session, committed)
         SELECT p.gp, ?, p.session, p.committed FROM position p
         WHERE p.session = ? AND EXISTS (SELECT 1 FROM commit_point c WHERE c.gp = p.gp AND c.session = p.session)`,
      ),
      generation: db.prepare<[number, number]>('UPDATE member SET generation = ? WHERE id = ?'),
      position: db.prepare(
        `INSERT INTO position (gp, session, next, handled, committed, exposed_since, updated_at)
         VALUES (@gp, @session, @next, @handled, @committed, @exposedSince, @at)
         ON CONFLICT DO UPDATE SET next = excluded.next, handled = excluded.handled,
           committed = excluded.committed, exposed_since = excluded.exposed_since, updated_at = excluded.updated_at
         WHERE excluded.updated_at >= updated_at`,
      ),
      lastCommit: db.prepare<[number, number], { at: number; committed: number }>(
        'SELECT at, committed FROM commit_point WHERE gp = ? AND session = ? ORDER BY at DESC LIMIT 1',
      ),
      commit: db.prepare<[number, number, number, number, number | null]>(
        'INSERT OR REPLACE INTO commit_point (gp, at, session, committed, lowered_from) VALUES (?, ?, ?, ?, ?)',
      ),
      start: db.prepare(
        `INSERT OR IGNORE INTO partition_start (gp, session, at, committed, log_start, log_end, compacted)
         VALUES (@gp, @session, @at, @committed, @logStart, @logEnd, @compacted)`,
      ),
      commitProblem: db.prepare<[number, number, number, string, number, string | null]>(
        `INSERT OR IGNORE INTO commit_problem (session, at, gp, kind, next_offset, reason)
         VALUES (?, ?, ?, ?, ?, ?)`,
      ),
      seek: db.prepare<[number, number, string, number, number | null, number | null]>(
        'INSERT INTO seek (gp, session, target, at, over_first, over_last) VALUES (?, ?, ?, ?, ?, ?)',
      ),
      producer: db.prepare(
        `INSERT INTO producer (key, journal, cluster_id, host, pid, boot_id, version, settings, started_at, last_seen_at)
         VALUES (@key, @journal, @clusterId, @host, @pid, @bootId, @version, @settings, @at, @at)
         ON CONFLICT (key) DO NOTHING`,
      ),
      sends: db.prepare(
        `UPDATE producer SET sends = @sends, messages = @messages, stamped = @stamped,
           failed_attempts = @failedAttempts, unanswered = @unanswered, failed_sends = @failedSends, acks = @acks,
           last_seen_at = @at
         WHERE key = @key AND last_seen_at <= @at`,
      ),
      dropped: db.prepare<[string, number, number, number, number, string]>(
        'INSERT OR IGNORE INTO dropped_detail (journal, seq, at, events, deliveries, reason) VALUES (?, ?, ?, ?, ?, ?)',
      ),
    };
  }

  session(journal: string, group: number, fact: SessionStarted): number {
    const row = { ...fact, journal, group, settings: JSON.stringify(fact.settings) };
    return (this.statements.session.get(row) as { id: number }).id;
  }

  settings(session: number, settings: object): void {
    this.statements.settings.run(JSON.stringify(settings), session);
  }

  seen(session: number, at: number): void {
    this.statements.seen.run(at, session);
  }

  end(session: number, fact: Pick<SessionEnded, 'at' | 'how' | 'error'>): void {
    this.statements.end.run(fact.at, fact.how, fact.error ?? null, session);
    this.statements.left.run(fact.at, session, -1);
    this.statements.explainAgain.run(session);
  }

  member(session: number, fact: MemberJoined): number {
    const row = {
      session,
      ref: fact.member,
      memberId: fact.memberId,
      leader: fact.leader ? 1 : 0,
      at: fact.at,
      assignment: JSON.stringify(fact.assignment),
      announced: fact.announced ? 1 : 0,
      silentMs: fact.silentMs,
    };
    return (this.statements.member.get(row) as { id: number }).id;
  }

  /** The session lives, and its earlier members are gone from here on. */
  memberTookOver(session: number, member: number, fact: { at: number; clientId: string | null }): void {
    this.statements.left.run(fact.at, session, member);
    this.statements.commitsSoFar.run(fact.at - 1, session);
    this.statements.alive.run(fact.clientId, session, fact.at);
    this.statements.explainAgain.run(session);
  }

  generation(member: number, generation: number): void {
    this.statements.generation.run(generation, member);
  }

  position(gp: number, session: number, position: Omit<Position, 'track'>, commitSeen: boolean): void {
    this.statements.position.run({ ...position, gp, session });
    if (!commitSeen) return;
    const last = this.statements.lastCommit.get(gp, session);
    if (
      last !== undefined &&
      (last.committed === position.committed || position.at - last.at < COMMIT_POINT_MS)
    ) {
      return;
    }
    this.statements.commit.run(gp, position.at, session, position.committed, null);
  }

  loweredCommit(gp: number, session: number, fact: { at: number; from: number; to: number }): void {
    this.statements.commit.run(gp, fact.at, session, fact.to, fact.from);
  }

  start(gp: number, session: number, fact: Omit<PartitionStart, 't' | 'track'>): void {
    const { at, committed, logStart, logEnd, compacted } = fact;
    this.statements.start.run({
      gp,
      session,
      at,
      committed,
      logStart,
      logEnd: logEnd ?? null,
      compacted: compacted === null || compacted === undefined ? null : Number(compacted),
    });
  }

  shortCommit(gp: number, session: number, fact: { at: number; offset: number }): void {
    this.statements.commitProblem.run(session, fact.at, gp, 'short', fact.offset, null);
  }

  commitFailed(session: number, fact: { at: number; reason: string }): void {
    this.statements.commitProblem.run(session, fact.at, 0, 'failed', -1, fact.reason);
  }

  seek(gp: number, session: number, fact: Pick<SeekCalled, 'offset' | 'at' | 'over'>): void {
    const [first, last] = fact.over ?? [null, null];
    this.statements.seek.run(gp, session, fact.offset, fact.at, first, last);
  }

  producer(journal: string, fact: ProducerStarted): void {
    this.statements.producer.run({ ...fact, journal, settings: JSON.stringify(fact.settings) });
  }

  /** @param key of the producer */
  sends(key: string, fact: ProducerSent): void {
    this.statements.sends.run({ ...fact, key, acks: JSON.stringify(fact.acks) });
  }

  dropped(
    journal: string,
    seq: number,
    fact: { at: number; events: number; deliveries: number; reason: string },
  ): void {
    this.statements.dropped.run(journal, seq, fact.at, fact.events, fact.deliveries, fact.reason);
  }
}
