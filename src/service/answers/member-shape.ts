/** Members of a group as they are told. */
import type { WatchedMember } from '../../ledger';
import type { Store } from '../../store/open';
import { topicNamesById } from '../../store/queries';
import type { GroupDetail } from '../schemas';

const TOPIC_ID = /^[0-9a-f]{32}$/;

type MemberShape = NonNullable<GroupDetail['watched']>['members'][number];

/**
 * Groups of the new protocol (KIP-848) are assigned topics by their ids. The names are known of topics that were
 * observed or of which something was committed; a topic that is not known keeps its id.
 */
export function memberShapes(db: Store, cluster: string): (member: WatchedMember) => MemberShape {
  let names: ReadonlyMap<string, string> | null = null;
  const nameOf = (topic: string) => {
    if (!TOPIC_ID.test(topic)) return topic;
    names ??= topicNamesById(db, cluster);
    return names.get(topic) ?? topic;
  };
  return ({ memberId, instanceId, clientId, host, sessionTimeoutMs, assignment }) => ({
    member_id: memberId,
    instance_id: instanceId,
    client_id: clientId,
    host,
    session_timeout_ms: sessionTimeoutMs,
    assignment:
      assignment === null
        ? null
        : Object.entries(assignment).map(([topic, partitions]) => ({
            topic: nameOf(topic),
            partitions: [...partitions],
          })),
  });
}
