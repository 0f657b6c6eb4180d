/** What the lanes share: the broker that may be killed, the service, the small disk. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Broker, FaultProxy } from '../../src/demo/broker';
import { until } from '../support/broker';
import type { ActsFile } from './acts';
import { Child } from './child';

const CLI = join(__dirname, '../../dist/cli/main.js');

/** The broker whose connections are disturbed, and who is to be told. */
export class Fragile {
  readonly acts: ActsFile[] = [];
  readonly proxy: FaultProxy;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(readonly broker: Broker) {
    if (broker.proxy === null) throw new Error('the fragile broker has no proxy');
    this.proxy = broker.proxy;
  }

  /** One after the other: a disturbance is one for all of its lanes. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.turn.then(work);
    this.turn = mine.catch(() => undefined);
    return mine;
  }
}

/** `dupescope serve`, killed and started again. */
export class Service {
  kills = 0;
  private child: Child | null = null;
  private turn: Promise<void> = Promise.resolve();

  constructor(
    readonly store: string,
    readonly port: number,
    readonly token: string,
    private readonly logFile: string,
    private readonly onLost: (why: string) => void,
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    this.child = new Child('the service', {
      script: CLI,
      args: ['serve', '--store', this.store, '--listen', `127.0.0.1:${this.port}`, '--log-level', 'warn'],
      logFile: this.logFile,
      env: { DUPESCOPE_TOKEN: this.token },
      onLost: this.onLost,
    });
    await until('the service answers', () =>
      fetch(`${this.url}/healthz`).then(
        (response) => response.ok,
        () => false,
      ),
    );
  }

  /** SIGKILL, and started again after a while; one outage after the other. */
  outage(ms: number): Promise<void> {
    this.turn = this.turn.then(async () => {
      await this.child?.kill();
      this.kills++;
      await sleep(ms);
      await this.start();
    });
    return this.turn;
  }

  async stop(): Promise<void> {
    await this.child?.stop(() => this.child?.process.kill('SIGTERM'));
  }
}

const END_DISK = 'cat > /dev/null; sleep 1; umount -l "$1/disk" 2> /dev/null';

/**
 * A small disk of its own, and the keeper of the run's folder: a shell that waits for the end of this process, however
 * it comes, then takes the disk away and removes the folder.
 */
export class Ground {
  private keeper: ChildProcess | null = null;

  private constructor(
    readonly folder: string,
    /** Null: this user may not mount one. */
    readonly disk: Disk | null,
  ) {}

  /** @param keep only the disk goes */
  static make(folder: string, keep: boolean): Ground {
    const at = join(folder, 'disk');
    mkdirSync(at);
    const ground = new Ground(folder, mount(at) ? new Disk(at) : null);
    ground.keeper = spawn('sh', ['-c', keep ? END_DISK : `${END_DISK}; rm -rf "$1"`, 'sh', folder], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    return ground;
  }

  async remove(): Promise<void> {
    const { keeper } = this;
    if (keeper === null) return;
    const gone = new Promise<void>((resolve) => keeper.once('exit', () => resolve()));
    keeper.stdin?.end();
    await gone;
  }
}

function mount(folder: string): boolean {
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return false;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export class Disk {
  constructor(readonly folder: string) {}

  /** Until not a block is left: what is asked of it is written meanwhile. */
  fill(): void {
    for (let number = 0; statfsSync(this.folder).bavail > 0; number++) {
      const { bavail, bsize } = statfsSync(this.folder);
      try {
        writeFileSync(join(this.folder, `filler-${number}`), Buffer.alloc(bavail * bsize));
      } catch (error) {
        if ((error as { code?: string }).code !== 'ENOSPC') throw error;
      }
      if (number > 100) return;
    }
  }

  makeRoom(): void {
    for (let number = 0; number <= 101; number++)
      rmSync(join(this.folder, `filler-${number}`), { force: true });
  }
}

export interface Stage {
  fragile: Fragile;
  service: Service;
  disk: Disk | null;
}
