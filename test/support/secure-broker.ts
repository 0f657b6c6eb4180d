/**
 * A broker whose second listener speaks SASL_SSL (PLAIN, SCRAM, and OAUTHBEARER where there is an issuer), and which lets nobody there do anything without an
 * ACL. Its first listener is the administrator's.
 */
import { execFileSync } from 'node:child_process';
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Broker } from '../../src/demo/broker';
import { rawCluster, sendRaw } from '../../src/kafka/raw-cluster';
import { startOwnBroker, testKafka } from './broker';
import type { TokenServer } from './token-server';

export const PASSWORD = 'a secret, with "quotes" and = signs';
export const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;

const LISTENER = 'listener.name.proxied';
const MODULES = 'org.apache.kafka.common.security';
const ITERATIONS = 4_096;

export interface SecureBroker {
  broker: Broker;
  /** PEM file of the authority that signed the broker's certificate. */
  ca: string;
}

/**
 * @param users who may log in, by PLAIN and SCRAM, with PASSWORD
 * @param issuer whose tokens are taken; a session by OAUTHBEARER lasts 12 s, so that kafkajs renews it after 2 s
 */
export async function startSecureBroker(
  folder: string,
  users: readonly string[],
  issuer?: TokenServer,
): Promise<SecureBroker> {
  const { ca, keystore } = makeCertificates(folder);
  const secret = PASSWORD.replaceAll('"', '\\"');
  const plainUsers = users.map((user) => `user_${user}="${secret}"`).join(' ');
  // Kafka asks no address for keys that its own Java was not told of.
  if (issuer !== undefined)
    process.env.JAVA_TOOL_OPTIONS = `-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=${issuer.keysUrl}`;
  const broker = await startOwnBroker({
    properties: {
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS',
      'listener.security.protocol.map': 'DIRECT:PLAINTEXT,PROXIED:SASL_SSL,CONTROLLER:PLAINTEXT',
      [`${LISTENER}.sasl.enabled.mechanisms`]: `PLAIN,SCRAM-SHA-256,SCRAM-SHA-512${issuer === undefined ? '' : ',OAUTHBEARER'}`,
      [`${LISTENER}.plain.sasl.jaas.config`]: `${MODULES}.plain.PlainLoginModule required ${plainUsers};`,
      [`${LISTENER}.scram-sha-256.sasl.jaas.config`]: `${MODULES}.scram.ScramLoginModule required;`,
      [`${LISTENER}.scram-sha-512.sasl.jaas.config`]: `${MODULES}.scram.ScramLoginModule required;`,
      ...(issuer === undefined ? {} : bearerProperties(issuer)),
      [`${LISTENER}.ssl.keystore.type`]: 'PEM',
      [`${LISTENER}.ssl.keystore.location`]: keystore,
    },
  });
  try {
    for (const user of users)
      for (const mechanism of [1, 2] as const) await setScram(broker.brokers, user, mechanism);
  } catch (error) {
    await broker.stop();
    throw error;
  }
  return { broker, ca };
}

function bearerProperties(issuer: TokenServer): Record<string, string> {
  const prefix = `${LISTENER}.oauthbearer`;
  return {
    [`${prefix}.sasl.jaas.config`]: `${MODULES}.oauthbearer.OAuthBearerLoginModule required;`,
    [`${prefix}.sasl.server.callback.handler.class`]: `${MODULES}.oauthbearer.OAuthBearerValidatorCallbackHandler`,
    [`${prefix}.sasl.oauthbearer.jwks.endpoint.url`]: issuer.keysUrl,
    [`${prefix}.sasl.oauthbearer.expected.audience`]: 'kafka',
    [`${prefix}.connections.max.reauth.ms`]: '12000',
  };
}

function makeCertificates(folder: string): { ca: string; keystore: string } {
  const at = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const key = ['-newkey', 'rsa:2048', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '2',
    '-subj',
    '/CN=test authority',
  );
  openssl('req', ...key, '-keyout', 'broker.key', '-out', 'broker.csr', '-subj', '/CN=localhost');
  writeFileSync(at('names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names'];
  openssl('x509', '-req', '-in', 'broker.csr', ...signed, '-out', 'broker.pem');
  const parts = ['broker.key', 'broker.pem', 'ca.pem'].map((name) => readFileSync(at(name), 'utf8'));
  writeFileSync(at('keystore.pem'), parts.join(''));
  return { ca: at('ca.pem'), keystore: at('keystore.pem') };
}

/** AlterUserScramCredentials v0, which kafkajs does not have; one mechanism of a user a request. 1: SHA-256, 2: SHA-512. */
async function setScram(brokers: string[], user: string, mechanism: 1 | 2): Promise<void> {
  const cluster = rawCluster(testKafka({ brokers }));
  if (cluster === null) throw new Error('not kafkajs 2.2.4');
  await cluster.connect();
  try {
    await cluster.refreshMetadata();
    const short = (bytes: Buffer) => Buffer.concat([Buffer.from([bytes.length + 1]), bytes]);
    const salt = randomBytes(16);
    const [length, hash] = mechanism === 1 ? [32, 'sha256'] : [64, 'sha512'];
    const salted = pbkdf2Sync(PASSWORD, salt, ITERATIONS, length as number, hash as string);
    const numbers = Buffer.alloc(5);
    numbers.writeInt8(mechanism, 0);
    numbers.writeInt32BE(ITERATIONS, 1);
    const upsertion = [short(Buffer.from(user)), numbers, short(salt), short(salted), Buffer.from([0])];
    // Tags of the header, no deletions, one upsertion, tags.
    const body = Buffer.concat([Buffer.from([0, 1, 2]), ...upsertion, Buffer.from([0])]);
    const errors = await sendRaw(await cluster.findControllerBroker(), {
      ...{ apiKey: 51, apiVersion: 0, apiName: 'AlterUserScramCredentials', body },
      // Tags, throttle time, compact array of { user, error, ... }: one user.
      decode: (payload) => payload.readInt16BE(1 + 4 + 1 + 1 + Buffer.byteLength(user)),
    });
    if (errors !== 0) throw new Error(`the broker refused the credentials: ${errors}`);
  } finally {
    await cluster.disconnect();
  }
}
