/**
 * The sequences of idempotent producers. In one epoch a producer numbers its records of a partition from 0 on, and a
 * broker refuses a number that it has: a batch that begins at or below the producer's last number was let through by a
 * broker that had lost what it knew of that producer. It need not be a copy: other messages under used numbers are as
 * odd, and so are records without an identity. A number that is left out says nothing: aborted transactions and
 * compaction leave them out.
 *
 * Cost: a look-up a record batch, a row a producer and turn. Bounded: of each partition the producers that wrote last.
 */
import type { WrittenBatch } from '../../identity';
import type { Store } from '../open';

/** Of a partition, about 100 B each; a broker forgets a producer that is silent for a day. */
export const PRODUCERS_MAX = 1_000;
/** Sequences are 31 bits and begin again at 0. */
const SEQUENCES = 2 ** 31;

interface Standing {
  epoch: number;
  lastSequence: number;
  lastOffset: number;
}

type Standings = Map<number, Standing>;

interface Anomaly extends Standing {
  written: WrittenBatch;
  at: number;
}

interface StandingRow extends Standing {
  producer: number;
}

export class Sequences {
  private readonly statements;
  /** By topic and partition, in each the producer that wrote last at the end. */
  private readonly known = new Map<string, Standings>();

  constructor(
    db: Store,
    readonly producersMax = PRODUCERS_MAX,
  ) {
    this.statements = {
      of: db.prepare<[number, number], StandingRow>(
        `SELECT producer_id AS producer, epoch, last_sequence AS lastSequence, last_offset AS lastOffset
         FROM observed_producer WHERE topic = ? AND partition = ? ORDER BY last_offset`,
      ),
      put: db.prepare<[number, number, number, number, number, number]>(
        `INSERT OR REPLACE INTO observed_producer (topic, partition, producer_id, epoch, last_sequence, last_offset)
         VALUES (?, ?, ?, ?, ?, ?)`,
      ),
      drop: db.prepare<[number, number, number]>(
        'DELETE FROM observed_producer WHERE topic = ? AND partition = ? AND producer_id = ?',
      ),
      anomaly: db.prepare(
        `INSERT OR IGNORE INTO sequence_anomaly (topic, partition, first_offset, records, producer_id, epoch, sequence,
           last_sequence, last_offset, at, found_at)
         VALUES (@topic, @partition, @firstOffset, @records, @producerId, @epoch, @firstSequence, @lastSequence,
           @lastOffset, @at, @foundAt)`,
      ),
    };
  }

  turn(topic: number, partition: number): SequenceTurn {
    const key = `${topic}/${partition}`;
    let known = this.known.get(key);
    if (known === undefined) {
      const rows = this.statements.of.all(topic, partition);
      known = new Map(rows.map(({ producer, ...standing }) => [producer, standing]));
      this.known.set(key, known);
    }
    return new SequenceTurn(this, known, topic, partition);
  }

  /** Another writer may have changed the rows. */
  forget(): void {
    this.known.clear();
  }

  put(topic: number, partition: number, producer: number, standing: Standing): void {
    const { epoch, lastSequence, lastOffset } = standing;
    this.statements.put.run(topic, partition, producer, epoch, lastSequence, lastOffset);
  }

  drop(topic: number, partition: number, producer: number): void {
    this.statements.drop.run(topic, partition, producer);
  }

  add(topic: number, partition: number, { written, ...one }: Anomaly, foundAt: number): void {
    const { firstOffset, records, producerId, firstSequence } = written;
    const place = { topic, partition, firstOffset, records, producerId, firstSequence };
    this.statements.anomaly.run({ ...place, ...one, foundAt });
  }
}

/** One turn's share: what is known changes with `apply`, after the commit. */
export class SequenceTurn {
  readonly anomalies: Anomaly[] = [];
  private readonly changed: Standings = new Map();
  private forgotten: number[] = [];

  constructor(
    private readonly sequences: Sequences,
    private readonly known: Standings,
    private readonly topic: number,
    private readonly partition: number,
  ) {}

  /** Takes a record batch in, in the order of the log; one that was read before changes nothing. */
  take(written: WrittenBatch, at: number): void {
    const { producerId, producerEpoch: epoch, firstSequence, firstOffset, records } = written;
    if (producerId === null) return;
    const before = this.changed.get(producerId) ?? this.known.get(producerId);
    const lastOffset = firstOffset + records - 1;
    if (before !== undefined) {
      // Of an epoch that was fenced nothing more is expected, and nothing is known.
      if (lastOffset <= before.lastOffset || epoch < before.epoch) return;
      if (epoch === before.epoch && isUsed(firstSequence, before.lastSequence)) {
        this.anomalies.push({ ...before, written, at });
      }
    }
    const lastSequence = (firstSequence + records - 1) % SEQUENCES;
    this.changed.delete(producerId);
    this.changed.set(producerId, { epoch, lastSequence, lastOffset });
  }

  write(foundAt: number): void {
    const { sequences, topic, partition, known, changed } = this;
    const added = [...changed.keys()].filter((producer) => !known.has(producer)).length;
    const over = known.size + added - sequences.producersMax;
    this.forgotten = [...known.keys(), ...changed.keys()]
      .filter((producer, i) => i >= known.size || !changed.has(producer))
      .slice(0, Math.max(0, over));
    for (const [producer, standing] of changed) sequences.put(topic, partition, producer, standing);
    for (const producer of this.forgotten) sequences.drop(topic, partition, producer);
    for (const anomaly of this.anomalies) sequences.add(topic, partition, anomaly, foundAt);
  }

  apply(): void {
    const { known, changed } = this;
    for (const [producer, standing] of changed) {
      known.delete(producer);
      known.set(producer, standing);
    }
    for (const producer of this.forgotten) known.delete(producer);
  }
}

/** At or below the last one; half the circle is below. */
function isUsed(sequence: number, last: number): boolean {
  return (last - sequence + SEQUENCES) % SEQUENCES < SEQUENCES / 2;
}
