/**
 * OffsetCommit requests that fail. Of those that kafkajs makes by itself the application is not told: its runner begins
 * to fetch again, and commits again only behind the next batch. They are seen where kafkajs logs each request, one
 * connection at a time, and by its event of time-outs:
 *
 *     Request -> in flight -> Response: answered, or refused | timed out | the connection ends: lost
 *
 * Whether a commit without an answer took place is not known here; the next one who gets the partition reads it. A commit
 * that finds no connection at all is no request, and not seen.
 */
import type { Consumer } from './client-shape';

/** Kafka's API key of OffsetCommit. */
export const OFFSET_COMMIT = 8;

/** kafkajs's words (`network/connection.js`); it is frozen at 2.2.4. */
const REQUEST = 'Request OffsetCommit';
const RESPONSE = 'Response OffsetCommit';
const CONNECTING = 'Connecting';
const ENDS = /^(Kafka server has closed connection|Connection error|Connection timeout)/;

/** Refused to a member that is none any more (`protocol/error.js`): the join that follows tells more. */
const OF_MEMBERSHIP =
  /^(The group is rebalancing|The coordinator is not aware of this member|Specified group generation id)/;

interface Told {
  broker?: unknown;
  correlationId?: unknown;
  error?: unknown;
}

export class CommitRequests {
  /** By broker and correlation id, the connection that each is on. */
  private readonly inFlight = new Map<string, object>();

  /** @param onFailed is given why, and must not throw */
  constructor(private readonly onFailed: (reason: string) => void) {}

  /** Hears of one connection. */
  connection(): (message: string, extra: unknown) => void {
    const connection = {};
    return (message, extra) => {
      if (message.startsWith(REQUEST)) this.inFlight.set(keyOf(extra), connection);
      else if (message.startsWith(RESPONSE)) this.answered(extra as Told);
      else if (this.inFlight.size > 0 && (message === CONNECTING || ENDS.test(message))) {
        this.ended(connection, message === CONNECTING ? null : message);
      }
    };
  }

  listen(consumer: Consumer): void {
    consumer.on(consumer.events.REQUEST_TIMEOUT, ({ payload }) => {
      if (payload.apiKey !== OFFSET_COMMIT) return;
      this.inFlight.delete(keyOf(payload));
      this.onFailed(`no answer within ${Date.now() - payload.sentAt} ms`);
    });
  }

  private answered(told: Told): void {
    // An error is logged twice, for those who read errors alone and for those who read everything.
    const isOpen = this.inFlight.delete(keyOf(told));
    if (!isOpen || typeof told.error !== 'string' || OF_MEMBERSHIP.test(told.error)) return;
    this.onFailed(told.error);
  }

  /** @param why null: it is connected anew, and what was never sent is forgotten */
  private ended(connection: object, why: string | null): void {
    let lost = false;
    for (const [key, on] of this.inFlight) {
      if (on !== connection) continue;
      this.inFlight.delete(key);
      lost = true;
    }
    if (lost && why !== null) this.onFailed(`no answer: ${why}`);
  }
}

function keyOf(extra: unknown): string {
  const { broker, correlationId } = (extra ?? {}) as Told;
  return `${broker} ${correlationId}`;
}
