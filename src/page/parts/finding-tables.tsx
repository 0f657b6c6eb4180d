/** Findings in rows: redeliveries, duplicates, rewinds, hits. Each can be opened: why, and what has no room in it. */
import type { Duplicate, Hit, Redelivery, Rewind } from '../../service/schemas';
import { counted, duration } from '../logic/format';
import { writerWords } from '../logic/life';
import { Cause, Kind } from './cause';
import { causeColumn, columnsOf, errorFacts, Opened, Process, SideWords } from './finding-rows';
import { Lead, Offset, Offsets } from './lead';
import { type Column, Table } from './table';
import { Name, Time } from './text';

export { LossTable } from './loss-table';

const REDELIVERIES: readonly Column<Redelivery>[] = [
  { title: 'When', cell: ({ at }) => <Time at={at} /> },
  {
    title: 'Records',
    cell: (item) => <Offsets of={item} first={item.first_offset} last={item.last_offset} />,
  },
  {
    title: 'How many',
    cell: ({ records }) => counted(records, 'record'),
    number: true,
    from: 'medium',
  },
  { title: 'Attempt', cell: ({ attempt }) => attempt, number: true, from: 'medium' },
  causeColumn(({ certain }) => (certain ? '' : 'perhaps')),
  { title: 'Delivered to', cell: ({ delivery }) => <SideWords side={delivery} />, from: 'medium' },
  { title: 'Before that to', cell: ({ previous }) => <SideWords side={previous} />, from: 'wide' },
  { title: 'After', cell: ({ gap_seconds: gap }) => duration(Math.max(0, gap)), number: true, from: 'wide' },
];

interface InGroups<Item> {
  items: readonly Item[];
  /** They are of more than one. */
  withGroup: boolean;
}

export function RedeliveryTable({ items, withGroup }: InGroups<Redelivery>) {
  return (
    <Table
      label="Redeliveries"
      columns={columnsOf(REDELIVERIES, items, withGroup)}
      items={items}
      keyOf={({ id }) => id}
      more={(item) => (
        <Opened
          item={item}
          facts={[...errorFacts('Error', item.delivery), ...errorFacts('Error before', item.previous)]}
        />
      )}
    />
  );
}

const DUPLICATES: readonly Column<Duplicate>[] = [
  { title: 'Found', cell: ({ found_at: at }) => <Time at={at} /> },
  {
    title: 'Message',
    cell: ({ identity, identity_hash: hash }) => (
      <Lead to={{ name: 'identity', id: identity ?? hash }}>
        <Name text={identity ?? hash} max={48} />
      </Lead>
    ),
  },
  { title: 'Kind', cell: ({ kind }) => <Kind kind={kind} />, from: 'medium' },
  { title: 'Stands at', cell: (item) => <Offsets of={item} first={item.offset} /> },
  {
    title: 'And at',
    cell: (item) => (
      <Offsets of={{ ...item, partition: item.previous.partition }} first={item.previous.offset} />
    ),
    from: 'medium',
  },
  { title: 'Copies', cell: ({ copies }) => counted(copies, 'copy', 'copies'), number: true, from: 'wide' },
  { title: 'After', cell: ({ delay_seconds: delay }) => duration(delay), number: true },
  causeColumn(),
];

export function DuplicateTable({ items }: { items: readonly Duplicate[] }) {
  return (
    <Table
      label="Duplicates"
      columns={columnsOf(DUPLICATES, items, false)}
      items={items}
      keyOf={({ id }) => id}
      more={(item) => (
        <Opened
          item={item}
          facts={[
            { name: 'Written', value: <Time at={item.at} form="ms" />, note: writerWords(item.producer) },
            {
              name: 'The one before',
              value: <Time at={item.previous.at} form="ms" />,
              note: writerWords(item.previous_producer),
            },
            { name: 'Identity from', value: <Name text={item.identity_source} max={80} /> },
          ]}
        />
      )}
    />
  );
}

const REWINDS: readonly Column<Rewind>[] = [
  { title: 'When', cell: ({ at }) => <Time at={at} /> },
  { title: 'Partition', cell: (item) => <Offsets of={item} first={Math.max(0, item.to_offset)} /> },
  {
    title: 'From, to',
    cell: ({ from_offset: from, to_offset: to }) => (
      <>
        <Offset at={from} /> → <Offset at={to} />
      </>
    ),
    number: true,
    from: 'medium',
  },
  { title: 'Records', cell: ({ records }) => counted(records, 'record'), number: true },
  {
    title: 'Delivered again',
    cell: ({ redelivered }) => (redelivered === null ? 'not known' : counted(redelivered, 'record')),
    number: true,
    from: 'medium',
  },
  causeColumn(),
  {
    title: 'Recovered after',
    cell: ({ recovered_seconds: after }) => (after === null ? '–' : duration(after)),
    number: true,
    from: 'wide',
  },
];

export function RewindTable({ items, withGroup }: InGroups<Rewind>) {
  return (
    <Table
      label="Rewinds"
      columns={columnsOf(REWINDS, items, withGroup)}
      items={items}
      keyOf={({ id }) => id}
      more={(item) => (
        <Opened
          item={item}
          facts={[
            ...(item.host === null
              ? []
              : [{ name: 'By', value: <Process of={{ ...item, host: item.host, session: null }} /> }]),
            { name: 'Seen by', value: item.seen_by.map((by) => SEEN_BY[by]).join(', ') },
          ]}
        />
      )}
    />
  );
}

const SEEN_BY = { watcher: 'the watcher, from outside', consumer: 'the consumer itself' } as const;

const HITS: readonly Column<Hit>[] = [
  { title: 'When', cell: ({ at }) => <Time at={at} /> },
  {
    title: 'Records',
    cell: (item) => <Offsets of={item} first={item.first_offset} last={item.last_offset} />,
  },
  { title: 'How many', cell: ({ records }) => counted(records, 'record'), number: true },
  {
    title: 'Caught',
    cell: ({ caught, cause }) => (
      <>
        {caught === 'redelivery' ? 'delivered again' : 'written twice'}
        {cause === null ? null : (
          <>
            {': '}
            <Cause cause={cause} />
          </>
        )}
      </>
    ),
  },
  {
    title: 'After',
    cell: ({ age_seconds: age }) => (age === null ? '–' : duration(age)),
    number: true,
    from: 'medium',
  },
  {
    title: 'Remembers for',
    cell: ({ window_seconds: window }) => (window === null ? 'not told' : duration(window)),
    number: true,
    from: 'wide',
  },
  { title: 'By', cell: (item) => <Process of={item} />, from: 'medium' },
];

export function HitTable({ items }: { items: readonly Hit[] }) {
  return (
    <Table
      label="Hits"
      columns={columnsOf(HITS, items, true)}
      items={items}
      keyOf={({ session, topic, partition, first_offset, at }) =>
        JSON.stringify([session, topic, partition, first_offset, at])
      }
      more={(item) => (
        <Opened
          item={item}
          facts={
            item.first_copy === null
              ? []
              : [
                  {
                    name: 'First copy',
                    value: (
                      <Offsets
                        of={{ ...item, partition: item.first_copy.partition }}
                        first={item.first_copy.offset}
                      />
                    ),
                  },
                ]
          }
        />
      )}
    />
  );
}
