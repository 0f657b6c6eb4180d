/** Puts the sources together, checks the whole, reads the files that hold secrets. */
import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { fail } from '../errors';
import { CONFIG_SCHEMA, type Config, type SaslConfig, type SslConfig } from './schema';
import { SETTINGS } from './settings';
import {
  type FlagValues,
  fromEnvironment,
  fromFile,
  fromFlags,
  type Source,
  type SourceValue,
} from './sources';

export interface ConfigSources {
  /** YAML file. Default: what `DUPESCOPE_CONFIG` names, else none. */
  file?: string | undefined;
  /** Default `process.env`. */
  env?: NodeJS.ProcessEnv;
  flags?: FlagValues;
}

/** Keys of which a later source replaces both. */
const EITHER: readonly (readonly [string, string])[] = [
  ['token', 'tokenFile'],
  ['sasl.password', 'sasl.passwordFile'],
];

/** Throws 'bad-configuration', one line that names the key, where it stands and what is allowed. */
export function loadConfig({ file, env = process.env, flags = new Map() }: ConfigSources = {}): Config {
  const path = file ?? (env.DUPESCOPE_CONFIG || undefined);
  const sources = [path === undefined ? [] : fromFile(path), fromEnvironment(env), fromFlags(flags)];
  const values = merge(sources);
  const result = CONFIG_SCHEMA.safeParse(nested(values));
  if (!result.success) return refuse(result.error, values);
  const { token, tokenFile, ssl, sasl, listen, ...plain } = result.data;
  return {
    ...plain,
    listen: address(listen),
    token: tokenFile === undefined ? (token ?? null) : tokenFrom(tokenFile),
    ssl: sslFiles(ssl),
    sasl: sasl === undefined ? null : login(sasl),
  };
}

function merge(sources: readonly Source[]): Map<string, SourceValue> {
  const merged = new Map<string, SourceValue>();
  for (const source of sources) {
    for (const [one, other] of EITHER) {
      const given = source.filter(({ key }) => key === one || key === other);
      if (given.length > 1) {
        fail(
          'bad-configuration',
          `${one} and ${other} are both given (${placesOf(given)}). Keep one of them.`,
        );
      }
      if (given.length === 1) for (const key of [one, other]) merged.delete(key);
    }
    for (const value of source) {
      // `ssl: false` takes back what an earlier source said; beside `ssl: true` the files say more.
      if (value.key === 'ssl' && value.value === false) {
        for (const key of [...merged.keys()]) if (key.startsWith('ssl.')) merged.delete(key);
      }
      merged.set(value.key, value);
    }
  }
  return merged;
}

function nested(values: ReadonlyMap<string, SourceValue>): object {
  const root = new Map<string, unknown>();
  const sections = new Map<string, Map<string, unknown>>();
  for (const { key, value } of values.values()) {
    const [section, name] = key.split('.') as [string, string | undefined];
    if (name === undefined) root.set(section, value);
    else sections.set(section, (sections.get(section) ?? new Map()).set(name, value));
  }
  for (const [section, content] of sections) root.set(section, Object.fromEntries(content));
  return Object.fromEntries(root);
}

function refuse(error: z.ZodError, values: ReadonlyMap<string, SourceValue>): never {
  const issue = error.issues[0];
  const parts = (issue?.path ?? []).filter((part) => typeof part === 'string');
  const key = parts.join('.');
  const setting = SETTINGS.find((known) => known.key === key);
  const section = parts[0] ?? '';
  const others = [...values.values()].filter((value) => value.key.startsWith(`${section}.`));
  const given = values.get(key) ?? (key === section ? others[0] : undefined);
  if (given === undefined) {
    const allowed = setting === undefined ? '' : `: ${setting.allowed} (${setting.variable})`;
    fail('bad-configuration', `${placesOf(others)}: ${section} also needs ${key}${allowed}.`);
  }
  fail('bad-configuration', `${given.place}: "${key}" must be ${setting?.allowed ?? 'of another form'}.`);
}

function placesOf(values: readonly SourceValue[]): string {
  return [...new Set(values.map((value) => value.place))].join(', ');
}

function address(text: string): Config['listen'] {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
}

function sslFiles(ssl: z.output<typeof CONFIG_SCHEMA>['ssl']): SslConfig {
  if (typeof ssl === 'boolean') return ssl;
  if ((ssl.cert === undefined) !== (ssl.key === undefined)) {
    fail('bad-configuration', 'ssl: cert and key belong together. Give both, or neither.');
  }
  return {
    ...(ssl.ca === undefined ? {} : { ca: textOf('ssl.ca', ssl.ca) }),
    ...(ssl.cert === undefined ? {} : { cert: textOf('ssl.cert', ssl.cert) }),
    ...(ssl.key === undefined ? {} : { key: textOf('ssl.key', ssl.key) }),
  };
}

function login(sasl: NonNullable<z.output<typeof CONFIG_SCHEMA>['sasl']>): SaslConfig {
  const { mechanism, username, passwordFile } = sasl;
  const password =
    passwordFile === undefined
      ? sasl.password
      : textOf('sasl.passwordFile', passwordFile).replace(/\r?\n$/, '');
  if (password === undefined || password === '') {
    return fail(
      'bad-configuration',
      'sasl: a password is missing. Set DUPESCOPE_SASL_PASSWORD, or sasl.passwordFile to a file that holds it.',
    );
  }
  return { mechanism, username, password };
}

function tokenFrom(path: string): string {
  const token = textOf('tokenFile', path).replace(/\r?\n$/, '');
  if (!CONFIG_SCHEMA.shape.token.safeParse(token).success) {
    fail('bad-configuration', `tokenFile: ${path} must hold 8 to 512 visible ASCII characters in one line.`);
  }
  return token;
}

function textOf(key: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = String((error as { code?: unknown }).code);
    return fail('bad-configuration', `${key}: the file ${path} cannot be read (${code}).`, error);
  }
}
