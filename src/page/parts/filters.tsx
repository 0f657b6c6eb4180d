/** Filters of a list; what is chosen stands in the address. */
import { useApp, useChange } from '../state';
import { Name } from './text';

export interface Choice {
  key: string;
  title: string;
  /** What holds where nothing is chosen; usually all. */
  usual?: string;
  values: readonly (readonly [value: string, words: string])[];
}

export function Filters({ choices, given = [] }: { choices: readonly Choice[]; given?: readonly string[] }) {
  const { place } = useApp();
  const change = useChange();
  return (
    <div class="filters">
      {choices.map(({ key, title, usual = 'all', values }) => (
        <label key={key}>
          {title}
          <select
            value={place.query[key] ?? ''}
            onChange={(event) => change({ [key]: event.currentTarget.value || null, cursor: null })}
          >
            <option value="">{usual}</option>
            {values.map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        </label>
      ))}
      {given
        .filter((key) => place.query[key] !== undefined)
        .map((key) => (
          <button key={key} type="button" onClick={() => change({ [key]: null, cursor: null })}>
            {key}: <Name text={place.query[key] ?? ''} max={40} /> ✕<span class="unseen"> take away</span>
          </button>
        ))}
    </div>
  );
}
