/** A consume-transform-produce pipeline of processes that are killed, and what it left: in its output and in the ledger. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { verdictOf } from '../../src/ledger';
import { openStore } from '../../src/store/open';
import { groupsOf } from '../../src/store/queries';
import { createTopic, testBrokers, testKafka, uniqueName, until } from '../support/broker';
import { query } from '../support/ledger';
import { settle } from '../support/settle';

const MESSAGES = 40;

export interface Child {
  child: ChildProcess;
  /** Its code and its signal. */
  exited: Promise<[number | null, NodeJS.Signals | null]>;
}

export class Pipeline {
  readonly group = uniqueName('pipeline');
  readonly ledger: string;
  sent = 0;
  private readonly task: object;
  private readonly children: ChildProcess[] = [];

  private constructor(
    private readonly input: string,
    private readonly output: string,
    folder: string,
    handler: string,
  ) {
    this.ledger = join(folder, `${this.group}.db`);
    this.task = {
      ...{ brokers: testBrokers(), group: this.group, input, output, handler, failEvery: 25 },
      ...{ transactionalId: uniqueName('pipeline'), ledger: this.ledger },
    };
  }

  static async make(folder: string, handler: string): Promise<Pipeline> {
    const input = await createTopic(uniqueName('pipeline-in'), 2);
    const output = await createTopic(uniqueName('pipeline-out'), 2);
    return new Pipeline(input, output, folder, handler);
  }

  async send(): Promise<void> {
    const producer = testKafka().producer();
    const messages = Array.from({ length: MESSAGES }, () => ({
      key: `message ${++this.sent}`,
      value: String(this.sent),
      partition: this.sent % 2,
    }));
    await producer.connect();
    await producer.send({ topic: this.input, messages });
    await producer.disconnect();
  }

  /** @param port of the proxy by which it reaches the broker */
  launch(port?: number): Child {
    const child = fork(join(__dirname, 'pipeline-app.js'), [JSON.stringify({ ...this.task, port })]);
    this.children.push(child);
    return { child, exited: once(child, 'exit') as Child['exited'] };
  }

  async consumed(timeoutMs: number): Promise<void> {
    const admin = testKafka().admin();
    await admin.connect();
    const isConsumed = async () => {
      const [committed] = await admin.fetchOffsets({ groupId: this.group, topics: [this.input] });
      const ends = await admin.fetchTopicOffsets(this.input);
      return ends.every(({ partition, high }) =>
        committed?.partitions.some((one) => one.partition === partition && one.offset === high),
      );
    };
    try {
      await until('everything is consumed', isConsumed, timeoutMs);
    } finally {
      await admin.disconnect();
    }
  }

  /** The last process takes everything that is left, and is stopped. */
  async finish(timeoutMs: number, port?: number): Promise<void> {
    const { child, exited } = this.launch(port);
    await this.consumed(timeoutMs);
    child.send('stop');
    await exited;
  }

  killAll(): void {
    for (const child of this.children) if (child.exitCode === null) child.kill('SIGKILL');
  }

  /**
   * What stands in the output, read committed, and what the ledger says of the group. Both say exactly once, or the
   * test fails.
   */
  async expectExactlyOnce(): Promise<{ redeliveries: number; figures: string }> {
    const committed = await written(this.output);
    settle(this.ledger);
    const db = openStore(this.ledger);
    const [row] = groupsOf(db, { group: this.group, limit: 1 });
    db.close();
    if (row === undefined) throw new Error('the ledger does not know the group');
    const { verdict, words } = verdictOf(row);
    const outputs = [...committed.values()].reduce((total, count) => total + count, 0);
    const doubt = query<{ took_place: number | null; n: number }>(
      this.ledger,
      'SELECT took_place, count(*) AS n FROM commit_promise GROUP BY took_place',
    );
    const figures = `${this.sent} messages, ${outputs} outputs, ${row.redeliveries} redelivered, commits in doubt ${JSON.stringify(doubt)}: ${words}`;
    expect([...committed].filter(([, count]) => count > 1)).toEqual([]);
    expect(committed.size).toBe(this.sent);
    expect({ verdict, again: row.appliedAgain, lost: row.premature + row.skipped }).toEqual({
      ...{ verdict: 'exactly_once_so_far', again: 0, lost: 0 },
    });
    expect(row.failedAgain).toBe(row.redeliveries);
    return { redeliveries: row.redeliveries, figures };
  }
}

/** What stands in the topic, read committed, by key. */
async function written(topic: string): Promise<Map<string, number>> {
  const consumer = testKafka().consumer({ groupId: uniqueName('audit'), maxWaitTimeInMs: 50 });
  const admin = testKafka().admin();
  const counts = new Map<string, number>();
  const reached = new Map<number, number>();
  await Promise.all([consumer.connect(), admin.connect()]);
  const ends = await admin.fetchTopicOffsets(topic);
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachBatchAutoResolve: true,
    eachBatch: async ({ batch }) => {
      for (const { key } of batch.messages) counts.set(String(key), (counts.get(String(key)) ?? 0) + 1);
      reached.set(batch.partition, Number(batch.lastOffset()) + 1);
    },
  });
  const isRead = () =>
    ends.every(({ partition, high }) => Number(high) === 0 || (reached.get(partition) ?? 0) >= Number(high));
  await until('the output is read', isRead, 60_000);
  await Promise.all([consumer.disconnect(), admin.disconnect()]);
  return counts;
}
