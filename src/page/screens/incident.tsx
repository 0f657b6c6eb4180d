/** One incident: what happened, why we say so, what to change, and the records. */
import { useMemo } from 'preact/hooks';
import type { GroupTimeline, IncidentDetail, SeriesPoint } from '../../service/schemas';
import { useKept } from '../kept';
import { addressOf, type Page, part } from '../logic/api';
import { rangeAround } from '../logic/around';
import { count, duration } from '../logic/format';
import type { Screen } from '../logic/place';
import { stepMinutes } from '../logic/range';
import { incidentMarks, seriesData } from '../logic/series';
import { visible } from '../logic/visible';
import { Cause, Kind } from '../parts/cause';
import { Elsewhere } from '../parts/elsewhere';
import { Export } from '../parts/export';
import { Facts, Lines, Panel } from '../parts/facts';
import { DuplicateTable, LossTable, RedeliveryTable, RewindTable } from '../parts/finding-tables';
import { IncidentState } from '../parts/incident-list';
import { LaneChart } from '../parts/lane-chart';
import { GroupLead, Lead } from '../parts/lead';
import { SeriesChart } from '../parts/series-chart';
import { Table } from '../parts/table';
import { Name, Time } from '../parts/text';
import { Told } from '../parts/told';
import { useAnswer } from '../state';

/** The timeline begins and ends so much outside of the incident, at least. */
const AROUND_MS = 30_000;
/** Counts are kept by the minute. */
const TOPIC_AROUND_MS = 600_000;

function around({ opened_at: opened, last_at: last }: IncidentDetail, leastMs: number) {
  return rangeAround(Date.parse(opened), Date.parse(last), leastMs);
}

export function IncidentScreen({ id }: { id: number }) {
  const address = `/v1/incidents/${id}`;
  const incident = useAnswer<IncidentDetail>(address);
  return (
    <>
      <p class="note">
        <Lead to={{ name: 'incidents' }}>Incidents</Lead> / #{id}
      </p>
      <Told answer={incident}>{(value) => <Detail incident={value} address={address} />}</Told>
    </>
  );
}

function Detail({ incident, address }: { incident: IncidentDetail; address: string }) {
  const { group, cluster, advice, because } = incident;
  const lasted = (Date.parse(incident.last_at) - Date.parse(incident.opened_at)) / 1000;
  return (
    <>
      <h1 dir="auto">{visible(incident.words, 600)}</h1>
      <p class="title">
        <IncidentState state={incident.state} />
        <Kind kind={incident.kind} />
        <Cause cause={incident.cause} certainty={incident.certainty} />
        <Elsewhere
          values={{ cluster, group, ...aPlaceOf(incident) }}
          from={incident.opened_at}
          to={incident.last_at}
        />
        <Export address={address} name={`incident-${incident.id}`} lists={false} />
      </p>
      {advice === null ? null : (
        <Panel title="What to change">
          <p class="advice">{visible(advice, 2_000)}</p>
        </Panel>
      )}
      <div class="columns">
        <Panel title="What was seen">
          {because.length === 0 ? (
            <p class="note">Nothing that tells the cause.</p>
          ) : (
            <Lines lines={because} />
          )}
        </Panel>
        <Panel title="Facts">
          <Facts
            facts={[
              ...(group === null
                ? []
                : [{ name: 'Group', value: <GroupLead group={group} cluster={cluster} /> }]),
              { name: 'Topics', value: <Names names={incident.topics} /> },
              { name: 'Records', value: count(incident.records) },
              { name: 'Findings', value: count(incident.findings) },
              { name: 'Began', value: <Time at={incident.opened_at} form="s" /> },
              {
                name: 'Last seen',
                value: <Time at={incident.last_at} form="s" />,
                note: `over ${duration(lasted)}`,
              },
              { name: 'Copies apart', value: `at most ${duration(incident.gap_max_seconds)}` },
              { name: 'Cluster', value: <Name text={cluster} /> },
            ]}
          />
        </Panel>
      </div>
      {group === null ? <TopicAround incident={incident} /> : <Around incident={incident} group={group} />}
      <Findings incident={incident} />
      <Places incident={incident} />
    </>
  );
}

/** A record of it, so that links to traces lead to one. */
function aPlaceOf({ redeliveries, duplicates, topics }: IncidentDetail) {
  const [again] = redeliveries;
  if (again !== undefined) {
    return { topic: again.topic, partition: again.partition, offset: again.first_offset };
  }
  const [copy] = duplicates;
  if (copy !== undefined) return { topic: copy.topic, partition: copy.partition, offset: copy.offset };
  return { topic: topics[0] ?? null };
}

function Names({ names }: { names: readonly string[] }) {
  return (
    <>
      {names.map((name, i) => (
        <span key={name}>
          {i === 0 ? '' : ', '}
          <Name text={name} max={60} />
        </span>
      ))}
    </>
  );
}

/** The group's sessions around the incident. */
function Around({ incident, group }: { incident: IncidentDetail; group: string }) {
  const { cluster } = incident;
  const address = addressOf(`/v1/groups/${part(group)}/timeline`, {
    cluster,
    ...around(incident, AROUND_MS),
  });
  const timeline = useKept(useAnswer<GroupTimeline>(address));
  return (
    <Panel title="The group around it">
      <Told answer={timeline}>{(value) => <LaneChart timeline={value} />}</Told>
    </Panel>
  );
}

/** What was written twice is no group's: the topic's own counts around the incident. */
function TopicAround({ incident }: { incident: IncidentDetail }) {
  const range = around(incident, TOPIC_AROUND_MS);
  const minutes = stepMinutes(range, Date.now());
  const [topic] = incident.topics;
  const address = addressOf('/v1/timeseries', {
    cluster: incident.cluster,
    topic,
    ...range,
    step: `${minutes}m`,
  });
  const series = useKept(useAnswer<Page<SeriesPoint>>(topic === undefined ? null : address));
  const chart = useMemo(() => {
    const now = Date.now();
    return {
      data: seriesData(series.value?.items ?? [], range, minutes, now),
      marks: incidentMarks([incident], range, now),
    };
  }, [series.value, address, incident]);
  return (
    <Panel title="The topic around it" more={<Export address={address} name="timeseries" lists />}>
      <Told answer={series}>
        {() => <SeriesChart data={chart.data} marks={chart.marks} minutes={minutes} />}
      </Told>
    </Panel>
  );
}

/** All findings of one kind that stand in this incident, also those that its own answer has no room for. */
function AllOf({ id, to }: { id: number; to: Screen }) {
  return (
    <Lead to={to} query={{ incident: String(id) }}>
      All of this incident
    </Lead>
  );
}

/** Titles of what may be lost, with the list that pages them. */
const LOSSES = [
  ['Committed before they were handled', 'premature-commits', 'premature_commits'],
  ['Committed and never delivered', 'skips', 'skips'],
  ['Handled with nothing committed', 'stalled-commits', 'stalled_commits'],
] as const;

function Findings({ incident }: { incident: IncidentDetail }) {
  const { id, redeliveries, rewinds, duplicates } = incident;
  return (
    <>
      {redeliveries.length === 0 ? null : (
        <Panel title="Redeliveries" more={<AllOf id={id} to={{ name: 'redeliveries' }} />}>
          <RedeliveryTable items={redeliveries} withGroup={false} />
        </Panel>
      )}
      {rewinds.length === 0 ? null : (
        <Panel title="Rewinds" more={<AllOf id={id} to={{ name: 'findings', list: 'rewinds' }} />}>
          <RewindTable items={rewinds} withGroup={false} />
        </Panel>
      )}
      {duplicates.length === 0 ? null : (
        <Panel title="Duplicates" more={<AllOf id={id} to={{ name: 'findings', list: 'duplicates' }} />}>
          <DuplicateTable items={duplicates} />
        </Panel>
      )}
      {LOSSES.map(([title, list, name]) =>
        incident[name].length === 0 ? null : (
          <Panel key={list} title={title} more={<AllOf id={id} to={{ name: 'findings', list }} />}>
            <LossTable items={incident[name]} withGroup={false} />
          </Panel>
        ),
      )}
    </>
  );
}

const PLACES_SHOWN = 50;

function Places({ incident: { places } }: { incident: IncidentDetail }) {
  if (places.length === 0) return null;
  return (
    <Panel title="Partitions">
      <Table
        label="Partitions"
        items={places.slice(0, PLACES_SHOWN)}
        keyOf={({ topic, topic_id, partition }) => JSON.stringify([topic, topic_id, partition])}
        columns={[
          { title: 'Topic', cell: ({ topic }) => <Name text={topic} max={60} /> },
          { title: 'Partition', cell: ({ partition }) => partition, number: true },
          { title: 'Records', cell: ({ records }) => count(records), number: true },
        ]}
      />
      {places.length > PLACES_SHOWN ? (
        <p class="note">{count(places.length - PLACES_SHOWN)} more in the JSON export.</p>
      ) : null}
    </Panel>
  );
}
