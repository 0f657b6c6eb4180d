/**
 * The headers that carry a message's id in the wild, in the order in which they are trusted. A row's first name is
 * the header as its library writes it. Correlation ids, trace contexts and chunk ids name something else than one
 * message: they are never taken, not even when a configuration names them.
 */
import { hasIdShape } from './normalise';

export interface CatalogueRow {
  /** As it is told to people. */
  source: string;
  /** Exact names; of `anyCase` rows in lower case. */
  names: readonly string[];
  anyCase?: true;
  /** Taken only where the normalised text passes. */
  fits?: (text: string) => boolean;
  /** Who writes it. */
  by: string;
}

/** CloudEvents in binary mode; its two headers are one identity. */
export const CE_ID = 'ce_id';
export const CE_SOURCE = 'ce_source';
/** CloudEvents in structured mode: `$.id` and `$.source` of the value. */
export const CONTENT_TYPE = 'content-type';
export const STRUCTURED = /^\s*application\/cloudevents(?!-batch)/i;

export const SOURCE_CLOUDEVENTS = 'ce_id+ce_source';
export const SOURCE_STRUCTURED = 'cloudevents $.id+$.source';
export const SOURCE_OUTBOX = 'id (outbox)';
export const SOURCE_KEY = 'key';
export const SOURCE_FINGERPRINT = 'fingerprint';

/** After both modes of CloudEvents. */
export const CATALOGUE: readonly CatalogueRow[] = [
  { source: 'MessageId', names: ['MessageId'], by: 'MassTransit' },
  { source: 'axon-message-id', names: ['axon-message-id'], by: 'Axon' },
  { source: 'cap-msg-id', names: ['cap-msg-id'], by: 'CAP' },
  { source: 'x-message-id', names: ['x-message-id'], by: 'Silverback' },
  { source: '_watermill_message_uuid', names: ['_watermill_message_uuid'], by: 'Watermill' },
  { source: 'rbs2-msg-id', names: ['rbs2-msg-id'], by: 'Rebus' },
  { source: 'NServiceBus.MessageId', names: ['NServiceBus.MessageId'], by: 'NServiceBus' },
  { source: 'dop-msg-id', names: ['dop-msg-id'], by: 'DOP' },
  { source: 'message-id', names: ['message-id'], by: 'many' },
  { source: SOURCE_OUTBOX, names: ['id'], fits: hasIdShape, by: "Debezium's outbox router" },
  { source: 'Idempotency-Key', names: ['Idempotency-Key'], by: 'HTTP gateways' },
  { source: 'webhook-id', names: ['webhook-id'], by: 'Standard Webhooks' },
  { source: 'Nats-Msg-Id', names: ['Nats-Msg-Id'], by: "NATS's bridge" },
  ...['message_id', 'messageid', 'event_id', 'eventid', 'x-event-id'].map(
    (name): CatalogueRow => ({ source: `${name} (any case)`, names: [name], anyCase: true, by: 'many' }),
  ),
];

const NEVER =
  /^(?:(?:x-|cap-|rbs2-|nservicebus\.|kafka_)?(?:corr|correlation)[-_]?id|traceparent|tracestate|b3|x-b3-.*|x-chunk-id)$/i;

/** Whether the header of that name tells something else than one message. */
export function isNeverIdentity(name: string): boolean {
  return NEVER.test(name.trim());
}
