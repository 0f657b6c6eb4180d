import { execFile } from 'node:child_process';
import { copyFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { appEnvironment, filledTopic, onceAgain, runNode, storedGroup } from '../register/run-app';
import { uniqueName } from '../support/broker';
import { testFolder } from '../support/folder';
import { type Installed, installPackage, ROOT } from './installed';

const run = promisify(execFile);

const RECORDS = 200;
const INSTALL_LIMIT_MS = 180_000;

const folder = testFolder('package');
let installed: Installed;
let topic: string;

beforeAll(async () => {
  [installed, topic] = await Promise.all([installPackage(folder), filledTopic('package', RECORDS)]);
}, INSTALL_LIMIT_MS);

interface Manifest {
  bin: Record<string, string>;
  exports: Record<string, string | Record<string, string>>;
  dependencies: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  main: string;
  types: string;
}

function manifest(): Manifest {
  return JSON.parse(readFileSync(join(installed.dupescope, 'package.json'), 'utf8')) as Manifest;
}

function compiledFiles(): string[] {
  const names = readdirSync(join(installed.dupescope, 'dist'), { recursive: true, encoding: 'utf8' });
  return names.map((name) => join('dist', name)).filter((name) => /\.[cm]?js$/.test(name));
}

describe('the tarball', () => {
  test('holds the compiled code, the documentation, the licence and package.json, and nothing else', () => {
    const tops = new Set(installed.packed.map((path) => path.split('/')[0]));
    expect([...tops].sort()).toEqual(['LICENSE', 'README.md', 'dist', 'docs', 'package.json']);
    const odd = installed.packed.filter(
      (path) =>
        path.startsWith('dist/') &&
        !/^dist\/page\/(index\.html|assets\/[\w-]+\.(js|css|svg))$/.test(path) &&
        (!/\.(js|d\.ts)$/.test(path) || /\/(test|bench)\//.test(path)),
    );
    expect(odd).toEqual([]);
    // Texts alone: the service answers with them.
    const docs = installed.packed.filter((path) => path.startsWith('docs/'));
    expect(docs).toContain('docs/alerts/rewind.md');
    expect(docs.filter((path) => !path.endsWith('.md'))).toEqual([]);
  });

  test('holds every file that package.json names', () => {
    const { bin, exports, main, types } = manifest();
    const targets = Object.values(exports).flatMap((to) =>
      typeof to === 'string' ? [to] : Object.values(to),
    );
    for (const path of [...Object.values(bin), ...targets, main, types]) {
      expect(installed.packed).toContain(path.replace(/^\.\//, ''));
    }
  });

  test('names no place of the machine that built it', () => {
    const places = [`${tmpdir()}/`, `${homedir()}/`, `${ROOT}/`];
    const found = installed.packed.flatMap((path) => {
      const text = readFileSync(join(installed.dupescope, path), 'utf8');
      return places.filter((place) => text.includes(place)).map((place) => `${path}: ${place}`);
    });
    expect(found).toEqual([]);
  });

  test('depends on exactly what its code loads', () => {
    const loads = /\b(?:require(?:\.resolve)?|import)\(\s*["']([^"'.][^"']*)["']\s*\)/g;
    const loaded = new Set<string>();
    for (const path of compiledFiles()) {
      const text = readFileSync(join(installed.dupescope, path), 'utf8');
      for (const [, name] of text.matchAll(loads)) {
        if (name === undefined || name.startsWith('node:') || builtinModules.includes(name)) continue;
        loaded.add(name.split('/', name.startsWith('@') ? 2 : 1).join('/'));
      }
    }
    const { dependencies, optionalDependencies } = manifest();
    expect([...loaded].sort()).toEqual(Object.keys({ ...dependencies, ...optionalDependencies }).sort());
  });
});

describe('installed in an empty project', () => {
  test('require and import give the public face', async () => {
    const commonJs = `const d = require('dupescope'); console.log(JSON.stringify(Object.keys(d).sort()))`;
    const module = `import { deliveryOf, IdReuse, idempotent, instrument, recordHit } from 'dupescope';
      const all = { deliveryOf, IdReuse, idempotent, instrument, recordHit };
      console.log(JSON.stringify(Object.keys(all).filter((name) => typeof all[name] === 'function').sort()))`;
    for (const args of [
      ['-e', commonJs],
      ['--input-type=module', '-e', module],
    ]) {
      const { stdout } = await run(process.execPath, args, { cwd: installed.project });
      expect(JSON.parse(stdout)).toEqual(['IdReuse', 'deliveryOf', 'idempotent', 'instrument', 'recordHit']);
    }
  });

  test('everything else is private', async () => {
    const script = `try { require('dupescope/dist/errors.js') } catch (error) { console.log(error.code) }
      console.log(require('dupescope/package.json').name)`;
    const { stdout } = await run(process.execPath, ['-e', script], { cwd: installed.project });
    expect(stdout).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED\ndupescope\n');
  });

  test('its types hold in a strict project, CommonJS and ES module, for another copy of kafkajs', async () => {
    for (const name of ['consumer.cts', 'consumer.mts']) {
      copyFileSync(join(__dirname, 'consumer.ts.txt'), join(installed.app, name));
    }
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
      target: 'es2022',
      module: 'node16',
      types: ['node'],
      typeRoots: [join(ROOT, 'node_modules/@types')],
    };
    const config = { compilerOptions, files: ['consumer.cts', 'consumer.mts'] };
    writeFileSync(join(installed.app, 'tsconfig.json'), JSON.stringify(config));
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const output = await run(process.execPath, [tsc, '-p', installed.app]).then(
      ({ stdout }) => stdout,
      (error: { stdout: string }) => error.stdout,
    );
    expect(output).toBe('');
  });

  test('its command runs', async () => {
    const command = join(installed.project, 'node_modules/.bin/dupescope');
    expect(statSync(command).mode & 0o111).not.toBe(0);
    const help = await run(command, ['--help'], { cwd: installed.project });
    for (const name of ['serve', 'demo', 'report', 'doctor']) expect(help.stdout).toContain(name);
    const version = await run(command, ['--version'], { cwd: installed.project });
    const { version: expected } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      version: string;
    };
    expect(version.stdout.trim()).toBe(expected);
  });

  test("instrument works on the application's own copy of kafkajs", async () => {
    const group = uniqueName('package');
    const env = { ...appEnvironment(topic, RECORDS, group), APP_DUPESCOPE: 'dupescope' };
    const finished = await runNode(
      ['instrumented.cjs'],
      { ...env, DUPESCOPE_STORE: 'own.db' },
      installed.app,
    );
    expect(finished).toMatchObject({ code: 0, warnings: [] });
    expect(finished.told).toContainEqual({ group, deliveries: RECORDS + 1 });
    expect(storedGroup(join(installed.app, 'own.db'), group)).toEqual(onceAgain(RECORDS));
  });

  test.each(['app.cjs', 'app.mjs'])('--require dupescope/register sees %s', async (app) => {
    const group = uniqueName('package');
    const env = { ...appEnvironment(topic, RECORDS, group), DUPESCOPE_STORE: 'registered.db' };
    const finished = await runNode(['--require', 'dupescope/register', app], env, installed.app);
    expect(finished).toMatchObject({ code: 0, warnings: [] });
    expect(finished.told).toEqual([{ group, deliveries: RECORDS + 1 }]);
    expect(storedGroup(join(installed.app, 'registered.db'), group)).toEqual(onceAgain(RECORDS));
  });

  test('the application and the package have each their copy of kafkajs', async () => {
    const script = `console.log(require.resolve('kafkajs') !== require('node:module')
      .createRequire(require.resolve('dupescope')).resolve('kafkajs'))`;
    const { stdout } = await run(process.execPath, ['-e', script], { cwd: installed.app });
    expect(stdout).toBe('true\n');
  });
});
