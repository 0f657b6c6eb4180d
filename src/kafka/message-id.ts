/** Ids that the producer gives to messages without one: UUIDs of version 7 (RFC 9562), in the order of time by ms. */
import { randomUUID } from 'node:crypto';

/** The header that carries them; the catalogue of identities knows it. */
export const MESSAGE_ID = 'message-id';

export function newMessageId(now = Date.now()): string {
  const time = now.toString(16).padStart(12, '0');
  // randomUUID draws from a cache of its own: 0.1 us.
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}
