/** A chart of uPlot, as wide as its place; drawn anew when its make or the colours change. */
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { useApp } from '../state';

export interface PlotMake {
  /** Of everything but the data: another one draws a new chart. */
  key: string;
  height: number;
  options(within: HTMLElement): Omit<uPlot.Options, 'width' | 'height'>;
}

const WIDTH_MIN = 200;

/** The point that a person looks at, by pointer or by keyboard. */
export interface PlotCursor {
  /** Null: none. */
  index: number | null;
  /** So many points may be looked at, from the first on. */
  length: number;
  /** What stands at a point. */
  words(index: number): string;
}

export function Plot({
  make,
  data,
  words,
  cursor,
}: {
  make: PlotMake;
  data: uPlot.AlignedData;
  words: string;
  cursor?: PlotCursor;
}) {
  const { theme } = useApp();
  const within = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const { key, height } = make;

  useEffect(() => {
    const place = within.current;
    if (place === null) return;
    const width = () => Math.max(WIDTH_MIN, Math.floor(place.clientWidth));
    const chart = new uPlot({ ...make.options(place), width: width(), height }, data, place);
    plot.current = chart;
    const watch = new ResizeObserver(() => {
      if (chart.width !== width()) chart.setSize({ width: width(), height });
    });
    watch.observe(place);
    return () => {
      watch.disconnect();
      chart.destroy();
      plot.current = null;
    };
  }, [key, height, theme]);

  useEffect(() => {
    if (plot.current !== null && plot.current.data !== data) plot.current.setData(data);
  }, [data]);

  if (cursor === undefined) return <div class="plot" ref={within} role="img" aria-label={words} />;
  const { index, length } = cursor;
  const onKey = (event: KeyboardEvent) => {
    const next = steppedTo(event.key, index, length);
    const chart = plot.current;
    if (next === undefined || chart === null) return;
    event.preventDefault();
    const left = next === null ? OUTSIDE : chart.valToPos(chart.data[0][next] ?? 0, 'x');
    chart.setCursor({ left, top: next === null ? OUTSIDE : 0 });
  };
  const shown = index ?? length - 1;
  return (
    <div
      class="plot"
      ref={within}
      role="slider"
      tabIndex={0}
      aria-label={words}
      aria-valuemin={0}
      aria-valuemax={length - 1}
      aria-valuenow={shown}
      aria-valuetext={index === null ? 'no step chosen: the arrow keys choose one' : cursor.words(index)}
      onKeyDown={onKey}
    />
  );
}

/** Where uPlot has no cursor. */
const OUTSIDE = -10;
const PAGE_STEPS = 10;

/** The point that a key leads to; null: none; undefined: the key is not ours. */
function steppedTo(key: string, index: number | null, length: number): number | null | undefined {
  const last = length - 1;
  const by = { ArrowLeft: -1, ArrowRight: 1, PageDown: -PAGE_STEPS, PageUp: PAGE_STEPS }[key];
  if (by !== undefined) return index === null ? last : Math.min(last, Math.max(0, index + by));
  if (key === 'Home') return 0;
  if (key === 'End') return last;
  return key === 'Escape' ? null : undefined;
}

/** A hairline and small figures, in the colours of the page. */
export function axis(within: HTMLElement, ink: (name: string, within: HTMLElement) => string): uPlot.Axis {
  return {
    stroke: ink('muted', within),
    font: '11px system-ui, sans-serif',
    grid: { stroke: ink('line', within), width: 1 },
    ticks: { show: false },
    gap: 6,
  };
}

const DAY_S = 86_400;

/** Hours from 0 to 24; below them the day, where it changes. */
export function timeAxis(
  within: HTMLElement,
  ink: (name: string, within: HTMLElement) => string,
): uPlot.Axis {
  return {
    ...axis(within, ink),
    values: [
      [DAY_S, '{YYYY}-{MM}-{DD}', null, null, null, null, null, null, 1],
      [60, '{HH}:{mm}', '\n{YYYY}-{MM}-{DD}', null, '\n{YYYY}-{MM}-{DD}', null, null, null, 1],
      [1, '{HH}:{mm}:{ss}', '\n{YYYY}-{MM}-{DD}', null, '\n{YYYY}-{MM}-{DD}', null, null, null, 1],
    ],
  };
}
