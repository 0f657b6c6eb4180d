/** The login at Kafka: which keys belong to which mechanism, and the secrets' files read. */
import type { z } from 'zod';
import { fail } from '../errors';
import { secretOf, textOf } from './files';
import type { CONFIG_SCHEMA, EndpointLogin, OauthLogin, SaslConfig } from './schema';
import { SETTINGS } from './settings';

type Given = NonNullable<z.output<typeof CONFIG_SCHEMA>['sasl']>;
type Name = keyof Given;

const PASSWORD: readonly Name[] = ['username', 'password', 'passwordFile'];
const ENDPOINT: readonly Name[] = ['tokenUrl', 'clientId', 'clientSecret', 'clientSecretFile', 'scope'];

/** @param key `sasl`, or where it stands in the list of clusters. Throws 'bad-configuration' */
export function login(key: string, sasl: Given): SaslConfig {
  const { mechanism } = sasl;
  if (mechanism === 'oauthbearer') return bearer(key, sasl);
  refuseOthers(key, sasl, ['mechanism', ...PASSWORD], mechanism);
  return {
    mechanism,
    username: sasl.username ?? missing(key, 'username', mechanism),
    password: secret(key, sasl, 'password', 'a password'),
  };
}

function bearer(key: string, sasl: Given): OauthLogin {
  const { mechanism, tokenUrl, tokenFile, scope } = sasl;
  const extensions = extensionsOf(sasl.extensions ?? []);
  if (tokenFile !== undefined) {
    refuseOthers(key, sasl, ['mechanism', 'tokenFile', 'extensions'], `${key}.tokenFile`);
    // Read again at each login; now only to tell early that it is not there.
    textOf(`${key}.tokenFile`, tokenFile);
    return { mechanism: 'oauthbearer', tokenFile, extensions };
  }
  refuseOthers(key, sasl, ['mechanism', 'extensions', ...ENDPOINT], mechanism);
  if (tokenUrl === undefined) {
    return fail(
      'bad-configuration',
      `${key}: oauthbearer needs a token: set ${key}.tokenUrl${variable(key, 'tokenUrl')} to the endpoint that gives one, or ${key}.tokenFile to a file that holds one.`,
    );
  }
  const found: EndpointLogin = {
    mechanism: 'oauthbearer',
    tokenUrl,
    clientId: sasl.clientId ?? missing(key, 'clientId', 'sasl.tokenUrl'),
    clientSecret: secret(key, sasl, 'clientSecret', 'the secret of the client'),
    extensions,
  };
  return scope === undefined ? found : { ...found, scope };
}

function secret(key: string, sasl: Given, name: 'password' | 'clientSecret', what: string): string {
  const path = sasl[`${name}File`];
  const value = path === undefined ? sasl[name] : secretOf(`${key}.${name}File`, path);
  if (value !== undefined && value !== '') return value;
  const first = key === 'sasl' ? `${variableOf(name)}, or ` : '';
  return fail(
    'bad-configuration',
    `${key}: ${what} is missing. Set ${first}${key}.${name}File to a file that holds it.`,
  );
}

function missing(key: string, name: Name, needs: string): never {
  const allowed = SETTINGS.find((setting) => setting.key === `sasl.${name}`)?.allowed;
  fail('bad-configuration', `${needs} also needs ${key}.${name}: ${allowed}${variable(key, name)}.`);
}

/** A key that nothing reads was meant for something. */
function refuseOthers(key: string, sasl: Given, used: readonly Name[], by: string): void {
  const other = (Object.keys(sasl) as Name[]).find(
    (name) => sasl[name] !== undefined && !used.includes(name),
  );
  if (other !== undefined) {
    fail('bad-configuration', `${key}.${other}${variable(key, other)} is of no use with ${by}. Remove it.`);
  }
}

/** The environment names one cluster alone. */
function variable(key: string, name: Name): string {
  return key === 'sasl' ? ` (${variableOf(name)})` : '';
}

function variableOf(name: Name): string {
  return String(SETTINGS.find((setting) => setting.key === `sasl.${name}`)?.variable);
}

function extensionsOf(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  );
}
