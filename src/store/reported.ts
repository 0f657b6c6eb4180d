/** A journal of another host, as its reports tell it: the order of its lines is kept here, whatever order they come in. */
import type { JournalRead, Report } from '../journal';
import type { Ref } from '../ledger';
import type { JournalSource } from './intake';

export class ReportedJournal implements JournalSource {
  /** Number of the line that is read next; 0: none was read yet. */
  next = 0;
  /** When a report came last, unix ms of this host. */
  heardAt = 0;
  private lines: JournalRead['evidence'] = [];
  private slots = new Map<Ref, JournalRead['slots'][number]>();
  private readonly slotSeqs = new Map<Ref, number>();

  constructor(readonly id: string) {}

  /**
   * Takes what is new of a report. False when lines before it are missing.
   * @param done number of the last line that the store has
   */
  take(report: Report, done: number, now: number): boolean {
    if (report.from > this.next && !report.begins) return false;
    if (this.next === 0 && done > 0 && report.from > done + 1) this.tellMissing(report.from - 1, done, now);
    this.heardAt = now;
    for (const line of report.lines) if (line.seq >= this.next) this.lines.push(line);
    this.next = Math.max(this.next, report.to + 1);
    for (const slot of report.slots) {
      if (slot.state.seq <= (this.slotSeqs.get(slot.track) ?? 0)) continue;
      this.slotSeqs.set(slot.track, slot.state.seq);
      this.slots.set(slot.track, slot);
    }
    return true;
  }

  read(): JournalRead {
    const found = { evidence: this.lines, slots: [...this.slots.values()] };
    this.lines = [];
    this.slots = new Map();
    return found;
  }

  /** The store forgot what it had acknowledged (an older copy was put in its place, the power failed). */
  private tellMissing(last: number, done: number, now: number): void {
    const reason = 'reports that were acknowledged are not in this store';
    const evidence = { t: 'dropped', at: now, events: last - done, deliveries: 0, reason } as const;
    this.lines.push({ seq: last, evidence });
  }
}
