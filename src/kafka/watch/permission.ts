/** Without permission on the offsets log: what to grant, and what is lost until then. */
import { DupescopeError } from '../../errors';
import type { KafkaSettings } from '../client';
import { principalOf } from '../login';
import { OFFSETS_TOPIC } from './offsets-source';

/** Null where that is not what went wrong. */
export function mayNotRead(thrown: unknown, { sasl }: Pick<KafkaSettings, 'sasl'>): DupescopeError | null {
  if (!isRefused(thrown)) return null;
  const principal = principalOf({ sasl });
  return new DupescopeError(
    'kafka-not-permitted',
    `Kafka does not let ${principal} read ${OFFSETS_TOPIC}. Committed offsets are asked for instead: rewinds that recover between two looks, members and causes are not seen. Grant it: kafka-acls --add --allow-principal ${principal} --operation Read --topic ${OFFSETS_TOPIC}`,
    { cause: thrown },
  );
}

function isRefused(thrown: unknown): boolean {
  for (let next = thrown, depth = 0; typeof next === 'object' && next !== null && depth < 8; depth++) {
    if ((next as { type?: unknown }).type === 'TOPIC_AUTHORIZATION_FAILED') return true;
    next = (next as { cause?: unknown }).cause;
  }
  return false;
}
