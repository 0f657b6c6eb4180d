/** The way to other hosts: this process keeps its own journal and reports it to a service. */
import { join, resolve } from 'node:path';
import { DupescopeError, errorLine } from './errors';
import { Journal } from './journal';
import type { InstrumentOptions, ServiceOptions } from './kafka/options';
import type { Sink } from './kafka/sink';
import { type Problem, processSink } from './process-sink';
import { launchReporter } from './reporter';

/** The sink of that service; made at the first call. Throws 'journal-unwritable'. */
export function reportingSink(
  options: ServiceOptions & { journalLimitBytes: number },
  onProblem: InstrumentOptions['onProblem'],
): Sink {
  const { url, token, tokenFile, caFile, reportEveryMs } = options;
  const root = join(resolve(options.journal), folderOf(url));
  return processSink(`service ${url} by ${root}`, onProblem, (problem) => {
    const journal = openJournal(root, options.journalLimitBytes, problem);
    const carrier = launchReporter({
      service: { url, token, tokenFile, caFile },
      root,
      ownJournal: journal.id,
      reportEveryMs,
      onApplied: (seq) => journal.applied(seq),
      onProblem: problem,
    });
    return { journal, carrier };
  });
}

/** Orphans of one service are not told to another. */
function folderOf(url: string): string {
  return url.replace(/^https?:\/\//, '').replace(/[^A-Za-z0-9.-]+/g, '_');
}

function openJournal(root: string, limitBytes: number, problem: Problem): Journal {
  const onFull = (error: unknown) =>
    problem(
      new DupescopeError(
        'journal-unwritable',
        `The disk of the journal folder ${root} is full (${errorLine(error)}): until there is room, deliveries are counted and nothing more.`,
        { cause: error },
      ),
    );
  try {
    return new Journal({ root, limitBytes, onFull });
  } catch (error) {
    throw new DupescopeError(
      'journal-unwritable',
      `The journal folder ${root} cannot be used (${errorLine(error)}): nothing is observed. Give "journal" (DUPESCOPE_JOURNAL) a folder that this user may write.`,
      { cause: error },
    );
  }
}
