/**
 * `dupescope demo`: a broker, the service, a producer and two groups of consumer processes, with faults injected
 * into them; shows what was injected and what Dupescope found. With `once` it ends after one round of all faults
 * and compares every record with what the handlers themselves wrote down.
 */
import { randomInt } from 'node:crypto';
import { rmSync } from 'node:fs';
import { startBroker } from './broker';
import { Ending } from './ending';
import { Interrupted, orAborted } from './patience';
import { makeFolder } from './place';
import { play } from './play';
import { reportLines } from './report';
import { checkListen } from './service';
import { Terminal } from './terminal';

export interface DemoOptions {
  /** One round, a table, and an exit code that says whether injected and found agree. */
  once: boolean;
  /** host:port of the service. Default 127.0.0.1:7475, or a free port where that is taken. */
  listen?: string;
  /** URL of a service that runs already; the consumers report to it. Default: one of the demo's own. */
  service?: string;
  /** Decides the order of the faults, their victims and amounts. Default: another one each time. */
  seed?: number;
  /** Keep the folder with the store, the ground truth and the logs. Default false. */
  keep?: boolean;
  /** With `once`: the verdict as one JSON document on stdout, all else on stderr. Default false. */
  json?: boolean;
}

const SEED_MAX = 1_000_000;
const INTERRUPTED_EXIT = 130;

/**
 * Runs until the round is over, or until Ctrl-C. Answers the exit code: 0 when everything agrees (or Ctrl-C ended
 * an endless demo), 1 when something does not.
 *
 * @throws DupescopeError 'bad-usage' for a wrong `listen`, or when there is no broker, or something of the demo's own could not be done
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  checkListen(options.listen);
  const since = performance.now();
  const seed = options.seed ?? randomInt(SEED_MAX);
  const terminal = new Terminal(options.json === true ? process.stderr : process.stdout);
  const ending = new Ending();
  const stop = new AbortController();
  const interrupt = () => {
    // The children are on a leash: whoever is in a hurry presses twice.
    if (stop.signal.aborted) process.exit(INTERRUPTED_EXIT);
    stop.abort(new Interrupted());
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);

  try {
    terminal.line(`Seed ${seed}. Getting a broker...`);
    const broker = startBroker({ onProgress: (line) => terminal.line(line) });
    ending.add('broker', async () => (await broker.catch(() => null))?.stop());
    const { brokers, kind } = await orAborted(broker, stop.signal);

    const folder = makeFolder();
    ending.add('folder', () => {
      if (options.keep === true) terminal.line(`Kept ${folder}`);
      else rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    });
    const verdict = await play({
      brokers,
      isOwnBroker: kind !== 'given',
      folder,
      seed,
      since,
      once: options.once,
      keep: options.keep === true,
      listen: options.listen,
      service: options.service,
      terminal,
      ending,
      stop,
    });
    for (const line of ['', ...reportLines(verdict)]) terminal.line(line);
    if (options.json === true) process.stdout.write(`${JSON.stringify({ seed, ...verdict })}\n`);
    return verdict.agrees ? 0 : 1;
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    terminal.line('Ending...');
    return options.once ? INTERRUPTED_EXIT : 0;
  } finally {
    terminal.keep();
    for (const failed of await ending.run()) terminal.line(`Could not be ended: ${failed}`);
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}
