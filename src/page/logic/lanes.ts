/**
 * Swim lanes: one a session, in the order in which they began. A lane has a bar from its begin to its end, a piece for
 * each member id and generation, and marks for what was found. Places are shares of the time shown, 0 to 1.
 */
import type { GroupTimeline } from '../../service/schemas';
import { counted } from './format';
import { causeWords, endingWords, kindWords } from './words';

export interface Piece {
  from: number;
  to: number;
  generation: number | null;
  words: string;
}

export interface LaneMark {
  at: number;
  kind: 'redelivery' | 'rewind' | 'end';
  cause: string;
  incident: number | null;
  records: number;
  words: string;
}

export interface Lane {
  key: string;
  name: string;
  place: string;
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
  generations: { at: number; words: string }[];
  /** What no session committed: seen from outside alone. */
  outside: LaneMark[];
}

export function lanesOf(timeline: GroupTimeline): Lanes {
  const since = Date.parse(timeline.since);
  const length = Math.max(1, Date.parse(timeline.until) - since);
  const share = (at: string | null, otherwise: number) =>
    at === null ? otherwise : Math.min(1, Math.max(0, (Date.parse(at) - since) / length));
  const lanes = [...timeline.sessions].reverse().map((session): Lane => {
    const to = share(session.ended_at, 1);
    return {
      key: session.session,
      name: session.client_id ?? session.session,
      place: `${session.host}, pid ${session.pid}`,
      from: share(session.started_at, 0),
      to,
      lives: session.ended_at === null,
      isOutside: false,
      pieces: piecesOf(session.members, to, share),
      marks: [
        ...marksOf(timeline.findings, session.session, share),
        ...endOf(session, share, Date.parse(timeline.until)),
      ],
    };
  });
  return {
    lanes: [...lanes, ...outsideLanes(timeline, share)],
    generations: timeline.generations
      .filter(({ at }) => Date.parse(at) >= since)
      .map(({ at, generation, members }) => ({
        at: share(at, 0),
        words: `Generation ${generation}: ${members === 0 ? 'no members' : `${members} members`}`,
      })),
    outside: marksOf(timeline.findings, null, share),
  };
}

/**
 * A lane for each member that no session tells of, from the generations that had it. It came with the first of them and
 * was gone with the next one without it; whether it was killed or left cannot be seen from outside.
 */
function outsideLanes({ sessions, generations }: GroupTimeline, share: Share): Lane[] {
  const told = new Set(sessions.flatMap(({ members }) => members.map(({ member_id }) => member_id)));
  const inOrder = [...generations].reverse();
  const lanes = new Map<string, Lane>();
  inOrder.forEach(({ at, generation, members_detail }, i) => {
    const from = share(at, 0);
    const next = inOrder[i + 1];
    const to = next === undefined ? 1 : share(next.at, 1);
    const stays = new Set((next ?? { members_detail }).members_detail.map(({ member_id }) => member_id));
    for (const { member_id, client_id, host, assignment } of members_detail) {
      if (told.has(member_id)) continue;
      const lane = lanes.get(member_id) ?? {
        ...{ key: member_id, name: client_id, place: host, from, to, lives: true, isOutside: true },
        ...{ pieces: [], marks: [] },
      };
      lanes.set(member_id, lane);
      lane.to = to;
      lane.pieces.push({ from, to, generation, words: assignmentWords(generation, assignment ?? []) });
      lane.lives = stays.has(member_id);
      if (lane.lives) continue;
      const words = 'gone from the group';
      lane.marks.push({ at: to, kind: 'end', cause: 'gone', incident: null, records: 0, words });
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
      return { from, to, generation: member.generation, words: memberWords(member) };
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

function marksOf(findings: GroupTimeline['findings'], session: string | null, share: Share): LaneMark[] {
  const marks: LaneMark[] = [];
  for (const finding of findings.filter((one) => one.session === session)) {
    const { kind, cause, incident, records } = finding;
    const at = share(finding.at, 0);
    const near = marks.find(
      (mark) =>
        mark.kind === kind && mark.cause === cause && mark.incident === incident && mark.at - at < NEAR,
    );
    if (near === undefined) marks.push({ at, kind, cause, incident, records, words: '' });
    else near.records += records;
  }
  return marks.map((mark) => ({
    ...mark,
    words: `${kindWords(mark.kind)}: ${counted(mark.records, 'record')}, ${causeWords(mark.cause)}`,
  }));
}

function endOf(session: Session, share: Share, until: number): LaneMark[] {
  if (session.ended_at === null || Date.parse(session.ended_at) > until) return [];
  const error = session.ended_error === null ? '' : `: ${session.ended_error}`;
  return [
    {
      at: share(session.ended_at, 1),
      kind: 'end',
      cause: session.ended_how ?? 'ended',
      incident: null,
      records: 0,
      words: `${endingWords(session.ended_how)}${error}`,
    },
  ];
}
