/** Who reads: instrumented sessions with their settings, and members as seen from outside. */
import type { GroupDetail, Session } from '../../service/schemas';
import { addressOf, type Page, part } from '../logic/api';
import { count, duration } from '../logic/format';
import { visible } from '../logic/visible';
import { endingWords } from '../logic/words';
import { useAnswer, useApp } from '../state';
import { Export } from './export';
import { Panel } from './facts';
import { Paging } from './paging';
import { type Column, Table } from './table';
import { Name, Time } from './text';
import { Empty, Told } from './told';

const SHOWN = 50;

const COLUMNS: readonly Column<Session>[] = [
  {
    title: 'Consumer',
    cell: ({ client_id: client, session }) => <Name text={client ?? session} max={48} />,
  },
  {
    title: 'Host',
    cell: ({ host, pid }) => (
      <>
        <Name text={host} max={40} />, pid {pid}
      </>
    ),
  },
  { title: 'Began', cell: ({ started_at: at }) => <Time at={at} /> },
  { title: 'Ended', cell: endWords },
  { title: 'Session time-out', cell: timeoutWords, number: true, from: 'medium' },
  { title: 'Handler', cell: ({ settings }) => settings.handler ?? '–', from: 'wide' },
  { title: 'Commits', cell: commitWords, from: 'wide' },
];

/** All that ever were, in pages. */
function Sessions({ group }: { group: GroupDetail }) {
  const { cursor } = useApp().place.query;
  const address = addressOf(`/v1/groups/${part(group.group)}/sessions`, {
    ...{ cluster: group.cluster, limit: SHOWN, cursor },
  });
  const sessions = useAnswer<Page<Session>>(address);
  return (
    <Panel
      title={`Sessions (${count(group.sessions_total)} in all)`}
      more={<Export address={address} name="sessions" lists />}
    >
      <Told answer={sessions}>
        {({ items, next_cursor: next }) =>
          items.length === 0 ? (
            <Empty>None is kept any more.</Empty>
          ) : (
            <>
              <Table label="Sessions" items={items} keyOf={({ session }) => session} columns={COLUMNS} />
              <Paging next={next} shown={items.length} />
            </>
          )
        }
      </Told>
    </Panel>
  );
}

export function MemberTable({ group }: { group: GroupDetail }) {
  const { watched } = group;
  return (
    <>
      {group.sessions_total === 0 ? null : <Sessions group={group} />}
      {watched === null || watched.members.length === 0 ? null : (
        <Panel title={`Members as seen from outside, generation ${watched.generation ?? 'not known'}`}>
          <Table
            label="Members"
            items={watched.members}
            keyOf={({ member_id: id }) => id}
            columns={[
              { title: 'Client', cell: ({ client_id: client }) => <Name text={client} max={48} /> },
              { title: 'Host', cell: ({ host }) => <Name text={host} max={40} /> },
              {
                title: 'Reads',
                cell: ({ assignment }) =>
                  assignment === null
                    ? 'not known'
                    : visible(
                        assignment
                          .map(({ topic, partitions }) => `${topic} ${partitions.join(', ')}`)
                          .join('; ') || 'nothing',
                        200,
                      ),
              },
              { title: 'Member id', cell: ({ member_id: id }) => <Name text={id} max={60} />, from: 'wide' },
            ]}
          />
        </Panel>
      )}
    </>
  );
}

function endWords({ ended_at: at, ended_how: how, ended_error: error }: Session) {
  if (at === null) return 'lives';
  return (
    <>
      {endingWords(how)} <Time at={at} />
      {error === null ? null : <span class="note"> {visible(error, 200)}</span>}
    </>
  );
}

function timeoutWords({ settings: { session_timeout_ms: ms } }: Session): string {
  return ms === null ? '–' : duration(ms / 1000);
}

function commitWords({ settings }: Session): string {
  if (settings.auto_commit === false) return 'by the application';
  const { auto_commit_interval_ms: ms, auto_commit_threshold: records } = settings;
  const when = [
    ms === null ? '' : `each ${duration(ms / 1000)}`,
    records === null ? '' : `each ${count(records)} records`,
  ].filter((text) => text !== '');
  return when.length === 0 ? 'after each batch' : when.join(' or ');
}
