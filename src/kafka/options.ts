/** Options of `instrument`, checked once. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { DupescopeError, errorLine, fail } from '../errors';
// Not by the room's index: public types need not know of OpenTelemetry's.
import { DEFAULT_TRACING, isTracing, type Tracing } from '../telemetry/choice';

export interface InstrumentOptions {
  /** SQLite file for the ledger, made when missing; several processes of one host may share it. Default './dupescope.db'. */
  store?: string;
  /** Address of a Dupescope service that takes the evidence instead: 'http://dupescope:7475'. Excludes `store`. */
  service?: string;
  /** Bearer token for the service. */
  token?: string;
  /** File that holds the token; read anew for every report, so that it may be replaced. Excludes `token`. */
  tokenFile?: string;
  /**
   * PEM file of the authorities that may have signed the service's certificate, in the place of the well-known ones:
   * for an `https:` address with a certificate of your own authority.
   */
  caFile?: string;
  /**
   * Folder where evidence waits until the service has it. Default './dupescope.journal'. Must outlive the process: what
   * one leaves behind when it is killed is found there by the next.
   */
  journal?: string;
  /** Time between two reports to the service, in ms. Default 1000. */
  reportEveryMs?: number;
  /**
   * Write to the journal before every single record (3 to 5 us each), so that a kill leaves no record uncertain.
   * Default false: handlers faster than 0.05 ms a record share a write for up to 128 records.
   */
  journalEveryRecord?: boolean;
  /**
   * Give each message that is sent without an identity a `message-id` header (UUID version 7), before kafkajs's own
   * retries, so that its copies can be told. Default false.
   */
  stamp?: boolean;
  /** How long the first delivery of a newly assigned partition may wait, all in all, for ids and its past, in ms. Default 1000. */
  pastLimitMs?: number;
  /** Evidence that the store or the service has not taken may fill this much of the disk, in bytes. Default 64 MiB. */
  journalLimitBytes?: number;
  /** Findings older than this are deleted, in days. Default 30. */
  retentionDays?: number;
  /** The store is kept below this, in bytes. Default 2 GiB. */
  retentionBytes?: number;
  /**
   * Which deliveries have a span, where the application has registered an OpenTelemetry tracer provider: 'off',
   * 'redeliveries' (those, hits of a check, and what handlers failed at), 'all', or { ratio } with the share of first
   * deliveries that have one too, 0 to 1. Default 'redeliveries'. Without a provider there is none of it.
   */
  tracing?: Tracing;
  /** Called when sight is lost (store not writable, disk full...). Default: a process warning. Must not throw. */
  onProblem?: (error: Error & { code: string }) => void;
}

const NUMBERS = {
  pastLimitMs: { min: 0, max: 60_000 },
  reportEveryMs: { min: 50, max: 60_000 },
  journalLimitBytes: { min: 1024 * 1024, max: 2 ** 40 },
  retentionDays: { min: 1 / 1440, max: 36_500 },
  retentionBytes: { min: 1024 * 1024, max: 2 ** 50 },
} as const;

const TEXTS = {
  store: 'the path of a file',
  service: 'the address of a service',
  token: 'a token that is not empty',
  tokenFile: 'the path of a file',
  caFile: 'the path of a file',
  journal: 'the path of a folder',
} as const;

const KNOWN = [
  ...Object.keys(TEXTS),
  'journalEveryRecord',
  'stamp',
  'tracing',
  'onProblem',
  ...Object.keys(NUMBERS),
];

/** Where reports go, and where they wait. */
export interface ServiceOptions {
  url: string;
  token: string | null;
  tokenFile: string | null;
  caFile: string | null;
  journal: string;
  reportEveryMs: number;
}

export interface CheckedOptions {
  store: string;
  /** Null: the evidence goes into `store`. */
  service: ServiceOptions | null;
  journalEveryRecord: boolean;
  stamp: boolean;
  tracing: Tracing;
  pastLimitMs: number;
  journalLimitBytes: number;
  retentionDays: number;
  retentionBytes: number;
}

/** Throws 'bad-configuration' with what is allowed. */
export function checkOptions(options: InstrumentOptions): CheckedOptions {
  const given = options as Record<string, unknown>;
  for (const key of Object.keys(given)) {
    if (!KNOWN.includes(key)) {
      fail('bad-configuration', `instrument(): there is no option "${key}". Known: ${KNOWN.join(', ')}.`);
    }
  }
  for (const [key, what] of Object.entries(TEXTS)) {
    const value = given[key];
    if (value !== undefined && (typeof value !== 'string' || value === '')) {
      fail('bad-configuration', `instrument(): "${key}" must be ${what}.`);
    }
  }
  for (const [key, { min, max }] of Object.entries(NUMBERS)) {
    const value = given[key];
    if (value !== undefined && !(typeof value === 'number' && value >= min && value <= max)) {
      fail('bad-configuration', `instrument(): "${key}" must be a number from ${min} to ${max}.`);
    }
  }
  const { tracing = DEFAULT_TRACING } = options;
  if (!isTracing(tracing)) {
    fail(
      'bad-configuration',
      `instrument(): "tracing" must be 'off', 'redeliveries', 'all' or { ratio: 0 to 1 }.`,
    );
  }
  return {
    store: options.store ?? './dupescope.db',
    service: checkService(options),
    journalEveryRecord: options.journalEveryRecord === true,
    stamp: options.stamp === true,
    tracing,
    pastLimitMs: options.pastLimitMs ?? 1_000,
    journalLimitBytes: options.journalLimitBytes ?? 64 * 1024 * 1024,
    retentionDays: options.retentionDays ?? 30,
    retentionBytes: options.retentionBytes ?? 2 * 1024 ** 3,
  };
}

function checkService(options: InstrumentOptions): ServiceOptions | null {
  const { service, token, tokenFile, caFile } = options;
  if (service === undefined) {
    const alone = (['token', 'tokenFile', 'caFile', 'journal', 'reportEveryMs'] as const).find(
      (key) => options[key] !== undefined,
    );
    if (alone !== undefined) {
      fail('bad-configuration', `instrument(): "${alone}" is of use with "service" alone.`);
    }
    return null;
  }
  if (options.store !== undefined) {
    fail('bad-configuration', 'instrument(): give "store" or "service", not both.');
  }
  if (token !== undefined && tokenFile !== undefined) {
    fail('bad-configuration', 'instrument(): give "token" or "tokenFile", not both.');
  }
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    fail('bad-configuration', 'instrument(): "token" must be visible ASCII characters without spaces.');
  }
  if (tokenFile !== undefined) checkReadable('tokenFile', tokenFile);
  if (caFile !== undefined) checkAuthorities(caFile);
  return {
    url: addressOf(service),
    token: token ?? null,
    tokenFile: tokenFile ?? null,
    caFile: caFile ?? null,
    journal: options.journal ?? './dupescope.journal',
    reportEveryMs: options.reportEveryMs ?? 1_000,
  };
}

function addressOf(service: string): string {
  const url = URL.canParse(service) ? new URL(service) : null;
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:';
  // A name and a password in the address would be printed with it.
  if (url === null || !isHttp || url.username !== '' || url.search !== '' || url.hash !== '') {
    return fail(
      'bad-configuration',
      'instrument(): "service" must be an address as http://dupescope:7475 or https://example.com/dupescope.',
    );
  }
  return url.href;
}

function checkReadable(option: 'tokenFile' | 'caFile', file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    return fail('bad-configuration', `instrument(): "${option}" cannot be read: ${errorLine(error)}.`, error);
  }
}

function checkAuthorities(file: string): void {
  try {
    new X509Certificate(checkReadable('caFile', file));
  } catch (error) {
    if (error instanceof DupescopeError) throw error;
    fail('bad-configuration', `instrument(): "caFile" ${file} holds no certificate in PEM form.`, error);
  }
}
