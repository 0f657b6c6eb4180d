/** How Dupescope itself does: is it ready, what does it keep, what could it not keep, where does it stand. */
import type { ObservedTopic, Producer, Status } from '../../service/schemas';
import { addressOf, type Page } from '../logic/api';
import { bytes, count, counted, percent } from '../logic/format';
import { visible } from '../logic/visible';
import { Export } from '../parts/export';
import { type Fact, Facts, Figures, Lines, Panel } from '../parts/facts';
import { ObserverTable, Unread, Watchers } from '../parts/observers';
import { Paging } from '../parts/paging';
import { Table } from '../parts/table';
import { Name, Time } from '../parts/text';
import { Empty, OBSERVE_LINE, Told } from '../parts/told';
import { useAnswer, useApp } from '../state';

const PRODUCERS_SHOWN = 50;

export function HealthScreen() {
  const status = useAnswer<Status>('/v1/status');
  const topics = useAnswer<Page<ObservedTopic>>('/v1/topics');
  const { cursor } = useApp().place.query;
  const producers = useAnswer<Page<Producer>>(addressOf('/v1/producers', { limit: PRODUCERS_SHOWN, cursor }));
  return (
    <>
      <h1>Health</h1>
      <Told answer={status}>{(value) => <Own status={value} />}</Told>
      <div class="columns">
        <Panel title="Observers of topics" more={<Export address="/v1/topics" name="topics" lists />}>
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
        <Told answer={status}>
          {(value) => (
            <>
              <Watchers status={value} />
              <Unread unread={value.unread} />
            </>
          )}
        </Told>
      </div>
      <Panel title="Producers" more={<Export address="/v1/producers" name="producers" lists />}>
        <Told answer={producers}>
          {({ items, next_cursor: next }) =>
            items.length === 0 ? (
              <Empty>No producer of an instrumented process was seen.</Empty>
            ) : (
              <>
                <ProducerTable producers={items} />
                <Paging next={next} shown={items.length} />
              </>
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
