/** One group: its verdict, advice, members over time, partitions, and one partition's commits and deliveries. */
import { useMemo } from 'preact/hooks';
import type { Group, GroupDetail, GroupTimeline, Incident } from '../../service/schemas';
import { addressOf, type Page, part } from '../logic/api';
import { counted } from '../logic/format';
import { rangeQuery } from '../logic/range';
import { visible } from '../logic/visible';
import { Lines, Panel } from '../parts/facts';
import { GroupHead } from '../parts/group-head';
import { IncidentList } from '../parts/incident-list';
import { LaneChart } from '../parts/lane-chart';
import { Lead } from '../parts/lead';
import { MemberTable } from '../parts/member-table';
import { PartitionTable } from '../parts/partition-table';
import { Positions } from '../parts/positions';
import { Copy, Name } from '../parts/text';
import { Empty, Told } from '../parts/told';
import { useAnswer, useApp, useRange } from '../state';

const INCIDENTS_SHOWN = 5;

export function GroupScreen({ group }: { group: string }) {
  const { query } = useApp().place;
  const { cluster } = query;
  const range = rangeQuery(useRange());
  const address = addressOf(`/v1/groups/${part(group)}`, { cluster });
  const detail = useAnswer<GroupDetail>(address);
  const timeline = useAnswer<GroupTimeline>(
    addressOf(`/v1/groups/${part(group)}/timeline`, { cluster, ...range }),
  );
  const incidents = useAnswer<Page<Incident>>(
    addressOf('/v1/incidents', { ...range, cluster, group, limit: INCIDENTS_SHOWN }),
  );
  const { partition, topic } = query;
  const chosen = useMemo(
    () => chosenPartition(detail.value, topic, partition),
    [detail.value, topic, partition],
  );
  const heading = (
    <>
      <p class="note">
        <Lead to={{ name: 'groups' }}>Groups</Lead>
      </p>
      <h1>
        <bdi>{visible(group)}</bdi> <Copy text={group} what="the group's name" />
      </h1>
    </>
  );
  if (detail.error?.code === 'bad-parameter' && cluster === undefined) {
    return (
      <>
        {heading}
        <Clusters group={group} />
      </>
    );
  }
  return (
    <>
      {heading}
      <Told answer={detail}>
        {(value) => (
          <>
            <GroupHead group={value} address={address} />
            <Advice group={value} />
          </>
        )}
      </Told>
      <Panel title="Members over time">
        <Told answer={timeline}>{(value) => <LaneChart timeline={value} />}</Told>
      </Panel>
      {chosen === null ? null : (
        <Positions group={group} cluster={cluster} topic={chosen.topic} partition={chosen.partition} />
      )}
      <div class="columns">
        <Panel title="Partitions">
          <Told answer={detail}>
            {(value) =>
              value.partitions_detail.length === 0 ? (
                <Empty>This group has read and committed nothing that was seen.</Empty>
              ) : (
                <PartitionTable partitions={value.partitions_detail} chosen={chosen} />
              )
            }
          </Told>
        </Panel>
        <Panel
          title="Incidents"
          more={
            <Lead
              to={{ name: 'incidents' }}
              query={{ group, cluster: detail.value?.cluster ?? cluster ?? null }}
            >
              All of this group
            </Lead>
          }
        >
          <Told answer={incidents}>
            {({ items }) =>
              items.length === 0 ? (
                <Empty>None within this time. Take a longer one above to look further back.</Empty>
              ) : (
                <IncidentList incidents={items} />
              )
            }
          </Told>
        </Panel>
      </div>
      <Told answer={detail}>{(value) => <MemberTable group={value} />}</Told>
    </>
  );
}

/** Several groups have that name, on a cluster each: which is meant? */
function Clusters({ group }: { group: string }) {
  const namesakes = useAnswer<Page<Group>>(addressOf('/v1/groups', { group }));
  return (
    <Panel title="On which cluster?">
      <Told answer={namesakes}>
        {({ items }) => (
          <ul>
            {items.map(({ cluster, deliveries }) => (
              <li key={cluster}>
                <Lead to={{ name: 'group', group }} query={{ cluster }}>
                  <Name text={cluster} max={60} />
                </Lead>{' '}
                <span class="note">{counted(deliveries, 'delivery', 'deliveries')}</span>
              </li>
            ))}
          </ul>
        )}
      </Told>
    </Panel>
  );
}

function Advice({ group: { advice, check } }: { group: GroupDetail }) {
  const lines = [...advice, ...(check === null ? [] : [check.words])];
  if (lines.length === 0) return null;
  return (
    <Panel title="What to change">
      <div class="advice">
        <Lines lines={lines} />
      </div>
    </Panel>
  );
}

/** That of the address, else the one with the most redeliveries. */
function chosenPartition(
  group: GroupDetail | null,
  topic: string | undefined,
  partition: string | undefined,
): { topic: string; partition: number } | null {
  if (topic !== undefined && partition !== undefined && /^\d+$/.test(partition)) {
    return { topic, partition: Number(partition) };
  }
  const most = group?.partitions_detail.reduce<GroupDetail['partitions_detail'][number] | null>(
    (best, one) => (best === null || one.redeliveries > best.redeliveries ? one : best),
    null,
  );
  return most ?? null;
}
