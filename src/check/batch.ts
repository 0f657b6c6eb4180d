/**
 * The check around an `eachBatch` handler. A batch is claimed at once and cut before the first message whose other copy
 * is in progress elsewhere: what lies before is handled, then that one is waited for, with nothing claimed meanwhile,
 * so that two consumers never wait for each other, and the order within the partition stays. It is cut before a reuse
 * of an identity of the same batch too. What turns out to be a reuse is claimed once more, by its payload.
 */
import type { Batch, EachBatchHandler, EachBatchPayload, KafkaMessage } from 'kafkajs';
import type { Checked, Checker, Met, Place } from './checker';
import type { Answer, Attempt, Claim } from './store';

type Handler<Tx> = (payload: EachBatchPayload & { tx: Tx }) => Promise<void>;

/** A part of a batch that was claimed. */
interface Part<Tx> {
  attempt: Attempt<Tx>;
  checked: readonly Checked[];
  /** The messages whose claims the attempt has, by the index of the claim. */
  claimed: readonly Checked[];
  /** Which of the messages are copies of which other one. */
  copies: Map<Checked, Checked>;
}

export function checkedBatch<Tx>(handler: Handler<Tx>, checker: Checker<Tx>): EachBatchHandler {
  return async (payload) => {
    const { batch } = payload;
    const place: Place = { topic: batch.topic, partition: batch.partition, heartbeat: payload.heartbeat };
    let rest: readonly Checked[] = batch.messages.map((message) => checker.check(message, place));
    let turn = 0;
    let since = performance.now();
    while (rest.length > 0) {
      const { claims, claimed, copies, length } = claimsOf(rest);
      const attempt = await checker.begin(claims, place);
      const busy = claimed[attempt.answers.findIndex(({ is }) => is === 'busy')];
      const end = busy === undefined ? length : rest.indexOf(busy);
      if (busy !== undefined && end === 0) {
        await attempt.release();
        await checker.waitTurn(turn++, since, busy, place);
        continue;
      }
      const reused = reusedOf(attempt.answers, claimed);
      if (reused.size > 0) {
        await attempt.release();
        rest = rest.map((one) => {
          const ageMs = reused.get(nameOf(one));
          return ageMs === undefined ? one : checker.reused(one, ageMs);
        });
        continue;
      }
      const part = rest.slice(0, end);
      const isAll = await handlePart(handler, checker, payload, { attempt, checked: part, claimed, copies });
      // To resolve what lies behind would skip what the handler left.
      if (!isAll && !checker.options.autoResolve) return;
      rest = rest.slice(end);
      turn = 0;
      since = performance.now();
    }
  };
}

const nameOf = ({ claim }: Checked) => (claim === null ? '' : claim.key + claim.payload);

/** What was handled before with another payload, by key and payload, and how long ago. */
function reusedOf(answers: readonly Answer[], claimed: readonly Checked[]): Map<string, number> {
  const reused = new Map<string, number>();
  answers.forEach((answer, i) => {
    const one = claimed[i] as Checked;
    if (answer.is === 'done' && answer.payload !== one.claim?.payload) reused.set(nameOf(one), answer.ageMs);
  });
  return reused;
}

/**
 * Each key once: a second copy within the batch is a copy of the first. Ends before the first message that has the
 * identity of an earlier one and another payload: whether it reuses it depends on whether that one is handled.
 */
function claimsOf(checked: readonly Checked[]): {
  claims: Claim[];
  claimed: Checked[];
  copies: Map<Checked, Checked>;
  /** So many of the messages. */
  length: number;
} {
  const claimed = new Map<string, Checked>();
  const copies = new Map<Checked, Checked>();
  let length = 0;
  for (const one of checked) {
    const first = one.claim === null ? undefined : claimed.get(one.claim.key);
    if (first !== undefined && first.claim?.payload !== one.claim?.payload) break;
    if (first !== undefined) copies.set(one, first);
    else if (one.claim !== null) claimed.set(one.claim.key, one);
    length++;
  }
  const firsts = [...claimed.values()];
  const counts = new Map<Checked, number>();
  for (const first of copies.values()) counts.set(first, (counts.get(first) ?? 0) + 1);
  const claims = firsts.map((one): Claim => {
    const count = counts.get(one);
    return count === undefined ? (one.claim as Claim) : { ...(one.claim as Claim), copies: count };
  });
  return { claims, claimed: firsts, copies, length };
}

/** Answers whether all of the part counts as handled. */
async function handlePart<Tx>(
  handler: Handler<Tx>,
  checker: Checker<Tx>,
  payload: EachBatchPayload,
  { attempt, checked, claimed, copies }: Part<Tx>,
): Promise<boolean> {
  const { batch } = payload;
  const place: Place = { topic: batch.topic, partition: batch.partition, heartbeat: payload.heartbeat };
  const progress = new Progress(payload, checker.isAtomic);
  const offsets = claimed.map(({ message }) => Number(message.offset));
  /** Reuses of an identity that are skipped: neither handled nor hits, nor are their copies. */
  const skipped = new Set<Checked>();
  const handled = (index: number) =>
    (offsets[index] as number) <= progress.resolvedTo && !skipped.has(claimed[index] as Checked);
  const hits: Met[] = [];
  const told = new Set<Checked>();
  const tell = (isHit: (one: Checked) => boolean) => {
    const now = hits.filter(({ checked: one }) => !told.has(one) && isHit(one));
    for (const { checked: one } of now) told.add(one);
    tellRuns(checker, now, place);
  };
  const answers = new Map(attempt.answers.map((answer, i) => [claimed[i] as Checked, answer]));
  const isWithin = (one: Checked) =>
    copies.has(one) && answers.get(copies.get(one) as Checked)?.is === 'fresh';
  // A copy within the batch is one when the first of them was handled.
  const isCopied = (one: Checked) =>
    !isWithin(one) || Number(copies.get(one)?.message.offset) <= progress.resolvedTo;
  let isAll = false;
  try {
    const fresh: KafkaMessage[] = [];
    for (const one of checked) {
      const first = copies.get(one);
      const answer = answers.get(first ?? one);
      if (answer?.is === 'done') hits.push({ checked: one, ageMs: answer.ageMs });
      // Handled with the first of them.
      else if (first !== undefined && !skipped.has(first)) hits.push({ checked: one, ageMs: 0 });
      else if (first !== undefined) continue;
      else if ((await checker.decide(one, place)) === 'apply') fresh.push(one.message);
      else skipped.add(one);
    }
    // A kill in the handler leaves these told. What else is in one transaction with the effect is no hit before it.
    if (!checker.isAtomic) tell((one) => !isWithin(one));
    if (fresh.length > 0) {
      const observed = { ...payload, ...progress.functions, batch: only(batch, fresh), tx: attempt.tx };
      await handler(observed);
    }
    isAll =
      (checker.options.autoResolve && !progress.resolvedAny) ||
      fresh.length === 0 ||
      Number(fresh.at(-1)?.offset) <= progress.resolvedTo;
    if (isAll) progress.resolveTo(String(checked.at(-1)?.message.offset));
  } catch (error) {
    // What a handler resolved before it threw was handled; with a transaction of its own nothing was.
    if (checker.isAtomic) await attempt.release();
    else {
      tell(isCopied);
      await checker.settle(attempt, handled).catch(() => undefined);
    }
    throw error;
  }
  await checker.settle(attempt, handled);
  tell(isCopied);
  await progress.take();
  return isAll;
}

/** Hits of one stretch of offsets are told at once, with the oldest age among them. */
function tellRuns<Tx>(checker: Checker<Tx>, hits: readonly Met[], place: Place): void {
  const offsetOf = (i: number) => Number(hits[i]?.checked.message.offset);
  let from = 0;
  for (let i = 1; i <= hits.length; i++) {
    if (offsetOf(i) === offsetOf(i - 1) + 1) continue;
    checker.tellHits(hits.slice(from, i), place);
    from = i;
  }
}

/** The batch with some of its messages; what it says of offsets and lag is said of the whole. */
function only(batch: Batch, messages: KafkaMessage[]): Batch {
  if (messages.length === batch.messages.length) return batch;
  return Object.create(batch, { messages: { value: messages, enumerable: true } }) as Batch;
}

/** What a handler resolves and commits: taken over at once, or, where its effect is in a transaction, after that. */
class Progress {
  resolvedTo = -1;
  resolvedAny = false;
  private commits: (() => Promise<void>)[] = [];

  constructor(
    private readonly payload: EachBatchPayload,
    private readonly later: boolean,
  ) {}

  get functions(): Pick<EachBatchPayload, 'resolveOffset' | 'commitOffsetsIfNecessary'> {
    return {
      resolveOffset: (offset) => {
        this.resolvedAny = true;
        this.resolvedTo = Math.max(this.resolvedTo, Number(offset));
        if (!this.later) this.payload.resolveOffset(offset);
      },
      commitOffsetsIfNecessary: async (offsets) => {
        if (!this.later) await this.payload.commitOffsetsIfNecessary(offsets);
        else this.commits.push(() => this.payload.commitOffsetsIfNecessary(offsets));
      },
    };
  }

  /** Everything up to there is handled or needs no handling. */
  resolveTo(offset: string): void {
    this.resolvedTo = Math.max(this.resolvedTo, Number(offset));
  }

  /** The store has it. */
  async take(): Promise<void> {
    if (this.resolvedTo >= 0) this.payload.resolveOffset(String(this.resolvedTo));
    for (const commit of this.commits.splice(0)) await commit();
  }
}
