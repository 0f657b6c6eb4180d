/** An application that calls `instrument` itself: before its first consumer, and again before its second. */
const { instrument } = require(process.env.APP_DUPESCOPE);
const { client, consume } = require('./consume.cjs');

async function main() {
  const options = { store: process.env.DUPESCOPE_STORE };
  const kafka = instrument(client(require('kafkajs')), options);
  await consume(kafka);
  await consume(instrument(kafka, options), `${process.env.APP_GROUP}-second`);
}
main();
