/** Below the chart of offsets: what each line is, and what stands at the point that is looked at. */
import { counted, offsets, time, type Zone } from '../logic/format';
import type { PositionData, Standing } from '../logic/positions';

/** Without a point: how many there are of each. */
export function PositionLegend({
  data,
  standing,
  zone,
}: {
  data: PositionData;
  standing: Standing | null;
  zone: Zone;
}) {
  const stretch = (one: { first: number; last: number } | null) =>
    one === null ? '–' : offsets(one.first, one.last);
  const { redeliveries, rewinds, endAbove } = data;
  return (
    <ul class="legend">
      <Key name="committed" title="Committed offset" value={standing?.committed ?? null} />
      <Key
        name="deliveries"
        title="Delivered"
        value={standing === null ? null : stretch(standing.delivered)}
      />
      <Key
        name="redeliveries"
        title={`Delivered again (${counted(redeliveries.length, 'stretch', 'stretches')})`}
        value={standing === null ? null : stretch(standing.again)}
      />
      <Key
        name="rewind"
        title={`Rewind (${rewinds.length})`}
        value={
          standing === null || standing.rewound === null
            ? null
            : `${standing.rewound.from} → ${standing.rewound.to}`
        }
      />
      <Key
        name="end"
        title={endAbove === null ? 'End of the log' : 'End of the log, far above what is drawn'}
        value={standing?.logEnd ?? endAbove}
      />
      <li class="note">
        {standing === null ? 'what is delivered again leads to its incident' : time(standing.at * 1000, zone)}
      </li>
    </ul>
  );
}

function Key({ name, title, value }: { name: string; title: string; value: number | string | null }) {
  return (
    <li>
      <svg class={`key key-${name}`} viewBox="0 0 22 8" aria-hidden="true">
        <path d="M1 4h20" />
      </svg>
      {title}
      {value === null ? null : <span class="num">{value}</span>}
    </li>
  );
}
