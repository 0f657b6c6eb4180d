/**
 * Attributes of spans: OpenTelemetry's messaging conventions (in development) by their names of 1.45 and of 1.44
 * together, and our own below `dupescope.`, as no convention names a redelivery.
 */
import type { Attributes } from '@opentelemetry/api';

/** The consumer that a span tells of. */
export interface Consuming {
  group: string;
  clientId: string | null;
  topic: string;
  partition: number;
}

export type Operation = 'process' | 'commit' | 'seek';

/** The convention's type of each operation; none is meant for a seek. */
const TYPES: Record<Operation, string | null> = { process: 'process', commit: 'settle', seek: null };

/** A longer key is cut off here, in bytes. */
const KEY_BYTES_MAX = 256;

/** What is the same for all spans of that kind on that partition. */
export function consumingAttributes(operation: Operation, consuming: Consuming): Attributes {
  const { group, clientId, topic, partition } = consuming;
  const type = TYPES[operation];
  return {
    'messaging.system.name': 'kafka',
    'messaging.system': 'kafka',
    'messaging.operation.name': operation,
    ...(type === null ? {} : { 'messaging.operation.type': type }),
    'messaging.destination.name': topic,
    'messaging.destination.partition.id': String(partition),
    'messaging.consumer.group.name': group,
    ...(clientId === null ? {} : { 'messaging.client.id': clientId }),
  };
}

/** Of a message, as kafkajs gives it. */
export interface MessageShape {
  offset: number;
  key: Buffer | null;
  value: Buffer | null;
}

/**
 * Of one record's delivery. One literal, and what may be missing added to it: put together of parts it costs 4 us more,
 * as objects that are spread out of others lose their shape (measured on Node 20).
 *
 * @param partition as text
 */
export function deliveryAttributes(
  { group, clientId, topic }: Consuming,
  partition: string,
  record: MessageShape,
  attempt: number,
): Attributes {
  const attributes: Attributes = {
    'messaging.system.name': 'kafka',
    'messaging.system': 'kafka',
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.destination.name': topic,
    'messaging.destination.partition.id': partition,
    'messaging.consumer.group.name': group,
    'kafka.offset': record.offset,
    'messaging.kafka.offset': record.offset,
    'dupescope.delivery.attempt': attempt,
  };
  if (clientId !== null) attributes['messaging.client.id'] = clientId;
  return withMessage(attributes, record);
}

/** Of one record on a link. */
export function recordAttributes(record: MessageShape): Attributes {
  return withMessage({ 'kafka.offset': record.offset, 'messaging.kafka.offset': record.offset }, record);
}

function withMessage(attributes: Attributes, { key, value }: MessageShape): Attributes {
  if (key !== null && key !== undefined) {
    const text = key.toString('utf8', 0, KEY_BYTES_MAX);
    attributes['kafka.message.key'] = text;
    attributes['messaging.kafka.message.key'] = text;
  }
  if (value === null) {
    attributes['kafka.message.tombstone'] = true;
    attributes['messaging.kafka.message.tombstone'] = true;
  }
  return attributes;
}

export function offsetAttributes(offset: number): Attributes {
  return { 'kafka.offset': offset, 'messaging.kafka.offset': offset };
}

export function errorType(error: unknown): string {
  return error instanceof Error && error.name !== '' ? error.name : '_OTHER';
}
