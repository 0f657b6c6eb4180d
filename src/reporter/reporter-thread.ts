/** The reporter's thread: turns, and answers in between. */
import { parentPort, workerData } from 'node:worker_threads';
import type { FromReporter, ToReporter } from './messages';
import { Reporter, type ReporterOptions } from './reporter';

/** The journal is looked at this often; what is urgent is told at once. */
const TURN_MS = 100;

const port = parentPort;
if (port !== null) run(workerData as ReporterOptions);

function run(options: ReporterOptions): void {
  const say = (message: FromReporter) => port?.postMessage(message);
  let failing = '';
  let applied = 0;
  const reporter = new Reporter(
    options,
    (seq) => {
      if (seq > applied) say({ type: 'applied', seq });
      applied = Math.max(applied, seq);
    },
    (problem) => {
      if (problem !== null && problem.code !== failing) {
        say({ type: 'problem', code: problem.code, message: problem.message });
      }
      failing = problem?.code ?? '';
    },
  );
  let isTurning = false;
  const turn = async () => {
    if (isTurning) return;
    isTurning = true;
    await reporter.turn();
    isTurning = false;
  };
  const timer = setInterval(turn, Math.min(TURN_MS, options.reportEveryMs));
  void turn();

  port?.on('message', async (message: ToReporter) => {
    switch (message.type) {
      case 'past': {
        const past = await reporter.past(message.question, message.limitMs);
        say({ type: 'past', id: message.id, past });
        break;
      }
      case 'flush':
        say({ type: 'done', id: message.id, complete: await reporter.flush() });
        break;
      case 'close': {
        clearInterval(timer);
        const complete = await reporter.flush();
        reporter.close();
        say({ type: 'done', id: message.id, complete });
        port?.close();
        break;
      }
    }
  });
}
