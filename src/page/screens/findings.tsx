/** Every finding of one kind, in pages by cursor, however many there are. Redeliveries have a screen of their own. */
import type { ComponentChildren } from 'preact';
import type { Duplicate, Hit, PrematureCommit, Rewind, Skip, StalledCommit } from '../../service/schemas';
import { addressOf, type Page } from '../logic/api';
import type { FindingList } from '../logic/place';
import { rangeQuery } from '../logic/range';
import { Export } from '../parts/export';
import { Panel } from '../parts/facts';
import { Filters } from '../parts/filters';
import { DuplicateTable, HitTable, LossTable, RewindTable } from '../parts/finding-tables';
import { FindingTabs } from '../parts/finding-tabs';
import { Paging } from '../parts/paging';
import { Empty, Told } from '../parts/told';
import { useAnswer, useApp, useRange } from '../state';

interface Kind {
  title: string;
  /** How its rows are ordered. */
  order?: string;
  table: (items: readonly never[]) => ComponentChildren;
  /** Hits stand in no incident; a copy in the log is nobody's. */
  filters: readonly string[];
}

const PLACE = ['cluster', 'topic', 'partition'];
const KINDS: Readonly<Record<FindingList, Kind>> = {
  rewinds: {
    title: 'Rewinds of committed offsets',
    table: (items: readonly Rewind[]) => <RewindTable items={items} withGroup />,
    filters: [...PLACE, 'group', 'incident', 'cause', 'certainty'],
  },
  duplicates: {
    title: 'Written more than once',
    table: (items: readonly Duplicate[]) => <DuplicateTable items={items} />,
    filters: [...PLACE, 'incident', 'kind', 'cause', 'certainty'],
  },
  'premature-commits': {
    title: 'Committed before they were handled',
    table: (items: readonly PrematureCommit[]) => <LossTable items={items} withGroup />,
    filters: [...PLACE, 'group', 'incident'],
  },
  skips: {
    title: 'Committed and never delivered',
    table: (items: readonly Skip[]) => <LossTable items={items} withGroup />,
    filters: [...PLACE, 'group', 'incident'],
  },
  'stalled-commits': {
    title: 'Handled with nothing committed',
    order: 'The latest begun first',
    table: (items: readonly StalledCommit[]) => <LossTable items={items} withGroup />,
    filters: [...PLACE, 'group', 'incident'],
  },
  hits: {
    title: "Caught by consumers' own checks",
    table: (items: readonly Hit[]) => <HitTable items={items} />,
    filters: [...PLACE, 'group'],
  },
};

export function FindingsScreen({ list }: { list: FindingList }) {
  const { query } = useApp().place;
  const { title, order = 'The latest first', table, filters } = KINDS[list];
  // All of an incident, also what lies before the time that is looked at.
  const range = useRange();
  const isOfIncident = query.incident !== undefined && filters.includes('incident');
  const given = Object.fromEntries(filters.map((key) => [key, query[key]]));
  const address = addressOf(`/v1/${list}`, {
    ...(isOfIncident ? {} : rangeQuery(range)),
    ...given,
    limit: 100,
    cursor: query.cursor,
  });
  const found = useAnswer<Page<never>>(address);
  return (
    <>
      <h1>{title}</h1>
      <FindingTabs here={list} />
      <Filters choices={[]} given={filters} />
      <Panel title={order} more={<Export address={address} name={list} lists />}>
        <Told answer={found}>
          {({ items, next_cursor: next }) =>
            items.length === 0 ? (
              <Empty>
                None within this time and these filters. Take a longer time above to look further back.
              </Empty>
            ) : (
              <>
                {table(items)}
                <Paging next={next} shown={items.length} />
              </>
            )
          }
        </Told>
      </Panel>
    </>
  );
}
