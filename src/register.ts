/**
 * `node --require dupescope/register app.js`: the same as `instrument`, with no change in the code. Every copy of
 * kafkajs that the process loads, before or after, by `require` or `import`, makes observed consumers.
 *
 * Configured by the environment:
 *   DUPESCOPE_STORE                 path of the store (default ./dupescope.db)
 *   DUPESCOPE_JOURNAL_EVERY_RECORD  1: write before every record
 *   DUPESCOPE_RETENTION_DAYS, DUPESCOPE_RETENTION_BYTES, DUPESCOPE_PAST_LIMIT_MS, DUPESCOPE_JOURNAL_LIMIT_BYTES
 *   DUPESCOPE_DISABLED              1: do nothing
 *
 * ES modules reach kafkajs through the CommonJS loader too, so its class is patched at the one place that all
 * importers share: the prototype of `Kafka`.
 */
import Module from 'node:module';
import { errorLine } from './errors';
import type { InstrumentOptions } from './index';

type Instrument = typeof import('./index').instrument;

interface KafkaClass {
  prototype: { consumer: (...args: unknown[]) => unknown; producer: unknown; admin: unknown };
}

const patched = new WeakSet<object>();

if (process.env.DUPESCOPE_DISABLED !== '1') start();

function start(): void {
  let instrument: Instrument;
  let options: InstrumentOptions;
  try {
    instrument = (require('./index') as typeof import('./index')).instrument;
    options = optionsFrom(process.env);
  } catch (error) {
    process.emitWarning(`dupescope/register observes nothing: ${errorLine(error)}`, {
      code: 'dupescope:register',
    });
    return;
  }
  const loader = Module as unknown as { _load: (...args: unknown[]) => unknown };
  const load = loader._load;
  loader._load = function (this: unknown, ...args: unknown[]): unknown {
    const exported = load.apply(this, args);
    if (typeof args[0] === 'string' && args[0].includes('kafkajs')) patch(exported, instrument, options);
    return exported;
  };
  for (const module of Object.values(require.cache)) {
    if (module?.loaded === true && /[\\/]kafkajs[\\/]index\.js$/.test(module.filename)) {
      patch(module.exports, instrument, options);
    }
  }
}

function patch(exported: unknown, instrument: Instrument, options: InstrumentOptions): void {
  const kafka = kafkaClassOf(exported);
  if (kafka === null || patched.has(kafka.prototype)) return;
  patched.add(kafka.prototype);
  const makeConsumer = kafka.prototype.consumer;
  kafka.prototype.consumer = function (this: object, ...args: unknown[]): unknown {
    // On the first consumer the client itself is instrumented: its own `consumer` then hides this one.
    const client = this as Record<string, unknown>;
    // The application instruments this client itself: then its own wrapper has called us.
    if (Object.hasOwn(client, 'consumer')) return makeConsumer.apply(this, args);
    try {
      client.consumer = makeConsumer;
      instrument(this as Parameters<Instrument>[0], options);
    } catch (error) {
      process.emitWarning(`Dupescope cannot observe this client: ${errorLine(error)}`, {
        code: 'dupescope:register',
      });
    }
    return (client.consumer as typeof makeConsumer).apply(this, args);
  };
}

/** The class by its shape, or null. */
function kafkaClassOf(exported: unknown): KafkaClass | null {
  const found = (exported as { Kafka?: unknown } | null | undefined)?.Kafka;
  if (typeof found !== 'function') return null;
  const { prototype } = found as unknown as KafkaClass;
  const methods = [prototype?.consumer, prototype?.producer, prototype?.admin];
  return methods.every((method) => typeof method === 'function') ? (found as unknown as KafkaClass) : null;
}

function optionsFrom(env: NodeJS.ProcessEnv): InstrumentOptions {
  const numbers = {
    pastLimitMs: env.DUPESCOPE_PAST_LIMIT_MS,
    journalLimitBytes: env.DUPESCOPE_JOURNAL_LIMIT_BYTES,
    retentionDays: env.DUPESCOPE_RETENTION_DAYS,
    retentionBytes: env.DUPESCOPE_RETENTION_BYTES,
  };
  const given = Object.entries(numbers).filter(([, value]) => value !== undefined && value !== '');
  return {
    ...(env.DUPESCOPE_STORE ? { store: env.DUPESCOPE_STORE } : {}),
    journalEveryRecord: env.DUPESCOPE_JOURNAL_EVERY_RECORD === '1',
    ...Object.fromEntries(given.map(([key, value]) => [key, Number(value)])),
  };
}
