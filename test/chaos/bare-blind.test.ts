/**
 * Dupescope's own faults: whatever becomes of its store, its journal and its service, the application must see the same
 * deliveries, commits and errors as without Dupescope (`play.ts`), and is told of the loss of sight.
 */
import { existsSync, mkdirSync, renameSync, statfsSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { type InstrumentOptions, instrument } from '../../src';
import { uniqueName } from '../support/broker';
import { testFolder } from '../support/folder';
import { freePort } from '../support/hosts';
import { onSmallDisk, type SmallDisk, smallDisk } from '../support/small-disk';
import { filledTopic, type KINDS, Play, planOf, RECORDS } from './play';

const folder = testFolder('bare-blind');
/** Nothing can be made below it. */
const aFile = join(folder, 'a-file');
writeFileSync(aFile, '');

interface Blind {
  options: InstrumentOptions;
  /** What is told of it; not given where that hangs on how long the play takes. */
  told?: string[];
  /** Called when the handler has the record in the middle. */
  inTheMiddle?: () => void;
}

/** Asks for more than there is, so that nothing is left, whatever Dupescope takes or gives back meanwhile. */
function fillUp({ folder }: SmallDisk): void {
  const { blocks, bsize } = statfsSync(folder);
  expect(() => writeFileSync(join(folder, 'filler'), Buffer.alloc((blocks + 1) * bsize))).toThrow('ENOSPC');
}

/** Plays the same plan bare and under each of these, all at once. */
async function compare(
  kind: (typeof KINDS)[number],
  seed: number,
  ways: Record<string, Blind>,
): Promise<void> {
  const plan = planOf(kind, seed);
  const topic = await filledTopic();
  const bare = new Play(plan, topic, (kafka) => kafka).play();
  const played = Object.entries(ways).map(async ([name, { options, told, inTheMiddle }]) => {
    const codes = new Set<string>();
    const onProblem = ({ code }: { code: string }) => codes.add(code);
    const play = new Play(plan, topic, (kafka) => instrument(kafka, { ...options, onProblem }), inTheMiddle);
    const log = await play.play();
    expect([name, log]).toEqual([name, await bare]);
    if (told !== undefined) expect([name, [...codes].sort()]).toEqual([name, told]);
  });
  await Promise.all(played);
  expect((await bare).filter((line) => line.startsWith('got')).length).toBeGreaterThan(
    plan.handler === 'eachBatch' ? 5 : RECORDS,
  );
}

describe.each(['manual', 'batches left unresolved'] as const)('an application that consumes (%s)', (kind) => {
  let mute: Server;
  const sockets = new Set<Socket>();

  beforeAll(async () => {
    // Takes connections and requests, and answers none.
    mute = createServer((socket) => void sockets.add(socket.on('error', () => undefined).resume()));
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  });

  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => mute.close(resolve));
  });

  test('sees the same with no store, no journal and no service', async () => {
    const journal = () => join(folder, uniqueName('journal'));
    const closed = `http://127.0.0.1:${await freePort()}`;
    const { port } = mute.address() as { port: number };
    const moved = join(folder, uniqueName('moved'));
    mkdirSync(moved);
    await compare(kind, 4, {
      // It is made anew.
      'a store whose folder is moved away in the middle': {
        options: { store: join(moved, 'ledger.db') },
        told: [],
        inTheMiddle: () => renameSync(moved, `${moved}-away`),
      },
      'a store that cannot be made': {
        options: { store: join(aFile, 'ledger.db') },
        told: ['store-unwritable'],
      },
      'a service that is away': {
        options: { service: closed, journal: journal() },
        told: ['service-unreachable'],
      },
      'a service that never answers': {
        options: { service: `http://127.0.0.1:${port}`, journal: journal(), pastLimitMs: 200 },
      },
      'a journal that cannot be made': {
        options: { service: closed, journal: join(aFile, 'journal') },
        told: ['journal-unwritable'],
      },
    });
    expect(existsSync(join(moved, 'ledger.db'))).toBe(true);
  });

  describe('on a small disk', () => {
    let disks: SmallDisk[] = [];

    afterEach(() => {
      for (const disk of disks) disk.remove();
      disks = [];
    });

    onSmallDisk('sees the same where it is full, and where it fills up', async () => {
      disks = ['full', 'filling'].map((name) => smallDisk(`bare-${name}`));
      const [full, filling] = disks as [SmallDisk, SmallDisk];
      full.fill();
      const store = ({ folder }: SmallDisk) => ({ store: join(folder, 'ledger.db') });
      await compare(kind, 5, {
        'full from the beginning': { options: store(full), told: ['store-full'] },
        'full in the middle': {
          options: store(filling),
          told: ['store-full'],
          inTheMiddle: () => fillUp(filling),
        },
      });
    });
  });
});
