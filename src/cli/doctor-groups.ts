/** The doctor's look at the groups' log: whether it may be read, and what to grant, least privilege first. */
import type { Kafka } from 'kafkajs';
import type { ClusterConfig } from '../config';
import { errorLine } from '../errors';
import { kafkaError } from '../kafka/client';
import { FETCH_ERRORS } from '../kafka/offsets/fetch';
import { OFFSETS_TOPIC, OffsetsSource } from '../kafka/watch/offsets-source';
import { mayNotRead } from '../kafka/watch/permission';
import type { Line } from './doctor-store';

const WHAT = 'groups log';

/** Kafka's name of who asks. */
export function principalOf({ sasl }: Pick<ClusterConfig, 'sasl'>): string {
  return sasl === null ? 'User:ANONYMOUS' : `User:${sasl.username}`;
}

/** What to grant for the groups, each line with what it adds; without one, the others still serve. */
export function groupGrants(cluster: Pick<ClusterConfig, 'sasl'>): string[] {
  const grant = (acl: string) => `kafka-acls --add --allow-principal ${principalOf(cluster)} ${acl}`;
  return [
    `committed offsets and lag, by asking: ${grant("--operation Describe --group '*' --topic '*'")}`,
    `every rewind, members and causes: ${grant(`--operation Read --operation Describe --topic ${OFFSETS_TOPIC}`)}`,
    `how long offsets are kept, which tells expiry from deletion: ${grant('--operation DescribeConfigs --cluster')}`,
  ];
}

export async function groupLogCheck(cluster: ClusterConfig, kafka: Kafka): Promise<Line> {
  let source: OffsetsSource | null = null;
  try {
    source = await OffsetsSource.open(kafka, OFFSETS_TOPIC);
    for (const [node, partitions] of source.leaders) {
      const positions = partitions.slice(0, 1).map((partition) => ({ partition, offset: 0 }));
      const refused = (await source.fetch(node, positions)).some(
        ({ error }) => error === FETCH_ERRORS.TOPIC_AUTHORIZATION_FAILED,
      );
      if (refused) return missing(cluster);
    }
    return { level: 'ok', what: WHAT, text: `${OFFSETS_TOPIC} may be read: every rewind is seen` };
  } catch (error) {
    if (mayNotRead(error, cluster) !== null) return missing(cluster);
    if ((error as { type?: unknown } | null)?.type === 'UNKNOWN_TOPIC_OR_PARTITION')
      return { level: 'ok', what: WHAT, text: 'no group of the cluster has ever committed' };
    return { level: 'warn', what: WHAT, text: errorLine(kafkaError(error, cluster)) };
  } finally {
    await source?.close();
  }
}

function missing(cluster: ClusterConfig): Line {
  const grants = groupGrants(cluster).map((line, i) => `(${i + 1}) ${line}`);
  return {
    level: 'warn',
    what: WHAT,
    text: `${principalOf(cluster)} may not read ${OFFSETS_TOPIC}: rewinds that recover between two looks, members and causes are not seen. Grant, least first: ${grants.join('; ')}`,
  };
}
