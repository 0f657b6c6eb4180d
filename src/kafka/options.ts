/** Options of `instrument`, checked once. */
import { fail } from '../errors';

export interface InstrumentOptions {
  /** SQLite file for the ledger, made when missing; several processes of one host may share it. Default './dupescope.db'. */
  store?: string;
  /**
   * Write to the journal before every single record (0.5 us each), so that a kill leaves no record uncertain.
   * Default false: fast handlers share a write for up to 20 us of records.
   */
  journalEveryRecord?: boolean;
  /** How long the first delivery of a newly assigned partition may wait for its past, in ms. Default 500. */
  pastLimitMs?: number;
  /** Evidence that the store has not taken may fill this much of the disk, in bytes. Default 64 MiB. */
  journalLimitBytes?: number;
  /** Findings older than this are deleted, in days. Default 30. */
  retentionDays?: number;
  /** The store is kept below this, in bytes. Default 2 GiB. */
  retentionBytes?: number;
  /** Called when sight is lost (store not writable, disk full...). Default: a process warning. Must not throw. */
  onProblem?: (error: Error & { code: string }) => void;
}

const NUMBERS = {
  pastLimitMs: { min: 0, max: 60_000 },
  journalLimitBytes: { min: 1024 * 1024, max: 2 ** 40 },
  retentionDays: { min: 1 / 1440, max: 36_500 },
  retentionBytes: { min: 1024 * 1024, max: 2 ** 50 },
} as const;

const KNOWN = ['store', 'journalEveryRecord', 'onProblem', ...Object.keys(NUMBERS)];

/** Throws 'bad-configuration' with what is allowed. */
export function checkOptions(options: InstrumentOptions): Required<Omit<InstrumentOptions, 'onProblem'>> {
  const given = options as Record<string, unknown>;
  for (const key of Object.keys(given)) {
    if (!KNOWN.includes(key)) {
      fail('bad-configuration', `instrument(): there is no option "${key}". Known: ${KNOWN.join(', ')}.`);
    }
  }
  if (options.store !== undefined && (typeof options.store !== 'string' || options.store === '')) {
    fail('bad-configuration', 'instrument(): "store" must be the path of a file.');
  }
  for (const [key, { min, max }] of Object.entries(NUMBERS)) {
    const value = given[key];
    if (value !== undefined && !(typeof value === 'number' && value >= min && value <= max)) {
      fail('bad-configuration', `instrument(): "${key}" must be a number from ${min} to ${max}.`);
    }
  }
  return {
    store: options.store ?? './dupescope.db',
    journalEveryRecord: options.journalEveryRecord === true,
    pastLimitMs: options.pastLimitMs ?? 500,
    journalLimitBytes: options.journalLimitBytes ?? 64 * 1024 * 1024,
    retentionDays: options.retentionDays ?? 30,
    retentionBytes: options.retentionBytes ?? 2 * 1024 ** 3,
  };
}
