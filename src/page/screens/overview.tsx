/** What is wrong now: one sentence, totals, incidents, the groups' verdicts, and a chart of it all. */
import { useMemo } from 'preact/hooks';
import type { Group, Incident, SeriesPoint, Summary } from '../../service/schemas';
import { addressOf, type Page } from '../logic/api';
import { count } from '../logic/format';
import { ends, type Range, rangeQuery, stepMinutes } from '../logic/range';
import { overviewSentence, type Told as Sentence } from '../logic/sentence';
import { incidentMarks, seriesData } from '../logic/series';
import { visible } from '../logic/visible';
import { Elsewhere } from '../parts/elsewhere';
import { Export } from '../parts/export';
import { Panel } from '../parts/facts';
import { GroupTable } from '../parts/group-table';
import { IncidentList } from '../parts/incident-list';
import { Lead } from '../parts/lead';
import { SeriesChart } from '../parts/series-chart';
import { Empty, InstrumentEmpty, OBSERVE_LINE, Told, Trouble } from '../parts/told';
import { Totals } from '../parts/totals';
import { useAnswer, useRange } from '../state';

const INCIDENTS_ASKED = 200;
const INCIDENTS_SHOWN = 8;
/** Fewer than the chart's: a point each and group. The range is whole steps, so few would tell of another time. */
const GROUP_STEPS = 60;
const GROUPS_SHOWN = 12;

export function OverviewScreen() {
  const range = useRange();
  const query = rangeQuery(range);
  const minutes = stepMinutes(range, Date.now());
  const step = `${minutes}m`;
  const seriesAddress = addressOf('/v1/timeseries', { ...query, step });
  const summary = useAnswer<Summary>('/v1/summary');
  const groups = useAnswer<Page<Group>>(`/v1/groups?order=worst&limit=${GROUPS_SHOWN}`);
  const series = useAnswer<Page<SeriesPoint>>(seriesAddress);
  const byGroup = useAnswer<Page<SeriesPoint>>(
    addressOf('/v1/timeseries', {
      ...query,
      step: `${stepMinutes(range, Date.now(), GROUP_STEPS)}m`,
      by: 'group',
    }),
  );
  const incidentsAddress = addressOf('/v1/incidents', { ...query, limit: INCIDENTS_ASKED });
  const incidents = useAnswer<Page<Incident>>(incidentsAddress);

  const sentence = useMemo(() => {
    // Of very many groups the series is refused; the incidents tell then.
    const series = byGroup.error === null ? byGroup.value : { items: [] };
    const parts = [summary.value, groups.value, series, incidents.value] as const;
    const [all, known, points, found] = parts;
    if (all === null || known === null || points === null || found === null) return null;
    return overviewSentence({
      summary: all,
      groups: known.items,
      series: points.items,
      incidents: found.items,
      range,
    });
  }, [summary.value, groups.value, byGroup.value, byGroup.error, incidents.value, range]);

  const chart = useMemo(() => {
    const now = Date.now();
    return {
      data: seriesData(series.value?.items ?? [], range, minutes, now),
      marks: incidentMarks(incidents.value?.items ?? [], range, now),
    };
  }, [series, incidents.value, seriesAddress]);
  const isNew = summary.value !== null && isUntouched(summary.value);

  return (
    <>
      <h1 class="unseen">Overview</h1>
      {summary.error === null ? null : <Trouble error={summary.error} kept={summary.value !== null} />}
      {sentence === null ? <p class="sentence wait">Asking…</p> : <SentenceLine told={sentence} />}
      {isNew ? <FirstSteps /> : null}
      {summary.value === null ? null : <Totals summary={summary.value} />}
      <div class="columns">
        <div class="wide-column">
          <Panel
            title="Over time"
            more={
              <>
                <Elsewhere values={{}} {...elsewhereRange(range)} />
                <Export address={seriesAddress} name="timeseries" lists />
              </>
            }
          >
            {series.error === null ? null : <Trouble error={series.error} kept={series.value !== null} />}
            <SeriesChart data={chart.data} marks={chart.marks} minutes={minutes} />
          </Panel>
          <Panel title="Groups" more={<Export address="/v1/groups?order=worst" name="groups" lists />}>
            <Told answer={groups}>
              {({ items }) =>
                items.length === 0 ? (
                  <InstrumentEmpty>
                    No consumer group is known yet. Start one with Dupescope in front, with no change in its
                    code:
                  </InstrumentEmpty>
                ) : (
                  <>
                    <GroupTable groups={items} />
                    <More all={summary.value?.groups ?? 0} shown={items.length} />
                  </>
                )
              }
            </Told>
          </Panel>
        </div>
        <Panel title="Incidents" more={<Lead to={{ name: 'incidents' }}>All</Lead>}>
          <Told answer={incidents}>
            {({ items }) =>
              items.length === 0 ? (
                <Empty>None within this time. Take a longer one above to look further back.</Empty>
              ) : (
                <IncidentList incidents={items.slice(0, INCIDENTS_SHOWN)} />
              )
            }
          </Told>
        </Panel>
      </div>
    </>
  );
}

/** RFC 3339; a range that moves has no end. */
function elsewhereRange(range: Range): { from: string; to?: string } {
  const [from, to] = ends(range, Date.now()).map((at) => new Date(at).toISOString()) as [string, string];
  return range.until === null ? { from } : { from, to };
}

function More({ all, shown }: { all: number; shown: number }) {
  if (all <= shown) return null;
  return (
    <p class="note">
      {count(all - shown)} more:{' '}
      <Lead to={{ name: 'groups' }} query={{ order: 'worst' }}>
        all groups
      </Lead>
    </p>
  );
}

function SentenceLine({ told }: { told: Sentence }) {
  return (
    <p class={`sentence sentence-${told.tone}`} aria-live="polite">
      {told.parts.map((part, i) => {
        const key = `${i} ${part.text}`;
        const text = visible(part.text, 300);
        if (part.incident !== undefined) {
          return (
            <Lead key={key} to={{ name: 'incident', id: part.incident }}>
              {text}
            </Lead>
          );
        }
        if (part.group !== undefined) {
          return (
            <Lead
              key={key}
              to={{ name: 'group', group: part.group }}
              query={{ cluster: part.cluster ?? null }}
            >
              <bdi>{text}</bdi>
            </Lead>
          );
        }
        return text;
      })}
    </p>
  );
}

function isUntouched({ groups, observed_records, deliveries }: Summary): boolean {
  return groups === 0 && observed_records === 0 && deliveries === 0;
}

function FirstSteps() {
  return (
    <section class="panel">
      <h2>How to begin</h2>
      <InstrumentEmpty>
        To see every delivery exactly, start a kafkajs consumer with Dupescope in front, on this store:
      </InstrumentEmpty>
      <Empty line={OBSERVE_LINE}>
        To find what was written twice, and every group's rewinds and lag, with nothing instrumented:
      </Empty>
    </section>
  );
}
