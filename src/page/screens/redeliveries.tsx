/** What was delivered again, in pages by cursor, however many there are. */
import type { Redelivery } from '../../service/schemas';
import { addressOf, type Page } from '../logic/api';
import { rangeQuery } from '../logic/range';
import { causeWords } from '../logic/words';
import { Export } from '../parts/export';
import { Panel } from '../parts/facts';
import { type Choice, Filters } from '../parts/filters';
import { RedeliveryTable } from '../parts/finding-tables';
import { FindingTabs } from '../parts/finding-tabs';
import { Paging } from '../parts/paging';
import { InstrumentEmpty, Told } from '../parts/told';
import { useAnswer, useApp, useRange } from '../state';

const CAUSES = [
  'handler_error',
  'seek',
  'left_unresolved',
  'killed_before_commit',
  'session_timeout',
  'rebalance_before_commit',
  'zombie',
  'reset',
  'offsets_expired',
  'truncated',
  'out_of_range',
  'off_by_one',
  'commit_failed',
  'unknown',
];
const CHOICES: readonly Choice[] = [
  { key: 'cause', title: 'Cause', values: CAUSES.map((cause) => [cause, causeWords(cause)] as const) },
  {
    key: 'certainty',
    title: 'Sure',
    values: ['proven', 'probable', 'unknown'].map((value) => [value, value] as const),
  },
];

export function RedeliveriesScreen() {
  const { query } = useApp().place;
  const { cluster, group, topic, partition, cause, certainty, incident, cursor } = query;
  // All of an incident, also what lies before the time that is looked at.
  const range = useRange();
  const time = incident === undefined ? rangeQuery(range) : {};
  const filters = { cluster, group, topic, partition, cause, certainty, incident };
  const address = addressOf('/v1/redeliveries', { ...time, ...filters, limit: 100, cursor });
  const found = useAnswer<Page<Redelivery>>(address);
  return (
    <>
      <h1>Redeliveries</h1>
      <FindingTabs here="redeliveries" />
      <Filters choices={CHOICES} given={['cluster', 'group', 'topic', 'partition', 'incident']} />
      <Panel title="The latest first" more={<Export address={address} name="redeliveries" lists />}>
        <Told answer={found}>
          {({ items, next_cursor: next }) =>
            items.length === 0 ? (
              <InstrumentEmpty>
                None within this time and these filters. Deliveries are seen of instrumented consumers alone:
              </InstrumentEmpty>
            ) : (
              <>
                <RedeliveryTable items={items} withGroup />
                <Paging next={next} shown={items.length} />
              </>
            )
          }
        </Told>
      </Panel>
    </>
  );
}
