import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../../src/config';
import { DupescopeError } from '../../src/errors';
import { testFolder } from '../support/folder';

const folder = testFolder('clusters');
let files = 0;
function file(text: string): string {
  const path = join(folder, `${++files}.yaml`);
  writeFileSync(path, text);
  return path;
}
const load = (text: string, env: NodeJS.ProcessEnv = {}) => loadConfig({ file: file(text), env });
function refusal(text: string, env: NodeJS.ProcessEnv = {}): string {
  try {
    load(text, env);
  } catch (error) {
    if (error instanceof DupescopeError && error.code === 'bad-configuration') return error.message;
    throw error;
  }
  throw new Error('it was accepted');
}

test('flags name one cluster', () => {
  const flags = new Map([
    ['brokers', 'one:9092,two:9092'],
    ['topics', 'orders,payments.*,/^audit-\\d+$/'],
    ['from', '2026-11-01T00:00:00+01:00'],
    ['identity', 'headers,header:x-id,$.order.id,key,fingerprint:tenant+kind'],
  ]);
  const config = loadConfig({ env: {}, flags });
  expect(config.clusters).toEqual([
    {
      brokers: ['one:9092', 'two:9092'],
      clientId: 'dupescope',
      ssl: false,
      sasl: null,
      topics: ['orders', 'payments.*', '/^audit-\\d+$/'],
      excludeTopics: [],
      groups: [],
      excludeGroups: [],
    },
  ]);
  expect(config.from).toBe(Date.UTC(2026, 9, 31, 23));
  expect(config.identity).toEqual([
    { from: 'headers' },
    { from: 'header', name: 'x-id' },
    { from: 'json', path: '$.order.id' },
    { from: 'key' },
    { from: 'fingerprint', headers: ['tenant', 'kind'] },
  ]);
});

test('a list of clusters, each with its brokers, login and patterns; rules by topic', () => {
  const config = load(`
topics: ['*']
topicRules:
  - { topics: [orders], identity: [$.id], windowDays: 30, clearTexts: false }
clusters:
  - brokers: [a:9092]
  - brokers: [b:9092]
    clientId: two
    ssl: true
    sasl: { mechanism: scram-sha-512, username: joe, password: hunter2-hunter2 }
    topics: [payments]
    groups: [billing]
`);
  expect(config.clusters).toMatchObject([
    { brokers: ['a:9092'], clientId: 'dupescope', ssl: false, sasl: null, topics: ['*'], groups: [] },
    {
      brokers: ['b:9092'],
      clientId: 'two',
      ssl: true,
      sasl: { mechanism: 'scram-sha-512', username: 'joe', password: 'hunter2-hunter2' },
      topics: ['payments'],
      groups: ['billing'],
    },
  ]);
  expect(config.topicRules).toEqual([
    { topics: ['orders'], identity: [{ from: 'json', path: '$.id' }], windowDays: 30, clearTexts: false },
  ]);
});

test.each([
  ['clusters: [{ broker: [a:9092] }]', /clusters\[0\]/],
  [
    'clusters: [{ brokers: [a:9092], topcis: [x] }]',
    /clusters\[0\]: there is no key "topcis". Did you mean "topics"/,
  ],
  ['clusters: [{ brokers: [a] }]', /"clusters\[0\].brokers\[0\]" must be host:port/],
  [
    'clusters: [{ brokers: [a:1], sasl: { mechanism: plain, username: x } }]',
    /clusters\[0\].sasl: a password/,
  ],
  ['brokers: [a:1]\nclusters: [{ brokers: [b:1] }]', /brokers cannot stand beside clusters/],
  [
    'topicRules: [{ topics: [a], identity: [body] }]',
    /"topicRules\[0\].identity\[0\]" must be headers, header:name/,
  ],
  ['topicRules: [{ topics: ["/(/"] }]', /"topicRules\[0\].topics\[0\]" must be names, globs/],
  ['topicRules: [{ topics: [a], window: 3 }]', /topicRules\[0\]: there is no key "window"/],
  ['topics: [orders]', /topics need brokers/],
  ['from: yesterday\nbrokers: [a:1]', /"from" must be beginning, end, or a time/],
  ['clusters: hunter2-hunter2', /"clusters" must be a list of sections/],
])('%s is refused', (text, why) => {
  const message = refusal(text);
  expect(message).toMatch(why);
  expect(message).not.toContain('hunter2');
});
