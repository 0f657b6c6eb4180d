/** All groups, in pages. */
import type { Group } from '../../service/schemas';
import { addressOf, type Page } from '../logic/api';
import { Export } from '../parts/export';
import { Panel } from '../parts/facts';
import { GroupTable } from '../parts/group-table';
import { Paging } from '../parts/paging';
import { Empty, INSTRUMENT_LINE, Told, WATCH_LINE } from '../parts/told';
import { useAnswer, useApp } from '../state';

export function GroupsScreen() {
  const { cursor } = useApp().place.query;
  const address = addressOf('/v1/groups', { limit: 100, cursor });
  const groups = useAnswer<Page<Group>>(address);
  return (
    <>
      <h1>Groups</h1>
      <Panel title="What each group got" more={<Export address={address} name="groups" lists />}>
        <Told answer={groups}>
          {({ items, next_cursor: next }) =>
            items.length === 0 ? (
              <>
                <Empty line={INSTRUMENT_LINE}>
                  No group is known yet. To see deliveries, start a consumer with:
                </Empty>
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
