import { join } from 'node:path';
import type { KafkaMessage } from '../../src/kafka/client-shape';
import { openStore, type Store } from '../../src/store/open';
import { testFolder } from '../support/folder';
import { Recorder } from '../support/recorder';

const store = join(testFolder('follow'), 'follow.db');
let recorder: Recorder;
let db: Store;
const start = Date.now();

const counts = () =>
  db.prepare('SELECT sum(deliveries) AS deliveries, sum(redeliveries) AS again FROM group_partition').get();

beforeAll(() => {
  recorder = new Recorder(store, 'g');
  recorder.deliver(0, 0, 9);
  recorder.writer.follow(start);
  db = openStore(store);
});
afterAll(() => {
  db.close();
  recorder.close();
});

test('a turn stores what is new at once, and mere growth every half a second', () => {
  expect(counts()).toEqual({ deliveries: 10, again: 0 });
  recorder.deliver(0, 10, 19);
  recorder.writer.follow(start + 200);
  recorder.deliver(0, 20, 29);
  recorder.writer.follow(start + 499);
  expect(counts()).toEqual({ deliveries: 10, again: 0 });
  recorder.writer.follow(start + 500);
  expect(counts()).toEqual({ deliveries: 30, again: 0 });
});

test('a run that was closed as handled, and the next one of the same member, are growth too', () => {
  recorder.track(0).rest();
  recorder.deliver(0, 40, 49);
  recorder.writer.follow(start + 700);
  expect(counts()).toEqual({ deliveries: 30, again: 0 });
  recorder.writer.follow(start + 1000);
  expect(counts()).toEqual({ deliveries: 40, again: 0 });
});

test('records that come again, a handler that throws and another partition do not wait', () => {
  recorder.deliver(0, 45, 49);
  recorder.writer.follow(start + 1001);
  expect(counts()).toEqual({ deliveries: 45, again: 5 });

  const track = recorder.track(0);
  track.begin(50, { offset: '50' } as KafkaMessage);
  track.failed(new Error('no'));
  recorder.writer.follow(start + 1002);
  expect(counts()).toEqual({ deliveries: 46, again: 5 });

  recorder.deliver(1, 0, 0);
  recorder.writer.follow(start + 1003);
  expect(counts()).toEqual({ deliveries: 47, again: 5 });
});

test('who asks for all gets it, and a clock that is set back makes nobody wait', () => {
  recorder.deliver(1, 1, 1);
  recorder.writer.follow(start + 1004);
  expect(counts()).toEqual({ deliveries: 47, again: 5 });
  recorder.writer.flush();
  expect(counts()).toEqual({ deliveries: 48, again: 5 });
  recorder.deliver(1, 2, 2);
  recorder.writer.follow(start - 60_000);
  expect(counts()).toEqual({ deliveries: 49, again: 5 });
});
