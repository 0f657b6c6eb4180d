/** Deliveries, redeliveries, duplicates and hits over time, with the incidents. */
import { useMemo, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { brief, count, counted, time, type Zone } from '../logic/format';
import {
  chartWords,
  joined,
  type Mark,
  marksWithin,
  type SeriesData,
  type Spot,
  spotsOf,
} from '../logic/series';
import { visible } from '../logic/visible';
import { useStable, useZone } from '../state';
import { ink } from '../theme';
import { IncidentSpots, SPOT_PX } from './incident-spots';
import { axis, Plot, type PlotMake, timeAxis } from './plot';

const HEIGHT = 240;
/** Less is a click. */
const DRAG_MIN_PX = 6;

/** Told apart by the stroke too: whole, dashed, dotted. */
const SERIES = [
  { name: 'deliveries', title: 'Deliveries', dash: [] },
  { name: 'redeliveries', title: 'Redeliveries', dash: [] },
  { name: 'duplicates', title: 'Duplicates', dash: [6, 3] },
  { name: 'hits', title: 'Hits', dash: [2, 2] },
] as const;

type Sums = Record<(typeof SERIES)[number]['name'], number>;

export function SeriesChart({
  data,
  marks,
  minutes,
  sums = null,
  onTime,
}: {
  data: SeriesData;
  marks: readonly Mark[];
  minutes: number;
  /** Of all steps; null: the steps themselves are added up. */
  sums?: Sums | null;
  /** A stretch was drawn over with the pointer: whole steps, unix seconds. */
  onTime?: (from: number, to: number) => void;
}) {
  const zone = useZone();
  const [at, setAt] = useState<number | null>(null);
  // The chart lives longer than one rendering: it reads the marks where they change.
  const [shown] = useState<{ marks: readonly Mark[] }>({ marks });
  shown.marks = marks;
  const [spots, setSpots] = useState<readonly Spot[]>([]);
  const onDrawn = useStable((plot: uPlot) => {
    const left = plot.over.offsetLeft;
    const next = spotsOf(shown.marks, (at) => left + Math.max(0, plot.valToPos(at, 'x')), SPOT_PX);
    setSpots((known) => (JSON.stringify(known) === JSON.stringify(next) ? known : next));
  });
  const onDrag = useStable((from: number, to: number) => {
    const step = minutes * 60;
    onTime?.(Math.floor(from / step) * step, Math.ceil(to / step) * step);
  });
  const make = useMemo(
    (): PlotMake => ({
      key: `${zone} ${minutes}`,
      height: HEIGHT,
      options: (within) => options(within, zone, () => shown.marks, { onPoint: setAt, onDrawn, onDrag }),
    }),
    [zone, minutes, shown],
  );
  const aligned = useMemo(
    (): uPlot.AlignedData => [
      [...data.times, (data.times.at(-1) ?? 0) + minutes * 60],
      ...SERIES.map(({ name }) => [...data[name], data[name].at(-1) ?? 0]),
    ],
    [data, minutes],
  );
  const index = at === null ? null : Math.min(at, data.times.length - 1);
  return (
    <div class="chart">
      <div class="spotted">
        <Plot
          make={make}
          data={aligned}
          words={chartWords(data, marks)}
          cursor={{
            index,
            length: data.times.length,
            words: (step) => `${stepWords(data, step, zone)}${incidentWords(data, marks, step, minutes)}`,
          }}
        />
        <IncidentSpots spots={spots} />
      </div>
      <Legend data={data} index={index} zone={zone} minutes={minutes} sums={sums} />
    </div>
  );
}

function Legend({
  data,
  index,
  zone,
  minutes,
  sums,
}: {
  data: SeriesData;
  index: number | null;
  zone: Zone;
  minutes: number;
  sums: Sums | null;
}) {
  const start = index === null ? undefined : data.times[index];
  return (
    <ul class="legend">
      {SERIES.map(({ name, title }) => (
        <li key={name}>
          <svg class={`key key-${name}`} viewBox="0 0 22 8" aria-hidden="true">
            <path d="M1 4h20" />
          </svg>
          {title}
          <span class="num">
            {count(index === null ? (sums?.[name] ?? sum(data[name])) : (data[name][index] ?? 0))}
          </span>
        </li>
      ))}
      <li class="note">
        {start === undefined
          ? `in all since ${time((data.times[0] ?? 0) * 1000, zone, 'min')}, ${minutes === 1 ? 'a minute' : `${minutes} minutes`} a step`
          : time(start * 1000, zone, 'min')}
      </li>
    </ul>
  );
}

function stepWords(data: SeriesData, step: number, zone: Zone): string {
  const counts = SERIES.map(({ name, title }) => `${count(data[name][step] ?? 0)} ${title.toLowerCase()}`);
  return `${time((data.times[step] ?? 0) * 1000, zone, 'min')}: ${counts.join(', ')}`;
}

const INCIDENTS_NAMED = 3;

/** Nothing where there are none. */
function incidentWords(data: SeriesData, marks: readonly Mark[], step: number, minutes: number): string {
  const within = marksWithin(marks, data.times[step] ?? 0, minutes * 60);
  if (within.length === 0) return '';
  const named = within.slice(0, INCIDENTS_NAMED).map(({ words }) => visible(words, 160));
  return `; ${counted(within.length, 'incident')}: ${named.join('; ')}`;
}

function sum(values: readonly number[]): number {
  return values.reduce((all, one) => all + one, 0);
}

function options(
  within: HTMLElement,
  zone: Zone,
  marks: () => readonly Mark[],
  on: {
    onPoint(index: number | null): void;
    onDrawn(plot: uPlot): void;
    onDrag(from: number, to: number): void;
  },
): Omit<uPlot.Options, 'width' | 'height'> {
  const [, ...found] = SERIES;
  const stepped = uPlot.paths.stepped?.({ align: 1 });
  const line = (name: string, scale: string, dash: readonly number[], width: number): uPlot.Series => ({
    scale,
    stroke: ink(name, within),
    width,
    dash: [...dash],
    points: { show: false },
    ...(stepped === undefined ? {} : { paths: stepped }),
  });
  return {
    legend: { show: false },
    padding: [14, 4, 0, 0],
    // The address holds the time that is looked at: it is what a drag changes, and not the scale.
    cursor: { y: false, drag: { setScale: false, dist: DRAG_MIN_PX } },
    tzDate: (at) => (zone === 'utc' ? uPlot.tzDate(new Date(at * 1000), 'Etc/UTC') : new Date(at * 1000)),
    scales: {
      found: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.1)] },
      all: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.1)] },
    },
    series: [
      {},
      { ...line('deliveries', 'all', [], 1), fill: ink('deliveries-fill', within) },
      ...found.map(({ name, dash }) => line(name, 'found', dash, name === 'redeliveries' ? 2 : 1.5)),
    ],
    axes: [
      timeAxis(within, ink),
      {
        ...axis(within, ink),
        scale: 'found',
        values: (_plot, values) => values.map((value) => (Number.isInteger(value) ? brief(value) : '')),
        size: 48,
      },
      {
        ...axis(within, ink),
        scale: 'all',
        side: 1,
        grid: { show: false },
        values: (_plot, values) => values.map((value) => (Number.isInteger(value) ? brief(value) : '')),
        size: 48,
      },
    ],
    hooks: {
      setCursor: [(plot) => on.onPoint(plot.cursor.idx ?? null)],
      drawClear: [(plot) => drawMarks(plot, marks(), within)],
      draw: [on.onDrawn],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width < DRAG_MIN_PX) return;
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          on.onDrag(plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x'));
        },
      ],
    },
  };
}

/** A band for each incident, and a small triangle on top of it: a mark that needs no colour. */
function drawMarks(plot: uPlot, marks: readonly Mark[], within: HTMLElement): void {
  const { ctx, bbox } = plot;
  ctx.save();
  const band = ink('incident-band', within);
  const tip = ink('incident', within);
  for (const { from, to } of joined(marks)) {
    const left = Math.max(bbox.left, plot.valToPos(from, 'x', true));
    const right = Math.min(bbox.left + bbox.width, plot.valToPos(to, 'x', true));
    if (right < bbox.left || left > bbox.left + bbox.width) continue;
    ctx.fillStyle = band;
    ctx.fillRect(left, bbox.top, Math.max(2, right - left), bbox.height);
  }
  ctx.fillStyle = tip;
  for (const { from } of marks) {
    const left = Math.max(bbox.left, plot.valToPos(from, 'x', true));
    if (left > bbox.left + bbox.width) continue;
    const size = 5 * (globalThis.devicePixelRatio || 1);
    ctx.beginPath();
    ctx.moveTo(left - size, bbox.top - size * 1.6);
    ctx.lineTo(left + size, bbox.top - size * 1.6);
    ctx.lineTo(left, bbox.top - 1);
    ctx.fill();
  }
  ctx.restore();
}
