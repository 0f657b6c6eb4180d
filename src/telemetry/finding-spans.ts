/**
 * `dupescope.finding`: what the service found out after the fact, and why. One span for a stretch of records, in the
 * trace of the first of them and linked to the spans or traces of the deliveries that it is about. Its id follows from
 * the finding, so that one that is sent twice is the same span.
 *
 * The ledger does not know the trace that a record carried: links and parent are those of records without one.
 */
import type { Attributes, Link, SpanContext } from '@opentelemetry/api';
import { PlaceIds } from './place-ids';
import type { Spans } from './tracer';

/** SDKs keep so many links. */
const LINKS_MAX = 128;
const SAMPLED = 1;

export interface Finding {
  /** As the ledger names it: redelivery, duplicate, id_reuse, rewind, premature_commit, skip. */
  kind: string;
  /** Tells it from others of that kind and record: the span's id follows from it. */
  key: string;
  cluster: string;
  /** Null: of the topic, whoever reads it. */
  group: string | null;
  topic: string;
  topicId: string | null;
  partition: number;
  /** Offsets that it is about, inclusive. */
  first: number;
  last: number;
  records: number;
  /** When it came about, unix ms. */
  at: number;
  cause: string;
  certainty: string;
  because: readonly string[];
  advice: string | null;
  incident: number | null;
  /** Number in the key of the span's id; of a redelivery its attempt. */
  attempt?: number;
  about: readonly FindingLink[];
  /** Of its kind. */
  attributes: Attributes;
}

/** A delivery's span where session and attempt are known, else the trace of the record's deliveries. */
export interface FindingLink {
  offset: number;
  /** Default: the finding's. */
  partition?: number;
  delivery?: { session: string; attempt: number };
  attributes?: Attributes;
}

export function findingSpan(spans: Spans, finding: Finding): void {
  const { api } = spans;
  const { first, attempt = 0, at } = finding;
  const places = new Map<number, PlaceIds>();
  const idsOf = (partition: number) => {
    let ids = places.get(partition);
    if (ids === undefined) {
      ids = new PlaceIds({ ...finding, clusterId: finding.cluster, partition }, finding.group ?? '');
      places.set(partition, ids);
    }
    return ids;
  };
  const links = finding.about.slice(0, LINKS_MAX).map((link): Link => {
    const ids = idsOf(link.partition ?? finding.partition);
    const { offset, delivery, attributes } = link;
    const known = delivery === undefined ? {} : { 'dupescope.delivery.attempt': delivery.attempt };
    return {
      context: remote(
        ids.trace(offset),
        delivery === undefined ? ids.parent(offset) : ids.attempt(delivery.session, offset, delivery.attempt),
      ),
      attributes: { 'kafka.offset': offset, ...known, ...attributes },
    };
  });
  const ids = idsOf(finding.partition);
  const parent = api.trace.setSpanContext(api.ROOT_CONTEXT, remote(ids.trace(first), ids.parent(first)));
  const options = { links, attributes: attributesOf(finding), startTime: at };
  spans
    .start('dupescope.finding', options, parent, ids.attempt(`finding ${finding.key}`, first, attempt))
    .end(at);
}

function remote(traceId: string, spanId: string): SpanContext {
  return { traceId, spanId, traceFlags: SAMPLED, isRemote: true };
}

function attributesOf(finding: Finding): Attributes {
  const { group, because, advice, incident } = finding;
  return {
    'messaging.system.name': 'kafka',
    'messaging.system': 'kafka',
    'messaging.destination.name': finding.topic,
    'messaging.destination.partition.id': String(finding.partition),
    ...(group === null ? {} : { 'messaging.consumer.group.name': group }),
    'dupescope.finding.kind': finding.kind,
    'dupescope.finding.first_offset': finding.first,
    'dupescope.finding.last_offset': finding.last,
    'dupescope.finding.records': finding.records,
    'dupescope.finding.cause': finding.cause,
    'dupescope.finding.certainty': finding.certainty,
    ...(because.length === 0 ? {} : { 'dupescope.finding.because': [...because] }),
    ...(advice === null ? {} : { 'dupescope.finding.advice': advice }),
    ...(incident === null ? {} : { 'dupescope.incident.id': incident }),
    ...finding.attributes,
  };
}
