/**
 * This process's sinks: a journal, and a thread that brings it to where it belongs. One for each destination and
 * process, shared by every client that is instrumented with it. Life: opened at the first consumer -> flushed at each
 * disconnect -> closed at the process's end, when the journal's folder goes if everything in it was taken.
 */
import { DupescopeError, errorLine } from './errors';
import type { Journal } from './journal';
import type { InstrumentOptions } from './kafka/options';
import { liveSessions } from './kafka/session';
import type { Sink } from './kafka/sink';

/** Brings a journal to its destination: the store's writer, or the reporter. */
export type Carrier = Pick<Sink, 'past' | 'flush'>;

export type Problem = (error: unknown) => void;

const open = new Map<string, Sink>();
/** What each sink does at the process's end; one listener for all. */
const atExit: (() => void)[] = [];

/**
 * The sink of that destination; made at the first call.
 * @param make throws what the file system throws
 */
export function processSink(
  destination: string,
  onProblem: InstrumentOptions['onProblem'],
  make: (problem: Problem) => { journal: Journal; carrier: Carrier },
): Sink {
  const known = open.get(destination);
  if (known !== undefined) return known;
  const problem = problemTeller(onProblem);
  const { journal, carrier } = make(problem);
  let takenChanges = -1;
  const sink: Sink = {
    journal,
    past: (question, limitMs) => carrier.past(question, limitMs),
    flush: async (limitMs) => {
      const { changes, owes } = journal;
      const done = await carrier.flush(limitMs);
      if (done) takenChanges = changes;
      if (!done || !owes || journal.owes) return done;
      // What the journal had no room for was written when that gave it some.
      return sink.flush(limitMs);
    },
    problem,
  };
  if (atExit.length === 0) process.once('exit', () => atExit.forEach((close) => void close()));
  atExit.push(() => {
    try {
      // A process that ends without disconnecting: its records in hand stay in flight, the rest is settled.
      for (const session of liveSessions) if (session.sink === sink) session.ended('exit');
      // The folder may go only if no consumer lives and nothing was written since everything was taken.
      journal.close(liveSessions.size === 0 && journal.changes === takenChanges);
    } catch {
      // Too late to tell anyone; the journal is recovered at the next start.
    }
  });
  open.set(destination, sink);
  return sink;
}

/** Tells each kind of problem once in a while, by the caller's function or as a process warning; never throws. */
export function problemTeller(onProblem: InstrumentOptions['onProblem']): Problem {
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
