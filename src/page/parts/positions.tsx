/** One partition over time: the committed offset as a line, deliveries above it, redelivered stretches bold. */
import { useMemo, useState } from 'preact/hooks';
import uPlot from 'uplot';
import type { PartitionPositions } from '../../service/schemas';
import { addressOf, part } from '../logic/api';
import { counted, type Zone } from '../logic/format';
import { type PositionData, positionData, positionWords, type Stroke } from '../logic/positions';
import { rangeQuery } from '../logic/range';
import { useAnswer, useRange, useZone } from '../state';
import { ink } from '../theme';
import { Export } from './export';
import { Panel } from './facts';
import { axis, Plot, type PlotMake, timeAxis } from './plot';
import { Name } from './text';
import { Empty, Told } from './told';

const HEIGHT = 300;

export function Positions({
  group,
  cluster,
  topic,
  partition,
}: {
  group: string;
  cluster: string | undefined;
  topic: string;
  partition: number;
}) {
  const range = useRange();
  const address = addressOf(`/v1/groups/${part(group)}/positions`, {
    cluster,
    topic,
    partition,
    ...rangeQuery(range),
  });
  const positions = useAnswer<PartitionPositions>(address);
  return (
    <Panel
      title="Offsets over time"
      more={
        <>
          <Name text={topic} max={40} />/{partition}
          <Export address={address} name={`positions-${partition}`} lists={false} />
        </>
      }
    >
      <Told answer={positions}>{(value) => <PositionChart positions={value} />}</Told>
    </Panel>
  );
}

function PositionChart({ positions }: { positions: PartitionPositions }) {
  const zone = useZone();
  const data = useMemo(() => positionData(positions), [positions]);
  // The chart lives longer than one answer: what it draws it reads when it draws. A stretch that grew while the line of
  // commits stayed is another answer too, so uPlot is given data of another identity each time.
  const [shown] = useState<{ data: PositionData | null }>({ data });
  shown.data = data;
  const make = useMemo(
    (): PlotMake => ({
      key: zone,
      height: HEIGHT,
      options: (within) => options(within, zone, () => shown.data),
    }),
    [zone, shown],
  );
  const aligned = useMemo(
    (): uPlot.AlignedData => (data === null ? [[]] : [data.times, data.committed, data.logEnd]),
    [data],
  );
  if (data === null) {
    return <Empty>Nothing was delivered or committed there within this time. Take a longer one above.</Empty>;
  }
  return (
    <div class="chart">
      <Plot make={make} data={aligned} words={positionWords(data)} />
      <ul class="legend">
        <Key name="committed" title="Committed offset" />
        <Key name="deliveries" title="Delivered" />
        <Key
          name="redeliveries"
          title={`Delivered again (${counted(data.redeliveries.length, 'stretch', 'stretches')})`}
        />
        <Key name="rewind" title={`Rewind (${data.rewinds.length})`} />
        <Key name="end" title="End of the log" />
      </ul>
      {positions.truncated ? (
        <p class="note">There is more than is drawn. Take a shorter time above.</p>
      ) : null}
    </div>
  );
}

function Key({ name, title }: { name: string; title: string }) {
  return (
    <li>
      <svg class={`key key-${name}`} viewBox="0 0 22 8" aria-hidden="true">
        <path d="M1 4h20" />
      </svg>
      {title}
    </li>
  );
}

function options(
  within: HTMLElement,
  zone: Zone,
  latest: () => PositionData | null,
): Omit<uPlot.Options, 'width' | 'height'> {
  const stepped = uPlot.paths.stepped?.({ align: 1 });
  const line = (colour: string, width: number, dash: number[]): uPlot.Series => ({
    stroke: ink(colour, within),
    width,
    dash,
    spanGaps: true,
    points: { show: false },
    ...(stepped === undefined ? {} : { paths: stepped }),
  });
  return {
    legend: { show: false },
    cursor: { show: false },
    tzDate: (at) => (zone === 'utc' ? uPlot.tzDate(new Date(at * 1000), 'Etc/UTC') : new Date(at * 1000)),
    scales: {
      x: { range: () => latest()?.time ?? [0, 1] },
      y: { range: () => latest()?.offsets ?? [0, 1] },
    },
    series: [{}, line('accent', 2, []), line('edge', 1, [2, 3])],
    axes: [
      timeAxis(within, ink),
      { ...axis(within, ink), size: 84, values: (_plot, values) => values.map((value) => value.toFixed(0)) },
    ],
    hooks: {
      draw: [
        (plot) => {
          const data = latest();
          if (data !== null) drawStrokes(plot, data, within);
        },
      ],
    },
  };
}

/** Down to where it went: a rewind of few records is seen too. */
function arrow(ctx: CanvasRenderingContext2D, x: number, y: number, size: number): void {
  ctx.fillStyle = ctx.strokeStyle;
  ctx.beginPath();
  ctx.moveTo(x - size, y - size * 1.4);
  ctx.lineTo(x + size, y - size * 1.4);
  ctx.lineTo(x, y);
  ctx.fill();
}

function drawStrokes(plot: uPlot, data: PositionData, within: HTMLElement): void {
  const { ctx, bbox } = plot;
  const scale = globalThis.devicePixelRatio || 1;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.lineCap = 'round';
  const stroke = ({ from, to, first, last }: Stroke) => {
    const [left, right] = [plot.valToPos(from, 'x', true), plot.valToPos(to, 'x', true)];
    ctx.beginPath();
    ctx.moveTo(left, plot.valToPos(first, 'y', true));
    ctx.lineTo(Math.max(right, left + 1), plot.valToPos(last + 1, 'y', true));
    ctx.stroke();
  };
  ctx.strokeStyle = ink('deliveries', within);
  ctx.lineWidth = 1.5 * scale;
  for (const one of data.deliveries) stroke(one);
  ctx.strokeStyle = ink('redeliveries', within);
  ctx.lineWidth = 4 * scale;
  for (const one of data.redeliveries) stroke(one);
  ctx.strokeStyle = ink('bad', within);
  ctx.lineWidth = 1.5 * scale;
  ctx.setLineDash([5 * scale, 2 * scale]);
  for (const { at, from, to } of data.rewinds) {
    const x = plot.valToPos(at, 'x', true);
    ctx.beginPath();
    ctx.moveTo(x, plot.valToPos(from, 'y', true));
    ctx.lineTo(x, plot.valToPos(to, 'y', true));
    ctx.stroke();
    arrow(ctx, x, plot.valToPos(to, 'y', true), 5 * scale);
  }
  ctx.restore();
}
