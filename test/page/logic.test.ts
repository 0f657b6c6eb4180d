import fc from 'fast-check';
import { DUPLICATE_CAUSES } from '../../src/identity';
import { CAUSES, INCIDENT_KINDS, REWIND_CAUSES, SKIP_CAUSES, VERDICTS } from '../../src/ledger';
import { addressOf, part } from '../../src/page/logic/api';
import { EventStreamReader } from '../../src/page/logic/event-stream';
import * as format from '../../src/page/logic/format';
import { filled } from '../../src/page/logic/links';
import { Pace } from '../../src/page/logic/pace';
import {
  changed,
  FINDING_LISTS,
  leadTo,
  type Place,
  readPlace,
  type Screen,
  writePlace,
} from '../../src/page/logic/place';
import { ends, fixed, isFixed, rangeWords, readRange, stepMinutes } from '../../src/page/logic/range';
import { readSearch } from '../../src/page/logic/search';
import { incidentMarks, joined, marksWithin, seriesData, spotsOf } from '../../src/page/logic/series';
import { visible } from '../../src/page/logic/visible';
import { causeWords, kindWords, verdictWords } from '../../src/page/logic/words';
import type { Incident, SeriesPoint } from '../../src/service/schemas';

const NOW = Date.parse('2026-11-24T12:00:30Z');

describe('an address', () => {
  const text = fc.string({ minLength: 1, unit: 'grapheme-composite' });
  const whole = fc.nat({ max: 2 ** 31 });
  const screen: fc.Arbitrary<Screen> = fc.oneof(
    fc
      .constantFrom('overview', 'groups', 'incidents', 'redeliveries', 'topics', 'health')
      .map((name) => ({ name }) as Screen),
    text.map((group): Screen => ({ name: 'group', group })),
    text.map((id): Screen => ({ name: 'identity', id })),
    whole.map((id): Screen => ({ name: 'incident', id })),
    fc.constantFrom(...FINDING_LISTS).map((list): Screen => ({ name: 'findings', list })),
    fc
      .record({ topic: text, partition: whole, offset: whole })
      .map((place): Screen => ({ name: 'record', ...place })),
  );

  test('is read as it was written, whatever a group or a message is called', () => {
    const key = fc.constantFrom('since', 'until', 'tz', 'cause', 'cursor');
    const query = fc.dictionary(key, text, { noNullPrototype: true });
    fc.assert(
      fc.property(screen, query, (one, state) => {
        const place: Place = { screen: one, query: state };
        expect(readPlace(writePlace(place))).toEqual(place);
      }),
    );
  });

  test('of something else is no screen, and never an error', () => {
    fc.assert(fc.property(fc.string(), (hash) => void readPlace(hash)));
    for (const path of [
      '#/nothing',
      '#/incidents/x',
      '#/records/orders/1',
      '#/records/a/-1/2',
      '#/identities',
    ]) {
      expect(readPlace(path).screen.name).toBe('unknown');
    }
    expect(readPlace('#/groups/%E0%A4').screen).toEqual({ name: 'group', group: '%E0%A4' });
  });

  test('of another screen keeps the time and the zone, and leaves filters behind', () => {
    const from = readPlace('#/redeliveries?since=6h&tz=utc&cause=seek&cursor=abc');
    expect(leadTo(from, { name: 'incident', id: 4 })).toBe('#/incidents/4?since=6h&tz=utc');
    expect(changed(from, { cursor: null, cause: 'reset' })).toBe(
      '#/redeliveries?since=6h&tz=utc&cause=reset',
    );
  });
});

describe('a range', () => {
  test.each([
    [{}, '1h', null],
    [{ since: '7d' }, '7d', null],
    [{ since: 'soon' }, '1h', null],
    [
      { since: '2026-11-24T10:00:00Z', until: '2026-11-24T11:00:00Z' },
      '2026-11-24T10:00:00Z',
      '2026-11-24T11:00:00Z',
    ],
    [{ since: '2026-11-24T11:00:00Z', until: '2026-11-24T10:00:00Z' }, '1h', null],
    // Before any time that can be written.
    [{ since: '999999999d' }, '1h', null],
    [{ since: '999999999w', until: '999999998w' }, '1h', null],
  ])('%j', (query, since, until) => {
    expect(readRange(query as Record<string, string>)).toEqual({ since, until });
  });

  test('has steps that a chart can show, and words', () => {
    const minutes = (since: string) => stepMinutes({ since, until: null }, NOW);
    expect(['15m', '1h', '6h', '24h', '7d', '30d'].map(minutes)).toEqual([1, 1, 2, 10, 60, 180]);
    expect(ends({ since: '1h', until: null }, NOW)).toEqual([NOW - 3_600_000, NOW]);
    expect(rangeWords({ since: '1h', until: null })).toBe('in the last hour');
    expect(rangeWords({ since: '3h', until: null })).toBe('in the last 3 hours');
    // Never more steps than the API makes.
    expect(minutes('3000d')).toBe(18_720);
  });
});

test('a range that moves is made to stand still', () => {
  const moving = { since: '1h', until: null };
  const still = fixed(moving, NOW);
  expect(still).toEqual({ since: '2026-11-24T11:00:30.000Z', until: '2026-11-24T12:00:30.000Z' });
  expect(ends(still, NOW + 9e9)).toEqual(ends(moving, NOW));
  expect([moving, still, { ...still, since: '1h' }].map(isFixed)).toEqual([false, true, false]);
});

test('numbers carry units', () => {
  expect([0, 0.34, 4.21, 59.96, 190, 7_500, 540_000].map(format.duration)).toEqual([
    '0 s',
    '340 ms',
    '4.2 s',
    '1 min',
    '3 min 10 s',
    '2 h 5 min',
    '6 d 6 h',
  ]);
  expect([512, 1_536, 2 ** 31].map(format.bytes)).toEqual(['512 B', '1.5 KiB', '2 GiB']);
  expect([0, 0.0304, 0.99999, 1].map(format.percent)).toEqual(['0%', '3.04%', '99.9%', '100%']);
  expect(format.counted(1, 'record')).toBe('1 record');
  expect(format.counted(1_204, 'record')).toBe('1,204 records');
  expect(format.time('2026-11-24T02:34:01.250Z', 'utc', 'ms')).toBe('2026-11-24 02:34:01.250 UTC');
  expect(format.time('2026-11-24T02:34:01.250Z', 'local')).toMatch(
    /^2026-11-2\d \d\d:\d\d:01 [+-]\d\d:\d\d$/,
  );
  expect([0, 40, 190, 7_500, 540_000].map((s) => format.ago(NOW - s * 1000, NOW))).toEqual([
    'just now',
    '40 s ago',
    '3 min ago',
    '2 h ago',
    '6 d ago',
  ]);
});

test('every word of the ledger has words for people', () => {
  for (const cause of [...CAUSES, ...REWIND_CAUSES, ...DUPLICATE_CAUSES, ...SKIP_CAUSES]) {
    expect(causeWords(cause)).not.toContain('_');
    if (cause !== 'replay' && cause !== 'zombie') expect(causeWords(cause)).not.toBe(cause);
  }
  for (const kind of INCIDENT_KINDS) expect(kindWords(kind)).not.toBe('');
  for (const verdict of VERDICTS) expect(verdictWords(verdict)).not.toContain('_');
});

test.each([
  ['orders/3/1042', { name: 'record', topic: 'orders', partition: 3, offset: 1042 }],
  [' orders:3:1042 ', { name: 'record', topic: 'orders', partition: 3, offset: 1042 }],
  ['orders-3@1042', { name: 'record', topic: 'orders', partition: 3, offset: 1042 }],
  ['orders 3 1042', { name: 'record', topic: 'orders', partition: 3, offset: 1042 }],
  ['payments-2c10ab/5/1679', { name: 'record', topic: 'payments-2c10ab', partition: 5, offset: 1679 }],
  // Ids that look like places: which of both is meant, the service knows.
  ['order:7:1042', { name: 'record', topic: 'order', partition: 7, offset: 1042 }],
  ['2026/11/24', { name: 'record', topic: '2026', partition: 11, offset: 24 }],
  ['#12', { name: 'incident', id: 12 }],
  ['incident 12', { name: 'incident', id: 12 }],
  ['billing', null],
  ['order-20', null],
  ['0d9f7c3e-6a51-4b0e-9d67-2c33a3c81f51', null],
  ['', null],
])('search for %j', (typed, screen) => {
  expect(readSearch(typed)).toEqual(screen);
});

test('text that would hide or turn a line is shown by its number, and long text is cut', () => {
  expect(visible('a\u202eb\u200fc\u0000d\ne')).toBe('a⟨U+202E⟩b⟨U+200F⟩c⟨U+0000⟩d⟨U+000A⟩e');
  expect(visible('<b>"x" & \'y\'</b>')).toBe('<b>"x" & \'y\'</b>');
  expect(visible('x'.repeat(10_240))).toBe(`${'x'.repeat(160)}… (10,240 characters)`);
});

test('links are filled with encoded values', () => {
  expect(filled('https://g/d?var-group={group}&x={nothing}', { group: 'a&b=<c>' })).toBe(
    'https://g/d?var-group=a%26b%3D%3Cc%3E',
  );
  // What is more than a name stays, and so does what stands before and behind the parameters.
  expect(filled('https://g/{topic}/{y}?q=of%20{y}&a=1&x={y}#{topic}?z={y}', { topic: 't', y: null })).toBe(
    'https://g/t/?q=of%20&a=1#t?z=',
  );
  expect(filled('{constructor}', {})).toBe('');
});

test('addresses of the API leave out what is not given, and keep dots', () => {
  expect(addressOf('/v1/x', { a: 1, b: undefined, c: null, d: '', e: 'ü&' })).toBe('/v1/x?a=1&e=%C3%BC%26');
  expect(['..', '.', 'a/b'].map(part)).toEqual(['%2E%2E', '%2E', 'a%2Fb']);
});

test('events are read whole, however the stream is cut', () => {
  const stream =
    'retry: 2000\nid: 7\nevent: ready\ndata: {"change":7}\n\n: still here\n\nevent: redelivery\ndata: {"a":\ndata: 1}\n\nid: 9\n\n';
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: stream.length }), { maxLength: 8 }), (cuts) => {
      const reader = new EventStreamReader();
      const at = [0, ...[...cuts].sort((a, b) => a - b), stream.length];
      const events = at.slice(1).flatMap((end, i) => reader.read(stream.slice(at[i], end)));
      expect(events).toEqual([
        { event: 'ready', data: '{"change":7}' },
        { event: 'redelivery', data: '{"a":\n1}' },
      ]);
    }),
  );
});

test('many calls come together into few', () => {
  jest.useFakeTimers();
  try {
    let runs = 0;
    const pace = new Pace(
      1_000,
      () => runs++,
      () => Date.now(),
    );
    for (let i = 0; i < 200; i++) {
      pace.call();
      jest.advanceTimersByTime(50);
    }
    // 10 s of calls.
    expect(runs).toBeGreaterThanOrEqual(10);
    expect(runs).toBeLessThanOrEqual(11);
    pace.stop();
  } finally {
    jest.useRealTimers();
  }
});

test('calls in the first moments wait for their end', () => {
  jest.useFakeTimers();
  try {
    const runs: number[] = [];
    const begin = Date.now();
    const pace = new Pace(
      500,
      () => runs.push(Date.now() - begin),
      () => Date.now(),
      1_000,
    );
    for (let i = 0; i < 30; i++) {
      pace.call();
      jest.advanceTimersByTime(100);
    }
    expect(runs).toEqual([1_000, 1_500, 2_000, 2_500, 3_000]);
    pace.stop();
  } finally {
    jest.useRealTimers();
  }
});

describe('the chart over time', () => {
  const point = (time: string, deliveries: number, redeliveries: number): SeriesPoint => ({
    time,
    cluster: null,
    group: null,
    topic: null,
    deliveries,
    redeliveries,
    failed: 0,
    hits: 1,
    duplicates: 2,
    id_reuses: 0,
  });

  test('has zeros where nothing was, and every count of the answer', () => {
    const points = [point('2026-11-24T11:45:00.000Z', 5, 1), point('2026-11-24T12:00:00.000Z', 7, 0)];
    const data = seriesData(points, { since: '15m', until: null }, 1, NOW);
    expect(data.times).toHaveLength(16);
    expect(data.times[0]).toBe(Date.parse('2026-11-24T11:45:00Z') / 1000);
    expect(data.deliveries).toEqual([5, ...new Array(14).fill(0), 7]);
    expect(data.duplicates[15]).toBe(2);
  });

  test('marks the incidents that touch it; bands do not lie on each other', () => {
    const incident = (id: number, opened: string, last: string) =>
      ({ id, words: 'x', opened_at: opened, last_at: last }) as Incident;
    const found = [
      incident(1, '2026-11-24T11:50:00Z', '2026-11-24T11:52:00Z'),
      incident(2, '2026-11-24T11:51:00Z', '2026-11-24T11:55:00Z'),
      incident(3, '2026-11-24T09:00:00Z', '2026-11-24T09:05:00Z'),
    ];
    const marks = incidentMarks(found, { since: '15m', until: null }, NOW);
    expect(marks.map(({ id }) => id)).toEqual([1, 2]);
    expect(joined(marks)).toEqual([{ from: marks[0]?.from, to: marks[1]?.to }]);
    // A px a second, from the first on: they begin 60 px from each other.
    const [first] = marks;
    const place = (at: number) => at - (first?.from ?? 0);
    expect(spotsOf(marks, place, 24).map((spot) => [spot.left, spot.marks.map(({ id }) => id)])).toEqual([
      [0, [1]],
      [60, [2]],
    ]);
    expect(spotsOf(marks, place, 61).map((spot) => spot.marks.map(({ id }) => id))).toEqual([[1, 2]]);
    const minute = (at: string) => marksWithin(marks, Date.parse(at) / 1000, 60).map(({ id }) => id);
    expect(minute('2026-11-24T11:49:00Z')).toEqual([]);
    expect(minute('2026-11-24T11:51:00Z')).toEqual([1, 2]);
    expect(minute('2026-11-24T11:55:00Z')).toEqual([2]);
  });
});
