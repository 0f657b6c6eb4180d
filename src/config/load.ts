/** Puts the sources together, checks the whole, reads the files that hold secrets. */
import type { z } from 'zod';
import { fail } from '../errors';
import { secretOf, textOf } from './files';
import { login } from './login';
import { suggestion } from './nearest';
import { type ClusterConfig, CONFIG_SCHEMA, type Config, type SslConfig } from './schema';
import { SETTINGS, type Setting } from './settings';
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
  ['sasl.clientSecret', 'sasl.clientSecretFile'],
  ['sasl.tokenUrl', 'sasl.tokenFile'],
];

/** Throws 'bad-configuration', one line that names the key, where it stands and what is allowed. */
export function loadConfig({ file, env = process.env, flags = new Map() }: ConfigSources = {}): Config {
  const path = file ?? (env.DUPESCOPE_CONFIG || undefined);
  const sources = [path === undefined ? [] : fromFile(path), fromEnvironment(env), fromFlags(flags)];
  const values = merge(sources);
  const result = CONFIG_SCHEMA.safeParse(nested(values));
  if (!result.success) return refuse(result.error, values);
  const { token, tokenFile, ssl, sasl, listen, clusters, ...plain } = result.data;
  const top = {
    ...plain,
    listen: address(listen),
    token: tokenFile === undefined ? (token ?? null) : tokenFrom(tokenFile),
    ssl: sslFiles('ssl', ssl),
    sasl: sasl === undefined ? null : login('sasl', sasl),
  };
  return { ...top, clusters: clustersOf(top, clusters, values) };
}

type Top = Omit<Config, 'clusters'>;

function clustersOf(
  top: Top,
  given: z.output<typeof CONFIG_SCHEMA>['clusters'],
  values: ReadonlyMap<string, SourceValue>,
): ClusterConfig[] {
  const { brokers, clientId, ssl, sasl, topics, excludeTopics, groups, excludeGroups } = top;
  const patterns = { topics, excludeTopics, groups, excludeGroups };
  if (given !== undefined) {
    const beside = [...values.values()].filter(({ key }) => /^(brokers|ssl|sasl)(\.|$)/.test(key));
    if (beside.length > 0) {
      const keys = beside.map(({ key }) => key).join(', ');
      fail(
        'bad-configuration',
        `${placesOf(beside)}: ${keys} cannot stand beside clusters. Put it into its cluster of the list.`,
      );
    }
    return given.map((one, i) => ({
      ...patterns,
      ...defined(one),
      brokers: one.brokers,
      clientId: one.clientId ?? clientId,
      ssl: sslFiles(`clusters[${i}].ssl`, one.ssl),
      sasl: one.sasl === undefined ? null : login(`clusters[${i}].sasl`, one.sasl),
    }));
  }
  if (brokers.length > 0) return [{ brokers, clientId, ssl, sasl, ...patterns }];
  const topicsGiven = values.get('topics');
  if (topicsGiven !== undefined && topics.length > 0) {
    fail('bad-configuration', `${topicsGiven.place}: topics need brokers (DUPESCOPE_BROKERS), or clusters.`);
  }
  return [];
}

/** Without the keys that are not set, so that they do not take the place of defaults. */
function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
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
  const listed = values.get(String(issue?.path[0] ?? ''));
  if (issue !== undefined && listed !== undefined && LISTS.includes(listed.key) && issue.path.length > 1) {
    fail('bad-configuration', `${listed.place}: ${inList(issue)}`);
  }
  const parts = (issue?.path ?? []).filter((part) => typeof part === 'string');
  const key = parts.join('.');
  const setting = SETTINGS.find((known) => known.key === key);
  const section = parts[0] ?? '';
  const others = [...values.values()].filter((value) => value.key.startsWith(`${section}.`));
  const given = values.get(key) ?? (key === section ? others[0] : undefined);
  if (given === undefined) {
    const allowed = setting === undefined ? '' : `: ${setting.allowed}${inEnvironment(setting)}`;
    fail('bad-configuration', `${placesOf(others)}: ${section} also needs ${key}${allowed}.`);
  }
  fail('bad-configuration', `${given.place}: "${key}" must be ${setting?.allowed ?? 'of another form'}.`);
}

/** Keys that hold a list of sections, in the file alone. */
const LISTS: readonly string[] = ['clusters', 'topicRules'];

/** What is wrong within such a list, without the value: it may hold a secret. */
function inList(issue: z.core.$ZodIssue): string {
  const key = issue.path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : `${text}${text && '.'}${String(part)}`),
    '',
  );
  if (issue.code === 'unrecognized_keys') {
    const section = CONFIG_SCHEMA.shape[issue.path[0] === 'clusters' ? 'clusters' : 'topicRules'];
    const known = issue.path.length === 2 ? Object.keys(elementOf(section)) : [];
    return `${key}: there is no key "${issue.keys[0]}".${suggestion(issue.keys[0] ?? '', known) || (known.length > 0 ? ` Known: ${known.join(', ')}.` : '')}`;
  }
  const names = issue.path.filter((part) => typeof part === 'string');
  const allowed = [names.slice(1).join('.'), names.at(-1)]
    .map((name) => SETTINGS.find((setting) => setting.key === name)?.allowed)
    .find((text) => text !== undefined);
  return `"${key}" must be ${allowed ?? 'of another form'}.`;
}

function elementOf(
  section: typeof CONFIG_SCHEMA.shape.clusters | typeof CONFIG_SCHEMA.shape.topicRules,
): object {
  const list = section.unwrap() as { element?: { shape?: object } };
  return list.element?.shape ?? {};
}

function inEnvironment({ variable }: Setting): string {
  return variable === undefined ? '' : ` (${variable})`;
}

function placesOf(values: readonly SourceValue[]): string {
  return [...new Set(values.map((value) => value.place))].join(', ');
}

function address(text: string): Config['listen'] {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
}

function sslFiles(key: string, ssl: z.output<typeof CONFIG_SCHEMA>['ssl']): SslConfig {
  if (typeof ssl === 'boolean') return ssl;
  if ((ssl.cert === undefined) !== (ssl.key === undefined)) {
    fail('bad-configuration', `${key}: cert and key belong together. Give both, or neither.`);
  }
  return {
    ...(ssl.ca === undefined ? {} : { ca: textOf(`${key}.ca`, ssl.ca) }),
    ...(ssl.cert === undefined ? {} : { cert: textOf(`${key}.cert`, ssl.cert) }),
    ...(ssl.key === undefined ? {} : { key: textOf(`${key}.key`, ssl.key) }),
  };
}

function tokenFrom(path: string): string {
  const token = secretOf('tokenFile', path);
  if (!CONFIG_SCHEMA.shape.token.safeParse(token).success) {
    fail('bad-configuration', `tokenFile: ${path} must hold 8 to 512 visible ASCII characters in one line.`);
  }
  return token;
}
