import { connect, createServer, type Server, type Socket } from 'node:net';
import { fail } from '../../errors';
import { type AnswerFilter, Faults, type ProxyCounters } from './faults';
import { link } from './link';

/**
 * Stands between clients and the broker's PROXIED listener and does faults on demand. It runs in the
 * caller's process, so a fault begins and ends by a plain call:
 *
 * - `cut()` now, once: every connection is reset
 * - `refuse(true)` until switched off: new connections are reset at once, those that are open stay
 * - `delayAnswers(ms)` until set to 0: answers reach the client that much later
 * - `dropAnswers(filter)` until `false`: the broker does what was asked, the client never hears of it
 * - `dropRequests(filter)` until `false`: the broker never hears of it, the client waits for an answer
 * - `heal()` ends all that lasts; answers that are held go out at once
 *
 * Requests and answers are swallowed or held as whole frames, so what follows on the connection stays readable.
 */
export class FaultProxy {
  readonly #server: Server;
  readonly #clients = new Set<Socket>();
  readonly #faults = new Faults();
  #targetPort: number;

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer({ noDelay: true }, (client) => this.#accept(client));
  }

  /** Listens on a free port of 127.0.0.1. `targetPort` is the PROXIED listener's. */
  static async listen(targetPort: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(targetPort);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') fail('internal', 'The fault proxy is closed.');
    return address.port;
  }

  get counters(): Readonly<ProxyCounters> {
    return this.#faults.counters;
  }

  /** Where connections from now on go to. */
  forwardTo(targetPort: number): void {
    this.#targetPort = targetPort;
  }

  /** Resets every connection that is open now; returns how many. New ones are welcome at once. */
  cut(): number {
    const count = this.#clients.size;
    for (const client of this.#clients) client.resetAndDestroy();
    this.#faults.counters.cut += count;
    return count;
  }

  refuse(on: boolean): void {
    this.#faults.refusing = on;
  }

  /**
   * Holds each answer for `ms` milliseconds from when it came from the broker. Answers keep their order, so
   * with a filter those behind a held one wait with it.
   */
  delayAnswers(ms: number, which?: AnswerFilter): void {
    this.#faults.delay(ms, which);
  }

  /** Swallows answers: all, none, or by their request, as `({ apiKey }) => apiKey === API.OffsetCommit`. */
  dropAnswers(which: boolean | AnswerFilter): void {
    this.#faults.drop(which);
  }

  /** Swallows requests on their way to the broker, as `({ apiKey }) => apiKey === API.OffsetCommit`; `false`: none. */
  dropRequests(which: AnswerFilter | false): void {
    this.#faults.lose(which);
  }

  heal(): void {
    this.#faults.heal();
  }

  /** Ends all connections and stops listening. */
  async close(): Promise<void> {
    const closed = [new Promise<void>((resolve) => this.#server.close(() => resolve()))];
    for (const client of this.#clients) {
      closed.push(new Promise((resolve) => client.once('close', () => resolve())));
      client.destroy();
    }
    // Held answers have a timer, which would keep the process.
    this.#faults.heal();
    await Promise.all(closed);
  }

  #accept(client: Socket): void {
    const { counters } = this.#faults;
    // A reset may come before the pipelines listen for it.
    client.on('error', () => undefined);
    if (this.#faults.refusing) {
      counters.refused++;
      client.resetAndDestroy();
      return;
    }
    counters.accepted++;
    counters.open++;
    this.#clients.add(client);
    const broker = connect({ host: '127.0.0.1', port: this.#targetPort, noDelay: true });
    client.once('close', () => {
      counters.open--;
      this.#clients.delete(client);
      broker.destroy();
    });
    link(client, broker, this.#faults);
  }
}
