/** Where observers of topics and of groups stand, and what they passed over. */
import type { ObservedTopic, Status } from '../../service/schemas';
import { count, counted } from '../logic/format';
import { Panel } from './facts';
import { Lead } from './lead';
import { Offset } from './offset';
import { Table } from './table';
import { Name, Time } from './text';
import { Empty, WATCH_LINE } from './told';

const OBSERVERS_SHOWN = 200;

/** Those that catch up first: they are the ones to look at. */
export function ObserverTable({ topics }: { topics: readonly ObservedTopic[] }) {
  const rows = topics
    .flatMap(({ topic, topic_id, cluster, partitions }) =>
      partitions.map((place) => ({ topic, topic_id, cluster, ...place })),
    )
    .sort((a, b) => (a.state < b.state ? -1 : a.state > b.state ? 1 : 0));
  return (
    <>
      <Table
        label="Observers"
        items={rows.slice(0, OBSERVERS_SHOWN)}
        keyOf={({ cluster, topic, topic_id, partition }) =>
          JSON.stringify([cluster, topic, topic_id, partition])
        }
        columns={[
          {
            title: 'Topic',
            cell: ({ topic, cluster, topic_id: id }) => (
              <Lead to={{ name: 'topics' }} query={{ topic, cluster, id }}>
                <Name text={topic} max={40} />
              </Lead>
            ),
          },
          { title: 'Partition', cell: ({ partition }) => partition, number: true },
          { title: 'Next offset', cell: ({ next_offset: next }) => <Offset at={next} />, number: true },
          { title: 'State', cell: ({ state }) => state.replace('_', ' ') },
          { title: 'Read at', cell: ({ observed_at: at }) => <Time at={at} />, from: 'medium' },
        ]}
      />
      {rows.length > OBSERVERS_SHOWN ? (
        <p class="note">
          {count(rows.length - OBSERVERS_SHOWN)} more: on the screen of each topic, and in the export.
        </p>
      ) : null}
    </>
  );
}

export function Watchers({ status: { watchers, watches_groups: watches } }: { status: Status }) {
  return (
    <Panel title="Watcher of groups">
      {watchers.length === 0 ? (
        <Empty {...(watches ? {} : { line: WATCH_LINE })}>
          {watches
            ? 'It has not read __consumer_offsets yet, or may not: `dupescope doctor` says which permission is missing.'
            : 'No brokers are configured. To see lag, members and rewinds of every group:'}
        </Empty>
      ) : (
        <Table
          label="Watchers"
          items={watchers}
          keyOf={({ cluster, partition }) => JSON.stringify([cluster, partition])}
          columns={[
            { title: 'Cluster', cell: ({ cluster }) => <Name text={cluster} max={30} /> },
            { title: '__consumer_offsets', cell: ({ partition }) => partition, number: true },
            { title: 'Next offset', cell: ({ next_offset: next }) => <Offset at={next} />, number: true },
          ]}
        />
      )}
    </Panel>
  );
}

/** What each means for what is told elsewhere. */
const UNREAD: Readonly<Record<Status['unread'][number]['what'], string>> = {
  unknown: 'records of kinds that are not looked at (share and streams groups, later versions)',
  unreadable: 'damaged, or of a codec that is not known',
  old: 'batches from before Kafka 0.11',
  missed: 'records gone before they were read: copies among them were not seen',
};

/** What observers passed over; nothing where they read all. */
export function Unread({ unread }: Pick<Status, 'unread'>) {
  if (unread.length === 0) return null;
  return (
    <Panel title="Passed over by observers">
      <Table
        label="Passed over"
        items={unread}
        keyOf={({ cluster, observer, topic, what }) => JSON.stringify([cluster, observer, topic, what])}
        columns={[
          {
            title: 'Where',
            cell: ({ topic }) => (topic === null ? '__consumer_offsets' : <Name text={topic} max={60} />),
          },
          { title: 'What', cell: ({ what }) => UNREAD[what] },
          {
            title: 'How many',
            cell: ({ count: many, observer, what }) =>
              observer === 'groups' || what === 'missed'
                ? counted(many, 'record')
                : counted(many, 'batch', 'batches'),
            number: true,
          },
          { title: 'Last', cell: ({ last_at: at }) => <Time at={at} /> },
          { title: 'Cluster', cell: ({ cluster }) => <Name text={cluster} max={30} />, from: 'medium' },
        ]}
      />
    </Panel>
  );
}
