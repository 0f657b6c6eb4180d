/** An application that has made a consumer before it calls `instrument`. */
const { instrument } = require(process.env.APP_DUPESCOPE);
const { client, consume } = require('./consume.cjs');

async function main() {
  const kafka = client(require('kafkajs'));
  await consume(kafka);
  await consume(instrument(kafka, { store: process.env.DUPESCOPE_STORE }), `${process.env.APP_GROUP}-second`);
}
main();
