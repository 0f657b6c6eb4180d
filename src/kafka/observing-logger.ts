/**
 * Hears of handler errors and of failed attempts to send where kafkajs logs them, which costs nothing while there are
 * none. kafkajs gives its root logger to each consumer and producer it makes, so that logger is exchanged for the moment of making one; every line passes
 * through untouched. The symbol is private: where it is missing, handlers' promises are watched instead.
 */
import type { Kafka } from './client-shape';

export interface HandlerError {
  topic: string;
  partition: number;
  offset: string;
  error: unknown;
}

interface RootLogger {
  namespace(name: string, level?: unknown): NamespaceLogger;
}

interface NamespaceLogger {
  error(message: string, extra?: unknown): void;
  debug(message: string, extra?: unknown): void;
}

/** What a consumer is heard to say. None may throw. */
export interface Hearing {
  onError(error: HandlerError): void;
  /** The offset to read lies outside of the log; kafkajs resets it next, and then fetches. */
  onOutOfRange(topic: string, partition: number): void;
  /** Asked for each connection that is made: what is to be told of it, errors and what is logged for debugging. */
  ofConnection(): (message: string, extra: unknown) => void;
}

/** kafkajs's words (`consumerGroup.js`); it is frozen at 2.2.4. */
const OUT_OF_RANGE = 'Offset out of range, resetting to default offset';

/** @returns what `make` returned, and whether errors will be heard */
export function hearingErrors<T>(
  kafka: Kafka,
  make: () => T,
  { onError, onOutOfRange, ofConnection }: Hearing,
): { made: T; heard: boolean } {
  return hearing(kafka, make, (logger, name) => {
    if (name === 'Connection') return observedWhole(logger, ofConnection());
    if (name === 'Runner') {
      return observed(logger, (_message, extra) => {
        if (isHandlerError(extra)) onError(extra);
      });
    }
    if (name !== 'ConsumerGroup') return logger;
    return observed(logger, (message, extra) => {
      const { topic, partition } = (extra ?? {}) as { topic?: unknown; partition?: unknown };
      if (message === OUT_OF_RANGE && typeof topic === 'string') onOutOfRange(topic, Number(partition));
    });
  });
}

/** @param onFailed told of each attempt to send that failed, with kafkajs's words; must not throw */
export function hearingSends<T>(kafka: Kafka, make: () => T, onFailed: (message: string) => void): T {
  const tell = (message: string, extra: unknown) => {
    if (extra !== null && typeof extra === 'object' && 'retryCount' in extra) onFailed(message);
  };
  // While kafkajs reconnects it says so for debugging.
  return hearing(kafka, make, (logger, name) => (name === 'Producer' ? observedWhole(logger, tell) : logger))
    .made;
}

function hearing<T>(
  kafka: Kafka,
  make: () => T,
  observe: (logger: NamespaceLogger, name: string) => NamespaceLogger,
): { made: T; heard: boolean } {
  const holder = kafka as unknown as Record<symbol, RootLogger>;
  const symbol = Object.getOwnPropertySymbols(kafka).find(
    (one) => one.description === 'private:Kafka:logger',
  );
  const root = symbol === undefined ? undefined : holder[symbol];
  if (symbol === undefined || typeof root?.namespace !== 'function') return { made: make(), heard: false };
  holder[symbol] = {
    ...root,
    namespace: (name, level) => observe(root.namespace(name, level), name),
  };
  try {
    return { made: make(), heard: true };
  } finally {
    holder[symbol] = root;
  }
}

function observed(
  logger: NamespaceLogger,
  onError: (message: string, extra: unknown) => void,
): NamespaceLogger {
  return {
    ...logger,
    error(message, extra) {
      onError(message, extra);
      logger.error(message, extra);
    },
  };
}

function observedWhole(
  logger: NamespaceLogger,
  onLine: (message: string, extra: unknown) => void,
): NamespaceLogger {
  return {
    ...observed(logger, onLine),
    debug(message, extra) {
      onLine(message, extra);
      logger.debug(message, extra);
    },
  };
}

function isHandlerError(extra: unknown): extra is HandlerError {
  const told = extra as Partial<HandlerError> | undefined;
  return (
    told !== undefined && 'error' in told && typeof told.topic === 'string' && typeof told.offset === 'string'
  );
}
