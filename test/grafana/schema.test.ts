/**
 * The dashboards against Grafana's own schema (board-schema.ts), read by the compiler; and broken ones, each wrong in one
 * place, which it has to refuse for that.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { testFolder } from '../support/folder';
import { dashboards } from './dashboards';

const ROOT = join(__dirname, '../..');
const folder = testFolder('schema');

/** Any of it may be broken. */
// biome-ignore lint/suspicious/noExplicitAny: a field that is wrong has no type
type Loose = any;

const [overview, evidence] = dashboards() as [Loose, Loose];
const panel = (board: Loose, type: string): Loose => board.panels.find((one: Loose) => one.type === type);
const defaults = (board: Loose, type: string): Loose => panel(board, type).fieldConfig.defaults;

/** What is done to a board, and a word of what the compiler has to say about it. */
const BROKEN: Record<string, [board: Loose, change: (board: Loose) => void, says: string]> = {
  'an unknown field of a dashboard': [overview, (b) => (b.colour = 'red'), 'colour'],
  'a dashboard without a version of the schema': [overview, (b) => delete b.schemaVersion, 'schemaVersion'],
  'an unknown kind of panel': [overview, (b) => (panel(b, 'stat').type = 'number'), 'number'],
  'an unknown field of a panel': [overview, (b) => (panel(b, 'stat').unit = 's'), 'unit'],
  'a height in words': [overview, (b) => (panel(b, 'timeseries').gridPos.h = 'high'), 'string'],
  'a value that is none of the choices': [
    overview,
    (b) => (panel(b, 'stat').options.colorMode = 'loud'),
    'loud',
  ],
  'an option that the kind must have': [
    overview,
    (b) => delete panel(b, 'stat').options.reduceOptions,
    'reduceOptions',
  ],
  'an option of another kind': [
    overview,
    (b) => (panel(b, 'heatmap').options.colorMode = 'value'),
    'colorMode',
  ],
  'an option of Grafana before 13': [evidence, (b) => (panel(b, 'table').options.footer = {}), 'footer'],
  'a style of another kind': [evidence, (b) => (defaults(b, 'table').custom.lineWidth = 1), 'lineWidth'],
  'a style in words': [overview, (b) => (defaults(b, 'timeseries').custom.fillOpacity = 'much'), 'string'],
  'thresholds of an unknown mode': [
    overview,
    (b) => (defaults(b, 'stat').thresholds.mode = 'relative'),
    'relative',
  ],
  'a threshold without a colour': [
    overview,
    (b) => delete defaults(b, 'stat').thresholds.steps[0].color,
    'color',
  ],
  'a target without an expression': [overview, (b) => delete panel(b, 'stat').targets[0].expr, 'expr'],
  'a target in an unknown format': [overview, (b) => (panel(b, 'heatmap').targets[0].format = 'map'), 'map'],
  'a statement of another kind': [evidence, (b) => (panel(b, 'table').targets[0].queryType = 'logs'), 'logs'],
  'a variable that is read at no known time': [overview, (b) => (b.templating.list[1].refresh = 7), '7'],
  'an expression beside the target of a mark': [overview, (b) => (b.annotations.list[0].expr = 'up'), 'expr'],
  'a link of an unknown kind': [evidence, (b) => (b.links[0].type = 'button'), 'button'],
};

let said: Map<string, string[]>;

/** One run of the compiler for all: what it says of each file. */
beforeAll(() => {
  const files = new Map<string, object>([
    ['overview', overview],
    ['evidence', evidence],
  ]);
  for (const [what, [board, change]] of Object.entries(BROKEN)) {
    const broken = structuredClone(board);
    change(broken);
    files.set(what, broken);
  }
  const schema = JSON.stringify(join(__dirname, 'board-schema'));
  for (const [name, board] of files) {
    const text = `import type { Board } from ${schema};\nexport const board: Board = ${JSON.stringify(board, null, 1)};\n`;
    writeFileSync(join(folder, `${name}.ts`), text);
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const extended = join(ROOT, 'tsconfig.json');
  const compilerOptions = { noEmit: true, rootDir: '/', types: [] };
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ extends: extended, compilerOptions, include: ['*.ts'] }),
  );
  const args = [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json', '--pretty', 'false'];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
  said = new Map([...files.keys()].map((name) => [name, []]));
  // Lines that are indented go on with the error before.
  for (const error of (stdout + stderr).split(/\n(?=\S)/).filter((text) => text.trim() !== '')) {
    const name = /^(.*)\.ts\(\d+,\d+\): error TS/.exec(error)?.[1] ?? '';
    const errors = said.get(name);
    // Of the schema itself, or of the compiler.
    if (errors === undefined) throw new Error(error);
    errors.push(error);
  }
}, 120_000);

test.each(['overview', 'evidence'])('%s.json is as the schema says', (name) => {
  expect(said.get(name)).toEqual([]);
});

test.each(Object.entries(BROKEN).map(([what, [, , says]]) => [what, says]))('%s is refused', (what, says) => {
  expect(said.get(what as string)?.[0]).toContain(says);
});

test('the schema is of the Grafana that docker-compose.yml runs', () => {
  const { services } = parse(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8'), { merge: true });
  const { version } = JSON.parse(
    readFileSync(join(ROOT, 'node_modules/@grafana/schema/package.json'), 'utf8'),
  );
  const release = (text: string) => /(\d+\.\d+)\.\d+$/.exec(text)?.[1];
  expect(release(version)).toBe(release(services.grafana.image));
});
