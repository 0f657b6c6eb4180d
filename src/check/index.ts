/**
 * The check: a handler that is called once for each message, however often the message is delivered or written.
 * What one identity goes through, in the store that all consumers of one check share:
 *
 *     unknown --claim--> in progress --handled--> done --older than the window, purged--> unknown
 *        ^                |      |
 *        |  handler threw |      '-- its process died (proof), or the lease ran out: the next copy claims it
 *        '---- released --'
 *
 * A copy that finds `done` is a hit: the handler is not called. A copy that finds `in progress` waits for what becomes
 * of the first, or is put off by an error that kafkajs tries again. With SQLite and in memory the claim, the handler
 * and `done` are three steps: a crash between the last two repeats what was in progress, and skips nothing. With
 * PostgreSQL they are one transaction together with the handler's own writes, so that their effect is exactly once.
 */
export { IdReuse } from './claim';
export {
  type CheckedBatchHandler,
  type CheckedHandler,
  type Idempotent,
  makeIdempotent,
  type Outside,
} from './idempotent';
export type { FindIdentity, Hit, IdempotentOptions, Reuse, StoreOption } from './options';
export type { PostgresClient, PostgresPool } from './postgres-store';
export type { Answer, Attempt, CheckStore, Claim } from './store';
