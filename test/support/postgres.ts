/**
 * A PostgreSQL server for tests: the one of `DATABASE_URL`, else a temporary one of the test's own, from the binaries
 * below /usr/lib/postgresql or on the PATH. Missing binaries fail the test, they do not skip it.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool, type PoolConfig } from 'pg';
import { uniqueName, until } from './broker';
import { freePort } from './hosts';

/** initdb and postgres refuse to run as root. */
const SERVER_USER = 'postgres';

export interface PostgresServer {
  url: string;
  stop(): Promise<void>;
}

export async function startPostgres(): Promise<PostgresServer> {
  const given = process.env.DATABASE_URL;
  return given ? { url: given, stop: async () => undefined } : startOwnPostgres();
}

/** A server that the test may crash, and must stop. */
export async function startOwnPostgres(): Promise<OwnServer> {
  const server = new OwnServer(await freePort());
  await server.start();
  return server;
}

/** A pool with a database schema of its own, that goes with it. */
export async function testPool(
  server: PostgresServer,
  config: PoolConfig = {},
): Promise<Pool & { schema: string }> {
  const schema = uniqueName('check').replaceAll('-', '_');
  const pool = new Pool({ connectionString: server.url, options: `-c search_path=${schema}`, ...config });
  // The server may be crashed by the test while connections are idle.
  pool.on('error', () => undefined);
  await pool.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
  return Object.assign(pool, { schema });
}

export class OwnServer implements PostgresServer {
  readonly url: string;
  private readonly folder: string;
  private readonly data: string;
  private readonly binaries = findBinaries();
  private child: ChildProcess | null = null;

  constructor(private readonly port: number) {
    this.url = `postgres://${SERVER_USER}@127.0.0.1:${port}/postgres`;
    this.folder = mkdtempSync(join(tmpdir(), 'dupescope-postgres-'));
    this.data = join(this.folder, 'data');
    if (isRoot()) {
      const id = (flag: string) => Number(execFileSync('id', [flag, SERVER_USER], { encoding: 'utf8' }));
      chownSync(this.folder, id('-u'), id('-g'));
    } else chmodSync(this.folder, 0o700);
    const args = ['-D', this.data, '-U', SERVER_USER, '-A', 'trust', '-E', 'UTF8', '--no-sync'];
    const [command, ...all] = this.asServerUser('initdb', args);
    execFileSync(command as string, all, { stdio: 'pipe', cwd: this.folder });
  }

  async start(): Promise<void> {
    const settings = ['listen_addresses=127.0.0.1', `unix_socket_directories=${this.folder}`];
    const args = ['-D', this.data, '-p', String(this.port), ...settings.flatMap((one) => ['-c', one])];
    const [command, ...all] = this.asServerUser('postgres', args);
    this.child = spawn(command as string, all, { stdio: 'ignore', cwd: this.folder });
    process.once('exit', () => this.child?.kill('SIGQUIT'));
    await until('PostgreSQL answers', () => this.answers(), 30_000);
  }

  /** Ends the server at once, its sessions with it. */
  async crash(): Promise<void> {
    await this.end('SIGQUIT');
  }

  async stop(): Promise<void> {
    await this.end('SIGINT');
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async answers(): Promise<boolean> {
    const pool = new Pool({ connectionString: this.url, connectionTimeoutMillis: 1_000 });
    try {
      await pool.query('SELECT 1');
      return true;
    } catch {
      return false;
    } finally {
      await pool.end();
    }
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if (child === null || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
    this.child = null;
  }

  /** setpriv becomes the server's process, so that its signals reach it. */
  private asServerUser(binary: string, args: string[]): string[] {
    const command = [join(this.binaries, binary), ...args];
    if (!isRoot()) return command;
    return ['setpriv', `--reuid=${SERVER_USER}`, `--regid=${SERVER_USER}`, '--clear-groups', ...command];
  }
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function findBinaries(): string {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions.map((version) => join(root, version, 'bin')),
    ...(process.env.PATH ?? '').split(':'),
  ];
  const found = folders.find((folder) => existsSync(join(folder, 'initdb')));
  if (found === undefined) {
    throw new Error(
      'PostgreSQL is missing: `apt-get install postgresql`, or set DATABASE_URL to a server that may be written to',
    );
  }
  return found;
}
