/**
 * One life of an observed process without Kafka: a real journal of a small limit, real tracks of several sessions, and
 * the store's intake of it, each driven by hand. Counts what handlers got.
 */
import { Journal, JournalReader } from '../../src/journal';
import type { KafkaMessage } from '../../src/kafka/client-shape';
import { Track } from '../../src/kafka/track';
import type { Ref } from '../../src/ledger';
import { JournalIntake } from '../../src/store/intake';
import type { Store } from '../../src/store/open';
import { Tables } from '../../src/store/tables';

/** The store waits so long for a session's cluster at most, in ms. */
const NO_MORE_WAITING_MS = 60_000;

export class ObservedLife {
  readonly journal: Journal;
  delivered = 0;
  private readonly tables: Tables;
  private readonly intake: JournalIntake<JournalReader>;
  private readonly tracks: { track: Track; next: number }[] = [];
  private session: Ref = 0;
  private topic: Ref = 0;

  constructor(
    private readonly db: Store,
    root: string,
    private readonly group: string,
    limitBytes: number,
  ) {
    this.journal = new Journal({ root, limitBytes });
    this.tables = new Tables(db);
    this.intake = new JournalIntake(new JournalReader(this.journal.folder), this.tables);
    this.openSession();
    this.openTrack();
  }

  openSession(): void {
    const { journal } = this;
    this.session = journal.nextRef();
    journal.define({
      t: 'session',
      session: this.session,
      key: `session ${this.session} of ${journal.id}`,
      group: this.group,
      host: 'here',
      pid: process.pid,
      bootId: '',
      at: Date.now(),
      version: '0',
      settings: {},
    });
    journal.define({ t: 'cluster', session: this.session, clusterId: 'cluster' });
    this.topic = journal.nextRef();
    journal.define({ t: 'topic', topic: this.topic, name: 'topic', topicId: null });
  }

  /** A partition is acquired. */
  openTrack(): void {
    const { journal, session } = this;
    const ref = journal.nextTrack();
    const partition = this.tracks.length;
    journal.define({ t: 'track', track: ref, session, topic: this.topic, partition });
    const track = new Track({
      journal,
      track: ref,
      topic: 'topic',
      partition,
      idleMs: 15_000,
      everyRecord: true,
      inferEnds: false,
      onProblem: (error) => {
        throw error;
      },
    });
    this.tracks.push({ track, next: 0 });
  }

  seek(): void {
    const { journal, session } = this;
    journal.append({ t: 'seek', session, topic: 'topic', partition: 0, offset: '0', at: Date.now() });
  }

  /** So many contiguous records, handled one by one. */
  deliver(which: number, records: number): void {
    const place = this.place(which);
    for (let i = 0; i < records; i++) {
      this.begin(place);
      place.track.succeeded();
    }
  }

  /** So many records whose handler throws: a closed run each. */
  fail(which: number, records: number): void {
    const place = this.place(which);
    for (let i = 0; i < records; i++) {
      this.begin(place);
      place.track.failed(new Error('the handler threw'));
    }
  }

  /** A record that the handler still has. */
  begin(place: { track: Track; next: number } = this.place(0)): void {
    place.track.begin(place.next, { offset: String(place.next) } as KafkaMessage);
    place.next++;
    this.delivered++;
  }

  /** A batch with gaps for eachBatch. */
  batch(which: number, records: number, ends: 'handled' | 'failed' | 'never'): void {
    const place = this.place(which);
    const messages = Array.from({ length: records }, (_, i) => ({ offset: String(place.next + 2 * i) }));
    place.track.beginBatch(messages as KafkaMessage[]);
    place.next += 2 * records;
    this.delivered += records;
    if (ends === 'handled') place.track.batchSucceeded(true);
    if (ends === 'failed') place.track.failed(new Error('the handler threw'));
  }

  /**
   * A turn of the store's writer.
   * @param heard its word of what it has taken arrives
   * @param late a session whose cluster is not known waits no longer
   */
  store(heard: boolean, late = false): void {
    this.take(this.intake, false, late);
    if (heard) this.journal.applied(this.intake.appliedSeq);
  }

  leave(): void {
    for (const { track } of this.tracks) track.leave();
  }

  /** Killed: whoever finds the journal has not read of it before, or is the writer that followed it. */
  kill(byFollower: boolean): void {
    this.journal.close(false);
    const finder = new JournalIntake(new JournalReader(this.journal.folder), this.tables);
    this.take(byFollower ? this.intake : finder, true);
  }

  private take(intake: JournalIntake<JournalReader>, died: boolean, late = false): void {
    intake.read(died);
    const now = Date.now() + (late ? NO_MORE_WAITING_MS : 0);
    this.db.transaction(() => intake.apply(died, now)).immediate();
    intake.committed();
  }

  private place(which: number): { track: Track; next: number } {
    return this.tracks[which % this.tracks.length] as { track: Track; next: number };
  }
}
