/** The doctor's look at topics that a person named: are they on the cluster, and is a group that reads them seen? */
import type { Admin } from 'kafkajs';
import { type Config, suggestion } from '../config';
import { fail } from '../errors';
import { kafkaError } from '../kafka/client';
import type { KnownTopicRow } from '../store/queries';
import type { Line } from './doctor-store';

const GROUPS_SHOWN = 5;

/** The names of `--topic`. Throws 'bad-usage' when it has none. */
export function topicNames(text: string | undefined): string[] {
  if (text === undefined) return [];
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names.length === 0) fail('bad-usage', '--topic must name a topic, or several separated by commas.');
  return [...new Set(names)];
}

/** Without a cluster to look at. */
export function unseenTopics(names: readonly string[]): Line[] {
  return names.map((name) => ({
    level: 'fail',
    what: 'topic',
    text: `"${name}" was not looked for: no broker could be asked (--brokers)`,
  }));
}

export async function topicCheck(
  admin: Admin,
  config: Config,
  name: string,
  known: readonly KnownTopicRow[],
): Promise<Line> {
  const what = 'topic';
  let partitions: number;
  try {
    partitions = (await admin.fetchTopicOffsets(name)).length;
  } catch (error) {
    const failure = kafkaError(error, config, name);
    const meant = failure.code === 'kafka-topic-missing' ? suggestion(name, await topicsOf(admin)) : '';
    return { level: 'fail', what, text: `${failure.message}${meant}` };
  }
  const groups = known.filter(({ topic }) => topic === name).map(({ group }) => group);
  const found = `"${name}" has ${partitions} partition${partitions === 1 ? '' : 's'}`;
  if (groups.length === 0) {
    const text = `${found}; no instrumented group has read it: wrap its consumers with instrument(new Kafka(...))`;
    return { level: 'warn', what, text };
  }
  const names = groups.slice(0, GROUPS_SHOWN).join(', ');
  const more = groups.length > GROUPS_SHOWN ? `, and ${groups.length - GROUPS_SHOWN} more` : '';
  return { level: 'ok', what, text: `${found}; deliveries to ${names}${more} are seen` };
}

/** Names to choose the nearest from; none where they may not be listed. */
async function topicsOf(admin: Admin): Promise<string[]> {
  return await admin.listTopics().catch(() => []);
}
