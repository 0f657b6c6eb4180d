import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';

const SRC = resolve(__dirname, '../src');

/** What each room may import of the others, and which packages. A room that is not listed is a new one: decide here. */
const ROOMS: Record<string, { rooms: string[]; packages: string[] }> = {
  ledger: { rooms: [], packages: [] },
  identity: { rooms: ['ledger'], packages: [] },
  journal: { rooms: ['ledger'], packages: [] },
  kafka: {
    rooms: ['journal', 'ledger', 'config', 'identity', 'telemetry'],
    // OpenTelemetry's types alone; `telemetry/api` is what loads it.
    packages: ['kafkajs', 'pino', 'fzstd', '@opentelemetry/api'],
  },
  telemetry: { rooms: [], packages: ['@opentelemetry/api', '@opentelemetry/sdk-node'] },
  store: { rooms: ['journal', 'ledger', 'identity'], packages: ['better-sqlite3'] },
  reporter: { rooms: ['journal', 'ledger'], packages: [] },
  check: { rooms: ['identity', 'journal'], packages: ['kafkajs'] },
  config: { rooms: [], packages: ['zod', 'yaml'] },
  service: {
    // Of telemetry the ids alone, for exemplars.
    rooms: ['store', 'journal', 'ledger', 'identity', 'config', 'telemetry'],
    packages: ['express', 'helmet', 'pino', 'prom-client', 'zod', 'better-sqlite3'],
  },
  // The types of the public answers, and nothing that runs; the test below holds it.
  page: { rooms: ['service'], packages: ['preact', 'uplot', 'vite'] },
  demo: { rooms: ['ledger', 'store', 'service'], packages: ['kafkajs', 'zod', '@opentelemetry/sdk-node'] },
  cli: {
    rooms: ['config', 'demo', 'kafka', 'service', 'store', 'ledger', 'identity', 'journal', 'telemetry'],
    packages: ['commander', 'kafkajs', 'pino', 'zod', 'better-sqlite3'],
  },
};
/** Files of the root: what everyone may use, and what puts the parts together. */
const COMMON = ['errors', 'version', 'sqlite', 'thread', 'latch'];
/** The one place that loads SQLite; others import its types. */
const ROOT_PACKAGES: Record<string, string[]> = { 'sqlite.ts': ['better-sqlite3', 'better-sqlite3-13'] };
const ASSEMBLY = ['index', 'register', 'embedded', 'reporting', 'process-sink'];

interface Import {
  from: string;
  room: string;
  target: string;
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.m?tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

function importsOf(file: string): Import[] {
  const from = relative(SRC, file);
  const room = from.includes('/') ? (from.split('/')[0] as string) : '';
  const text = readFileSync(file, 'utf8');
  // The end of an import or export, or a call: not a text of SQL that says from.
  const found = text.matchAll(/(?:^(?:import|export)\b[^;']*?from|^import|require\(|import\()\s*'([^']+)'/gm);
  return [...found].map(([, target]) => ({ from, room, target: target as string }));
}

const imports = filesOf(SRC).flatMap(importsOf);

function roomOf({ from, target }: Import): string {
  const path = relative(SRC, resolve(SRC, dirname(from), target));
  return path.includes('/') ? (path.split('/')[0] as string) : path;
}

describe('the rooms of src', () => {
  test('are all known here', () => {
    const rooms = new Set(imports.map((one) => one.room).filter((room) => room !== ''));
    expect([...rooms].sort()).toEqual(Object.keys(ROOMS).sort());
  });

  test('import only the rooms that they may', () => {
    const wrong = imports
      .filter((one) => one.room !== '' && one.target.startsWith('.'))
      .filter((one) => {
        const to = roomOf(one);
        const allowed = [one.room, ...(ROOMS[one.room]?.rooms ?? []), ...COMMON];
        // The demo's consumer is an application: it uses the library by its public face.
        if (one.room === 'demo') allowed.push('index');
        return !allowed.includes(to);
      });
    expect(wrong).toEqual([]);
  });

  test('use only the packages that are theirs', () => {
    const wrong = imports.filter(({ room, from, target }) => {
      if (target.startsWith('.') || target.startsWith('node:')) return false;
      const name = target.startsWith('@')
        ? target.split('/').slice(0, 2).join('/')
        : (target.split('/')[0] as string);
      return !(ROOMS[room]?.packages ?? ROOT_PACKAGES[from] ?? []).includes(name);
    });
    expect(wrong).toEqual([]);
  });

  test('the library needs the OpenTelemetry API alone, and only `api` loads it', () => {
    const users = imports.filter(({ target }) => target.startsWith('@opentelemetry/'));
    const sdk = users.filter(({ target }) => target !== '@opentelemetry/api').map(({ from }) => from);
    expect([...new Set(sdk)].sort()).toEqual(['demo/tracing.ts', 'telemetry/exporting.ts']);
    const loads = filesOf(SRC).filter((file) =>
      /^import (?!type).*'@opentelemetry/m.test(readFileSync(file, 'utf8')),
    );
    expect(loads).toEqual([]);
    // What the library loads leads to none of the service's part.
    const service = imports.filter(({ target }) =>
      /\/(exporting|finding-spans|finding-export)$/.test(target),
    );
    expect(service.filter(({ room }) => room !== 'cli').map(({ from }) => from)).toEqual([]);
  });

  test('name builtin modules as such', () => {
    expect(imports.filter(({ target }) => builtinModules.includes(target))).toEqual([]);
  });

  test('the service reads the store by its queries alone', () => {
    const allowed = /store\/(queries(\/.*)?|open)$/;
    const wrong = imports.filter(
      (one) => one.room === 'service' && roomOf(one) === 'store' && !allowed.test(one.target),
    );
    expect(wrong).toEqual([]);
  });

  test('the page knows the public API alone: of the service it takes types', () => {
    const others = imports.filter(
      (one) => one.room === 'page' && roomOf(one) !== 'page' && one.target.startsWith('.'),
    );
    expect([...new Set(others.map(({ target }) => target.replace(/^(\.\.\/)+/, '')))]).toEqual([
      'service/schemas',
    ]);
    const loads = filesOf(join(SRC, 'page')).filter((file) =>
      /^import (?!type\b)[^;]*service\/schemas'/m.test(readFileSync(file, 'utf8')),
    );
    expect(loads).toEqual([]);
  });

  test('only the command line and the root put parts together', () => {
    const users = imports.filter((one) => one.target.startsWith('.') && ASSEMBLY.includes(roomOf(one)));
    const wrong = users.filter((one) => one.room !== '' && one.room !== 'demo');
    expect(wrong).toEqual([]);
  });
});
