/** The whole store in a row of figures: all that was ever counted, and how things stand now. Each leads to its list. */
import type { ComponentChildren } from 'preact';
import type { Summary } from '../../service/schemas';
import { notCaughtWords } from '../logic/copies';
import { bytes, count, counted, duration, percent } from '../logic/format';
import type { Screen } from '../logic/place';
import { verdictWords } from '../logic/words';
import { useApp } from '../state';
import { type Fact, Figures } from './facts';
import { Lead } from './lead';

export function Totals({ summary }: { summary: Summary }) {
  return (
    <section class="totals" aria-labelledby="totals">
      <p id="totals" class="note">
        In all since counting began, and how things stand now; not of the time above
      </p>
      <Figures facts={factsOf(summary)} />
    </section>
  );
}

const GROUPS = { screen: { name: 'groups' }, query: { order: 'worst' } } as const;

function factsOf(summary: Summary): Fact[] {
  const { hits, redeliveries, duplicates_delivered: delivered, premature, skipped } = summary;
  const copies = redeliveries + delivered;
  return [
    {
      name: 'Deliveries',
      value: <Figure of={summary.deliveries} screen={{ name: 'groups' }} />,
      note: `${counted(summary.sessions, 'consumer')} live`,
    },
    {
      name: 'Redeliveries',
      value: <Figure of={redeliveries} screen={{ name: 'redeliveries' }} />,
      note: percent(summary.redelivery_ratio),
      tone: redeliveries > 0 ? 'busy' : undefined,
    },
    {
      name: 'Caught',
      value: <Figure of={hits} screen={{ name: 'findings', list: 'hits' }} />,
      note: copies === 0 ? 'no copies' : notCaughtWords(summary),
    },
    {
      name: 'Duplicates',
      value: <Figure of={summary.duplicates} screen={{ name: 'findings', list: 'duplicates' }} />,
      note: `of ${count(summary.observed_records)} written, ${counted(summary.id_reuses, 'id')} reused`,
    },
    {
      name: 'May be lost',
      value: count(premature + skipped),
      note: (
        <>
          <Kept screen={{ name: 'findings', list: 'premature-commits' }}>
            {count(premature)} committed early
          </Kept>
          , <Kept screen={{ name: 'findings', list: 'skips' }}>{count(skipped)} skipped</Kept>
        </>
      ),
      tone: premature + skipped > 0 ? 'bad' : undefined,
    },
    {
      name: 'Exposure',
      value: <Figure of={summary.exposure_records} {...GROUPS} />,
      note: `records a crash now repeats, ${duration(summary.exposure_seconds)}`,
    },
    {
      name: 'Consumer lag',
      value: summary.lag_records === null ? '–' : <Figure of={summary.lag_records} {...GROUPS} />,
      note: lagNote(summary),
    },
    {
      name: 'Verdicts',
      value: <Verdicts summary={summary} />,
      note: <Kept screen={{ name: 'health' }}>store {bytes(summary.store_bytes)}</Kept>,
    },
  ];
}

function lagNote({ lag_records: records, lag_seconds: seconds }: Summary): string {
  if (records === null) return 'no brokers configured';
  return seconds === null ? 'records' : `records, ${duration(seconds)}`;
}

interface Target {
  screen: Screen;
  query?: Record<string, string>;
}

function Figure({ of, ...target }: Target & { of: number }) {
  return <Kept {...target}>{count(of)}</Kept>;
}

const USUAL_DAYS = 30;

/** To all of it that is kept: the totals are of no time, and a list of the last hour would be another number. */
function Kept({ screen, query = {}, children }: Target & { children: ComponentChildren }) {
  const { status } = useApp();
  const days = Math.max(1, Math.ceil(status?.retention?.days ?? USUAL_DAYS));
  return (
    <Lead to={screen} query={{ since: `${days}d`, until: '', ...query }}>
      {children}
    </Lead>
  );
}

function Verdicts({ summary }: { summary: Summary }) {
  const known = Object.entries(summary.verdicts).filter(([, groups]) => groups > 0);
  if (known.length === 0) return <>–</>;
  return (
    <ul class="verdicts">
      {known.map(([verdict, groups]) => (
        <li key={verdict}>
          {count(groups)} {verdictWords(verdict)}
        </li>
      ))}
    </ul>
  );
}
