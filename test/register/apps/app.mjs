import { Kafka, logLevel } from 'kafkajs';
import { client, consume } from './consume.cjs';

await consume(client({ Kafka, logLevel }));
