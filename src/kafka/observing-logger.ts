/**
 * Hears of handler errors where kafkajs logs them, which costs nothing while there are none. kafkajs gives its root
 * logger to each consumer it makes, so that logger is exchanged for the moment of making one; every line passes
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
}

/** @returns what `make` returned, and whether errors will be heard */
export function hearingErrors<T>(
  kafka: Kafka,
  make: () => T,
  onError: (error: HandlerError) => void,
): { made: T; heard: boolean } {
  const holder = kafka as unknown as Record<symbol, RootLogger>;
  const symbol = Object.getOwnPropertySymbols(kafka).find(
    (one) => one.description === 'private:Kafka:logger',
  );
  const root = symbol === undefined ? undefined : holder[symbol];
  if (symbol === undefined || typeof root?.namespace !== 'function') return { made: make(), heard: false };
  holder[symbol] = {
    ...root,
    namespace: (name, level) => observed(root.namespace(name, level), name, onError),
  };
  try {
    return { made: make(), heard: true };
  } finally {
    holder[symbol] = root;
  }
}

function observed(
  logger: NamespaceLogger,
  name: string,
  onError: (error: HandlerError) => void,
): NamespaceLogger {
  if (name !== 'Runner') return logger;
  return {
    ...logger,
    error(message, extra) {
      if (isHandlerError(extra)) onError(extra);
      logger.error(message, extra);
    },
  };
}

function isHandlerError(extra: unknown): extra is HandlerError {
  const told = extra as Partial<HandlerError> | undefined;
  return (
    told !== undefined && 'error' in told && typeof told.topic === 'string' && typeof told.offset === 'string'
  );
}
