/** A topic to read, and figures of several runs. */
const { Kafka, logLevel } = require('kafkajs');

const PARTITIONS = 4;
const BATCH = 10_000;

/** Creates the topic with that many records of 200 bytes. */
async function fill(brokers, topic, records) {
  const kafka = new Kafka({ clientId: 'bench', brokers, logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }] });
  await admin.disconnect();
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const value = Buffer.alloc(200, 120);
  for (let sent = 0; sent < records; sent += BATCH) {
    const messages = Array.from({ length: Math.min(BATCH, records - sent) }, (_, i) => ({
      value,
      partition: i % PARTITIONS,
    }));
    await producer.send({ topic, messages, acks: 1 });
  }
  await producer.disconnect();
}

function thousands(value) {
  return `${Math.round(value / 1000)}k`;
}

function median(list) {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

module.exports = { fill, thousands, median };
