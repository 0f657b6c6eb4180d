/**
 * Says in the service's log when a topic's identities are remembered less far back than configured, once a topic, and
 * when that is over: copies that come later than that are not found.
 */
import type { Logger } from 'pino';
import { reachOf, shortWindowWords } from '../identity';
import { openReader } from '../store/open';
import { observedTopics } from '../store/queries';

const LOOK_EVERY_MS = 60_000;
const TOPICS_MAX = 10_000;

export class ShortWindows {
  private timer: NodeJS.Timeout | null = null;
  /** Cluster and topic of those that were told. */
  private told = new Set<string>();

  constructor(
    private readonly storePath: string,
    private readonly logger: Pick<Logger, 'warn' | 'info'>,
    private readonly everyMs = LOOK_EVERY_MS,
  ) {}

  start(): void {
    this.look();
    this.timer = setInterval(() => this.look(), this.everyMs);
  }

  async stop(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
  }

  private look(): void {
    try {
      const db = openReader(this.storePath);
      try {
        const short = new Set<string>();
        for (const row of observedTopics(db, { limit: TOPICS_MAX })) {
          const window = reachOf(row);
          if (window === null || !window.shorter) continue;
          const name = `${row.cluster}\n${row.topic}`;
          short.add(name);
          if (!this.told.has(name)) {
            const { cluster, topic } = row;
            this.logger.warn({ cluster, topic }, `identities: ${shortWindowWords(topic, window)}`);
          }
        }
        for (const name of this.told) {
          const [cluster, topic] = name.split('\n');
          if (!short.has(name))
            this.logger.info({ cluster, topic }, 'identities are remembered as long as configured again');
        }
        this.told = short;
      } finally {
        db.close();
      }
    } catch {
      // The store is busy or gone: others tell that, and the next look comes.
    }
  }
}
