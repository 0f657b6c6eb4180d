/** `idempotent`: the check around a handler, one message at a time (`eachMessage`) or a batch (`eachBatch`). */
import type { EachBatchHandler, EachBatchPayload, EachMessageHandler, EachMessagePayload } from 'kafkajs';
import { checkedBatch } from './batch';
import { Checker, type Outside } from './checker';
import { checkOptions, type IdempotentOptions } from './options';
import type { Answer } from './store';

export type { Outside } from './checker';

/** What `run` takes as `eachMessage`. */
export type CheckedHandler = EachMessageHandler & {
  /** Gives back what the store holds. The process's end does that too. */
  close(): Promise<void>;
};

/** What `run` takes as `eachBatch`. */
export type CheckedBatchHandler = EachBatchHandler & { close(): Promise<void> };

export interface Idempotent {
  /**
   * Calls the handler once for each message, by its identity.
   *
   * @param handler gets kafkajs's payload; with PostgreSQL also `tx`, the client whose transaction the check is part of
   * @throws DupescopeError 'bad-configuration'. What the wrapped handler rejects with: the handler's own error, an
   *   `IdReuse`, 'identity-missing', 'copy-in-progress' or 'check-unreachable'.
   */
  <Tx = undefined>(
    handler: (payload: EachMessagePayload & { tx: Tx }) => Promise<void>,
    options: IdempotentOptions<Tx>,
  ): CheckedHandler;
  /**
   * The same for a batch: the handler gets those of its messages that are to be handled, and is not called when there
   * are none. It may be called more than once for a batch, when a message in the middle must wait for another copy.
   * With PostgreSQL what it resolves and commits takes effect when the transaction has been committed.
   */
  eachBatch<Tx = undefined>(
    handler: (payload: EachBatchPayload & { tx: Tx }) => Promise<void>,
    options: IdempotentOptions<Tx>,
  ): CheckedBatchHandler;
}

export function makeIdempotent(outside: Outside): Idempotent {
  const idempotent = <Tx>(
    handler: (payload: EachMessagePayload & { tx: Tx }) => Promise<void>,
    options: IdempotentOptions<Tx>,
  ): CheckedHandler => {
    const checker = new Checker(checkOptions(options), outside);
    return Object.assign(checkedMessage(handler, checker), { close: () => checker.close() });
  };
  const eachBatch = <Tx>(
    handler: (payload: EachBatchPayload & { tx: Tx }) => Promise<void>,
    options: IdempotentOptions<Tx>,
  ): CheckedBatchHandler => {
    const checker = new Checker(checkOptions(options), outside);
    return Object.assign(checkedBatch(handler, checker), { close: () => checker.close() });
  };
  return Object.assign(idempotent, { eachBatch });
}

function checkedMessage<Tx>(
  handler: (payload: EachMessagePayload & { tx: Tx }) => Promise<void>,
  checker: Checker<Tx>,
): EachMessageHandler {
  return async (payload) => {
    const { topic, partition } = payload;
    const place = { topic, partition, heartbeat: payload.heartbeat };
    let checked = checker.check(payload.message, place);
    const since = performance.now();
    for (let turn = 0; ; turn++) {
      // A message without an identity is claimed by nothing, and still gets its transaction.
      const claims = checked.claim === null ? [] : [checked.claim];
      const attempt = await checker.begin(claims, place);
      const answer: Answer = attempt.answers[0] ?? { is: 'fresh' };
      if (answer.is === 'busy') {
        await checker.waitTurn(turn, since, checked, place);
        continue;
      }
      if (answer.is === 'done' && answer.payload !== checked.claim?.payload) {
        await attempt.release();
        checked = checker.reused(checked, answer.ageMs);
        continue;
      }
      let isApplied = false;
      try {
        isApplied = answer.is === 'fresh' && (await checker.decide(checked, place)) === 'apply';
        if (isApplied) await handler({ ...payload, tx: attempt.tx });
      } catch (error) {
        await attempt.release();
        throw error;
      }
      // What is skipped is not handled: its claim goes.
      await checker.settle(attempt, () => isApplied);
      if (answer.is === 'done') checker.tellHits([{ checked, ageMs: answer.ageMs }], place);
      return;
    }
  };
}
