/**
 * The hot path: what one session does before and after its handler gets a record of one partition.
 *
 *     idle -> begin(offset): the journal knows before the handler does -> succeeded() | failed(error)
 *
 * Most records of a fast handler cost a few comparisons: a write to the journal reserves the next offsets, as many as
 * the present pace hands over in RESERVE_MS. A kill leaves at most those uncertain. A handler slower than SURE_MS a
 * record gets a write for every record, and none is uncertain. `npm run bench:instrument`.
 */
import type { Journal } from '../journal';
import { checksumOf, Field, Flag, SLOT_DOUBLES } from '../journal/slot';
import { type Outcome, type Ref, RUN_RECORDS_MAX } from '../ledger';
import type { Delivering } from '../telemetry';
import type { KafkaMessage } from './client-shape';
import { errorText } from './error-text';
import { FinishedRecords } from './finished-records';

/**
 * One write to the journal serves the records of this long, in ms, and at most so many. A write costs 0.9 us in a loop
 * of its own and 3 to 5 us between records, where the caches hold other things (measured 2026-11-23, 2 cores).
 */
const RESERVE_MS = 0.6;
const RESERVE_MAX = 128;
/** A handler at least this slow, in ms a record, gets a write for each: a kill leaves no record uncertain. */
const SURE_MS = 0.05;
/** A handler at least this slow, in ms a record, gets a second write when it has handled one. */
const SLOW_MS = 0.2;
/** A run holds the deliveries of at most this long. */
const RUN_MS = 10_000;
/** A batch with gaps is told in lines of at most so many ranges. */
const RANGES_MAX = 4_000;

export interface TrackOptions {
  journal: Journal;
  track: Ref;
  topic: string;
  partition: number;
  /** A pause of this long between two records ends the run: another member may have delivered meanwhile. */
  idleMs: number;
  /** Write before every record: nothing is ever uncertain. */
  everyRecord: boolean;
  /** Errors of handlers are told by `threw`, so that ends within a reserve may be inferred. */
  inferEnds: boolean;
  /** Of a track that withholds: a transaction may still drop what its handler finishes. */
  isUncommitted?: () => boolean;
  onProblem: (error: unknown) => void;
}

/** What the handler of the moment reports to; replaced when one begins before its predecessor has ended. */
export interface Settlement {
  ok: () => void;
  error: (error: unknown) => void;
}

/** Who is told of deliveries' ends, where the application has OpenTelemetry. Never throws. */
export interface TrackWatcher {
  /** Before the record or batch in hand is let go. @param startedAt unix ms, at most a reserve too early */
  failed(track: Track, error: unknown, startedAt: number): void;
  /** A record that was begun with a write of its own, or a batch, has been handled. */
  ended(track: Track, ms: number): void;
  /** Spans that were made of hits in hand are to be ended: the handler has done with them, or it is not known how. */
  hitsEnded(track: Track): void;
}

/** The span of a record that a handler has. */
export interface SpanInHand {
  offset: number;
  one: Delivering;
}

/** Those of a batch that a handler has. */
export interface BatchInHand {
  batch: Delivering;
  ones: readonly SpanInHand[];
  /** How many of `ones` are not there by choice: redelivered records, which come first. */
  wanted: number;
  hits: number;
}

/** A stretch that this session itself has delivered since it got the partition. */
export interface OwnStretch {
  first: number;
  last: number;
  handled: number;
  at: number;
  outcome: Outcome;
  /** When its run began, unix ms; of runs that were put together, the last one. */
  from: number;
}

/** So many own stretches are remembered; steady consuming is one. */
const OWN_MAX = 256;

export class Track {
  readonly topic: string;
  readonly partition: number;
  readonly ref: Ref;
  /** The join at which this track was acquired; deliveries of another one wait for what is known. Below -1: suspended. */
  epoch = -1;
  member: Ref = -1;
  /** The message or batch that a handler has now. */
  current: KafkaMessage | null = null;
  batch: readonly KafkaMessage[] | null = null;
  /** Last offset of the fetched batch: no reserve beyond it. */
  batchLast = Number.MAX_SAFE_INTEGER;
  /** Every offset up to `batchLast` is a record: the fetched batch has no gap. */
  batchWhole = false;
  settlement: Settlement;
  /** The topic was made anew under this name: another track tells of it. */
  retired = false;
  watcher: TrackWatcher | null = null;
  /** Beyond this offset every delivery is a first one, as far as is known. */
  repeatsUpTo = -1;
  /** The message that has a span already, and that span. */
  spanned: KafkaMessage | null = null;
  span: Delivering | null = null;
  batchSpan: BatchInHand | null = null;
  /** Spans of hits in hand that nobody else ends; null: none, as for nearly every record. */
  hitSpans: SpanInHand[] | null = null;

  /** What was delivered before the open run since `take`, oldest first. */
  readonly own: OwnStretch[] = [];

  private readonly values = new Float64Array(SLOT_DOUBLES);
  private readonly words = new Int32Array(this.values.buffer);
  private readonly bytes = new Uint8Array(this.values.buffer);
  private readonly options: TrackOptions;
  private next = -1;
  private handled = -1;
  private reserved = -1;
  private reserve = 0;
  /** First offset of the open run in the slot; -1: none. */
  private first = -1;
  /** First offset of the open run, in the slot or listed. */
  private started = -1;
  private writtenTo = -1;
  private writtenAt = 0;
  private startedAt = 0;
  private pacedAt = 0;
  private pacedFrom = 0;
  private pending = false;
  /** Nobody watches the handler's promise: its end follows from what comes next. */
  private inferred = false;
  private slow = false;
  /** Where the application's own commit went past what it has in hand, and when; -1: nowhere. */
  private ahead = -1;
  private aheadAt = 0;
  /** Number of the first run of a batch with gaps, while its handler has it, and the ranges of its runs. */
  private listed: number | null = null;
  private ranges: readonly [first: number, last: number][] = [];
  /** What the check of the open stretch of hits remembers, in ms; null: it does not say. */
  private hitWindowMs: number | null = null;
  private fetchedFrom = 0;
  /** Offsets are committed by transactions: what the handler has finished is handled when that is answered. */
  private withheld = false;
  /** Everything of the run before this offset is finished. */
  private finishedTo = -1;
  private readonly finished = new FinishedRecords();

  constructor(options: TrackOptions) {
    this.options = options;
    this.topic = options.topic;
    this.ref = options.track;
    this.partition = options.partition;
    this.values[Field.committed] = -1;
    this.values[Field.last] = -1;
    this.values[Field.hitFirst] = -1;
    this.values[Field.promised] = -1;
    this.settlement = this.settle();
  }

  /** The offset that was handed over last; -1: none since the run before ended. */
  get lastOffset(): number {
    return this.next - 1;
  }

  /** Everything of the batch in hand before this offset is handled. */
  get handledTo(): number {
    return this.handled;
  }

  /** When what the handler has in hand began, unix ms; at most a reserve too early. */
  get begunAt(): number {
    return wallClock(this.pacedAt);
  }

  /** -1: nothing was acknowledged yet, and no run has begun. */
  get committedTo(): number {
    return this.values[Field.committed] as number;
  }

  /** Records of the fetched batch that a handler has got, by offsets. */
  get handedOver(): number {
    return Math.max(0, this.next - this.fetchedFrom);
  }

  /** Handled and not committed: how many, and since when (unix ms); null: nothing. */
  get exposed(): { records: number; since: number } | null {
    const committed = this.values[Field.committed] as number;
    const since = this.values[Field.exposedSince] as number;
    if (committed < 0 || since === 0 || this.handled <= committed) return null;
    return { records: this.handled - committed, since };
  }

  /**
   * Before the handler gets the record. Answers whether its promise must be watched: within a reserve it need not be
   * (a reaction of our own costs 0.1 us a record), as kafkajs comes to the next record, or to the batch's end, only
   * when the last one ended well, and tells an error by its log (see `observing-logger`).
   */
  begin(offset: number, message: KafkaMessage): boolean {
    const reserved = offset === this.next && offset <= this.reserved;
    if (reserved && this.options.inferEnds && (this.inferred || !this.pending)) {
      this.current = message;
      this.handled = offset;
      this.next = offset + 1;
      this.pending = true;
      this.inferred = true;
      return false;
    }
    if (this.pending) {
      if (this.inferred) this.inferEnd(offset);
      else this.overtaken();
    }
    this.current = message;
    this.pending = true;
    if (offset === this.next && offset <= this.reserved) this.next = offset + 1;
    else this.beginWritten(offset);
    return true;
  }

  /** kafkajs's log told that the handler threw at `offset`. */
  threw(offset: number, error: unknown): void {
    if (this.pending && this.inferred && offset === this.next - 1) this.failed(error);
  }

  /** The handler has done with what it got. */
  succeeded(): void {
    this.pending = false;
    this.inferred = false;
    this.current = null;
    this.finish(this.next);
    this.ahead = -1;
    if (this.hitSpans !== null) this.watcher?.hitsEnded(this);
    if (this.slow) this.write(performance.now());
  }

  failed(error: unknown): void {
    this.watcher?.failed(this, error, this.begunAt);
    this.pending = false;
    this.inferred = false;
    this.current = null;
    this.batch = null;
    this.close('failed', errorText(error));
  }

  /** Before an eachBatch handler gets `messages`. One write, or one line where the batch has gaps. */
  beginBatch(messages: readonly KafkaMessage[]): void {
    if (this.pending) this.overtaken();
    const first = Number(messages[0]?.offset);
    const last = Number(messages[messages.length - 1]?.offset);
    if (messages.length === 0 || !Number.isSafeInteger(first)) return;
    this.batch = messages;
    this.pending = true;
    const length = last - first + 1;
    if (length !== messages.length || length > RUN_RECORDS_MAX) {
      this.beginListed(messages, first);
      return;
    }
    const now = performance.now();
    if (this.mustOpen(first, last, now)) this.open(first, now);
    this.pacedAt = now;
    this.pacedFrom = first;
    this.next = last + 1;
    this.reserved = last;
    this.slow = false;
    this.pacedAt = now;
    this.write(now);
  }

  /**
   * The handler's own check has recognised [first..last], which the handler has now, and does not apply them. One
   * write; contiguous hits of a run are one line in the log.
   */
  hit(first: number, last: number, ageMs: number | null, windowMs: number | null): void {
    if (this.listed === null) this.growHits(first, last, ageMs, windowMs);
    else {
      for (const [from, to] of this.ranges) {
        if (from <= last && to >= first) {
          this.growHits(Math.max(from, first), Math.min(to, last), ageMs, windowMs);
        }
      }
    }
    const now = performance.now();
    // Hits are quick, and tell nothing of how quickly the next record is applied: that one is written alone.
    this.reserved = this.next - 1;
    this.reserve = 0;
    this.pacedAt = now - SLOW_MS;
    this.pacedFrom = last;
    this.write(now);
  }

  /** The eachBatch handler has resolved `offset`. */
  resolved(offset: number): void {
    if (!this.pending || !(offset < this.next)) return;
    this.finish(offset + 1, true);
    const now = performance.now();
    if (now - this.writtenAt > 1 && this.listed === null) this.write(now);
  }

  /** The eachBatch handler returned. @param all kafkajs resolves the batch itself; else what was not resolved comes again */
  batchSucceeded(all: boolean): void {
    this.pending = false;
    this.batch = null;
    if (all) this.finish(this.next);
    if (Math.max(this.handled, this.finishedTo) < this.next) this.close('unresolved');
    else if (this.listed !== null) this.close('handled');
    else this.write(performance.now());
    if (this.hitSpans !== null) this.watcher?.hitsEnded(this);
    this.watcher?.ended(this, performance.now() - this.pacedAt);
  }

  /** kafkajs is done with the batch of an eachMessage consumer: nothing is in flight. */
  endBatch(): void {
    this.batchLast = Number.MAX_SAFE_INTEGER;
    if (this.pending && this.inferred) this.inferEnd(this.next);
    if (!this.pending) this.rest();
  }

  /** Writes where the track stands; nothing more is reserved. */
  rest(): void {
    if (this.first < 0 || this.pending) return;
    this.reserved = this.next - 1;
    this.write(performance.now());
  }

  /** kafkajs begins with a fetched batch. @param whole every offset up to `last` is a record of it */
  beginFetched(first: number, last: number, whole: boolean): void {
    this.fetchedFrom = first;
    this.batchLast = last;
    this.batchWhole = whole;
  }

  /** What of the fetched batch lies ahead and would be jumped over by a seek to `target`; null: nothing known. */
  jumpedOver(target: number): [first: number, last: number] | null {
    if (!this.batchWhole || this.next < 0 || this.batchLast === Number.MAX_SAFE_INTEGER) return null;
    const last = Math.min(target - 1, this.batchLast);
    return last >= this.next ? [this.next, last] : null;
  }

  /**
   * A commit of this session was acknowledged. Answers the offset that it went down from, else null.
   * @param offset below 0: kafkajs found the offset out of range, and commits the name of an end of the log
   * @param byHand the application named the offset; kafkajs itself commits nothing that it has not seen handled
   */
  committed(offset: number, byHand: boolean): number | null {
    if (offset < 0) return this.values[Field.committed] as number;
    if (!byHand && this.pending && this.inferred && offset >= this.next) this.succeeded();
    if (byHand && this.pending && offset > this.handled) {
      this.ahead = offset;
      this.aheadAt = wallClock(performance.now());
    }
    return this.acknowledged(offset);
  }

  private acknowledged(offset: number): number | null {
    const before = this.values[Field.committed] as number;
    const seen = ((this.values[Field.flags] as number) & Flag.commitSeen) !== 0;
    this.notePeak();
    this.values[Field.committed] = offset;
    this.values[Field.flags] = (this.values[Field.flags] as number) | Flag.commitSeen;
    this.values[Field.exposedSince] = offset >= this.handled ? 0 : wallClock(performance.now());
    this.write(performance.now());
    return seen && offset < before ? before : null;
  }

  /** From here on what the handler finishes is handled when a transaction has committed it. */
  withhold(): void {
    if (this.withheld) return;
    this.withheld = true;
    this.finishedTo = this.handled;
    this.reserved = this.next - 1;
    this.reserve = 0;
    if (this.next >= 0) this.write(performance.now());
  }

  /** The consumer commits by itself: what is finished is handled. */
  release(): void {
    if (!this.withheld) return;
    this.withheld = false;
    this.values[Field.promised] = -1;
    this.tellCovered(Number.MAX_SAFE_INTEGER);
    this.handled = Math.max(this.handled, this.finishedTo);
    if (this.next >= 0) this.write(performance.now());
  }

  /** A transaction is about to commit `offset`; -1: it was aborted. One write, before it is sent. */
  promise(offset: number): void {
    this.values[Field.promised] = offset;
    this.write(performance.now());
  }

  /**
   * A transaction has committed `offset`: what was handed over below it is handled, also what its handler still has.
   * Answers the offset that it went down from, else null.
   */
  transacted(offset: number): number | null {
    this.values[Field.promised] = -1;
    this.tellCovered(offset);
    if (this.first >= 0 || this.listed !== null) {
      this.handled = Math.max(this.handled, Math.min(offset, this.next));
      this.finishedTo = Math.max(this.finishedTo, this.handled);
    }
    return this.acknowledged(offset);
  }

  /** The next delivery waits, as one of a new member does; nothing else changes. */
  suspend(): void {
    if (this.epoch >= 0) this.epoch = -2 - this.epoch;
  }

  resume(): void {
    if (this.epoch < -1) this.epoch = -2 - this.epoch;
  }

  /** From here on other deliveries are those of a new member; `epoch` lets the next one through. */
  take(epoch: number, member: Ref): void {
    if (this.pending && this.inferred) this.inferEnd(null);
    if (this.first >= 0 && !this.pending) this.close('handled');
    this.epoch = epoch;
    this.member = member;
    this.own.length = 0;
    this.repeatsUpTo = -1;
    const flags = this.values[Field.flags] as number;
    this.values[Field.flags] = flags & ~Flag.commitSeen;
    this.values[Field.committed] = -1;
    this.values[Field.exposedSince] = 0;
  }

  /** Ends the run of a track that is not this session's any more, unless a handler still has its record. */
  leave(): void {
    if (this.pending && this.inferred) this.inferEnd(null);
    if (this.first >= 0 && !this.pending) this.close('handled');
  }

  /** The exposure is at its greatest right before a commit. */
  private notePeak(): void {
    const { values } = this;
    const records = this.handled - (values[Field.committed] as number);
    if (records <= 0) return;
    const now = wallClock(performance.now());
    const hour = Math.floor(now / 3_600_000);
    const since = values[Field.exposedSince] as number;
    const isSame = values[Field.peakHour] === hour;
    values[Field.peakHour] = hour;
    values[Field.peakRecords] = Math.max(isSame ? (values[Field.peakRecords] as number) : 0, records);
    const ms = since > 0 ? now - since : 0;
    values[Field.peakMs] = Math.max(isSame ? (values[Field.peakMs] as number) : 0, ms);
  }

  /** What became of the record in hand, from what kafkajs does next: gets to `offset`, or (null) joins anew. */
  private inferEnd(offset: number | null): void {
    if (this.hitSpans !== null) this.watcher?.hitsEnded(this);
    this.pending = false;
    this.inferred = false;
    this.current = null;
    const wentOn = offset !== null && offset >= this.next;
    const committed = (this.values[Field.committed] as number) >= this.next;
    if (wentOn || committed) this.finish(this.next);
    // The same record again without a word in the log: an error of kafkajs's own class, which it does not log.
    else if (offset === this.next - 1) this.close('failed');
    else this.close('unresolved');
  }

  /** The handler is done with everything before `offset`; `goesOn`: it has not returned, and may begin a transaction. */
  private finish(offset: number, goesOn = false): void {
    this.finishedTo = Math.max(this.finishedTo, offset);
    if (this.withheld && (goesOn || this.options.isUncommitted?.() !== false)) return;
    this.handled = Math.max(this.handled, offset);
  }

  private keepFinished(): void {
    const last = this.finishedTo - 1;
    if (this.listed === null) this.finished.keep(this.values[Field.run] as number, this.handled, last);
    else
      for (const { run, first, last: to } of this.listedBetween(this.handled, last))
        this.finished.keep(run, first, to);
  }

  /** A transaction has committed `offset`: told of runs that ended before, and of those of the batch in hand. */
  private tellCovered(offset: number): void {
    const { journal, track } = this.options;
    const at = wallClock(performance.now());
    const covered = this.finished.take(offset);
    // A slot does not tell of a batch with gaps: a kill would leave it in flight.
    if (this.listed !== null) covered.push(...this.listedBetween(this.handled, offset - 1));
    for (const stretch of covered) journal.append({ t: 'covered', track, ...stretch, at });
  }

  /** Of the batch with gaps that is in hand: the parts of its runs from `from` to `to`. */
  private listedBetween(from: number, to: number): { run: number; first: number; last: number }[] {
    const run = this.listed as number;
    return this.ranges
      .map(([first, last], i) => ({ run: run + i, first: Math.max(first, from), last: Math.min(last, to) }))
      .filter(({ first, last }) => first <= last);
  }

  private growHits(first: number, last: number, ageMs: number | null, windowMs: number | null): void {
    const { values } = this;
    const open = values[Field.hitFirst] as number;
    const end = values[Field.hitLast] as number;
    const isNext = open >= 0 && first >= open && first <= end + 1 && windowMs === this.hitWindowMs;
    if (isNext && this.runOf(first) === this.runOf(open)) {
      values[Field.hitLast] = Math.max(end, last);
      values[Field.hitAgeMs] = Math.max(values[Field.hitAgeMs] as number, ageMs ?? -1);
      return;
    }
    this.closeHits();
    values[Field.hitFirst] = first;
    values[Field.hitLast] = last;
    values[Field.hitAgeMs] = ageMs ?? -1;
    this.hitWindowMs = windowMs;
  }

  /** Before the line of their run, so that who knows how a record ended knows whether it was a hit. */
  private closeHits(): void {
    const { values } = this;
    const first = values[Field.hitFirst] as number;
    if (first < 0) return;
    const ageMs = values[Field.hitAgeMs] as number;
    this.options.journal.append({
      t: 'hit',
      track: this.options.track,
      run: this.runOf(first),
      first,
      last: values[Field.hitLast] as number,
      at: wallClock(performance.now()),
      ageMs: ageMs < 0 ? null : ageMs,
      windowMs: this.hitWindowMs,
    });
    values[Field.hitFirst] = -1;
  }

  /** Number of the run that has that offset. */
  private runOf(offset: number): number {
    if (this.listed === null) return this.values[Field.run] as number;
    return this.listed + this.ranges.findIndex(([first, last]) => first <= offset && offset <= last);
  }

  private beginWritten(offset: number): void {
    const now = performance.now();
    if (this.mustOpen(offset, offset, now)) this.open(offset, now);
    // From the last such write to this one: what writes in between (commits, slow handlers' ends) tells no pace.
    const pace = (now - this.pacedAt) / Math.max(1, offset - this.pacedFrom);
    this.pacedAt = now;
    this.pacedFrom = offset;
    this.slow = pace > SLOW_MS;
    // Grows by doubling, so that one quick record does not open a wide reserve.
    const fitting =
      this.options.everyRecord || this.withheld || pace >= SURE_MS ? 0 : Math.floor(RESERVE_MS / pace);
    this.reserve = Math.min(fitting, 2 * this.reserve + 1, RESERVE_MAX);
    this.next = offset + 1;
    this.reserved = Math.min(offset + this.reserve, this.batchLast, this.first + RUN_RECORDS_MAX - 1);
    if (this.reserved < offset) this.reserved = offset;
    this.write(now);
  }

  private mustOpen(first: number, last: number, now: number): boolean {
    return (
      this.first < 0 ||
      first !== this.next ||
      now - this.startedAt > RUN_MS ||
      // A slow handler may have lost its partition meanwhile: who was first then must be told by the run's start.
      now - this.pacedAt > this.options.idleMs ||
      last - this.first >= RUN_RECORDS_MAX
    );
  }

  private open(offset: number, now: number): void {
    if (this.first >= 0) this.close(this.handled < this.next ? 'unresolved' : 'handled');
    this.first = offset;
    this.started = offset;
    this.handled = offset;
    this.finishedTo = offset;
    this.next = offset;
    this.finished.supersede(offset);
    this.startedAt = now;
    this.writtenTo = offset;
    this.writtenAt = now;
    // A run begins with the pace unknown: its first record is written alone.
    this.pacedAt = now - SLOW_MS;
    this.pacedFrom = offset - 1;
    this.values[Field.run] = this.options.journal.nextRun();
    this.values[Field.member] = this.member;
    this.values[Field.first] = offset;
    this.values[Field.firstAt] = wallClock(now);
    if ((this.values[Field.committed] as number) < 0) this.values[Field.committed] = offset;
  }

  /** Ends the open run: one line in the log, then the slot says so. */
  private close(how: Exclude<Outcome, 'open' | 'in_flight'>, error?: string): void {
    const outcome = how === 'handled' && this.handled < this.next ? 'unresolved' : how;
    const now = performance.now();
    if (outcome !== 'handled') this.tellPremature(outcome);
    this.ahead = -1;
    this.remember(outcome, wallClock(now));
    this.closeHits();
    if (this.withheld && this.finishedTo > this.handled) this.keepFinished();
    if (this.listed !== null) this.closeListed(outcome, now, error);
    else if (this.first >= 0) {
      this.options.journal.append({
        t: 'run',
        run: this.values[Field.run] as number,
        track: this.options.track,
        member: this.values[Field.member] as number,
        first: this.first,
        last: this.next - 1,
        handled: this.handled,
        uncertainLast: this.next - 1,
        firstAt: this.values[Field.firstAt] as number,
        lastAt: this.next > this.writtenTo ? wallClock(now) : (this.values[Field.lastAt] as number),
        outcome,
        ...(error === undefined ? {} : { error }),
      });
    }
    const last = this.next - 1;
    this.first = -1;
    this.reserved = last;
    this.write(now);
    this.next = -1;
    this.reserved = -1;
  }

  private tellPremature(outcome: 'failed' | 'unresolved'): void {
    const last = Math.min(this.ahead, this.next) - 1;
    if (last < this.handled) return;
    const { journal, track } = this.options;
    journal.append({ t: 'premature', track, at: this.aheadAt, first: this.handled, last, outcome });
  }

  private remember(outcome: Outcome, at: number): void {
    const from = wallClock(this.listed === null ? this.startedAt : this.pacedAt);
    const stretch = { first: this.started, last: this.next - 1, handled: this.handled, at, outcome, from };
    if (stretch.last > this.repeatsUpTo) this.repeatsUpTo = stretch.last;
    const before = this.own.at(-1);
    if (before?.outcome === 'handled' && outcome === 'handled' && before.last + 1 === stretch.first) {
      Object.assign(before, { ...stretch, first: before.first });
      return;
    }
    this.own.push(stretch);
    if (this.own.length > OWN_MAX) this.own.shift();
  }

  private beginListed(messages: readonly KafkaMessage[], first: number): void {
    if (this.first >= 0) this.close(this.handled < this.next ? 'unresolved' : 'handled');
    const { journal, track } = this.options;
    const at = wallClock(performance.now());
    const ranges = rangesOf(messages);
    this.ranges = ranges;
    this.listed = journal.nextRun(ranges.length);
    for (let i = 0; i < ranges.length; i += RANGES_MAX) {
      const part = ranges.slice(i, i + RANGES_MAX);
      journal.append({ t: 'batch', run: this.listed + i, track, member: this.member, at, ranges: part });
    }
    if ((this.values[Field.committed] as number) < 0) this.values[Field.committed] = first;
    this.started = first;
    this.handled = first;
    this.finishedTo = first;
    this.finished.supersede(first);
    this.pacedAt = performance.now();
    this.next = (ranges.at(-1)?.[1] ?? first) + 1;
  }

  private closeListed(outcome: Exclude<Outcome, 'open' | 'in_flight'>, now: number, error?: string): void {
    const run = this.listed as number;
    this.listed = null;
    this.options.journal.append({
      t: 'batch-end',
      run,
      track: this.options.track,
      handled: this.handled,
      outcome,
      at: wallClock(now),
      ...(error === undefined ? {} : { error }),
    });
  }

  private write(now: number): void {
    const { values } = this;
    const exposed = this.handled > (values[Field.committed] as number) && this.handled >= 0;
    if (!exposed) values[Field.exposedSince] = 0;
    else if (values[Field.exposedSince] === 0) values[Field.exposedSince] = wallClock(now);
    values[Field.seq] = (values[Field.seq] as number) + 1;
    if (this.next >= 0) values[Field.last] = this.next - 1;
    values[Field.reserved] = this.reserved;
    values[Field.handled] = this.handled;
    values[Field.lastAt] = wallClock(now);
    const seen = (values[Field.flags] as number) & Flag.commitSeen;
    const hits = this.first >= 0 && (values[Field.hitFirst] as number) >= 0 ? Flag.hits : 0;
    const withheld = this.withheld ? Flag.withheld : 0;
    values[Field.flags] =
      seen | hits | withheld | (this.first >= 0 ? Flag.open : 0) | (this.pending ? Flag.busy : 0);
    values[Field.checksum] = checksumOf(this.words, 0);
    this.writtenAt = now;
    this.writtenTo = this.next;
    const half = ((values[Field.seq] as number) & 1) as 0 | 1;
    this.options.journal.writeSlot(this.options.track, half, this.bytes);
  }

  /** A record begins while a handler still has an earlier one (after a lost session): the old one's end tells nothing. */
  private overtaken(): void {
    if (this.hitSpans !== null) this.watcher?.hitsEnded(this);
    this.pending = false;
    this.inferred = false;
    this.settlement = this.settle();
    if (this.first >= 0 || this.listed !== null) this.close('unresolved');
  }

  /** Both ends are ours and may not throw: they run in the application's microtasks. */
  private settle(): Settlement {
    const settlement: Settlement = {
      ok: () => {
        if (this.settlement !== settlement) return;
        this.succeeded();
        // Begun with a write of its own: when is known.
        if (this.watcher !== null && this.pacedFrom === this.next - 1)
          this.watcher.ended(this, performance.now() - this.pacedAt);
      },
      error: (error) => {
        try {
          if (this.settlement === settlement) this.failed(error);
        } catch (own) {
          this.options.onProblem(own);
        }
      },
    };
    return settlement;
  }
}

function rangesOf(messages: readonly KafkaMessage[]): [number, number][] {
  const ranges: [number, number][] = [];
  let open: [number, number] | null = null;
  for (const message of messages) {
    const offset = Number(message.offset);
    if (open !== null && offset === open[1] + 1 && offset - open[0] < RUN_RECORDS_MAX) open[1] = offset;
    else {
      open = [offset, offset];
      ranges.push(open);
    }
  }
  return ranges;
}

let wallOffset = Date.now() - performance.now();
let wallCheckedAt = 0;

/** Unix ms of a reading of performance.now(): follows steps of the system's clock within a second. */
export function wallClock(now: number): number {
  if (now - wallCheckedAt > 1_000) {
    wallCheckedAt = now;
    wallOffset = Date.now() - performance.now();
  }
  return now + wallOffset;
}
