/** A handler within a span: the same arguments, result and errors; what is ours runs quietly beside it. */
import type { Context } from '@opentelemetry/api';
import type { Delivering, RecordShape, Spans } from '../telemetry';
import type { ConsumerRunConfig, KafkaMessage } from './client-shape';
import type { BatchInHand, SpanInHand, Track } from './track';

export type EachMessage = NonNullable<ConsumerRunConfig['eachMessage']>;
export type EachBatch = NonNullable<ConsumerRunConfig['eachBatch']>;

type Quietly = (work: () => void) => void;

export function inContext<Payload>(
  { api }: Spans,
  context: Context,
  handler: (payload: Payload) => Promise<void>,
  payload: Payload,
): Promise<void> {
  return api.context.with(context, handler, undefined, payload);
}

/** The span ends when the handler does. */
export function within(
  spans: Spans,
  delivering: Delivering,
  handler: EachMessage,
  quietly: Quietly,
): EachMessage {
  const ended = () => quietly(() => delivering.ended());
  const failed = (error: unknown) => quietly(() => delivering.failed(error));
  return (payload) => {
    let result: Promise<void>;
    try {
      result = inContext(spans, delivering.context, handler, payload);
    } catch (error) {
      failed(error);
      throw error;
    }
    if (typeof (result as { then?: unknown } | undefined)?.then !== 'function') {
      ended();
      return result;
    }
    // A thenable may do its work in `then`: it is called once, for both of us.
    const once = result instanceof Promise ? result : Promise.resolve(result);
    once.then(ended, failed);
    return once;
  };
}

/**
 * The spans of the batch's records end with it, well where the handler resolved them before it threw.
 *
 * @param failing makes those of records that had none and that the handler left
 */
export function withinBatch(
  spans: Spans,
  handler: EachBatch,
  track: Track,
  { batch, ones }: BatchInHand,
  failing: (startedAt: number) => readonly SpanInHand[],
  quietly: Quietly,
): EachBatch {
  return async (payload) => {
    const startedAt = Date.now();
    try {
      await inContext(spans, batch.context, handler, payload);
    } catch (error) {
      quietly(() => {
        for (const { one } of failing(startedAt)) one.failed(error);
        for (const { offset, one } of ones) {
          if (offset < track.handledTo) one.ended();
          else one.failed(error);
        }
        batch.failed(error);
      });
      throw error;
    }
    quietly(() => {
      for (const { one } of ones) one.ended();
      batch.ended();
    });
  };
}

/** A batch that has spans only when its handler throws. */
export function failingBatch(
  handler: EachBatch,
  failed: (error: unknown, startedAt: number) => void,
  quietly: Quietly,
): EachBatch {
  return async (payload) => {
    const startedAt = Date.now();
    try {
      await handler(payload);
    } catch (error) {
      quietly(() => failed(error, startedAt));
      throw error;
    }
  };
}

export function recordOf({ offset, key, value, headers }: KafkaMessage): RecordShape {
  return { offset: Number(offset), key, value, headers };
}
