/**
 * `dupescope.finding`: why records were delivered again, as the service found out after the fact. One span for a
 * stretch of records, at the time of the redelivery, in the trace of the first of them and linked to the delivery
 * spans of both attempts. Its id follows from the finding, so that one that is sent twice is the same span.
 *
 * The ledger does not know the trace that a record carried: links and parent are those of records without one.
 */
import type { Attributes, Link } from '@opentelemetry/api';
import { PlaceIds } from './place-ids';
import type { Spans } from './tracer';

/** Records of the stretch that are linked to, each by both attempts: SDKs keep 128 links. */
const RECORDS_MAX = 32;
const SAMPLED = 1;

export interface Finding {
  cluster: string;
  group: string;
  topic: string;
  topicId: string | null;
  partition: number;
  first: number;
  last: number;
  attempt: number;
  /** Unix ms, of the first record of the stretch. */
  at: number;
  previousAt: number;
  cause: string;
  certainty: string;
  /** JSON array of texts. */
  because: string;
  advice: string | null;
  incident: number | null;
  session: string;
  previousSession: string;
}

export function findingSpan(spans: Spans, finding: Finding): void {
  const { api } = spans;
  const { first, last, attempt, group } = finding;
  const ids = new PlaceIds({ ...finding, clusterId: finding.cluster }, group);
  const of = (offset: number, spanId: string) => ({
    traceId: ids.trace(offset),
    spanId,
    traceFlags: SAMPLED,
    isRemote: true,
  });
  const links: Link[] = [];
  for (let offset = first; offset <= last && offset < first + RECORDS_MAX; offset++) {
    const attributes = { 'kafka.offset': offset };
    links.push({
      context: of(offset, ids.attempt(finding.session, offset, attempt)),
      attributes: { ...attributes, 'dupescope.delivery.attempt': attempt },
    });
    links.push({
      context: of(offset, ids.attempt(finding.previousSession, offset, attempt - 1)),
      attributes: { ...attributes, 'dupescope.delivery.attempt': attempt - 1 },
    });
  }
  const parent = api.trace.setSpanContext(api.ROOT_CONTEXT, of(first, ids.parent(first)));
  const options = { links, attributes: attributesOf(finding), startTime: finding.at };
  spans
    .start('dupescope.finding', options, parent, ids.attempt(`finding ${finding.session}`, first, attempt))
    .end(finding.at);
}

function attributesOf(finding: Finding): Attributes {
  const { first, last, advice, incident } = finding;
  return {
    'messaging.system.name': 'kafka',
    'messaging.system': 'kafka',
    'messaging.destination.name': finding.topic,
    'messaging.destination.partition.id': String(finding.partition),
    'messaging.consumer.group.name': finding.group,
    'dupescope.finding.kind': 'redelivery',
    'dupescope.finding.first_offset': first,
    'dupescope.finding.last_offset': last,
    'dupescope.finding.records': last - first + 1,
    'dupescope.delivery.attempt': finding.attempt,
    'dupescope.redelivery.cause': finding.cause,
    'dupescope.redelivery.certainty': finding.certainty,
    'dupescope.redelivery.because': JSON.parse(finding.because) as string[],
    'dupescope.redelivery.gap_seconds': Math.max(0, finding.at - finding.previousAt) / 1_000,
    'dupescope.redelivery.previous_session': finding.previousSession,
    ...(advice === null ? {} : { 'dupescope.redelivery.advice': advice }),
    ...(incident === null ? {} : { 'dupescope.incident.id': incident }),
  };
}
