/**
 * The embedded way: this process keeps its own journal and brings it into a SQLite file by its own writer. One for
 * each store path and process, shared by every client that is instrumented with it.
 */
import { resolve } from 'node:path';
import { DupescopeError, errorLine } from './errors';
import { Journal } from './journal';
import { liveSessions } from './kafka/observe-consumer';
import type { InstrumentOptions } from './kafka/options';
import type { Sink } from './kafka/sink';
import { journalRoot } from './store/journal-root';
import { launchWriter } from './store/writer-client';

const open = new Map<string, Sink>();
/** What each sink does at the process's end; one listener for all. */
const atExit: (() => void)[] = [];

export interface EmbeddedOptions {
  store: string;
  journalLimitBytes: number;
  retentionDays: number;
  retentionBytes: number;
}

/** The sink of that store; made at the first call. Throws what the file system throws. */
export function embeddedSink(options: EmbeddedOptions, onProblem: InstrumentOptions['onProblem']): Sink {
  const storePath = resolve(options.store);
  const known = open.get(storePath);
  if (known !== undefined) return known;
  const problem = problemTeller(onProblem);
  const journal = new Journal({ root: journalRoot(storePath), limitBytes: options.journalLimitBytes });
  const writer = launchWriter({
    storePath,
    ownJournal: journal.id,
    retentionDays: options.retentionDays,
    retentionBytes: options.retentionBytes,
    onApplied: (seq) => journal.applied(seq),
    onProblem: problem,
  });
  let storedChanges = -1;
  if (atExit.length === 0) process.once('exit', () => atExit.forEach((close) => void close()));
  atExit.push(() => {
    try {
      // A process that ends without disconnecting: its records in hand stay in flight, the rest is settled.
      for (const session of liveSessions) if (session.sink === sink) session.ended('exit');
      // The folder may go only if no consumer lives and nothing was written since the store took everything.
      journal.close(liveSessions.size === 0 && journal.changes === storedChanges);
    } catch {
      // Too late to tell anyone; the journal is recovered at the next start.
    }
  });
  const sink: Sink = {
    journal,
    past: (question, limitMs) => writer.past(question, limitMs),
    flush: async (limitMs) => {
      const { changes } = journal;
      const done = await writer.flush(limitMs);
      if (done) storedChanges = changes;
      return done;
    },
    problem,
  };
  open.set(storePath, sink);
  return sink;
}

/** Tells each kind of problem once in a while, by the caller's function or as a process warning; never throws. */
export function problemTeller(onProblem: InstrumentOptions['onProblem']): (error: unknown) => void {
  const told = new Map<string, number>();
  return (thrown) => {
    try {
      const error =
        thrown instanceof DupescopeError
          ? thrown
          : new DupescopeError('internal', `Dupescope lost sight of something: ${errorLine(thrown)}`, {
              cause: thrown,
            });
      const now = Date.now();
      if (now - (told.get(error.code) ?? 0) < 60_000) return;
      told.set(error.code, now);
      if (onProblem !== undefined) onProblem(error);
      else
        process.emitWarning(`${error.message} (the application runs on)`, {
          code: `dupescope:${error.code}`,
        });
    } catch {
      // A listener that throws is not our application's problem.
    }
  };
}
