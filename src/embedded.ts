/** The embedded way: this process keeps its own journal and brings it into a SQLite file by its own writer. */
import { resolve } from 'node:path';
import { Journal } from './journal';
import type { InstrumentOptions } from './kafka/options';
import type { Sink } from './kafka/sink';
import { processSink } from './process-sink';
import { journalRoot } from './store/journal-root';
import { storeError } from './store/open';
import { launchWriter } from './store/writer-client';

export interface EmbeddedOptions {
  store: string;
  journalLimitBytes: number;
  retentionDays: number;
  retentionBytes: number;
}

/** The sink of that store; made at the first call. Throws what the file system throws. */
export function embeddedSink(options: EmbeddedOptions, onProblem: InstrumentOptions['onProblem']): Sink {
  const storePath = resolve(options.store);
  return processSink(`store ${storePath}`, onProblem, (problem) => {
    const journal = new Journal({
      root: journalRoot(storePath),
      limitBytes: options.journalLimitBytes,
      onFull: (error) => problem(storeError(storePath, error)),
    });
    const carrier = launchWriter({
      storePath,
      ownJournal: journal.id,
      retentionDays: options.retentionDays,
      retentionBytes: options.retentionBytes,
      onApplied: (seq) => journal.applied(seq),
      onProblem: problem,
    });
    return { journal, carrier };
  });
}
