/** One partition over time: the committed offset as a line, deliveries above it, redelivered stretches bold. */
import { useMemo, useState } from 'preact/hooks';
import uPlot from 'uplot';
import type { PartitionPositions } from '../../service/schemas';
import { addressOf, part } from '../logic/api';
import type { Zone } from '../logic/format';
import {
  incidentAt,
  type PositionData,
  positionData,
  positionWords,
  type Stroke,
  standingAt,
  standingWords,
} from '../logic/positions';
import { rangeQuery } from '../logic/range';
import { useAnswer, useLead, useRange, useStable, useZone } from '../state';
import { ink } from '../theme';
import { Export } from './export';
import { Panel } from './facts';
import { axis, Plot, type PlotMake, timeAxis } from './plot';
import { PositionLegend } from './position-legend';
import { PositionWords } from './position-words';
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
  const lead = useLead();
  const data = useMemo(() => positionData(positions), [positions]);
  const [at, setAt] = useState<number | null>(null);
  const open = useStable((incident: number) => {
    window.location.hash = lead({ name: 'incident', id: incident });
  });
  // The chart lives longer than one answer: what it draws it reads when it draws. A stretch that grew while the line of
  // commits stayed is another answer too, so uPlot is given data of another identity each time.
  const [shown] = useState<{ data: PositionData | null }>({ data });
  shown.data = data;
  const make = useMemo(
    (): PlotMake => ({
      key: zone,
      height: HEIGHT,
      options: (within) => options(within, zone, () => shown.data, setAt, open),
    }),
    [zone, shown, open],
  );
  const aligned = useMemo(
    (): uPlot.AlignedData => (data === null ? [[]] : [data.times, data.committed, data.logEnd]),
    [data],
  );
  if (data === null) {
    return <Empty>Nothing was delivered or committed there within this time. Take a longer one above.</Empty>;
  }
  const index = at === null ? null : Math.min(at, data.times.length - 1);
  return (
    <div class="chart">
      <Plot
        make={make}
        data={aligned}
        words={positionWords(data)}
        cursor={{
          index,
          length: data.times.length,
          words: (point) => standingWords(data, point, zone),
        }}
      />
      <PositionLegend data={data} standing={index === null ? null : standingAt(data, index)} zone={zone} />
      {positions.truncated ? (
        <p class="note">There is more than is drawn. Take a shorter time above.</p>
      ) : null}
      <PositionWords data={data} place={positions} />
    </div>
  );
}

/** Beside a stretch, in pixels: the least are thinner than a finger. */
const NEAR_PX = 8;

function options(
  within: HTMLElement,
  zone: Zone,
  latest: () => PositionData | null,
  onPoint: (index: number | null) => void,
  onIncident: (incident: number) => void,
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
    cursor: { y: false, drag: { setScale: false } },
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
      setCursor: [(plot) => onPoint(plot.cursor.idx ?? null)],
      ready: [(plot) => plot.over.addEventListener('click', (event) => clicked(plot, event))],
      draw: [
        (plot) => {
          const data = latest();
          if (data !== null) drawStrokes(plot, data, within);
        },
      ],
    },
  };

  function clicked(plot: uPlot, { offsetX, offsetY }: MouseEvent): void {
    const data = latest();
    if (data === null) return;
    const at = plot.posToVal(offsetX, 'x');
    const near = plot.posToVal(offsetX + NEAR_PX, 'x') - at;
    const incident = incidentAt(data, at, plot.posToVal(offsetY, 'y'), near);
    if (incident !== null) onIncident(incident);
  }
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
  // The dashes of the line before are still set.
  ctx.setLineDash([]);
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
