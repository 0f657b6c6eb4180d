/**
 * Swim lanes: one a session, in the order in which they began. A lane has a bar from its begin to its end (to now, where
 * it lives), a piece for each member id and generation, and marks for what was found: on the member that got records
 * again, and on the one that had them before where the cause speaks of it. Places are shares of the time shown, 0 to 1.
 */
import type { GroupTimeline } from '../../service/schemas';
import { counted } from './format';
import { causeWords, endingWords, kindWords } from './words';

export interface Piece {
  from: number;
  to: number;
  /** When it began; RFC 3339, also before the time shown. */
  time: string;
  generation: number | null;
  words: string;
}

export interface LaneMark {
  at: number;
  /** RFC 3339. */
  time: string;
  /** `before`: of the member that had the records before another got them. */
  kind: GroupTimeline['findings'][number]['kind'] | 'before' | 'end';
  cause: string;
  incident: number | null;
  records: number;
  words: string;
}

export interface Lane {
  key: string;
  name: string;
  place: string;
  /** RFC 3339; null: of a member that is known from outside alone. */
  began: string | null;
  from: number;
  to: number;
  /** It lives on behind the end of what is shown. */
  lives: boolean;
  /** Of a member that tells nothing itself: known by the group's coordinator alone. */
  isOutside: boolean;
  pieces: Piece[];
  marks: LaneMark[];
}

export interface Lanes {
  lanes: Lane[];
  /** Of the group as seen from outside. */
  generations: { at: number; time: string; words: string }[];
  /** What no instrumented consumer did: seen from outside, or skipped. */
  outside: LaneMark[];
  /** Behind it nothing is known yet; 1: all of the time is past. */
  now: number;
}

export function lanesOf(timeline: GroupTimeline): Lanes {
  const since = Date.parse(timeline.since);
  const length = Math.max(1, Date.parse(timeline.until) - since);
  const share = (at: string | null, otherwise: number) =>
    at === null ? otherwise : Math.min(1, Math.max(0, (Date.parse(at) - since) / length));
  const now = share(timeline.known_until, 1);
  const lanes = [...timeline.sessions].reverse().map((session): Lane => {
    const to = share(session.ended_at, now);
    return {
      key: session.session,
      name: session.client_id ?? session.session,
      place: `${session.host}, pid ${session.pid}`,
      began: session.started_at,
      from: share(session.started_at, 0),
      to,
      lives: session.ended_at === null,
      isOutside: false,
      pieces: piecesOf(session.members, to, share),
      marks: [
        ...marksOf(timeline.findings, session.session, share),
        ...marksBefore(timeline, session.session, share),
        ...endOf(session, share, Date.parse(timeline.until)),
      ],
    };
  });
  return {
    lanes: [...lanes, ...outsideLanes(timeline, share, now)],
    generations: timeline.generations
      .filter(({ at }) => Date.parse(at) >= since)
      .map(({ at, generation, members }) => ({
        at: share(at, 0),
        time: at,
        words: `Generation ${generation}: ${members === 0 ? 'no members' : counted(members, 'member')}`,
      })),
    outside: marksOf(timeline.findings, null, share),
    now,
  };
}

/**
 * A lane for each member that no session tells of, from the generations that had it. It came with the first of them and
 * was gone with the next one without it; whether it was killed or left cannot be seen from outside.
 */
function outsideLanes({ sessions, generations }: GroupTimeline, share: Share, now: number): Lane[] {
  const told = new Set(sessions.flatMap(({ members }) => members.map(({ member_id }) => member_id)));
  const inOrder = [...generations].reverse();
  const lanes = new Map<string, Lane>();
  inOrder.forEach(({ at, generation, members_detail }, i) => {
    const from = share(at, 0);
    const next = inOrder[i + 1];
    const to = next === undefined ? now : share(next.at, 1);
    const stays = new Set((next ?? { members_detail }).members_detail.map(({ member_id }) => member_id));
    for (const { member_id, client_id, host, assignment } of members_detail) {
      if (told.has(member_id)) continue;
      const lane = lanes.get(member_id) ?? {
        ...{ key: member_id, name: client_id, place: host, from, to, lives: true, isOutside: true },
        ...{ began: null, pieces: [], marks: [] },
      };
      lanes.set(member_id, lane);
      lane.to = to;
      const words = assignmentWords(generation, assignment ?? []);
      lane.pieces.push({ from, to, time: at, generation, words });
      lane.lives = stays.has(member_id);
      if (lane.lives || next === undefined) continue;
      lane.marks.push({
        ...{ at: to, time: next.at, kind: 'end', cause: 'gone', incident: null, records: 0 },
        words: 'gone from the group',
      });
    }
  });
  return [...lanes.values()];
}

type Share = (at: string | null, otherwise: number) => number;
type Session = GroupTimeline['sessions'][number];

function piecesOf(members: Session['members'], end: number, share: Share): Piece[] {
  const inOrder = [...members].sort((a, b) => (a.joined_at < b.joined_at ? -1 : 1));
  return inOrder
    .map((member, i) => {
      const next = inOrder[i + 1];
      const from = share(member.joined_at, 0);
      const to = Math.min(end, share(member.left_at ?? next?.joined_at ?? null, end));
      const { generation, joined_at: time } = member;
      return { from, to, time, generation, words: memberWords(member) };
    })
    .filter(({ from, to }) => to > 0 && from < 1);
}

function memberWords({ generation, assignment, leader }: Session['members'][number]): string {
  return `${assignmentWords(generation, assignment)}${leader ? ' (leader)' : ''}`;
}

function assignmentWords(
  generation: number | null,
  assignment: readonly { topic: string; partitions: readonly number[] }[],
): string {
  const partitions = assignment
    .map(({ topic, partitions }) => `${topic} ${partitions.join(', ')}`)
    .join('; ');
  const told = generation === null ? 'generation not known' : `generation ${generation}`;
  return `${told}: ${partitions === '' ? 'nothing assigned' : partitions}`;
}

/** Marks that would cover each other and lead to the same incident are one. */
const NEAR = 0.008;

type Found = Pick<LaneMark, 'at' | 'time' | 'kind' | 'cause' | 'incident' | 'records'>;

function joinedMarks(found: readonly Found[], wordsOf: (mark: Found) => string): LaneMark[] {
  const marks: Found[] = [];
  for (const one of found) {
    const near = marks.find(
      ({ at, kind, cause, incident }) =>
        kind === one.kind && cause === one.cause && incident === one.incident && Math.abs(at - one.at) < NEAR,
    );
    if (near === undefined) marks.push({ ...one });
    else near.records += one.records;
  }
  return marks.map((mark) => ({ ...mark, words: wordsOf(mark) }));
}

function marksOf(findings: GroupTimeline['findings'], session: string | null, share: Share): LaneMark[] {
  const found = findings
    .filter((one) => one.session === session)
    .map(({ at, kind, cause, incident, records }) => ({
      ...{ at: share(at, 0), time: at, kind, cause, incident, records },
    }));
  return joinedMarks(
    found,
    ({ kind, cause, records }) => `${kindWords(kind)}: ${counted(records, 'record')}, ${causeWords(cause)}`,
  );
}

/** What these causes tell of the member that had the records before. */
const BEFORE: Readonly<Record<string, string>> = {
  session_timeout: 'slow: its session timed out with',
  killed_before_commit: 'killed before it committed',
  rebalance_before_commit: 'lost to a rebalance before it committed',
  zombie: 'had at once with another member',
  commit_failed: 'its commit failed for',
  handler_error: 'its handler threw at',
  left_unresolved: 'left unresolved',
};

function marksBefore(
  { findings, since }: Pick<GroupTimeline, 'findings' | 'since'>,
  session: string,
  share: Share,
): LaneMark[] {
  const found = findings.flatMap(({ previous_session, previous_at: at, cause, ...one }) => {
    if (previous_session !== session || at === null || BEFORE[cause] === undefined) return [];
    // A member that gave itself the records again has a mark for it; that it was slow before is told all the same.
    if (one.session === session && cause !== 'session_timeout') return [];
    if (Date.parse(at) < Date.parse(since)) return [];
    const { incident, records } = one;
    return [{ at: share(at, 0), time: at, kind: 'before' as const, cause, incident, records }];
  });
  return joinedMarks(found, ({ cause, records }) => `${BEFORE[cause] ?? ''} ${counted(records, 'record')}`);
}

function endOf(session: Session, share: Share, until: number): LaneMark[] {
  if (session.ended_at === null || Date.parse(session.ended_at) > until) return [];
  const error = session.ended_error === null ? '' : `: ${session.ended_error}`;
  return [
    {
      at: share(session.ended_at, 1),
      time: session.ended_at,
      kind: 'end',
      cause: session.ended_how ?? 'ended',
      incident: null,
      records: 0,
      words: `${endingWords(session.ended_how)}${error}`,
    },
  ];
}

/** What a chart of lanes shows, one line an event. */
export interface LaneLine {
  key: string;
  /** RFC 3339. */
  time: string;
  /** Null: the group itself. */
  who: Pick<Lane, 'name' | 'place' | 'isOutside'> | null;
  words: string;
  cause: string | null;
  incident: number | null;
}

/** In the order of time. What held when the time began stands before it. */
export function laneLines({ lanes, generations, outside }: Lanes): LaneLine[] {
  const lines = [
    ...generations.map(({ time, words }) => ({ time, who: null, words, cause: null, incident: null })),
    ...outside.map((mark) => markLine(mark, null)),
    ...lanes.flatMap((lane) => [
      ...(lane.began === null
        ? []
        : [{ time: lane.began, who: lane, words: 'began', cause: null, incident: null }]),
      ...lane.pieces.map(({ time, words }) => ({ time, who: lane, words, cause: null, incident: null })),
      ...lane.marks.map((mark) => markLine(mark, lane)),
    ]),
  ];
  return lines
    .map((line, i) => ({ ...line, key: String(i) }))
    .sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
}

function markLine({ time, words, kind, cause, incident }: LaneMark, who: Lane | null) {
  return { time, who, words, cause: kind === 'end' ? null : cause, incident };
}
