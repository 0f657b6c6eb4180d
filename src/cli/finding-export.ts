/**
 * Hands settled findings on as spans. Idle -> (a turn finds some) sent -> marked in the store; what could not be
 * sent is sent again at the next turn, as the same spans.
 */
import type { Logger } from 'pino';
import { errorLine } from '../errors';
import { Settled } from '../store/settled';
import { type Exporting, startExporting } from '../telemetry/exporting';
import { findingSpan } from '../telemetry/finding-spans';
import { shapeOf } from './finding-shapes';

const TURN_MS = 1_000;
/** A batch span processor holds 2048 and drops what is more. */
const TURN_FINDINGS = 500;

export class FindingExport {
  private settled: Settled | null = null;
  private turning: Promise<void> = Promise.resolve();
  private closing = false;
  private readonly timer: NodeJS.Timeout;

  private constructor(
    private readonly storePath: string,
    private readonly exporting: Exporting,
    private readonly logger: Logger,
  ) {
    this.settled = new Settled(storePath, Date.now());
    this.timer = setInterval(() => {
      this.turning = this.turning.then(() => this.turn());
    }, TURN_MS).unref();
  }

  /** Null where nothing can be exported (told). Throws the store's errors. */
  static start(storePath: string, logger: Logger): FindingExport | null {
    const exporting = startExporting((problem) => logger.warn(problem));
    return exporting === null ? null : new FindingExport(storePath, exporting, logger);
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    this.closing = true;
    await this.turning;
    this.settled?.close();
    await this.exporting.close().catch((error) => this.logger.warn(errorLine(error)));
  }

  private async turn(): Promise<void> {
    try {
      while (!this.closing && (await this.handOn()));
    } catch (error) {
      this.logger.warn(`spans of findings wait: ${errorLine(error)}`);
      // The file may have been replaced.
      this.settled?.close();
      this.settled = null;
    }
  }

  /** Answers whether there may be more right now. */
  private async handOn(): Promise<boolean> {
    let more = false;
    this.settled ??= new Settled(this.storePath, Date.now());
    for (const { findings, full, done } of this.settled.next(TURN_FINDINGS, Date.now())) {
      for (const finding of findings) findingSpan(this.exporting.spans, shapeOf(finding));
      if (findings.length > 0) await this.exporting.flush();
      done();
      more ||= full;
    }
    return more;
  }
}
