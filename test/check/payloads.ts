/** Payloads as kafkajs hands them over, without a broker, and a check around a handler with what it told. */
import type { Batch, EachBatchPayload, EachMessagePayload, KafkaMessage } from 'kafkajs';
import { makeIdempotent } from '../../src/check';

export const TOPIC = 'payments';

export interface ToldHits {
  offsets: string[];
  ageMs: number;
  windowMs: number;
}

/** `idempotent`, and the hits that it told. */
export function checkWithHits() {
  const told: ToldHits[] = [];
  const idempotent = makeIdempotent({
    tellHits: (messages, about) => told.push({ offsets: messages.map(({ offset }) => offset), ...about }),
  });
  return { idempotent, told };
}

/** @param id null: no identity */
export function message(offset: number, id: string | null, value = `value of ${id}`): KafkaMessage {
  return {
    offset: String(offset),
    key: null,
    value: Buffer.from(value),
    timestamp: '0',
    attributes: 0,
    ...(id === null ? {} : { headers: { 'message-id': Buffer.from(id) } }),
  } as KafkaMessage;
}

export function onePayload(one: KafkaMessage, heartbeat = async () => {}): EachMessagePayload {
  return { topic: TOPIC, partition: 0, message: one, heartbeat, pause: () => () => {} };
}

export interface BatchTrace {
  payload: EachBatchPayload;
  resolved: string[];
  commits: number;
}

export function batchPayload(messages: KafkaMessage[]): BatchTrace {
  const trace = { resolved: [] as string[], commits: 0 };
  const batch = {
    topic: TOPIC,
    partition: 0,
    highWatermark: '1000',
    messages,
    isEmpty: () => messages.length === 0,
    firstOffset: () => messages[0]?.offset ?? null,
    lastOffset: () => messages.at(-1)?.offset ?? '-1',
    offsetLag: () => '0',
    offsetLagLow: () => '0',
  } as Batch;
  const payload: EachBatchPayload = {
    batch,
    resolveOffset: (offset) => trace.resolved.push(offset),
    heartbeat: async () => {},
    pause: () => () => {},
    commitOffsetsIfNecessary: async () => {
      trace.commits++;
    },
    uncommittedOffsets: () => ({ topics: [] }),
    isRunning: () => true,
    isStale: () => false,
  };
  return Object.assign(trace, { payload });
}
