/**
 * Any request of Kafka's protocol over kafkajs's own connection, with the client's SASL and TLS: for what kafkajs does
 * not know (topic ids) or does not let one do (read a log without joining a group). Its private symbols are used; it
 * is frozen at 2.2.4, and where they are missing `rawCluster` answers null.
 */
import type { Kafka } from './client-shape';

export interface RawBroker {
  /** What the broker speaks, by the number of the API; missing before the first connection. */
  readonly versions?: Record<number, { minVersion: number; maxVersion: number } | undefined>;
  readonly [request: symbol]: (protocol: object) => Promise<unknown>;
}

export interface RawCluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  findControllerBroker(): Promise<RawBroker>;
  findBroker(node: { nodeId: string }): Promise<RawBroker>;
  /** Empty where the topic is not known. */
  findTopicPartitionMetadata(topic: string): { partitionId: number; leader: number }[];
}

export function rawCluster(kafka: Kafka): RawCluster | null {
  const create = symbolNamed(kafka, 'private:Kafka:createCluster');
  if (create === null) return null;
  const make = (kafka as unknown as Record<symbol, (options: object) => RawCluster>)[create];
  return make === undefined ? null : make({ allowAutoTopicCreation: false });
}

export interface RawRequest<Answer> {
  apiKey: number;
  apiVersion: number;
  apiName: string;
  /** The body; for a flexible version with the empty tags of the header in front, which kafkajs does not write. */
  body: Buffer;
  /** Gets what follows the correlation id. Throws on a short or odd answer. */
  decode(payload: Buffer): Answer;
}

/** Null where this kafkajs sends no raw requests. Throws kafkajs's connection errors and what `decode` throws. */
export async function sendRaw<Answer>(
  broker: RawBroker,
  { apiKey, apiVersion, apiName, body, decode }: RawRequest<Answer>,
): Promise<Answer | null> {
  const symbol = symbolNamed(Object.getPrototypeOf(broker), 'private:Broker:sendRequest');
  const send = symbol === null ? undefined : broker[symbol];
  if (send === undefined) return null;
  const answer = await send.call(broker, {
    request: { apiKey, apiVersion, apiName, encode: async () => asEncoder(body) },
    response: {
      decode: async (payload: Buffer) => ({ answer: decode(payload) }),
      parse: async (data: object) => data,
    },
  });
  return (answer as { answer: Answer }).answer;
}

function symbolNamed(object: object, description: string): symbol | null {
  return Object.getOwnPropertySymbols(object).find((symbol) => symbol.description === description) ?? null;
}

/** What kafkajs's request writer asks of an encoder. */
function asEncoder(bytes: Buffer): object {
  return { buf: bytes, buffer: bytes, offset: bytes.length, size: () => bytes.length };
}
