/**
 * What is known of a redelivery: of its two copies and their members, what was committed and sought in between, read from
 * the tables. Times of other processes are brought to the clock of the copy's, where that can be told.
 */
import type { CopyEvidence, Outcome, RedeliveryEvidence } from '../ledger';
import { type Clock, ClockedCommits, isOneMachine, shiftBetween } from './clocks';
import type { Standing } from './incidents';
import type { Store } from './open';

/** In groups with several clocks commits are looked for from so long before the previous copy on. */
const LOOK_BACK_MS = 3_600_000;

export interface UnsettledRow extends Standing {
  id: number;
  gp: number;
  grp: number;
  cluster: number;
  first: number;
  last: number;
  doubt: number;
  counted: number;
  at: number;
  previous_at: number;
  session: number;
  previous_session: number;
  settings: string;
  copy_settings: string;
  ended_how: string | null;
  ended_at: number | null;
  copy_ended_how: string | null;
  copy_ended_at: number | null;
  run: number;
  previous_run: number;
  boot_id: string;
  copy_boot_id: string;
  copy: string;
  previous: string;
}

type Gathered = Omit<RedeliveryEvidence, 'isOrderInDoubt'>;

/** A copy as one JSON value, so that both sides of the join have one shape. */
function copyColumns(run: string, session: string, member: string): string {
  return `json_object('session', ${session}.key, 'client', ${session}.client_id, 'host', ${session}.host,
    'pid', ${session}.pid, 'outcome', ${run}.outcome, 'first', ${run}.first, 'last', ${run}.last,
    'handled', ${run}.handled, 'firstAt', ${run}.first_at, 'lastAt', ${run}.last_at, 'error', ${run}.error,
    'memberId', ${member}.member_id, 'generation', ${member}.generation, 'joinedAt', ${member}.joined_at)`;
}

export class RedeliveryFacts {
  private readonly statements;
  private readonly clocked: ClockedCommits;
  /** Of this turn: how far the clocks of a group are apart, by group and the clock that is asked for. */
  private readonly apart = new Map<string, number>();

  constructor(db: Store) {
    this.clocked = new ClockedCommits(db);
    const rows = (where: { index: string; is: string }) =>
      `SELECT r.id, r.gp, gp.grp, gp.topic, gp.partition, t.cluster, r.first, r.last, r.doubt, r.counted, r.cause,
                r.certainty, r.incident, r.incident_records AS incidentRecords, r.at, r.previous_at, d.session,
                p.session AS previous_session, ps.settings, ps.ended_how, ps.ended_at, s.settings AS copy_settings,
                s.ended_how AS copy_ended_how, s.ended_at AS copy_ended_at,
                r.run, r.previous_run, ps.boot_id, s.boot_id AS copy_boot_id,
                ${copyColumns('d', 's', 'm')} AS copy, ${copyColumns('p', 'ps', 'pm')} AS previous
         FROM redelivery r ${where.index}
         JOIN group_partition gp ON gp.id = r.gp JOIN topic t ON t.id = gp.topic
         JOIN delivery_run d ON d.id = r.run JOIN session s ON s.id = d.session
         LEFT JOIN member m ON m.id = d.member
         JOIN delivery_run p ON p.id = r.previous_run JOIN session ps ON ps.id = p.session
         LEFT JOIN member pm ON pm.id = p.member
         WHERE ${where.is}`;
    this.statements = {
      due: db.prepare<[number], { found: number }>(
        `SELECT 1 AS found FROM redelivery INDEXED BY redelivery_unsettled
         WHERE settled = 0 AND explained_at <= ? LIMIT 1`,
      ),
      unsettled: db.prepare<[number, number], UnsettledRow>(
        rows({
          index: 'INDEXED BY redelivery_unsettled',
          is: 'r.settled = 0 AND r.explained_at <= ? ORDER BY r.explained_at LIMIT ?',
        }),
      ),
      // The findings before and after one of the same stretch.
      neighbours: db.prepare<[{ run: number; previous: number; first: number; last: number }], UnsettledRow>(
        rows({
          index: '',
          is: `r.id IN (SELECT id FROM redelivery WHERE run = @previous UNION SELECT id FROM redelivery WHERE previous_run = @run)
               AND r.first <= @last AND r.last >= @first LIMIT 100`,
        }),
      ),
      start: db.prepare<
        [number, number, number, number],
        { committed: number | null; logStart: number | null; logEnd: number | null; at: number }
      >(
        `SELECT committed, log_start AS logStart, log_end AS logEnd, at FROM partition_start
         WHERE gp = ? AND session = ? AND at BETWEEN ? AND ? ORDER BY at DESC LIMIT 1`,
      ),
      // The latest by time, not the highest: an earlier reset may have lowered what counts.
      commitPoint: db.prepare<[number, number], { offset: number; at: number }>(
        'SELECT committed AS offset, at FROM commit_point WHERE gp = ? AND at <= ? ORDER BY at DESC LIMIT 1',
      ),
      position: db.prepare<[number, number], { offset: number; at: number }>(
        `SELECT p.committed AS offset, p.updated_at AS at FROM position p WHERE p.gp = ? AND p.updated_at <= ?
           AND EXISTS (SELECT 1 FROM commit_point c WHERE c.gp = p.gp AND c.session = p.session)
         ORDER BY p.updated_at DESC LIMIT 1`,
      ),
      seek: db.prepare<[number, number, number, number], { target: string; at: number }>(
        'SELECT target, at FROM seek WHERE gp = ? AND session = ? AND at BETWEEN ? AND ? ORDER BY at DESC LIMIT 1',
      ),
      lowered: db.prepare<[number, number, number], { from: number; to: number; at: number }>(
        `SELECT lowered_from AS "from", committed AS "to", at FROM commit_point
         WHERE gp = ? AND lowered_from IS NOT NULL AND at BETWEEN ? AND ? ORDER BY at DESC LIMIT 1`,
      ),
      // How the member that had the copy before ended, if its session joined anew.
      nextJoin: db.prepare<[number, number], { at: number; silentMs: number; announced: number }>(
        `SELECT joined_at AS at, silent_ms AS silentMs, announced FROM member
         WHERE session = ? AND joined_at > ? ORDER BY joined_at LIMIT 1`,
      ),
      // That of the stretch's first record before all others.
      short: db.prepare<[number, number, number, number], { offset: number; at: number }>(
        `SELECT next_offset AS offset, at FROM commit_problem
         WHERE session = ? AND gp = ? AND kind = 'short' AND at >= ? ORDER BY next_offset = ? DESC, at DESC LIMIT 1`,
      ),
      // The last one before the copy began, else one while it was under way.
      failed: db.prepare<[number, number, number, number], { reason: string; at: number }>(
        `SELECT reason, at FROM commit_problem
         WHERE session = ? AND kind = 'failed' AND at BETWEEN ? AND ? ORDER BY at > ?, at DESC LIMIT 1`,
      ),
      // A group that was deleted, or whose offsets expired, begins with none and with generation 1.
      beganAnew: db.prepare<[number, number, number], { found: number }>(
        `SELECT 1 AS found FROM partition_start p JOIN group_partition g ON g.id = p.gp
         WHERE g.grp = (SELECT grp FROM group_partition WHERE id = ?) AND p.committed IS NULL
           AND p.at BETWEEN ? AND ? LIMIT 1`,
      ),
    };
  }

  /** A new turn: what was kept of the one before is read anew. */
  begin(): void {
    this.apart.clear();
  }

  /** Whether any was not explained since `due`. Asked every turn: the index alone, not the tables joined to it. */
  isDue(due: number): boolean {
    return this.statements.due.get(due) !== undefined;
  }

  /** The next `limit` that were not explained since `due`. */
  unsettled(due: number, limit: number): UnsettledRow[] {
    return this.statements.unsettled.all(due, limit);
  }

  of(row: UnsettledRow): RedeliveryEvidence {
    const turned = this.isTurned(row);
    const evidence = turned ? this.gatherTurned(row) : this.gather(row);
    return { ...evidence, isOrderInDoubt: this.isOrderInDoubt(row, turned) };
  }

  /** The wall clocks have put the two copies in the wrong order. */
  private isTurned(row: UnsettledRow): boolean {
    const [copy, previous] = [copyOf(row.copy), copyOf(row.previous)];
    if (copy.session === previous.session) return false;
    const { own, before } = clocksOf(row);
    if (isOneMachine(own, before)) {
      const shift = shiftBetween(before, own);
      return shift !== 0 && copy.firstAt < previous.firstAt + shift;
    }
    // On other hosts: the copy is of an older generation, and yet joined later by its own clock.
    if (copy.joinedAt === null || previous.joinedAt === null) return false;
    if (copy.generation === null || previous.generation === null) return false;
    if (copy.generation >= previous.generation || copy.joinedAt < previous.joinedAt) return false;
    return this.statements.beganAnew.get(row.gp, previous.joinedAt, copy.firstAt + 1) === undefined;
  }

  private apartOf(row: UnsettledRow): number {
    const { own } = clocksOf(row);
    const key = `${row.grp} ${own.bootId} ${own.clockMs}`;
    const known = this.apart.get(key);
    if (known !== undefined) return known;
    const found = this.clocked.apart(row.grp, own);
    this.apart.set(key, found);
    return found;
  }

  /** Of three copies or more, the wall clocks have put this one or its neighbours in the wrong order. */
  private isOrderInDoubt(row: UnsettledRow, turned: boolean): boolean {
    if (!turned && this.apartOf(row) === 0) return false;
    const { run, previous_run: previous, first, last } = row;
    const around = this.statements.neighbours.all({ run, previous, first, last });
    return around.length > 0 && (turned || around.some((neighbour) => this.isTurned(neighbour)));
  }

  /** With the sides changed. */
  private gatherTurned(row: UnsettledRow): Gathered {
    const { gp, session: before, previous_session: session } = row;
    const [copy, previous] = [copyOf(row.previous), copyOf(row.copy)];
    const { copy_ended_how: how, copy_ended_at: at } = row;
    const s = this.statements;
    return {
      ...{ first: row.first, last: row.last, copy, previous },
      start: s.start.get(gp, session, (copy.joinedAt ?? copy.firstAt) - 1, copy.firstAt + 1) ?? null,
      ...this.endOf(before, previous, how === null || at === null ? null : { how, at }, how),
      shortCommit: s.short.get(before, gp, previous.firstAt, row.first) ?? null,
      previousStart: null,
      ...{ committed: null, seek: null, lowered: null, failedCommit: null },
      settings: settingsOf(row.copy_settings),
      isDoubtful: row.doubt > 0,
      clocksDiffer: true,
    };
  }

  /** Times of the previous copy's side are brought to the clock of the copy's. */
  private gather(row: UnsettledRow): Gathered {
    const { gp, session, previous_session: before } = row;
    const { own, before: other } = clocksOf(row);
    const shift = shiftBetween(other, own);
    const copy = copyOf(row.copy);
    const told = copyOf(row.previous);
    const previous = {
      ...told,
      firstAt: told.firstAt + shift,
      lastAt: told.lastAt + shift,
      joinedAt: told.joinedAt === null ? null : told.joinedAt + shift,
    };
    const ended = row.ended_at !== null && row.ended_how !== null && row.ended_at + shift <= copy.firstAt;
    const s = this.statements;
    const start = s.start.get(gp, session, (copy.joinedAt ?? copy.firstAt) - 1, copy.firstAt + 1) ?? null;
    const end = this.endOf(
      before,
      told,
      ended ? { how: row.ended_how as string, at: (row.ended_at as number) + shift } : null,
      row.ended_how,
    );
    return {
      first: row.first,
      last: row.last,
      copy,
      previous,
      // Asked for between the join and the first delivery of that member.
      start,
      previousStart: shifted(
        s.start.get(gp, before, (told.joinedAt ?? told.firstAt) - 1, told.firstAt + 1),
        shift,
      ),
      ...end,
      evicted: shifted(end.evicted, shift),
      ...this.commitsBetween(row, previous.firstAt, start?.at ?? copy.firstAt, copy.firstAt),
      seek: s.seek.get(gp, session, previous.firstAt, copy.firstAt + 1) ?? null,
      shortCommit: shifted(s.short.get(before, gp, told.firstAt, row.first), shift),
      failedCommit: shifted(
        s.failed.get(before, told.firstAt, Math.max(copy.firstAt, copy.lastAt) - shift, copy.firstAt - shift),
        shift,
      ),
      settings: settingsOf(row.settings),
      isDoubtful: row.doubt > 0,
      clocksDiffer: false,
    };
  }

  /**
   * A member that its session has replaced ended by that, whatever became of the session later.
   * @param endedHow the session's end, also when it came after the copy
   */
  private endOf(
    session: number,
    copy: CopyEvidence,
    sessionEnd: RedeliveryEvidence['previousEnd'],
    endedHow: string | null,
  ): Pick<RedeliveryEvidence, 'previousEnd' | 'evicted' | 'movedOn'> {
    const next = this.statements.nextJoin.get(session, copy.joinedAt ?? copy.firstAt);
    if (next === undefined) {
      // A process that died after the copy hung, was frozen or had lost its membership before: it does not say.
      const movedOn = sessionEnd !== null || (endedHow !== null && !['died', 'exit'].includes(endedHow));
      return { previousEnd: sessionEnd, evicted: null, movedOn };
    }
    const { at, silentMs, announced } = next;
    return { previousEnd: null, evicted: announced === 0 ? { at, silentMs } : null, movedOn: true };
  }

  /**
   * What any session committed, by the clock of the copy's.
   * @param foundAt when the copy's member asked what was committed
   */
  private commitsBetween(
    row: UnsettledRow,
    since: number,
    foundAt: number,
    copyAt: number,
  ): Pick<RedeliveryEvidence, 'committed' | 'lowered'> {
    const { gp } = row;
    const most = this.apartOf(row);
    if (most === 0) {
      return {
        committed: this.committedBefore(gp, foundAt),
        lowered: this.statements.lowered.get(gp, since, copyAt) ?? null,
      };
    }
    const { bootId: boot, clockMs } = clocksOf(row).own;
    const asked = { gp, boot, clock: clockMs as number, most };
    return {
      committed: this.clocked.last({ ...asked, from: since - LOOK_BACK_MS, at: foundAt }),
      lowered: this.clocked.lowered({ ...asked, from: since, at: copyAt }),
    };
  }

  /** The last acknowledged commit by then. Points are thinned; a session that moved no more has its very last one. */
  private committedBefore(gp: number, at: number): { offset: number; at: number } | null {
    const point = this.statements.commitPoint.get(gp, at) ?? null;
    const position = this.statements.position.get(gp, at) ?? null;
    if (point === null || position === null) return point ?? position;
    return position.at >= point.at ? position : point;
  }
}

function clocksOf(row: UnsettledRow): { own: Clock; before: Clock } {
  return {
    own: { bootId: row.copy_boot_id, clockMs: clockOf(row.copy_settings) },
    before: { bootId: row.boot_id, clockMs: clockOf(row.settings) },
  };
}

function shifted<T extends { at: number }>(found: T | null | undefined, shift: number): T | null {
  return found == null ? null : { ...found, at: found.at + shift };
}

function settingsOf(json: string): RedeliveryEvidence['settings'] {
  const settings = JSON.parse(json) as Partial<RedeliveryEvidence['settings']>;
  return {
    sessionTimeoutMs: settings.sessionTimeoutMs ?? 30_000,
    autoCommit: settings.autoCommit !== false,
    autoCommitIntervalMs: settings.autoCommitIntervalMs ?? null,
    autoCommitThreshold: settings.autoCommitThreshold ?? null,
    handler: settings.handler ?? null,
  };
}

function clockOf(settings: string): number | null {
  return (JSON.parse(settings) as { clockMs?: number }).clockMs ?? null;
}

function copyOf(json: string): CopyEvidence {
  const { client, host, pid, ...rest } = JSON.parse(json) as Omit<CopyEvidence, 'name'> & {
    client: string | null;
    host: string;
    pid: number;
    outcome: Outcome;
  };
  return { ...rest, name: `${client ?? 'a consumer'} on ${host} (pid ${pid})` };
}
