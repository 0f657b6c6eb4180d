/** What may be lost, or is at risk: premature commits, skipped records, stalled commits. */
import type { PrematureCommit, Skip, StalledCommit } from '../../service/schemas';
import { counted, duration } from '../logic/format';
import { outcomeWords } from '../logic/words';
import { causeColumn, columnsOf, Opened, Process } from './finding-rows';
import { Offsets } from './lead';
import { type Column, Table } from './table';
import { Name, Time } from './text';

type Loss = PrematureCommit | Skip | StalledCommit;

/** A stall stands where it began: so its list is in order. */
const LOSSES: readonly Column<Loss>[] = [
  { title: 'When', cell: (loss) => <Time at={'at' in loss ? loss.at : loss.since} /> },
  {
    title: 'Records',
    cell: (loss) =>
      'first_offset' in loss ? (
        <Offsets of={loss} first={loss.first_offset} last={loss.last_offset} />
      ) : (
        <>
          <Name text={loss.topic} max={40} />/{loss.partition}
        </>
      ),
  },
  { title: 'How many', cell: ({ records }) => counted(records, 'record'), number: true },
  { title: 'What', cell: (loss) => <What loss={loss} /> },
  causeColumn(),
  {
    title: 'By',
    cell: (loss) => ('host' in loss ? <Process of={loss} /> : <span class="note">not told</span>),
    from: 'medium',
  },
];

function What({ loss }: { loss: Loss }) {
  if ('delivered_later' in loss) {
    return (
      <>
        {outcomeWords(loss.outcome)}; {loss.delivered_later ? 'delivered later' : 'not delivered since'}
      </>
    );
  }
  if (!('going_on' in loss)) return <>never delivered</>;
  // From outside it is seen that records wait and nothing is committed; not whether anything is handled.
  const what = loss.seen_by === 'watcher' ? 'records wait, nothing committed' : 'handled, nothing committed';
  return (
    <>
      {what} for {duration(loss.seconds)} <Ending stall={loss} />
    </>
  );
}

function Ending({ stall }: { stall: StalledCommit }) {
  if (stall.going_on) {
    return (
      <>
        <span class="tag tag-bad">goes on</span>{' '}
        <span class="note">
          seen <Time at={stall.seen_at} />
        </span>
      </>
    );
  }
  return (
    <span class="note">
      {stall.ended_at === null ? 'seen last' : 'until'} <Time at={stall.ended_at ?? stall.seen_at} />
    </span>
  );
}

export function LossTable({ items, withGroup }: { items: readonly Loss[]; withGroup: boolean }) {
  return (
    <Table
      label="What may be lost"
      columns={columnsOf(LOSSES, items, withGroup)}
      items={items}
      keyOf={({ id }) => id}
      more={(item) => <Opened item={item} />}
    />
  );
}
