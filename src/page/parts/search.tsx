/** Search from everywhere: a record's place, a message's id, a group, a topic, an incident. `/` leads here. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Group } from '../../service/schemas';
import { ask, type Page } from '../logic/api';
import { search } from '../logic/search';
import { useAnswer, useApp, useLead, useStable } from '../state';

/** Offered while a person types; any other name is found all the same. */
const OFFERED = 200;

export function Search() {
  const lead = useLead();
  const { token } = useApp();
  const field = useRef<HTMLInputElement>(null);
  const latest = useRef(0);
  const [busy, setBusy] = useState(false);
  const [typing, setTyping] = useState(false);
  const offered = useAnswer<Page<Group>>(typing ? `/v1/groups?order=worst&limit=${OFFERED}` : null);
  const groups = offered.value?.items ?? [];

  const onKey = useStable((event: KeyboardEvent) => {
    const elsewhere = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
    if (event.key !== '/' || elsewhere || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    field.current?.select();
  });
  useEffect(() => {
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [onKey]);

  const askOnce = async <T,>(address: string): Promise<T | null> => {
    try {
      return (await (await ask(address, token)).json()) as T;
    } catch {
      // Where it leads is then told by the text alone, and the screen there says what is wrong.
      return null;
    }
  };
  const go = async (event: Event) => {
    event.preventDefault();
    const call = ++latest.current;
    setBusy(true);
    const found = await search(field.current?.value ?? '', askOnce);
    // Another one was begun meanwhile.
    if (call !== latest.current) return;
    setBusy(false);
    if (found === null) return;
    window.location.hash = lead(found.screen, found.query ?? {});
    field.current?.blur();
  };
  const names = [...new Set(groups.map(({ group }) => group))].filter((name) => name.length <= 200);
  return (
    <search>
      <form class="search" onSubmit={go} aria-busy={busy}>
        <label>
          <span class="unseen">Search a record, message, group, topic or incident</span>
          <input
            ref={field}
            type="search"
            name="q"
            list="names"
            placeholder="orders/3/1042, id, group, #12"
            autocomplete="off"
            spellcheck={false}
            onFocus={() => setTyping(true)}
            onBlur={() => setTyping(false)}
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
