/**
 * One producer object's life in this process, as evidence: what it is configured with, as far as that decides about
 * duplicates and loss, and how often a send was tried again or its answer was lost.
 *
 *     created -> connected (told with its settings) -> counting -> disconnected (told), connected again...
 *
 * kafkajs tells of a failed attempt by its log alone: an error, or, while it reconnects, a debug line, each with the
 * number of the retry. Counts are told every TELL_MS while they change, and when an attempt has failed every second.
 */
import { randomUUID } from 'node:crypto';
import { thisProcess } from '../journal';
import type { ProducerCounts, ProducerSettings, Ref } from '../ledger';
import { VERSION } from '../version';
import type { Sink } from './sink';

const TELL_MS = 10_000;
const TELL_FAILED_MS = 1_000;
/** Kafka knows three values; others are refused by it. */
const ACKS_MAX = 8;

/**
 * Failures of an attempt that leave open whether the broker has written it: the connection went, no answer came in time,
 * or the answer says that it was written to too few replicas.
 */
const UNANSWERED =
  /Closed connection|ECONNRESET|EPIPE|timed out|written to the log, but to fewer in-sync replicas/i;

export class ProducerSession {
  private readonly ref: Ref;
  private readonly counts: ProducerCounts = {
    sends: 0,
    messages: 0,
    stamped: 0,
    failedAttempts: 0,
    unanswered: 0,
    failedSends: 0,
    acks: [],
  };
  clusterId: string | null = null;
  private begun = false;
  private changed = false;
  private toldAt = Number.NEGATIVE_INFINITY;

  constructor(
    readonly sink: Sink,
    private readonly settings: ProducerSettings,
  ) {
    this.ref = sink.journal.nextRef();
  }

  /** The producer is connected; told once. */
  begin(clusterId: string | null): void {
    if (this.begun) return;
    this.begun = true;
    this.clusterId = clusterId;
    const { host, pid, bootId } = thisProcess();
    this.sink.journal.define({
      t: 'producer',
      producer: this.ref,
      key: randomUUID(),
      clusterId,
      host,
      pid,
      bootId,
      at: Date.now(),
      version: VERSION,
      settings: this.settings,
    });
  }

  sending(messages: number, stamped: number, acks: number): void {
    const { counts } = this;
    counts.sends++;
    counts.messages += messages;
    counts.stamped += stamped;
    if (Number.isInteger(acks) && !counts.acks.includes(acks) && counts.acks.length < ACKS_MAX)
      counts.acks = [...counts.acks, acks].sort();
    this.changed = true;
    this.tell(TELL_MS);
  }

  /** A send was given up: kafkajs rejected it. */
  gaveUp(): void {
    this.counts.failedSends++;
    this.changed = true;
    this.tell(TELL_FAILED_MS);
  }

  /** kafkajs's log told of an attempt that failed. */
  attemptFailed(message: string): void {
    this.counts.failedAttempts++;
    if (UNANSWERED.test(message)) this.counts.unanswered++;
    this.changed = true;
    this.tell(TELL_FAILED_MS);
  }

  /** Tells the counts now, unless they are the same. */
  tell(everyMs = 0): void {
    const now = performance.now();
    if (!this.begun || !this.changed || now - this.toldAt < everyMs) return;
    this.toldAt = now;
    this.changed = false;
    this.sink.journal.append({ t: 'sends', producer: this.ref, at: Date.now(), ...this.counts });
  }
}
