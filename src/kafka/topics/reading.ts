/** Topics and partitions as one session of the observer reads them. */
import { RecordReader } from '../../identity';
import type { FetchTopic } from './fetch';
import type { TopicRules } from './topic-choice';

/** One life of a topic: a topic that was deleted and made again is another one. */
export class TopicReading implements FetchTopic {
  readonly partitions = new Map<number, PartitionReading>();
  readonly reader: RecordReader;

  constructor(
    readonly name: string,
    readonly id: string | null,
    readonly rules: TopicRules,
    seed: Uint8Array,
  ) {
    this.reader = new RecordReader({
      topic: name,
      rules: rules.identity,
      seed,
      clearTexts: rules.clearTexts,
    });
  }
}

/**
 * States: catching up -> live <-> behind; out of any of them resting (its leader refused it: left out until the
 * topics were listed again).
 */
export class PartitionReading {
  /** As the queue was last told. */
  live = false;
  /** It was live once. */
  caughtUp = false;
  resting = false;
  /** The leader whose answer is being read. */
  heldBy: number | null = null;

  constructor(
    readonly topic: TopicReading,
    readonly partition: number,
    public leader: number,
    /** Where the next fetch begins. */
    public next: number,
  ) {}
}
