/** A group within a time: its sessions as lanes, what was found, and one partition's commits and deliveries. */
import { fail } from '../../errors';
import type { WatchedMember } from '../../ledger';
import type { Store } from '../../store/open';
import {
  commitsWithin,
  type GenerationPointRow,
  type GroupRow,
  generationsWithin,
  type LossPointRow,
  type LossPoints,
  lagPoints,
  lossesWithin,
  membersOf,
  placesOf,
  type RedeliveryRow,
  type RewindRow,
  redeliveryById,
  redeliveryPage,
  rewindPage,
  runsWithin,
  sessionsWithin,
  type TimeSpan,
} from '../../store/queries';
import type { Query } from '../parameters';
import type { GroupTimeline, PartitionPositions, PositionFinding, TimelineFinding } from '../schemas';
import { clipped, rfc3339, timeOf } from '../time';
import type { AnswerContext } from './context';
import { theGroup } from './group';
import { memberShapes } from './member-shape';
import { sessionShape } from './session-shape';

const SESSIONS_MAX = 100;
const MEMBERS_MAX = 20;
const GENERATIONS_MAX = 500;
const GENERATION_MEMBERS_EACH = 100;
const GENERATION_MEMBERS_MAX = 2_000;
const FINDINGS_MAX = 500;
const POINTS_MAX = 2_000;
/** A run that began before the time may reach into it: it is closed after 10 s. */
const RUN_MS = 10_000;

export function timelineAnswer(
  db: Store,
  name: string,
  query: Query<'cluster' | 'since' | 'until'>,
  context: AnswerContext,
): GroupTimeline {
  const group = theGroup(db, name, query.cluster);
  const span = spanOf(query, context);
  const places = placesOf(db, { cluster: group.cluster, group: group.group }).map(({ gp }) => gp);
  const sessions = sessionsWithin(db, group.id, { ...span, limit: SESSIONS_MAX + 1 });
  const generations = generationsWithin(db, group.id, { ...span, limit: GENERATIONS_MAX });
  const limited = { ...span, limit: FINDINGS_MAX };
  const found = findingsOf(db, places, limited);
  const losses = lossesWithin(db, group.id, limited);
  return {
    cluster: group.cluster,
    group: group.group,
    since: rfc3339(span.since),
    until: rfc3339(span.until),
    known_until: rfc3339(Math.min(span.until, context.now)),
    sessions: sessions.slice(0, SESSIONS_MAX).map((row) => {
      const {
        version: _version,
        settings: _settings,
        ...session
      } = sessionShape(row, membersOf(db, row.id, MEMBERS_MAX));
      return session;
    }),
    generations: generationShapes(generations, memberShapes(db, group.cluster)),
    findings: [...found.redeliveries, ...found.rewinds, ...lossFindings(losses)].sort(latestFirst),
    truncated:
      sessions.length > SESSIONS_MAX ||
      generations.length >= GENERATIONS_MAX ||
      isFull(found, FINDINGS_MAX) ||
      Object.values(losses).some((rows: LossPointRow[]) => rows.length >= FINDINGS_MAX),
  };
}

/** The members of all generations together are bounded; the older ones have their number alone then. */
function generationShapes(
  rows: readonly GenerationPointRow[],
  memberShape: ReturnType<typeof memberShapes>,
): GroupTimeline['generations'] {
  let left = GENERATION_MEMBERS_MAX;
  return rows.map(({ at, generation, members: json }) => {
    const members = JSON.parse(json) as WatchedMember[];
    const shown = members.slice(0, Math.min(left, GENERATION_MEMBERS_EACH)).map(memberShape);
    left -= shown.length;
    return {
      ...{ at: rfc3339(at), generation, members: members.length },
      members_detail: shown.map(({ member_id, client_id, host, assignment }) => ({
        ...{ member_id, client_id, host, assignment },
      })),
    };
  });
}

export function positionsAnswer(
  db: Store,
  name: string,
  query: Query<'cluster' | 'since' | 'until' | 'topic' | 'partition'>,
  context: AnswerContext,
): PartitionPositions {
  const { topic, partition } = query;
  if (topic === undefined || partition === undefined) {
    return fail('bad-parameter', 'The positions are those of one partition: add topic= and partition=.');
  }
  const group = theGroup(db, name, query.cluster);
  const span = spanOf(query, context);
  const place = placeOf(db, group, topic, partition);
  const limited = { ...span, limit: POINTS_MAX };
  const commits = commitsWithin(db, place.gp, limited);
  const runs = runsWithin(db, place.gp, { ...limited, since: span.since - RUN_MS });
  const found = findingsOf(db, [place.gp], { ...span, limit: FINDINGS_MAX });
  return {
    cluster: group.cluster,
    group: group.group,
    topic,
    topic_id: place.topicId,
    partition,
    since: rfc3339(span.since),
    until: rfc3339(span.until),
    commits: commits.rows.map(({ at, committed, loweredFrom }) => ({
      at: rfc3339(at),
      offset: committed,
      lowered_from: loweredFrom,
    })),
    deliveries: runs.rows.map((run) => ({
      from: rfc3339(run.firstAt),
      to: rfc3339(run.lastAt),
      first_offset: run.first,
      last_offset: Math.max(run.first, run.last),
      outcome: run.outcome,
      session: run.session,
    })),
    ...found,
    lag: lagPoints(db, place.gp, limited).rows.map(({ at, committed, logEnd }) => ({
      at: rfc3339(at),
      committed,
      log_end: logEnd,
    })),
    // The lines are whole without the points between: nothing is left out of them.
    truncated: runs.isThinned || isFull(found, FINDINGS_MAX),
  };
}

function latestFirst(a: TimelineFinding, b: TimelineFinding): number {
  return a.at === b.at ? b.id - a.id : a.at < b.at ? 1 : -1;
}

/** Of a recreated topic the latest. */
function placeOf(db: Store, { cluster, group }: GroupRow, topic: string, partition: number) {
  const place = placesOf(db, { cluster, group, topic, partition }).at(-1);
  if (place !== undefined) return place;
  return fail(
    'not-found',
    `The group "${clipped(group)}" is not known to read partition ${partition} of "${clipped(topic)}". Its partitions stand in /v1/groups/{group}.`,
  );
}

/** since is an hour ago unless told, until is now. */
function spanOf(
  query: { since?: string | undefined; until?: string | undefined },
  { now }: AnswerContext,
): Omit<TimeSpan, 'limit'> {
  const since = timeOf('since', query.since ?? '1h', now);
  const until = query.until === undefined ? now : timeOf('until', query.until, now);
  if (since >= until) fail('bad-parameter', 'since must be before until.');
  return { since, until };
}

interface Found {
  redeliveries: PositionFinding[];
  rewinds: PositionFinding[];
}

function findingsOf(db: Store, places: readonly number[], span: TimeSpan): Found {
  return {
    redeliveries: redeliveryPage(db, { ...span, places })
      .map(({ id }) => redeliveryById(db, id))
      .filter((row) => row !== undefined)
      .map(redeliveryFinding),
    rewinds: rewindPage(db, { ...span, places }).map(rewindFinding),
  };
}

function isFull({ redeliveries, rewinds }: Found, limit: number): boolean {
  return redeliveries.length >= limit || rewinds.length >= limit;
}

function redeliveryFinding(row: RedeliveryRow): PositionFinding {
  return {
    ...placeShape(row),
    kind: 'redelivery',
    session: row.session,
    previous_session: row.previousSession,
    previous_at: rfc3339(row.previousAt),
    first_offset: row.first,
    last_offset: row.last,
    records: row.last - row.first + 1,
  };
}

function rewindFinding(row: RewindRow): PositionFinding {
  return {
    ...placeShape(row),
    kind: 'rewind',
    session: row.session,
    previous_session: null,
    previous_at: null,
    first_offset: row.to,
    last_offset: row.from,
    records: Math.max(0, row.from - Math.max(0, row.to)),
  };
}

function lossFindings({ prematures, skips, stalls }: LossPoints): TimelineFinding[] {
  const shaped = (kind: TimelineFinding['kind'], rows: readonly LossPointRow[]) =>
    rows.map((row) => ({
      ...placeShape(row),
      ...{ kind, session: row.session, previous_session: null, previous_at: null },
      ...{ first_offset: row.first, last_offset: row.last, records: row.records },
    }));
  return [
    ...shaped('premature_commit', prematures),
    ...shaped('skip', skips),
    ...shaped('stalled_commits', stalls),
  ];
}

type Placed = Pick<LossPointRow, 'id' | 'at' | 'incident' | 'topic' | 'partition' | 'cause' | 'certainty'>;

function placeShape({ id, at, incident, topic, partition, cause, certainty }: Placed) {
  return { id, at: rfc3339(at), incident, topic, partition, cause, certainty };
}
