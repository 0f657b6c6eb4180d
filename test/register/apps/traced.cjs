/** Others patch the prototype after register, and wrap one client's own `consumer`: all must be called. */
const kafkajs = require('kafkajs');
const { client, consume } = require('./consume.cjs');

const calls = { prototype: 0, client: 0 };
const { prototype } = kafkajs.Kafka;
const original = prototype.consumer;
prototype.consumer = function (...args) {
  calls.prototype++;
  return original.apply(this, args);
};

async function main() {
  const kafka = client(kafkajs);
  await consume(kafka);
  const inner = kafka.consumer.bind(kafka);
  kafka.consumer = (config) => {
    calls.client++;
    return inner(config);
  };
  await consume(kafka, `${process.env.APP_GROUP}-second`);
  console.log(JSON.stringify(calls));
}
main();
