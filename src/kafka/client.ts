/** The service's own kafkajs client, and what its errors mean for a person. */
import { Kafka, logLevel } from 'kafkajs';
import type { Logger } from 'pino';
import type { Config } from '../config';
import { DupescopeError, errorLine } from '../errors';
import { loginHint, saslOptions, userOf } from './login';

export type KafkaSettings = Pick<Config, 'brokers' | 'clientId' | 'ssl' | 'sasl'>;

const CONNECT_LIMIT_MS = 5_000;
const REQUEST_LIMIT_MS = 10_000;

/**
 * kafkajs tells the same failure several times, at error level, before it throws it. What it says goes to the log
 * at debug level; what it throws is translated and told once.
 */
export function kafkaClient({ brokers, clientId, ssl, sasl }: KafkaSettings, logger: Logger): Kafka {
  return new Kafka({
    brokers: [...brokers],
    clientId,
    ...(typeof ssl === 'boolean'
      ? { ssl }
      : {
          ssl: {
            ...(ssl.ca === undefined ? {} : { ca: [ssl.ca] }),
            ...(ssl.cert === undefined ? {} : { cert: ssl.cert }),
            ...(ssl.key === undefined ? {} : { key: ssl.key }),
          },
        }),
    ...(sasl === null ? {} : { sasl: saslOptions(sasl) }),
    connectionTimeout: CONNECT_LIMIT_MS,
    authenticationTimeout: REQUEST_LIMIT_MS,
    requestTimeout: REQUEST_LIMIT_MS,
    // The caller asks again by itself; a first answer, good or bad, matters more.
    retry: { retries: 2, initialRetryTime: 100, maxRetryTime: 1_000 },
    logLevel: logger.isLevelEnabled('debug') ? logLevel.INFO : logLevel.NOTHING,
    logCreator:
      () =>
      ({ namespace, log }) =>
        logger.debug({ namespace }, `kafkajs: ${log.message}`),
  });
}

interface KafkaFailure {
  name?: string;
  type?: string;
  code?: unknown;
  cause?: unknown;
  message?: string;
}

const NO_PERMISSION = /^(TOPIC|GROUP|CLUSTER)_AUTHORIZATION_FAILED$/;
const UNREACHABLE = [
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSBrokerNotFound',
  'KafkaJSNoBrokerAvailableError',
  'KafkaJSTimeout',
];

/** One error of the catalogue with what to check; `topic` where one was asked about. */
export function kafkaError(
  thrown: unknown,
  settings: Pick<KafkaSettings, 'brokers' | 'ssl' | 'sasl'>,
  topic?: string,
): DupescopeError {
  const failures = chainOf(thrown);
  const told = failures.find((failure) => failure instanceof DupescopeError);
  if (told instanceof DupescopeError) return told;
  const has = (test: (failure: KafkaFailure) => boolean) => failures.some(test);
  const because = (code: DupescopeError['code'], text: string) =>
    new DupescopeError(code, text, { cause: thrown });
  if (
    has(
      ({ name, type }) => name === 'KafkaJSSASLAuthenticationError' || type === 'SASL_AUTHENTICATION_FAILED',
    )
  ) {
    const { sasl } = settings;
    const who = sasl === null ? '' : ` of "${userOf(sasl)}" (${sasl.mechanism})`;
    return because('kafka-authentication', `Kafka refused the login${who}. ${loginHint(sasl)}.`);
  }
  const refused = failures.find(({ type }) => type !== undefined && NO_PERMISSION.test(type))?.type;
  if (refused !== undefined) {
    const what = refused.split('_')[0]?.toLowerCase() ?? 'resource';
    const who = settings.sasl === null ? 'anonymous users' : `"${userOf(settings.sasl)}"`;
    return because(
      'kafka-authentication',
      `Kafka does not let ${who} read this ${what}. Grant DESCRIBE on it.`,
    );
  }
  if (has(({ type }) => type === 'UNKNOWN_TOPIC_OR_PARTITION' || type === 'INVALID_TOPIC_EXCEPTION')) {
    const name = topic === undefined ? 'A topic' : `The topic "${topic}"`;
    return because(
      'kafka-topic-missing',
      `${name} does not exist on ${settings.brokers.join(', ')}. Check its name.`,
    );
  }
  if (has(({ name }) => name !== undefined && UNREACHABLE.includes(name))) {
    return because(
      'kafka-unreachable',
      `No broker answered at ${settings.brokers.join(', ')} (${shortCause(failures)}). Check brokers, that they run and can be reached from here, and ${tlsHint(settings)}.`,
    );
  }
  return because('kafka-unreachable', `Kafka at ${settings.brokers.join(', ')} failed: ${errorLine(thrown)}`);
}

function tlsHint({ ssl, sasl }: Pick<KafkaSettings, 'ssl' | 'sasl'>): string {
  if (ssl !== false) return 'that they speak TLS and their certificate is trusted (ssl.ca)';
  return sasl === null ? 'whether they want TLS (ssl) or a login (sasl)' : 'whether they want TLS (ssl)';
}

function shortCause(failures: readonly KafkaFailure[]): string {
  const coded = failures.find(({ code }) => typeof code === 'string')?.code;
  return typeof coded === 'string' ? coded : errorLine(new Error(failures.at(-1)?.message ?? 'no answer'));
}

/** The error and what it says was its cause; kafkajs wraps the first in the one that ends its retries. */
function chainOf(thrown: unknown): KafkaFailure[] {
  const chain: KafkaFailure[] = [];
  let next: unknown = thrown;
  while (typeof next === 'object' && next !== null && chain.length < 8) {
    chain.push(next as KafkaFailure);
    next = (next as KafkaFailure).cause;
  }
  return chain;
}
