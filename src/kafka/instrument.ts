/** `instrument`: the one line that an application adds. */
import { fail } from '../errors';
import type { ProducerSettings } from '../ledger';
import type { Tracing } from '../telemetry';
import {
  type Consumer,
  type ConsumerConfig,
  type Kafka,
  looksLikeKafka,
  type Producer,
  type ProducerConfig,
} from './client-shape';
import { CommitRequests } from './commit-requests';
import { observeConsumer } from './observe-consumer';
import { observeProducer } from './observe-producer';
import { hearingErrors, hearingSends } from './observing-logger';
import { transactions } from './open-transactions';
import { ProducerSession } from './producer-session';
import { Session, type SessionConfig } from './session';
import type { Sink } from './sink';

/** Shared by every copy of this package in the process, so that two of them do not count twice. */
const INSTRUMENTED = Symbol.for('dupescope.instrumented');

export interface ObserveOptions {
  /** Called at the first consumer; null when nothing can be observed (told by then). */
  sink: () => Sink | null;
  pastLimitMs: number;
  everyRecord: boolean;
  /** Give messages without an identity an id. */
  stamp: boolean;
  tracing: Tracing;
}

/** Makes every consumer and producer of `kafka` an observed one. The same object comes back. */
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
    const commits = new CommitRequests((reason) => session?.commitFailed(reason));
    const { made: consumer, heard } = hearingErrors(kafka, () => makeConsumer(config), {
      onError: (error) => session?.handlerThrew(error),
      onOutOfRange: (topic, partition) => session?.outOfRange(topic, partition),
      ofConnection: () => commits.connection(),
    });
    const sink = options.sink();
    if (sink === null) return consumer;
    try {
      session = new Session(sink, kafka, { ...sessionConfig(config, options), inferEnds: heard });
      commits.listen(consumer);
      return observeConsumer(consumer, session);
    } catch (error) {
      sink.problem(error);
      return consumer;
    }
  };
  const makeProducer = kafka.producer.bind(kafka);
  kafka.producer = (config?: ProducerConfig): Producer => {
    let session: ProducerSession | undefined;
    const producer = hearingSends(
      kafka,
      () => makeProducer(config),
      (message) => session?.attemptFailed(message),
    );
    const sink = options.sink();
    if (sink === null) return producer;
    try {
      session = new ProducerSession(sink, producerSettings(config));
      if (config?.transactionalId !== undefined) transactions.producers++;
      return observeProducer(producer, session, { kafka, stamp: options.stamp });
    } catch (error) {
      sink.problem(error);
      return producer;
    }
  };
  return kafka;
}

/** kafkajs's defaults, where the application gives nothing. */
function producerSettings(config: ProducerConfig = {}): ProducerSettings {
  const idempotent = config.idempotent === true;
  return {
    idempotent,
    transactional: config.transactionalId !== undefined,
    retries: Math.min(
      config.retry?.retries ?? (idempotent ? Number.MAX_SAFE_INTEGER : 5),
      Number.MAX_SAFE_INTEGER,
    ),
    maxInFlightRequests: config.maxInFlightRequests ?? null,
  };
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
