/** Why a commit came too early, or none comes: what was seen and what to change, for an incident and for one finding. */
import { countText } from './counts';
import type { Certainty } from './redelivery-evidence';

export interface LossExplanation {
  cause: 'committed_before_handled' | 'stalled_commits' | 'nothing_committed';
  certainty: Certainty;
  because: string[];
  advice: string;
}

interface ProcessName {
  client: string | null;
  host: string;
  pid: number;
}

const HOW = {
  failed: 'and the handler threw',
  unresolved: 'and the handler left them unresolved',
  in_flight: 'and the process died with them in hand',
} as const;

function nameOf({ client, host, pid }: ProcessName): string {
  return `${client ?? 'a consumer'} on ${host} (pid ${pid})`;
}

/** @param stretch inclusive offsets, and what became of them */
export function prematureWhy(
  process: ProcessName,
  { first, last, outcome }: { first: number; last: number; outcome: keyof typeof HOW },
): LossExplanation {
  return {
    cause: 'committed_before_handled',
    certainty: 'proven',
    because: [
      `${nameOf(process)} committed ${last + 1} while its handler had offsets ${first} to ${last} in hand, ${HOW[outcome]}`,
    ],
    advice: 'Commit a record after it is handled, not before: what is committed is not delivered again.',
  };
}

/** Handled records may stand without a commit for so long. */
export const STALLED_MS = 60_000;
/** So many of the configured intervals may pass. */
const INTERVALS = 5;

/** What of a session's settings tells how it commits. */
export interface CommitSettings {
  autoCommit?: boolean;
  autoCommitIntervalMs?: number | null;
}

/** How long an instrumented consumer may handle on without a commit, in ms. */
export function stalledLimitOf({ autoCommitIntervalMs }: CommitSettings): number {
  return Math.max(STALLED_MS, INTERVALS * (autoCommitIntervalMs ?? 0));
}

/** Of an instrumented consumer. @param stall since in unix ms */
export function stalledWhy(
  process: ProcessName,
  { since, records }: { since: number; records: number },
  settings: CommitSettings,
): LossExplanation {
  return {
    cause: 'stalled_commits',
    certainty: 'proven',
    because: [
      `${nameOf(process)} has handled ${countText(records)} records since ${new Date(since).toISOString()} and committed none of them`,
      `commits are looked for within ${Math.round(stalledLimitOf(settings) / 1000)} s`,
    ],
    advice:
      settings.autoCommit === false
        ? 'autoCommit is off: call commitOffsets (or commitOffsetsIfNecessary) when records are handled.'
        : 'Set autoCommitInterval, resolve what is handled, and look at the broker if commits are refused.',
  };
}

/**
 * Seen from outside: whether the member handles anything is not known.
 * @param told where the group stands and how long it is waited for (ms); null: not kept with the finding
 */
export function watchedStallWhy(
  owner: { client: string | null; host: string },
  { since, records }: { since: number; records: number },
  told: { committed: number; limitMs: number } | null,
): LossExplanation {
  const name = `${owner.client ?? 'a member'} on ${owner.host.replace(/^\//, '')}`;
  const stand = `${countText(records)} records stand above the committed offset`;
  return {
    cause: 'nothing_committed',
    // What stands there may be markers and aborted records alone.
    certainty: 'probable',
    because: [
      `${name} has the partition, and nothing was committed since ${new Date(since).toISOString()}`,
      told === null
        ? stand
        : `${stand} ${told.committed}; commits are looked for within ${countText(Math.round(told.limitMs / 1000))} s`,
    ],
    advice:
      'Look at that member: a handler that hangs or takes long, commits that are refused, or a consumer that sends heartbeats and does nothing else (a restart helps then).',
  };
}
