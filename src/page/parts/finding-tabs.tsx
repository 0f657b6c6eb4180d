/** From one kind of finding to the next: what is asked of stays, a cause is of its kind. */
import type { FindingList, Screen } from '../logic/place';
import { useApp } from '../state';
import { Lead } from './lead';

const LISTS: readonly (readonly [list: FindingList | 'redeliveries', title: string])[] = [
  ['redeliveries', 'Redeliveries'],
  ['rewinds', 'Rewinds'],
  ['duplicates', 'Written twice'],
  ['premature-commits', 'Committed early'],
  ['skips', 'Skipped'],
  ['stalled-commits', 'Stalled commits'],
  ['hits', 'Hits'],
];
const STAYS = ['cluster', 'group', 'topic', 'partition'] as const;

export function FindingTabs({ here }: { here: FindingList | 'redeliveries' }) {
  const { query } = useApp().place;
  const kept = Object.fromEntries(STAYS.map((key) => [key, query[key] ?? null]));
  return (
    <nav class="tabs" aria-label="Findings">
      {LISTS.map(([list, title]) => {
        const to: Screen = list === 'redeliveries' ? { name: list } : { name: 'findings', list };
        return (
          <Lead key={list} to={to} query={kept} {...(list === here ? { class: 'here', current: true } : {})}>
            {title}
          </Lead>
        );
      })}
    </nav>
  );
}
