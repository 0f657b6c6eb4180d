/**
 * The parts of kafkajs that are touched, by shape: `instrument` works on the application's own copy of kafkajs,
 * whatever its version of the types. The package's own kafkajs serves as the source of these types alone.
 */
import type {
  Consumer,
  ConsumerConfig,
  ConsumerRunConfig,
  EachBatchPayload,
  EachMessagePayload,
  Kafka,
  KafkaMessage,
  Producer,
  ProducerConfig,
} from 'kafkajs';

export type {
  Consumer,
  ConsumerConfig,
  ConsumerRunConfig,
  EachBatchPayload,
  EachMessagePayload,
  Kafka,
  KafkaMessage,
  Producer,
  ProducerConfig,
};

/** True for anything that has the methods of a kafkajs client, from any copy of kafkajs. */
export function looksLikeKafka(value: unknown): value is Kafka {
  if (typeof value !== 'object' || value === null) return false;
  const client = value as Partial<Record<'consumer' | 'producer' | 'admin', unknown>>;
  return [client.consumer, client.producer, client.admin].every((method) => typeof method === 'function');
}
