import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { type Account, accountOf, addAccount, type Fate, NO_ACCOUNT } from '../../src/ledger';
import { createTopic, testBrokers, testKafka, uniqueName, until } from '../support/broker';
import { testFolder } from '../support/folder';
import { query } from '../support/ledger';
import { type PostgresServer, startPostgres, testPool } from '../support/postgres';

/** Kills of each test; DUPESCOPE_TEST_KILLS=200 for the long run. */
const KILLS = Number(process.env.DUPESCOPE_TEST_KILLS ?? 20);
const MESSAGES_A_KILL = 60;

const folder = testFolder('check-kills');
const children: ChildProcess[] = [];
let server: PostgresServer;
let pool: Pool & { schema: string };

beforeAll(async () => {
  server = await startPostgres();
  pool = await testPool(server);
}, 60_000);

afterAll(async () => {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
  await pool.end();
  await server.stop();
});

interface Effect {
  id: string;
  amount: number;
}

/** Every third message is written twice, and the second copy long after the first. */
class Sender {
  readonly sent = new Map<string, number>();
  copies = 0;
  private readonly producer = testKafka().producer();
  private number = 0;

  constructor(private readonly topic: string) {}

  async send(count: number): Promise<void> {
    if (this.number === 0) await this.producer.connect();
    const before = [...this.sent];
    const fresh = Array.from(
      { length: count },
      () => [`payment ${++this.number}`, 1 + (this.number % 97)] as const,
    );
    const copies = before.filter((_, i) => i % 3 === this.number % 3).slice(-count / 3);
    for (const [id, amount] of fresh) this.sent.set(id, amount);
    this.copies += copies.length;
    const messages = [...fresh, ...copies].map(([id, amount], i) => ({
      partition: i % 2,
      value: String(amount),
      headers: { 'message-id': id },
    }));
    await this.producer.send({ topic: this.topic, messages });
  }

  async close(): Promise<void> {
    await this.producer.disconnect();
  }

  get total(): number {
    return [...this.sent.values()].reduce((sum, amount) => sum + amount, 0);
  }
}

/** Kills one consumer after the other while it has messages in hand, then lets the last one finish. */
async function killAll(
  task: { store: string; handler: string; [more: string]: unknown },
  done: () => Promise<Effect[]>,
) {
  const topic = await createTopic(uniqueName('paying'), 2);
  const group = uniqueName('paying');
  const ledger = join(folder, `${group}.ledger.db`);
  const sender = new Sender(topic);
  const launch = async () => {
    const child = fork(join(__dirname, 'paying-app.js'), [
      JSON.stringify({ brokers: testBrokers(), topic, group, ledger, ...task }),
    ]);
    children.push(child);
    const exited = once(child, 'exit');
    await once(child, 'message');
    return { child, exited };
  };
  await sender.send(MESSAGES_A_KILL);
  for (let kill = 0; kill < KILLS; kill++) {
    const { child, exited } = await launch();
    await sender.send(MESSAGES_A_KILL);
    const before = (await done()).length;
    await until(`consumer ${kill} has paid`, async () => (await done()).length > before, 30_000);
    child.kill('SIGKILL');
    await exited;
  }
  const last = await launch();
  const isAll = async () => new Set((await done()).map(({ id }) => id)).size === sender.sent.size;
  await until('everything is paid', isAll, 60_000);
  await until('everything is committed', () => isCommitted(topic, group), 60_000);
  last.child.send('stop');
  await last.exited;
  await sender.close();
  return { sender, effects: await done(), account: accountIn(ledger) };
}

/** What the ledger says of the copies, all partitions together. */
function accountIn(ledger: string) {
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

/** The account as the handlers know it: what each delivery came to, in the order of time. One process runs at a time. */
function accountOfTruth(file: string): Account {
  const deliveries = new Map<string, Fate[]>();
  for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
    const [what, place = ''] = [line[0], line.slice(2)];
    const fates = deliveries.get(place) ?? [];
    deliveries.set(place, fates);
    if (what === 'd') fates.push('failed');
    else if (what === 'h') fates[fates.length - 1] = 'hit';
    else if (what === 'e') fates[fates.length - 1] = 'applied';
  }
  const total = { ...NO_ACCOUNT };
  for (const fates of deliveries.values()) addAccount(total, accountOf(fates), 1);
  return total;
}

async function isCommitted(topic: string, group: string): Promise<boolean> {
  const admin = testKafka().admin();
  await admin.connect();
  try {
    const [committed] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
    const ends = await admin.fetchTopicOffsets(topic);
    return ends.every(
      ({ partition, high }) =>
        committed?.partitions.find((one) => one.partition === partition)?.offset === high,
    );
  } finally {
    await admin.disconnect();
  }
}

describe(`consumers killed ${KILLS} times`, () => {
  test.each(['eachMessage', 'eachBatch'])(
    'with the PostgreSQL inbox the balance is exact: %s',
    async (handler) => {
      await pool.query(`DROP TABLE IF EXISTS payment, account, dupescope_inbox;
        CREATE TABLE payment (id text, amount integer);
        CREATE TABLE account (balance integer); INSERT INTO account VALUES (0)`);
      const task = { store: 'postgres', url: server.url, schema: pool.schema, handler };
      const { sender, effects, account } = await killAll(task, async () => {
        return (await pool.query<Effect>('SELECT id, amount FROM payment')).rows;
      });
      const hits = (await pool.query('SELECT sum(hits)::int AS hits FROM dupescope_inbox')).rows[0].hits;
      const [{ balance }] = (await pool.query('SELECT balance FROM account')).rows;
      console.info(
        `${handler}: ${KILLS} kills, ${sender.sent.size} messages, ${hits} copies recognised`,
        account,
      );
      expect(effects).toHaveLength(sender.sent.size);
      expect(balance).toBe(sender.total);
      expect(hits).toBeGreaterThan(0);
      expect(account.again).toBe(0);
      expect(account.hits).toBeGreaterThan(0);
      expect(account.hits + account.failed).toBe(account.redeliveries + account.duplicates);
    },
    KILLS * 10_000,
  );

  test(
    'with SQLite only what was in progress is paid again, and nothing is skipped',
    async () => {
      const effectsFile = join(folder, 'effects');
      const task = {
        store: 'sqlite',
        path: join(folder, 'check.db'),
        effects: effectsFile,
        truth: join(folder, 'truth'),
        handler: 'eachMessage',
      };
      const { sender, effects, account } = await killAll(task, async () =>
        existsSync(effectsFile)
          ? readFileSync(effectsFile, 'utf8')
              .split('\n')
              .filter((line) => line !== '')
              .map((line) => ({
                id: line.slice(0, line.lastIndexOf(' ')),
                amount: Number(line.split(' ').at(-1)),
              }))
          : [],
      );
      const distinct = new Set(effects.map(({ id }) => id));
      const again = effects.length - distinct.size;
      const truth = accountOfTruth(task.truth);
      console.info(
        `SQLite: ${KILLS} kills, ${sender.sent.size} messages, ${again} paid again`,
        account,
        truth,
      );
      expect([...distinct].sort()).toEqual([...sender.sent.keys()].sort());
      // One message in hand of the one handler that runs, at each kill.
      expect(again).toBeLessThanOrEqual(KILLS);
      expect(account.hits + account.again + account.failed).toBe(account.redeliveries + account.duplicates);
      // The split is the handlers' own but for what was in flight at the kills, and the ledger says how much that is.
      expect(truth.redeliveries).toBe(account.redeliveries);
      expect(account.again).toBeLessThanOrEqual(truth.appliedAgain);
      expect(account.again + account.perhaps).toBeGreaterThanOrEqual(truth.appliedAgain);
      expect(account.perhaps).toBeLessThanOrEqual(KILLS);
      expect(Math.abs(account.hits - truth.hits)).toBeLessThanOrEqual(KILLS);
      expect(truth.duplicates - account.duplicates).toBeLessThanOrEqual(KILLS);
      // What was paid again had been in flight, or its copy was paid then, and is no duplicate for the ledger.
      expect(account.failed + sender.copies - account.duplicates).toBeGreaterThanOrEqual(again);
      expect(account.duplicates).toBeLessThanOrEqual(sender.copies);
      expect(account.duplicates).toBeGreaterThanOrEqual(sender.copies - KILLS);
    },
    KILLS * 10_000,
  );
});
