/** The journals that are told by reports. The protocol stands in `journal/report`. */
import type { Report, ReportAnswer } from '../journal';
import { JournalIntake } from './intake';
import { ReportedJournal } from './reported';
import type { Tables } from './tables';

type Intake = JournalIntake<ReportedJournal>;

/** A reporter that was silent for so long begins anew. */
const FORGET_MS = 10 * 60_000;
/** A report with nothing new still says that its sessions live; so often it is worth a transaction. */
const SEEN_EVERY_MS = 5_000;

export class ReportIntakes {
  private readonly known = new Map<string, Intake & { appliedAt?: number }>();

  /** @param transact applies an intake in one transaction, or throws and changes nothing */
  constructor(private readonly transact: (intake: Intake, died: boolean) => void) {}

  /** Null when reports before this one are missing. Throws what the store throws. */
  take(tables: Tables, report: Report, now: number): ReportAnswer | null {
    const done = tables.seqOf(report.journal);
    if (tables.isClosed(report.journal)) {
      return { applied: Math.max(done, report.to), next: Math.max(done, report.to) + 1 };
    }
    let intake = this.known.get(report.journal);
    if (intake === undefined) {
      if (!report.begins) return null;
      intake = new JournalIntake(new ReportedJournal(report.journal), tables);
      this.known.set(report.journal, intake);
    }
    if (!intake.source.take(report, done, now)) return null;
    if (intake.read() || report.died || now - (intake.appliedAt ?? 0) > SEEN_EVERY_MS) {
      this.transact(intake, report.died);
      intake.appliedAt = now;
    }
    if (report.died) this.known.delete(report.journal);
    return { applied: tables.seqOf(report.journal), next: intake.source.next };
  }

  /** When a report of that journal came last, unix ms; 0: not since this process began. */
  heardAt(journal: string): number {
    return this.known.get(journal)?.source.heardAt ?? 0;
  }

  forgetSilent(now: number): void {
    for (const [id, intake] of this.known) {
      if (now - intake.source.heardAt > FORGET_MS) this.known.delete(id);
    }
  }

  /** The store is another one: row ids are void. */
  clear(): void {
    this.known.clear();
  }
}
