/** One consumer group of the demo: its processes, and how far it has come. */
import { join } from 'node:path';
import { type Patience, until } from './patience';
import type { Place } from './place';
import type { Tally } from './tally';
import { Worker } from './worker';
import { HANDLERS, PARTITIONS, type Role } from './workload';

const END_LIMIT_MS = 3_000;
const WARM_RECORDS = 10;

export class Group {
  /** The group's name on the broker. */
  readonly id: string;
  workers: Worker[] = [];
  private made = 0;

  constructor(
    readonly role: Role,
    readonly place: Place,
    /** Where evidence is reported to; undefined: into the place's store. */
    private readonly service: string | undefined,
    readonly tally: Tally,
    private readonly onLost: (why: string) => void,
  ) {
    this.id = `${role}-${place.suffix}`;
  }

  /** Starts one more process; it joins in a moment. */
  add(): Worker {
    const name = `${this.role}-${++this.made}`;
    const { folder, topic, brokers, store } = this.place;
    const worker = new Worker(
      {
        name,
        brokers,
        topic,
        group: this.id,
        handler: HANDLERS[this.role],
        evidence:
          this.service === undefined
            ? { store }
            : { service: this.service, journal: join(folder, 'journal') },
        truthFile: join(folder, 'truth', `${name}.tsv`),
      },
      join(folder, 'logs', `${name}.log`),
      this.onLost,
    );
    this.workers.push(worker);
    return worker;
  }

  async kill(worker: Worker): Promise<void> {
    this.workers = this.workers.filter((other) => other !== worker);
    await worker.kill();
  }

  async stop(worker: Worker): Promise<void> {
    this.workers = this.workers.filter((other) => other !== worker);
    if (!(await worker.stop())) this.onLost(`${worker.name} did not end when asked to and was killed`);
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.workers].map((worker) => this.stop(worker)));
  }

  /** At the end of the demo: asked to leave, and killed where that takes longer than a moment. */
  async end(): Promise<void> {
    await Promise.all(this.workers.splice(0).map((worker) => worker.stop(END_LIMIT_MS)));
  }

  /** Waits until every partition has one member, and all that is in the log by then is committed. */
  async settle(patience: Patience): Promise<void> {
    await until(`every partition of ${this.id} has one member`, () => this.isWhole(), patience);
    await this.catchUp(patience);
    // A rebalance may have come in between.
    await until(`every partition of ${this.id} has one member`, () => this.isWhole(), patience);
  }

  /** Waits until there is something behind every partition's committed offset that can be delivered again. */
  async warmUp(patience: Patience): Promise<void> {
    const isWarm = async () => {
      const committed = [...(await this.committed()).values()];
      return committed.length === PARTITIONS && committed.every((offset) => offset >= WARM_RECORDS);
    };
    const what = `${this.id} has committed ${WARM_RECORDS} records of every partition`;
    await until(what, isWarm, { ...patience, everyMs: 200 });
  }

  async catchUp(patience: Patience): Promise<void> {
    const { admin, topic } = this.place;
    const ends = new Map<number, number>();
    for (const { partition, high } of await admin.fetchTopicOffsets(topic)) ends.set(partition, Number(high));
    await until(
      `${this.id} has committed everything`,
      async () => {
        const committed = await this.committed();
        return [...ends].every(([partition, end]) => end === 0 || (committed.get(partition) ?? -1) >= end);
      },
      { ...patience, everyMs: 200 },
    );
  }

  /** By partition; -1 where nothing is committed. */
  async committed(): Promise<Map<number, number>> {
    const { admin, topic } = this.place;
    const [answer] = await admin.fetchOffsets({ groupId: this.id, topics: [topic] });
    return new Map(answer?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
  }

  private isWhole(): boolean {
    // Of members that join one after the other, the first has everything for a moment.
    if (this.workers.some(({ assigned }) => assigned === null)) return false;
    const assigned = this.workers.flatMap(({ assigned }) => assigned ?? []);
    return assigned.length === PARTITIONS && new Set(assigned).size === PARTITIONS;
  }
}
