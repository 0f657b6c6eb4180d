/**
 * `node --require dupescope/register app.js`: the same as `instrument`, with no change in the code. Every copy of
 * kafkajs that the process loads, before or after, by `require` or `import`, makes observed consumers and producers.
 *
 * Configured by the environment; an empty variable is one that is not set:
 *   DUPESCOPE_STORE                 path of the store (default ./dupescope.db)
 *   DUPESCOPE_SERVICE               address of a service that takes the evidence instead: http://dupescope:7475
 *   DUPESCOPE_TOKEN, DUPESCOPE_TOKEN_FILE   bearer token for the service, or the file that holds it
 *   DUPESCOPE_CA_FILE               PEM file of the authority that signed the service's certificate
 *   DUPESCOPE_JOURNAL               folder where evidence waits for the service (default ./dupescope.journal)
 *   DUPESCOPE_REPORT_EVERY_MS       ms between two reports to the service
 *   DUPESCOPE_JOURNAL_EVERY_RECORD  1: write before every record
 *   DUPESCOPE_STAMP                 1: give messages that are sent without an identity an id
 *   DUPESCOPE_RETENTION_DAYS        days
 *   DUPESCOPE_RETENTION_BYTES, DUPESCOPE_JOURNAL_LIMIT_BYTES   bytes, or as 512MiB
 *   DUPESCOPE_PAST_LIMIT_MS         ms
 *   DUPESCOPE_TRACING               redeliveries (default), all, off, or the share of first deliveries, as 0.01
 *   DUPESCOPE_DISABLED              1: do nothing
 *
 * ES modules reach kafkajs through the CommonJS loader too (tried on Node 20.20, 22.23 and 24.21), so its class is
 * patched at the one place that all importers share: the prototype of `Kafka`. Nothing of ours but this file is
 * loaded before kafkajs is: set by NODE_OPTIONS, it runs in many processes that have nothing to do with Kafka.
 */
import Module from 'node:module';
import { suggestion } from './config/nearest';
import { FOREIGN_PREFIXES, FOREIGN_VARIABLES, VARIABLES } from './config/settings';
import { DupescopeError, errorLine, fail } from './errors';
import type { InstrumentOptions } from './index';
import type { Tracing } from './telemetry/choice';

type Instrument = typeof import('./index').instrument;
type Make = (...args: unknown[]) => unknown;
/** What makes a client's consumers and producers. */
type Makers = Record<(typeof METHODS)[number], Make>;

const METHODS = ['consumer', 'producer'] as const;

interface KafkaClass {
  prototype: Makers & { admin: unknown };
}

const NUMBERS = {
  retentionDays: { variable: 'DUPESCOPE_RETENTION_DAYS', isSize: false },
  retentionBytes: { variable: 'DUPESCOPE_RETENTION_BYTES', isSize: true },
  journalLimitBytes: { variable: 'DUPESCOPE_JOURNAL_LIMIT_BYTES', isSize: true },
  reportEveryMs: { variable: 'DUPESCOPE_REPORT_EVERY_MS', isSize: false },
  pastLimitMs: { variable: 'DUPESCOPE_PAST_LIMIT_MS', isSize: false },
} as const;

const UNITS: Record<string, number> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 };

/** Kubernetes gives every pod such variables for a Service that is called dupescope. */
const OF_A_SERVICE = /^DUPESCOPE(_SERVICE)?_(HOST|PORT)(_|$)/;

const patched = new WeakSet<object>();
/** Of each client, once it has been looked at. */
const makers = new WeakMap<object, Makers>();
let observe: ((client: object) => void) | null | undefined;

// Whatever is not a clear no: who sets this wants nothing to happen.
if (isOff(process.env.DUPESCOPE_DISABLED)) start();

function start(): void {
  const loader = Module as unknown as { _load: (...args: unknown[]) => unknown };
  const load = loader._load;
  loader._load = function (this: unknown, ...args: unknown[]): unknown {
    const exported = load.apply(this, args);
    if (typeof args[0] === 'string' && args[0].includes('kafkajs')) patch(exported);
    return exported;
  };
  for (const module of Object.values(require.cache)) {
    if (module?.loaded === true && /[\\/]kafkajs[\\/]index\.js$/.test(module.filename)) patch(module.exports);
  }
}

function patch(exported: unknown): void {
  const kafka = kafkaClassOf(exported);
  if (kafka === null || patched.has(kafka.prototype)) return;
  patched.add(kafka.prototype);
  if (observe === undefined) observe = observer();
  if (observe === null) return;
  const { consumer, producer } = kafka.prototype;
  for (const method of METHODS) {
    kafka.prototype[method] = function (this: object, ...args: unknown[]): unknown {
      let made = makers.get(this);
      if (made === undefined) {
        made = observedMakers(this, { consumer, producer });
        makers.set(this, made);
      }
      return made[method].apply(this, args);
    };
  }
}

/**
 * `instrument` replaces the client's own `consumer` and `producer`. The replacements are taken off again and kept here,
 * so that others who patch the prototype after us (tracing) are not hidden by them. A client that the application has instrumented
 * itself is left as it is: its wrapper has called us.
 */
function observedMakers(client: object, plain: Makers): Makers {
  const own = METHODS.map((method) => Object.getOwnPropertyDescriptor(client, method));
  const slot = client as Makers;
  try {
    for (const method of METHODS) {
      Object.defineProperty(client, method, { value: plain[method], configurable: true, writable: true });
    }
    observe?.(client);
    return { consumer: slot.consumer, producer: slot.producer };
  } catch (error) {
    warn(`Dupescope cannot observe this client: ${errorLine(error)}`);
    return plain;
  } finally {
    METHODS.forEach((method, i) => {
      const before = own[i];
      if (before !== undefined) Object.defineProperty(client, method, before);
      else Reflect.deleteProperty(client, method);
    });
  }
}

/** Loads the library. Null when nothing can be observed (told by then). */
function observer(): ((client: object) => void) | null {
  try {
    const { instrument } = require('./index') as typeof import('./index');
    const { checkOptions } = require('./kafka/options') as typeof import('./kafka/options');
    tellUnknown(process.env);
    const options = optionsFrom(process.env, checkOptions);
    return (client) => void instrument(client as Parameters<Instrument>[0], options);
  } catch (error) {
    warn(`dupescope/register observes nothing: ${errorLine(error)}`);
    return null;
  }
}

/** The class by its shape, or null. */
function kafkaClassOf(exported: unknown): KafkaClass | null {
  try {
    const found = (exported as { Kafka?: unknown } | null | undefined)?.Kafka;
    if (typeof found !== 'function') return null;
    const { prototype } = found as unknown as KafkaClass;
    const methods = [prototype?.consumer, prototype?.producer, prototype?.admin];
    return methods.every((method) => typeof method === 'function') ? (found as unknown as KafkaClass) : null;
  } catch {
    return null; // a getter of some other package
  }
}

/** Throws 'bad-configuration', which names the variable. */
function optionsFrom(
  env: NodeJS.ProcessEnv,
  check: (options: InstrumentOptions) => unknown,
): InstrumentOptions {
  const options: InstrumentOptions = {
    ...(env.DUPESCOPE_STORE ? { store: env.DUPESCOPE_STORE } : {}),
    ...(env.DUPESCOPE_SERVICE ? serviceFrom(env, env.DUPESCOPE_SERVICE) : {}),
    journalEveryRecord: isOn('DUPESCOPE_JOURNAL_EVERY_RECORD', env),
    stamp: isOn('DUPESCOPE_STAMP', env),
  };
  const tracing = env.DUPESCOPE_TRACING?.trim();
  if (tracing) options.tracing = tracingIn(tracing);
  for (const [key, { variable, isSize }] of Object.entries(NUMBERS)) {
    const text = env[variable]?.trim();
    if (!text) continue;
    const number = { [key]: isSize ? bytes(text) : Number(text) };
    // Its own number alone is looked at here; that one is of use with a service only.
    if (key === 'reportEveryMs' && !env.DUPESCOPE_SERVICE) continue;
    try {
      check(key === 'reportEveryMs' ? { service: 'http://localhost', ...number } : number);
    } catch (error) {
      if (!(error instanceof DupescopeError)) throw error;
      const rule = error.message.replace(/^instrument\(\): "\w+" /, '');
      fail('bad-configuration', `${variable} is "${text}": it ${rule}`, error);
    }
    Object.assign(options, number);
  }
  check(options);
  return options;
}

function tracingIn(text: string): Tracing {
  const { tracingFrom } = require('./telemetry/choice') as typeof import('./telemetry/choice');
  const rule = 'it must be redeliveries, all, off, or a share of first deliveries from 0 to 1, as 0.01';
  return tracingFrom(text) ?? fail('bad-configuration', `DUPESCOPE_TRACING is "${text}": ${rule}.`);
}

/** The token is the service's own variable too: without a service it is not meant for us. */
function serviceFrom(env: NodeJS.ProcessEnv, service: string): InstrumentOptions {
  return {
    service,
    ...(env.DUPESCOPE_TOKEN ? { token: env.DUPESCOPE_TOKEN } : {}),
    ...(env.DUPESCOPE_TOKEN_FILE ? { tokenFile: env.DUPESCOPE_TOKEN_FILE } : {}),
    ...(env.DUPESCOPE_CA_FILE ? { caFile: env.DUPESCOPE_CA_FILE } : {}),
    ...(env.DUPESCOPE_JOURNAL ? { journal: env.DUPESCOPE_JOURNAL } : {}),
  };
}

function isOn(variable: string, env: NodeJS.ProcessEnv): boolean {
  const text = env[variable];
  if (isOff(text)) return false;
  if (/^(1|true|yes)$/i.test(text as string)) return true;
  return fail('bad-configuration', `${variable} is "${text}": it must be 1 or 0.`);
}

function isOff(text: string | undefined): boolean {
  return text === undefined || /^(|0|false|no)$/i.test(text);
}

/** 512MiB, 1.5 GiB or bytes; NaN for anything else. */
function bytes(text: string): number {
  const unit = text.slice(-3);
  const factor = UNITS[unit];
  return factor === undefined ? Number(text) : Math.round(Number(text.slice(0, -3)) * factor);
}

/** A misspelt variable would be a setting that does nothing. */
function tellUnknown(env: NodeJS.ProcessEnv): void {
  const known = [...VARIABLES, ...FOREIGN_VARIABLES];
  for (const name of Object.keys(env)) {
    if (!name.startsWith('DUPESCOPE_') || known.includes(name) || OF_A_SERVICE.test(name)) continue;
    if (FOREIGN_PREFIXES.some((prefix) => name.startsWith(prefix))) continue;
    warn(`The environment has ${name}, which Dupescope does not know.${suggestion(name, known)}`);
  }
}

function warn(text: string): void {
  process.emitWarning(text, { code: 'dupescope:register' });
}
