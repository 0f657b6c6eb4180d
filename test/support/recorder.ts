/** An instrumented consumer without Kafka: real journal, real track, fed by hand. */
import { Journal } from '../../src/journal';
import type { KafkaMessage } from '../../src/kafka/client-shape';
import { Track } from '../../src/kafka/track';
import { journalRoot } from '../../src/store/journal-root';
import { DEFAULT_RETENTION } from '../../src/store/retention';
import { Writer } from '../../src/store/writer';

export class Recorder {
  readonly journal: Journal;
  readonly writer: Writer;
  private readonly session;
  private readonly topic;
  private readonly tracks = new Map<number, Track>();

  constructor(
    readonly store: string,
    group: string,
    limitBytes?: number,
    private readonly isUncommitted?: () => boolean,
  ) {
    this.journal = new Journal({
      root: journalRoot(store),
      ...(limitBytes === undefined ? {} : { limitBytes }),
    });
    this.writer = new Writer({ storePath: store, ownJournal: this.journal.id, retention: DEFAULT_RETENTION });
    this.session = this.journal.nextRef();
    this.journal.define({
      t: 'session',
      session: this.session,
      key: `session of ${this.journal.id}`,
      group,
      host: 'here',
      pid: process.pid,
      bootId: '',
      at: Date.now(),
      version: '0',
      settings: {},
    });
    this.journal.define({ t: 'cluster', session: this.session, clusterId: 'cluster' });
    this.topic = this.journal.nextRef();
    this.journal.define({ t: 'topic', topic: this.topic, name: 'topic', topicId: null });
  }

  track(partition: number): Track {
    const known = this.tracks.get(partition);
    if (known !== undefined) return known;
    const track = this.journal.nextTrack();
    this.journal.define({ t: 'track', track, session: this.session, topic: this.topic, partition });
    const made = new Track({
      journal: this.journal,
      track,
      topic: 'topic',
      partition,
      idleMs: 15_000,
      everyRecord: false,
      inferEnds: false,
      ...(this.isUncommitted === undefined ? {} : { isUncommitted: this.isUncommitted }),
      onProblem: (error) => {
        throw error;
      },
    });
    this.tracks.set(partition, made);
    return made;
  }

  /** Delivers and handles [first..last], as one eachMessage batch. */
  deliver(partition: number, first: number, last: number): void {
    const track = this.track(partition);
    for (let offset = first; offset <= last; offset++) {
      track.begin(offset, { offset: String(offset) } as KafkaMessage);
      track.succeeded();
    }
    track.endBatch();
  }

  /** Ends as a consumer that disconnects: every run closed and stored. */
  close(): void {
    for (const track of this.tracks.values()) track.leave();
    this.writer.flush();
    this.writer.close();
    this.journal.close(true);
  }
}
