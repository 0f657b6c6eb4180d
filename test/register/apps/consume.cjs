/**
 * A kafkajs application: reads a topic of so many records from the beginning, throws once, and ends when it has
 * handled the last one. It prints the ground truth: how often its handler was called.
 *
 * APP_BROKERS, APP_TOPIC, APP_RECORDS, APP_FAIL_AT (an offset), APP_GROUP
 */
const env = process.env;

exports.client = ({ Kafka, logLevel }) =>
  new Kafka({ clientId: 'app', brokers: env.APP_BROKERS.split(','), logLevel: logLevel.NOTHING });

exports.consume = async (kafka, group = env.APP_GROUP) => {
  const retry = { initialRetryTime: 50, maxRetryTime: 500, retries: 20 };
  const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 100, retry });
  const last = Number(env.APP_RECORDS) - 1;
  let deliveries = 0;
  let hasFailed = false;
  await consumer.connect();
  await consumer.subscribe({ topic: env.APP_TOPIC, fromBeginning: true });
  await new Promise((resolve, reject) => {
    const eachMessage = async ({ message }) => {
      deliveries++;
      if (message.offset === env.APP_FAIL_AT && !hasFailed) {
        hasFailed = true;
        throw new Error('this one, once');
      }
      if (Number(message.offset) === last) resolve();
    };
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    consumer.run({ eachMessage }).catch(reject);
  });
  await consumer.disconnect();
  console.log(JSON.stringify({ group, deliveries }));
};
