/** Swim lanes in words: who had what and when, what was found, how each ended. */
import { counted } from '../logic/format';
import { type LaneLine, type Lanes, laneLines } from '../logic/lanes';
import { visible } from '../logic/visible';
import { causeShape } from '../logic/words';
import { Icon } from './cause';
import { InWords, LatestLines } from './in-words';
import { Lead } from './lead';
import type { Column } from './table';
import { Name, Time } from './text';

const COLUMNS: readonly Column<LaneLine>[] = [
  { title: 'When', cell: ({ time }) => <Time at={time} form="s" /> },
  {
    title: 'Who',
    cell: ({ who }) =>
      who === null ? (
        'the group'
      ) : (
        <>
          <Name text={who.name} max={60} />{' '}
          <span class="note">
            {visible(who.place, 60)}
            {who.isOutside ? ', seen from outside' : ''}
          </span>
        </>
      ),
  },
  {
    title: 'What',
    cell: ({ words, cause, incident }) => (
      <>
        {cause === null ? null : (
          <>
            <Icon shape={causeShape(cause)} />{' '}
          </>
        )}
        {incident === null ? (
          visible(words, 300)
        ) : (
          <Lead to={{ name: 'incident', id: incident }}>{visible(words, 300)}</Lead>
        )}
      </>
    ),
  },
];

export function LaneWords({ lanes }: { lanes: Lanes }) {
  const lines = laneLines(lanes);
  return (
    <InWords title={`In words: ${counted(lines.length, 'event')}`}>
      {() => <LatestLines label="What the lanes show" columns={COLUMNS} lines={lines} />}
    </InWords>
  );
}
