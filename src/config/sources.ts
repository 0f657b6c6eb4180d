/**
 * The three sources of a value, each read into the same shape: a flat list of keys with their values and where
 * they stand, so that an error can name its place.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { errorLine, fail } from '../errors';
import { suggestion } from './nearest';
import {
  FOREIGN_PREFIXES,
  FOREIGN_VARIABLES,
  KUBERNETES_VARIABLES,
  SETTINGS,
  type Setting,
  VARIABLES,
} from './settings';

export interface SourceValue {
  /** `sasl.username` */
  key: string;
  value: unknown;
  /** For errors: `dupescope.yaml`, `DUPESCOPE_LISTEN`, `--listen`. */
  place: string;
}

/** One source; the values of a later source replace those of an earlier one. */
export type Source = SourceValue[];

/** What commander read, by key of the configuration. */
export type FlagValues = ReadonlyMap<string, string | boolean>;

const KEYS = SETTINGS.map((setting) => setting.key);
const SECTIONS = ['sasl', 'ssl'];

export function fromFile(path: string): Source {
  let document: unknown;
  try {
    document = parse(readFileSync(path, 'utf8'), { logLevel: 'error', prettyErrors: false });
  } catch (error) {
    const isMissing = (error as { code?: unknown }).code === 'ENOENT';
    // A YAML parser's message may quote the line, which may hold a secret: say where, not what.
    const why = isMissing ? 'there is no such file' : yamlPlace(error, path);
    return fail('bad-configuration', `The configuration file ${path} cannot be read: ${why}.`, error);
  }
  if (document === null || document === undefined) return [];
  if (!isSection(document)) {
    return fail('bad-configuration', `${path} must hold keys with values, as "listen: 127.0.0.1:7475".`);
  }
  return entriesOf(document, '', path);
}

function entriesOf(section: object, prefix: string, path: string): Source {
  const found: Source = [];
  for (const [name, value] of Object.entries(section)) {
    const key = prefix + name;
    if (SECTIONS.includes(key) && isSection(value)) {
      found.push(...entriesOf(value, `${key}.`, path));
    } else if (!KEYS.includes(key)) {
      const level = KEYS.filter((known) => known.startsWith(prefix));
      const known = [...new Set(level.map((k) => k.slice(prefix.length).split('.')[0] as string))];
      const where = prefix === '' ? path : `${path}, section ${prefix.slice(0, -1)}`;
      fail(
        'bad-configuration',
        `${where}: there is no key "${name}".${suggestion(name, known) || ` Known: ${known.join(', ')}.`}`,
      );
    } else {
      found.push({ key, value, place: path });
    }
  }
  return found;
}

export function fromEnvironment(env: NodeJS.ProcessEnv): Source {
  const found: Source = [];
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('DUPESCOPE_') || text === undefined) continue;
    const setting = SETTINGS.find((known) => known.variable === name);
    if (setting !== undefined) {
      // An empty variable is how compose files and shells say "not set".
      if (text !== '') found.push({ key: setting.key, value: fromText(setting, text), place: name });
    } else if (!isForeign(name)) {
      const known = [...VARIABLES, ...FOREIGN_VARIABLES];
      const meant = suggestion(name, known) || ' Unset it, or see `dupescope serve --help` for the keys.';
      fail('bad-configuration', `The environment has ${name}, which Dupescope does not know.${meant}`);
    }
  }
  return found;
}

export function fromFlags(flags: FlagValues): Source {
  const found: Source = [];
  for (const setting of SETTINGS) {
    const value = flags.get(setting.key);
    if (value === undefined || setting.flag === undefined) continue;
    const place = setting.flag.split(' ')[0] as string;
    found.push({
      key: setting.key,
      value: typeof value === 'string' ? fromText(setting, value) : value,
      place,
    });
  }
  return found;
}

function fromText(setting: Setting, text: string): unknown {
  const isNumber = /^\d+(\.\d+)?$/.test(text.trim());
  switch (setting.kind) {
    case 'text':
      return text;
    case 'list':
      return partsOf(text);
    case 'number':
    case 'size':
      return isNumber ? Number(text) : text;
    case 'switch':
      return /^(true|1|yes)$/i.test(text) ? true : /^(false|0|no)$/i.test(text) ? false : text;
  }
}

/** Between commas; those within a regular expression between slashes are its own. */
function partsOf(text: string): string[] {
  const parts: string[] = [];
  let rest = text;
  while (rest !== '') {
    // An expression ends at a slash behind which the list goes on, or ends.
    const part = /^\s*\/.+?\/(?=\s*(?:,|$))|^[^,]*/.exec(rest)?.[0] ?? rest;
    if (part.trim() !== '') parts.push(part.trim());
    rest = rest.slice(part.length).replace(/^\s*,?/, '');
  }
  return parts;
}

function isForeign(name: string): boolean {
  return (
    FOREIGN_VARIABLES.includes(name) ||
    FOREIGN_PREFIXES.some((prefix) => name.startsWith(prefix)) ||
    KUBERNETES_VARIABLES.test(name)
  );
}

function isSection(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function yamlPlace(error: unknown, path: string): string {
  const { pos } = error as { pos?: unknown };
  const start = Array.isArray(pos) ? Number(pos[0]) : Number.NaN;
  if (!Number.isFinite(start)) return errorLine(error);
  const line = readFileSync(path, 'utf8').slice(0, start).split('\n').length;
  return `line ${line} is not valid YAML`;
}
