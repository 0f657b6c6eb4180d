const { client, consume } = require('./consume.cjs');

consume(client(require('kafkajs')));
