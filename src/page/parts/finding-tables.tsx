/** Findings in rows: redeliveries, duplicates, rewinds, and what may be lost. */
import type {
  Duplicate,
  Hit,
  PrematureCommit,
  Redelivery,
  Rewind,
  Skip,
  StalledCommit,
} from '../../service/schemas';
import { count, duration } from '../logic/format';
import { outcomeWords } from '../logic/words';
import { Cause, Kind } from './cause';
import { GroupLead, Lead, Offsets } from './lead';
import { type Column, Table } from './table';
import { Name, Time } from './text';

type Side = Redelivery['delivery'];

function SideWords({ side }: { side: Side }) {
  return (
    <>
      <Name text={side.client_id ?? side.session} max={40} />{' '}
      <span class="note">
        <Name text={side.host} max={40} />, pid {side.pid}
        {side.generation === null ? '' : `, generation ${side.generation}`}: {outcomeWords(side.outcome)}
      </span>
    </>
  );
}

const REDELIVERIES: readonly Column<Redelivery>[] = [
  { title: 'When', cell: ({ at }) => <Time at={at} /> },
  {
    title: 'Records',
    cell: ({ topic, partition, first_offset: first, last_offset: last }) => (
      <Offsets topic={topic} partition={partition} first={first} last={last} />
    ),
  },
  { title: 'How many', cell: ({ records }) => count(records), number: true, from: 'medium' },
  { title: 'Attempt', cell: ({ attempt }) => attempt, number: true, from: 'medium' },
  {
    title: 'Cause',
    cell: ({ cause, certainty, certain }) => (
      <>
        <Cause cause={cause} certainty={certainty} />
        {certain ? null : <span class="note"> perhaps</span>}
      </>
    ),
  },
  { title: 'Delivered to', cell: ({ delivery }) => <SideWords side={delivery} />, from: 'medium' },
  { title: 'Before that to', cell: ({ previous }) => <SideWords side={previous} />, from: 'wide' },
  { title: 'After', cell: ({ gap_seconds: gap }) => duration(Math.max(0, gap)), number: true, from: 'wide' },
];

/** Behind the time. */
function grouped<Item extends { group: string; cluster: string }>(
  columns: readonly Column<Item>[],
  withGroup: boolean,
): readonly Column<Item>[] {
  const [when, ...rest] = columns;
  if (!withGroup || when === undefined) return columns;
  const column: Column<Item> = {
    title: 'Group',
    cell: ({ group, cluster }) => <GroupLead group={group} cluster={cluster} />,
  };
  return [when, column, ...rest];
}

interface InGroups<Item> {
  items: readonly Item[];
  /** They are of more than one. */
  withGroup: boolean;
}

export function RedeliveryTable({ items, withGroup }: InGroups<Redelivery>) {
  const columns = grouped(REDELIVERIES, withGroup);
  return <Table label="Redeliveries" columns={columns} items={items} keyOf={({ id }) => id} />;
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
  {
    title: 'Stands at',
    cell: ({ topic, partition, offset }) => <Offsets topic={topic} partition={partition} first={offset} />,
  },
  {
    title: 'And at',
    cell: ({ topic, previous }) => (
      <Offsets topic={topic} partition={previous.partition} first={previous.offset} />
    ),
    from: 'medium',
  },
  { title: 'Copies', cell: ({ copies }) => copies, number: true, from: 'wide' },
  { title: 'After', cell: ({ delay_seconds: delay }) => duration(delay), number: true },
  { title: 'Cause', cell: ({ cause, certainty }) => <Cause cause={cause} certainty={certainty} /> },
];

export function DuplicateTable({ items }: { items: readonly Duplicate[] }) {
  return <Table label="Duplicates" columns={DUPLICATES} items={items} keyOf={({ id }) => id} />;
}

const REWINDS: readonly Column<Rewind>[] = [
  { title: 'When', cell: ({ at }) => <Time at={at} /> },
  {
    title: 'Partition',
    cell: ({ topic, partition, to_offset: to }) => (
      <Offsets topic={topic} partition={partition} first={Math.max(0, to)} />
    ),
  },
  {
    title: 'From, to',
    cell: ({ from_offset: from, to_offset: to }) => `${from} → ${to}`,
    number: true,
    from: 'medium',
  },
  { title: 'Records', cell: ({ records }) => count(records), number: true },
  {
    title: 'Delivered again',
    cell: ({ redelivered }) => (redelivered === null ? 'not known' : count(redelivered)),
    number: true,
    from: 'medium',
  },
  { title: 'Cause', cell: ({ cause, certainty }) => <Cause cause={cause} certainty={certainty} /> },
  {
    title: 'Recovered after',
    cell: ({ recovered_seconds: after }) => (after === null ? '–' : duration(after)),
    number: true,
    from: 'wide',
  },
];

export function RewindTable({ items, withGroup }: InGroups<Rewind>) {
  const columns = grouped(REWINDS, withGroup);
  return <Table label="Rewinds" columns={columns} items={items} keyOf={({ id }) => id} />;
}

type Loss = PrematureCommit | Skip | StalledCommit;

const LOSSES: readonly Column<Loss>[] = [
  { title: 'When', cell: (loss) => <Time at={'at' in loss ? loss.at : loss.seen_at} /> },
  {
    title: 'Records',
    cell: (loss) =>
      'first_offset' in loss ? (
        <Offsets
          topic={loss.topic}
          partition={loss.partition}
          first={loss.first_offset}
          last={loss.last_offset}
        />
      ) : (
        <>
          <Name text={loss.topic} max={40} />/{loss.partition}
        </>
      ),
  },
  { title: 'How many', cell: ({ records }) => count(records), number: true },
  { title: 'What', cell: lossWords },
];

function lossWords(loss: Loss): string {
  if ('delivered_later' in loss) {
    return `${outcomeWords(loss.outcome)}; ${loss.delivered_later ? 'delivered later' : 'not delivered since'}`;
  }
  if ('cause' in loss) return `never delivered: ${loss.cause}`;
  return `handled, nothing committed for ${duration(loss.seconds)}`;
}

export function LossTable({ items, withGroup }: InGroups<Loss>) {
  const columns = grouped(LOSSES, withGroup);
  return <Table label="What may be lost" columns={columns} items={items} keyOf={({ id }) => id} />;
}

const HITS: readonly Column<Hit>[] = [
  { title: 'When', cell: ({ at }) => <Time at={at} /> },
  {
    title: 'Records',
    cell: ({ topic, partition, first_offset: first, last_offset: last }) => (
      <Offsets topic={topic} partition={partition} first={first} last={last} />
    ),
  },
  { title: 'How many', cell: ({ records }) => count(records), number: true },
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
  {
    title: 'By',
    cell: ({ client_id: client, session, host, pid }) => (
      <>
        <Name text={client ?? session} max={40} />{' '}
        <span class="note">
          <Name text={host} max={40} />, pid {pid}
        </span>
      </>
    ),
    from: 'medium',
  },
];

export function HitTable({ items }: { items: readonly Hit[] }) {
  return (
    <Table
      label="Hits"
      columns={grouped(HITS, true)}
      items={items}
      keyOf={({ session, topic, partition, first_offset, at }) =>
        JSON.stringify([session, topic, partition, first_offset, at])
      }
    />
  );
}
