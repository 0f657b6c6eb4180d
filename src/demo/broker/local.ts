import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DupescopeError, fail } from '../../errors';
import { diagnose } from './diagnosis';
import type { Launch, LaunchPlace } from './launch';
import { freePorts } from './ports';
import type { FaultProxy } from './proxy';
import { waitUntilServing } from './serving';
import { LOG4J_PROPERTIES, serverProperties } from './settings';
import { type Run, Supervision } from './supervision';

const UP_TIMEOUT_MS = 150_000;
const PORT_TRIES = 3;

export interface LocalOptions {
  properties: Readonly<Record<string, string>>;
  proxy: FaultProxy | null;
}

/**
 * A broker that this process started, of one node, with its folder and ports for life:
 *
 *     (create) -> up -> kill() -> down -> restart() -> up -> ... -> stop() -> stopped
 *
 * It is down, too, after it ended by itself; `restart()` brings it back with its data either way.
 */
export class LocalBroker {
  readonly kind: 'docker' | 'java';
  readonly #supervision: Supervision;
  readonly #launch: Launch;
  readonly #place: LaunchPlace;
  #run: Run | null = null;

  private constructor(supervision: Supervision, launch: Launch, place: LaunchPlace) {
    this.kind = launch.kind;
    this.#supervision = supervision;
    this.#launch = launch;
    this.#place = place;
  }

  /** Comes up on ports of its own choice; chooses again when another process was quicker. */
  static async create(launch: Launch, options: LocalOptions): Promise<LocalBroker> {
    for (let tried = 1; ; tried++) {
      const supervision = await Supervision.start();
      try {
        const [direct = 0, proxied = 0, controller = 0] = await freePorts(3);
        options.proxy?.forwardTo(proxied);
        const ports = { direct, proxied, controller, proxiedAdvertised: options.proxy?.port ?? proxied };
        const broker = new LocalBroker(supervision, launch, { folder: supervision.folder, ports });
        await broker.#format(options.properties);
        await broker.#up();
        return broker;
      } catch (error) {
        const again = tried < PORT_TRIES && diagnose(supervision.log()).portTaken;
        await supervision.stop();
        if (!again) throw error;
      }
    }
  }

  /** host:port of the DIRECT listener. */
  get address(): string {
    return `127.0.0.1:${this.#place.ports.direct}`;
  }

  /** host:port of the PROXIED listener itself, not of a proxy before it. */
  get secondAddress(): string {
    return `127.0.0.1:${this.#place.ports.proxied}`;
  }

  /** Of the Java process; null while it is down, and with Docker, where it is not one of this machine's. */
  get pid(): number | null {
    return this.kind === 'java' ? (this.#run?.pid ?? null) : null;
  }

  async kill(): Promise<void> {
    const run = this.#run;
    if (run === null) return;
    this.#supervision.kill();
    await run.ended;
    this.#run = null;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.#up();
  }

  async stop(): Promise<void> {
    await this.#supervision.stop();
    this.#run = null;
  }

  /** Writes the settings and makes the data folder Kafka's own (KRaft refuses one that is not formatted). */
  async #format(properties: Readonly<Record<string, string>>): Promise<void> {
    const { folder, ports } = this.#place;
    const dataFolder = join(folder, 'data');
    await rm(dataFolder, { recursive: true, force: true });
    const settings = serverProperties({ ports, dataFolder, bind: this.#launch.bind, properties });
    await writeFile(join(folder, 'server.properties'), settings);
    await writeFile(join(folder, 'log4j2.properties'), LOG4J_PROPERTIES);
    const args = ['format', '--standalone', '--cluster-id', clusterId(), '--config', 'server.properties'];
    const command = this.#launch.command(this.#place, 'kafka.tools.StorageTool', args);
    const { ended } = await this.#supervision.run(command);
    const { code } = await ended;
    if (code !== 0) this.#failed('could not be set up');
  }

  async #up(): Promise<void> {
    const command = this.#launch.command(this.#place, 'kafka.Kafka', ['server.properties']);
    const run = await this.#supervision.run(command);
    this.#run = run;
    let over = false;
    void run.ended.then(() => {
      over = true;
      if (this.#run === run) this.#run = null;
    });
    const obstacle = await waitUntilServing([this.address], {
      timeoutMs: UP_TIMEOUT_MS,
      givenUp: () => over,
    });
    if (over) this.#failed('ended while it started');
    if (obstacle !== null) {
      await this.kill();
      this.#failed(`did not serve within ${UP_TIMEOUT_MS / 1000} s (${obstacle})`);
    }
  }

  #failed(what: string): never {
    const log = this.#supervision.log();
    const { line, hint } = diagnose(log);
    fail(
      'no-broker-available',
      `${this.#launch.name} ${what}: ${line}. ${hint}.`,
      new DupescopeError('internal', `The end of its log:\n${log.slice(-8_000)}`),
    );
  }
}

/** Kafka's own form of a UUID: 22 characters. The first is never "-", which the tool would take for an option. */
function clusterId(): string {
  return `D${randomBytes(16).toString('base64url').slice(1)}`;
}
