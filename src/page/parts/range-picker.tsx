/** The time that is looked at: the last so long, or between two times. */
import { useState } from 'preact/hooks';
import { ends, RANGES } from '../logic/range';
import { useChange, useRange, useZone } from '../state';

export function RangePicker() {
  const range = useRange();
  const change = useChange();
  const moves = range.until === null && /^\d+[smhdw]$/.test(range.since);
  const isListed = RANGES.some(([value]) => value === range.since);
  const [open, setOpen] = useState(false);
  const choose = (value: string) => {
    if (value === 'other') return setOpen(true);
    setOpen(false);
    change({ since: value, until: null, cursor: null });
  };
  return (
    <div class="range">
      <label class="choice">
        <span class="unseen">Time range</span>
        <select
          value={open || !moves ? 'other' : range.since}
          onChange={(event) => choose(event.currentTarget.value)}
        >
          {RANGES.map(([value, title]) => (
            <option key={value} value={value}>
              {title}
            </option>
          ))}
          {moves && !isListed ? <option value={range.since}>Last {range.since}</option> : null}
          <option value="other">Between…</option>
        </select>
      </label>
      {open || !moves ? <Between onDone={() => setOpen(false)} /> : null}
    </div>
  );
}

function Between({ onDone }: { onDone: () => void }) {
  const range = useRange();
  const zone = useZone();
  const change = useChange();
  const [from, to] = ends(range, Date.now());
  const [wrong, setWrong] = useState<string | null>(null);
  const apply = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const since = read(String(form.get('since')), zone);
    const until = read(String(form.get('until')), zone);
    if (since === null || until === null) return setWrong('One of the times cannot be read.');
    if (since >= until) return setWrong('The first time must be before the second.');
    setWrong(null);
    change({ since, until, cursor: null });
    onDone();
  };
  return (
    <form class="between" onSubmit={apply}>
      <label>
        from
        <input type="datetime-local" name="since" step={1} defaultValue={written(from, zone)} required />
      </label>
      <label>
        to
        <input type="datetime-local" name="until" step={1} defaultValue={written(to, zone)} required />
      </label>
      <button type="submit">Show</button>
      {wrong === null ? null : (
        <span class="trouble" role="alert">
          {wrong}
        </span>
      )}
    </form>
  );
}

/** As the field takes it: without a zone. */
function written(at: number, zone: 'utc' | 'local'): string {
  const shift = zone === 'utc' ? 0 : new Date(at).getTimezoneOffset() * 60_000;
  return new Date(at - shift).toISOString().slice(0, 19);
}

function read(text: string, zone: 'utc' | 'local'): string | null {
  const at = Date.parse(zone === 'utc' ? `${text}Z` : text);
  return Number.isNaN(at) ? null : new Date(at).toISOString();
}
