/** What observers passed over: batches and records that they cannot read, records that were gone. Counts that only grow. */
import type { Store } from './open';

export class Unread {
  private readonly add;

  constructor(db: Store) {
    this.add = db.prepare<[number, string, string, string, number, number]>(
      `INSERT INTO unread (cluster, observer, topic, what, count, last_at) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET count = count + excluded.count, last_at = excluded.last_at`,
    );
  }

  /**
   * Within the transaction of what was read beside them, so that none counts twice.
   * @param topic '' for the groups' log
   */
  note(
    cluster: number,
    observer: 'groups' | 'topics',
    topic: string,
    counts: Readonly<Record<string, number>>,
    at: number,
  ): void {
    for (const [what, count] of Object.entries(counts)) {
      if (count > 0) this.add.run(cluster, observer, topic, what, count, at);
    }
  }
}
