import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { instrument } from '../../src';
import { createTopic, testBrokers, testKafka, uniqueName, until } from '../support/broker';
import { query } from '../support/ledger';
import { Recorder } from '../support/recorder';
import { onSmallDisk, type SmallDisk, smallDisk } from '../support/small-disk';

let disk: SmallDisk;
let folder: string;

beforeEach(() => {
  disk = smallDisk('full');
  ({ folder } = disk);
});
afterEach(() => disk.remove());

describe('a full disk', () => {
  onSmallDisk('keeps the evidence in the journal and stores it when there is room', () => {
    const recorder = new Recorder(join(folder, 'one.db'), 'group', 2 * 1024 * 1024);
    recorder.deliver(0, 0, 99);
    recorder.writer.flush();
    disk.fill();
    // Redeliveries make rows, so that the store really needs room.
    for (let round = 0; round < 40; round++) recorder.deliver(0, round, 99);
    let problem = '';
    for (let turn = 0; turn < 20 && problem === ''; turn++) {
      try {
        for (let more = 0; more < 20; more++) recorder.deliver(0, more, 99);
        recorder.writer.flush();
      } catch (error) {
        problem = (error as { code: string }).code;
      }
    }
    expect(problem).toBe('store-full');
    expect(recorder.journal.losses.events).toBe(0);
    disk.makeRoom();
    recorder.writer.flush();
    const [row] = query<{ deliveries: number; runs: number }>(
      join(folder, 'one.db'),
      `SELECT (SELECT sum(deliveries) FROM group_partition) AS deliveries,
              (SELECT sum(last - first + 1) FROM delivery_run) AS runs`,
    );
    expect(row?.deliveries).toBe(row?.runs);
    const turns = query<{ n: number }>(
      join(folder, 'one.db'),
      'SELECT count(*) AS n FROM delivery_run WHERE first = 0',
    );
    // The first delivery, the first of the 40 rounds, and one for each turn of the loop.
    expect(turns[0]?.n).toBeGreaterThanOrEqual(3);
    recorder.close();
  });

  onSmallDisk('past the journal’s room: the consumer runs on, and the loss is counted and told', () => {
    const store = join(folder, 'two.db');
    const recorder = new Recorder(store, 'group', 2 * 1024 * 1024);
    recorder.deliver(0, 0, 9);
    recorder.writer.flush();
    disk.fill();
    for (let round = 0; round < 12_000; round++) recorder.deliver(0, 5, 9);
    const { events, deliveries } = recorder.journal.losses;
    expect(events).toBeGreaterThan(0);
    expect(deliveries).toBe(5 * events);
    disk.makeRoom();
    recorder.writer.flush();
    recorder.deliver(0, 10, 19);
    recorder.writer.flush();
    recorder.deliver(0, 5, 6);
    recorder.writer.flush();
    const told = query<{ events: number; deliveries: number }>(
      store,
      'SELECT events, deliveries FROM dropped_detail',
    );
    expect(told.reduce((sum, row) => sum + row.deliveries, 0)).toBe(recorder.journal.losses.deliveries);
    const [row] = query<{ n: number }>(store, 'SELECT sum(last - first + 1) AS n FROM delivery_run');
    // Everything that was delivered is either in the store or counted as lost.
    expect((row?.n ?? 0) + recorder.journal.losses.deliveries).toBe(10 + 12_000 * 5 + 10 + 2);
    recorder.close();
  });

  onSmallDisk('at the very start: told as what it is, counted, and observed when there is room', async () => {
    disk.fill();
    const store = join(folder, 'three.db');
    const problems: { code: string; message: string }[] = [];
    const kafka = instrument(
      new Kafka({ clientId: 'early', brokers: testBrokers(), logLevel: logLevel.NOTHING }),
      { store, onProblem: ({ code, message }) => problems.push({ code, message }) },
    );
    const topic = await createTopic(uniqueName('full'));
    const producer = testKafka().producer();
    await producer.connect();
    const send = (records: number) =>
      producer.send({ topic, messages: Array.from({ length: records }, () => ({ value: 'x' })) });
    await send(20);
    const consumer = kafka.consumer({ groupId: uniqueName('full'), maxWaitTimeInMs: 100 });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    let [delivered, failed] = [0, false];
    await consumer.run({
      eachMessage: async ({ message }) => {
        delivered++;
        if (message.offset !== '9' || failed) return;
        // Ends a run while there is no journal.
        failed = true;
        throw new Error('once');
      },
    });
    await until('it consumes all the same', () => delivered >= 21);
    expect(problems).toEqual([
      { code: 'store-full', message: expect.stringMatching(/^The disk of .* is full/) },
    ]);
    const journals = () => (existsSync(`${store}.journal`) ? readdirSync(`${store}.journal`) : []);
    expect(journals()).toEqual([]);
    disk.makeRoom();
    await until('there is a journal', () => journals().length === 1);
    await send(20);
    await until('it goes on', () => delivered >= 41);
    await consumer.disconnect();
    await producer.disconnect();
    const [row] = query<{ stored: number; told: number }>(
      store,
      `SELECT (SELECT sum(deliveries) FROM group_partition) AS stored,
              (SELECT sum(deliveries) FROM dropped_detail) AS told`,
    );
    expect(row?.told).toBe(10);
    expect((row?.stored ?? 0) + (row?.told ?? 0)).toBe(delivered);
  });
});
