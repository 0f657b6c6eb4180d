/** What came again to a partition and where its commits went back, as a list: each leads to its records and incident. */
import type { PartitionPositions } from '../../service/schemas';
import { counted } from '../logic/format';
import type { PositionData } from '../logic/positions';
import { Cause } from './cause';
import { InWords, LatestLines } from './in-words';
import { Lead, Offsets } from './lead';
import { Offset } from './offset';
import type { Column } from './table';
import { Time } from './text';

interface Line {
  key: string;
  /** Unix seconds. */
  at: number;
  isRewind: boolean;
  first: number;
  last: number;
  cause: string;
  incident: number | null;
}

function linesOf({ redeliveries, rewinds }: PositionData): Line[] {
  return [
    ...redeliveries.map(({ id, from: at, first, last, cause, incident }) => ({
      ...{ key: `again ${id}`, at, isRewind: false, first, last, cause, incident },
    })),
    ...rewinds.map(({ id, at, from, to, cause, incident }) => ({
      ...{ key: `rewind ${id}`, at, isRewind: true, first: to, last: from, cause, incident },
    })),
  ].sort((a, b) => a.at - b.at);
}

type Place = Pick<PartitionPositions, 'cluster' | 'topic' | 'topic_id' | 'partition'>;

function columnsOf(place: Place): readonly Column<Line>[] {
  return [
    { title: 'When', cell: ({ at }) => <Time at={new Date(at * 1000).toISOString()} form="s" /> },
    { title: 'What', cell: ({ isRewind }) => (isRewind ? 'rewind' : 'delivered again') },
    {
      title: 'Offsets',
      cell: ({ isRewind, first, last }) =>
        isRewind ? (
          <>
            <Offset at={last} /> → <Offset at={first} />
          </>
        ) : (
          <Offsets of={place} first={first} last={last} />
        ),
    },
    { title: 'Cause', cell: ({ cause }) => <Cause cause={cause} /> },
    {
      title: 'Incident',
      cell: ({ incident }) =>
        incident === null ? '–' : <Lead to={{ name: 'incident', id: incident }}>#{incident}</Lead>,
    },
  ];
}

export function PositionWords({ data, place }: { data: PositionData; place: Place }) {
  const { redeliveries, rewinds } = data;
  if (redeliveries.length + rewinds.length === 0) return null;
  const words = `${counted(redeliveries.length, 'stretch', 'stretches')} delivered again, ${counted(rewinds.length, 'rewind')}`;
  return (
    <InWords title={`In words: ${words}`}>
      {() => <LatestLines label="What came again" columns={columnsOf(place)} lines={linesOf(data)} />}
    </InWords>
  );
}
