/** The doctor's look at the cluster: reachable, what may be read there, and what stays out of sight. */
import type { Admin } from 'kafkajs';
import pino from 'pino';
import type { Config } from '../config';
import { errorLine } from '../errors';
import { kafkaClient, kafkaError } from '../kafka/client';
import { openReader } from '../store/open';
import { type KnownTopicRow, knownTopics } from '../store/queries';
import { groupLogCheck } from './doctor-groups';
import { observedChecks } from './doctor-observed';
import type { Line } from './doctor-store';
import { topicCheck, unseenTopics } from './doctor-topics';

const LIMIT_MS = 20_000;
const NAMES_SHOWN = 5;

/** @param topics that a person named */
export async function kafkaChecks(config: Config, topics: readonly string[]): Promise<Line[]> {
  if (config.brokers.length === 0) {
    return [
      {
        level: 'warn',
        what: 'brokers',
        text: 'none configured (--brokers): deliveries, redeliveries and exposure are seen, consumer lag and copies in the log are not',
      },
      ...unseenTopics(topics),
      notSeen(config),
    ];
  }
  const kafka = kafkaClient(config, pino({ level: 'silent' }));
  const admin = kafka.admin();
  try {
    await admin.connect();
    const cluster = await admin.describeCluster();
    const known = knownOf(config, cluster.clusterId);
    const named: Line[] = [];
    for (const topic of topics) named.push(await topicCheck(admin, config, topic, known));
    const nodes = cluster.brokers.map((node) => `${node.host}:${node.port}`).join(', ');
    return [
      {
        level: 'ok',
        what: 'brokers',
        text: `cluster ${cluster.clusterId}, ${cluster.brokers.length} brokers: ${nodes}`,
      },
      ...named,
      await groupCheck(admin, config, known),
      await lagCheck(admin, config, known),
      await groupLogCheck(config, kafka),
      ...(await observedChecks(config, config, kafka, admin)),
      notSeen(config),
    ];
  } catch (error) {
    return [
      { level: 'fail', what: 'brokers', text: errorLine(kafkaError(error, config)) },
      ...unseenTopics(topics),
      notSeen(config),
    ];
  } finally {
    const limit = new Promise<void>((resolve) => setTimeout(resolve, LIMIT_MS).unref());
    await Promise.race([admin.disconnect().catch(() => undefined), limit]);
  }
}

/** Groups of the cluster that no instrumented consumer belongs to. */
async function groupCheck(admin: Admin, config: Config, known: readonly KnownTopicRow[]): Promise<Line> {
  try {
    const { groups } = await admin.listGroups();
    const seen = new Set(known.map(({ group }) => group));
    const unseen = groups.map(({ groupId }) => groupId).filter((group) => !seen.has(group));
    if (unseen.length === 0) {
      return {
        level: 'ok',
        what: 'groups',
        text: `all ${groups.length} groups of the cluster are instrumented`,
      };
    }
    const names = unseen.slice(0, NAMES_SHOWN).join(', ');
    const more = unseen.length > NAMES_SHOWN ? `, and ${unseen.length - NAMES_SHOWN} more` : '';
    return {
      level: 'warn',
      what: 'groups',
      text: `${unseen.length} of ${groups.length} groups are not instrumented, their redeliveries are not seen: ${names}${more}`,
    };
  } catch (error) {
    return { level: 'warn', what: 'groups', text: `not listed: ${errorLine(kafkaError(error, config))}` };
  }
}

async function lagCheck(admin: Admin, config: Config, [target]: readonly KnownTopicRow[]): Promise<Line> {
  if (target === undefined) {
    return {
      level: 'warn',
      what: 'consumer lag',
      text: 'no group of this cluster is in the store yet, nothing to ask for',
    };
  }
  try {
    await admin.fetchOffsets({ groupId: target.group, topics: [target.topic] });
    await admin.fetchTopicOffsets(target.topic);
    return {
      level: 'ok',
      what: 'consumer lag',
      text: `can be read, as for ${target.group} on ${target.topic}`,
    };
  } catch (error) {
    const { message } = kafkaError(error, config, target.topic);
    return { level: 'fail', what: 'consumer lag', text: `cannot be read for ${target.group}: ${message}` };
  }
}

function notSeen({ brokers, topics }: Config): Line {
  return {
    level: 'ok',
    what: 'not seen',
    text: `deliveries to consumers without instrument()${brokers.length > 0 && topics.length > 0 ? '; copies in topics that are not observed' : '; copies that were written to the log twice (--topics)'}`,
  };
}

function knownOf(config: Config, cluster: string): KnownTopicRow[] {
  try {
    const db = openReader(config.store);
    try {
      return knownTopics(db, cluster);
    } finally {
      db.close();
    }
  } catch {
    return [];
  }
}
