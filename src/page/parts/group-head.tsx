/** A group in figures: what it promises so far, its totals, and how it stands now. */
import type { GroupDetail } from '../../service/schemas';
import { notCaughtWords } from '../logic/copies';
import { count, counted, duration, percent } from '../logic/format';
import { Elsewhere } from './elsewhere';
import { Export } from './export';
import { Figures } from './facts';
import { Time } from './text';
import { Verdict } from './verdict';

export function GroupHead({ group, address }: { group: GroupDetail; address: string }) {
  const { exposure_history: history } = group;
  return (
    <>
      <p class="title">
        <Verdict verdict={group.verdict} />
        <span class="note">{group.verdict_words}</span>
        <Elsewhere values={{ group: group.group, cluster: group.cluster }} />
        <Export address={address} name="group" lists={false} />
      </p>
      <p class="note">
        {stateWords(group)} Counts are of all time since the group was first seen; exposure, lag and members
        are those of now.
      </p>
      <Figures
        facts={[
          { name: 'Deliveries', value: count(group.deliveries), note: `${count(group.failed)} failed` },
          {
            name: 'Redelivered',
            value: count(group.redeliveries),
            note: percent(group.redelivery_ratio),
            tone: group.redeliveries > 0 ? 'busy' : undefined,
          },
          { name: 'Caught', value: count(group.hits), note: notCaughtWords(group) },
          {
            name: 'May be lost',
            value: count(group.premature + group.skipped),
            note: `${count(group.premature)} committed early, ${count(group.skipped)} skipped`,
            tone: group.premature + group.skipped > 0 ? 'bad' : undefined,
          },
          {
            name: 'Exposure',
            value: count(group.exposure_records),
            note: `records, ${duration(group.exposure_seconds)}; 99% of 24 h below ${count(history.records.p99)}`,
          },
          {
            name: 'Consumer lag',
            value: group.lag_records === null ? '–' : count(group.lag_records),
            note: group.lag_problem ?? lagWords(group),
          },
          { name: 'Rewinds', value: count(group.rewinds), note: rebalanceWords(group) },
        ]}
      />
    </>
  );
}

/** What the coordinator knows of it; nothing where it is not watched. */
function stateWords({ state, watched }: GroupDetail) {
  const gone = watched?.gone_at ?? null;
  if (gone !== null) {
    return (
      <>
        The group was deleted at <Time at={gone} form="s" />.{' '}
      </>
    );
  }
  if (watched === null || state === null) return null;
  if (state === 'unknown') return 'Of the group itself nothing was read yet. ';
  const generation = watched.generation === null ? '' : `, generation ${watched.generation}`;
  return (
    <>
      {state === 'live' ? `It has ${counted(watched.members.length, 'member')}` : 'It is empty'}
      {generation}, since <Time at={watched.since} form="s" />.{' '}
    </>
  );
}

function lagWords({ lag_records: records, lag_seconds: age }: GroupDetail): string {
  if (records === null) return 'not known';
  if (records === 0) return 'records';
  return age === null ? 'records, how old is not known' : `records, the oldest ${duration(age)} old`;
}

function rebalanceWords({ rebalances, watched }: GroupDetail): string {
  if (rebalances === null) return 'rebalances are not watched';
  const recent = watched === null ? '' : `, ${count(watched.rebalances_last_hour)} in the last hour`;
  return `${counted(rebalances, 'rebalance')}${recent}`;
}
