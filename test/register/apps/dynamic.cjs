const { client, consume } = require('./consume.cjs');

import('kafkajs').then((kafkajs) => consume(client(kafkajs)));
