/** What is found beyond redeliveries, on the real broker: premature commits, skipped records, verdicts, incidents. */
import { ask, json, startService } from '../service/running';
import { testKafka, until } from '../support/broker';
import { Case } from '../support/case';
import { query } from '../support/ledger';

interface PrematureRow {
  first: number;
  last: number;
  outcome: string;
}

const premature = (one: Case) =>
  query<PrematureRow>(one.store, 'SELECT first, last, outcome FROM premature_commit ORDER BY first');
const skips = (one: Case) =>
  query<{ group: string; first: number; last: number; cause: string; certainty: string }>(
    one.store,
    `SELECT g.name AS "group", s.first, s.last, s.cause, s.certainty FROM skip s
     JOIN group_partition gp ON gp.id = s.gp JOIN consumer_group g ON g.id = gp.grp ORDER BY s.first`,
  );
const next = (offset: string) => String(Number(offset) + 1);

/** Of /metrics, by group. */
async function counters(one: Case, name: string): Promise<Map<string, number>> {
  const { service, port } = await startService({ storePath: one.store });
  const { text } = await ask(port, '/metrics');
  await service.close();
  const lines = text.matchAll(new RegExp(`^${name}\\{.*?\\bgroup="([^"]*)".*?\\} (\\d+)$`, 'gm'));
  return new Map([...lines].map(([, group, value]) => [group as string, Number(value)]));
}

async function setOffset(one: Case, offset: string): Promise<void> {
  const admin = testKafka().admin();
  await admin.connect();
  await admin.setOffsets({ groupId: one.group, topic: one.topic, partitions: [{ partition: 0, offset }] });
  await admin.disconnect();
}

describe('premature commits', () => {
  test('a commit before the handling, and then the handler throws', async () => {
    const one = await Case.of(20);
    let thrown = false;
    const consumer = await one.start({
      autoCommit: false,
      eachMessage: async ({ topic, partition, message }) => {
        one.seen.push(message.offset);
        await consumer.commitOffsets([{ topic, partition, offset: next(message.offset) }]);
        if (thrown || message.offset !== '7') return;
        thrown = true;
        throw new Error('no such account');
      },
    });
    await one.until(21);
    await one.stop(consumer);
    expect(premature(one)).toEqual([{ first: 7, last: 7, outcome: 'failed' }]);
  });

  test('a commit behind records of a batch that the handler then leaves', async () => {
    const one = await Case.of(20);
    let left = false;
    const consumer = await one.start({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, resolveOffset, commitOffsetsIfNecessary }) => {
        for (const { offset } of batch.messages) {
          if (!left && offset === '5') {
            left = true;
            const partitions = [{ partition: batch.partition, offset: '9' }];
            await commitOffsetsIfNecessary({ topics: [{ topic: batch.topic, partitions }] });
            return;
          }
          one.seen.push(offset);
          resolveOffset(offset);
        }
      },
    });
    await one.until(20);
    await one.stop(consumer);
    expect(premature(one)).toEqual([{ first: 5, last: 8, outcome: 'unresolved' }]);
  });

  test('a commit before the handling, and then the process is killed: the record is lost', async () => {
    const one = await Case.of(40);
    const child = await one.child(60_000, 'commitFirst', { autoCommit: false });
    await until('the first commit is answered', () => child.seen() === 2);
    child.process.kill('SIGKILL');
    await until('it is dead', () => child.process.signalCode !== null);
    one.settled();
    expect(premature(one)).toEqual([{ first: 0, last: 0, outcome: 'in_flight' }]);
    const consumer = await one.start(one.noting());
    await one.until(39);
    await one.stop(consumer);
    expect(one.seen[0]).toBe('0 1');
  });

  test('none: commits when the work is done, by hand and by kafkajs', async () => {
    const one = await Case.of(50);
    const consumer = await one.start({
      autoCommit: false,
      eachMessage: async ({ topic, partition, message }) => {
        one.seen.push(message.offset);
        await consumer.commitOffsets([{ topic, partition, offset: next(message.offset) }]);
      },
    });
    await one.until(50);
    await one.stop(consumer);
    await one.produce(50);
    const child = await one.child(1, 'eachMessage', { autoCommitThreshold: 1 });
    await until('it is in the middle', () => child.seen() > 5);
    child.process.kill('SIGKILL');
    await until('it is dead', () => child.process.signalCode !== null);
    one.settled();
    expect(premature(one)).toEqual([]);
  });
});

describe('skipped records', () => {
  test('a seek forward over fetched records', async () => {
    const one = await Case.of(20);
    const consumer = await one.start({
      eachMessage: async ({ topic, partition, message }) => {
        one.seen.push(message.offset);
        if (message.offset === '5') consumer.seek({ topic, partition, offset: '12' });
      },
    });
    await one.until(14);
    await one.stop(consumer);
    one.settled(60_000);
    expect(skips(one)).toEqual([
      { group: one.group, first: 6, last: 11, cause: 'seek', certainty: 'proven' },
    ]);
    const [totals] = query(one.store, 'SELECT skipped FROM group_partition');
    expect(totals).toEqual({ skipped: 6 });
  });

  test('an offset set forward by an operator, where another group got the records; found again, taken back', async () => {
    const one = await Case.of(30);
    const first = await one.start({
      autoCommitThreshold: 1,
      eachMessage: async ({ message, pause }) => {
        one.seen.push(message.offset);
        if (message.offset === '9') pause();
      },
    });
    await one.until(10);
    await one.stop(first);
    await setOffset(one, '20');
    const second = await one.start(one.noting());
    await one.until(20);
    await one.stop(second);
    one.settled(60_000);
    expect(skips(one)).toEqual([]); // Nothing tells yet that there is a record between.

    const other = await one.start(one.noting(), { groupId: `${one.group}-other` });
    await one.until(50);
    await one.stop(other);
    one.settled(120_000);
    expect(skips(one)).toEqual([
      { group: one.group, first: 10, last: 19, cause: 'reset', certainty: 'proven' },
    ]);
    const skipped = await counters(one, 'dupescope_skipped_records_total');
    expect(skipped).toEqual(
      new Map([
        [one.group, 10],
        [`${one.group}-other`, 0],
      ]),
    );

    await setOffset(one, '10');
    const third = await one.start(one.noting());
    await one.until(70);
    await one.stop(third);
    one.settled(180_000);
    expect(skips(one)).toEqual([]);
    expect(query(one.store, "SELECT * FROM incident WHERE kind = 'skip'")).toEqual([]);
    // The answers are right again; a counter that Prometheus has read does not go down.
    expect(await counters(one, 'dupescope_skipped_records_total')).toEqual(skipped);
    const { service, port } = await startService({ storePath: one.store });
    const { items } = await json<{ items: unknown[] }>(port, '/v1/skips');
    await service.close();
    expect(items).toEqual([]);
  });

  test('never for control records of transactions', async () => {
    const one = await Case.of(5);
    const producer = testKafka().producer({
      transactionalId: one.topic,
      maxInFlightRequests: 1,
      idempotent: true,
    });
    await producer.connect();
    for (const fate of ['commit', 'abort', 'commit'] as const) {
      const transaction = await producer.transaction();
      await transaction.send({ topic: one.topic, messages: [{ value: fate }, { value: fate }] });
      await transaction[fate]();
    }
    await producer.disconnect();
    await one.produce(5);
    // One group reads what was committed, the other one everything: aborted records are there, and none is skipped.
    for (const readUncommitted of [false, true]) {
      const before = one.seen.length;
      const consumer = await one.start(one.noting(), {
        groupId: `${one.group}-${readUncommitted}`,
        readUncommitted,
      });
      await one.until(before + (readUncommitted ? 16 : 14));
      await one.stop(consumer);
    }
    one.settled(60_000);
    expect(skips(one)).toEqual([]);
  });
});

describe('what a person is told', () => {
  test('one incident for many findings of one cause, and the verdict of the totals', async () => {
    const one = await Case.of(40);
    const failing = new Set(['3', '11', '25']);
    const consumer = await one.start({
      eachMessage: async ({ message }) => {
        one.seen.push(message.offset);
        if (failing.delete(message.offset)) throw new Error('no such account');
      },
    });
    await one.until(43);
    await one.stop(consumer);
    one.settled();
    const incidents = query<{ kind: string; cause: string; findings: number; records: number }>(
      one.store,
      'SELECT kind, cause, findings, records FROM incident',
    );
    expect(incidents).toEqual([{ kind: 'redelivery', cause: 'handler_error', findings: 3, records: 3 }]);
    const places = query<{ records: number }>(one.store, 'SELECT records FROM incident_place');
    expect(places).toEqual([{ records: 3 }]);
  });

  test('the exposure of the past is kept: its peak is what was handled between two commits', async () => {
    const one = await Case.of(200);
    const consumer = await one.start({
      autoCommit: false,
      eachMessage: async ({ topic, partition, message }) => {
        one.seen.push(message.offset);
        if (Number(message.offset) % 50 !== 49) return;
        await consumer.commitOffsets([{ topic, partition, offset: next(message.offset) }]);
      },
    });
    await one.until(200);
    await one.stop(consumer);
    const [peak] = query<{ records: number }>(one.store, 'SELECT max(records) AS records FROM exposure_peak');
    // The record whose handler commits is not handled yet.
    expect(peak?.records).toBe(49);
  });

  test('commits that do not come are told, and that they came', async () => {
    const one = await Case.of(10);
    const consumer = await one.start({ ...one.noting(), autoCommit: false });
    await one.until(10);
    const stalled = () =>
      query<{ records: number; ended: number }>(
        one.store,
        'SELECT records, ended_at IS NOT NULL AS ended FROM stalled_commit',
      );
    await until(
      'the store has it',
      () => query(one.store, 'SELECT 1 FROM position WHERE exposed_since > 0').length > 0,
    );
    one.settled(30_000);
    expect(stalled()).toEqual([]);
    one.settled(90_000);
    expect(stalled()).toEqual([{ records: 10, ended: 0 }]);
    await consumer.commitOffsets([{ topic: one.topic, partition: 0, offset: '10' }]);
    await until(
      'the commit is known',
      () => query(one.store, 'SELECT 1 FROM position WHERE exposed_since > 0').length === 0,
    );
    one.settled(100_000);
    expect(stalled()).toEqual([{ records: 10, ended: 1 }]);
    await one.stop(consumer);
  });
});
