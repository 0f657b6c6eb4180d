/** The effect under kills, rebalances and lost answers, and the ledger's account held against what the handlers wrote. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { uniqueName } from '../support/broker';
import { testFolder } from '../support/folder';
import { query } from '../support/ledger';
import { type PostgresServer, startPostgres, testPool } from '../support/postgres';
import { settle } from '../support/settle';
import { type Effect, payUnderKills, type Told } from './paying';
import { type Truth, truthOf } from './truth';

/** Kills of each run; DUPESCOPE_TEST_KILLS=200 for the long one. */
const KILLS = Number(process.env.DUPESCOPE_TEST_KILLS ?? 5);
const LIMIT_MS = 120_000 + KILLS * 15_000;

const folder = testFolder('check-kills');
let server: PostgresServer;
let pool: Pool & { schema: string };

beforeAll(async () => {
  server = await startPostgres();
  pool = await testPool(server);
}, 60_000);

afterAll(async () => {
  await pool.end();
  await server.stop();
});

function filesOf(name: string): { ledger: string; truth: string } {
  return { ledger: join(folder, `${name}.ledger.db`), truth: join(folder, `${name}.truth`) };
}

/** What the ledger says of the copies, all partitions together. */
function accountIn(ledger: string) {
  settle(ledger);
  const [row] = query<
    Record<'redeliveries' | 'duplicates' | 'hits' | 'again' | 'failed' | 'perhaps', number>
  >(
    ledger,
    `SELECT sum(redeliveries) AS redeliveries, sum(duplicates_delivered) AS duplicates, sum(hits) AS hits,
       sum(applied_again) AS again, sum(failed_again) AS failed, sum(perhaps_again) AS perhaps FROM group_partition`,
  );
  if (row === undefined) throw new Error('the ledger is empty');
  return row;
}

type Ledger = ReturnType<typeof accountIn>;

interface Run {
  told: Told;
  effects: Effect[];
  ledger: Ledger;
  truth: Truth;
}

/** The run's figures in one line. */
function print(name: string, { told, effects, ledger, truth }: Run, more: string): void {
  const distinct = new Set(effects.map(({ id }) => id)).size;
  console.info(
    `${name}: ${KILLS} kills (${told.idle} of an idle one), ${told.dropped} answers lost, ${told.sent.size} messages, ${told.copies} sent again, ${told.records} records, ${truth.deliveries} deliveries, ${ledger.redeliveries} redeliveries, ${ledger.duplicates} duplicates, ${ledger.hits} hits, ${ledger.again} applied again, ${ledger.perhaps} perhaps, ${ledger.failed} failed, ${effects.length} effects, ${distinct} distinct; truth: ${truth.account.redeliveries} redeliveries, ${truth.account.appliedAgain} applied again, ${truth.account.hits} hits, ${truth.unfinished} unfinished, ${truth.unseen} unseen; ${more}`,
  );
}

/** What holds with every store. */
function expectAccounted({ told, effects, ledger, truth }: Run): void {
  const sent = [...told.sent.keys()].sort();
  expect([...new Set(effects.map(({ id }) => id))].sort()).toEqual(sent);
  expect([...truth.ids].sort()).toEqual(sent);
  // The producer itself wrote some twice, besides what the application sent again.
  expect(told.records).toBeGreaterThan(told.sent.size + told.copies);
  // Nearly all kills are in the middle of the work.
  expect(told.idle).toBeLessThanOrEqual(KILLS / 10);
  expect(ledger.redeliveries).toBeGreaterThan(0);
  expect(ledger.hits).toBeGreaterThan(0);
  expect(ledger.hits + ledger.again + ledger.failed).toBe(ledger.redeliveries + ledger.duplicates);
  // Each delivery that a handler wrote down is in the ledger, and none that no handler could have seen.
  expect(ledger.redeliveries).toBeGreaterThanOrEqual(truth.account.redeliveries);
  expect(ledger.redeliveries).toBeLessThanOrEqual(truth.account.redeliveries + truth.unseen);
  // A copy's first delivery that did not end is no hit: the next one is, and that one is a redelivery.
  const copies = told.records - told.sent.size;
  expect(ledger.duplicates).toBeLessThanOrEqual(copies);
  expect(ledger.duplicates).toBeGreaterThanOrEqual(copies - truth.unfinished - truth.unseen);
}

describe(`consumers killed ${KILLS} times`, () => {
  test.each(['eachMessage', 'eachBatch'] as const)(
    'with the PostgreSQL inbox the balance is exact: %s',
    async (handler) => {
      await pool.query(`DROP TABLE IF EXISTS payment, account, dupescope_inbox;
        CREATE TABLE payment (id text, amount integer);
        CREATE TABLE account (balance integer); INSERT INTO account VALUES (0)`);
      const files = filesOf(uniqueName('postgres'));
      const one = async (text: string) => (await pool.query(text)).rows[0].n as number;
      const told = await payUnderKills({
        kills: KILLS,
        task: { store: 'postgres', url: server.url, schema: pool.schema, handler, ...files },
        paid: () => one('SELECT count(*)::int AS n FROM payment'),
      });
      const effects = (await pool.query<Effect>('SELECT id, amount FROM payment')).rows;
      const hits = await one('SELECT sum(hits)::int AS n FROM dupescope_inbox');
      const balance = await one('SELECT balance AS n FROM account');
      const run = { told, effects, ledger: accountIn(files.ledger), truth: truthOf(files.truth) };
      print(`PostgreSQL ${handler}`, run, `${hits} hits in the inbox`);
      expectAccounted(run);
      expect(effects).toHaveLength(told.sent.size);
      expect(balance).toBe([...told.sent.values()].reduce((sum, amount) => sum + amount, 0));
      expect(run.ledger.again).toBe(0);
      // The inbox's own count, but for copies whose handler was killed after the commit and before it was told.
      expect(run.ledger.hits).toBeLessThanOrEqual(hits);
      expect(run.ledger.hits).toBeGreaterThanOrEqual(hits - run.truth.copiesKilled);
    },
    LIMIT_MS,
  );

  test.each(['eachMessage', 'eachBatch'] as const)(
    'with SQLite only what was in progress is paid again, and nothing is skipped: %s',
    async (handler) => {
      const name = uniqueName('sqlite');
      const files = filesOf(name);
      const effectsFile = join(folder, `${name}.effects`);
      const read = (): Effect[] => {
        if (!existsSync(effectsFile)) return [];
        const lines = readFileSync(effectsFile, 'utf8').trimEnd().split('\n');
        return lines.map((line) => ({
          id: line.split(' ')[0] as string,
          amount: Number(line.split(' ')[1]),
        }));
      };
      const told = await payUnderKills({
        kills: KILLS,
        task: {
          store: 'sqlite',
          path: join(folder, `${name}.check.db`),
          effects: effectsFile,
          handler,
          ...files,
        },
        paid: async () => new Set(read().map(({ id }) => id)).size,
      });
      const run = { told, effects: read(), ledger: accountIn(files.ledger), truth: truthOf(files.truth) };
      const { effects, ledger, truth } = run;
      const again = effects.length - told.sent.size;
      print(`SQLite ${handler}`, run, `${again} paid again, ${truth.appliedUnfinished} in progress`);
      expectAccounted(run);
      expect(again).toBeLessThanOrEqual(truth.appliedUnfinished);
      // The split is the handlers' own but for what was in flight at the kills, and the ledger says how much that is.
      expect(ledger.again).toBeLessThanOrEqual(truth.account.appliedAgain);
      expect(ledger.again + ledger.perhaps).toBeGreaterThanOrEqual(truth.account.appliedAgain);
      expect(ledger.perhaps).toBeLessThanOrEqual(truth.unfinished + truth.unseen);
      // A hit is noted before the ledger is told of it.
      expect(ledger.hits).toBeLessThanOrEqual(truth.account.hits);
      expect(ledger.hits).toBeGreaterThanOrEqual(truth.account.hits - truth.copiesKilled);
    },
    LIMIT_MS,
  );
});
