/**
 * What an observer hands over and where it stands: next offsets, the offsets read so far, and how many records had
 * their identity where.
 */
import type { ObservedBatch, ObserverOffset } from '../../identity';
import { addDelivery, type Interval } from '../../ledger';
import type { Store } from '../open';

interface OffsetRow {
  topic: number;
  partition: number;
  nextOffset: number;
  newestAt: number;
}

export class Observed {
  private readonly statements;

  constructor(db: Store) {
    this.statements = {
      offsets: db.prepare<[], Omit<ObserverOffset, 'live'> & { state: string }>(
        `SELECT c.cluster_id AS cluster, t.name AS topic, t.topic_id AS topicId, o.partition,
                o.next_offset AS nextOffset, o.state, o.newest_at AS newestAt
         FROM observer_offset o JOIN topic t ON t.id = o.topic JOIN cluster c ON c.id = t.cluster
         ORDER BY t.id, o.partition`,
      ),
      name: db.prepare<[number], string>('SELECT name FROM topic WHERE id = ?').pluck(),
      rows: db.prepare<[], OffsetRow>(
        'SELECT topic, partition, next_offset AS nextOffset, newest_at AS newestAt FROM observer_offset',
      ),
      offset: db.prepare<[number, number, number, string, number, number]>(
        `INSERT INTO observer_offset (topic, partition, next_offset, state, newest_at, observed_at)
         VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset, state = excluded.state,
           newest_at = excluded.newest_at, observed_at = excluded.observed_at`,
      ),
      touching: db.prepare<[number, number, number, number], { first: number; last: number }>(
        `SELECT first, last FROM observed_range
         WHERE topic = ? AND partition = ? AND first <= ? AND last >= ? ORDER BY first`,
      ),
      dropRange: db.prepare<[number, number, number]>(
        'DELETE FROM observed_range WHERE topic = ? AND partition = ? AND first = ?',
      ),
      addRange: db.prepare<[number, number, number, number]>(
        'INSERT OR REPLACE INTO observed_range (topic, partition, first, last) VALUES (?, ?, ?, ?)',
      ),
      found: db.prepare<[number, string, number]>(
        `INSERT INTO identity_found (topic, source, records) VALUES (?, ?, ?)
         ON CONFLICT DO UPDATE SET records = records + excluded.records`,
      ),
      totals: db.prepare(
        `INSERT INTO observed_topic
           (topic, records, duplicates, id_reuses, intentional, longest_delay_ms, sequence_anomalies)
         VALUES (@topic, @records, @duplicate, @id_reuse, @intentional, @longestMs, @anomalies)
         ON CONFLICT DO UPDATE SET records = records + excluded.records,
           duplicates = duplicates + excluded.duplicates, id_reuses = id_reuses + excluded.id_reuses,
           intentional = intentional + excluded.intentional,
           sequence_anomalies = sequence_anomalies + excluded.sequence_anomalies,
           longest_delay_ms = max(longest_delay_ms, excluded.longest_delay_ms)`,
      ),
    };
  }

  offsets(): ObserverOffset[] {
    return this.statements.offsets.all().map(({ state, ...row }) => ({ ...row, live: state === 'live' }));
  }

  nameOf(topic: number): string {
    return this.statements.name.get(topic) ?? '';
  }

  rows(): OffsetRow[] {
    return this.statements.rows.all();
  }

  /** Notes where the next fetch begins, and that these offsets were read. Answers those that had been read before. */
  advance(topic: number, batch: ObservedBatch, newestAt: number): Interval[] {
    const { partition, firstOffset, nextOffset, live, observedAt } = batch;
    const state = live ? 'live' : 'catching_up';
    this.statements.offset.run(topic, partition, nextOffset, state, newestAt, observedAt);
    const last = nextOffset - 1;
    if (last < firstOffset) return [];
    const s = this.statements;
    const touching = s.touching
      .all(topic, partition, nextOffset, firstOffset - 1)
      .map((range): Interval => ({ ...range, deliveries: 1 }));
    // One range that grows is by far the most frequent.
    const only = touching[0];
    if (touching.length === 1 && only !== undefined && only.last === firstOffset - 1) {
      s.addRange.run(topic, partition, only.first, last);
      return [];
    }
    const { repeated } = addDelivery(touching, firstOffset, last);
    const lows = [firstOffset, ...touching.map((range) => range.first)];
    const highs = [last, ...touching.map((range) => range.last)];
    for (const range of touching) s.dropRange.run(topic, partition, range.first);
    s.addRange.run(topic, partition, Math.min(...lows), Math.max(...highs));
    return repeated;
  }

  /** Counts where identities stood; under '' the records without one. */
  count(topic: number, records: Map<string, number>, totals: TurnTotals): void {
    for (const [source, n] of records) this.statements.found.run(topic, source, n);
    this.statements.totals.run({ topic, ...totals });
  }
}

/** Of one batch. */
export interface TurnTotals {
  records: number;
  duplicate: number;
  id_reuse: number;
  intentional: number;
  longestMs: number;
  /** Record batches whose sequences had been used. */
  anomalies: number;
}
