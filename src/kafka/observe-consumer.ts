/**
 * Puts an observer around one kafkajs consumer: the same object, with `run`, `seek`, `stop` and `disconnect`
 * replaced and listeners added. Payloads, results and errors pass through untouched; what is ours is caught.
 */
import { isPromise } from 'node:util/types';
import { type Exposed, exposeBy, isWrapped } from '../telemetry';
import type { Consumer, ConsumerRunConfig, EachBatchPayload, EachMessagePayload } from './client-shape';
import { OFFSET_COMMIT } from './commit-requests';
import { errorText } from './error-text';
import { toOffset } from './offset';
import { liveSessions, type Session } from './session';
import type { EachBatch, EachMessage } from './traced-handler';
import type { Track } from './track';

/** How long `stop` and `disconnect` may wait for the store to take the last evidence. */
const FLUSH_LIMIT_MS = 2_000;

exposeBy(exposures);

export function observeConsumer(consumer: Consumer, session: Session): Consumer {
  const original = {
    run: consumer.run,
    seek: consumer.seek,
    stop: consumer.stop,
    disconnect: consumer.disconnect,
    commitOffsets: consumer.commitOffsets,
  };
  const quietly = guard(session);
  liveSessions.add(session);
  listen(consumer, session, quietly);

  consumer.run = (config) => {
    if (config === undefined) return original.run(config);
    const observed = { ...config };
    quietly(() => {
      liveSessions.add(session);
      session.otherTracing = otherTracing(original.run, config);
      tellRun(session, config);
      if (config.eachMessage) observed.eachMessage = observeEachMessage(config.eachMessage, session);
      if (config.eachBatch) {
        observed.eachBatch = observeEachBatch(
          config.eachBatch,
          session,
          config.eachBatchAutoResolve !== false,
        );
      }
    });
    return original.run(observed);
  };

  consumer.seek = (target) => {
    original.seek(target);
    quietly(() => {
      session.seeked(target.topic, target.partition, String(target.offset));
      session.telemetry?.seeked(target.topic, target.partition, Number(target.offset));
    });
  };

  consumer.commitOffsets = async (offsets) => {
    const sentAt = Date.now();
    quietly(() => {
      for (const { topic, partition, offset } of offsets)
        session.committingByHand(topic, partition, Number(offset));
    });
    try {
      await original.commitOffsets(offsets);
    } catch (error) {
      quietly(() => {
        session.commitFailed(errorText(error));
        for (const { topic, partition, offset } of offsets)
          session.telemetry?.commitFailed(topic, partition, Number(offset), sentAt, error);
      });
      throw error;
    } finally {
      quietly(() => {
        for (const { topic, partition } of offsets) session.commitByHandSettled(topic, partition);
      });
    }
    quietly(() => {
      for (const { topic, partition, offset } of offsets)
        session.committedByHand(topic, partition, Number(offset));
    });
  };

  consumer.stop = async () => {
    await original.stop();
    await session.sink.flush(FLUSH_LIMIT_MS).catch(() => false);
  };

  consumer.disconnect = async () => {
    await original.disconnect();
    await Promise.all([
      session.sink.flush(FLUSH_LIMIT_MS).catch(() => false),
      session.atRest(FLUSH_LIMIT_MS).catch(() => undefined),
    ]);
    liveSessions.delete(session);
  };
  return consumer;
}

function observeEachMessage(handler: EachMessage, session: Session): EachMessage {
  // The track of the last record: the next one is nearly always of the same partition.
  let last: Track | undefined;
  // As kafkajs wrote it for the last record: within a batch it is the same string, which costs nothing to compare.
  let lastTopic: string | undefined;

  return (payload) => {
    const { topic, partition } = payload;
    if (last === undefined || last.partition !== partition || lastTopic !== topic || last.retired) {
      last = session.tracks.get(topic)?.get(partition);
      lastTopic = topic;
    }
    if (last !== undefined && last.epoch === session.epoch && !last.retired) {
      return deliver(handler, session, last, payload);
    }
    return session.acquire(topic, partition, Number(payload.message.offset)).then(
      (track) => deliver(handler, session, track, payload),
      (error) => {
        session.sink.problem(error);
        return handler(payload);
      },
    );
  };
}

/** The hot path of eachMessage. */
function deliver(
  handler: EachMessage,
  session: Session,
  track: Track,
  payload: EachMessagePayload,
): Promise<void> {
  let watched = true;
  let run = handler;
  try {
    const offset = toOffset(payload.message.offset);
    watched = track.begin(offset, payload.message);
    if (session.telemetry !== null) run = session.telemetry.around(handler, track, offset, payload.message);
  } catch (error) {
    session.sink.problem(error);
  }
  if (!watched) return run(payload);
  const { settlement } = track;
  let result: Promise<void>;
  try {
    result = run(payload);
  } catch (error) {
    settlement.error(error);
    throw error;
  }
  if (result instanceof Promise || isPromise(result)) {
    result.then(settlement.ok, settlement.error);
    return result;
  }
  if (typeof (result as { then?: unknown } | undefined)?.then === 'function') {
    // A thenable may do its work in `then`: it is called once, for both of us.
    const once = Promise.resolve(result);
    once.then(settlement.ok, settlement.error);
    return once;
  }
  settlement.ok();
  return result;
}

function observeEachBatch(handler: EachBatch, session: Session, autoResolve: boolean): EachBatch {
  const quietly = guard(session);

  const deliver = async (track: Track, payload: EachBatchPayload): Promise<void> => {
    let run = handler;
    quietly(() => {
      const { messages } = payload.batch;
      track.beginBatch(messages);
      if (session.telemetry !== null) run = session.telemetry.aroundBatch(handler, track, messages);
    });
    const { settlement } = track;
    const mine = () => track.settlement === settlement;
    const observed: EachBatchPayload = {
      ...payload,
      resolveOffset: (offset) => {
        payload.resolveOffset(offset);
        if (mine()) quietly(() => track.resolved(Number(offset)));
      },
      commitOffsetsIfNecessary: async (offsets) => {
        const { topic, partition } = payload.batch;
        const sentAt = Date.now();
        let named: number | null = null;
        quietly(() => {
          named = namedOffset(offsets, topic, partition);
          if (named !== null) session.committingByHand(topic, partition, named);
        });
        try {
          await payload.commitOffsetsIfNecessary(offsets);
        } catch (error) {
          quietly(() => {
            session.commitFailed(errorText(error));
            session.telemetry?.commitFailed(topic, partition, named ?? track.handledTo, sentAt, error);
          });
          throw error;
        } finally {
          quietly(() => session.commitByHandSettled(topic, partition));
        }
      },
    };
    try {
      await run(observed);
    } catch (error) {
      if (mine()) quietly(() => track.failed(error));
      throw error;
    }
    if (mine()) quietly(() => track.batchSucceeded(autoResolve));
  };

  return async (payload) => {
    const { topic, partition, messages } = payload.batch;
    let track = session.tracks.get(topic)?.get(partition);
    if (track === undefined || track.epoch !== session.epoch) {
      track = await session
        .acquire(topic, partition, Number(messages[0]?.offset ?? 0))
        .catch((error: unknown) => {
          session.sink.problem(error);
          return undefined;
        });
    }
    return track === undefined ? handler(payload) : deliver(track, payload);
  };
}

/** Where another instrumentation has wrapped `run`: below us, or above us, and then the handler is its wrapper. */
function otherTracing(run: unknown, config: ConsumerRunConfig): Session['otherTracing'] {
  if (isWrapped(config.eachMessage) || isWrapped(config.eachBatch)) return 'outside';
  return isWrapped(run) ? 'inside' : null;
}

/** What a call of commitOffsetsIfNecessary names for this partition; null where kafkajs commits what is resolved. */
function namedOffset(offsets: unknown, topic: string, partition: number): number | null {
  const topics = (
    offsets as { topics?: { topic: string; partitions: { partition: number; offset: string }[] }[] }
  )?.topics;
  const found = topics
    ?.find((one) => one.topic === topic)
    ?.partitions.find((one) => one.partition === partition);
  return found === undefined ? null : Number(found.offset);
}

function tellRun(session: Session, config: ConsumerRunConfig): void {
  session.running({
    handler: config.eachBatch && !config.eachMessage ? 'eachBatch' : 'eachMessage',
    autoCommit: config.autoCommit !== false,
    autoCommitIntervalMs: config.autoCommitInterval ?? null,
    autoCommitThreshold: config.autoCommitThreshold ?? null,
    eachBatchAutoResolve: config.eachBatchAutoResolve !== false,
    partitionsConsumedConcurrently: config.partitionsConsumedConcurrently ?? 1,
  });
}

function listen(consumer: Consumer, session: Session, quietly: (work: () => void) => void): void {
  const { events } = consumer;
  consumer.on(events.GROUP_JOIN, ({ payload }) =>
    quietly(() => {
      liveSessions.add(session);
      session.joined(payload.memberId, payload.isLeader, payload.memberAssignment);
    }),
  );
  consumer.on(events.REBALANCING, () => quietly(() => session.rebalanceAnnounced()));
  consumer.on(events.REQUEST, ({ payload }) => {
    if (payload.apiKey === OFFSET_COMMIT) session.telemetry?.commitAnswered(payload.sentAt);
  });
  consumer.on(events.HEARTBEAT, ({ payload }) =>
    quietly(() => session.generation(payload.memberId, payload.groupGenerationId)),
  );
  consumer.on(events.START_BATCH_PROCESS, ({ payload }) =>
    quietly(() => {
      const { topic, partition, firstOffset, lastOffset, batchSize } = payload;
      session.batchBegins(topic, partition, Number(firstOffset), Number(lastOffset), batchSize);
    }),
  );
  consumer.on(events.END_BATCH_PROCESS, ({ payload }) =>
    quietly(() => {
      const track = session.tracks.get(payload.topic)?.get(payload.partition);
      track?.endBatch();
      if (track !== undefined) session.telemetry?.consumed(track, payload.batchSize);
    }),
  );
  consumer.on(events.COMMIT_OFFSETS, ({ payload }) =>
    quietly(() => {
      session.commitsItself();
      session.generation(payload.memberId, payload.groupGenerationId);
      for (const { topic, partitions } of payload.topics) {
        // Strings in automatic commits, numbers and Longs in manual ones.
        for (const { partition, offset } of partitions) {
          session.committed(topic, Number(partition), Number(String(offset)));
        }
      }
    }),
  );
  consumer.on(events.STOP, () => quietly(() => session.ended('stop')));
  consumer.on(events.DISCONNECT, () => quietly(() => session.ended('disconnect')));
  consumer.on(events.CRASH, ({ payload }) =>
    quietly(() => session.ended('crash', payload.error, payload.restart)),
  );
}

function* exposures(): Generator<Exposed> {
  for (const session of liveSessions) {
    for (const track of session.allTracks()) {
      if (track.epoch !== session.epoch || track.retired) continue;
      const { records, since } = track.exposed ?? { records: 0, since: 0 };
      const seconds = since === 0 ? 0 : Math.max(0, Date.now() - since) / 1_000;
      yield { group: session.config.group, topic: track.topic, partition: track.partition, records, seconds };
    }
  }
}

/** Runs our own work so that its failure is told and goes no further. */
function guard(session: Session): (work: () => void) => void {
  return (work) => {
    try {
      work();
    } catch (error) {
      session.sink.problem(error);
    }
  };
}
