/**
 * Spans of deliveries: `process {topic}`, one for a record that a handler gets, or for the batch that it gets.
 *
 * A record's spans stand in the trace of its own `traceparent`, else in one that follows from its place
 * (`place-ids`). Both times their parent is remote and counts as sampled when the delivery is a redelivery or failed,
 * so that a parent-based sampler, which is what SDKs have by default, keeps them. Each is linked to the message's
 * creation and to the attempt before, whose span id follows from what the ledger knows of it. That span need not
 * exist: a first delivery that had none, or one that its process took with it; the link's attributes tell of it.
 *
 * The ledger does not know what a record carried: what the service finds later stands in the trace of the place. So a
 * span that is always kept and stands in a carried trace has a mark in the place's, of the same id, which links to it.
 */
import type { Attributes, Context, Link, Span, SpanContext, SpanOptions } from '@opentelemetry/api';
import type { OpenTelemetry } from './api';
import {
  type Consuming,
  consumingAttributes,
  deliveryAttributes,
  errorType,
  type MessageShape,
  offsetAttributes,
  recordAttributes,
} from './attributes';
import { type Carries, extracted, type Headers } from './carrier';
import { PlaceIds } from './place-ids';
import type { Spans } from './tracer';

/** SpanKind.CONSUMER and SpanStatusCode.ERROR of the API. */
const CONSUMER = 4;
/** Name of a mark. */
const MARK = 'dupescope.delivery';
const ERROR = 2;
const SAMPLED = 1;

/** One session's consuming of one partition. */
export interface Place extends Consuming {
  clusterId: string | null;
  topicId: string | null;
  session: string;
}

export interface RecordShape extends MessageShape {
  headers: Headers | undefined;
}

/** What is known of a delivery when it begins. */
export interface Standing {
  attempt: number;
  /** False: the ledger did not answer, and the attempt is a lower bound. */
  known: boolean;
  /** Its session has no other delivery of this record that may go by the same number: its span's id can be derived. */
  unique: boolean;
  previous: Previous | null;
  /** Why it is delivered again, where the process itself can tell; see `kafka/known-cause`. */
  cause: KnownCause | null;
}

export interface KnownCause {
  cause: string;
  certainty: string;
}

/** What the handler's own check says of a delivery that it recognised as a copy. */
export interface HitShape {
  /** How long after the first copy this one came. */
  ageMs?: number | undefined;
  /** How long the check remembers. */
  windowMs?: number | undefined;
}

export interface Previous {
  /** Null: told by a service that does not name sessions. */
  session: string | null;
  host: string;
  pid: number;
  /** Unix ms. */
  at: number;
  outcome: string;
}

export const FIRST: Standing = { attempt: 1, known: true, unique: true, previous: null, cause: null };

export class DeliverySpans {
  readonly ids: PlaceIds;
  private readonly partition: string;
  private readonly name: string;
  /** Its parts behind getters cost each span a call. */
  private readonly api: Pick<OpenTelemetry, 'trace' | 'context'>;

  constructor(
    private readonly spans: Spans,
    private readonly isCarried: Carries,
    readonly place: Place,
  ) {
    const { trace, context } = spans.api;
    this.api = { trace, context };
    this.ids = new PlaceIds(place, place.group);
    this.partition = String(place.partition);
    this.name = `process ${place.topic}`;
  }

  /** The context that the record carries; null where it carries none. */
  carried(headers: Headers | undefined): Context | null {
    return this.isCarried(headers) ? extracted(this.spans.api, headers) : null;
  }

  /**
   * @param isWanted keeps the span whatever the record's own trace says of sampling
   * @param startTime unix ms; default now
   */
  start(record: RecordShape, standing: Standing, isWanted: boolean, startTime?: number): Delivering {
    const { trace, context: contexts } = this.api;
    const context = this.carried(record.headers) ?? contexts.active();
    const creation = this.creationIn(record.headers, context);
    const parent = this.parentOf(record.offset, creation, isWanted);
    const around = this.spans.lay(context, trace.wrapSpanContext(parent));
    const links: Link[] = [];
    if (creation !== null) links.push({ context: creation, attributes: { 'dupescope.link': 'creation' } });
    const previous = this.linkToPrevious(record.offset, standing, parent.traceId);
    if (previous !== null) links.push(previous);
    if (creation !== null) {
      links.push({ context: this.placeOf(record.offset), attributes: { 'dupescope.link': 'place' } });
    }
    const attributes = deliveryAttributes(this.place, this.partition, record, standing.attempt);
    addStanding(attributes, standing);
    const options: SpanOptions = { kind: CONSUMER, links, attributes };
    if (startTime !== undefined) options.startTime = startTime;
    const { attempt, unique } = standing;
    const spanId = unique ? this.ids.attempt(this.place.session, record.offset, attempt) : null;
    const span = this.spans.start(this.name, options, around, spanId);
    if (creation !== null && isWanted) this.mark(record, attempt, span.spanContext(), spanId, startTime);
    return new Delivering(span, this.spans.lay(context, span));
  }

  /**
   * One span for the batch, in a trace of its own or the active one.
   *
   * @param carriers those of its records that are linked to by the context that they carry
   */
  startBatch(
    carriers: readonly RecordShape[],
    { records, redelivered }: { records: number; redelivered: number },
    startTime?: number,
  ): Delivering {
    const links: Link[] = [];
    for (const record of carriers) {
      const context = this.carried(record.headers);
      const creation = context === null ? null : this.creationIn(record.headers, context);
      if (creation !== null) links.push({ context: creation, attributes: recordAttributes(record) });
    }
    const active = this.api.context.active();
    const span = this.spans.start(
      this.name,
      {
        kind: CONSUMER,
        links,
        attributes: {
          ...consumingAttributes('process', this.place),
          'messaging.batch.message_count': records,
          'dupescope.batch.redeliveries': redelivered,
        },
        ...(startTime === undefined ? {} : { startTime }),
      },
      active,
    );
    return new Delivering(span, this.spans.lay(active, span));
  }

  /** Of a record of a batch, in the record's own trace: it and the batch's span are linked to each other. */
  startWithin(
    batch: Delivering,
    record: RecordShape,
    standing: Standing,
    isWanted: boolean,
    startTime?: number,
  ): { offset: number; one: Delivering } {
    const { offset } = record;
    const one = this.start(record, standing, isWanted, startTime);
    one.linkTo(batch.span.spanContext(), { 'dupescope.link': 'batch' });
    batch.linkTo(one.span.spanContext(), { 'dupescope.link': 'delivery', ...offsetAttributes(offset) });
    return { offset, one };
  }

  /** What another tracer's span of the same delivery is told, so that there are not two. */
  annotate(span: Span, offset: number, standing: Standing): void {
    const { traceId } = span.spanContext();
    span.setAttributes(addStanding({ 'dupescope.delivery.attempt': standing.attempt }, standing));
    const previous = this.linkToPrevious(offset, standing, traceId);
    if (previous !== null) span.addLink?.(previous);
  }

  private creationIn(headers: Headers | undefined, context: Context): SpanContext | null {
    if (!this.isCarried(headers)) return null;
    const found = this.api.trace.getSpanContext(context);
    return found !== undefined && this.api.trace.isSpanContextValid(found) ? found : null;
  }

  private parentOf(offset: number, creation: SpanContext | null, isWanted: boolean): SpanContext {
    if (creation === null) return this.placeOf(offset);
    return isWanted ? { ...creation, traceFlags: creation.traceFlags | SAMPLED } : creation;
  }

  /** The parent of all deliveries of a record without a trace of its own. */
  private placeOf(offset: number): SpanContext {
    return {
      traceId: this.ids.trace(offset),
      spanId: this.ids.parent(offset),
      traceFlags: SAMPLED,
      isRemote: true,
    };
  }

  /** In the place's trace, of the id that the ledger's facts lead to: where that delivery's span stands. */
  private mark(
    { offset }: RecordShape,
    attempt: number,
    of: SpanContext,
    spanId: string | null,
    startTime = Date.now(),
  ): void {
    const { trace, context } = this.api;
    const parent = this.spans.lay(context.active(), trace.wrapSpanContext(this.placeOf(offset)));
    const { group, topic } = this.place;
    const attributes = {
      'messaging.system.name': 'kafka',
      'messaging.destination.name': topic,
      'messaging.destination.partition.id': this.partition,
      'messaging.consumer.group.name': group,
      ...offsetAttributes(offset),
      'dupescope.delivery.attempt': attempt,
    };
    const links: Link[] = [{ context: of, attributes: { 'dupescope.link': 'delivery' } }];
    this.spans.start(MARK, { links, attributes, startTime }, parent, spanId).end(startTime);
  }

  private linkToPrevious(offset: number, { attempt, previous }: Standing, traceId: string): Link | null {
    if (previous === null) return null;
    const { session, host, pid, at, outcome } = previous;
    // Without a session there is no id to derive; the trace is the right one all the same.
    const spanId =
      session === null ? this.ids.parent(offset) : this.ids.attempt(session, offset, attempt - 1);
    return {
      context: { traceId, spanId, traceFlags: SAMPLED, isRemote: true },
      attributes: {
        'dupescope.link': 'previous_attempt',
        'dupescope.delivery.attempt': attempt - 1,
        ...(session === null ? {} : { 'dupescope.session.id': session }),
        'dupescope.delivery.outcome': outcome,
        'dupescope.delivery.time': new Date(at).toISOString(),
        'host.name': host,
        'process.pid': pid,
      },
    };
  }
}

/** A span and the context in which its handler runs. */
export class Delivering {
  constructor(
    readonly span: Span,
    readonly context: Context,
  ) {}

  linkTo(context: SpanContext, attributes: Attributes): void {
    this.span.addLink?.({ context, attributes });
  }

  ended(): void {
    this.span.end();
  }

  /** The handler's check does not apply it: it is a copy. */
  hit(hit: HitShape, standing: Pick<Standing, 'attempt' | 'known'>): void {
    this.span.setAttributes(hitAttributes(hit, standing));
  }

  failed(error: unknown): void {
    this.span.setAttribute('error.type', errorType(error));
    if (error instanceof Error) this.span.recordException(error);
    this.span.setStatus({ code: ERROR, ...(error instanceof Error ? { message: error.message } : {}) });
    this.span.end();
  }
}

function addStanding(attributes: Attributes, { known, previous, cause }: Standing): Attributes {
  if (!known) attributes['dupescope.delivery.attempt_is_lower_bound'] = true;
  if (previous === null) return attributes;
  attributes['dupescope.redelivery.gap_seconds'] = Math.max(0, Date.now() - previous.at) / 1_000;
  if (previous.session !== null) attributes['dupescope.redelivery.previous_session'] = previous.session;
  if (cause !== null) {
    attributes['dupescope.redelivery.cause'] = cause.cause;
    attributes['dupescope.redelivery.certainty'] = cause.certainty;
  }
  return attributes;
}

/** A first delivery that is a copy is one of another record: a duplicate. Where the attempt is not known, nor is that. */
export function hitAttributes(
  { ageMs, windowMs }: HitShape,
  { attempt, known }: Pick<Standing, 'attempt' | 'known'>,
): Attributes {
  const attributes: Attributes = { 'dupescope.idempotency.hit': true };
  if (attempt > 1) attributes['dupescope.idempotency.copy'] = 'redelivery';
  else if (known) attributes['dupescope.idempotency.copy'] = 'duplicate';
  if (ageMs !== undefined) attributes['dupescope.idempotency.age_seconds'] = ageMs / 1_000;
  if (windowMs !== undefined) attributes['dupescope.idempotency.window_seconds'] = windowMs / 1_000;
  return attributes;
}
