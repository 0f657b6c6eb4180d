/** `instrument`: the one line that an application adds. */
import { fail } from '../errors';
import type { Tracing } from '../telemetry';
import { type Consumer, type ConsumerConfig, type Kafka, looksLikeKafka } from './client-shape';
import { observeConsumer } from './observe-consumer';
import { hearingErrors } from './observing-logger';
import { Session, type SessionConfig } from './session';
import type { Sink } from './sink';

/** Shared by every copy of this package in the process, so that two of them do not count twice. */
const INSTRUMENTED = Symbol.for('dupescope.instrumented');

export interface ObserveOptions {
  /** Called at the first consumer; null when nothing can be observed (told by then). */
  sink: () => Sink | null;
  pastLimitMs: number;
  everyRecord: boolean;
  tracing: Tracing;
}

/** Makes every consumer of `kafka` an observed one. The same object comes back. */
export function observeClient<T extends Kafka>(kafka: T, options: ObserveOptions): T {
  if (!looksLikeKafka(kafka)) {
    fail(
      'not-a-kafka-client',
      'instrument() takes a kafkajs client: instrument(new Kafka({ clientId, brokers })).',
    );
  }
  if (Object.hasOwn(kafka, INSTRUMENTED)) return kafka;
  Object.defineProperty(kafka, INSTRUMENTED, { value: true });
  const makeConsumer = kafka.consumer.bind(kafka);
  kafka.consumer = (config: ConsumerConfig): Consumer => {
    let session: Session | undefined;
    const { made: consumer, heard } = hearingErrors(
      kafka,
      () => makeConsumer(config),
      (error) => session?.handlerThrew(error),
    );
    const sink = options.sink();
    if (sink === null) return consumer;
    try {
      session = new Session(sink, kafka, { ...sessionConfig(config, options), inferEnds: heard });
      return observeConsumer(consumer, session);
    } catch (error) {
      sink.problem(error);
      return consumer;
    }
  };
  return kafka;
}

function sessionConfig(
  config: ConsumerConfig | undefined,
  options: ObserveOptions,
): Omit<SessionConfig, 'inferEnds'> {
  return {
    group: config?.groupId ?? '',
    settings: {
      sessionTimeoutMs: config?.sessionTimeout ?? 30_000,
      rebalanceTimeoutMs: config?.rebalanceTimeout ?? 60_000,
      heartbeatIntervalMs: config?.heartbeatInterval ?? 3_000,
      readUncommitted: config?.readUncommitted === true,
    },
    pastLimitMs: options.pastLimitMs,
    everyRecord: options.everyRecord,
    tracing: options.tracing,
  };
}
