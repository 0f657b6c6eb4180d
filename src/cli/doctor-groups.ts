/** The doctor's look at the groups' log: whether it may be read, and what to grant, least privilege first. */
import type { Kafka } from 'kafkajs';
import type { ClusterConfig } from '../config';
import { errorLine } from '../errors';
import { kafkaError } from '../kafka/client';
import { principalOf } from '../kafka/login';
import { FETCH_ERRORS } from '../kafka/offsets/fetch';
import { OFFSETS_TOPIC, OffsetsSource } from '../kafka/watch/offsets-source';
import { mayNotRead } from '../kafka/watch/permission';
import type { Line } from './doctor-store';
import { groupGrants } from './grants';

const WHAT = 'groups log';

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
  return {
    level: 'warn',
    what: WHAT,
    text: `${principalOf(cluster)} may not read ${OFFSETS_TOPIC}: rewinds that recover between two looks, members and causes are not seen. Grant, least first:`,
    grants: groupGrants(cluster),
  };
}
