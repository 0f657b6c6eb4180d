/** Incidents of the time that is looked at, in pages. */
import type { Incident } from '../../service/schemas';
import { addressOf, type Page } from '../logic/api';
import { rangeQuery } from '../logic/range';
import { kindWords } from '../logic/words';
import { Export } from '../parts/export';
import { Panel } from '../parts/facts';
import { type Choice, Filters } from '../parts/filters';
import { IncidentList } from '../parts/incident-list';
import { Paging } from '../parts/paging';
import { Empty, Told } from '../parts/told';
import { useAnswer, useApp, useRange } from '../state';

const KINDS = [
  'redelivery',
  'premature_commit',
  'skip',
  'stalled_commits',
  'rewind',
  'duplicate',
  'id_reuse',
];
const CHOICES: readonly Choice[] = [
  {
    key: 'state',
    title: 'State',
    values: [
      ['open', 'open'],
      ['closed', 'closed'],
    ],
  },
  { key: 'kind', title: 'Kind', values: KINDS.map((kind) => [kind, kindWords(kind)] as const) },
];

export function IncidentsScreen() {
  const { query } = useApp().place;
  const range = useRange();
  const { cluster, group, topic, kind, state, cursor } = query;
  const address = addressOf('/v1/incidents', {
    ...rangeQuery(range),
    cluster,
    group,
    topic,
    kind,
    state,
    limit: 50,
    cursor,
  });
  const incidents = useAnswer<Page<Incident>>(address);
  return (
    <>
      <h1>Incidents</h1>
      <Filters choices={CHOICES} given={['cluster', 'group', 'topic']} />
      <Panel title="The latest first" more={<Export address={address} name="incidents" lists />}>
        <Told answer={incidents}>
          {({ items, next_cursor: next }) =>
            items.length === 0 ? (
              <Empty>
                None within this time and these filters. Take a longer time above, or all of a filter.
              </Empty>
            ) : (
              <>
                <IncidentList incidents={items} />
                <Paging next={next} shown={items.length} />
              </>
            )
          }
        </Told>
      </Panel>
    </>
  );
}
