/** The service as a child process: `dupescope serve` on the demo's store, as a person would start it. */
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fail } from '../errors';
import { Answers } from './answers';
import { freePorts } from './broker/ports';
import { Child } from './child';
import { type Patience, until } from './patience';
import type { Place } from './place';

const CLI = join(__dirname, '../cli/main.js');
const HOST = '127.0.0.1';
/** The service's own default, taken when nobody else has it. */
const PORT = 7475;
const PORT_MAX = 65_535;
const READY_LIMIT_MS = 30_000;
/** It may be reading topics from their beginning. A large cluster takes longer: then the demo says so and ends. */
const GIVEN_LIMIT_MS = 120_000;
const STOP_LIMIT_MS = 5_000;
const LAG_INTERVAL_MS = 1_000;

export interface Service {
  answers: Answers;
  stop(): Promise<void>;
}

/** @param keep whether the folder stays when the demo is killed */
export async function startService(
  place: Place,
  options: { listen: string | undefined; keep: boolean; onLost: (why: string) => void },
  patience: Patience,
): Promise<Service> {
  const listen = await addressFor(options.listen);
  const child = new Child('the service', {
    script: CLI,
    args: [
      'serve',
      ...['--store', place.store],
      ...['--listen', listen],
      ...['--brokers', place.brokers.join(',')],
      ...['--lag-interval-ms', String(LAG_INTERVAL_MS)],
      ...['--log-level', 'warn'],
    ],
    logFile: join(place.folder, 'logs', 'service.log'),
    env: options.keep ? {} : { DUPESCOPE_DEMO_FOLDER: place.folder },
    onLost: options.onLost,
  });
  const answers = new Answers(`http://${listen}`);
  const stop = async () => {
    await child.stop(() => child.process.kill('SIGTERM'), STOP_LIMIT_MS);
  };
  try {
    await until('the service is ready', () => answers.isReady(), { limitMs: READY_LIMIT_MS, ...patience });
  } catch (error) {
    await stop();
    throw error;
  }
  return { answers, stop };
}

/** Somebody else's, who ends it too. @param url of it */
export async function givenService(url: string, patience: Patience): Promise<Service> {
  const answers = new Answers(url.replace(/\/+$/, ''));
  await until(`the service at ${url} is ready`, () => answers.isReady(), {
    limitMs: GIVEN_LIMIT_MS,
    ...patience,
  });
  return { answers, stop: async () => undefined };
}

/** @throws DupescopeError 'bad-usage': the demo's service has no token, so it answers this machine alone */
export function checkListen(listen: string | undefined): void {
  if (listen === undefined) return;
  const [, host = '', port = ''] = /^(127\.0\.0\.1|localhost|\[::1\]):(\d{1,5})$/.exec(listen) ?? [];
  if (host !== '' && Number(port) <= PORT_MAX) return;
  fail(
    'bad-usage',
    `--listen must be 127.0.0.1:<port>, localhost:<port> or [::1]:<port> here; it is "${listen}". The demo's service answers this machine alone.`,
  );
}

async function addressFor(listen: string | undefined): Promise<string> {
  if (listen?.endsWith(':0')) return listen.replace(/0$/, String((await freePorts(1))[0]));
  if (listen !== undefined) return listen;
  const isFree = await new Promise<boolean>((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(PORT, HOST, () => server.close(() => resolve(true)));
  });
  return `${HOST}:${isFree ? PORT : (await freePorts(1))[0]}`;
}
