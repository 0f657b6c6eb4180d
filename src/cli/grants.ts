/**
 * What to grant, as commands to copy: one a line, the least first, each with what it adds. READ and DESCRIBE_CONFIGS
 * alone write nothing; READ holds DESCRIBE in it (Kafka's StandardAuthorizer and AclAuthorizer).
 */
import type { ClusterConfig } from '../config';
import { principalOf } from '../kafka/login';
import { OFFSETS_TOPIC } from '../kafka/watch/offsets-source';

export interface Grant {
  /** What is seen with it that is not seen without. */
  adds: string;
  command: string;
}

type Reached = Pick<ClusterConfig, 'brokers' | 'ssl' | 'sasl'>;

/** A name that holds for itself alone: no glob, no regular expression. */
const LITERAL = /^[A-Za-z0-9._-]+$/;

export function grant(cluster: Reached, adds: string, acl: string): Grant {
  const { brokers, ssl, sasl } = cluster;
  // Whoever may grant logs in otherwise than who is granted.
  const admin = ssl === false && sasl === null ? '' : ' --command-config admin.properties';
  return {
    adds,
    command: `kafka-acls --bootstrap-server ${quoted(brokers.join(','))}${admin} --add --allow-principal ${quoted(principalOf(cluster))} ${acl}`,
  };
}

/** One line a topic: none needs another's. */
export function topicGrants(cluster: Reached, topics: readonly string[]): Grant[] {
  return topics.map((topic) =>
    grant(cluster, `what is written twice in ${topic}`, `--operation Read --topic ${quoted(topic)}`),
  );
}

/** Without one, the others still serve. */
export function groupGrants(cluster: Reached & Pick<ClusterConfig, 'groups'>): Grant[] {
  const { groups } = cluster;
  const named = groups.length > 0 && groups.every((group) => LITERAL.test(group)) ? groups : ['*'];
  const those = named.map((group) => `--group ${quoted(group)}`).join(' ');
  return [
    grant(
      cluster,
      'committed offsets and lag, by asking',
      `--operation Describe ${those} --topic ${quoted('*')}`,
    ),
    grant(cluster, 'every rewind, members and causes', `--operation Read --topic ${OFFSETS_TOPIC}`),
    grant(
      cluster,
      'how long offsets are kept, which tells expiry from deletion',
      '--operation DescribeConfigs --cluster',
    ),
  ];
}

/** For a POSIX shell. */
function quoted(word: string): string {
  return /^[A-Za-z0-9._:,@/-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
