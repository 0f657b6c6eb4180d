/**
 * What one session tells OpenTelemetry, where the application has registered a provider; else there is none of this.
 *
 * The way of a record: `around` answers the handler itself (a first delivery that has no span and carries no context:
 * three comparisons), the handler in the context that the record carries, or the handler within a span. Errors of
 * handlers that had no span come by `failed`, from the track.
 */
import type { Span } from '@opentelemetry/api';
import {
  type Carries,
  type Consuming,
  carries,
  commitSpan,
  type Delivering,
  DeliverySpans,
  errorType,
  FIRST,
  type HitShape,
  handlerBelow,
  hitAttributes,
  type Meters,
  meterAttributes,
  type RecordShape,
  registeredMeters,
  registeredSpans,
  type Spans,
  type Standing,
  seekSpan,
  shareOf,
  type Tracing,
} from '../telemetry';
import type { KafkaMessage } from './client-shape';
import { deliveryIn, redeliveredIn } from './delivery';
import { BATCH_SPANS_MAX, countHits, endHits, startHit, toldOfHit } from './hit-spans';
import { knownCause } from './known-cause';
import type { Session } from './session';
import {
  type EachBatch,
  type EachMessage,
  failingBatch,
  inContext,
  recordOf,
  within,
  withinBatch,
} from './traced-handler';
import { type SpanInHand, type Track, type TrackWatcher, wallClock } from './track';

/** Links of a batch's span; SDKs keep no more by default. */
const LINKS_MAX = 128;

/** Made anew when more is known of the cluster, the topic or the client. */
interface Subject {
  clusterId: string | null;
  topicId: string | null;
  clientId: string | null;
  spans: DeliverySpans;
}

export class SessionTelemetry implements TrackWatcher {
  private readonly share: number;
  /** Whether a record carries context that the application's propagator reads. */
  private readonly isCarried: Carries;
  /** First deliveries have no span of ours, and run in the context that they carry. */
  private readonly firstsUntraced: boolean;
  private readonly subjects = new WeakMap<Track, Subject>();
  /** Hits are counted once, however often an application tells of them. */
  private readonly hits = new WeakSet<object>();
  private readonly sharedAttributes = new WeakMap<Track, ReturnType<typeof meterAttributes>>();
  /** When the last OffsetCommit was sent, unix ms. */
  private commitSentAt = 0;

  private constructor(
    private readonly session: Session,
    readonly spans: Spans | null,
    readonly meters: Meters | null,
    tracing: Tracing,
  ) {
    // Another tracer's spans are there for every delivery.
    this.share = session.otherTracing === null ? shareOf(tracing) : 0;
    this.isCarried = carries(spans?.api.propagation.fields() ?? []);
    this.firstsUntraced = spans !== null && session.otherTracing === null && this.share === 0;
  }

  /** Null where nothing is registered; `before` where nothing has changed. */
  static of(session: Session, before: SessionTelemetry | null): SessionTelemetry | null {
    const { tracing } = session.config;
    const spans = tracing === 'off' ? null : registeredSpans();
    const meters = registeredMeters();
    if (before !== null && before.spans === spans && before.meters === meters) return before;
    return spans === null && meters === null ? null : new SessionTelemetry(session, spans, meters, tracing);
  }

  /** Right before the handler gets the record, when the track knows of it. */
  around(handler: EachMessage, track: Track, offset: number, message: KafkaMessage): EachMessage {
    if (offset <= track.repeatsUpTo) return this.aroundRepeated(handler, track, offset, message);
    if (this.firstsUntraced && !this.isCarried(message.headers)) return handler;
    return this.aroundFirst(handler, track, offset, message);
  }

  private aroundFirst(
    handler: EachMessage,
    track: Track,
    offset: number,
    message: KafkaMessage,
  ): EachMessage {
    if (this.spans === null || this.session.otherTracing !== null) return handler;
    if (this.share === 0) return this.inCarried(handler, track, message);
    const spans = this.spansOf(track);
    if (this.share < 1 && spans.ids.dice(offset) >= this.share)
      return this.inCarried(handler, track, message);
    const standing = this.isKnown(track)
      ? FIRST
      : { ...FIRST, known: false, unique: this.session.epoch === 1 };
    track.spanned = message;
    track.span = spans.start(recordOf(message), standing, false);
    return within(this.spans, track.span, handler, this.quietly);
  }

  private aroundRepeated(
    handler: EachMessage,
    track: Track,
    offset: number,
    message: KafkaMessage,
  ): EachMessage {
    const standing = this.standingOf(track, message);
    const { otherTracing } = this.session;
    if (standing.previous !== null) this.meters?.redeliveries.add(1, this.attributesOf(track));
    if (this.spans === null) return handler;
    if (standing.previous === null) {
      return otherTracing === null ? this.inCarried(handler, track, message) : handler;
    }
    const spans = this.spansOf(track);
    if (otherTracing === 'inside') {
      const active = activeSpan(this.spans);
      if (active !== undefined) spans.annotate(active, offset, standing);
      return handler;
    }
    const own = otherTracing === 'outside' ? handlerBelow(handler) : handler;
    if (own === null) return handler;
    track.spanned = message;
    track.span = spans.start(recordOf(message), standing, true);
    return within(this.spans, track.span, own, this.quietly);
  }

  /** Right before an eachBatch handler gets its batch. */
  aroundBatch(handler: EachBatch, track: Track, messages: readonly KafkaMessage[]): EachBatch {
    track.batchSpan = null;
    const repeated = redeliveredIn(this.session, track, messages);
    if (repeated.length > 0) this.meters?.redeliveries.add(repeated.length, this.attributesOf(track));
    const { otherTracing } = this.session;
    if (this.spans === null || messages.length === 0) return handler;
    if (otherTracing === 'inside') {
      // Its spans of the records have ended by now or are out of reach: the batch's is told how many.
      const active = repeated.length === 0 ? undefined : activeSpan(this.spans);
      active?.setAttribute('dupescope.batch.redeliveries', repeated.length);
      return handler;
    }
    const own = otherTracing === 'outside' ? handlerBelow(handler) : handler;
    if (own === null) return handler;
    const spans = this.spansOf(track);
    const redelivered = repeated.slice(0, BATCH_SPANS_MAX);
    const firsts = this.chosenIn(messages, redelivered, spans);
    if (repeated.length > 0 || firsts.length > 0) {
      const records = [...redelivered, ...firsts];
      const counts = { records: messages.length, redelivered: repeated.length };
      const batch = spans.startBatch(this.carriersIn(messages, records), counts);
      const ones = records.map((message, i) => {
        const isWanted = i < redelivered.length;
        return spans.startWithin(batch, recordOf(message), this.standingOf(track, message), isWanted);
      });
      track.batchSpan = { batch, ones, wanted: redelivered.length, hits: 0 };
      const failing = (startedAt: number) => this.startFailed(track, messages, batch, startedAt);
      return withinBatch(this.spans, own, track, track.batchSpan, failing, this.quietly);
    }
    if (otherTracing !== null) return handler;
    const counts = { records: messages.length, redelivered: 0 };
    return failingBatch(
      handler,
      (error, at) => {
        const failed = this.unfinishedIn(track, messages);
        const batch = spans.startBatch(this.carriersIn(messages, failed), counts, at);
        for (const { one } of this.startFailed(track, messages, batch, at)) one.failed(error);
        batch.failed(error);
      },
      this.quietly,
    );
  }

  /** First deliveries of a batch that have a span by `all` or the ratio: the same records in every process. */
  private chosenIn(
    messages: readonly KafkaMessage[],
    redelivered: readonly KafkaMessage[],
    { ids }: DeliverySpans,
  ): KafkaMessage[] {
    const chosen: KafkaMessage[] = [];
    if (this.share === 0) return chosen;
    const others = new Set(redelivered);
    for (const message of messages) {
      if (chosen.length + others.size >= BATCH_SPANS_MAX) break;
      if (others.has(message)) continue;
      if (this.share === 1 || ids.dice(Number(message.offset)) < this.share) chosen.push(message);
    }
    return chosen;
  }

  /** Records of a batch whose handler threw before it had done with them, and that have no span. */
  private unfinishedIn(track: Track, messages: readonly KafkaMessage[]): KafkaMessage[] {
    // Another batch is in hand by now: nothing is known of this one.
    if (track.batch !== messages) return [];
    const spanned = [...(track.batchSpan?.ones ?? []), ...(track.hitSpans ?? [])];
    const offsets = new Set(spanned.map(({ offset }) => offset));
    const unfinished: KafkaMessage[] = [];
    for (const message of messages) {
      if (unfinished.length + spanned.length >= BATCH_SPANS_MAX) break;
      const offset = Number(message.offset);
      if (offset >= track.handledTo && !offsets.has(offset)) unfinished.push(message);
    }
    return unfinished;
  }

  private startFailed(
    track: Track,
    messages: readonly KafkaMessage[],
    batch: Delivering,
    startedAt: number,
  ): SpanInHand[] {
    const spans = this.spansOf(track);
    return this.unfinishedIn(track, messages).map((message) =>
      spans.startWithin(batch, recordOf(message), this.standingOf(track, message), true, startedAt),
    );
  }

  /** The handler's check has recognised these as copies: each has its span, told of that where it is there already. */
  hit(track: Track, messages: readonly Pick<KafkaMessage, 'offset'>[], hit: HitShape): void {
    this.quietly(() => {
      const news = messages.filter((message) => !this.hits.has(message)) as KafkaMessage[];
      for (const message of news) this.hits.add(message);
      if (news.length > 0) this.meters?.hits.add(news.length, this.attributesOf(track));
      if (this.spans === null) return;
      const spans = this.session.otherTracing === null ? this.spansOf(track) : null;
      for (const message of news) {
        const standing = this.standingOf(track, message);
        if (toldOfHit(track, message, hit, standing)) continue;
        if (spans !== null) startHit(spans, track, message, hit, standing);
        else activeSpan(this.spans)?.setAttributes(hitAttributes(hit, standing));
      }
      countHits(track, news.length);
    });
  }

  hitsEnded(track: Track): void {
    this.quietly(() => endHits(track));
  }

  /** A handler threw: a delivery that has no span gets one, from when it began at the earliest. */
  failed(track: Track, error: unknown, startedAt: number): void {
    this.quietly(() => {
      const { current, batch } = track;
      endHits(track, { error });
      if (this.meters !== null) {
        const attributes = this.attributesOf(track);
        this.meters.consumed.add(batch?.length ?? track.handedOver, attributes);
        const ms = Math.max(0, wallClock(performance.now()) - startedAt);
        this.meters.processDuration.record(ms / 1_000, { ...attributes, 'error.type': errorType(error) });
      }
      if (this.spans === null || this.session.otherTracing !== null) return;
      if (current === null || track.spanned === current) return;
      const standing = this.standingOf(track, current);
      this.spansOf(track).start(recordOf(current), standing, true, startedAt).failed(error);
    });
  }

  ended(track: Track, ms: number): void {
    this.quietly(() => this.meters?.processDuration.record(ms / 1_000, this.attributesOf(track)));
  }

  /** kafkajs is done with a fetched batch. */
  consumed(track: Track, records: number): void {
    this.meters?.consumed.add(records, this.attributesOf(track));
  }

  commitAnswered(sentAt: number): void {
    this.commitSentAt = sentAt;
  }

  committed(topic: string, partition: number, offset: number, loweredFrom: number | null): void {
    if (this.spans === null) return;
    if (loweredFrom === null && this.share < 1 && Math.random() >= this.share) return;
    const extra = loweredFrom === null ? {} : { loweredFrom };
    commitSpan(this.spans, this.consuming(topic, partition), offset, this.commitSentAt || Date.now(), extra);
  }

  commitFailed(topic: string, partition: number, offset: number, sentAt: number, error: unknown): void {
    if (this.spans === null) return;
    commitSpan(this.spans, this.consuming(topic, partition), offset, sentAt, { error });
  }

  seeked(topic: string, partition: number, target: number): void {
    if (this.spans !== null) seekSpan(this.spans, this.consuming(topic, partition), target);
  }

  private inCarried(handler: EachMessage, track: Track, message: KafkaMessage): EachMessage {
    const { spans } = this;
    if (spans === null || !this.isCarried(message.headers)) return handler;
    const context = this.spansOf(track).carried(message.headers);
    return context === null ? handler : (payload) => inContext(spans, context, handler, payload);
  }

  /** What a batch's span links to besides the spans of its records. */
  private carriersIn(messages: readonly KafkaMessage[], spanned: readonly KafkaMessage[]): RecordShape[] {
    const carriers: RecordShape[] = [];
    for (const message of messages) {
      if (carriers.length + spanned.length >= LINKS_MAX) break;
      if (this.isCarried(message.headers)) carriers.push(recordOf(message));
    }
    return carriers;
  }

  private standingOf(track: Track, message: KafkaMessage): Standing {
    const { attempt, known, previous } = deliveryIn(this.session, track, message);
    return {
      attempt,
      known,
      // A session's first member has none before; what later ones had is counted by the ledger.
      unique: known || this.session.epoch === 1,
      previous: previous === null ? null : { ...previous, session: previous.session ?? null },
      cause: previous === null ? null : knownCause(this.session, track, Number(message.offset), previous),
    };
  }

  private isKnown(track: Track): boolean {
    return this.session.pasts.get(track)?.complete === true;
  }

  private spansOf(track: Track): DeliverySpans {
    const { clusterId, clientId, key } = this.session;
    const { topic, partition } = track;
    const topicId = this.session.topicId(topic);
    const known = this.subjects.get(track);
    if (known?.clusterId === clusterId && known.topicId === topicId && known.clientId === clientId) {
      return known.spans;
    }
    const place = { ...this.consuming(topic, partition), clusterId, topicId, session: key };
    const spans = new DeliverySpans(this.spans as Spans, this.isCarried, place);
    this.subjects.set(track, { clusterId, topicId, clientId, spans });
    return spans;
  }

  private consuming(topic: string, partition: number): Consuming {
    const { clientId, config } = this.session;
    return { group: config.group, clientId, topic, partition };
  }

  private attributesOf(track: Track): ReturnType<typeof meterAttributes> {
    let attributes = this.sharedAttributes.get(track);
    if (attributes === undefined) {
      attributes = meterAttributes(this.session.config.group, track.topic, track.partition);
      this.sharedAttributes.set(track, attributes);
    }
    return attributes;
  }

  /** The application's SDK may throw in ways of its own; that is not the application's handler's problem. */
  private readonly quietly = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      this.session.sink.problem(error);
    }
  };
}

function activeSpan({ api }: Spans): Span | undefined {
  return api.trace.getSpan(api.context.active());
}
