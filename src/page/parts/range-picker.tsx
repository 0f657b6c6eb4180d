/** The time that is looked at: the last so long, or between two times. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { serviceNow } from '../clock';
import type { Zone } from '../logic/format';
import { changed } from '../logic/place';
import { ends, fixed, isFixed, RANGES } from '../logic/range';
import { useApp, useChange, useRange, useZone } from '../state';
import { Copy } from './text';

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
      <CopyFixed />
      {open || !moves ? (
        <Between key={`${range.since} ${range.until}`} onDone={() => setOpen(false)} />
      ) : null}
    </div>
  );
}

/** A time that moves is another one when a colleague opens the address. */
function CopyFixed() {
  const { place } = useApp();
  const range = useRange();
  if (isFixed(range)) return null;
  const address = () => {
    const { since, until } = fixed(range, serviceNow());
    return new URL(changed(place, { since, until, cursor: null }), window.location.href).href;
  };
  return <Copy text={address} what="a link with fixed times" />;
}

function Between({ onDone }: { onDone: () => void }) {
  const range = useRange();
  const zone = useZone();
  const change = useChange();
  // Times, and not digits: in another zone the same times have other ones. Null: not written to its end.
  const [[from, to], setTimes] = useState<[number | null, number | null]>(() => ends(range, serviceNow()));
  const [wrong, setWrong] = useState<string | null>(null);
  const apply = (event: SubmitEvent) => {
    event.preventDefault();
    if (from === null || to === null) return setWrong('One of the times cannot be read.');
    if (from >= to) return setWrong('The first time must be before the second.');
    setWrong(null);
    change({ since: new Date(from).toISOString(), until: new Date(to).toISOString(), cursor: null });
    onDone();
  };
  return (
    <form class="between" onSubmit={apply}>
      <TimeField title="from" name="since" zone={zone} at={from} onTime={(at) => setTimes([at, to])} />
      <TimeField title="to" name="until" zone={zone} at={to} onTime={(at) => setTimes([from, at])} />
      <button type="submit">Show</button>
      {wrong === null ? null : (
        <span class="trouble" role="alert">
          {wrong}
        </span>
      )}
    </form>
  );
}

function TimeField({
  title,
  name,
  zone,
  at,
  onTime,
}: {
  title: string;
  name: string;
  zone: Zone;
  at: number | null;
  onTime: (at: number | null) => void;
}) {
  const field = useRef<HTMLInputElement>(null);
  // Not at each key: what is half written would be taken away.
  useLayoutEffect(() => {
    if (field.current !== null && at !== null) field.current.value = written(at, zone);
  }, [zone]);
  return (
    <label>
      {title} ({zone === 'utc' ? 'UTC' : 'local time'})
      <input
        ref={field}
        type="datetime-local"
        name={name}
        step={1}
        onInput={(event) => onTime(read(event.currentTarget.value, zone))}
        required
      />
    </label>
  );
}

/** As the field takes it: without a zone. */
function written(at: number, zone: Zone): string {
  const shift = zone === 'utc' ? 0 : new Date(at).getTimezoneOffset() * 60_000;
  return new Date(at - shift).toISOString().slice(0, 19);
}

function read(text: string, zone: Zone): number | null {
  const at = Date.parse(zone === 'utc' ? `${text}Z` : text);
  return Number.isNaN(at) ? null : at;
}
