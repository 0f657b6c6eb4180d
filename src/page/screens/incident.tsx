/** One incident: what happened, why we say so, what to change, and the records. */
import { useMemo } from 'preact/hooks';
import type { GroupTimeline, IncidentDetail } from '../../service/schemas';
import { addressOf, part } from '../logic/api';
import { count, duration } from '../logic/format';
import { visible } from '../logic/visible';
import { Cause, Kind } from '../parts/cause';
import { Elsewhere } from '../parts/elsewhere';
import { Export } from '../parts/export';
import { Facts, Lines, Panel } from '../parts/facts';
import { DuplicateTable, LossTable, RedeliveryTable, RewindTable } from '../parts/finding-tables';
import { IncidentState } from '../parts/incident-list';
import { LaneChart } from '../parts/lane-chart';
import { GroupLead, Lead } from '../parts/lead';
import { Table } from '../parts/table';
import { Name, Time } from '../parts/text';
import { Told } from '../parts/told';
import { useAnswer } from '../state';

/** The timeline begins and ends so much outside of the incident, at least. */
const AROUND_MS = 30_000;

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
          values={{ cluster, group, topic: incident.topics[0] ?? null }}
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
      {group === null ? null : <Around incident={incident} group={group} />}
      <Findings incident={incident} />
      <Places incident={incident} />
    </>
  );
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
  const { opened_at: opened, last_at: last, cluster } = incident;
  const address = useMemo(() => {
    const [from, to] = [Date.parse(opened), Date.parse(last)];
    const around = Math.max(AROUND_MS, (to - from) / 4);
    return addressOf(`/v1/groups/${part(group)}/timeline`, {
      cluster,
      since: new Date(from - around).toISOString(),
      until: new Date(to + around).toISOString(),
    });
  }, [opened, last, group, cluster]);
  const timeline = useAnswer<GroupTimeline>(address);
  return (
    <Panel title="The group around it">
      <Told answer={timeline}>{(value) => <LaneChart timeline={value} />}</Told>
    </Panel>
  );
}

function Findings({ incident }: { incident: IncidentDetail }) {
  const { id, redeliveries, rewinds, duplicates } = incident;
  const losses = [...incident.premature_commits, ...incident.skips, ...incident.stalled_commits];
  return (
    <>
      {redeliveries.length === 0 ? null : (
        <Panel
          title="Redeliveries"
          more={
            <Lead to={{ name: 'redeliveries' }} query={{ incident: String(id) }}>
              All of this incident
            </Lead>
          }
        >
          <RedeliveryTable items={redeliveries} withGroup={false} />
        </Panel>
      )}
      {rewinds.length === 0 ? null : (
        <Panel title="Rewinds">
          <RewindTable items={rewinds} />
        </Panel>
      )}
      {duplicates.length === 0 ? null : (
        <Panel title="Duplicates">
          <DuplicateTable items={duplicates} />
        </Panel>
      )}
      {losses.length === 0 ? null : (
        <Panel title="Records at risk">
          <LossTable items={losses} />
        </Panel>
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
