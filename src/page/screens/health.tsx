/** How Dupescope itself does: is it ready, what does it keep, what could it not keep, where does it stand. */
import type { ObservedTopic, Producer, Status } from '../../service/schemas';
import type { Page } from '../logic/api';
import { bytes, count, counted, percent } from '../logic/format';
import { visible } from '../logic/visible';
import { Export } from '../parts/export';
import { type Fact, Facts, Figures, Lines, Panel } from '../parts/facts';
import { Table } from '../parts/table';
import { Name, Time } from '../parts/text';
import { Empty, OBSERVE_LINE, Told, WATCH_LINE } from '../parts/told';
import { useAnswer } from '../state';

export function HealthScreen() {
  const status = useAnswer<Status>('/v1/status');
  const topics = useAnswer<Page<ObservedTopic>>('/v1/topics');
  const producers = useAnswer<Page<Producer>>('/v1/producers?limit=50');
  return (
    <>
      <h1>Health</h1>
      <Told answer={status}>{(value) => <Own status={value} />}</Told>
      <div class="columns">
        <Panel title="Observers of topics">
          <Told answer={topics}>
            {({ items }) =>
              items.length === 0 ? (
                <Empty line={OBSERVE_LINE}>No topic is observed. To find what is written twice:</Empty>
              ) : (
                <ObserverTable topics={items} />
              )
            }
          </Told>
        </Panel>
        <Told answer={status}>{(value) => <Watchers status={value} />}</Told>
      </div>
      <Panel title="Producers" more={<Export address="/v1/producers" name="producers" lists />}>
        <Told answer={producers}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty>No producer of an instrumented process was seen.</Empty>
            ) : (
              <ProducerTable producers={items} />
            )
          }
        </Told>
      </Panel>
    </>
  );
}

function Own({ status }: { status: Status }) {
  const { retention, problems, dropped_events: dropped } = status;
  const full = retention === null ? null : status.store_bytes / retention.bytes;
  const figures: Fact[] = [
    {
      name: 'State',
      value: status.status === 'ok' ? 'ready' : 'not ready',
      tone: status.status === 'ok' ? undefined : 'bad',
    },
    {
      name: 'Store',
      value: bytes(status.store_bytes),
      note:
        retention === null
          ? 'retention is another process’s'
          : `${percent(full ?? 0)} of ${bytes(retention.bytes)}, ${counted(retention.days, 'day')} kept`,
    },
    {
      name: 'Uncertain records',
      value: count(status.uncertain),
      note: 'left so by kills',
      tone: status.uncertain > 0 ? 'busy' : undefined,
    },
    {
      name: 'Dropped detail',
      value: count(status.dropped_deliveries),
      note: `deliveries, in ${counted(dropped, 'event')}`,
      tone: dropped > 0 ? 'bad' : undefined,
    },
  ];
  return (
    <>
      <Figures facts={figures} />
      {problems.length === 0 ? null : (
        <Panel title="Why it is not ready">
          <Lines lines={problems} />
        </Panel>
      )}
      <Panel title="Facts" more={<Export address="/v1/status" name="status" lists={false} />}>
        <Facts
          facts={[
            { name: 'Dupescope', value: status.version },
            { name: 'Consumers', value: <Clients clients={status.clients} /> },
            { name: 'Node, SQLite', value: `${status.node}, ${status.sqlite}` },
            { name: 'Schema', value: status.schema },
            { name: 'Redeliveries', value: <Since at={status.redeliveries_since} /> },
            { name: 'Duplicates', value: <Since at={status.duplicates_since} /> },
            { name: 'Deliveries', value: <Since at={status.deliveries_since} /> },
            ...(status.dropped_at === null
              ? []
              : [
                  {
                    name: 'Dropped last',
                    value: <Time at={status.dropped_at} />,
                    note: visible(status.dropped_because ?? ''),
                  },
                ]),
          ]}
        />
      </Panel>
    </>
  );
}

function Since({ at }: { at: string | null }) {
  return at === null ? (
    <>none kept</>
  ) : (
    <>
      kept since <Time at={at} />
    </>
  );
}

function Clients({ clients }: { clients: Status['clients'] }) {
  if (clients.length === 0) return <>none lives now</>;
  return (
    <>{clients.map(({ version, sessions }) => `${counted(sessions, 'consumer')} of ${version}`).join(', ')}</>
  );
}

function ObserverTable({ topics }: { topics: readonly ObservedTopic[] }) {
  const rows = topics.flatMap(({ topic, cluster, partitions }) =>
    partitions.map((place) => ({ topic, cluster, ...place })),
  );
  return (
    <Table
      label="Observers"
      items={rows.slice(0, 200)}
      keyOf={({ cluster, topic, partition }) => JSON.stringify([cluster, topic, partition])}
      columns={[
        { title: 'Topic', cell: ({ topic }) => <Name text={topic} max={40} /> },
        { title: 'Partition', cell: ({ partition }) => partition, number: true },
        { title: 'Next offset', cell: ({ next_offset: next }) => next, number: true },
        { title: 'State', cell: ({ state }) => state.replace('_', ' ') },
        { title: 'Read at', cell: ({ observed_at: at }) => <Time at={at} />, from: 'medium' },
      ]}
    />
  );
}

function Watchers({ status: { watchers, watches_groups: watches } }: { status: Status }) {
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
            { title: 'Next offset', cell: ({ next_offset: next }) => next, number: true },
          ]}
        />
      )}
    </Panel>
  );
}

function ProducerTable({ producers }: { producers: readonly Producer[] }) {
  return (
    <Table
      label="Producers"
      items={producers}
      keyOf={({ producer }) => producer}
      columns={[
        {
          title: 'Producer',
          cell: ({ host, pid }) => (
            <>
              <Name text={host} max={40} />, pid {pid}
            </>
          ),
        },
        { title: 'Idempotent', cell: ({ idempotent }) => (idempotent ? 'yes' : 'no') },
        { title: 'acks', cell: ({ acks }) => acks.join(', ') || '–', number: true, from: 'medium' },
        { title: 'Messages', cell: ({ messages }) => count(messages), number: true },
        { title: 'Unanswered', cell: ({ unanswered }) => count(unanswered), number: true, from: 'medium' },
        {
          title: 'Advice',
          cell: ({ advice }) =>
            advice.length === 0 ? '–' : <Lines lines={advice.map(({ text }) => text)} />,
        },
        { title: 'Seen', cell: ({ last_seen_at: at }) => <Time at={at} />, from: 'wide' },
      ]}
    />
  );
}
