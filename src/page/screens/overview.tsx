/** What is wrong now: one sentence, totals, incidents, the groups' verdicts, and a chart of it all. */
import { useMemo } from 'preact/hooks';
import type { Group, Incident, Totals as RangeTotals, SeriesPoint, Summary } from '../../service/schemas';
import { serviceNow } from '../clock';
import { addressOf, type Page } from '../logic/api';
import { count } from '../logic/format';
import { ends, type Range, rangeQuery, stepMinutes } from '../logic/range';
import { incidentMarks, seriesData } from '../logic/series';
import { Elsewhere } from '../parts/elsewhere';
import { Export } from '../parts/export';
import { Panel } from '../parts/facts';
import { GroupTable } from '../parts/group-table';
import { Headline } from '../parts/headline';
import { IncidentList } from '../parts/incident-list';
import { Lead } from '../parts/lead';
import { SeriesChart } from '../parts/series-chart';
import { Empty, InstrumentEmpty, OBSERVE_LINE, Told, Trouble } from '../parts/told';
import { Totals } from '../parts/totals';
import { useAnswer, useChange, useRange } from '../state';

const INCIDENTS_ASKED = 200;
const INCIDENTS_SHOWN = 8;
const GROUPS_SHOWN = 12;

export function OverviewScreen() {
  const range = useRange();
  const change = useChange();
  const query = rangeQuery(range);
  const minutes = stepMinutes(range, serviceNow());
  // One time for the sentence, the chart and what stands below it: the same whole steps.
  const steps = { ...query, step: `${minutes}m` };
  const seriesAddress = addressOf('/v1/timeseries', steps);
  const summary = useAnswer<Summary>('/v1/summary');
  const groups = useAnswer<Page<Group>>(`/v1/groups?order=worst&limit=${GROUPS_SHOWN}`);
  const series = useAnswer<Page<SeriesPoint>>(seriesAddress);
  const totals = useAnswer<RangeTotals>(addressOf('/v1/totals', steps));
  const incidents = useAnswer<Page<Incident>>(
    addressOf('/v1/incidents', { ...query, limit: INCIDENTS_ASKED }),
  );

  const chart = useMemo(() => {
    const now = serviceNow();
    return {
      data: seriesData(series.value?.items ?? [], range, minutes, now),
      marks: incidentMarks(incidents.value?.items ?? [], range, now),
    };
  }, [series, incidents.value, seriesAddress]);
  const isNew = summary.value !== null && isUntouched(summary.value);
  const onTime = (from: number, to: number) => {
    const [since, until] = [from, to].map((at) => new Date(at * 1000).toISOString()) as [string, string];
    change({ since, until });
  };

  return (
    <>
      <h1 class="unseen">Overview</h1>
      <Headline range={range} summary={summary} groups={groups} totals={totals} incidents={incidents} />
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
            <Trouble answer={series} />
            {/* Zeros would be a claim: where it is not known, there is no chart. */}
            {series.value === null && series.error !== null ? null : (
              <SeriesChart
                data={chart.data}
                marks={chart.marks}
                minutes={minutes}
                sums={totals.value}
                onTime={onTime}
              />
            )}
            {incidents.value === null || incidents.value.next_cursor === null ? null : (
              <p class="note">
                The latest {INCIDENTS_ASKED} incidents are marked; there are more within this time.
              </p>
            )}
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
        <Panel
          title="Incidents"
          more={
            <>
              {summary.value === null ? null : <OpenNow incidents={summary.value.incidents_open} />}
              <Lead to={{ name: 'incidents' }}>All</Lead>
            </>
          }
        >
          <Told answer={incidents}>{({ items }) => <Latest incidents={items} />}</Told>
        </Panel>
      </div>
    </>
  );
}

/** However far back is looked at: an incident is open for some minutes after its last finding. */
function OpenNow({ incidents }: { incidents: number }) {
  if (incidents === 0) return <span class="note">none open now</span>;
  return (
    <Lead to={{ name: 'incidents' }} query={{ state: 'open', since: '1h', until: '' }}>
      {count(incidents)} open now
    </Lead>
  );
}

/** Open ones come first: they are those with the latest findings. */
function Latest({ incidents }: { incidents: readonly Incident[] }) {
  const open = incidents.filter(({ state }) => state !== 'closed');
  const closed = incidents.filter(({ state }) => state === 'closed');
  if (incidents.length === 0) {
    return <Empty>None within this time. Take a longer one above to look further back.</Empty>;
  }
  const shown = open.slice(0, INCIDENTS_SHOWN);
  const rest = closed.slice(0, INCIDENTS_SHOWN - shown.length);
  return (
    <>
      {shown.length === 0 ? null : <h3>Open</h3>}
      <IncidentList incidents={shown} />
      {rest.length === 0 ? null : <h3>Closed, the latest first</h3>}
      <IncidentList incidents={rest} />
    </>
  );
}

/** RFC 3339; a range that moves has no end. */
function elsewhereRange(range: Range): { from: string; to?: string } {
  const [from, to] = ends(range, serviceNow()).map((at) => new Date(at).toISOString()) as [string, string];
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
