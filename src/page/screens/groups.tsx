/** All groups, in pages. */
import type { Group } from '../../service/schemas';
import { addressOf, type Page } from '../logic/api';
import { Export } from '../parts/export';
import { Panel } from '../parts/facts';
import { type Choice, Filters } from '../parts/filters';
import { GroupTable } from '../parts/group-table';
import { Paging } from '../parts/paging';
import { Empty, InstrumentEmpty, Told, WATCH_LINE } from '../parts/told';
import { useAnswer, useApp } from '../state';

const ORDER: Choice = {
  key: 'order',
  title: 'Order',
  usual: 'by name',
  values: [['worst', 'the worst first']],
};

export function GroupsScreen() {
  const { group, cluster, order, cursor } = useApp().place.query;
  const address = addressOf('/v1/groups', { group, cluster, order, limit: 100, cursor });
  const groups = useAnswer<Page<Group>>(address);
  return (
    <>
      <h1>Groups</h1>
      <Filters choices={[ORDER]} given={['group', 'cluster']} />
      <Panel title="What each group got" more={<Export address={address} name="groups" lists />}>
        <Told answer={groups}>
          {({ items, next_cursor: next }) =>
            items.length === 0 ? (
              <>
                <InstrumentEmpty>
                  {group === undefined && cluster === undefined
                    ? 'No group is known yet. To see deliveries, start a consumer with:'
                    : 'No group of that name is known there. To see deliveries, start a consumer with:'}
                </InstrumentEmpty>
                <Empty line={WATCH_LINE}>To see every group's lag and rewinds from outside:</Empty>
              </>
            ) : (
              <>
                <GroupTable groups={items} />
                <Paging next={next} shown={items.length} />
              </>
            )
          }
        </Told>
      </Panel>
    </>
  );
}
