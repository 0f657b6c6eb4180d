/** Two copies of kafkajs in one process: the usual one, and the one at APP_OTHER_KAFKAJS. */
const { client, consume } = require('./consume.cjs');

const usual = require('kafkajs');
const other = require(process.env.APP_OTHER_KAFKAJS);
if (usual.Kafka === other.Kafka) throw new Error('these are not two copies');

Promise.all([consume(client(usual)), consume(client(other), `${process.env.APP_GROUP}-second`)]);
