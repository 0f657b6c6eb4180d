import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { fail } from '../../errors';

/**
 * Ports are taken from below the range that systems hand to outgoing connections (Linux starts at 32768,
 * others at 49152). A port of that range may be gone when a killed broker wants it back.
 */
const LOWEST = 20_000;
const HIGHEST = 32_700;
const TRIES = 200;

/**
 * Ports of 127.0.0.1 that nobody listens on now. Another process may still take one before the broker
 * does, so a caller has to be ready to ask again.
 *
 * @param count how many, all different
 */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let tried = 0; found.size < count; tried++) {
    if (tried >= TRIES) {
      fail(
        'no-broker-available',
        `No ${count} free ports were found on 127.0.0.1 between ${LOWEST} and ${HIGHEST}. End the processes that hold them.`,
      );
    }
    const port = randomInt(LOWEST, HIGHEST);
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
