import { join } from 'node:path';
import { openStore, type Store } from '../../src/store/open';
import { Tables } from '../../src/store/tables';
import { testFolder } from '../support/folder';

const folder = testFolder('promises');
let db: Store;
let tables: Tables;

beforeAll(() => {
  db = openStore(join(folder, 'promises.db'));
  tables = new Tables(db);
});
afterAll(() => db.close());

let places = 0;

/** One partition, and what is told of it by the sessions a (which died), b and c. */
function freshPlace() {
  const { dimensions, facts } = tables;
  const cluster = dimensions.cluster('c');
  const group = dimensions.group(cluster, `g${++places}`);
  const topic = dimensions.topic(cluster, 't', null, 0);
  const gp = dimensions.groupPartition(group, topic, 0);
  const sessions = new Map(
    ['a', 'b', 'c'].map((name) => {
      const key = `${name}-${places}`;
      const id = facts.session('journal', group, {
        ...{ t: 'session', session: 1, key, group: 'g', host: 'h', pid: 1, bootId: '', at: 0 },
        ...{ version: '0', settings: {} },
      });
      return [name, { session: id, sessionKey: key }] as const;
    }),
  );
  const of = (name: string) => sessions.get(name) as { session: number; sessionKey: string };
  return {
    gp,
    run: (name: string, first: number, last: number, at: number, handled = last + 1) => {
      const outcome = handled > last ? ('handled' as const) : ('in_flight' as const);
      const place = { gp, group, topic, ...of(name), member: null, run: 1, error: null };
      const times = { firstAt: at, lastAt: at, uncertainLast: last };
      tables.runs.apply({ ...place, first, last, handled, outcome, ...times }, 1);
      tables.promises.decide(gp, 1);
    },
    start: (name: string, committed: number, at: number) => {
      tables.facts.start(gp, of(name).session, { at, committed, logStart: 0, logEnd: null, compacted: null });
      tables.promises.decide(gp, 1);
    },
    promise: () => tables.promises.note(gp, of('a').session, { from: 5, next: 6, at: 100 }, 1),
  };
}

function* ordersOf<T>(list: readonly T[]): Generator<T[]> {
  if (list.length === 0) yield [];
  for (const [i, one] of list.entries()) {
    for (const rest of ordersOf(list.toSpliced(i, 1))) yield [one, ...rest];
  }
}

const told = (gp: number) => ({
  covered: db.prepare('SELECT first, last FROM covered_delivery WHERE gp = ?').all(gp),
  ...(db
    .prepare('SELECT applied_again AS again, failed_again AS failed FROM group_partition WHERE id = ?')
    .get(gp) as { again: number; failed: number }),
});

type Tell = (place: ReturnType<typeof freshPlace>) => void;

test.each<[string, Tell[], ReturnType<typeof told>]>([
  [
    'took place, as the next member found it',
    [
      (place) => place.run('a', 0, 5, 90, 5),
      (place) => place.promise(),
      (place) => place.start('b', 6, 150),
      (place) => place.run('b', 6, 7, 160),
      (place) => place.start('c', 8, 200),
    ],
    { covered: [{ first: 5, last: 5 }], again: 0, failed: 0 },
  ],
  [
    'did not: the next member found less',
    [
      (place) => place.run('a', 0, 5, 90, 5),
      (place) => place.promise(),
      (place) => place.start('b', 5, 150),
      (place) => place.run('b', 5, 7, 160),
      (place) => place.start('c', 8, 200),
    ],
    { covered: [], again: 0, failed: 1 },
  ],
  [
    'did not: the next member was killed before it told what it had found, and had got the record again',
    [
      (place) => place.run('a', 0, 5, 90, 5),
      (place) => place.promise(),
      (place) => place.run('b', 5, 7, 160),
      (place) => place.start('c', 8, 200),
    ],
    { covered: [], again: 0, failed: 1 },
  ],
  [
    'did not: the next member told what it had found when it had committed itself',
    [
      (place) => place.run('a', 0, 5, 90, 5),
      (place) => place.promise(),
      (place) => place.start('b', 6, 150),
      (place) => place.run('b', 5, 7, 160),
    ],
    { covered: [], again: 0, failed: 1 },
  ],
])('a commit in doubt %s, in whatever order it is told', (_what, tellings, expected) => {
  for (const order of ordersOf(tellings)) {
    const place = freshPlace();
    for (const tell of order) tell(place);
    expect(told(place.gp)).toEqual(expected);
  }
});
