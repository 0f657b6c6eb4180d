import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { APPS } from '../register/run-app';

const run = promisify(execFile);

export const ROOT = join(__dirname, '../..');

export interface Installed {
  /** Paths inside the tarball, as `npm pack` tells them. */
  packed: string[];
  /** The package as it is installed. */
  dupescope: string;
  /** The project that depends on it. */
  project: string;
  /** The project's application: the ones of test/register, with a kafkajs of its own beside them. */
  app: string;
}

/**
 * `npm pack`, then `npm install` of the tarball and of kafkajs into an empty project, by the registry. Two things
 * are as they would not be for a user, both for time:
 * - no scripts run. `prepack` would remove `dist` under tests that run beside this one; `npm test` has built it.
 * - better-sqlite3's compiled file is copied from the repo's node_modules: compiling it takes 45 s. Its JavaScript
 *   and what it depends on are installed. (By hand: a full install takes 47 s on Node 20, 54 s on 22, 51 s on 24.)
 */
export async function installPackage(into: string): Promise<Installed> {
  const folder = realpathSync(into);
  const project = join(folder, 'project');
  mkdirSync(project);
  writeFileSync(
    join(project, 'package.json'),
    '{ "name": "project", "version": "1.0.0", "private": true }\n',
  );
  const pack = await npm(ROOT, 'pack', '--ignore-scripts', '--json', '--pack-destination', folder);
  const [tarball] = JSON.parse(pack) as [{ filename: string; files: { path: string }[] }];
  const wanted = [join(folder, tarball.filename), `kafkajs@${versionOf('kafkajs')}`];
  await npm(project, 'install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', ...wanted);

  const compiled = 'better-sqlite3/build/Release/better_sqlite3.node';
  mkdirSync(dirname(join(project, 'node_modules', compiled)), { recursive: true });
  cpSync(join(ROOT, 'node_modules', compiled), join(project, 'node_modules', compiled));

  // npm gives the package and the project one kafkajs, as both take the same version: the application gets another.
  const app = join(project, 'app');
  cpSync(APPS, app, { recursive: true });
  cpSync(join(project, 'node_modules/kafkajs'), join(app, 'node_modules/kafkajs'), { recursive: true });
  return {
    packed: tarball.files.map((file) => file.path),
    dupescope: join(project, 'node_modules/dupescope'),
    project,
    app,
  };
}

async function npm(cwd: string, ...args: string[]): Promise<string> {
  // `npm test` tells its children where its own project is.
  const { npm_config_local_prefix: _, ...env } = process.env;
  return (await run('npm', args, { cwd, env, maxBuffer: 16 * 1024 * 1024 })).stdout;
}

function versionOf(name: string): string {
  return (require(`${name}/package.json`) as { version: string }).version;
}
