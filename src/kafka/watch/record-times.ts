/**
 * When the records of observed topics were written, a sample of each stretch that the topic observer read: consumer lag
 * in seconds is told from it where a topic is observed, and for records from before the service's start too. Bounded as
 * log ends are; of this process alone: after a restart log ends serve until the observer has read something.
 */
import { EndSamples } from './end-samples';

export class RecordTimes {
  private readonly topics = new Map<string, Map<number, EndSamples>>();

  /** The first or last record of a stretch. @param at its time, unix ms; records without one tell nothing */
  note(topic: string, partition: number, offset: number, at: number): void {
    if (!(at > 0)) return;
    const known = this.topics.get(topic) ?? new Map<number, EndSamples>();
    const samples = known.get(partition) ?? new EndSamples();
    // Producers' clocks differ, and times go back: the log's order is what counts.
    if (offset !== samples.end)
      samples.add(offset, Math.max(at, offset > (samples.end ?? 0) ? samples.at : 0));
    known.set(partition, samples);
    this.topics.set(topic, known);
  }

  /** How old that record is, in ms, by its time or between those of its neighbours; null: it was not read. */
  ageOf(topic: string, partition: number, offset: number, now: number): number | null {
    const samples = this.topics.get(topic)?.get(partition);
    if (samples?.end === null || samples === undefined || offset > samples.end) return null;
    if (offset === samples.end) return Math.max(0, now - samples.at);
    return samples.ageOf(offset, now);
  }
}
