/** The schema of the configuration. Every key's meaning, unit, default and bounds stand here, where its type stands. */
import { z } from 'zod';

export const LOG_LEVELS = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const HOST_PORT = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/;
const hostPort = z
  .string()
  .regex(HOST_PORT)
  .refine((text) => Number(HOST_PORT.exec(text)?.[2]) <= 65_535);

/** A glob, or a regular expression between slashes. */
const pattern = z
  .string()
  .min(1)
  .max(1_000)
  .refine((text) => !/^\/.+\/$/.test(text) || isRegExp(text.slice(1, -1)));

function isRegExp(source: string): boolean {
  try {
    return new RegExp(source, 'u') !== null;
  } catch {
    return false;
  }
}

/** A time with its zone, unix ms. */
const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

const path = z.string().min(1);

/** An address for a browser; what stands in braces is filled in by the page. */
const linkTemplate = z
  .string()
  .max(2_000)
  .regex(/^https?:\/\/[^\s"'<>]+$/);

/**
 * Where identities stand, as one text: `headers` (the catalogue), `header:x-order-id`, `$.order.id`, `key`,
 * `fingerprint`, `fingerprint:tenant+kind` (with those headers).
 */
const identityChoice = z.string().transform((text, context) => {
  if (text === 'headers' || text === 'key' || text === 'fingerprint') return { from: text } as const;
  if (text.startsWith('$')) return { from: 'json', path: text } as const;
  const [kind, names] = [text.slice(0, text.indexOf(':')), text.slice(text.indexOf(':') + 1)];
  if (kind === 'header' && names !== '') return { from: 'header', name: names } as const;
  if (kind === 'fingerprint' && names !== '') {
    return { from: 'fingerprint', headers: names.split('+') } as const;
  }
  context.addIssue({ code: 'custom' });
  return z.NEVER;
});
const identityRules = z.array(identityChoice).max(16);

const windowDays = z
  .number()
  .min(1 / 1440)
  .max(3_650);
const windowRecords = z.number().int().min(1_000).max(2_000_000_000);

/** What holds for the topics of these names; the first entry that names a topic decides. */
const topicRule = z.strictObject({
  topics: z.array(pattern).min(1),
  /** Tried in order; none: the topic has no identities. Default: the top level's. */
  identity: identityRules.optional(),
  /** Copies farther apart than this are not found, in days. Default: the top level's. */
  windowDays: windowDays.optional(),
  /** Identities kept of a topic. Default: the top level's. */
  windowRecords: windowRecords.optional(),
  /** False: identities are kept as hashes alone. Default: the top level's. */
  clearTexts: z.boolean().optional(),
});

const UNITS = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 } as const;
const size = z
  .union([z.number(), z.string().regex(/^\d+(\.\d+)? ?(KiB|MiB|GiB|TiB)$/)])
  .transform((value) => {
    if (typeof value === 'number') return value;
    const unit = value.slice(-3) as keyof typeof UNITS;
    return Math.round(Number(value.slice(0, -3)) * UNITS[unit]);
  })
  .pipe(
    z
      .number()
      .int()
      .min(1024 ** 2)
      .max(2 ** 50),
  );

const ssl = z.union([
  z.boolean(),
  z.strictObject({
    /** Certificates to trust, PEM file. Default: those of Node. */
    ca: path.optional(),
    /** Client certificate, PEM file; needs `key`. */
    cert: path.optional(),
    /** Private key of the client certificate, PEM file; needs `cert`. */
    key: path.optional(),
  }),
]);

/** An address that a secret is sent to: none that holds one itself, and no fragment. */
const tokenUrl = z
  .string()
  .max(2_000)
  .regex(/^https?:\/\/[^\s"'<>@#]+$/)
  .refine((text) => URL.canParse(text));

/** `logicalCluster=lkc-1` */
const extension = z.string().regex(/^[A-Za-z]+=[\x20-\x7e]+$/);

/** Keys of every mechanism; `login.ts` holds which belong together. */
const sasl = z.strictObject({
  mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer']),
  username: z.string().min(1).optional(),
  /** Secret: from the environment or a file, no flag, never printed. */
  password: z.string().min(1).optional(),
  /** File that holds the password; its last line break is not part of it. */
  passwordFile: path.optional(),
  /** Token endpoint of the client credentials grant (RFC 6749). */
  tokenUrl: tokenUrl.optional(),
  clientId: z.string().min(1).optional(),
  /** Secret: from the environment or a file, no flag, never printed. */
  clientSecret: z.string().min(1).optional(),
  /** File that holds the client's secret; its last line break is not part of it. */
  clientSecretFile: path.optional(),
  /** What the token is to be good for, as the endpoint names it; several with spaces between. */
  scope: z.string().min(1).optional(),
  /** File that holds a token and is kept fresh by others, instead of an endpoint; read at each login. */
  tokenFile: path.optional(),
  /** SASL extensions (KIP-342) that the brokers want beside the token. */
  extensions: z.array(extension).max(16).optional(),
});

/** One of several clusters; patterns default to the top level's. */
const cluster = z.strictObject({
  brokers: z.array(hostPort).min(1),
  clientId: z.string().min(1).max(249).optional(),
  ssl: ssl.default(false),
  sasl: sasl.optional(),
  topics: z.array(pattern).optional(),
  excludeTopics: z.array(pattern).optional(),
  groups: z.array(pattern).optional(),
  excludeGroups: z.array(pattern).optional(),
});

export const CONFIG_SCHEMA = z.strictObject({
  /** SQLite file of the ledger; the same that the instrumented applications write. Default ./dupescope.db. */
  store: path.default('./dupescope.db'),
  /** host:port of the HTTP service; port 0 takes a free one. Default 127.0.0.1:7475: this machine alone. */
  listen: hostPort.default('127.0.0.1:7475'),
  /** Bearer token that every request needs (health excepted). Secret: no flag, never printed. Default: none. */
  token: z
    .string()
    .regex(/^[\x21-\x7e]{8,512}$/)
    .optional(),
  /** File that holds the token; its last line break is not part of it. */
  tokenFile: path.optional(),
  /** Answer other machines without a token. Default false: the service refuses to start so. */
  insecureNoToken: z.boolean().default(false),
  /** Host names that requests may name, besides the loopback ones; without port. Default: none. */
  allowedHosts: z.array(z.string().regex(/^[A-Za-z0-9._:[\]-]+$/)).default([]),
  /** host:port of Kafka's brokers, to watch groups from outside and for consumer lag. Default: none, and neither. */
  brokers: z.array(hostPort).default([]),
  /** Groups to watch from outside: names, globs, or regular expressions between slashes. Default: all. */
  groups: z.array(pattern).default([]),
  /** Groups not to watch, in the same way; wins over `groups`. Default: none. */
  excludeGroups: z.array(pattern).default([]),
  /** Topics to observe for what is written twice: names, globs, or regular expressions between slashes. Default: none. */
  topics: z.array(pattern).default([]),
  /** Topics not to observe, in the same way; wins over `topics`. Default: none. */
  excludeTopics: z.array(pattern).default([]),
  /** Where a topic begins that was never observed: beginning, end, or a time. Default beginning. */
  from: z.union([z.enum(['beginning', 'end']), time]).default('beginning'),
  /** Observe records of open and aborted transactions too. Default false. */
  readUncommitted: z.boolean().default(false),
  /** Where identities stand; tried in order. Default headers: the known headers. */
  identity: identityRules.default([{ from: 'headers' }]),
  /** Keep identities in clear with what is found; else as hashes alone. Default true. */
  clearTexts: z.boolean().default(true),
  /** Copies farther apart than this are not found, in days. Default 7. */
  windowDays: windowDays.default(7),
  /** Identities kept of each topic. Default: identitiesMax. */
  windowRecords: windowRecords.optional(),
  /** Identities kept of all topics: 7.5 to 15 B of memory and about 17 B of disk each. Default 10 000 000. */
  identitiesMax: windowRecords.default(10_000_000),
  /** Rules of single topics. In the file alone. Default: none. */
  topicRules: z.array(topicRule).default([]),
  /** Several clusters, instead of brokers, ssl and sasl. In the file alone. Default: none. */
  clusters: z.array(cluster).min(1).optional(),
  /** Client id towards Kafka. Default dupescope. */
  clientId: z.string().min(1).max(249).default('dupescope'),
  /** TLS towards Kafka: true, or files. Default false. */
  ssl: ssl.default(false),
  /** How to log in at Kafka. Default: not at all. */
  sasl: sasl.optional(),
  /** How often consumer lag is asked for, in ms. Default 10 000. */
  lagIntervalMs: z.number().int().min(500).max(3_600_000).default(10_000),
  /** Findings older than this are deleted, in days. Default 30. */
  retentionDays: z
    .number()
    .min(1 / 1440)
    .max(36_500)
    .default(30),
  /** The store is kept below this: bytes, or a number with KiB, MiB, GiB or TiB. Default 2 GiB. */
  retentionBytes: size.default(2 * 1024 ** 3),
  /** Address that the page's links to Grafana lead to, with places as {group} and {topic}. Default: no links. */
  grafanaUrl: linkTemplate.optional(),
  /** Address that the page's links to a record's traces lead to, with places as {offset}. Default: no links. */
  tracesUrl: linkTemplate.optional(),
  /** What the service logs. Default info. */
  logLevel: z.enum(LOG_LEVELS).default('info'),
});

/** As a person writes it, from any source. */
export type ConfigInput = z.input<typeof CONFIG_SCHEMA>;
type Parsed = z.output<typeof CONFIG_SCHEMA>;

/** PEM texts, already read from their files. */
export type SslConfig = boolean | { ca?: string; cert?: string; key?: string };

export interface PasswordLogin {
  mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  username: string;
  password: string;
}

/** A token by the client credentials grant. */
export interface EndpointLogin {
  mechanism: 'oauthbearer';
  tokenUrl: string;
  clientId: string;
  clientSecret: string;
  scope?: string;
  extensions: Record<string, string>;
}

/** A token of a file, as a projected service account's. */
export interface TokenFileLogin {
  mechanism: 'oauthbearer';
  tokenFile: string;
  extensions: Record<string, string>;
}

export type OauthLogin = EndpointLogin | TokenFileLogin;
export type SaslConfig = PasswordLogin | OauthLogin;

/** How to reach a cluster, and what to watch there. */
export interface ClusterConfig {
  brokers: string[];
  clientId: string;
  ssl: SslConfig;
  sasl: SaslConfig | null;
  topics: string[];
  excludeTopics: string[];
  groups: string[];
  excludeGroups: string[];
}

/** Checked, defaults filled in, files read, secrets in their place. */
export interface Config extends Omit<Parsed, 'listen' | 'token' | 'tokenFile' | 'ssl' | 'sasl' | 'clusters'> {
  listen: { host: string; port: number };
  token: string | null;
  ssl: SslConfig;
  sasl: SaslConfig | null;
  /** Those of the list, or the one of `brokers`, or none. */
  clusters: ClusterConfig[];
}
