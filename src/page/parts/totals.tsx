/** The whole store in a row of figures. */
import type { Summary } from '../../service/schemas';
import { notCaughtWords } from '../logic/copies';
import { bytes, count, duration, percent } from '../logic/format';
import { verdictWords } from '../logic/words';
import { type Fact, Figures } from './facts';

export function Totals({ summary }: { summary: Summary }) {
  const { hits, redeliveries, duplicates_delivered: delivered, premature, skipped } = summary;
  const copies = redeliveries + delivered;
  const facts: Fact[] = [
    { name: 'Deliveries', value: count(summary.deliveries), note: `${summary.sessions} consumers live` },
    {
      name: 'Redeliveries',
      value: count(redeliveries),
      note: percent(summary.redelivery_ratio),
      tone: redeliveries > 0 ? 'busy' : undefined,
    },
    {
      name: 'Caught',
      value: count(hits),
      note: copies === 0 ? 'no copies' : notCaughtWords(summary),
    },
    {
      name: 'Duplicates',
      value: count(summary.duplicates),
      note: `of ${count(summary.observed_records)} written, ${count(summary.id_reuses)} ids reused`,
    },
    {
      name: 'May be lost',
      value: count(premature + skipped),
      note: `${count(premature)} committed early, ${count(skipped)} skipped`,
      tone: premature + skipped > 0 ? 'bad' : undefined,
    },
    {
      name: 'Exposure',
      value: count(summary.exposure_records),
      note: `records a crash now repeats, ${duration(summary.exposure_seconds)}`,
    },
    {
      name: 'Consumer lag',
      value: summary.lag_records === null ? '–' : count(summary.lag_records),
      note: summary.lag_records === null ? 'no brokers configured' : 'records',
    },
    { name: 'Verdicts', value: <Verdicts summary={summary} />, note: `store ${bytes(summary.store_bytes)}` },
  ];
  return <Figures facts={facts} />;
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
