/**
 * What an instrumented process tells the service about one journal: `POST /v1/reports`, gzip-compressed JSON.
 *
 * A report carries the lines [from..to] and the slots that changed. Lines may refer to earlier ones (sessions,
 * topics, tracks, open batches), so the service must have read a journal from its beginning, or from the head of a
 * segment, which repeats what later lines refer to. What one side knows of the other:
 *
 *     reporter   beginning --200--> following --200--> following ... --died, 200--> gone (the folder is removed)
 *                    ^                  |
 *                    '-- 409 report-gap-'     no answer, 429, 5xx: the same report again, later
 *     service    unknown --begins--> reading --from <= next--> reading ... --died--> closed
 *                    ^                  |
 *                    '- restart, 10 min-'     reading, from > next: 409; unknown, not begins: 409
 *
 * In `beginning` the reporter reads its journal anew from the oldest segment that is left and says `begins`: nothing
 * below `from` is to be had any more, and whatever is missing was acknowledged before. The service skips lines that
 * it has read, and applies those alone whose number is above the one that stands in its store, so a report may come
 * twice, late, or in any order: it is taken in, without effect, or refused, never applied in part.
 *
 * The answer's `applied` is written in the same SQLite transaction as what it stands for. Only what lies at or below
 * it may the journal forget.
 */
import type { Evidence, Ref } from '../ledger';
import type { OwnerIdentity } from './owner';
import type { SlotState } from './slot';

export interface Report {
  version: 1;
  /** Id of the journal: unique for ever. */
  journal: string;
  owner: OwnerIdentity;
  /** This is the oldest that the reporter has: to be taken without its predecessors. */
  begins: boolean;
  /** Number of the first line; the next one that would come, when there is none. */
  from: number;
  /** Number of the last line; from - 1 when there is none. */
  to: number;
  lines: { seq: number; evidence: Evidence }[];
  slots: { track: Ref; state: SlotState }[];
  /** The owner is proven dead, and this is the last of its journal. */
  died: boolean;
}

export interface ReportAnswer {
  /** Every line up to here stands in the store. */
  applied: number;
  /** The line that the service reads next. */
  next: number;
}

/** Reports stay below this many characters of JSON, a single larger line excepted. */
export const REPORT_CHARACTERS_MAX = 512 * 1024;
