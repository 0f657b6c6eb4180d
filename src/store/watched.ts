/**
 * From the group watcher into the store: a batch's states, findings and positions in one transaction, so that a kill
 * at any point neither loses a rewind nor counts it twice. See `ledger/group-evidence` for the contract.
 */
import { fail } from '../errors';
import type {
  OpenRewind,
  WatchBatch,
  WatchedEnds,
  WatchedGeneration,
  WatchedGroup,
  WatchedOffset,
  WatchedState,
} from '../ledger';
import type { Dimensions } from './dimensions';
import type { Store } from './open';
import type { Rewinds } from './rewinds';
import type { Unread } from './unread';
import type { WatchedStalls } from './watched-stalls';

/** Of each group so many generations are kept; retention by age takes the rest. */
const GENERATIONS_MAX = 500;

interface OffsetRow {
  group: string;
  topic: string;
  topicId: string | null;
  partition: number;
  committed: number | null;
  at: number;
  metadata: string;
  leaderEpoch: number | null;
  goneAt: number | null;
  idleMs: number | null;
  reset: string | null;
  lowered: string | null;
  sourcePartition: number;
  sourceOffset: number;
}

interface GroupRow {
  group: string;
  protocol: 'classic' | 'consumer' | null;
  state: WatchedGroup['state'];
  stateBefore: WatchedGroup['state'];
  generation: number | null;
  since: number;
  members: string;
  goneAt: number | null;
}

export class Watched {
  private readonly statements;
  /** Row ids by names: a batch of a catch-up names 10k places. */
  private readonly ids = new Map<string, number>();

  constructor(
    db: Store,
    private readonly dimensions: Dimensions,
    private readonly rewinds: Rewinds,
    private readonly stalls: WatchedStalls,
    private readonly unread: Unread,
  ) {
    this.statements = {
      position: db.prepare<[number, number], { next: number }>(
        'SELECT next FROM watcher_position WHERE cluster = ? AND partition = ?',
      ),
      setPosition: db.prepare<[number, number, number, number]>(
        `INSERT INTO watcher_position (cluster, partition, next, resume) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET next = excluded.next, resume = excluded.resume`,
      ),
      offset: db.prepare(
        `INSERT INTO watched_offset (gp, committed, at, metadata, leader_epoch, gone_at, idle_ms, reset, commits,
           source_partition, source_offset)
         VALUES (@gp, @committed, @at, @metadata, @leaderEpoch, @goneAt, @idleMs, @reset, @commits,
           @sourcePartition, @sourceOffset)
         ON CONFLICT DO UPDATE SET committed = excluded.committed, at = excluded.at, metadata = excluded.metadata,
           leader_epoch = excluded.leader_epoch, gone_at = excluded.gone_at, idle_ms = excluded.idle_ms,
           reset = excluded.reset, commits = commits + excluded.commits,
           source_partition = excluded.source_partition, source_offset = excluded.source_offset`,
      ),
      group: db.prepare(
        `INSERT INTO watched_group (grp, protocol, state, state_before, generation, since, members, gone_at, rebalances, updated_at)
         VALUES (@grp, @protocol, @state, @stateBefore, @generation, @since, @members, @goneAt, @rebalances, @now)
         ON CONFLICT DO UPDATE SET protocol = excluded.protocol, state = excluded.state,
           state_before = excluded.state_before,           generation = excluded.generation, since = excluded.since, members = excluded.members,
           gone_at = excluded.gone_at, rebalances = rebalances + excluded.rebalances, updated_at = excluded.updated_at`,
      ),
      generation: db.prepare<[number, number, number, string]>(
        'INSERT OR REPLACE INTO group_generation (grp, at, generation, members) VALUES (?, ?, ?, ?)',
      ),
      thinGenerations: db.prepare<[number, number, number]>(
        `DELETE FROM group_generation WHERE grp = ? AND at < (SELECT at FROM group_generation WHERE grp = ?
           ORDER BY at DESC LIMIT 1 OFFSET ?)`,
      ),
      commits: db.prepare<[number, number]>(
        `INSERT INTO commit_total (grp, commits) VALUES (?, ?)
         ON CONFLICT DO UPDATE SET commits = commits + excluded.commits`,
      ),
      commitMinute: db.prepare<[number, number, number]>(
        `INSERT INTO commit_minute (grp, minute, commits) VALUES (?, ?, ?)
         ON CONFLICT DO UPDATE SET commits = commits + excluded.commits`,
      ),
      lag: db.prepare<[number, number, number, number]>(
        'INSERT OR REPLACE INTO lag_point (gp, at, committed, log_end) VALUES (?, ?, ?, ?)',
      ),
      ends: db.prepare<[number, string, number, number, string]>(
        'INSERT OR REPLACE INTO log_ends (cluster, topic, partition, at, ends) VALUES (?, ?, ?, ?, ?)',
      ),
      endsOf: db.prepare<[string], { topic: string; partition: number; ends: string }>(
        `SELECT e.topic, e.partition, e.ends FROM log_ends e JOIN cluster c ON c.id = e.cluster
         WHERE c.cluster_id = ?`,
      ),
      positions: db.prepare<[string], { partition: number; next: number; resume: number }>(
        `SELECT p.partition, p.next, p.resume FROM watcher_position p JOIN cluster c ON c.id = p.cluster
         WHERE c.cluster_id = ?`,
      ),
      offsets: db.prepare<[string], OffsetRow>(
        `SELECT g.name AS "group", t.name AS topic, t.topic_id AS topicId, gp.partition, o.committed, o.at, o.metadata,
                o.leader_epoch AS leaderEpoch, o.gone_at AS goneAt, o.idle_ms AS idleMs, o.reset,
                (SELECT json_array(r.source_partition, r.source_offset, r.from_offset, r.next_at IS NOT NULL)
                 FROM rewind r WHERE r.gp = o.gp AND r.recovered_at IS NULL AND r.source_offset IS NOT NULL
                 ORDER BY r.at DESC LIMIT 1) AS lowered,
                o.source_partition AS sourcePartition, o.source_offset AS sourceOffset
         FROM watched_offset o JOIN group_partition gp ON gp.id = o.gp
         JOIN consumer_group g ON g.id = gp.grp JOIN topic t ON t.id = gp.topic JOIN cluster c ON c.id = g.cluster
         WHERE c.cluster_id = ? ORDER BY o.source_offset`,
      ),
      groups: db.prepare<[string], GroupRow>(
        `SELECT g.name AS "group", w.protocol, w.state, w.state_before AS stateBefore, w.generation, w.since, w.members, w.gone_at AS goneAt
         FROM watched_group w JOIN consumer_group g ON g.id = w.grp JOIN cluster c ON c.id = g.cluster
         WHERE c.cluster_id = ?`,
      ),
    };
  }

  /** Where a watcher of that cluster begins. */
  state(cluster: string): WatchedState {
    const s = this.statements;
    return {
      positions: s.positions.all(cluster),
      // A recreated topic left rows of the one before it: what was committed last counts.
      offsets: s.offsets.all(cluster).map(offsetOf),
      groups: s.groups.all(cluster).map(({ members, ...row }) => ({
        ...row,
        members: JSON.parse(members) as WatchedGroup['members'],
        rebalances: 0,
      })),
      ends: s.endsOf
        .all(cluster)
        .map(({ ends, ...row }) => ({ ...row, ends: JSON.parse(ends) as WatchedEnds['ends'] })),
    };
  }

  /** Within a transaction of the caller's. Throws 'watch-gap' where the batch does not begin at what is stored. */
  apply(batch: WatchBatch, version: number, now: number): void {
    const s = this.statements;
    const cluster = this.dimensions.cluster(batch.cluster);
    for (const { partition, from, next, resume } of batch.positions) {
      const stored = s.position.get(cluster, partition)?.next ?? null;
      if (stored !== from) {
        fail('watch-gap', `Partition ${partition} stands at ${stored}, the batch begins at ${from}.`);
      }
      s.setPosition.run(cluster, partition, next, resume);
    }
    for (const group of batch.groups) this.group(cluster, group, now);
    for (const generation of batch.generations) this.generation(cluster, generation);
    for (const offset of batch.offsets) this.offset(cluster, offset);
    this.commits(cluster, batch.offsets);
    this.unread.note(cluster, 'groups', '', batch.skipped, now);
    for (const found of batch.rewinds) this.rewinds.watched(this.gpOf(cluster, found), found, version);
    for (const news of batch.followed)
      this.rewinds.followed(this.gpOf(cluster, { ...news, at: news.nextAt }), news);
    for (const point of batch.lag) {
      s.lag.run(this.gpOf(cluster, point), point.at, point.committed, point.logEnd);
    }
    for (const stall of batch.stalls) this.stalls.apply(this.gpOf(cluster, stall), stall, version);
    for (const { topic, partition, ends } of batch.ends) {
      s.ends.run(cluster, topic, partition, ends.at(-1)?.[1] ?? now, JSON.stringify(ends));
    }
  }

  /** Row ids that a rolled back transaction made are void. */
  undo(): void {
    this.ids.clear();
  }

  private offset(cluster: number, offset: WatchedOffset): void {
    const { group: _g, topic: _t, topicId: _id, partition: _p, lowered: _l, source, reset, ...row } = offset;
    this.statements.offset.run({
      ...row,
      gp: this.gpOf(cluster, offset),
      reset: reset === null ? null : JSON.stringify(reset),
      sourcePartition: source.partition,
      sourceOffset: source.offset,
    });
  }

  /** Counted in the minute of a partition's last: a batch is half a second of commits, or a catch-up. */
  private commits(cluster: number, offsets: readonly WatchedOffset[]): void {
    const told = new Map<string, { commits: number; at: number }>();
    for (const { group, commits, at } of offsets) {
      if (commits === 0) continue;
      const known = told.get(group) ?? { commits: 0, at: 0 };
      told.set(group, { commits: known.commits + commits, at: Math.max(known.at, at) });
    }
    for (const [name, { commits, at }] of told) {
      const grp = this.groupOf(cluster, name);
      this.statements.commits.run(grp, commits);
      this.statements.commitMinute.run(grp, Math.floor(at / 60_000), commits);
    }
  }

  private group(cluster: number, { group, members, ...row }: WatchedGroup, now: number): void {
    const grp = this.groupOf(cluster, group);
    this.statements.group.run({ ...row, grp, members: JSON.stringify(members), now });
  }

  private generation(cluster: number, { group, at, generation, members }: WatchedGeneration): void {
    const grp = this.groupOf(cluster, group);
    this.statements.generation.run(grp, at, generation, JSON.stringify(members));
    this.statements.thinGenerations.run(grp, grp, GENERATIONS_MAX);
  }

  private groupOf(cluster: number, name: string): number {
    return this.remembered(`${cluster}\n${name}`, () => this.dimensions.group(cluster, name));
  }

  private gpOf(
    cluster: number,
    place: Pick<WatchedOffset, 'group' | 'topic' | 'topicId' | 'partition' | 'at'>,
  ): number {
    const { group, topic, topicId, partition, at } = place;
    // A topic's id may be learned later: what was found without it is looked up again.
    return this.remembered(JSON.stringify([cluster, group, topic, topicId, partition]), () => {
      const row = this.dimensions.topic(cluster, topic, topicId, at);
      return this.dimensions.groupPartition(this.groupOf(cluster, group), row, partition);
    });
  }

  private remembered(key: string, find: () => number): number {
    const known = this.ids.get(key);
    if (known !== undefined) return known;
    const found = find();
    this.ids.set(key, found);
    return found;
  }
}

function offsetOf({ reset, lowered, sourcePartition, sourceOffset, ...row }: OffsetRow): WatchedOffset {
  return {
    ...row,
    reset: reset === null ? null : (JSON.parse(reset) as WatchedOffset['reset']),
    lowered: lowered === null ? null : openRewindOf(JSON.parse(lowered) as LoweredColumns),
    commits: 0,
    source: { partition: sourcePartition, offset: sourceOffset },
  };
}

/** Partition and offset of its record, the offset that had been committed, and 1 where something was committed since. */
type LoweredColumns = [partition: number, offset: number, from: number, followed: number];

function openRewindOf([partition, offset, from, followed]: LoweredColumns): OpenRewind {
  return { source: { partition, offset }, from, followed: followed === 1 };
}
