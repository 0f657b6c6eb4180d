/** Offsets that transactions commit: what is handled by then, and a commit whose answer is lost. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { API, type Broker } from '../../src/demo/broker';
import type { Track } from '../../src/kafka/track';
import { createTopic, startOwnBroker, testKafka, uniqueName, until } from '../support/broker';
import { testFolder } from '../support/folder';
import { query } from '../support/ledger';
import { Recorder } from '../support/recorder';
import { settle } from '../support/settle';

const folder = testFolder('transactions');
const TOTALS =
  'SELECT redeliveries, applied_again AS again, failed_again AS failed, in_flight AS inFlight FROM group_partition';

const messagesOf = (...offsets: number[]) => offsets.map((offset) => ({ offset: String(offset) }) as never);

function hand(track: Track, ...offsets: number[]): void {
  for (const message of messagesOf(...offsets)) {
    track.begin(Number((message as { offset: string }).offset), message);
    track.succeeded();
  }
}

describe('a track whose offsets transactions commit', () => {
  test('calls handled what is committed, also of runs that ended before', () => {
    const store = join(folder, 'runs.db');
    const recorder = new Recorder(store, 'g');
    const track = recorder.track(0);
    track.withhold();
    // The gap ends a run.
    hand(track, 0, 1, 2, 10, 11);
    expect(track.handledTo).toBe(10);
    track.promise(11);
    track.transacted(11);
    expect(track.handledTo).toBe(11);
    expect(track.exposed).toBeNull();
    // Delivered again by a member of later: what was committed is applied twice, what was not is applied once.
    track.take(2, -1);
    hand(track, 0, 1, 2, 10, 11);
    track.transacted(12);
    recorder.close();
    expect(query(store, 'SELECT first, last FROM covered_delivery ORDER BY run, first')).toEqual([
      { first: 0, last: 2 },
      { first: 0, last: 2 },
    ]);
    expect(query(store, TOTALS)).toEqual([{ redeliveries: 5, again: 4, failed: 1, inFlight: 0 }]);
  });

  test('takes nothing of an aborted transaction that is delivered anew for applied', () => {
    const store = join(folder, 'aborted.db');
    const recorder = new Recorder(store, 'g');
    const track = recorder.track(0);
    track.withhold();
    hand(track, 0, 1, 2);
    track.promise(-1);
    hand(track, 0, 1, 2, 3);
    track.transacted(4);
    recorder.close();
    expect(query(store, TOTALS)).toEqual([{ redeliveries: 3, again: 0, failed: 3, inFlight: 0 }]);
  });

  test('tells of batches with gaps, resolved and committed, by ranges', () => {
    const store = join(folder, 'gaps.db');
    const recorder = new Recorder(store, 'g');
    const track = recorder.track(0);
    track.withhold();
    track.beginBatch(messagesOf(0, 1, 5, 6));
    track.resolved(6);
    track.transacted(6);
    track.failed(new Error('after the commit of a part'));
    track.beginBatch(messagesOf(6, 8));
    track.batchSucceeded(true);
    track.transacted(9);
    recorder.close();
    expect(query(store, TOTALS)).toEqual([{ redeliveries: 1, again: 0, failed: 1, inFlight: 0 }]);
  });

  test('where none is open calls handled what the handler returned from, and not what it resolved before', () => {
    const recorder = new Recorder(join(folder, 'expected.db'), 'g', undefined, () => false);
    const track = recorder.track(0);
    track.withhold();
    track.beginBatch(messagesOf(0, 1, 2));
    track.resolved(1);
    expect(track.handledTo).toBe(0);
    track.batchSucceeded(true);
    expect(track.handledTo).toBe(3);
    recorder.close();
  });

  test('that the consumer commits by itself too is as any other', () => {
    const store = join(folder, 'mixed.db');
    const recorder = new Recorder(store, 'g');
    const track = recorder.track(0);
    track.withhold();
    hand(track, 0, 1, 5);
    track.release();
    track.committed(6, false);
    hand(track, 0, 1);
    recorder.close();
    expect(query(store, TOTALS)).toEqual([{ redeliveries: 2, again: 2, failed: 0, inFlight: 0 }]);
  });
});

describe('a transaction whose commit is not answered', () => {
  const children: ChildProcess[] = [];
  let broker: Broker;

  beforeAll(async () => {
    broker = await startOwnBroker({ proxy: true });
  }, 90_000);

  afterAll(async () => {
    for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
    await broker.stop();
  });

  test('took place, as the next member finds: its records were handled by the dead process', async () => {
    const direct = testKafka({ brokers: broker.brokers });
    const input = await createTopic(uniqueName('in'), 1, direct);
    const output = await createTopic(uniqueName('out'), 1, direct);
    const ledger = join(folder, 'doubt.db');
    const group = uniqueName('doubt');
    const producer = direct.producer();
    await producer.connect();
    const messages = Array.from({ length: 10 }, (_, i) => ({ key: `message ${i}`, value: String(i) }));
    await producer.send({ topic: input, messages });
    await producer.disconnect();
    const launch = (brokers: string[]) => {
      const task = { brokers, group, input, output, ledger, handler: 'eachMessage', failEvery: 1_000 };
      const transactionalId = `${group} pipeline`;
      const child = fork(join(__dirname, 'pipeline-app.js'), [JSON.stringify({ ...task, transactionalId })]);
      children.push(child);
      return { child, exited: once(child, 'exit') };
    };

    const first = launch(broker.proxied);
    let committed = 0;
    first.child.on('message', (step) => {
      if (step === 'committed' && ++committed === 3)
        broker.proxy?.dropAnswers(({ apiKey }) => apiKey === API.EndTxn);
    });
    const dropped = () => broker.proxy?.counters.dropped ?? 0;
    await until('the answer of a commit is dropped', () => dropped() > 0, 60_000);
    first.child.kill('SIGKILL');
    await first.exited;
    broker.proxy?.heal();

    const second = launch(broker.brokers);
    const admin = direct.admin();
    await admin.connect();
    const isConsumed = async () =>
      (await admin.fetchOffsets({ groupId: group, topics: [input] }))[0]?.partitions[0]?.offset === '10';
    await until('everything is consumed', isConsumed, 60_000);
    await admin.disconnect();
    second.child.send('stop');
    await second.exited;
    settle(ledger);

    const [promise] = query<{ next: number; took: number }>(
      ledger,
      'SELECT next_offset AS next, took_place AS took FROM commit_promise',
    );
    expect(promise).toEqual({ next: expect.any(Number), took: 1 });
    const next = promise?.next ?? 0;
    expect(query(ledger, 'SELECT first, last FROM covered_delivery')).toEqual([
      { first: next - 1, last: next - 1 },
    ]);
    expect(query(ledger, TOTALS)).toEqual([{ redeliveries: 0, again: 0, failed: 0, inFlight: 1 }]);
    expect(
      query(ledger, "SELECT count(*) AS n FROM session WHERE settings ->> 'transactional' = 'seen'"),
    ).toEqual([{ n: 2 }]);
  }, 180_000);
});
