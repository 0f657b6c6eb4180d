/** Groups with their verdicts, exposure and lag. */
import type { Group } from '../../service/schemas';
import { backlog, count } from '../logic/format';
import { clusterColumn, isOfSeveral } from './finding-rows';
import { GroupLead, Lead } from './lead';
import { type Column, Table } from './table';
import { Time } from './text';
import { Verdict } from './verdict';

const COLUMNS: readonly Column<Group>[] = [
  { title: 'Group', cell: ({ group, cluster }) => <GroupLead group={group} cluster={cluster} /> },
  { title: 'Verdict', cell: ({ verdict }) => <Verdict verdict={verdict} /> },
  { title: 'Deliveries', cell: ({ deliveries }) => count(deliveries), number: true, from: 'medium' },
  { title: 'Redelivered', cell: ({ redeliveries }) => count(redeliveries), number: true },
  { title: 'Caught', cell: ({ hits }) => count(hits), number: true, from: 'medium' },
  {
    title: 'Exposure',
    cell: ({ exposure_records: records, exposure_seconds: age }) => backlog(records, age),
    number: true,
  },
  {
    title: 'Lag',
    cell: ({ lag_records: records, lag_seconds: age }) => (records === null ? '–' : backlog(records, age)),
    number: true,
  },
  { title: 'Rewinds', cell: ({ rewinds }) => count(rewinds), number: true, from: 'wide' },
  { title: 'Consumers', cell: ({ sessions }) => count(sessions), number: true, from: 'wide' },
  {
    title: 'Open',
    cell: ({ incidents_open: open, group, cluster }) =>
      open === 0 ? (
        '0'
      ) : (
        <Lead to={{ name: 'incidents' }} query={{ group, cluster, state: 'open' }}>
          {count(open)}
        </Lead>
      ),
    number: true,
    from: 'medium',
  },
  {
    title: 'Last delivery',
    cell: ({ last_delivery_at: at }) => (at === null ? '–' : <Time at={at} />),
    from: 'wide',
  },
];

export function GroupTable({ groups }: { groups: readonly Group[] }) {
  const [group, ...rest] = COLUMNS as [Column<Group>, ...Column<Group>[]];
  // Where there are several, the name alone does not tell one from another.
  const columns = isOfSeveral(groups)
    ? [group, clusterColumn<Group>(), ...rest]
    : [...COLUMNS, { ...clusterColumn<Group>(), from: 'wide' as const }];
  return (
    <Table
      label="Groups"
      columns={columns}
      items={groups}
      keyOf={({ cluster, group }) => JSON.stringify([cluster, group])}
    />
  );
}
