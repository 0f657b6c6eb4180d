import { rangeAround } from '../../src/page/logic/around';
import { laneLines, lanesOf } from '../../src/page/logic/lanes';
import { isOfTopic, lifeOf, messagesOf } from '../../src/page/logic/life';
import { incidentAt, positionData, standingWords } from '../../src/page/logic/positions';
import type { Duplicate, GroupTimeline, PartitionPositions, RecordHistory } from '../../src/service/schemas';

const at = (second: number) => new Date(Date.UTC(2026, 10, 24, 12, 0, second)).toISOString();

const member = (generation: number, from: number, to: number | null) => ({
  member_id: `m${generation}`,
  generation,
  leader: false,
  joined_at: at(from),
  left_at: to === null ? null : at(to),
  assignment: [{ topic: 'orders', partitions: [0, 1] }],
});
const finding = (second: number, session: string | null, kind: 'redelivery' | 'rewind', incident: number) =>
  ({
    kind,
    id: second,
    at: at(second),
    incident,
    session,
    previous_session: null,
    previous_at: null,
    topic: 'orders',
    partition: 0,
    first_offset: 10,
    last_offset: 12,
    records: 3,
    cause: 'seek',
    certainty: 'proven',
  }) as const;
const session = (name: string, from: number, to: number | null, members: ReturnType<typeof member>[]) => ({
  session: name,
  host: 'h',
  pid: 1,
  client_id: name,
  started_at: at(from),
  last_seen_at: at(to ?? 50),
  ended_at: to === null ? null : at(to),
  ended_how: to === null ? null : 'died',
  ended_error: null,
  members,
});

test('lanes: a piece a generation, marks where findings are, the end as it was', () => {
  const timeline: GroupTimeline = {
    cluster: 'c',
    group: 'g',
    since: at(0),
    until: at(100),
    known_until: at(100),
    sessions: [
      session('late', 40, null, [member(3, 45, null)]),
      session('early', 10, 50, [member(2, 30, null), member(1, 10, 30)]),
    ],
    generations: [{ at: at(10), generation: 1, members: 1, members_detail: [] }],
    findings: [
      finding(60, 'late', 'redelivery', 7),
      finding(60, 'late', 'redelivery', 7),
      finding(20, null, 'rewind', 8),
    ],
    truncated: false,
  };
  const { lanes, generations, outside } = lanesOf(timeline);
  expect(lanes.map(({ name, from, to, lives }) => [name, from, to, lives])).toEqual([
    ['early', 0.1, 0.5, false],
    ['late', 0.4, 1, true],
  ]);
  expect(lanes[0]?.pieces.map(({ from, to, generation }) => [from, to, generation])).toEqual([
    [0.1, 0.3, 1],
    [0.3, 0.5, 2],
  ]);
  expect(lanes[0]?.marks).toMatchObject([{ at: 0.5, kind: 'end', words: 'killed' }]);
  // Two of one incident at one place are one mark.
  expect(lanes[1]?.marks).toMatchObject([{ at: 0.6, kind: 'redelivery', records: 6, incident: 7 }]);
  expect(outside).toMatchObject([{ at: 0.2, kind: 'rewind' }]);
  expect(generations[0]?.at).toBe(0.1);
});

test('lanes of members that tell nothing themselves: from the generations that had them', () => {
  const of = (...names: string[]) =>
    names.map((name, i) => ({
      ...{ member_id: `${name}-1`, client_id: name, host: '/10.0.0.1' },
      assignment: [{ topic: 'orders', partitions: [i] }],
    }));
  const generation = (when: number, number: number, ...names: string[]) => ({
    ...{ at: at(when), generation: number, members: names.length, members_detail: of(...names) },
  });
  const timeline: GroupTimeline = {
    ...{ cluster: 'c', group: 'g', since: at(0), until: at(100), known_until: at(100) },
    ...{ truncated: false, findings: [] },
    sessions: [session('told', 0, null, [{ ...member(4, 20, null), member_id: 'told-1' }])],
    // The first one held when the time began.
    generations: [
      generation(60, 5, 'b', 'told'),
      generation(20, 4, 'a', 'b', 'told'),
      generation(-50, 3, 'a'),
    ],
  };
  const { lanes, generations } = lanesOf(timeline);
  expect(lanes.map(({ name, from, to, lives, isOutside }) => [name, from, to, lives, isOutside])).toEqual([
    ['told', 0, 1, true, false],
    ['a', 0, 0.6, false, true],
    ['b', 0.2, 1, true, true],
  ]);
  expect(lanes[1]?.pieces).toEqual([
    { from: 0, to: 0.2, time: at(-50), generation: 3, words: 'generation 3: orders 0' },
    { from: 0.2, to: 0.6, time: at(20), generation: 4, words: 'generation 4: orders 0' },
  ]);
  expect(lanes[1]?.marks).toMatchObject([{ at: 0.6, kind: 'end', words: 'gone from the group' }]);
  expect(lanes[2]?.marks).toEqual([]);
  expect(generations.map((tick) => tick.at)).toEqual([0.6, 0.2]);
});

test('lanes end now where the time goes on behind it', () => {
  const timeline: GroupTimeline = {
    ...{ cluster: 'c', group: 'g', since: at(0), until: at(100), known_until: at(70), truncated: false },
    sessions: [session('lives', 10, null, [member(2, 30, null)]), session('ended', 0, 40, [])],
    generations: [
      {
        ...{ at: at(20), generation: 4, members: 1 },
        members_detail: [{ member_id: 'x', client_id: 'x', host: '/10.0.0.1', assignment: [] }],
      },
    ],
    findings: [],
  };
  const { lanes, now } = lanesOf(timeline);
  expect(now).toBe(0.7);
  expect(lanes.map(({ name, to, lives }) => [name, to, lives])).toEqual([
    ['ended', 0.4, false],
    ['lives', 0.7, true],
    ['x', 0.7, true],
  ]);
  expect(lanes[1]?.pieces.map(({ to }) => to)).toEqual([0.7]);
  expect(lanes[2]?.pieces.map(({ to }) => to)).toEqual([0.7]);
});

test('lanes: the member that was slow has a mark too, losses have theirs, and all of it stands in words', () => {
  const slow = { ...finding(60, 'new', 'redelivery', 7), cause: 'session_timeout', previous_session: 'slow' };
  const loss = (
    second: number,
    of: string | null,
    kind: 'premature_commit' | 'skip' | 'stalled_commits',
  ) => ({
    ...finding(second, of, 'rewind', 9),
    ...{ kind, cause: { premature_commit: 'committed_before_handled' }[kind as string] ?? kind },
  });
  const timeline: GroupTimeline = {
    ...{ cluster: 'c', group: 'g', since: at(0), until: at(100), known_until: at(100), truncated: false },
    sessions: [session('new', 40, null, []), session('slow', 0, null, [member(1, 5, null)])],
    generations: [],
    findings: [
      { ...slow, previous_at: at(30) },
      // Its own, got again after an error: one mark is enough for that.
      {
        ...finding(62, 'new', 'redelivery', 8),
        ...{ cause: 'handler_error', previous_session: 'new' },
        previous_at: at(61),
      },
      loss(70, 'new', 'premature_commit'),
      loss(80, null, 'skip'),
      loss(90, 'slow', 'stalled_commits'),
    ],
  };
  const all = lanesOf(timeline);
  const marks = all.lanes.map((lane) => lane.marks.map(({ at: place, kind, words }) => [place, kind, words]));
  expect(marks).toEqual([
    [
      [0.9, 'stalled_commits', 'commits stalled: 3 records, nothing is committed'],
      [0.3, 'before', 'slow: its session timed out with 3 records'],
    ],
    [
      [0.6, 'redelivery', 'delivered again: 3 records, slow handler: session timed out'],
      [0.62, 'redelivery', 'delivered again: 3 records, handler threw'],
      [0.7, 'premature_commit', 'committed too early: 3 records, committed before handled'],
    ],
  ]);
  expect(all.outside.map(({ at: place, kind }) => [place, kind])).toEqual([[0.8, 'skip']]);
  const lines = laneLines(all).map(({ time, who, words, incident }) => [
    time,
    who?.name ?? null,
    words,
    incident,
  ]);
  expect(lines.slice(0, 4)).toEqual([
    [at(0), 'slow', 'began', null],
    [at(5), 'slow', 'generation 1: orders 0, 1', null],
    [at(30), 'slow', 'slow: its session timed out with 3 records', 7],
    [at(40), 'new', 'began', null],
  ]);
  expect(lines).toHaveLength(9);
});

test('the time around an incident that grows stays, but for a few times in its life', () => {
  const LEAST = 30_000;
  const begin = Date.parse(at(0));
  const seen = new Set<string>();
  for (let second = 0; second <= 3_600; second++) {
    const last = begin + second * 1_000;
    const range = rangeAround(begin, last, LEAST);
    seen.add(JSON.stringify(range));
    expect(Date.parse(range.since)).toBeLessThanOrEqual(begin - LEAST);
    expect(Date.parse(range.until)).toBeGreaterThanOrEqual(last + LEAST);
    // What is looked at is seen: it never shrinks to nothing between what is around it.
    const length = Date.parse(range.until) - Date.parse(range.since);
    expect(length).toBeLessThanOrEqual(Math.max(3 * LEAST, 1.5 * (second * 1_000 * 1.7 + 2 * LEAST)));
  }
  expect(seen.size).toBeLessThanOrEqual(15);
});

test('positions: the line of commits, strokes of deliveries, redelivered stretches within them', () => {
  const positions: PartitionPositions = {
    cluster: 'c',
    group: 'g',
    topic: 'orders',
    topic_id: null,
    partition: 0,
    since: at(0),
    until: at(60),
    commits: [
      { at: at(10), offset: 100, lowered_from: null },
      { at: at(20), offset: 50, lowered_from: 100 },
    ],
    deliveries: [
      { from: at(0), to: at(9), first_offset: 0, last_offset: 99, outcome: 'handled', session: 's' },
      { from: at(30), to: at(40), first_offset: 50, last_offset: 150, outcome: 'handled', session: 's' },
    ],
    redeliveries: [{ ...finding(30, 's', 'redelivery', 1), first_offset: 50, last_offset: 99 }],
    rewinds: [{ ...finding(20, 's', 'rewind', 2), first_offset: 50, last_offset: 100 }],
    lag: [{ at: at(10), committed: 100, log_end: 120 }],
    truncated: false,
  };
  const data = positionData(positions);
  if (data === null) throw new Error('there is something to show');
  const second = (at_: number | undefined) => (at_ ?? 0) - Date.parse(at(0)) / 1000;
  // Whatever begins is a point to look at.
  expect(data.times.map(second)).toEqual([0, 10, 20, 30]);
  expect(data.committed).toEqual([null, 100, 50, null]);
  expect(data.logEnd).toEqual([null, 120, null, null]);
  expect(second(data.redeliveries[0]?.from)).toBe(30);
  expect(second(data.redeliveries[0]?.to)).toBeCloseTo(34.9, 1);
  expect(data.rewinds).toMatchObject([{ from: 100, to: 50 }]);
  expect(data.offsets[0]).toBe(0);
  expect(data.offsets[1]).toBeGreaterThan(151);
  const told = data.times.map((_at, i) => standingWords(data, i, 'utc').replace(/^.* UTC: /, ''));
  expect(told).toEqual([
    'nothing known as committed; delivered 0–99',
    'committed 100; end of the log 120',
    'committed 50; end of the log 120; rewind from 100 to 50, seek back',
    'committed 50; end of the log 120; delivered 50–150; delivered again 50–99, seek back',
  ]);
  const from = Date.parse(at(0)) / 1000;
  expect(incidentAt(data, from + 32, 70, 0.5)).toBe(1);
  expect(incidentAt(data, from + 20, 70, 0.5)).toBe(2);
  expect(incidentAt(data, from + 26, 70, 0.5)).toBeNull();
  // The end of the log is drawn, unless all else would be flat beside it.
  const ending = (log_end: number) =>
    positionData({ ...positions, lag: [{ at: at(10), committed: 100, log_end }] });
  expect(ending(400)?.offsets[1]).toBeGreaterThan(400);
  expect(ending(400)?.endAbove).toBeNull();
  expect(ending(1_000_000)?.offsets[1]).toBeLessThan(200);
  expect(ending(1_000_000)?.endAbove).toBe(1_000_000);
  expect(positionData({ ...positions, commits: [], deliveries: [], rewinds: [], lag: [] })).toBeNull();
});

test('a life is told in the order of time', () => {
  const delivery = (attempt: number, second: number, hit: boolean) =>
    ({
      attempt,
      certain: true,
      not_before: at(second),
      outcome: 'handled',
      hit,
      error: null,
      host: 'h',
      pid: 1,
      client_id: null,
      generation: 4,
      session: 's',
      redelivery: null,
    }) as unknown as RecordHistory['history'][number]['deliveries'][number];
  const event = (kind: 'committed' | 'seek', second: number, offset: number) =>
    ({ kind, at: at(second), offset, from_offset: null, host: 'h', pid: 1, client_id: null }) as const;
  const history = {
    deliveries: [delivery(1, 1, false), delivery(2, 30, true)],
    events: [event('seek', 20, 5), event('committed', 10, 12), event('committed', 5, 7)],
  } as unknown as RecordHistory['history'][number];
  expect(lifeOf(history, 10).map(({ words }) => words)).toEqual([
    'Delivered, attempt 1: handled',
    'Committed offset 7: not yet behind it',
    'Committed offset 12: behind it',
    'Seek to offset 5',
    'Delivered again, attempt 2: recognised by its own check, not applied again',
  ]);
});

test('a delivery that was not the first brings why; what was committed can be copied', () => {
  const why = {
    ...{ id: 3, incident: 7, cause: 'seek', certainty: 'proven' },
    ...{ because: ['it sought back'], advice: 'do not' },
  };
  const delivery = (attempt: number, redelivery: unknown) => ({
    ...{ attempt, certain: true, not_before: at(attempt), outcome: 'handled', hit: false, error: null },
    ...{ host: 'h', pid: 1, client_id: null, generation: 4, session: 's', redelivery },
  });
  const event = { kind: 'committed', at: at(9), offset: 12, from_offset: null, host: 'h', pid: 1 };
  const history = {
    deliveries: [delivery(1, null), delivery(2, why)],
    events: [
      { ...event, client_id: null },
      { ...event, at: at(10), offset: -1, client_id: null },
    ],
  } as unknown as RecordHistory['history'][number];
  const steps = lifeOf(history, 10);
  expect(steps.map((step) => step.why)).toEqual([undefined, why, undefined, undefined]);
  expect(steps.map(({ offset }) => offset)).toEqual([undefined, undefined, 12, undefined]);
});

test('places of one number on two clusters, or in a topic made anew, are different messages', () => {
  const producer = { id: 9, epoch: 0, sequence: 3 };
  const copy = (cluster: string, topic_id: string | null, first: number, previous: number) =>
    ({
      ...{ cluster, topic: 't', topic_id, partition: 0, offset: 10, at: at(9), producer },
      ...{ previous: { partition: 1, offset: previous, at: at(previous) }, previous_producer: null },
      first: { partition: 1, offset: first, at: at(first) },
    }) as unknown as Duplicate;
  const record = {
    ...{ topic: 't', partition: 0, offset: 10, history: [] },
    copies: [copy('c1', 'a', 2, 4), copy('c1', 'b', 4, 4), copy('c2', 'b', 6, 6)],
  } as unknown as RecordHistory;
  const messages = messagesOf(record);
  expect(messages.map(({ cluster, topic_id: id, copy }) => [cluster, id, copy])).toEqual([
    ['c1', 'a', record.copies[0]],
    ['c1', 'b', record.copies[1]],
    ['c2', 'b', record.copies[2]],
  ]);
  // Of the first of three, no copy tells who wrote it.
  expect(messages[0]?.places.map(({ offset, by, isThis }) => [offset, by, isThis])).toEqual([
    [2, 'by a producer that is not known', false],
    [4, 'by a producer without a number of its own', false],
    [10, 'by producer 9, epoch 0, sequence 3', true],
  ]);
  expect(messages[1]?.places).toHaveLength(2);
  expect([isOfTopic('a', 'a'), isOfTopic('b', 'a'), isOfTopic(null, 'a'), isOfTopic('b', undefined)]).toEqual(
    [true, false, true, true],
  );
});
