import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openDatabase } from '../../src/sqlite';
import { createTopic, testBrokers, testKafka, uniqueName } from '../support/broker';

export const DIST = join(__dirname, '../../dist');
export const REGISTER = join(DIST, 'register.js');
export const APPS = join(__dirname, 'apps');

/** An application must have ended by then; it is killed. */
const RUN_LIMIT_MS = 45_000;

export interface Finished {
  code: number | null;
  /** What the application printed, line by line, each one JSON. */
  told: { group?: string; deliveries?: number; [call: string]: unknown }[];
  stderr: string;
  /** Lines on stderr that are ours. */
  warnings: string[];
}

/** A topic of one partition with so many records. */
export async function filledTopic(prefix: string, records: number): Promise<string> {
  const kafka = testKafka();
  const topic = await createTopic(uniqueName(prefix), 1, kafka);
  const producer = kafka.producer();
  await producer.connect();
  try {
    const messages = Array.from({ length: records }, (_, i) => ({ value: `record ${i}` }));
    await producer.send({ topic, messages });
  } finally {
    await producer.disconnect();
  }
  return topic;
}

/** The environment of an application that reads `topic` as `group` and throws once in the middle. */
export function appEnvironment(topic: string, records: number, group: string): Record<string, string> {
  return {
    APP_BROKERS: testBrokers().join(','),
    APP_TOPIC: topic,
    APP_RECORDS: String(records),
    APP_FAIL_AT: String(Math.floor(records / 2)),
    APP_GROUP: group,
    APP_DUPESCOPE: DIST,
  };
}

/** Runs Node with `args` until it ends. The test's own NODE_OPTIONS and DUPESCOPE_* are not handed down. */
export function runNode(args: string[], env: Record<string, string>, cwd = APPS): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const inherited = Object.entries(process.env).filter(([key]) => !/^(NODE_OPTIONS$|DUPESCOPE_)/.test(key));
    const child = spawn(process.execPath, args, { cwd, env: { ...Object.fromEntries(inherited), ...env } });
    let stdout = '';
    let stderr = '';
    const limit = setTimeout(() => child.kill('SIGKILL'), RUN_LIMIT_MS);
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(limit);
      const told = stdout.split('\n').filter((line) => line.startsWith('{'));
      const warnings = stderr.split('\n').filter((line) => /dupescope/i.test(line));
      resolve({ code, told: told.map((line) => JSON.parse(line)), stderr, warnings });
    });
  });
}

export interface Counts {
  deliveries: number;
  redeliveries: number;
  failed: number;
  sessions: number;
  /** `offset@attempt` of every redelivery. */
  again: string[];
}

/** What the store says of a group; null when there is no store or no such group. */
export function storedGroup(store: string, group: string): Counts | null {
  if (!existsSync(store)) return null;
  const db = openDatabase(store, { readonly: true });
  try {
    const counts = db
      .prepare(
        `SELECT sum(deliveries) AS deliveries, sum(redeliveries) AS redeliveries, sum(failed) AS failed
         FROM v_groups WHERE "group" = ?`,
      )
      .get(group) as Omit<Counts, 'sessions' | 'again'>;
    if (counts.deliveries === null) return null;
    const sessions = db
      .prepare('SELECT count(*) FROM session s JOIN consumer_group g ON g.id = s.grp WHERE g.name = ?')
      .pluck()
      .get(group) as number;
    const again = db
      .prepare(
        `SELECT first_offset || '@' || attempt FROM v_redeliveries WHERE "group" = ? AND records = 1 ORDER BY id`,
      )
      .pluck()
      .all(group) as string[];
    return { ...counts, sessions, again };
  } finally {
    db.close();
  }
}

/** What the store must say when the application read `records` and threw once in the middle. */
export function onceAgain(records: number): Counts {
  const middle = Math.floor(records / 2);
  return { deliveries: records + 1, redeliveries: 1, failed: 1, sessions: 1, again: [`${middle}@2`] };
}
