/**
 * The same plan, once on bare kafkajs and once instrumented: the application must see the same deliveries, commits and
 * errors, in the same order (`play.ts`).
 */
import { join } from 'node:path';
import { instrument } from '../../src';
import { uniqueName } from '../support/broker';
import { testFolder } from '../support/folder';
import { type Deed, filledTopic, KINDS, Play, planOf, RECORDS } from './play';

const folder = testFolder('bare');

test.each(['TypeError', 'nothing'] as const)(
  'dies of the same error: the handler throws %s',
  async (what) => {
    const topic = await filledTopic();
    const store = join(folder, `${uniqueName('store')}.db`);
    for (const kind of ['automatic', 'batches'] as const) {
      const deeds = new Map<number, Deed>([[17, { deed: 'throw', times: 1, with: what }]]);
      const plan = { ...planOf(kind, 1), deeds };
      const [bare, wrapped] = await Promise.all([
        new Play(plan, topic, (kafka) => kafka).play(),
        new Play(plan, topic, (kafka) => instrument(kafka, { store })).play(),
      ]);
      expect(wrapped).toEqual(bare);
      expect(bare.filter((line) => line.startsWith('crash'))).toHaveLength(1);
    }
  },
);

describe.each(KINDS)('an application that consumes (%s)', (kind) => {
  test.each([1, 2, 3])('sees the same with Dupescope as without: seed %i', async (seed) => {
    const topic = await filledTopic();
    const plan = planOf(kind, seed);
    const store = join(folder, `${uniqueName('store')}.db`);
    const [bare, wrapped] = await Promise.all([
      new Play(plan, topic, (kafka) => kafka).play(),
      new Play(plan, topic, (kafka) => instrument(kafka, { store })).play(),
    ]);
    expect(wrapped).toEqual(bare);
    // The plan was played: something was delivered again, and every deed was done.
    const deeds = bare.filter((line) => / at \d+$/.test(line) && !line.startsWith('left'));
    expect(deeds.length).toBeGreaterThanOrEqual(plan.deeds.size - 2);
    expect(bare.filter((line) => line.startsWith('got')).length).toBeGreaterThan(
      plan.handler === 'eachBatch' ? 5 : RECORDS,
    );
  });
});
