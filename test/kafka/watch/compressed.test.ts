/** Brokers that compress their offsets log (offsets.topic.compression.codec), by codecs that kafkajs does not have. */
import { join } from 'node:path';
import { CODECS } from '../../../src/kafka/codecs';
import { startOwnBroker, testKafka, uniqueName, until } from '../../support/broker';
import { testFolder } from '../../support/folder';
import { filledTopic, reading, Tool } from './groups';
import { watching } from './watching';

const folder = testFolder('watcher-compressed');

test.each(['SNAPPY', 'LZ4', 'ZSTD'] as const)(
  'an offsets log that is compressed by %s is read like any other',
  async (codec) => {
    const broker = await startOwnBroker({
      properties: { 'offsets.topic.compression.codec': String(CODECS[codec]) },
    });
    try {
      const kafka = testKafka({ brokers: broker.brokers });
      const topic = await filledTopic('compressed', 30, kafka);
      const group = uniqueName('compressed');
      const member = await reading(group, topic, 30, kafka);
      await member.committed(30, 30);
      await member.stop();
      const watched = await watching(join(folder, `${codec}.db`), [], { brokers: broker.brokers });
      const tool = new Tool(kafka);
      await tool.commit(group, topic, { 0: 12 });
      await until('the rewind is explained', () => watched.rewinds(group)[0]?.cause === 'reset');
      expect(watched.rewinds(group)).toEqual([
        expect.objectContaining({ from: 30, to: 12, cause: 'reset', certainty: 'proven' }),
      ]);
      expect(watched.watcher.counts()).toMatchObject({ unreadable: 0 });
      await watched.stop();
      await tool.close();
      // kafkajs itself says what it finds there.
      const plain = kafka.consumer({ groupId: uniqueName('plain') });
      const crash = new Promise<string>((resolve) => {
        plain.on(plain.events.CRASH, ({ payload }) => resolve(payload.error.message));
      });
      await plain.connect();
      await plain.subscribe({ topic: '__consumer_offsets', fromBeginning: true });
      await plain.run({ autoCommit: false, eachMessage: async () => undefined });
      expect(await crash).toMatch(new RegExp(`${codec} compression not implemented`, 'i'));
      await plain.disconnect();
    } finally {
      await broker.stop();
    }
  },
  120_000,
);
