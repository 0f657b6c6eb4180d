/** Every key of the configuration with its environment variable and its flag, as data. Secrets have no flag. */

/** How text from the environment or a flag becomes the key's type. */
export type SettingKind = 'text' | 'list' | 'number' | 'size' | 'switch';

export interface Setting {
  /** Where the value stands in the file: `sasl.username`. */
  key: string;
  kind: SettingKind;
  /** None: in the file alone. */
  variable?: string;
  /** As commander takes it. */
  flag?: string;
  /** One line for --help. */
  help: string;
  /** What a value may be, for errors. */
  allowed: string;
}

const FILE = 'the path of a file';
const PATTERNS = 'names, globs as payments.*, or regular expressions between slashes';

export const SETTINGS: readonly Setting[] = [
  {
    key: 'store',
    kind: 'text',
    variable: 'DUPESCOPE_STORE',
    flag: '--store <file>',
    help: 'SQLite file of the ledger (default ./dupescope.db)',
    allowed: FILE,
  },
  {
    key: 'listen',
    kind: 'text',
    variable: 'DUPESCOPE_LISTEN',
    flag: '--listen <host:port>',
    help: 'where the service answers (default 127.0.0.1:7475)',
    allowed: 'host:port, as 127.0.0.1:7475 or [::1]:7475',
  },
  {
    key: 'token',
    kind: 'text',
    variable: 'DUPESCOPE_TOKEN',
    help: 'bearer token that every request needs',
    allowed: '8 to 512 visible ASCII characters without spaces',
  },
  {
    key: 'tokenFile',
    kind: 'text',
    variable: 'DUPESCOPE_TOKEN_FILE',
    flag: '--token-file <file>',
    help: 'file that holds the bearer token',
    allowed: FILE,
  },
  {
    key: 'insecureNoToken',
    kind: 'switch',
    variable: 'DUPESCOPE_INSECURE_NO_TOKEN',
    flag: '--insecure-no-token',
    help: 'answer other machines without a token',
    allowed: 'true or false',
  },
  {
    key: 'allowedHosts',
    kind: 'list',
    variable: 'DUPESCOPE_ALLOWED_HOSTS',
    flag: '--allowed-hosts <names>',
    help: 'host names that requests may name, separated by commas',
    allowed: 'host names without a port',
  },
  {
    key: 'brokers',
    kind: 'list',
    variable: 'DUPESCOPE_BROKERS',
    flag: '--brokers <host:port,...>',
    help: "Kafka's brokers, to observe topics, watch groups and for consumer lag (default none)",
    allowed: 'host:port, several separated by commas',
  },
  {
    key: 'topics',
    kind: 'list',
    variable: 'DUPESCOPE_TOPICS',
    flag: '--topics <patterns>',
    help: 'topics to observe: names, globs or /regex/, separated by commas (default none)',
    allowed: PATTERNS,
  },
  {
    key: 'excludeTopics',
    kind: 'list',
    variable: 'DUPESCOPE_EXCLUDE_TOPICS',
    flag: '--exclude-topics <patterns>',
    help: 'topics not to observe (default none)',
    allowed: PATTERNS,
  },
  {
    key: 'from',
    kind: 'text',
    variable: 'DUPESCOPE_FROM',
    flag: '--from <where>',
    help: 'where a topic begins that was never observed: beginning, end or a time (default beginning)',
    allowed: 'beginning, end, or a time as 2026-11-01T00:00:00Z',
  },
  {
    key: 'readUncommitted',
    kind: 'switch',
    variable: 'DUPESCOPE_READ_UNCOMMITTED',
    flag: '--read-uncommitted',
    help: 'observe records of open and aborted transactions too',
    allowed: 'true or false',
  },
  {
    key: 'identity',
    kind: 'list',
    variable: 'DUPESCOPE_IDENTITY',
    flag: '--identity <rules>',
    help: 'where identities stand: headers, header:name, $.json.path, key, fingerprint; tried in order (default headers)',
    allowed: 'headers, header:name, $.json.path, key, fingerprint or fingerprint:header+header',
  },
  {
    key: 'clearTexts',
    kind: 'switch',
    variable: 'DUPESCOPE_CLEAR_TEXTS',
    help: 'keep identities in clear with what is found (default true)',
    allowed: 'true or false',
  },
  {
    key: 'windowDays',
    kind: 'number',
    variable: 'DUPESCOPE_WINDOW_DAYS',
    flag: '--window-days <days>',
    help: 'copies farther apart than this are not found (default 7)',
    allowed: 'a number from 1/1440 (a minute) to 3650',
  },
  {
    key: 'windowRecords',
    kind: 'number',
    variable: 'DUPESCOPE_WINDOW_RECORDS',
    flag: '--window-records <count>',
    help: 'identities kept of each topic (default identitiesMax)',
    allowed: 'a whole number from 1000 to 2000000000',
  },
  {
    key: 'identitiesMax',
    kind: 'number',
    variable: 'DUPESCOPE_IDENTITIES_MAX',
    flag: '--identities-max <count>',
    help: 'identities kept of all topics, 15 B of memory each (default 10000000)',
    allowed: 'a whole number from 1000 to 2000000000',
  },
  {
    key: 'topicRules',
    kind: 'list',
    help: 'rules of single topics',
    allowed: 'a list of sections with topics, identity, windowDays, windowRecords, clearTexts',
  },
  {
    key: 'clusters',
    kind: 'list',
    help: 'several clusters',
    allowed:
      'a list of sections with brokers, clientId, ssl, sasl, topics, excludeTopics, groups, excludeGroups',
  },
  {
    key: 'groups',
    kind: 'list',
    variable: 'DUPESCOPE_GROUPS',
    flag: '--groups <patterns>',
    help: 'groups to watch: names, globs or /regex/, separated by commas (default all)',
    allowed: 'names, globs as payments.*, or regular expressions between slashes',
  },
  {
    key: 'excludeGroups',
    kind: 'list',
    variable: 'DUPESCOPE_EXCLUDE_GROUPS',
    flag: '--exclude-groups <patterns>',
    help: 'groups not to watch (default none)',
    allowed: 'names, globs as payments.*, or regular expressions between slashes',
  },
  {
    key: 'clientId',
    kind: 'text',
    variable: 'DUPESCOPE_CLIENT_ID',
    flag: '--client-id <name>',
    help: 'client id towards Kafka (default dupescope)',
    allowed: '1 to 249 characters',
  },
  {
    key: 'ssl',
    kind: 'switch',
    variable: 'DUPESCOPE_SSL',
    flag: '--ssl',
    help: 'TLS towards Kafka',
    allowed: 'true, false, or the files ca, cert and key',
  },
  {
    key: 'ssl.ca',
    kind: 'text',
    variable: 'DUPESCOPE_SSL_CA',
    flag: '--ssl-ca <file>',
    help: 'certificates to trust, PEM',
    allowed: FILE,
  },
  {
    key: 'ssl.cert',
    kind: 'text',
    variable: 'DUPESCOPE_SSL_CERT',
    flag: '--ssl-cert <file>',
    help: 'client certificate, PEM',
    allowed: FILE,
  },
  {
    key: 'ssl.key',
    kind: 'text',
    variable: 'DUPESCOPE_SSL_KEY',
    flag: '--ssl-key <file>',
    help: 'private key of the client certificate, PEM',
    allowed: FILE,
  },
  {
    key: 'sasl.mechanism',
    kind: 'text',
    variable: 'DUPESCOPE_SASL_MECHANISM',
    flag: '--sasl-mechanism <name>',
    help: 'plain, scram-sha-256, scram-sha-512 or oauthbearer',
    allowed: 'plain, scram-sha-256, scram-sha-512 or oauthbearer',
  },
  {
    key: 'sasl.username',
    kind: 'text',
    variable: 'DUPESCOPE_SASL_USERNAME',
    flag: '--sasl-username <name>',
    help: 'who logs in at Kafka',
    allowed: 'a name',
  },
  {
    key: 'sasl.password',
    kind: 'text',
    variable: 'DUPESCOPE_SASL_PASSWORD',
    help: 'password at Kafka',
    allowed: 'a text that is not empty',
  },
  {
    key: 'sasl.passwordFile',
    kind: 'text',
    variable: 'DUPESCOPE_SASL_PASSWORD_FILE',
    flag: '--sasl-password-file <file>',
    help: 'file that holds the password at Kafka',
    allowed: FILE,
  },
  {
    key: 'sasl.tokenUrl',
    kind: 'text',
    variable: 'DUPESCOPE_SASL_TOKEN_URL',
    flag: '--sasl-token-url <url>',
    help: 'oauthbearer: endpoint that gives tokens by client credentials',
    allowed: 'an address that begins with https:// or http://, without a user or a fragment',
  },
  {
    key: 'sasl.clientId',
    kind: 'text',
    variable: 'DUPESCOPE_SASL_CLIENT_ID',
    flag: '--sasl-client-id <id>',
    help: 'oauthbearer: client at the token endpoint',
    allowed: 'a name',
  },
  {
    key: 'sasl.clientSecret',
    kind: 'text',
    variable: 'DUPESCOPE_SASL_CLIENT_SECRET',
    help: 'oauthbearer: secret of that client',
    allowed: 'a text that is not empty',
  },
  {
    key: 'sasl.clientSecretFile',
    kind: 'text',
    variable: 'DUPESCOPE_SASL_CLIENT_SECRET_FILE',
    flag: '--sasl-client-secret-file <file>',
    help: 'oauthbearer: file that holds the secret of that client',
    allowed: FILE,
  },
  {
    key: 'sasl.scope',
    kind: 'text',
    variable: 'DUPESCOPE_SASL_SCOPE',
    flag: '--sasl-scope <scope>',
    help: 'oauthbearer: scope to ask for (default none)',
    allowed: 'a text that is not empty',
  },
  {
    key: 'sasl.tokenFile',
    kind: 'text',
    variable: 'DUPESCOPE_SASL_TOKEN_FILE',
    flag: '--sasl-token-file <file>',
    help: 'oauthbearer: file that holds a token, read at each login, instead of an endpoint',
    allowed: FILE,
  },
  {
    key: 'sasl.extensions',
    kind: 'list',
    variable: 'DUPESCOPE_SASL_EXTENSIONS',
    flag: '--sasl-extensions <name=value,...>',
    help: 'oauthbearer: SASL extensions, as logicalCluster=lkc-1 (default none)',
    allowed: 'name=value, names of letters alone',
  },
  {
    key: 'lagIntervalMs',
    kind: 'number',
    variable: 'DUPESCOPE_LAG_INTERVAL_MS',
    flag: '--lag-interval-ms <ms>',
    help: 'how often consumer lag is asked for (default 10000)',
    allowed: 'a whole number from 500 to 3600000',
  },
  {
    key: 'retentionDays',
    kind: 'number',
    variable: 'DUPESCOPE_RETENTION_DAYS',
    flag: '--retention-days <days>',
    help: 'findings older than this are deleted (default 30)',
    allowed: 'a number from 1/1440 (a minute) to 36500',
  },
  {
    key: 'retentionBytes',
    kind: 'size',
    variable: 'DUPESCOPE_RETENTION_BYTES',
    flag: '--retention-bytes <size>',
    help: 'the store is kept below this, as 512MiB (default 2GiB)',
    allowed: 'bytes, or a number with KiB, MiB, GiB or TiB; at least 1MiB',
  },
  {
    key: 'grafanaUrl',
    kind: 'text',
    variable: 'DUPESCOPE_GRAFANA_URL',
    flag: '--grafana-url <template>',
    help: 'where the page links to Grafana, as https://grafana/d/dupescope?var-group={group}&from={from}&to={to}',
    allowed: 'an address that begins with http:// or https://',
  },
  {
    key: 'tracesUrl',
    kind: 'text',
    variable: 'DUPESCOPE_TRACES_URL',
    flag: '--traces-url <template>',
    help: 'where the page links to traces, with {cluster}, {group}, {topic}, {partition} and {offset}',
    allowed: 'an address that begins with http:// or https://',
  },
  {
    key: 'logLevel',
    kind: 'text',
    variable: 'DUPESCOPE_LOG_LEVEL',
    flag: '--log-level <level>',
    help: 'silent, fatal, error, warn, info, debug or trace (default info)',
    allowed: 'silent, fatal, error, warn, info, debug or trace',
  },
];

/** Names of the variables of all keys that have one. */
export const VARIABLES: readonly string[] = SETTINGS.flatMap(({ variable }) => variable ?? []);

/** Variables of this name space that other parts read: the instrument, the command line, the tests. */
export const FOREIGN_VARIABLES: readonly string[] = [
  'DUPESCOPE_CONFIG',
  'DUPESCOPE_DEBUG',
  'DUPESCOPE_DISABLED',
  'DUPESCOPE_SERVICE',
  'DUPESCOPE_CA_FILE',
  'DUPESCOPE_JOURNAL',
  'DUPESCOPE_REPORT_EVERY_MS',
  'DUPESCOPE_JOURNAL_EVERY_RECORD',
  'DUPESCOPE_STAMP',
  'DUPESCOPE_PAST_LIMIT_MS',
  'DUPESCOPE_TRACING',
  'DUPESCOPE_JOURNAL_LIMIT_BYTES',
];
export const FOREIGN_PREFIXES: readonly string[] = ['DUPESCOPE_TEST_', 'DUPESCOPE_DEMO_'];

/** What Kubernetes sets in every pod when a Service is called dupescope. */
export const KUBERNETES_VARIABLES = /^DUPESCOPE(_SERVICE)?_(HOST|PORT)(_|$)/;
