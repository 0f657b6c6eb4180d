/** A group's partitions; choosing one shows its positions. */
import type { GroupDetail } from '../../service/schemas';
import { backlog, count } from '../logic/format';
import { useChange } from '../state';
import { Offset } from './offset';
import { Table } from './table';
import { Name } from './text';

type Partition = GroupDetail['partitions_detail'][number];

const SHOWN = 200;

export function PartitionTable({
  partitions,
  chosen,
}: {
  partitions: readonly Partition[];
  chosen: { topic: string; partition: number } | null;
}) {
  const change = useChange();
  const isChosen = ({ topic, partition }: Partition) =>
    chosen?.topic === topic && chosen.partition === partition;
  return (
    <>
      <Table
        label="Partitions"
        items={partitions.slice(0, SHOWN)}
        keyOf={({ topic, topic_id, partition }) => JSON.stringify([topic, topic_id, partition])}
        columns={[
          {
            title: 'Partition',
            cell: (one) => (
              <button
                type="button"
                class="choose"
                aria-pressed={isChosen(one)}
                onClick={() => change({ topic: one.topic, partition: String(one.partition) }, true)}
              >
                <Name text={one.topic} max={40} />/{one.partition}
              </button>
            ),
          },
          {
            title: 'Committed',
            cell: ({ committed_offset: at }) => (at === null ? '–' : <Offset at={at} />),
            number: true,
          },
          {
            title: 'Exposure',
            cell: ({ exposure_records: records, exposure_seconds: age }) => backlog(records, age),
            number: true,
          },
          {
            title: 'Lag',
            cell: ({ lag_records: records, lag_seconds: age }) =>
              records === null ? '–' : backlog(records, age),
            number: true,
          },
          { title: 'Redelivered', cell: ({ redeliveries }) => count(redeliveries), number: true },
          {
            title: 'Read by',
            cell: ({ owner }) =>
              owner === null ? '–' : <Name text={owner.client_id ?? owner.host} max={30} />,
            from: 'wide',
          },
        ]}
      />
      {partitions.length > SHOWN ? (
        <p class="note">{count(partitions.length - SHOWN)} more in the JSON export.</p>
      ) : null}
    </>
  );
}
