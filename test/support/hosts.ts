/** Hosts that share nothing but Kafka and a service: each has its journal folder and its processes. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { testBrokers, testKafka, uniqueName, until } from './broker';
import { truthOf } from './ledger';

const DIST = process.env.DUPESCOPE_TEST_DIST ?? join(__dirname, '../../dist');
const APP = join(__dirname, 'host-app.js');

const children: ChildProcess[] = [];

export function killAll(): void {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
}

export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

export interface HostTask {
  topic: string;
  group: string;
  service: string;
  folder: string;
  token?: string;
  workMs?: number;
  consumer?: { sessionTimeout: number };
  run?: { autoCommit: boolean };
}

interface Told {
  partition: number;
  offset: number;
  attempt: number;
  known: boolean;
  pid: number | null;
}

/** One host: processes that come and go, one journal folder, all that their handlers saw. */
export class Host {
  readonly journal: string;
  readonly problems: { code: string; message: string }[] = [];
  readonly name = uniqueName('host');
  private processes = 0;

  constructor(private readonly task: HostTask) {
    this.journal = join(task.folder, `${this.name}.journal`);
  }

  async start(change: Partial<HostTask> = {}): Promise<ChildProcess> {
    const {
      topic,
      group,
      service,
      folder,
      token,
      workMs = 1,
      consumer,
      run,
    } = {
      ...this.task,
      ...change,
    };
    const number = this.processes++;
    const task = {
      brokers: testBrokers(),
      group,
      topic,
      options: { service, journal: this.journal, reportEveryMs: 300, token },
      truth: join(folder, `${this.name}.${number}.truth`),
      attempts: join(folder, `${this.name}.${number}.attempts`),
      workMs,
      consumer: { sessionTimeout: 1_500, heartbeatInterval: 200, rebalanceTimeout: 3_000, ...consumer },
      run,
    };
    const child = fork(APP, [JSON.stringify(task)]);
    children.push(child);
    const running = new Promise<void>((resolve, reject) => {
      child.on('message', (message: string | { code: string; message: string }) => {
        if (message === 'running') resolve();
        else this.problems.push(message as { code: string; message: string });
      });
      child.once('exit', (code) => reject(new Error(`the consumer ended with ${code} before it ran`)));
    });
    await running;
    return child;
  }

  async stop(child: ChildProcess): Promise<void> {
    const exited = once(child, 'exit');
    child.send('stop');
    await exited;
  }

  /** Texts of the ground truth of all of the host's processes. */
  truth(): string[] {
    return this.texts('truth');
  }

  attempts(process: number): Told[] {
    const [text = ''] = this.texts('attempts', process);
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Told);
  }

  /** Journals that wait, of living processes and of dead ones. */
  journals(): string[] {
    if (!existsSync(this.journal)) return [];
    return readdirSync(this.journal).flatMap((service) => readdirSync(join(this.journal, service)));
  }

  private texts(what: string, only?: number): string[] {
    const numbers = only === undefined ? [...Array(this.processes).keys()] : [only];
    return numbers
      .map((number) => join(this.task.folder, `${this.name}.${number}.${what}`))
      .filter((file) => existsSync(file))
      .map((file) => readFileSync(file, 'utf8'));
  }
}

/** Offsets that handlers saw, over all hosts. */
export function seenBy(hosts: readonly Host[]): Map<string, number> {
  return truthOf(hosts.flatMap((host) => host.truth()));
}

/** `dupescope serve` at one address, killed and started again as the test likes. */
export class ServiceProcess {
  kills = 0;
  private child: ChildProcess | null = null;

  constructor(
    readonly store: string,
    readonly port: number,
    private readonly token?: string,
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const args = ['serve', '--store', this.store, '--listen', `127.0.0.1:${this.port}`];
    const clean = Object.entries(process.env).filter(([name]) => !name.startsWith('DUPESCOPE_'));
    const env = { ...Object.fromEntries(clean), ...(this.token ? { DUPESCOPE_TOKEN: this.token } : {}) };
    this.child = spawn(process.execPath, [join(DIST, 'cli/main.js'), ...args], {
      stdio: process.env.DUPESCOPE_TEST_LOUD ? 'inherit' : 'ignore',
      env,
    });
    children.push(this.child);
    await until('the service answers', () =>
      fetch(`${this.url}/healthz`).then(
        (response) => response.ok,
        () => false,
      ),
    );
  }

  async kill(): Promise<void> {
    if (this.child === null) return;
    this.kills++;
    await kill(this.child);
    this.child = null;
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

export async function produce(topic: string, records: number): Promise<void> {
  const producer = testKafka().producer();
  await producer.connect();
  const messages = Array.from({ length: records }, (_, i) => ({ key: String(i), value: `value ${i}` }));
  await producer.send({ topic, messages });
  await producer.disconnect();
}
