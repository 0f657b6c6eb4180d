/**
 * The check around an `eachBatch` handler. A batch is claimed at once and cut before the first message whose other copy
 * is in progress elsewhere: what lies before is handled, then that one is waited for, with nothing claimed meanwhile,
 * so that two consumers never wait for each other, and the order within the partition stays.
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
      const { claims, claimed, copies } = claimsOf(rest);
      const attempt = await checker.begin(claims, place);
      const busy = claimed[attempt.answers.findIndex(({ is }) => is === 'busy')];
      const end = busy === undefined ? rest.length : rest.indexOf(busy);
      if (busy !== undefined && end === 0) {
        await attempt.release();
        await checker.waitTurn(turn++, since, busy, place);
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

/** Each key once: a second copy within the batch is a copy of the first. */
function claimsOf(checked: readonly Checked[]): {
  claims: Claim[];
  claimed: Checked[];
  copies: Map<Checked, Checked>;
} {
  const claimed = new Map<string, Checked>();
  const copies = new Map<Checked, Checked>();
  for (const one of checked) {
    if (one.claim === null) continue;
    const first = claimed.get(one.claim.key);
    if (first === undefined) claimed.set(one.claim.key, one);
    else copies.set(one, first);
  }
  const firsts = [...claimed.values()];
  return { claims: firsts.map(({ claim }) => claim as Claim), claimed: firsts, copies };
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
  const handled = (index: number) => (offsets[index] as number) <= progress.resolvedTo;
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
      const { met, ageMs } = await meet(checker, one, answers, copies, place);
      if (met === 'apply') fresh.push(one.message);
      else if (met === 'hit') hits.push({ checked: one, ageMs });
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

/** What a message is to the check; ageMs: of a copy, how long after the first it came. */
async function meet<Tx>(
  checker: Checker<Tx>,
  one: Checked,
  answers: Map<Checked, Answer>,
  copies: Map<Checked, Checked>,
  place: Place,
): Promise<{ met: 'hit' | 'skip' | 'apply'; ageMs: number }> {
  const first = copies.get(one);
  const answer = answers.get(first ?? one);
  // A copy of another message of this batch, which is handled with it.
  const payload = first?.claim?.payload;
  const copied: Answer | undefined =
    payload !== undefined && answer?.is === 'fresh' ? { is: 'done', payload, ageMs: 0 } : answer;
  if (copied?.is !== 'done') return { met: 'apply', ageMs: 0 };
  return { met: await checker.meet(one, copied, place), ageMs: copied.ageMs };
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
