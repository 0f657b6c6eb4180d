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

export function Plot({ make, data, words }: { make: PlotMake; data: uPlot.AlignedData; words: string }) {
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

  return <div class="plot" ref={within} role="img" aria-label={words} />;
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
