/**
 * What was read and is not stored yet: bounded, in order, one message to the store at a time. Reading waits while it
 * is full, so memory stays flat when the store is slow.
 *
 * States: open -> failed (the store refused a batch: what is here is dropped, and read again from where the store
 * stands).
 */
import type { ObservedBatch, RecordColumns } from '../../identity';

/** Bytes of columns that may wait. */
const BYTES_MAX = 16 * 1024 ** 2;
/** Of one message: what a slow store is bothered with at once. */
const MESSAGE_BYTES = 4 * 1024 ** 2;
/** Numbers of a record in all columns together. */
const RECORD_BYTES = 47;

export class StoreQueue {
  private waiting: ObservedBatch[] = [];
  private bytes = 0;
  private sending: Promise<void> | null = null;
  private failure: { error: unknown } | null = null;
  private wakers: (() => void)[] = [];

  /**
   * @param send makes the batches durable
   * @param onFailed once, with what `send` rejected with
   */
  constructor(
    private readonly send: (batches: readonly ObservedBatch[]) => Promise<void>,
    private readonly onFailed: (error: unknown) => void,
  ) {}

  /** Nothing waits: all that was put is durable. */
  get isEmpty(): boolean {
    return this.sending === null && this.waiting.length === 0;
  }

  /** Resolves when there is room for more. What comes after a failure is dropped. */
  async put(batch: ObservedBatch): Promise<void> {
    if (this.failure !== null) return;
    this.waiting.push(batch);
    this.bytes += bytesOf(batch.records);
    this.sending ??= this.pump();
    await this.room();
  }

  async room(): Promise<void> {
    while (this.bytes > BYTES_MAX && this.failure === null) {
      await new Promise<void>((resolve) => this.wakers.push(resolve));
    }
  }

  /** Resolves when what was put is stored or has failed. */
  async settled(): Promise<void> {
    await this.sending;
  }

  private async pump(): Promise<void> {
    while (this.waiting.length > 0 && this.failure === null) {
      const { batches, bytes } = this.next();
      try {
        await this.send(batches);
      } catch (error) {
        this.failure = { error };
        this.waiting = [];
        this.onFailed(error);
      }
      this.bytes -= bytes;
      for (const wake of this.wakers.splice(0)) wake();
    }
    this.sending = null;
  }

  private next(): { batches: ObservedBatch[]; bytes: number } {
    let count = 0;
    let bytes = 0;
    while (count < this.waiting.length && (count === 0 || bytes < MESSAGE_BYTES)) {
      bytes += bytesOf((this.waiting[count] as ObservedBatch).records);
      count++;
    }
    return { batches: this.waiting.splice(0, count), bytes };
  }
}

function bytesOf({ count, texts }: RecordColumns): number {
  return 256 + count * RECORD_BYTES + texts.length;
}
