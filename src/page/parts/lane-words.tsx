/** Swim lanes in words: who had what and when, what was found, how each ended. */
import { count, counted } from '../logic/format';
import { type LaneLine, type Lanes, laneLines } from '../logic/lanes';
import { visible } from '../logic/visible';
import { causeShape } from '../logic/words';
import { Icon } from './cause';
import { InWords } from './in-words';
import { Lead } from './lead';
import { type Column, Table } from './table';
import { Name, Time } from './text';

const LINES_SHOWN = 300;

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
      {() => (
        <>
          {lines.length > LINES_SHOWN ? (
            <p class="note">
              The latest {count(LINES_SHOWN)} of them. Take a shorter time above for those before.
            </p>
          ) : null}
          <Table
            label="What the lanes show"
            columns={COLUMNS}
            items={lines.slice(-LINES_SHOWN)}
            keyOf={({ key }) => key}
          />
        </>
      )}
    </InWords>
  );
}
