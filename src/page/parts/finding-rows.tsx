/** What rows of findings share: their columns beside those of their kind, and what an open row tells. */
import type { ComponentChildren } from 'preact';
import type { Redelivery } from '../../service/schemas';
import { visible } from '../logic/visible';
import { outcomeWords } from '../logic/words';
import { type Fact, Facts } from './facts';
import { GroupLead } from './lead';
import type { Column } from './table';
import { Name } from './text';
import { Because, CauseLead, type Why } from './why';

interface Placed {
  cluster: string;
  topic_id: string | null;
}

/** Behind the time: the group where there are several, the cluster where the rows are of more than one. */
export function columnsOf<Item extends Placed & { group?: string }>(
  columns: readonly Column<Item>[],
  items: readonly Item[],
  withGroup: boolean,
): readonly Column<Item>[] {
  const [when, ...rest] = columns;
  if (when === undefined) return columns;
  const groups: Column<Item>[] = withGroup
    ? [
        {
          title: 'Group',
          cell: ({ group, cluster }) =>
            group === undefined ? '–' : <GroupLead group={group} cluster={cluster} />,
        },
      ]
    : [];
  const clusters: Column<Item>[] = isOfSeveral(items) ? [clusterColumn()] : [];
  return [when, ...groups, ...clusters, ...rest];
}

/** Names of topics and groups are a cluster's own. */
export function isOfSeveral(items: readonly { cluster: string }[]): boolean {
  return new Set(items.map(({ cluster }) => cluster)).size > 1;
}

export function clusterColumn<Item extends { cluster: string }>(): Column<Item> {
  return { title: 'Cluster', cell: ({ cluster }) => <Name text={cluster} max={24} /> };
}

export function causeColumn<Item extends Omit<Why, 'because' | 'advice'>>(
  note: (item: Item) => string = () => '',
): Column<Item> {
  return {
    title: 'Cause',
    cell: (item) => (
      <>
        <CauseLead {...item} />
        {note(item) === '' ? null : <span class="note"> {note(item)}</span>}
      </>
    ),
  };
}

/** Of an open row: where it is, what else is known, and why. */
export function Opened({
  item,
  facts = [],
  children,
}: {
  item: Placed & Partial<Pick<Why, 'because' | 'advice'>>;
  facts?: readonly Fact[];
  children?: ComponentChildren;
}) {
  const { cluster, topic_id: topicId, because, advice = null } = item;
  const topic: Fact[] = topicId === null ? [] : [{ name: 'Topic id', value: <Name text={topicId} /> }];
  return (
    <>
      <Facts facts={[...facts, { name: 'Cluster', value: <Name text={cluster} /> }, ...topic]} />
      {because === undefined ? null : <Because because={because} advice={advice} />}
      {children}
    </>
  );
}

type Side = Redelivery['delivery'];

export function SideWords({ side }: { side: Side }) {
  const { client_id: client, session, host, pid, generation, outcome } = side;
  return (
    <Process of={{ client_id: client, session, host, pid }}>
      {generation === null ? '' : `, generation ${generation}`}: {outcomeWords(outcome)}
    </Process>
  );
}

/** What a handler threw. */
export function errorFacts(name: string, { error }: Side): Fact[] {
  return error === null ? [] : [{ name, value: visible(error, 1_000) }];
}

/** A consumer with its host and process, as far as they are known. */
export function Process({
  of,
  children,
}: {
  of: { client_id: string | null; session: string | null; host: string; pid: number | null };
  children?: ComponentChildren;
}) {
  const { client_id: client, session, host, pid } = of;
  const name = client ?? session;
  return (
    <>
      {name === null ? null : (
        <>
          <Name text={name} max={40} />{' '}
        </>
      )}
      <span class="note">
        <Name text={host} max={40} />
        {pid === null ? '' : `, pid ${pid}`}
        {children}
      </span>
    </>
  );
}
