/** Search from everywhere: a record's place, a message's id, a group, an incident. `/` leads here. */
import { useEffect, useRef } from 'preact/hooks';
import type { Group, ObservedTopic } from '../../service/schemas';
import type { Page } from '../logic/api';
import { readSearch } from '../logic/search';
import { useAnswer, useLead, useStable } from '../state';

const NAMES_MAX = 200;

export function Search() {
  const lead = useLead();
  const field = useRef<HTMLInputElement>(null);
  const groups = useAnswer<Page<Group>>(`/v1/groups?limit=${NAMES_MAX}`).value?.items ?? [];
  const topics = useAnswer<Page<ObservedTopic>>('/v1/topics').value?.items ?? [];
  const known = { groups: groups.map(({ group }) => group), topics: topics.map(({ topic }) => topic) };

  const onKey = useStable((event: KeyboardEvent) => {
    const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
    if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    field.current?.select();
  });
  useEffect(() => {
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [onKey]);

  const search = (event: Event) => {
    event.preventDefault();
    const screen = readSearch(field.current?.value ?? '', known);
    if (screen === null) return;
    window.location.hash = lead(screen);
    field.current?.blur();
  };
  const names = [...new Set(known.groups)].filter((name) => name.length <= 200);
  return (
    <search>
      <form class="search" onSubmit={search}>
        <label>
          <span class="unseen">Search a record, message, group or incident</span>
          <input
            ref={field}
            type="search"
            name="q"
            list="names"
            maxLength={20_000}
            placeholder="orders/3/1042, id, group, #12"
            autocomplete="off"
            spellcheck={false}
          />
        </label>
        <datalist id="names">
          {names.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <kbd>/</kbd>
      </form>
    </search>
  );
}
