/**
 * What the reporter's thread does: a turn every TURN_MS that looks at the own journal and, when it is time, tells the
 * service; orphans in between. One report is under way at a time.
 *
 * States: reporting <-> waiting (no answer, 429, 5xx: soon again; refused: seldom). Nothing is lost in `waiting`: the
 * evidence stays in the journal, which counts what has no room in it.
 */
import { join } from 'node:path';
import { DupescopeError, errorLine } from '../errors';
import type { ReportAnswer } from '../journal';
import { JournalFeed, type ReportText } from './feed';
import { Orphans } from './orphans';
import { type Past, PastAsker, type PastQuestion } from './past';
import { Patience } from './patience';
import { type ServiceAddress, type ServiceAnswer, ServiceClient } from './service-client';

export interface ReporterOptions {
  service: ServiceAddress;
  /** Folder of the journals of all processes that report to this service. */
  root: string;
  ownJournal: string;
  /** Time between two reports, in ms. */
  reportEveryMs: number;
}

/** The service may wait for a checkpoint. */
const REPORT_LIMIT_MS = 20_000;
const SWEEP_MS = 2_000;
/** Without anything new, so often it is told that the process lives. */
const LIVING_MS = 1_000;
/** So often in a row the service may ask for a journal's beginning before that counts as a failure. */
const RESTARTS_MAX = 3;

type Sent = 'sent' | 'restart' | 'failed';

export class Reporter {
  private readonly client: ServiceClient;
  private readonly own: JournalFeed;
  private readonly orphans: Orphans;
  private readonly asker: PastAsker;
  private readonly patience = new Patience();
  private working: Promise<unknown> = Promise.resolve();
  private reportedAt = Number.NEGATIVE_INFINITY;
  private sweptAt = Number.NEGATIVE_INFINITY;

  /**
   * @param onApplied the service has the own journal's lines up to here
   * @param onProblem null: it works again
   */
  constructor(
    private readonly options: ReporterOptions,
    private readonly onApplied: (seq: number) => void,
    private readonly onProblem: (problem: DupescopeError | null) => void,
  ) {
    this.client = new ServiceClient(options.service);
    this.own = new JournalFeed(join(options.root, options.ownJournal), false);
    this.orphans = new Orphans(options.root, options.ownJournal);
    this.asker = new PastAsker((question, limitMs) => this.postPast(question, limitMs));
  }

  /** Never rejects. */
  turn(): Promise<unknown> {
    return this.alone(async () => {
      const now = performance.now();
      if (!this.patience.mayTry(now)) return;
      const news = this.own.read();
      const since = now - this.reportedAt;
      const isTime = news ? this.own.urgent || since >= this.options.reportEveryMs : since >= LIVING_MS;
      if (isTime && !(await this.tellOwn())) return;
      if (now - this.sweptAt < SWEEP_MS) return;
      if (await this.orphans.sweep((orphan) => this.tellOrphan(orphan))) this.sweptAt = now;
    });
  }

  /** Tries now, patience or not. True when the service has all that was written before. Never rejects. */
  flush(): Promise<boolean> {
    return this.alone(async () => (await this.tellOwn()) && this.own.settled).then((done) => done === true);
  }

  /** Null at once while the service is away: a handler waits for this. */
  async past(question: PastQuestion, limitMs: number): Promise<Past | null> {
    if (!this.patience.mayTry(performance.now())) return null;
    // What other consumers of this process delivered is told first.
    await this.flush();
    if (!this.patience.mayTry(performance.now())) return null;
    return this.asker.ask(question, limitMs);
  }

  close(): void {
    this.client.close();
  }

  /** One piece of work after the other; its failure is told. */
  private alone<T>(work: () => Promise<T>): Promise<T | null> {
    const done = this.working.then(work).catch((error: unknown) => {
      this.onProblem(new DupescopeError('internal', `The reporter failed: ${errorLine(error)}`));
      return null;
    });
    this.working = done;
    return done;
  }

  /** Everything that the own journal has. False when the service does not take it now. */
  private async tellOwn(): Promise<boolean> {
    let restarts = 0;
    for (;;) {
      this.own.read();
      const report = this.own.report();
      this.reportedAt = performance.now();
      if (report === null) return true;
      const sent = await this.send(this.own, report);
      if (sent === 'failed' || (sent === 'restart' && ++restarts > RESTARTS_MAX)) return false;
      if (sent === 'restart') continue;
      this.onApplied(this.own.applied);
      if (!this.own.hasMore) return true;
    }
  }

  private async tellOrphan(orphan: JournalFeed): Promise<boolean> {
    let restarts = 0;
    for (;;) {
      orphan.read();
      const report = orphan.report();
      if (report === null) return true;
      const sent = await this.send(orphan, report);
      if (sent === 'failed' || (sent === 'restart' && ++restarts > RESTARTS_MAX)) return false;
      if (sent === 'sent' && report.final) return true;
      // A large orphan does not hold up the living.
      if (!(await this.tellOwn())) return false;
    }
  }

  private async send(feed: JournalFeed, report: ReportText): Promise<Sent> {
    let answer: ServiceAnswer;
    try {
      answer = await this.client.post('v1/reports', report.json, REPORT_LIMIT_MS);
    } catch (error) {
      return this.failed('service-unreachable', errorLine(error), null);
    }
    if (answer.status === 200 && isReportAnswer(answer.body)) {
      feed.sent(report, answer.body);
      this.patience.succeeded();
      this.onProblem(null);
      return 'sent';
    }
    if (answer.status === 409) {
      feed.restart();
      return 'restart';
    }
    const { detail } = (answer.body ?? {}) as { detail?: unknown };
    const said = `it answered ${answer.status}${typeof detail === 'string' ? `: ${detail.slice(0, 300)}` : ''}`;
    const isAway = answer.status >= 500 || answer.status === 429;
    return this.failed(isAway ? 'service-unreachable' : 'service-refused', said, answer.retryAfterMs);
  }

  private failed(code: 'service-unreachable' | 'service-refused', why: string, askedMs: number | null): Sent {
    const kind = code === 'service-refused' ? 'refused' : 'away';
    this.patience.failed(performance.now(), kind, askedMs);
    const advice = kind === 'refused' ? ' Correct the token or the address, or update the service.' : '';
    this.onProblem(
      new DupescopeError(
        code,
        `The Dupescope service at ${this.options.service.url} takes no reports (${why}).${advice} The evidence waits in the journal.`,
      ),
    );
    return 'failed';
  }

  private async postPast(question: PastQuestion, limitMs: number): Promise<unknown> {
    const body = JSON.stringify({ ...question, journal: this.options.ownJournal });
    try {
      const answer = await this.client.post('v1/past', body, limitMs);
      return answer.status === 200 ? answer.body : null;
    } catch {
      return null; // Reports tell of a service that is away; this one comes too often.
    }
  }
}

function isReportAnswer(body: unknown): body is ReportAnswer {
  const answer = body as Partial<ReportAnswer> | null;
  return typeof answer?.applied === 'number' && typeof answer.next === 'number';
}
